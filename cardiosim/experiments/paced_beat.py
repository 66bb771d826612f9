"""The last beat of a paced cell, and how far it is from another's.

    RMSE            root of the mean squared difference of V over the beat, at times
                    0.1 ms apart, V linear between samples
    repolarisation  the same from 1 ms after the reference's peak to its APD90

Biomarkers are those of measure/biomarkers.py at the cell's own samples, every step for
20 ms after the stimulus.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cardiosim.experiments.single_cells import Progress, Pulse, round_up, run_cells
from cardiosim.ionic.cell import Cell
from cardiosim.measure.biomarkers import beat_biomarkers
from cardiosim.simulation.prepacing import prepaced_state
from cardiosim.tissue.stimulus import Stimulus

GRID = 0.1  # ms, at which beats are compared
AFTER_PEAK = 1.0  # ms, until repolarisation is said to have begun
PERCENT = 90


@dataclass(frozen=True)
class PacedBeat:
    """V of one cell from its stimulus on.

    Attributes:
        times: ms since the stimulus, not evenly spaced, shape (n_times,).
        V: mV, shape (n_times,).
        pulse: the stimulus.
        state: when it begins, shape (n_states,).
    """

    times: NDArray[np.float64]
    V: NDArray[np.float64]
    pulse: Pulse
    state: NDArray[np.float64]

    @cached_property
    def biomarkers(self) -> dict[str, float]:
        """By name; a beat that is none has no durations, NaN."""
        found = beat_biomarkers(
            self.times, self.V[:, None], 0.0, self.pulse.duration, (50, PERCENT)
        )
        return {name: float(values[0]) for name, values in found.items()}

    def rmse(self, reference: PacedBeat, repolarisation: bool = False) -> float:
        """How far V is from that of another beat, mV; NaN where that has no APD90."""
        end = min(self.times[-1], reference.times[-1])
        at = GRID * np.arange(round(end / GRID))
        own, other = (np.interp(at, b.times, b.V) for b in (self, reference))
        chosen = np.ones(at.size, dtype=bool)
        if repolarisation:
            its = reference.biomarkers
            until = its["dvdt_max_time"] + its[f"apd{PERCENT}"]
            chosen = (at > its["peak_time"] + AFTER_PEAK) & (at < until)
        if not chosen.any():
            return float("nan")
        return float(np.sqrt(np.mean((own - other)[chosen] ** 2)))


def one_beat(
    cell: Cell, state: NDArray[np.float64], pulse: Pulse, bcl: float, dt: float
) -> PacedBeat:
    """A beat from a given state.

    Raises:
        NonFinitePotential: the step is too long.
    """
    stimulus = Stimulus([0], 0.0, pulse.duration, pulse.amplitude)
    found = run_cells(cell, state, [stimulus], round_up(bcl, dt), dt)
    return PacedBeat(found.times, found.V[:, 0], pulse, np.array(state))


def paced_beat(
    cell: Cell,
    pulse: Pulse,
    bcl: float,
    beats: int,
    dt: float,
    progress: Progress | None = None,
) -> PacedBeat:
    """The last of some beats from the cell's initial state.

    Args:
        cell: of one node.
        pulse: of every beat.
        bcl: ms.
        beats: in all.
        dt: ms.
        progress: of the pacing before, which the cache of paced states may spare.

    Raises:
        NonFinitePotential: the step is too long.
    """
    state = cell.initial_states(1)[:, 0]
    if beats > 1:
        protocol = (bcl, beats - 1, pulse.amplitude, pulse.duration, dt)
        state = prepaced_state(cell, *protocol, progress=progress)
    return one_beat(cell, state, pulse, bcl, dt)
