"""The mesh of a case: a grid, or what its file holds."""

from __future__ import annotations

from cardiosim.case.read import CaseError
from cardiosim.case.schema import Case
from cardiosim.tissue.mesh import Mesh, point, structured, with_holes
from cardiosim.tissue.mesh_io import read_mesh
from cardiosim.tissue.refinement import refine
from cardiosim.tissue.regions import select_elements
from cardiosim.tissue.simplices import simplices_of


def build_mesh(case: Case) -> tuple[Mesh, tuple[str, ...]]:
    """Mesh of a case, and what is odd about it.

    Returns:
        The mesh, and one line for each thing in its file that a user should know.

    Raises:
        CaseError: the mesh cannot be made or read.
    """
    table = case.mesh
    if table.kind == "point":
        return point(), ()
    if table.kind == "file":
        return _read(case)
    mesh = structured(table.kind, table.extent, table.dx)
    if table.holes is not None:
        mesh = _cut(mesh, table.holes)
    return simplices_of(mesh) if table.simplices else mesh, ()


def _cut(mesh: Mesh, holes: str) -> Mesh:
    try:
        inside = select_elements(holes, mesh)
        if not inside.any():
            raise ValueError(f'"{holes}" takes out no element; remove it')
        return with_holes(mesh, inside)
    except ValueError as error:
        raise CaseError(f"mesh.holes: {error}") from None


def _read(case: Case) -> tuple[Mesh, tuple[str, ...]]:
    table = case.mesh
    try:
        mesh, report = read_mesh(table.file, table.unit, table.bundles or ())
    except (OSError, ValueError) as error:
        raise CaseError(f"mesh.file: {error}") from None
    return refine(mesh, table.refine), tuple(report.warnings)
