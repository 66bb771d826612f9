"""Cells that differ from region to region, and parameters from node to node.

Nodes of one model are one part, and one kernel: what differs among them are values of
parameters, one a node. Parts of several models are the cells of a mosaic.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.cell_fields import field_values
from cardiosim.case.cell_overrides import (
    compiler_of,
    overrides_of,
    pacing_scheme,
    without_surrogate,
)
from cardiosim.case.cell_tables import (
    NO_SURROGATE,
    CellRegionTable,
    CellTable,
    PrepaceTable,
)
from cardiosim.case.read import CaseError
from cardiosim.case.schema import Case
from cardiosim.case.stimuli import region_nodes
from cardiosim.ionic.cell import Cell
from cardiosim.ionic.compiled import Scale
from cardiosim.ionic.equations import nearest
from cardiosim.simulation.cell_mosaic import CellMosaic
from cardiosim.tissue.mesh import Mesh
from cardiosim.units import to_project_units

# Distinct cells that are paced before a run: an hour and more for a large model.
MOST_PACED = 2000


@dataclass(frozen=True, eq=False)
class CellPart:
    """Nodes with cells of one model.

    Attributes:
        table: model, schemes and backend of all of them.
        nodes: increasing, shape (n_nodes,).
        parameters: what is overridden, in the model's units: one number, or one for
            each of the nodes.
    """

    table: CellTable
    nodes: NDArray[np.intp]
    parameters: Mapping[str, NDArray[np.float64]]

    def compiled(self, scheme: str | None = None) -> Cell:
        """The cells; with another reaction scheme if one is given."""
        return compiler_of(self.table, scheme)(parameters=self.parameters)

    @property
    def of_equations(self) -> CellPart:
        """The same nodes without a surrogate."""
        return dataclasses.replace(self, table=without_surrogate(self.table))

    @cached_property
    def kinds(self) -> NDArray[np.intp]:
        """Which of the distinct cells each node has, shape (n_nodes,)."""
        kinds = np.zeros(self.nodes.size, dtype=np.intp)
        for values in self.parameters.values():
            if values.size > 1:
                kinds = _numbered(kinds, np.unique(values, return_inverse=True)[1])
        return kinds

    @cached_property
    def firsts(self) -> NDArray[np.intp]:
        """Place among the nodes of the first that has each distinct cell."""
        return np.unique(self.kinds, return_index=True)[1]


class CellsByRegion(CellMosaic):
    """The cells of a case with regions or fields.

    Attributes:
        parts: one a cell of the mosaic, with what it was made of.
    """

    def __init__(
        self, parts: Sequence[CellPart], schemes: Sequence[str | None]
    ) -> None:
        """Compile the parts, each with a scheme of its own or that of its table."""
        self.parts = tuple(parts)
        owner = np.empty(sum(part.nodes.size for part in parts), dtype=np.intp)
        for index, part in enumerate(parts):
            owner[part.nodes] = index
        pairs = zip(parts, schemes, strict=True)
        super().__init__([part.compiled(scheme) for part, scheme in pairs], owner)

    def pacer(self, prepace: PrepaceTable) -> CellsByRegion:
        """The cells with the reaction schemes of the beats before a run, compiled.

        Raises:
            CaseError: too many distinct cells to pace.
        """
        count = sum(part.firsts.size for part in self.parts)
        if count > MOST_PACED:
            raise CaseError(
                f"cell.prepace: {count} distinct cells would be paced, more than "
                f"{MOST_PACED}; let the fields have fewer values, as with levels = 100"
            )
        schemes = [
            pacing_scheme(prepace, part.table.fast or cell.facts["model_fast"])
            for part, cell in zip(self.parts, self.cells, strict=True)
        ]
        has = [cell.scheme for cell in self.cells]
        if schemes == has and not any(cell.surrogate for cell in self.cells):
            pacer = self
        else:
            parts = [part.of_equations for part in self.parts]
            pacer = CellsByRegion(parts, schemes)
        for cell, _ in pacer.distinct():
            cell.compile(cell.n_own_nodes or 1)
        return pacer

    def distinct(self) -> Iterator[tuple[Cell, CellPart]]:
        """Of each part its distinct cells, one a node, and the part."""
        for cell, part in zip(self.cells, self.parts, strict=True):
            yield cell.at(part.firsts), part


def differs_in_space(table: CellTable) -> bool:
    """Whether a case has more than one cell."""
    return bool(table.region or table.field)


def cells_by_region(case: Case, mesh: Mesh) -> CellsByRegion:
    """Cells of a case with regions or fields, compiled.

    Args:
        case: as read.
        mesh: of the case.

    Raises:
        CaseError: a region without nodes, a file that does not fit, a model that
            takes no stimulus where there are some.
        ValueError: see `compile_cell`.
    """
    combinations, of_node = _combinations(case.cell, mesh)
    tables = [_laid_over(case.cell, regions) for regions in combinations]
    fields = _fields(case.cell, mesh)
    parts = []
    for table, chosen in _by_model(tables):
        place = np.full(len(tables), -1)
        place[chosen] = np.arange(len(chosen))
        mine = place[of_node]
        nodes = np.flatnonzero(mine >= 0)
        parts.append(_part([tables[i] for i in chosen], table, mine[nodes], nodes))
    # The model of [cell] first: by it V is named, and it leads the mosaic.
    parts.sort(key=lambda part: part.table.model != case.cell.model)
    parts = [_with_fields(part, fields) for part in parts]
    _require_known(fields, parts)
    cells = CellsByRegion(parts, [None] * len(parts))
    for cell in cells.cells:
        if cell.facts["stimulus"] is None and (case.stimulus or case.cell.prepace):
            raise CaseError(
                f"{cell.name} binds no variable to pace, but the case has stimuli or "
                'paces its cells; write "bind pace" behind the stimulus current'
            )
    return cells


def _combinations(
    table: CellTable, mesh: Mesh
) -> tuple[list[list[CellRegionTable]], NDArray[np.intp]]:
    """Which regions overlap: each list of them that occurs, and that of each node."""
    of_node = np.zeros(mesh.n_nodes, dtype=np.intp)
    inside = np.zeros((len(table.region), mesh.n_nodes), dtype=bool)
    for index, region in enumerate(table.region):
        key = f"cell.region.{index}.where"
        inside[index, region_nodes(region.where, mesh, key)] = True
        of_node = _numbered(of_node, inside[index])
    firsts = np.unique(of_node, return_index=True)[1]
    combinations = [
        [
            region
            for region, here in zip(table.region, inside[:, node], strict=True)
            if here
        ]
        for node in firsts
    ]
    return combinations, of_node


def _numbered(numbers: NDArray[np.intp], more: NDArray) -> NDArray[np.intp]:
    """Numbers, from 0 on, of the pairs of two numbers at each node."""
    pairs = numbers * (int(more.max(initial=0)) + 1) + more
    return np.unique(pairs, return_inverse=True)[1].reshape(-1)


def _laid_over(table: CellTable, regions: Sequence[CellRegionTable]) -> CellTable:
    """What [cell] says where some regions overlap, the later ones on top."""
    table = table.model_copy(update={"region": (), "field": ()})
    for region in regions:
        if region.model is None:
            own = {
                "parameters": table.parameters | region.parameters,
                "drug": table.drug + region.drug,
            }
        else:
            own = {
                "model": region.model,
                "scheme": region.scheme or table.scheme,
                "fast": table.fast if region.model == table.model else None,
                "parameters": region.parameters,
                "drug": region.drug,
                "surrogate": NO_SURROGATE,
            }
        table = table.model_copy(update=own)
    return table


def _by_model(tables: Sequence[CellTable]) -> list[tuple[CellTable, list[int]]]:
    """Tables that differ in no more than parameters and drugs, and their numbers."""
    groups: list[tuple[CellTable, list[int]]] = []
    for index, table in enumerate(tables):
        bare = table.model_copy(update={"parameters": {}, "drug": ()})
        for known, members in groups:
            if known == bare:
                members.append(index)
                break
        else:
            groups.append((bare, [index]))
    return groups


def _part(
    tables: Sequence[CellTable],
    bare: CellTable,
    of_node: NDArray[np.intp],
    nodes: NDArray[np.intp],
) -> CellPart:
    """Nodes of one model whose tables differ in parameters.

    Args:
        tables: those that occur.
        bare: what they have in common.
        of_node: number of the table of each node.
        nodes: numbers of the nodes.
    """
    overrides = [overrides_of(table, key="cell.region") for table in tables]
    names = sorted({name for own in overrides for name in own})
    published = _published(bare, names)
    parameters = {}
    for name in names:
        values = np.array(
            [_value(own.get(name, Scale(1.0)), published[name]) for own in overrides]
        )
        alike = (values == values[0]).all()
        parameters[name] = values[:1] if alike else values[of_node]
    return CellPart(bare, nodes, parameters)


def _published(table: CellTable, names: Sequence[str]) -> Mapping[str, float]:
    """Parameters of a model as its text has them; says so if one is none."""
    any_value = dict.fromkeys(names, Scale(1.0))
    return compiler_of(table)(parameters=any_value).facts["parameters"]


def _value(override: float | Scale, published: float) -> float:
    return override.factor * published if isinstance(override, Scale) else override


@dataclass(frozen=True, eq=False)
class _Field:
    """A parameter given at nodes.

    Attributes:
        key: in the case.
        name: of the parameter.
        unit: of the values; None for that of the model.
        is_scale: whether the values are multiples.
        values: shape (n_nodes of the mesh,).
        inside: where they hold, likewise.
    """

    key: str
    name: str
    unit: str | None
    is_scale: bool
    values: NDArray[np.float64]
    inside: NDArray[np.bool_]


def _fields(table: CellTable, mesh: Mesh) -> list[_Field]:
    fields = []
    for index, entry in enumerate(table.field):
        key = f"cell.field.{index}"
        inside = np.ones(mesh.n_nodes, dtype=bool)
        if entry.where is not None:
            inside[:] = False
            inside[region_nodes(entry.where, mesh, f"{key}.where")] = True
        fields.append(
            _Field(
                key,
                entry.parameter,
                entry.unit,
                entry.scale is not None,
                field_values(entry, mesh, key),
                inside,
            )
        )
    return fields


def _with_fields(part: CellPart, fields: Sequence[_Field]) -> CellPart:
    """The part with the fields of parameters that its model has laid over it."""
    if not fields:
        return part
    cell = part.compiled()
    published, parameters = cell.facts["parameters"], dict(part.parameters)
    for field in fields:
        if field.name not in published:
            continue
        inside, here = field.inside[part.nodes], field.values[part.nodes]
        if field.unit is not None:
            here = _in_unit(here, field, cell.unit_of(field.name))
        before = parameters.get(field.name, np.array([published[field.name]]))
        before = np.broadcast_to(before, part.nodes.shape)
        values = np.where(inside, before * here if field.is_scale else here, before)
        alike = (values == values[0]).all()
        parameters[field.name] = values[:1] if alike else values
    return CellPart(part.table, part.nodes, parameters)


def _in_unit(
    values: NDArray[np.float64], field: _Field, unit: str
) -> NDArray[np.float64]:
    """Values of a field in the model's unit; a unit of another zero is no multiple."""
    zero, one = (
        to_project_units(f"{number} {field.unit}", unit, f"{field.key}.unit")
        for number in (0, 1)
    )
    return zero + values * (one - zero)


def _require_known(fields: Sequence[_Field], parts: Sequence[CellPart]) -> None:
    if not fields:
        return
    known = [part.compiled().facts["parameters"] for part in parts]
    for field in fields:
        if not any(field.name in names for names in known):
            models = " or ".join(part.table.model for part in parts)
            raise CaseError(
                f"{field.key}: {models} has no parameter {field.name}; "
                f"{nearest(field.name, [n for names in known for n in names])}"
            )
