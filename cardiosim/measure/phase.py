"""Where in its cycle each node is, as an angle: what a rotating wave turns around.

Two definitions, which agree on how often the phase winds round a point, and differ by a
smooth distortion elsewhere.

Time delay. Plotted against itself a little later, the potential of a node that is
excited again and again runs round a loop; the angle at which it stands, seen from a
point inside, is its phase. Around the tip of a spiral lie all phases, and at it none.

    theta(t) = atan2(V(t) - V*, V(t + delay) - V*)

Gray, Pertsov, Jalife, Nature 392:75 (1998), doi 10.1038/32164, with the mean of V as
V*; Iyer, Gray, Ann. Biomed. Eng. 29:47 (2001), doi 10.1114/1.1335538, who show that V*
matters, and that it must lie inside the loops of all nodes. The two arguments are
exchanged here, so that the phase rises with time.

Hilbert transform. The potential, less V*, is the real part of the analytic signal, and
its phase that of the signal:

    theta(t) = arg(V(t) - V* + i H[V - V*](t))

Bray, Wikswo, IEEE Trans. Biomed. Eng. 49:1086 (2002), doi 10.1109/TBME.2002.803516. It
has no delay to choose, and takes all samples for each: those near the ends of a
recording, where the transform wraps round, are left out.
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
        delay: ms; NaN of the Hilbert transform, which has none.
        origin: V*, mV; NaN where each node has its own.
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
    V, times = _checked(V, times)
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


def hilbert_phase(
    V: ArrayLike, times: ArrayLike, trim: float, origin: float | None = None
) -> Phases:
    """Phase of each node from the analytic signal of V.

    It is 0 where V peaks and +-pi where it is lowest; of action potentials, whose
    upstroke is steep, it runs fast there. Near either end of a recording it is wrong:
    by up to pi at the last sample of a wave that is cut in its middle, and a cycle away
    from it still by 0.07 rad of a sine and 0.11 rad of action potentials.

    Args:
        V: membrane potential, mV, shape (n_times, n_nodes).
        times: sample times at equal distances, ms, shape (n_times,).
        trim: samples nearer than this to either end are left out, ms; a cycle suits.
        origin: V*, mV; by default the mean over time of each node. The transform does
            not see a constant, so that V* only shifts the real part.

    Raises:
        ValueError: the samples are not at equal distances, or nothing is left.
    """
    # A quarter of a second to import, which the time-delay phase need not wait for.
    from scipy.signal import hilbert

    V, times = _checked(V, times)
    steps = np.diff(times)
    if steps.size and np.ptp(steps) > 1e-6 * steps.mean():
        raise ValueError(
            f"samples are {steps.min():g} to {steps.max():g} ms apart; the Hilbert "
            "transform needs equal distances: take the time-delay phase"
        )
    rounding = 1e-9 * max(1.0, abs(times[-1]))
    kept = (times >= times[0] + trim - rounding) & (
        times <= times[-1] - trim + rounding
    )
    if trim < 0.0 or not kept.any():
        raise ValueError(
            f"nothing is left of {times[-1] - times[0]:g} ms without {trim:g} ms at "
            "either end; record longer, or trim less"
        )
    mean = V.mean(axis=0)
    across = hilbert(V - mean, axis=0).imag[kept]
    along = V[kept] - (mean if origin is None else float(origin))
    values = np.where(
        (across == 0.0) & (along == 0.0), np.nan, np.arctan2(across, along)
    )
    return Phases(
        times[kept], values, np.nan, np.nan if origin is None else float(origin)
    )


def _checked(V: ArrayLike, times: ArrayLike) -> tuple[NDArray, NDArray]:
    V, times = np.asarray(V, dtype=float), np.asarray(times, dtype=float)
    if V.ndim != 2 or times.shape != V.shape[:1] or not V.size:
        raise ValueError(
            f"V has shape {V.shape} and times {times.shape}; expected (n_times, "
            "n_nodes) and (n_times,): transpose V if nodes come first"
        )
    if np.any(np.diff(times) <= 0.0):
        raise ValueError("sample times must increase: sort the samples first")
    return V, times
