"""What one beat has to do with the beat before it: diastolic interval and alternans.

    diastolic interval   DI_k = t_k - (t_(k-1) + APD_(k-1)), with t the time from which
                         the APD is counted (dV/dt max): so APD + DI of a steady
                         train is its cycle length
    change               d_k = APD_k - APD_(k-1)
    alternans magnitude  |mean of (-1)^k d_k| over the last changes: the part of
                         them that alternates; a steady drift cancels
    alternans            each of the last changes has the sign against the one before,
                         and reaches a bound: an alternation that dies out is none

The bound, 5 ms unless told, is a convention: it keeps what is left of a transient, or
the noise of a measurement, from counting.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

ALTERNANS_BOUND = 5.0  # ms
ALTERNANS_CHANGES = 4  # the last five beats


@dataclass(frozen=True)
class Alternans:
    """Of each node; shapes are those of one beat's APD, () for one node's list."""

    magnitude: NDArray  # ms; NaN with fewer than two changes or a failed response
    is_present: NDArray  # by the module's criterion


def diastolic_intervals(upstrokes: ArrayLike, apd: ArrayLike) -> NDArray:
    """Diastolic interval before each beat.

    Args:
        upstrokes: times from which the APD is counted, ms, shape (n_beats, ...).
        apd: action potential durations, ms, the same shape; NaN where there is none.

    Returns:
        ms, of that shape; NaN for the first beat, and after a beat without duration.
        Negative where a beat begins before the one before has repolarised that far.
    """
    upstrokes, apd = _beats(upstrokes, apd)
    intervals = np.full(upstrokes.shape, np.nan)
    intervals[1:] = upstrokes[1:] - (upstrokes[:-1] + apd[:-1])
    return intervals


def changes(apd: ArrayLike) -> NDArray:
    """APD minus that of the beat before, ms, (n_beats, ...); NaN for the first."""
    (apd,) = _beats(apd)
    changed = np.full(apd.shape, np.nan)
    changed[1:] = np.diff(apd, axis=0)
    return changed


def alternans(
    apd: ArrayLike,
    bound: float = ALTERNANS_BOUND,
    last: int = ALTERNANS_CHANGES,
) -> Alternans:
    """Whether the last beats alternate, and by how much.

    Args:
        apd: action potential durations of consecutive beats, ms, shape
            (n_beats, ...); NaN where there is none.
        bound: size from which a change counts, ms.
        last: how many of the last changes are looked at, all if there are fewer.
    """
    (apd,) = _beats(apd)
    if last < 2:
        raise ValueError(
            f"alternans in the last {last} changes cannot be told; look at two or more"
        )
    changed = np.diff(apd, axis=0)[-last:]
    if len(changed) < 2:
        nothing = np.full(apd.shape[1:], np.nan)
        return Alternans(nothing, np.zeros(apd.shape[1:], dtype=bool))
    signs = (-1.0) ** np.arange(len(changed)).reshape(-1, *[1] * (apd.ndim - 1))
    magnitude = np.abs((signs * changed).mean(axis=0))
    alternates = (changed[1:] * changed[:-1] < 0.0).all(axis=0)
    return Alternans(magnitude, alternates & (np.abs(changed) >= bound).all(axis=0))


def _beats(*quantities: ArrayLike) -> list[NDArray]:
    arrays = [np.asarray(quantity, dtype=float) for quantity in quantities]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1 or arrays[0].ndim < 1:
        raise ValueError(
            f"beats have shape {' and '.join(map(str, shapes))}; expected "
            "(n_beats, ...), the same of each quantity"
        )
    return arrays
