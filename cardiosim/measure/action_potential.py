"""Biomarkers of the action potentials in one recorded trace.

The definitions, for the beat that begins with a stimulus at t_s and ends at the
next stimulus (or with the recording):

    resting potential    V at the last sample at or before t_s
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


@dataclass(frozen=True)
class ActionPotential:
    """One beat of one node; a quantity that the recording does not show is NaN."""

    stimulus_start: float  # ms
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
            times[i : j + 1], V[i : j + 1], start, end, percents, threshold, tolerance
        )
        for i, j, start, end in zip(first, last, starts, ends, strict=True)
        if i >= 0 and j > i
    ]


def _measure_beat(
    times: NDArray,
    V: NDArray,
    start: float,
    end: float,
    percents: Sequence[float],
    threshold: float,
    tolerance: float,
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
