"""Meshes in files: read and checked, or written.

openCARP's own files, what meshio knows (VTU, VTK, XDMF, Gmsh .msh, ...) and geometries
of Gmsh (.geo), which are meshed. The package keeps lengths in mm; a file's unit is that
of its format (openCARP: um) or mm, unless it is named.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cardiosim.tissue.element_measures import edge_lengths
from cardiosim.tissue.file_numbering import FileNumbering
from cardiosim.tissue.gmsh_geometry import meshed
from cardiosim.tissue.mesh import Mesh
from cardiosim.tissue.mesh_content import MeshContent, tissue_of
from cardiosim.tissue.mesh_quality import check_extent, check_node_numbers, repaired
from cardiosim.tissue.mesh_report import MeshReport
from cardiosim.tissue.meshio_format import read_meshio, write_meshio
from cardiosim.tissue.opencarp_format import (
    SUFFIXES,
    files_of,
    opencarp_base,
    read_opencarp,
    write_opencarp,
)

# Length of each unit in mm. Multiplying and dividing whole numbers keeps 1100 um at
# 1.1 mm to the last bit, where a factor of 0.001 would not.
UNITS = {
    "um": Fraction(1, 1000),
    "mm": Fraction(1),
    "cm": Fraction(10),
    "m": Fraction(1000),
}


def read_mesh(
    path: str | Path, unit: str | None = None, bundles: Collection[str] = ()
) -> tuple[Mesh, MeshReport]:
    """Read a mesh and check it.

    Args:
        path: a file; for openCARP one of its files or their common name.
        unit: of the lengths in the file, a key of UNITS; None is the format's own.
        bundles: names of groups of lines that conduct although they run along edges of
            other elements, where such lines are taken for a set of nodes otherwise.

    Returns:
        The mesh, of kind "mesh", lengths in mm, and what was found.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not of its format, or no computation can be made on its
            mesh; see mesh_quality.
        RuntimeError: a geometry, and Gmsh is not installed.
    """
    path = Path(path)
    if unit is not None and unit not in UNITS:
        raise ValueError(
            f'the unit of length came "{unit}"; known are {", ".join(UNITS)}'
        )
    content = _content(path)
    try:
        return _checked(content, unit, bundles)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def write_mesh(mesh: Mesh, path: str | Path, force: bool = False) -> list[Path]:
    """Write a mesh; its format is that of the ending of the file's name.

    Regions, fibres and sheets are written as data of the elements, node sets and names
    of regions as masks `node_set:NAME` and `region:NAME`, which `read_mesh` knows.
    openCARP files are in um and hold no names of regions; all others are in mm.

    Args:
        mesh: of any kind that the format can hold.
        path: file to make; for openCARP one of its files.
        force: write over files that are there.

    Returns:
        The files written.

    Raises:
        FileExistsError: a file is there, and `force` is not given.
        ValueError: the format is not known, or does not hold such a mesh.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent}: make it first")
    with _written_aside(path.parent, force) as folder:
        if path.suffix.lower() in SUFFIXES:
            write_opencarp(mesh, opencarp_base(folder / path.name))
        else:
            write_meshio(mesh, folder / path.name)
        names = sorted(file.name for file in folder.iterdir())
        if path.suffix.lower() in SUFFIXES:
            _check_nothing_is_left(opencarp_base(path), names)
    return [path.parent / name for name in names]


def files_of_mesh(path: str | Path) -> list[Path]:
    """Return the files that `read_mesh` would read, as far as they exist.

    Args:
        path: a file; for openCARP one of its files or their common name.
    """
    path = Path(path)
    if path.suffix.lower() in SUFFIXES or not path.is_file():
        return files_of(opencarp_base(path))
    # XDMF keeps its numbers in a second file.
    beside = path.with_suffix(".h5")
    is_split = path.suffix.lower() in (".xdmf", ".xmf") and beside.is_file()
    return [path, beside] if is_split else [path]


def _check_nothing_is_left(base: Path, names: list[str]) -> None:
    """Check that no file of a former openCARP mesh would be read with the new one."""
    left = [file for file in files_of(base) if file.name not in names]
    if left:
        raise FileExistsError(
            f"{', '.join(map(str, left))} would be read with the new mesh; remove "
            "what is of a former one, or name another file"
        )


def _content(path: Path) -> MeshContent:
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return read_opencarp(path)
    if not path.is_file():
        if path.with_name(f"{path.name}.elem").is_file():
            return read_opencarp(path)
        raise FileNotFoundError(f"there is no mesh file {path}")
    if suffix == ".geo":
        with tempfile.TemporaryDirectory() as folder:
            return read_meshio(meshed(path, Path(folder)), shown=path)
    return read_meshio(path)


def _checked(
    content: MeshContent, unit: str | None, bundles: Collection[str]
) -> tuple[Mesh, MeshReport]:
    n_nodes = len(content.points)
    if not n_nodes or not any(map(len, content.cells)):
        raise ValueError("it holds no elements; expected lines, triangles or tetra")
    check_node_numbers(content.cells, content.node_sets, n_nodes)
    taken = unit or content.unit
    points = _in_mm(content.points, taken)
    lengths = {name: float(length) for name, length in UNITS.items()}
    mesh, file_elements, findings = tissue_of(content, points, bundles)
    mesh, nodes, elements, repairs = repaired(mesh, file_elements)
    n_elements = sum(map(len, content.cells))
    numbering = FileNumbering.of(nodes, n_nodes, file_elements[elements], n_elements)
    if not numbering.is_that_of_the_file:
        mesh = replace(mesh, numbering=numbering)
    findings += check_extent(mesh.points, taken, unit is not None, lengths)
    report = MeshReport(
        findings=(*findings, *repairs),
        unit=taken,
        edge_lengths=edge_lengths(mesh),
        file_nodes=nodes,
        file_elements=file_elements[elements],
        n_file_nodes=n_nodes,
        n_file_elements=n_elements,
    )
    return mesh, report


def _in_mm(points: NDArray[np.float64], unit: str) -> NDArray[np.float64]:
    """Positions in mm; nodes of a plane mesh lie at z = 0."""
    length = UNITS[unit]
    placed = np.zeros((len(points), 3))
    placed[:, : points.shape[1]] = points
    return placed * length.numerator / length.denominator


@contextmanager
def _written_aside(parent: Path, force: bool) -> Iterator[Path]:
    """Yield a folder whose files go to `parent` together when the block ends well.

    A mesh may be several files that name each other, so that they are written under
    their own names, and none of them is there before all are.
    """
    with tempfile.TemporaryDirectory(prefix=".mesh-", dir=parent) as name:
        folder = Path(name)
        yield folder
        files = sorted(folder.iterdir())
        there = [parent / file.name for file in files if (parent / file.name).exists()]
        if there and not force:
            raise FileExistsError(
                f"{', '.join(map(str, there))} is there already; name another file, "
                "or write over it with force (--force)"
            )
        for file in files:
            os.replace(file, parent / file.name)
