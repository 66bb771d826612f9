"""The fibres and sheets of a case: from its table, or else its mesh's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.read import CaseError
from cardiosim.case.tissue_tables import THRESHOLDS, FibresTable, TissueTable
from cardiosim.tissue import fibre_rules
from cardiosim.tissue.fibres import (
    by_angle,
    by_direction,
    by_rotation,
    fit_sheets,
    fit_to_elements,
    read_fibres,
)
from cardiosim.tissue.mesh import Mesh
from cardiosim.tissue.regions import select_nodes

Vectors = NDArray[np.float64]


@contextmanager
def errors_named(key: str) -> Iterator[None]:
    """Turn a ValueError inside into a CaseError that begins with the key."""
    try:
        yield
    except CaseError:
        raise
    except ValueError as error:
        raise CaseError(f"{key}: {error}") from None


@dataclass(frozen=True, eq=False)
class Directions:
    """Fibres and sheets of the elements, perpendicular to each other.

    Attributes:
        fibres: unit vectors or zeros, shape (n_elements, 3); None without.
        sheets: likewise.
        stand_normal: whether there were fibres, all of them normal to their triangle.
    """

    fibres: Vectors | None
    sheets: Vectors | None
    stand_normal: bool = False


def build_fibres(table: TissueTable, mesh: Mesh, warnings: list[str]) -> Directions:
    """Fibres and sheets that lie in their elements, as a case wants them.

    Args:
        table: of the case.
        mesh: whose own fibres are taken where the case says nothing of them.
        warnings: lines for the user are added to it.

    Raises:
        CaseError: a file, rule or angle does not fit the mesh.
    """
    entry = table.fibres or FibresTable.model_construct()
    with errors_named("tissue.fibres"):
        fibres, sheets = _given(entry, mesh, warnings)
    if fibres is None:
        if not any(block.dimension == 1 for block in mesh.blocks):
            return Directions(None, None)
        fibres = np.zeros((mesh.n_elements, 3))  # lines know theirs
    fitted = fit_to_elements(mesh, fibres)
    if fitted.n_nearly_normal:
        warnings.append(
            f"{fitted.n_nearly_normal} of {mesh.n_elements} fibres stand within 10 "
            "degrees of the normal of their triangle; what is left of them in its "
            "plane says little: do fibres and triangles belong to one mesh?"
        )
    if entry.sheet is not None:
        sheets = by_direction(mesh, entry.sheet)
    if sheets is not None:
        sheets = fit_sheets(sheets, fitted.fibres)
    normal = bool(fitted.n_nearly_normal) and not fitted.fibres.any()
    return Directions(fitted.fibres, sheets, normal)


def _given(
    entry: FibresTable, mesh: Mesh, warnings: list[str]
) -> tuple[Vectors | None, Vectors | None]:
    if entry.rule is not None:
        found = _by_rule(entry, mesh)
        if found.n_filled:
            warnings.append(
                f'rule "{entry.rule}" has no direction in {found.n_filled} elements, '
                "which took that of their neighbours"
            )
        return found.fibres, found.sheets
    if entry.file is not None:
        if len(mesh.blocks) > 1 and mesh.numbering is None:
            order = ", ".join(f"{len(block)} {block.shape}" for block in mesh.blocks)
            warnings.append(f"the rows of {entry.file} are taken for {order} elements")
        return read_fibres(entry.file, mesh)
    if entry.direction is not None:
        return by_direction(mesh, entry.direction), None
    if entry.angle is not None:
        turns = len(entry.angle) == 2
        return (by_rotation if turns else by_angle)(mesh, *entry.angle), None
    return mesh.fibres, mesh.sheets


def _by_rule(entry: FibresTable, mesh: Mesh) -> fibre_rules.RuleFibres:
    def nodes(name: str, text: str) -> NDArray[np.integer]:
        if text in mesh.node_sets:
            return mesh.node_sets[text]
        with errors_named(f"tissue.fibres.{name}"):
            found = select_nodes(text, mesh)
        if not len(found):
            raise CaseError(f'tissue.fibres.{name}: "{text}" reaches no node')
        return found

    if entry.rule == "left_atrium":
        values = {name: getattr(entry, name) for name in THRESHOLDS}
        given = {name: value for name, value in values.items() if value is not None}
        return fibre_rules.left_atrium(mesh, **given)
    ends = nodes("start", entry.start), nodes("end", entry.end)
    if entry.rule == "transmural":
        axis = entry.axis or (1.0, 0.0, 0.0)
        return fibre_rules.transmural(mesh, *ends, entry.angle, axis)
    if entry.rule == "along_gradient":
        return fibre_rules.along_gradient(mesh, *ends)
    wall = None
    if entry.wall is not None:
        wall = nodes("wall.0", entry.wall[0]), nodes("wall.1", entry.wall[1])
    return fibre_rules.circumferential(mesh, *ends, wall)
