"""The cell of a case, or of many cases at once: one node each, compiled together."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from cardiosim.case.read import CaseError
from cardiosim.case.schema import Case, CellTable, PrepaceTable, Scheme
from cardiosim.ionic.cell import Cell
from cardiosim.ionic.compiled import Scale, compile_cell
from cardiosim.units import to_project_units

Override = float | Scale


def build_cell(case: Case, scheme: str | None = None, clamped: bool = False) -> Cell:
    """Cell of a case, compiled; with another reaction scheme if one is given."""
    parameters = _overrides(case.cell, scheme)
    return _compiled(case.cell, scheme)(parameters=parameters, clamped=clamped)


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
    overrides = [_overrides(case.cell, scheme) for case in cases]
    return _compiled(cases[0].cell, scheme)(
        parameters={
            name: _together([own[name] for own in overrides]) for name in overrides[0]
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


def pacing_scheme(prepace: PrepaceTable, fast: Sequence[str]) -> Scheme:
    """Reaction scheme of the beats before a run.

    Args:
        prepace: of the case.
        fast: fast gates of the cell, which multirate needs.
    """
    return prepace.scheme or ("multirate" if fast else "rush_larsen")


def build_pacer(cases: Sequence[Case], cell: Cell) -> Cell | None:
    """The cells that are paced before a run, compiled; None if the case asks for none.

    Args:
        cases: one, or some that differ in the values of parameters.
        cell: of the run, which is taken where it has the scheme of the pacing too.
    """
    table = cases[0].cell
    if table.prepace is None:
        return None
    scheme = pacing_scheme(table.prepace, table.fast or cell.facts["model_fast"])
    pacer = cell if scheme == table.scheme else build_cells(cases, scheme)
    pacer.compile(len(cases))
    return pacer


def _same_but_for_values(a: CellTable, b: CellTable) -> bool:
    without = {"parameters": {}, "drug": ()}
    return a.model_copy(update=without) == b.model_copy(update=without)


def _together(values: Sequence[Override]) -> Scale | np.ndarray:
    """Values of one parameter, one a node; all scales, or none."""
    scales = [value.factor for value in values if isinstance(value, Scale)]
    return Scale(np.array(scales)) if scales else np.array(values)


def _compiled(table: CellTable, scheme: str | None) -> Callable[..., Cell]:
    """`compile_cell` with everything that the table says but its parameters."""
    torch = {key: getattr(table, key) for key in ("device", "dtype", "torch_compile")}
    return functools.partial(
        compile_cell,
        table.model,
        scheme=scheme or table.scheme,
        substeps=table.substeps,
        fast=table.fast,
        backend=table.backend,
        **{key: value for key, value in torch.items() if value is not None},
    )


def _overrides(table: CellTable, scheme: str | None) -> dict[str, Override]:
    """Parameters by name, in the model's units."""
    entries = table.parameters
    unit_of: Callable[[str], str] | None = None
    if any(isinstance(entry.value, str) for entry in entries.values()):
        # The kernel depends on the names alone, so that asking costs no compilation.
        any_value = dict.fromkeys(entries, Scale(1.0))
        unit_of = _compiled(table, scheme)(parameters=any_value).unit_of
    overrides: dict[str, Override] = {}
    for name, entry in entries.items():
        if entry.value is None:
            overrides[name] = Scale(entry.scale)
        elif isinstance(entry.value, str):
            key = f"cell.parameters.{name}"
            overrides[name] = to_project_units(entry.value, unit_of(name), key)
        else:
            overrides[name] = entry.value
    for drug in table.drug:
        for name, block in drug.blocks.items():
            share = block.remaining(drug.concentration)
            overrides[name] = _scaled(overrides.get(name, Scale(1.0)), share)
    return overrides


def _scaled(override: Override, factor: float) -> Override:
    if isinstance(override, Scale):
        return Scale(override.factor * factor)
    return override * factor
