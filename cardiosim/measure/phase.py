"""Where in its cycle each node is, as an angle: what a rotating wave turns around.

Plotted against itself a little later, the potential of a node that is excited again and
again runs round a loop; the angle at which it stands, seen from a point inside, is its
phase. Around the tip of a spiral wave lie all phases, and at it there is none.

    theta(t) = atan2(V(t) - V*, V(t + delay) - V*)

Gray, Pertsov, Jalife, Nature 392:75 (1998), doi 10.1038/32164, with the mean of V as
V*; Iyer, Gray, Ann. Biomed. Eng. 29:47 (2001), doi 10.1114/1.1335538, who show that V*
matters, and that it must lie inside the loops of all nodes. The two arguments are
exchanged here, so that the phase rises with time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

SHARE_OF_CYCLE = (
    0.2  # of a delay, by default: the loop is wide, the upstroke still thin
)


@dataclass(frozen=True, eq=False)
class Phases:
    """Phase of many nodes.

    Attributes:
        times: ms, shape (n_times,).
        values: rad, from -pi to pi, shape (n_times, n_nodes); NaN where V stays at
            V* and there is none.
        delay: ms.
        origin: V*, mV.
    """

    times: NDArray
    values: NDArray
    delay: float
    origin: float


def phase(
    V: ArrayLike, times: ArrayLike, delay: float, origin: float | None = None
) -> Phases:
    """Phase of each node at all samples that have one `delay` later.

    A node at rest is at -3/4 pi. It is at -pi/4 when the wave is less than a delay
    away, at pi/4 while it is excited, and at 3/4 pi when it has just repolarised.

    Args:
        V: membrane potential, mV, shape (n_times, n_nodes).
        times: increasing sample times, ms, shape (n_times,).
        delay: ms; a fifth of the cycle length suits. V is linear between samples.
        origin: V*, mV; by default the mean of V over all samples and nodes.
    """
    V, times = np.asarray(V, dtype=float), np.asarray(times, dtype=float)
    if V.ndim != 2 or times.shape != V.shape[:1] or not V.size:
        raise ValueError(
            f"V has shape {V.shape} and times {times.shape}; expected (n_times, "
            "n_nodes) and (n_times,): transpose V if nodes come first"
        )
    if np.any(np.diff(times) <= 0.0):
        raise ValueError("sample times must increase: sort the samples first")
    if not 0.0 < delay <= times[-1] - times[0]:
        raise ValueError(
            f"a delay of {delay:g} ms does not fit into samples over "
            f"{times[-1] - times[0]:g} ms; give a fifth of the cycle length, or record "
            "longer"
        )
    origin = float(V.mean()) if origin is None else float(origin)
    # By what rounding adds to i*dt a time may be past the last sample.
    wanted = times + delay
    wanted = wanted[wanted <= times[-1] + 1e-9 * max(1.0, abs(times[-1]))]
    after = np.clip(np.searchsorted(times, wanted), 1, times.size - 1)
    share = (wanted - times[after - 1]) / (times[after] - times[after - 1])
    later = V[after - 1] + share[:, None] * (V[after] - V[after - 1])
    values = phase_angle(V[: wanted.size], later, origin)
    return Phases(times[: wanted.size], values, float(delay), origin)


def phase_angle(now: ArrayLike, later: ArrayLike, origin: float) -> NDArray:
    """Phase from two potentials of each node, rad, from -pi to pi.

    Args:
        now: V at the time of the phase, mV, of any shape.
        later: V one delay later, mV, of the same shape.
        origin: V*, mV.

    Returns:
        Of that shape; NaN where both are V*.
    """
    across, along = np.asarray(now) - origin, np.asarray(later) - origin
    return np.where((across == 0.0) & (along == 0.0), np.nan, np.arctan2(across, along))
