"""Values of a cell's parameters in a case: what they are, and other ones instead."""

from __future__ import annotations

from collections.abc import Mapping

from cardiosim.case.cell_tables import ParameterTable
from cardiosim.case.schema import Case
from cardiosim.ionic.cell import Cell
from cardiosim.units import to_project_units


def parameter_value(case: Case, cell: Cell, name: str) -> float:
    """Value of a parameter in a case, before drugs, in the unit of the cell's text.

    Args:
        case: as read.
        cell: of the case; its published values and units are taken.
        name: qualified.
    """
    published = cell.facts["parameters"][name]
    entry = case.cell.parameters.get(name)
    if entry is None:
        return published
    if entry.value is None:
        return entry.scale * published
    return to_project_units(entry.value, cell.unit_of(name), f"cell.parameters.{name}")


def with_parameter_values(case: Case, values: Mapping[str, float | None]) -> Case:
    """The case with other values of some parameters, in the units of the cell's text.

    None leaves the value what it is, and makes it a parameter that nodes may differ in.
    """
    own = dict(case.cell.parameters)
    for name, value in values.items():
        if value is not None:
            own[name] = ParameterTable(value=value)
        else:
            own.setdefault(name, ParameterTable(scale=1.0))
    cell = case.cell.model_copy(update={"parameters": own})
    return case.model_copy(update={"cell": cell})
