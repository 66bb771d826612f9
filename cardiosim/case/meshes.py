"""The mesh of a case: a grid, or what its file holds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cardiosim.case.mesh_tables import MeshTable
from cardiosim.case.read import CaseError
from cardiosim.case.schema import Case
from cardiosim.tissue.mesh import Mesh, point, structured, with_holes
from cardiosim.tissue.mesh_io import read_mesh
from cardiosim.tissue.refinement import refine
from cardiosim.tissue.regions import select_elements
from cardiosim.tissue.simplices import simplices_of


def build_mesh(
    case: Case, say: Callable[[str], None] = lambda phase: None
) -> tuple[Mesh, tuple[str, ...]]:
    """Mesh of a case, and what is odd about it.

    Args:
        case: as read.
        say: called with the name of each phase as it begins.

    Returns:
        The mesh, and one line for each thing in its file that a user should know.

    Raises:
        CaseError: the mesh cannot be made or read.
    """
    table = case.mesh
    if table.kind == "point":
        return point(), ()
    if table.kind == "file":
        return _read(case, say)
    say("making the mesh")
    mesh = structured(table.kind, table.extent, table.dx)
    if table.holes is not None:
        mesh = _cut(mesh, table.holes)
    if table.simplices:
        return simplices_of(mesh, _fibre_direction(case)), ()
    return mesh, ()


def _fibre_direction(case: Case) -> tuple[float, ...] | None:
    """The one direction that all fibres of a case have, if they do."""
    fibres = case.tissue.fibres if case.tissue else None
    if fibres is None:
        return None
    if fibres.direction is not None:
        return tuple(fibres.direction)
    if fibres.rule is None and fibres.angle is not None and len(fibres.angle) == 1:
        angle = math.radians(fibres.angle[0])
        return math.cos(angle), math.sin(angle), 0.0
    return None


def _cut(mesh: Mesh, holes: str) -> Mesh:
    try:
        inside = select_elements(holes, mesh)
        if not inside.any():
            raise ValueError(f'"{holes}" takes out no element; remove it')
        return with_holes(mesh, inside)
    except ValueError as error:
        raise CaseError(f"mesh.holes: {error}") from None


def _read(case: Case, say: Callable[[str], None]) -> tuple[Mesh, tuple[str, ...]]:
    table = case.mesh
    say(f"reading {Path(table.file).name}")
    try:
        mesh, report = read_mesh(table.file, table.unit, table.bundles or ())
    except (OSError, ValueError) as error:
        raise CaseError(f"mesh.file: {error}") from None
    mesh = replace(mesh, thickness=table.thickness, cross_section=table.cross_section)
    if table.refine:
        say(f"refining {Path(table.file).name}")
    mesh = refine(mesh, table.refine)
    return mesh, (*report.warnings, *_without_effect(table, mesh))


def _without_effect(table: MeshTable, mesh: Mesh) -> list[str]:
    """Sizes across elements that there are none of, or nothing else beside."""
    dimensions = {block.dimension for block in mesh.blocks}
    lines = []
    for key, dimension, shape in (
        ("thickness", 2, "triangle"),
        ("cross_section", 1, "line"),
    ):
        if getattr(table, key) is None or {dimension} < dimensions:
            continue
        why = f"no {shape}s" if dimension not in dimensions else f"nothing but {shape}s"
        lines.append(f"mesh.{key} has no effect: the mesh has {why}; remove it")
    return lines
