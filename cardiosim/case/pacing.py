"""The beats before a run: every distinct cell of a case paced once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.cell_regions import CellsByRegion
from cardiosim.case.cell_tables import PrepaceTable
from cardiosim.ionic.cell import Cell
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.prepacing import prepaced_state, prepaced_states

Progress = Callable[[float, float], None]


@dataclass(frozen=True, eq=False)
class PacedCells:
    """Distinct cells of one model at the time of a stimulus, and who has them.

    Attributes:
        cell: one node a distinct cell, with the reaction scheme of the pacing.
        states: shape (n_states, n_distinct).
        nodes: that have one of them, shape (n_nodes,).
        kinds: which of them each has, likewise.
    """

    cell: Cell
    states: NDArray[np.float64]
    nodes: NDArray[np.intp]
    kinds: NDArray[np.intp]


def paced_cells(
    prepace: PrepaceTable,
    pacer: Cell | CellsByRegion,
    n_nodes: int,
    progress: Progress | None = None,
) -> tuple[PacedCells, ...]:
    """Pace the cells of a case, those of one model as nodes of one run.

    Args:
        prepace: of the case.
        pacer: as `build_pacer` returned it.
        n_nodes: of the mesh.
        progress: called with the time done and the end, ms.

    Returns:
        One of each model.
    """
    beats = {
        key: getattr(prepace, key)
        for key in ("bcl", "beats", "amplitude", "duration", "dt")
    }
    if not isinstance(pacer, CellsByRegion):
        state = prepaced_state(pacer, **beats, progress=progress)
        everywhere, only = np.arange(n_nodes), np.zeros(n_nodes, dtype=np.intp)
        return (PacedCells(pacer, state[:, np.newaxis], everywhere, only),)
    count, paced = len(pacer.parts), []
    for index, (cell, part) in enumerate(pacer.distinct()):
        report = part_of(progress, index, count)
        states = prepaced_states(cell, part.firsts.size, **beats, progress=report)
        paced.append(PacedCells(cell, states, part.nodes, part.kinds))
    return tuple(paced)


def spread(paced: Sequence[PacedCells], problem: Monodomain) -> None:
    """Put the paced states at the nodes that have the cells."""
    if isinstance(problem.cell, CellsByRegion):
        of_nodes = [
            cell.start_from(cells.states[:, cells.kinds])
            for cell, cells in zip(problem.cell.cells, paced, strict=True)
        ]
        problem.states = problem.cell.spread(of_nodes)
    else:
        (cells,) = paced
        states = np.repeat(cells.states[:, :1], problem.mesh.n_nodes, axis=1)
        problem.states = problem.cell.start_from(states)


def part_of(progress: Progress | None, index: int, count: int) -> Progress | None:
    """Progress of one of some runs that take equally long."""
    return progress and (lambda done, end: progress(index * end + done, count * end))
