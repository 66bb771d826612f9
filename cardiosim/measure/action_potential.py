"""Biomarkers of the action potentials in one recorded trace.

Where a beat begins is a matter of what excites the node:

    stimulated cell      (`action_potentials`) at the last sample at or before the
                         stimulus, whether or not the cell answers
    tissue               (`propagated_action_potentials`) at the foot of the node's
                         own upstroke, whatever the delay since the stimulus: the
                         sample of smallest V (the last of equals) between the
                         activation before, or the begin of the recording, and
                         this one. Activations are the upward crossings of a
                         threshold in the node's trace, activation.py

V is the maximum diastolic potential at the foot, or, where the wave meets tissue that
still repolarises, the take-off potential: it falls until the front arrives. A beat
ends where the next begins, or with the recording. In it,

    resting potential    V at the beat's first sample: just before the stimulus, or at
                         the foot
    peak                 largest sample of V in the beat
    amplitude            APA = peak - resting potential
    dV/dt max            largest (V[k+1] - V[k])/(t[k+1] - t[k]), at the middle of
                         its interval; over the whole beat, over the intervals
                         inside the stimulus and over those after its end
    APD at p percent     from the time of the whole beat's dV/dt max to the first
                         downward crossing of peak - (p/100) APA after the peak,
                         linear between samples

dV/dt max is as sharp as the sampling: between samples it is a mean, so sample V
at the time step when it matters. That during the stimulus contains the stimulus
current; a strong stimulus can hold the largest value of the whole beat.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.measure.activation import activation_times, crossings


@dataclass(frozen=True)
class ActionPotential:
    """One beat of one node; a quantity that the recording does not show is NaN."""

    stimulus_start: float  # ms; NaN, like all about the stimulus, of a propagated beat
    stimulus_end: float  # ms
    resting_potential: float  # mV
    peak: float  # mV
    peak_time: float  # ms
    amplitude: float  # mV
    dvdt_max: float  # mV/ms (= V/s), whole beat
    dvdt_max_time: float  # ms
    dvdt_max_during_stimulus: float  # mV/ms
    dvdt_max_after_stimulus: float  # mV/ms
    dvdt_max_after_stimulus_time: float  # ms
    apd: Mapping[float, float]  # percent of repolarisation -> ms
    activation_time: float  # ms, first upward crossing of the threshold


def action_potentials(
    times: ArrayLike,
    V: ArrayLike,
    stimulus_starts: ArrayLike,
    stimulus_durations: ArrayLike,
    percents: Sequence[float] = (50, 90),
    threshold: float = -20.0,
) -> list[ActionPotential]:
    """Biomarkers of every beat whose stimulus starts within the recording.

    Args:
        times: increasing sample times, ms, shape (n_times,); they need not be
            evenly spaced.
        V: membrane potential of one node, mV, shape (n_times,).
        stimulus_starts: increasing times at which the beats begin, ms,
            shape (n_beats,).
        stimulus_durations: ms, shape (n_beats,) or one number for all.
        percents: repolarisation percentages at which to give the duration.
        threshold: a beat whose peak stays below this, mV, is a failed response:
            its APDs are NaN.

    Returns:
        One `ActionPotential` a beat, in time order. Beats that begin before the
        first sample or have fewer than two samples are left out.
    """
    times = np.asarray(times, dtype=float)
    V = np.asarray(V, dtype=float)
    starts = np.atleast_1d(np.asarray(stimulus_starts, dtype=float))
    _check_trace(times, V)
    _check_percents(percents)
    if starts.ndim != 1 or np.any(np.diff(starts) <= 0.0):
        raise ValueError(
            f"stimulus starts are {starts.tolist()} ms; expected one increasing "
            "list: merge stimuli that act together into one beat"
        )
    ends = starts + np.broadcast_to(
        np.asarray(stimulus_durations, dtype=float), starts.shape
    )
    # A sample computed as i*dt may miss the stimulus edge by rounding.
    tolerance = 1e-6 * float(np.diff(times).min())
    first = np.searchsorted(times, starts + tolerance, side="right") - 1
    last = np.append(first[1:], times.size - 1)
    return [
        _measure_beat(
            times[i : j + 1], V[i : j + 1], percents, threshold, start, end, tolerance
        )
        for i, j, start, end in zip(first, last, starts, ends, strict=True)
        if i >= 0 and j > i
    ]


def propagated_action_potentials(
    times: ArrayLike,
    V: ArrayLike,
    percents: Sequence[float] = (50, 90),
    threshold: float = -20.0,
    repolarised: float | None = None,
) -> list[ActionPotential]:
    """Biomarkers of every beat of a node of tissue, each from its own foot.

    Args:
        times: increasing sample times, ms, shape (n_times,), from before the first
            upstroke on: a trace that begins within it has no foot of it.
        V: membrane potential of one node, mV, shape (n_times,).
        percents: repolarisation percentages at which to give the duration.
        threshold: mV; an upward crossing of it is an activation.
        repolarised: what V must fall below, mV, before an activation counts again;
            20 mV below the threshold by default.

    Returns:
        One `ActionPotential` an activation, in time order; NaN in what is about the
        stimulus.
    """
    times = np.asarray(times, dtype=float)
    V = np.asarray(V, dtype=float)
    _check_trace(times, V)
    _check_percents(percents)
    before = crossings(V, threshold, repolarised)  # last sample before each
    if not before.size:
        return []
    # The last of equal samples: argmin of the reversed diastole gives the first.
    feet = [
        k - int(V[begin : k + 1][::-1].argmin())
        for begin, k in zip((0, *(before[:-1] + 1)), before, strict=True)
    ]
    return [
        _measure_beat(times[i : j + 1], V[i : j + 1], percents, threshold)
        for i, j in zip(feet, [*feet[1:], times.size - 1], strict=True)
    ]


def _measure_beat(
    times: NDArray,
    V: NDArray,
    percents: Sequence[float],
    threshold: float,
    start: float = math.nan,
    end: float = math.nan,
    tolerance: float = 0.0,
) -> ActionPotential:
    rest = float(V[0])
    at_peak = int(V.argmax())
    peak = float(V[at_peak])
    dvdt = np.diff(V) / np.diff(times)
    during = (times[:-1] >= start - tolerance) & (times[1:] <= end + tolerance)
    after = times[:-1] >= end - tolerance
    everywhere = np.ones_like(after)
    dvdt_max, dvdt_max_time = _largest(dvdt, times, everywhere)
    dvdt_max_after, dvdt_max_after_time = _largest(dvdt, times, after)
    apd = {
        percent: _crossing_time(
            times[at_peak:], V[at_peak:], peak - percent / 100.0 * (peak - rest)
        )
        - dvdt_max_time
        if peak >= threshold
        else math.nan
        for percent in percents
    }
    return ActionPotential(
        stimulus_start=float(start),
        stimulus_end=float(end),
        resting_potential=rest,
        peak=peak,
        peak_time=float(times[at_peak]),
        amplitude=peak - rest,
        dvdt_max=dvdt_max,
        dvdt_max_time=dvdt_max_time,
        dvdt_max_during_stimulus=_largest(dvdt, times, during)[0],
        dvdt_max_after_stimulus=dvdt_max_after,
        dvdt_max_after_stimulus_time=dvdt_max_after_time,
        apd=apd,
        activation_time=float(activation_times(V[:, None], times, threshold)[0]),
    )


def _largest(dvdt: NDArray, times: NDArray, chosen: NDArray) -> tuple[float, float]:
    """Largest slope among the chosen intervals, mV/ms, and its time, ms."""
    if not chosen.any():
        return math.nan, math.nan
    k = int(np.where(chosen, dvdt, -np.inf).argmax())
    return float(dvdt[k]), float((times[k] + times[k + 1]) / 2.0)


def _crossing_time(times: NDArray, V: NDArray, level: float) -> float:
    """Time of the first downward crossing of `level`, ms; NaN if there is none."""
    crosses = (V[:-1] > level) & (V[1:] <= level)
    if not crosses.any():
        return math.nan
    k = int(crosses.argmax())
    fraction = (V[k] - level) / (V[k] - V[k + 1])
    return float(times[k] + fraction * (times[k + 1] - times[k]))


def _check_trace(times: NDArray, V: NDArray) -> None:
    if times.ndim != 1 or V.shape != times.shape or times.size < 2:
        raise ValueError(
            f"times have shape {times.shape} and V has shape {V.shape}; expected "
            "the same (n_times,) with at least two samples: pass one node's trace"
        )
    if np.any(np.diff(times) <= 0.0):
        k = int(np.argmax(np.diff(times) <= 0.0))
        raise ValueError(
            f"sample times must increase, but {times[k]:g} ms is followed by "
            f"{times[k + 1]:g} ms: sort the samples and drop repeated ones"
        )
    if not np.all(np.isfinite(V)):
        k = int(np.argmin(np.isfinite(V)))
        raise ValueError(
            f"V is {V[k]} mV at t = {times[k]:g} ms; expected finite values: "
            "measure only up to the last finite sample"
        )


def _check_percents(percents: Sequence[float]) -> None:
    wrong = [p for p in percents if not 0.0 < p < 100.0]
    if wrong:
        raise ValueError(
            f"APD percentages {wrong} are not between 0 and 100; "
            "write 90 for the duration to 90 % repolarisation"
        )
