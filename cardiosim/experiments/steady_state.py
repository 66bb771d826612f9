"""Pacing to a steady state: beats until a beat leaves the cell as it found it.

The change of a beat is the largest change of any state from the start of one beat to
the start of the next: of a gate as it is (a gate lies between 0 and 1), of the
potential in units of 100 mV, of every other state relative to its value. Ions drift
for minutes of cell time after potential and gates have settled; what bound is worth
waiting for depends on the question, so it is stated with the result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cardiosim.experiments.single_cells import (
    Progress,
    Pulse,
    Recording,
    calcium_recorder,
    run_cells,
)
from cardiosim.ionic.cell import Cell
from cardiosim.measure.action_potential import ActionPotential, action_potentials
from cardiosim.measure.calcium_transient import calcium_biomarkers
from cardiosim.tissue.stimulus import Stimulus

POTENTIAL_SCALE = 100.0  # mV, roughly an action potential


@dataclass(frozen=True)
class SteadyState:
    """Where pacing ended and how it got there.

    Attributes:
        state: at the start of the next beat, shape (n_states,).
        changes: of each beat, shape (n_beats,).
        beats: biomarkers of each beat.
        transients: biomarkers of the calcium transient of each beat by name, shape
            (n_beats,); none in a cell without cytosolic calcium.
        first: V of the first beat.
        last: V of the last beat.
        is_steady: whether the last change was below the tolerance.
    """

    state: NDArray[np.float64]
    changes: NDArray[np.float64]
    beats: tuple[ActionPotential, ...]
    transients: dict[str, NDArray[np.float64]]
    first: Recording
    last: Recording
    is_steady: bool


def pace_to_steady_state(
    cell: Cell,
    state: NDArray[np.float64],
    pulse: Pulse,
    bcl: float,
    dt: float,
    *,
    tolerance: float | None = 1e-5,
    most_beats: int = 1000,
    percents: tuple[float, ...] = (50.0, 90.0),
    potentials: tuple[float, ...] = (),
    threshold: float = -20.0,
    progress: Progress | None = None,
) -> SteadyState:
    """Stimulate one cell every `bcl` until a beat changes it less than `tolerance`.

    Args:
        cell: of one node.
        state: to begin with, (n_states,).
        pulse: of each beat, at its start.
        bcl: basic cycle length, ms, a whole number of steps.
        dt: ms.
        tolerance: bound on the change of a beat; None paces `most_beats` beats.
        most_beats: beats after which pacing ends in any case.
        percents: of repolarisation, for the biomarkers.
        potentials: mV, at which to give the duration as well.
        threshold: mV, of an answer.
        progress: called with the beats done and `most_beats`.

    Raises:
        ValueError: the pulse is longer than the cycle, or dt does not divide it.
    """
    if pulse.duration >= bcl:
        raise ValueError(
            f"stimulus of {pulse.duration:g} ms in a cycle of {bcl:g} ms; "
            "shorten it or pace more slowly"
        )
    stimulus = Stimulus([0], 0.0, pulse.duration, pulse.amplitude)
    changes: list[float] = []
    beats: list[ActionPotential] = []
    transients: dict[str, list[float]] = {}
    calcium = calcium_recorder(cell, 1, 0.0, dt)
    recorders = (calcium,) if calcium else ()
    is_steady, first = False, None
    while len(beats) < most_beats and not is_steady:
        recording = run_cells(cell, state, [stimulus], bcl, dt, recorders=recorders)
        first = first or recording
        after = recording.states[:, 0]
        changes.append(change_of_a_beat(cell, state, after))
        beats += action_potentials(
            recording.times,
            recording.V[:, 0],
            [0.0],
            pulse.duration,
            percents,
            threshold,
            potentials,
        )
        if calcium:
            values = calcium.values[calcium.names[0]]
            for name, value in calcium_biomarkers(calcium.times, values, 0.0).items():
                transients.setdefault(name, []).append(float(value[0]))
        state = after
        is_steady = tolerance is not None and changes[-1] < tolerance
        if progress is not None:
            progress(len(beats), most_beats)
    return SteadyState(
        state,
        np.array(changes),
        tuple(beats),
        {name: np.array(values) for name, values in transients.items()},
        first,
        recording,
        is_steady,
    )


def change_of_a_beat(
    cell: Cell, before: NDArray[np.float64], after: NDArray[np.float64]
) -> float:
    """Largest change of any state over a beat; see the top of this module."""
    scale = np.abs(before)
    gates = [name in cell.facts["gates"] for name in cell.state_names]
    scale[gates] = 1.0
    scale[0] = POTENTIAL_SCALE
    change = np.abs(after - before)
    return float(np.max(change / np.maximum(scale, np.finfo(float).tiny)))
