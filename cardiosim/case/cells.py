"""The cell of a case, or of many cases at once: one node each, compiled together."""

from __future__ import annotations

from collections.abc import Sequence

from cardiosim.case.cell_overrides import (
    compiler_of,
    overrides_of,
    pacing_scheme,
    together,
    without_surrogate,
)
from cardiosim.case.cell_regions import (
    CellsByRegion,
    cells_by_region,
    differs_in_space,
)
from cardiosim.case.cell_tables import CellTable
from cardiosim.case.read import CaseError
from cardiosim.case.schema import Case
from cardiosim.ionic.cell import Cell
from cardiosim.tissue.mesh import Mesh


def build_tissue_cells(case: Case, mesh: Mesh) -> Cell | CellsByRegion:
    """Cells of all nodes of a case, compiled; one cell where all nodes have the same.

    Args:
        case: as read.
        mesh: of the case.
    """
    if differs_in_space(case.cell):
        return cells_by_region(case, mesh)
    return build_cell(case)


def build_cell(case: Case, scheme: str | None = None, clamped: bool = False) -> Cell:
    """Cell of a case without regions, compiled.

    Args:
        case: as read.
        scheme: another reaction scheme than that of the case.
        clamped: hold V, for a voltage clamp.
    """
    parameters = overrides_of(case.cell, scheme)
    return compiler_of(case.cell, scheme)(parameters=parameters, clamped=clamped)


def build_cells(cases: Sequence[Case], scheme: str | None = None) -> Cell:
    """Cells of cases that differ in nothing but values of parameters: one node each.

    Args:
        cases: with the same model, scheme and names of parameters.
        scheme: another reaction scheme than theirs.

    Raises:
        CaseError: the cells of the cases are not one cell with other values.
    """
    if not can_be_nodes_of_one_mesh(cases):
        raise CaseError(
            "these cells cannot run as nodes of one mesh: they differ in more than "
            "the values of their parameters"
        )
    overrides = [overrides_of(case.cell, scheme) for case in cases]
    return compiler_of(cases[0].cell, scheme)(
        parameters={
            name: together([own[name] for own in overrides]) for name in overrides[0]
        }
    )


def can_be_nodes_of_one_mesh(cases: Sequence[Case]) -> bool:
    """Whether the cells of cases differ in nothing but values of parameters."""
    first = cases[0].cell
    shapes = [_shape_of_parameters(case.cell) for case in cases]
    return all(
        _same_but_for_values(case.cell, first) and shape == shapes[0]
        for case, shape in zip(cases, shapes, strict=True)
    )


def _shape_of_parameters(table: CellTable) -> dict[str, bool]:
    """Names of the parameters that a cell overrides, and whether by a scale."""
    shape = {name: entry.value is None for name, entry in table.parameters.items()}
    blocked = {name: True for drug in table.drug for name in drug.blocks}
    return blocked | shape


def build_pacer(
    cases: Sequence[Case], cell: Cell | CellsByRegion
) -> Cell | CellsByRegion | None:
    """The cells that are paced before a run, compiled; None if the case asks for none.

    Args:
        cases: one, or some that differ in the values of parameters.
        cell: of the run, which is taken where it has the scheme of the pacing and no
            surrogate: equations pace.

    Raises:
        CaseError: regions or fields make too many distinct cells to pace.
    """
    table = cases[0].cell
    if table.prepace is None:
        return None
    if isinstance(cell, CellsByRegion):
        return cell.pacer(table.prepace)
    scheme = pacing_scheme(table.prepace, table.fast or cell.facts["model_fast"])
    if scheme == table.scheme and cell.surrogate is None:
        pacer = cell
    else:
        pacer = build_cells([_of_equations(case) for case in cases], scheme)
    pacer.compile(len(cases))
    return pacer


def _of_equations(case: Case) -> Case:
    return case.model_copy(update={"cell": without_surrogate(case.cell)})


def _same_but_for_values(a: CellTable, b: CellTable) -> bool:
    without = {"parameters": {}, "drug": ()}
    return a.model_copy(update=without) == b.model_copy(update=without)
