"""Restitution: how long an action potential is after how long a rest.

    S1S2       one premature stimulus S2 at each coupling interval after the last S1 of
               a train; the duration of the response to S2
    dynamic    a train at each cycle length, each from the same state; the duration of
               its last response

    diastolic interval   DI, measure/beat_to_beat.py, of the largest percentage measured
    largest slope        of that duration over DI, between neighbouring intervals

A duration at a percentage needs a beat that begins at rest: it is NaN where the beat
before has not repolarised to that percentage. A duration at a fixed potential is NaN
only where the beat begins above that potential.

Reference: Nolasco JB, Dahlen RW 1968, J Appl Physiol 25:191-196, doi
10.1152/jappl.1968.25.2.191 (the curve and its slope).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.experiments.single_cells import (
    Progress,
    Pulse,
    Recording,
    part_of,
    round_up,
    run_cells,
)
from cardiosim.ionic.interface import IonicModel
from cardiosim.measure.activation import crossings
from cardiosim.measure.answers import Biomarkers, is_answered, require_answer
from cardiosim.measure.beat_to_beat import alternans, diastolic_intervals
from cardiosim.measure.beats import check_percents
from cardiosim.measure.biomarkers import beat_biomarkers, train_biomarkers
from cardiosim.simulation.monodomain import uniform_states
from cardiosim.simulation.schedule import whole_steps
from cardiosim.tissue.stimulus import Stimulus

LISTEN = 1000.0  # ms after the last S2 in which its response has to end
FINE = 5.0  # ms after a pulse in which every step is kept; steeper than that is none
LAST_BEATS = 4  # of a train, in which alternans and 2:1 responses show
FIRST_BEAT = 100.0  # ms in which the first beat of a train has to peak


@dataclass(frozen=True)
class S1S2Restitution:
    """Response to S2 at each coupling interval.

    Attributes:
        intervals: from S1 to S2, ms, shape (n,).
        s1: biomarkers of the last S1 without an S2 after it, shape () each.
        s2: biomarkers of the response to S2 (measure/biomarkers.py), shape (n,) each.
        answered: whether S2 is (measure/answers.py), shape (n,); durations are
            NaN where it is not.
        diastolic_intervals: ms, shape (n,); negative before S1 has repolarised.
        largest_slope: of the duration over the diastolic interval.
        percent: of repolarisation, to which the last two belong.
        own_beats: activations of the cell without S2 after that of S1.
        recording: from S1 on; cell i has S2 at intervals[i], the last one has none.
    """

    intervals: NDArray[np.float64]
    s1: Biomarkers
    s2: Biomarkers
    answered: NDArray[np.bool_]
    diastolic_intervals: NDArray[np.float64]
    largest_slope: float
    percent: float
    own_beats: int
    recording: Recording


@dataclass(frozen=True)
class DynamicRestitution:
    """Last response of a train at each cycle length.

    Attributes:
        cycle_lengths: ms, shape (n,).
        last: biomarkers of the last beat, shape (n,) each; durations are NaN where not
            every stimulus has its response.
        diastolic_intervals: before the last beat, ms, shape (n,).
        alternans: magnitude over the last beats, ms, shape (n,).
        has_alternans: whether the durations alternate, shape (n,).
        answered: which of the last beats were answered (measure/answers.py),
            shape (n_last, n).
        largest_slope: of the duration over the diastolic interval.
        percent: of repolarisation, to which the last four belong.
        recording: of the last beats, cell i with stimuli every cycle_lengths[i].
        states: when they begin, shape (n_states, n).
    """

    cycle_lengths: NDArray[np.float64]
    last: Biomarkers
    diastolic_intervals: NDArray[np.float64]
    alternans: NDArray[np.float64]
    has_alternans: NDArray[np.bool_]
    answered: NDArray[np.bool_]
    largest_slope: float
    percent: float
    recording: Recording
    states: NDArray[np.float64]

    @property
    def is_one_to_one(self) -> NDArray[np.bool_]:
        """Whether every one of the last stimuli was answered, shape (n,)."""
        return self.answered.all(axis=0)


def s1s2_restitution(
    cell: IonicModel,
    state: NDArray[np.float64],
    s1: Pulse,
    intervals: Sequence[float],
    dt: float,
    *,
    s2: Pulse | None = None,
    percents: Sequence[float] = (50.0, 90.0),
    potentials: Sequence[float] = (),
    threshold: float = -20.0,
    listen: float = LISTEN,
    progress: Progress | None = None,
) -> S1S2Restitution:
    """Duration of a premature beat; all intervals are one run.

    Args:
        cell: whose parameters are the same at all nodes.
        state: at the end of a cycle of the S1 train, shape (n_states,); the last S1
            is given here, at t = 0.
        s1: its pulse.
        intervals: from S1 to S2, ms, shape (n,); longer than the pulse of S1.
        dt: ms.
        s2: pulse of S2, that of S1 if none is given.
        percents: of repolarisation at which to give the duration.
        potentials: mV, at which to give the duration as well.
        threshold: mV, that the peak of an answer exceeds.
        listen: how long after the last S2 the recording ends, ms.
        progress: called with the time done and the end, ms.

    Raises:
        ValueError: an interval shorter than S1; an S1 that is not answered.
        NonFinitePotential: the step is too long.
    """
    s2 = s2 or s1
    intervals = _checked(intervals, "intervals", s1)
    n = intervals.size
    stimuli = [Stimulus(np.arange(n + 1), 0.0, s1.duration, s1.amplitude)]
    stimuli += [
        Stimulus([i], interval, s2.duration, s2.amplitude)
        for i, interval in enumerate(intervals)
    ]
    recording = run_cells(
        cell,
        uniform_states(state, n + 1),
        stimuli,
        round_up(intervals.max() + listen, dt),
        dt,
        fine=FINE,
        progress=progress,
    )
    times, V = recording.times, recording.V
    measured = tuple(percents), tuple(potentials), threshold
    percent = _main_percent(percents)
    alone = beat_biomarkers(times, V[:, n:], 0.0, s1.duration, *measured)
    first = {name: values[0] for name, values in alone.items()}
    require_answer(first, s1.amplitude, s1.duration, threshold)
    second = beat_biomarkers(
        times, V[:, :n], intervals, s2.duration, *measured, end=intervals + listen
    )
    answered = is_answered(second, s2.amplitude, first["amplitude"])
    for name, values in second.items():
        if name.startswith("apd"):
            values[~answered] = np.nan
    for p in percents:
        repolarised = first["dvdt_max_time"] + first[f"apd{p:g}"]
        # NaN, an S1 that never gets there, is not before any interval either.
        second[f"apd{p:g}"][~(repolarised <= intervals)] = np.nan
    key = f"apd{percent:g}"
    before = np.full(n, first["dvdt_max_time"]), np.full(n, first[key])
    rests = diastolic_intervals(
        np.array([before[0], second["dvdt_max_time"]]),
        np.array([before[1], second[key]]),
    )[1]
    return S1S2Restitution(
        intervals=intervals,
        s1=first,
        s2=second,
        answered=answered,
        diastolic_intervals=rests,
        largest_slope=largest_slope(rests, second[key]),
        percent=percent,
        own_beats=max(0, crossings(V[:, n], threshold).size - 1),
        recording=recording,
    )


def dynamic_restitution(
    cell: IonicModel,
    state: NDArray[np.float64],
    pulse: Pulse,
    cycle_lengths: Sequence[float],
    beats: int,
    dt: float,
    *,
    percents: Sequence[float] = (50.0, 90.0),
    potentials: Sequence[float] = (),
    threshold: float = -20.0,
    progress: Progress | None = None,
) -> DynamicRestitution:
    """Duration of the last of some beats at each cycle length, all in one run.

    Args:
        cell: whose parameters are the same at all nodes.
        state: from which every train starts, shape (n_states,).
        pulse: of every beat, at its start.
        cycle_lengths: ms, shape (n,), whole numbers of steps.
        beats: of each train, two or more.
        dt: ms.
        percents, potentials, threshold: as of `s1s2_restitution`.
        progress: called with the cell time done and its end, ms.

    Raises:
        ValueError: a cycle length that is no whole number of steps or shorter than
            the pulse; fewer than two beats.
        NonFinitePotential: the step is too long.
    """
    cycle_lengths = _checked(cycle_lengths, "cycle lengths", pulse)
    for length in cycle_lengths:
        whole_steps(length, dt, "cycle length", least=1)
    if beats < 2:
        raise ValueError(
            f"{beats} beat a cycle length; a diastolic interval needs two or more"
        )
    n, n_last = cycle_lengths.size, min(beats, LAST_BEATS)
    percent = _main_percent(percents)
    states = _after_trains(
        cell,
        uniform_states(state, n),
        pulse,
        cycle_lengths,
        beats - n_last,
        dt,
        progress,
    )
    recording = run_cells(
        cell,
        states,
        _trains(pulse, cycle_lengths, n_last),
        round_up(n_last * cycle_lengths.max(), dt),
        dt,
        fine=FINE,
    )
    # The last beat ends where one more would begin; that one is not measured.
    starts = np.arange(n_last + 1)[:, None] * cycle_lengths
    measured = train_biomarkers(
        recording.times,
        recording.V,
        starts,
        pulse.duration,
        tuple(percents),
        tuple(potentials),
        threshold,
    )
    trains = {name: values[:-1] for name, values in measured.items()}
    key = f"apd{percent:g}"
    full = _first_amplitude(cell, state, pulse, dt)
    answered = is_answered(trains, pulse.amplitude, full)
    one_to_one = answered.all(axis=0)
    last = {
        name: np.where(one_to_one, values[-1], np.nan)
        if name.startswith("apd")
        else values[-1]
        for name, values in trains.items()
    }
    rests = diastolic_intervals(trains["dvdt_max_time"], trains[key])[-1]
    rests = np.where(one_to_one, rests, np.nan)
    alternating = alternans(trains[key], last=n_last - 1) if n_last > 2 else None
    return DynamicRestitution(
        cycle_lengths=cycle_lengths,
        last=last,
        diastolic_intervals=rests,
        alternans=np.full(n, np.nan) if alternating is None else alternating.magnitude,
        has_alternans=np.zeros(n, dtype=bool)
        if alternating is None
        else alternating.is_present,
        answered=answered,
        largest_slope=largest_slope(rests, last[key]),
        percent=percent,
        recording=recording,
        states=states,
    )


def largest_slope(rests: ArrayLike, durations: ArrayLike) -> float:
    """Largest slope of durations over the rests before them, between neighbours.

    Args:
        rests: diastolic intervals, ms, shape (n,).
        durations: ms, shape (n,); points that are NaN in either are left out.

    Returns:
        NaN with fewer than two points.
    """
    rests, durations = np.asarray(rests, float), np.asarray(durations, float)
    known = np.isfinite(rests) & np.isfinite(durations)
    rests, first = np.unique(rests[known], return_index=True)
    if rests.size < 2:
        return float("nan")
    return float((np.diff(durations[known][first]) / np.diff(rests)).max())


def _first_amplitude(
    cell: IonicModel, state: NDArray[np.float64], pulse: Pulse, dt: float
) -> float:
    """Amplitude of the beat that every train begins with, mV."""
    end = round_up(pulse.duration + FIRST_BEAT, dt)
    first = Stimulus([0], 0.0, pulse.duration, pulse.amplitude)
    recording = run_cells(cell, state, [first], end, dt, fine=0.0)
    return float(recording.V.max() - recording.V[0, 0])


def _after_trains(
    cell: IonicModel,
    states: NDArray[np.float64],
    pulse: Pulse,
    cycle_lengths: NDArray,
    beats: int,
    dt: float,
    progress: Progress | None,
) -> NDArray[np.float64]:
    """States of cells after so many beats each; who is done is taken out of the run."""
    states, now = states.copy(), 0.0
    waiting = np.argsort(cycle_lengths, kind="stable")
    longest = (beats + min(beats, LAST_BEATS)) * cycle_lengths.max()
    while beats and waiting.size:
        until = beats * cycle_lengths[waiting[0]]
        if until > now:
            trains = _trains(pulse, cycle_lengths[waiting], beats, since=now)
            length = round((until - now) / dt) * dt
            part = run_cells(
                cell,
                states[:, waiting],
                trains,
                length,
                dt,
                start=length,
                fine=0.0,
                progress=part_of(progress, now, longest),
            )
            states[:, waiting] = part.states
            now = until
        waiting = waiting[1:]
    return states


def _trains(
    pulse: Pulse, cycle_lengths: NDArray, beats: int, since: float = 0.0
) -> list[Stimulus]:
    """A train a cell, of which `since` ms are over."""
    return [
        Stimulus([i], -since, pulse.duration, pulse.amplitude, period, beats)
        for i, period in enumerate(cycle_lengths)
    ]


def _main_percent(percents: Sequence[float]) -> float:
    check_percents(percents, "90 for the duration to 90 % repolarisation")
    if not len(percents):
        raise ValueError("no percentage of repolarisation; give one, such as 90")
    return max(percents)


def _checked(intervals: Sequence[float], what: str, pulse: Pulse) -> NDArray:
    intervals = np.asarray(intervals, dtype=float)
    if intervals.ndim != 1 or not intervals.size:
        raise ValueError(f"{what} are {intervals.tolist()}; give one or more, in ms")
    if not (np.isfinite(intervals).all() and intervals.min() > pulse.duration):
        raise ValueError(
            f"{what} from {intervals.min():g} ms on, after a stimulus of "
            f"{pulse.duration:g} ms; make them finite and longer"
        )
    return intervals
