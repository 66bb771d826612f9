"""Paced cells of the equations, recorded: what a calcium step is fitted to.

Cells go on at constant rates, or at intervals that are drawn, from states that were
paced before. Stimuli begin on whole milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.calcium_step_tables import PulseTable, RecordingTable
from cardiosim.ionic.cell import Cell
from cardiosim.surrogates.calcium_buffers import SHELLS_OF_RETICULUM, reticulum_load

Progress = Callable[[float, float], None]
Visit = Callable[[float, NDArray], None]

# Of blocks: beats at one rate, the shortest premature interval and the first stimulus.
_BEATS = (3, 12)
_PREMATURE = (240, 600)
_FIRST = (230, 600)


@dataclass(frozen=True)
class Recording:
    """Cells of the equations over time.

    Attributes:
        states: they begin from, (n_states, n_cells).
        current: stimulus in each millisecond, A/F, (n_ms, n_cells).
        sample: ms between samples.
        V: mV, (n_samples, n_cells).
        calcium: free in the subspace, mM, (n_samples, n_cells).
        load: of the sarcoplasmic reticulum, amol, (n_samples, n_cells).
    """

    states: NDArray[np.float64]
    current: NDArray[np.float64]
    sample: float
    V: NDArray[np.float64]
    calcium: NDArray[np.float64]
    load: NDArray[np.float64]


def pace(
    cell: Cell,
    states: NDArray,
    current: NDArray,
    dt: float,
    visit: Visit | None = None,
    every: float = 1.0,
    progress: Progress | None = None,
) -> None:
    """Advance cells in place under a stimulus that holds for a millisecond each.

    Args:
        cell: of all nodes.
        states: (n_states, n_cells).
        current: A/F, (n_ms, n_cells).
        dt: ms, a whole number of which makes a millisecond.
        visit: called with the time, ms, and the states, before the steps from it on.
        every: ms between two such calls.
        progress: called with the time done and the end, ms.

    Raises:
        ValueError: dt or `every` does not divide, or is divided by, a millisecond.
    """
    n_steps, apart = round(1.0 / dt), round(every)
    if abs(n_steps * dt - 1.0) > 1e-9 or abs(apart - every) > 1e-9 or apart < 1:
        raise ValueError(
            f"dt is {dt:g} ms and samples are {every:g} ms apart; expected a whole "
            f"number of steps a millisecond, and whole milliseconds"
        )
    for t, row in enumerate(current):
        if visit and t % apart == 0:
            visit(float(t), states)
        cell.react(states, row, dt, n_steps)
        if progress and t % 1000 == 0:
            progress(float(t), float(len(current)))


def stimulus_rows(
    begins: Sequence[NDArray], length: float, pulse: PulseTable
) -> NDArray[np.float64]:
    """Current of each cell in each millisecond, A/F, (n_ms, n_cells).

    Args:
        begins: of the pulses of each cell, whole ms.
        length: ms.
        pulse: its duration is rounded to whole ms.
    """
    current = np.zeros((round(length), len(begins)))
    for column, own in zip(current.T, begins, strict=True):
        for later in range(round(pulse.duration)):
            at = np.asarray(own, dtype=int) + later
            column[at[at < len(column)]] = pulse.amplitude
    return current


def trains(
    cycle_lengths: Sequence[float], length: float, since: float = 0.0
) -> list[NDArray]:
    """Begins of pulses at constant rates; the first train began `since` ms ago."""
    return [
        np.arange((-round(since)) % round(bcl), round(length), round(bcl))
        for bcl in cycle_lengths
    ]


def record_cells(
    cell: Cell,
    table: RecordingTable,
    pulse: PulseTable,
    dt: float,
    sample: float,
    random: np.random.Generator,
    progress: Progress | None = None,
) -> Recording:
    """Pace and record cells as a table says.

    Args:
        cell: of the equations.
        table: protocol.
        pulse: of every stimulus.
        dt: ms.
        sample: ms between samples.
        random: intervals are drawn from.
        progress: see `pace`.
    """
    states = cell.initial_states(len(table.before))
    current = stimulus_rows(trains(table.before, table.settle), table.settle, pulse)
    pace(cell, states, current, dt, progress=progress)
    if table.kind == "rates":
        lengths = table.cycle_lengths or table.before
        states = np.repeat(states, len(lengths) // len(table.before), axis=1)
        begins = trains(
            lengths, table.length, 0.0 if table.cycle_lengths else table.settle
        )
    else:
        chosen = random.integers(len(table.before), size=table.cells)
        states = states[:, chosen]
        draw = _random_intervals if table.kind == "random" else _blocks
        begins = [draw(table, random) for _ in range(table.cells)]
    current = stimulus_rows(begins, table.length, pulse)
    states = np.ascontiguousarray(states)
    at_start, kept = states.copy(), []
    names = ("calcium.Ca_ss", *(f"sr.CaSR_{k}" for k in SHELLS_OF_RETICULUM))
    rows = [0, *(cell.state_names.index(name) for name in names)]
    pace(cell, states, current, dt, lambda _, y: kept.append(y[rows]), sample, progress)
    V, calcium, *lumen = np.array(kept).transpose(1, 0, 2)
    load = reticulum_load(cell.name, lumen)
    return Recording(at_start, current, sample, V, calcium, load)


def _random_intervals(table: RecordingTable, random: np.random.Generator) -> NDArray:
    t, begins = int(random.integers(*_FIRST)), []
    while t < table.length:
        begins.append(t)
        t += _interval(table, random)
    return np.array(begins)


def _blocks(table: RecordingTable, random: np.random.Generator) -> NDArray:
    t, begins = int(random.integers(*_FIRST)), set()
    while t < table.length:
        bcl = _interval(table, random)
        n = int(random.integers(*_BEATS))
        begins |= {t + k * bcl for k in range(n)}
        t += n * bcl
        if bcl > _PREMATURE[0] + 60:
            longest = min(bcl, _PREMATURE[1])
            begins.add(t - bcl + int(random.integers(_PREMATURE[0], longest + 1)))
    return np.array(sorted(begins))


def _interval(table: RecordingTable, random: np.random.Generator) -> int:
    """Whole ms, evenly distributed in its logarithm."""
    low, high = np.log(table.shortest), np.log(table.longest)
    return int(np.exp(random.uniform(low, high)))
