"""Effective refractory period of a single cell: which premature stimulus it answers.

S2 is answered if its peak exceeds a fraction of that of S1 (0.8 unless told, as in the
code published with Koivumaki et al. 2014, doi 10.1371/journal.pcbi.1003620). An S2
before S1 has repolarised by `REPOLARISED` percent is not: what it adds to a plateau may
exceed that peak without an action potential. The period is the longest interval that is
not answered; the shortest above it that is answered is given with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cardiosim.experiments.bracket import Bracket, narrow
from cardiosim.experiments.single_cells import (
    Progress,
    Pulse,
    Recording,
    round_up,
    run_cells,
)
from cardiosim.ionic.interface import IonicModel
from cardiosim.measure.activation import crossings
from cardiosim.measure.answers import require_answer
from cardiosim.measure.biomarkers import beat_biomarkers
from cardiosim.simulation.monodomain import uniform_states
from cardiosim.tissue.stimulus import Stimulus

REPOLARISED = 75.0  # percent
PATIENCE = 100.0  # ms after S2 in which its answer has to peak
AROUND = (-60.0, -30.0, 60.0)  # ms from the period, where responses are shown too


@dataclass(frozen=True)
class RefractoryPeriod:
    """What was found.

    Attributes:
        bracket: longest interval without and shortest with an answer, ms.
        s1_peak: mV.
        repolarised: when S1 has by `REPOLARISED` percent, ms; NaN if never.
        own_beats: activations of the cell without S2 after that of S1.
        intervals: at both ends of the bracket and around it, ms, shape (n,).
        peaks: of the responses there, mV, shape (n,).
        answered: whether they are answers, shape (n,).
        recording: of them; cell i has S2 at intervals[i], the last one has none.
    """

    bracket: Bracket
    s1_peak: float
    repolarised: float
    own_beats: int
    intervals: NDArray[np.float64]
    peaks: NDArray[np.float64]
    answered: NDArray[np.bool_]
    recording: Recording

    @property
    def value(self) -> float:
        """The period, ms; NaN if the bracket is not closed."""
        return self.bracket.fails if self.bracket.is_closed else float("nan")


def refractory_period(
    cell: IonicModel,
    state: NDArray[np.float64],
    s1: Pulse,
    dt: float,
    *,
    s2: Pulse | None = None,
    shortest: float = 50.0,
    longest: float = 1000.0,
    resolution: float = 1.0,
    response: float = 0.8,
    threshold: float = -20.0,
    progress: Progress | None = None,
) -> RefractoryPeriod:
    """Bracket the shortest interval after S1 at which the cell answers S2.

    Args:
        cell: whose parameters are the same at all nodes.
        state: at the end of a cycle of the S1 train, shape (n_states,); the last S1
            is given here, at t = 0.
        s1: its pulse.
        dt: ms.
        s2: pulse of S2, that of S1 if none is given.
        shortest: interval to begin with, ms.
        longest: interval to end with, ms.
        resolution: width of the bracket at the end, ms; the intervals tried are
            `shortest` plus multiples of it.
        response: fraction of the peak of S1 that the peak of an answer exceeds.
        threshold: mV, that S1 exceeds.
        progress: called with the rounds done and those that are expected.

    Raises:
        ValueError: the intervals are in no order, or S1 is not answered.
        NonFinitePotential: the step is too long.
    """
    s2 = s2 or s1
    if not s1.duration < shortest < longest:
        raise ValueError(
            f"S2 {shortest:g} to {longest:g} ms after an S1 of {s1.duration:g} ms; "
            "expected S1 to end first, and the shortest interval below the longest"
        )
    if not resolution > 0.0:
        raise ValueError(f"resolution {resolution:g} ms; it must be positive")

    end = round_up(longest + PATIENCE, dt)
    alone = run_cells(cell, state, _stimuli(s1, s2, []), end, dt, fine=0.0)
    trace = alone.times, alone.V, 0.0, s1.duration
    beat = beat_biomarkers(*trace, (REPOLARISED,), threshold=threshold)
    first = {name: values[0] for name, values in beat.items()}
    require_answer(first, s1.amplitude, s1.duration, threshold)
    s1_peak = float(first["peak"])
    repolarised = float(first["dvdt_max_time"] + first[f"apd{REPOLARISED:g}"])

    def is_answer(intervals: NDArray, peaks: NDArray) -> NDArray[np.bool_]:
        return (peaks > response * s1_peak) & (intervals >= repolarised)

    def answers(_: NDArray, multiples: NDArray) -> NDArray[np.bool_]:
        intervals = shortest + resolution * multiples
        return is_answer(intervals, _peaks(cell, state, s1, s2, intervals, dt)[0])

    most = int(np.ceil((longest - shortest) / resolution - 1e-9))
    (found,) = narrow(answers, [0], [most], lambda _: 1, whole=True, progress=progress)
    ends = [shortest + resolution * k for k in (found.fails, found.answers)]
    # Free of the rounding of the multiples: 321 rather than 320.99999999999994.
    bracket = Bracket(*(float(f"{end:.12g}") for end in ends), found.is_monotonic)
    intervals = _around(bracket, shortest, longest)
    peaks, recording = _peaks(cell, state, s1, s2, intervals, dt, alone=1)
    peaks = peaks[:-1]
    return RefractoryPeriod(
        bracket,
        s1_peak,
        repolarised,
        max(0, crossings(alone.V[:, 0], threshold).size - 1),
        intervals,
        peaks,
        is_answer(intervals, peaks),
        recording,
    )


def _around(bracket: Bracket, shortest: float, longest: float) -> NDArray[np.float64]:
    """The ends of a bracket that there are, and some intervals around them, ms."""
    ends = np.array([bracket.fails, bracket.answers])
    ends = ends[np.isfinite(ends)]
    around = np.array([ends[0] + offset for offset in AROUND])
    inside = (around >= shortest) & (around <= longest)
    return np.unique(np.concatenate([ends, around[inside]]))


def _peaks(
    cell: IonicModel,
    state: NDArray,
    s1: Pulse,
    s2: Pulse,
    intervals: NDArray,
    dt: float,
    alone: int = 0,
) -> tuple[NDArray, Recording]:
    """Peak after S2 at each interval, mV, and V; so many cells more have no S2."""
    n = intervals.size + alone
    recording = run_cells(
        cell,
        uniform_states(state, n),
        _stimuli(s1, s2, intervals, alone),
        round_up(intervals.max() + s2.duration + PATIENCE, dt),
        dt,
        fine=0.0,  # peaks are round: every 0.2 ms will do
    )
    begins = np.concatenate([intervals, np.zeros(alone)])
    end = begins + s2.duration + PATIENCE
    beats = beat_biomarkers(recording.times, recording.V, begins, s2.duration, end=end)
    return beats["peak"], recording


def _stimuli(
    s1: Pulse, s2: Pulse, intervals: NDArray | list, alone: int = 1
) -> list[Stimulus]:
    nodes = np.arange(len(intervals) + alone)
    first = Stimulus(nodes, 0.0, s1.duration, s1.amplitude)
    return [first] + [
        Stimulus([i], interval, s2.duration, s2.amplitude)
        for i, interval in enumerate(intervals)
    ]
