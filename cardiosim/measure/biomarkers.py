"""Biomarkers of one beat of many nodes at once; their definitions.

A beat begins at the last sample at or before its stimulus, whether or not the cell
answers, and ends where the next begins, or with the recording. In it,

    resting potential    V at the beat's first sample
    peak                 largest sample of V in the beat
    amplitude            APA = peak - resting potential
    dV/dt max            largest (V[k+1] - V[k])/(t[k+1] - t[k]), at the middle of
                         its interval; over the whole beat, over the intervals
                         inside the stimulus and over those after its end
    APD at p percent     from the time of the whole beat's dV/dt max to the first
                         downward crossing of peak - (p/100) APA after the peak,
                         linear between samples
    APD at a potential   from the beat's first upward crossing of that potential to
                         its first downward crossing after the peak
    triangulation        APD90 - APD30 (Hondeghem, Carlsson, Duker 2001, Circulation
                         103:2004-2013, doi 10.1161/01.CIR.103.15.2004)

dV/dt max is as sharp as the sampling: between samples it is a mean, so sample V
at the time step when it matters. That during the stimulus contains the stimulus
current; a strong stimulus can hold the largest value of the whole beat.

An APD at a potential is that of Koivumaki et al. 2014 (-60 mV) and of fixed thresholds
in general: it has no upward crossing, and is NaN, in a beat that begins above.

A beat whose peak stays below a threshold is a failed response: its APDs are NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.measure.beats import (
    Block,
    beat_bounds,
    blocks,
    check_percents,
    check_recording,
    last_sample_at,
    per_node,
    rounding,
)
from cardiosim.measure.level_crossing import first_fall, first_rise

EARLY, LATE = 30, 90  # percent of repolarisation between which triangulation is

_UNITS = {
    **dict.fromkeys(("resting_potential", "peak", "amplitude"), "mV"),
    "take_off_potential": "mV",
    **dict.fromkeys(
        ("dvdt_max", "dvdt_max_during_stimulus", "dvdt_max_after_stimulus"), "V/s"
    ),
}
_OF_CALCIUM = ("diastolic_calcium", "peak_calcium", "calcium_amplitude")


def biomarker_unit(name: str, calcium: str = "mM") -> str:
    """Unit of a biomarker of a beat, or of its calcium transient, by its name.

    Args:
        name: as `beat_biomarkers` and `calcium_biomarkers` have it; whatever is no
            potential, slope or concentration is a time.
        calcium: unit of the recorded calcium.
    """
    return calcium if name in _OF_CALCIUM else _UNITS.get(name, "ms")


def beat_biomarkers(
    times: ArrayLike,
    V: ArrayLike,
    start: ArrayLike,
    duration: ArrayLike,
    percents: Sequence[float] = (50, 90),
    potentials: Sequence[float] = (),
    threshold: float = -20.0,
    end: ArrayLike = math.inf,
) -> dict[str, NDArray]:
    """Biomarkers of one beat of many nodes, as the module defines them.

    Args:
        times: increasing sample times, ms, shape (n_times,); they need not be
            evenly spaced.
        V: membrane potential, mV, shape (n_times, n_nodes).
        start: when the stimulus begins, ms; one, or shape (n_nodes,).
        duration: of the stimulus, ms; one, or shape (n_nodes,).
        percents: repolarisation percentages at which to give the APD.
        potentials: mV, at which to give the APD.
        threshold: a beat whose peak stays below this, mV, is a failed response.
        end: when the next beat begins, ms; one, or shape (n_nodes,).

    Returns:
        Arrays of shape (n_nodes,) by name: stimulus_start, stimulus_end (ms);
        resting_potential, peak, amplitude (mV); peak_time (ms); dvdt_max,
        dvdt_max_during_stimulus, dvdt_max_after_stimulus (mV/ms = V/s);
        dvdt_max_time, dvdt_max_after_stimulus_time (ms); apd50, ... for each of the
        percents, apd_at_-60mV, ... for each of the potentials, triangulation (ms);
        activation_time (ms), the first upward crossing of the threshold. NaN where a
        quantity does not exist: all but the stimulus where a beat begins before the
        first sample, has fewer than two samples, or a V that is not finite.
    """
    times, V = np.asarray(times, dtype=float), np.asarray(V)
    check_recording(times, V, "V")
    check_percents(percents, "90 for the duration to 90 % repolarisation")
    n_nodes = V.shape[1]
    start = per_node(start, n_nodes, "start")
    duration = per_node(duration, n_nodes, "duration")
    end = per_node(end, n_nodes, "end")
    return measure_beats(
        times,
        V,
        last_sample_at(times, start),
        last_sample_at(times, end),
        (start, start + duration),
        percents,
        potentials,
        threshold,
    )


def train_biomarkers(
    times: ArrayLike,
    V: ArrayLike,
    starts: ArrayLike,
    durations: ArrayLike,
    percents: Sequence[float] = (50, 90),
    potentials: Sequence[float] = (),
    threshold: float = -20.0,
) -> dict[str, NDArray]:
    """Biomarkers of every beat of many nodes; each ends where the next begins.

    Args:
        starts: when the stimuli begin, ms, increasing, shape (n_beats,) if all nodes
            have them together, or (n_beats, n_nodes).
        durations: ms; one, or shape (n_beats,) or (n_beats, n_nodes).
        times, V, percents, potentials, threshold: as of `beat_biomarkers`.

    Returns:
        As of `beat_biomarkers`, of shape (n_beats, n_nodes).
    """
    starts, ends = beat_bounds(starts)
    durations = np.asarray(durations, dtype=float)
    if durations.ndim == 1 and starts.ndim == 2:
        durations = durations[:, None]
    durations = np.broadcast_to(durations, starts.shape)
    beats = [
        beat_biomarkers(times, V, start, duration, percents, potentials, threshold, end)
        for start, duration, end in zip(starts, durations, ends, strict=True)
    ]
    return {name: np.stack([beat[name] for beat in beats]) for name in beats[0]}


def measure_beats(
    times: NDArray,
    V: NDArray,
    first: NDArray,
    last: NDArray,
    stimulus: tuple[NDArray, NDArray],
    percents: Sequence[float],
    potentials: Sequence[float],
    threshold: float,
) -> dict[str, NDArray]:
    """The biomarkers of beats that begin and end at known samples.

    Args:
        first: sample at which each node's beat begins, shape (n_nodes,).
        last: sample at which it ends, included, shape (n_nodes,).
        stimulus: its begin and its end, ms, shape (n_nodes,) each; NaN without one.
        times, V, percents, potentials, threshold: as of `beat_biomarkers`, checked.
    """
    start, end = stimulus
    tolerance = rounding(times)
    parts = [
        _measure(
            block,
            start[block.nodes, None] - tolerance,
            end[block.nodes, None],
            tolerance,
            tuple(percents),
            potentials,
            threshold,
        )
        for block in blocks(times, V, first, last)
    ]
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {"stimulus_start": start.copy(), "stimulus_end": end.copy()} | found


def _measure(
    block: Block,
    begins: NDArray,
    end: NDArray,
    tolerance: float,
    percents: tuple[float, ...],
    potentials: Sequence[float],
    threshold: float,
) -> dict[str, NDArray]:
    times, V, intervals = block.times, block.values, block.intervals
    rest = block.at(block.first)
    at_peak = np.where(block.samples, V, -np.inf).argmax(axis=1)
    peak = block.at(at_peak)
    dvdt = np.diff(V) / np.diff(times)
    during = (times[:-1] >= begins) & (times[1:] <= end + tolerance)
    after = times[:-1] >= end - tolerance
    dvdt_max, dvdt_max_time = _largest(dvdt, times, intervals)
    dvdt_max_after, dvdt_max_after_time = _largest(dvdt, times, after & intervals)
    falling = intervals & (np.arange(times.size - 1) >= at_peak[:, None])
    # Of a failed response there is no duration, wherever V falls.
    falling &= (peak >= threshold)[:, None]
    apd = {
        percent: first_fall(times, V, peak - percent / 100.0 * (peak - rest), falling)
        - dvdt_max_time
        for percent in {*percents, EARLY, LATE}
    }
    found = {
        "resting_potential": rest,
        "peak": peak,
        "peak_time": times[at_peak],
        "amplitude": peak - rest,
        "dvdt_max": dvdt_max,
        "dvdt_max_time": dvdt_max_time,
        "dvdt_max_during_stimulus": _largest(dvdt, times, during & intervals)[0],
        "dvdt_max_after_stimulus": dvdt_max_after,
        "dvdt_max_after_stimulus_time": dvdt_max_after_time,
        **{f"apd{percent:g}": apd[percent] for percent in percents},
        **{
            f"apd_at_{level:g}mV": first_fall(times, V, level, falling)
            - first_rise(times, V, level, intervals)
            for level in potentials
        },
        "triangulation": apd[LATE] - apd[EARLY],
        "activation_time": first_rise(times, V, threshold, intervals),
    }
    return {
        name: np.where(block.measurable, values, np.nan)
        for name, values in found.items()
    }


def _largest(dvdt: NDArray, times: NDArray, chosen: NDArray) -> tuple[NDArray, NDArray]:
    """Largest slope among the chosen intervals, mV/ms, and its time, ms."""
    if not dvdt.shape[1]:
        return (np.full(len(dvdt), np.nan),) * 2
    k = np.where(chosen, dvdt, -np.inf).argmax(axis=1)
    nodes = np.arange(k.size)
    none = ~chosen[nodes, k]
    middle = (times[k] + times[k + 1]) / 2.0
    return np.where(none, np.nan, dvdt[nodes, k]), np.where(none, np.nan, middle)
