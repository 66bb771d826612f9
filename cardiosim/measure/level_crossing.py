"""Times at which recorded values cross a level, linear between samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def first_fall(
    times: NDArray, values: NDArray, level: NDArray | float, allowed: NDArray
) -> NDArray:
    """Time of the first downward crossing of a level in each row.

    Args:
        times: increasing sample times, ms, shape (n_times,).
        values: shape (n_nodes, n_times): one node a row.
        level: shape (n_nodes,), or one for all.
        allowed: intervals between samples that count, shape (n_nodes, n_times - 1)
            or what broadcasts to it.

    Returns:
        ms, shape (n_nodes,); NaN where there is no crossing. A crossing begins above
        the level and ends at or below it.
    """
    level = np.broadcast_to(np.asarray(level, dtype=float), values.shape[:1])
    below = values <= level[:, None]
    crosses = ~below[:, :-1] & below[:, 1:] & allowed
    crossed = np.full(values.shape[0], np.nan)
    if not crosses.size:
        return crossed
    k = crosses.argmax(axis=1)
    nodes = np.flatnonzero(crosses[np.arange(k.size), k])
    k = k[nodes]
    before, after = values[nodes, k], values[nodes, k + 1]
    fraction = (before - level[nodes]) / (before - after)
    crossed[nodes] = times[k] + fraction * (times[k + 1] - times[k])
    return crossed


def first_rise(
    times: NDArray, values: NDArray, level: NDArray | float, allowed: NDArray
) -> NDArray:
    """Time of the first upward crossing; arguments and result as of `first_fall`.

    It begins below the level and ends at or above it: the fall of the mirror image.
    """
    return first_fall(times, -values, -np.asarray(level, dtype=float), allowed)
