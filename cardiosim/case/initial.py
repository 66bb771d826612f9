"""[[initial]]: what states some nodes begin with, in place of those of the cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.cell_regions import CellsByRegion
from cardiosim.case.cell_tables import InitialTable
from cardiosim.case.pacing import PacedCells, Progress, part_of
from cardiosim.case.read import CaseError
from cardiosim.case.schema import Case
from cardiosim.case.stimuli import extent, region_nodes
from cardiosim.ionic.equations import nearest
from cardiosim.simulation.initial_states import phases_around, record_cycle
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.schedule import whole_steps
from cardiosim.tissue.mesh import Mesh
from cardiosim.units import to_project_units


def check_initial(case: Case, problem: Monodomain) -> None:
    """Tell a mistake in [[initial]] now, rather than after minutes of pacing.

    Raises:
        CaseError: a region without nodes, a state that the cell does not have, a phase
            start where nothing can turn.
    """
    for index, table in enumerate(case.initial):
        key = f"initial.{index}"
        nodes = region_nodes(table.where, problem.mesh, f"{key}.where")
        _values(table, problem, nodes, key)
        if table.phase is not None:
            _check_phase(case, table, problem.mesh, f"{key}.phase")


def set_initial(
    case: Case,
    problem: Monodomain,
    paced: tuple[PacedCells, ...],
    progress: Progress | None = None,
) -> None:
    """Lay [[initial]] over the states of a problem, in the order of the case.

    Args:
        case: checked by `check_initial`.
        problem: its states are changed in place.
        paced: the cells of the case after prepacing; none if it has none.
        progress: called with (done, end) in ms while a cell is followed over a beat.
    """
    for index, table in enumerate(case.initial):
        key = f"initial.{index}"
        nodes = region_nodes(table.where, problem.mesh, f"{key}.where")
        for row, value in _values(table, problem, nodes, key).items():
            problem.states[row, nodes] = value
        if table.phase is not None:
            _wind_up(case, table, problem, nodes, paced, progress)


def _values(
    table: InitialTable, problem: Monodomain, nodes: NDArray[np.intp], key: str
) -> dict[int, float]:
    """What is set, by row of the states."""
    cell, values = problem.cell, {}
    for name, value in table.states.items():
        if name not in cell.state_names:
            raise CaseError(
                f"{key}.states: {cell.name} has no state {name}; "
                f"{nearest(name, cell.state_names)}"
            )
        if isinstance(cell, CellsByRegion):
            without = nodes[~cell.has_state(name)[nodes]]
            if without.size:
                raise CaseError(
                    f"{key}.states: {without.size} of {nodes.size} nodes have a cell "
                    f"without {name}, the first node {without[0]}; choose a region "
                    "of one cell"
                )
        values[cell.state_names.index(name)] = to_project_units(
            value, cell.unit_of(name), f"{key}.states.{name}"
        )
    if table.V is not None:
        values[0] = table.V
    return values


def _check_phase(case: Case, table: InitialTable, mesh: Mesh, key: str) -> None:
    phase, prepace = table.phase, case.cell.prepace
    if prepace is None:
        raise CaseError(
            f"{key} winds up the cycle of a paced cell, and the case paces none; add "
            "cell.prepace, for instance { bcl = 300.0, beats = 50 }"
        )
    if mesh.dimension < 2:
        raise CaseError(
            f'{key}: nothing turns on a mesh of kind "{mesh.kind}"; it takes a sheet, '
            "a slab or a surface"
        )
    whole_steps(phase.bcl or prepace.bcl, prepace.dt, f"{key}.bcl", least=1)
    low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
    for centre in map(np.array, phase.centre):
        n = centre.size
        if ((centre < low[:n]) | (centre > high[:n])).any():
            raise CaseError(
                f"{key}.centre: ({', '.join(f'{c:g}' for c in centre)}) mm is outside "
                f"the mesh, which has {extent(mesh)}"
            )


def _centres(table: InitialTable) -> NDArray[np.float64]:
    """Centres with three coordinates, mm, shape (n_centres, 3)."""
    return np.array([(*centre, 0.0)[:3] for centre in table.phase.centre])


def _wind_up(
    case: Case,
    table: InitialTable,
    problem: Monodomain,
    nodes: NDArray[np.intp],
    paced: tuple[PacedCells, ...],
    progress: Progress | None,
) -> None:
    phase, prepace = table.phase, case.cell.prepace
    phases = phases_around(
        problem.mesh.points,
        _centres(table),
        phase.turns,
        phase.axis,
        phase.pitch or np.inf,
    )
    chosen = np.zeros(problem.mesh.n_nodes, dtype=bool)
    chosen[nodes] = True
    for index, cells in enumerate(paced):
        cycle = record_cycle(
            cells.cell,
            cells.states,
            phase.bcl or prepace.bcl,
            prepace.amplitude,
            prepace.duration,
            prepace.dt,
            phase.samples,
            part_of(progress, index, len(paced)),
        )
        inside = chosen[cells.nodes]
        here, kinds = cells.nodes[inside], cells.kinds[inside]
        states = cycle.at(phases[here], kinds)
        if isinstance(problem.cell, CellsByRegion):
            own = problem.cell.cells[index].at(inside)
            problem.cell.put(problem.states, index, here, own.start_from(states))
        else:
            own = problem.cell.at(here)
            problem.states[:, here] = own.start_from(states)
