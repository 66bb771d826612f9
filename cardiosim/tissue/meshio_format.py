"""Meshes in the formats of meshio: VTU, VTK, XDMF, Gmsh .msh, Abaqus, Exodus and more.

What belongs to elements is known by the name of the cell data:

    regions     REGION_NAMES; whole numbers
    fibres      FIBRE_NAMES; vectors
    sheets      SHEET_NAMES; vectors
    tissue      conducting; 1 is tissue, 0 names a place only
    names       region:NAME; 1 in the region of that name
                node_set:NAME, data of the nodes; 1 in the set of that name

Named groups of Gmsh give regions their names; groups of elements that are no tissue,
and point sets, become node sets.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cardiosim.tissue.mesh import Mesh
from cardiosim.tissue.mesh_content import (
    SIMPLICES,
    FileCells,
    MeshContent,
    facets_of_others,
)
from cardiosim.tissue.mesh_report import Finding

if TYPE_CHECKING:
    import meshio

# The first that is there counts; capitals do not.
REGION_NAMES = (
    "regions",
    "region",
    "gmsh:physical",
    "elemtag",
    "tag",
    "tags",
    "material",
    "material_id",
    "materialid",
    "medit:ref",
    "cell_tags",
    "label",
    "labels",
)
FIBRE_NAMES = ("fibres", "fibers", "fibre", "fiber", "f0")
SHEET_NAMES = ("sheets", "sheet", "s0")
CONDUCTING = "conducting"

# Formats that hold elements of several shapes and data of any name. Of Gmsh's, meshio
# writes groups of elements without geometry in version 2.2 only.
WRITTEN = {
    ".vtu": "vtu",
    ".vtk": "vtk",
    ".xdmf": "xdmf",
    ".msh": "gmsh22",
}

_REGION, _NODE_SET = "region:", "node_set:"


def read_meshio(path: Path, shown: Path | None = None) -> MeshContent:
    """Read a mesh by meshio.

    Args:
        path: a file whose ending meshio knows.
        shown: what messages call it.

    Returns:
        Its content.

    Raises:
        ValueError: unknown ending, not of the format, or elements that are not linear
            lines, triangles and tetrahedra.
    """
    shown = shown or path
    mesh, said = _read(path, shown)
    cells, total = [], 0
    for block in mesh.cells:
        if block.type not in ("vertex", *SIMPLICES):
            raise ValueError(
                f'{shown} has elements of shape "{block.type}"; expected linear lines, '
                f"triangles and tetrahedra: {_remedy(block.type)}"
            )
        numbers = np.arange(total, total + len(block.data))
        cells.append(FileCells(block.type, np.asarray(block.data), numbers))
        total += len(block.data)
    data = {
        name: np.concatenate(parts) if parts else np.empty(0)
        for name, parts in mesh.cell_data.items()
    }
    regions, findings = _regions(data, shown)
    if said:
        findings.append(Finding("warning", f"meshio: {said}"))
    return MeshContent(
        points=_positions(mesh.points, shown),
        cells=cells,
        regions=regions,
        region_names=_region_names(mesh, data, regions),
        fibres=_vectors(mesh, data, FIBRE_NAMES, findings, shown),
        sheets=_vectors(mesh, data, SHEET_NAMES, findings, shown),
        node_sets=_node_sets(mesh),
        element_sets=_element_sets(mesh, cells),
        conducting=data[CONDUCTING].astype(bool) if CONDUCTING in data else None,
        findings=tuple(findings),
    )


def write_meshio(mesh: Mesh, path: Path) -> None:
    """Write a mesh by meshio.

    Args:
        mesh: of lines, triangles and tetrahedra.
        path: file to make; its ending says the format.

    Raises:
        ValueError: another ending than those of WRITTEN, or a mesh that the format
            does not hold.
    """
    import meshio

    file_format = WRITTEN.get(path.suffix.lower())
    if file_format is None:
        raise ValueError(
            f"{path.name}: meshes are written with all that belongs to them as "
            f"{', '.join(WRITTEN)} and .elem (openCARP); use one of these"
        )
    other = {block.shape for block in mesh.blocks} - set(SIMPLICES)
    if other:
        raise ValueError(
            f"{path.name}: mesh files hold lines, triangles and tetrahedra; this mesh "
            f"has elements of shape {', '.join(sorted(other))}: write "
            "cardiosim.tissue.simplices.simplices_of(mesh)"
        )
    cells = [(block.shape, block.nodes) for block in mesh.blocks]
    parts = mesh.slices()
    whole: dict[str, NDArray] = {}
    names: dict[str, NDArray] = {}
    if mesh.regions is not None:
        regions = mesh.regions.astype(np.int32)
        if file_format == "gmsh22":
            whole["gmsh:physical"] = whole["gmsh:geometrical"] = regions
            names = _physical_names(mesh)
        else:
            whole["regions"] = regions
            for name, number in mesh.region_names.items():
                whole[f"{_REGION}{name}"] = (regions == number).astype(np.int32)
    for name in ("fibres", "sheets"):
        if getattr(mesh, name) is not None:
            whole[name] = getattr(mesh, name)
    if _has_edges_that_conduct(mesh):
        whole[CONDUCTING] = np.ones(mesh.n_elements, dtype=np.int32)
    if file_format == "gmsh22" and len(mesh.blocks) > 1:
        # meshio 5.3.5 cuts the data of the first elements at the wrong places.
        lost = [name for name in whole if not name.startswith("gmsh:")]
        if lost:
            raise ValueError(
                f"{path.name}: .msh files with elements of several shapes do not hold "
                f"{', '.join(lost)}; write .vtu"
            )
    points: dict[str, NDArray] = {}
    for name, nodes in mesh.node_sets.items():
        mask = np.zeros(mesh.n_nodes, dtype=np.int32)
        mask[nodes] = 1
        points[f"{_NODE_SET}{name}"] = mask
    written = meshio.Mesh(
        mesh.points,
        cells,
        point_data=points,
        cell_data={name: [v[part] for part in parts] for name, v in whole.items()},
        field_data=names,
    )
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            meshio.write(path, written, file_format=file_format)
    except (meshio.WriteError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path.name} cannot hold this mesh: {error}") from None


def _read(path: Path, shown: Path) -> tuple[meshio.Mesh, str]:
    """A mesh as meshio gives it, and what meshio said meanwhile."""
    import meshio

    formats = _formats(path)
    said = io.StringIO()
    try:
        # meshio prints what is wrong and leaves the program; neither may happen here.
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            return meshio.read(path), _in_one_line(said.getvalue())
    except SystemExit:
        why = _in_one_line(said.getvalue())
    except Exception as error:  # what a reader stumbles on is of any kind
        why = _in_one_line(f"{type(error).__name__}: {error}")
        if "gmsh:physical" in why:
            why = (
                "some of its elements are in a physical group and some in none; give "
                "all of them a group, or save with Mesh.SaveAll = 0"
            )
    raise ValueError(f"{shown} cannot be read as {' or '.join(formats)}: {why}")


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


def _formats(path: Path) -> list[str]:
    import meshio

    known = meshio.extension_to_filetypes
    formats = known.get(path.suffix.lower())
    if formats is None:
        raise ValueError(
            f'{path}: the ending "{path.suffix}" is of no mesh format; known are .pts, '
            f".elem (openCARP), .geo (Gmsh) and {', '.join(sorted(known))}"
        )
    return formats


def _remedy(shape: str) -> str:
    if shape.rstrip("0123456789") in SIMPLICES:
        return "save the mesh with elements of first order (Gmsh: Mesh.ElementOrder 1)"
    return "split the others into these"


def _positions(points: NDArray, shown: Path) -> NDArray[np.float64]:
    points = np.asarray(points, dtype=np.float64)
    if not points.size:
        raise ValueError(f"{shown} is empty: it holds no nodes")
    if points.ndim != 2 or points.shape[1] not in (1, 2, 3):
        raise ValueError(
            f"{shown}: the nodes have shape {points.shape}; expected (n_nodes, 2 or 3)"
        )
    return points


def _regions(
    data: Mapping[str, NDArray], shown: Path
) -> tuple[NDArray[np.int64] | None, list[Finding]]:
    by_name = {name.lower(): name for name in data}
    found = [by_name[name] for name in REGION_NAMES if name in by_name]
    if not found:
        return None, []
    values = data[found[0]]
    values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    n_missing = int(np.count_nonzero(~np.isfinite(values)))
    if n_missing:
        raise ValueError(
            f'{shown}: "{found[0]}" is not finite in {n_missing} of {len(values)} '
            "elements; expected the whole number of a region in each"
        )
    if values.ndim != 1 or not np.all(values == np.round(values)):
        raise ValueError(
            f'{shown}: the regions in "{found[0]}" have shape {values.shape} and type '
            f"{values.dtype}; expected one whole number an element"
        )
    findings = []
    if len(found) > 1:
        line = f'regions are taken from "{found[0]}", not from {", ".join(found[1:])}'
        findings.append(Finding("note", line))
    return values.astype(np.int64), findings


def _vectors(
    mesh: meshio.Mesh,
    data: Mapping[str, NDArray],
    names: tuple[str, ...],
    findings: list[Finding],
    shown: Path,
) -> NDArray[np.float64] | None:
    by_name = {name.lower(): name for name in data}
    found = next((by_name[name] for name in names if name in by_name), None)
    if found is None:
        for name in mesh.point_data:
            if name.lower() in names:
                findings.append(
                    Finding(
                        "warning",
                        f'"{name}" is given at the nodes and left out; fibres and '
                        "sheets belong to elements",
                    )
                )
        return None
    values = np.asarray(data[found], dtype=np.float64)
    if values.ndim != 2 or values.shape[1] not in (2, 3):
        raise ValueError(
            f'{shown}: "{found}" has shape {values.shape}; expected a vector an '
            f"element, ({len(values)}, 3)"
        )
    return np.pad(values, ((0, 0), (0, 3 - values.shape[1])))


def _region_names(
    mesh: meshio.Mesh,
    data: Mapping[str, NDArray],
    regions: NDArray[np.int64] | None,
) -> dict[tuple[int | None, int], str]:
    names: dict[tuple[int | None, int], str] = {}
    for name, value in mesh.field_data.items():
        # Gmsh: number and dimension of a group; other formats have other data there.
        if np.shape(value) == (2,) and 0 <= int(value[1]) <= 3:
            names[int(value[1]), int(value[0])] = name
    for key, mask in data.items():
        if key.startswith(_REGION) and regions is not None:
            numbers = np.unique(regions[mask.ravel() != 0])
            if len(numbers) == 1:
                names[None, int(numbers[0])] = key.removeprefix(_REGION)
    return names


def _node_sets(mesh: meshio.Mesh) -> dict[str, NDArray[np.intp]]:
    sets = {
        key.removeprefix(_NODE_SET): np.flatnonzero(np.ravel(mask))
        for key, mask in mesh.point_data.items()
        if key.startswith(_NODE_SET)
    }
    for name, nodes in mesh.point_sets.items():
        sets[name] = np.unique(np.asarray(nodes, dtype=np.intp))
    return sets


def _element_sets(
    mesh: meshio.Mesh, cells: list[FileCells]
) -> dict[str, NDArray[np.intp]]:
    sets = {}
    for name, members in mesh.cell_sets.items():
        if name.startswith("gmsh:"):  # what bounds what, no set of elements
            continue
        parts = [
            some.numbers[np.asarray(inside, dtype=np.intp)]
            for some, inside in zip(cells, members, strict=True)
            if inside is not None and len(inside)
        ]
        if parts:
            sets[name] = np.concatenate(parts)
    return sets


def _physical_names(mesh: Mesh) -> dict[str, NDArray[np.int64]]:
    """Number and dimension of each named region, as Gmsh has them."""
    dimensions = np.concatenate([np.full(len(b), b.dimension) for b in mesh.blocks])
    names = {}
    for name, number in mesh.region_names.items():
        inside = dimensions[mesh.element_regions == number]
        dimension = int(inside.max()) if len(inside) else mesh.dimension
        names[name] = np.array([number, dimension])
    return names


def _has_edges_that_conduct(mesh: Mesh) -> bool:
    """Whether a reader would take some of the elements for faces or edges only."""
    shapes = {block.shape for block in mesh.blocks}
    if len(shapes) < 2 or not shapes <= set(SIMPLICES):
        return False
    cells = [
        FileCells(block.shape, block.nodes, np.arange(part.start, part.stop))
        for block, part in zip(mesh.blocks, mesh.slices(), strict=True)
    ]
    return bool(facets_of_others(cells, mesh.n_nodes, mesh.n_elements).any())
