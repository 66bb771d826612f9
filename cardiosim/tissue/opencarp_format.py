"""Meshes of openCARP: `.pts`, `.elem`, `.lon` and `.vtx`, plain text, lengths in um.

    .pts    number of nodes; then x y z of each
    .elem   number of elements; then type, nodes (from 0) and region of each
    .lon    1 or 2; then the fibre, with 2 the sheet too, of each element
    .vtx    number of nodes; `intra` or `extra`; then the nodes

The region may be left out.

Reference: openCARP user's manual, "Input file formats", https://opencarp.org
"""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cardiosim.tissue.mesh import SHAPES, Mesh
from cardiosim.tissue.mesh_content import FileCells, MeshContent
from cardiosim.tissue.number_files import read_numbers
from cardiosim.tissue.vertex_lists import read_vertices

SUFFIXES = (".pts", ".elem", ".lon")

# `Cx` and `cH` are lines too: cable elements of older files.
_SHAPE_OF_TYPE = {
    "Ln": "line",
    "Cx": "line",
    "cH": "line",
    "Tr": "triangle",
    "Tt": "tetra",
}
_TYPE_OF_SHAPE = {"line": "Ln", "triangle": "Tr", "tetra": "Tt"}
_NOT_SUPPORTED = {
    "Qd": "squares",
    "Hx": "hexahedra",
    "Pr": "prisms",
    "Py": "pyramids",
    "Oc": "octahedra",
}


def read_opencarp(path: Path) -> MeshContent:
    """Read a mesh, and what vertex files `BASE.NAME.vtx` lie beside it as node sets.

    Args:
        path: one of the files, or their common name without ending.

    Returns:
        Its content; lengths as in the file.

    Raises:
        FileNotFoundError: there is no `.pts` or no `.elem`.
        ValueError: a file is not of the format, or has elements of other shapes.
    """
    base = opencarp_base(path)
    nodes_file, elements_file = _beside(base, ".pts"), _beside(base, ".elem")
    for file in (nodes_file, elements_file):
        if not file.is_file():
            raise FileNotFoundError(
                f"there is no file {file}; an openCARP mesh is {base.name}.pts and "
                f"{base.name}.elem, and {base.name}.lon with the fibres"
            )
    points = _read_points(nodes_file)
    cells, regions = _read_elements(elements_file)
    fibres = sheets = None
    fibres_file = _beside(base, ".lon")
    if fibres_file.is_file():
        fibres, sheets = _read_directions(fibres_file, sum(map(len, cells)))
    return MeshContent(
        points=points,
        cells=cells,
        regions=regions,
        fibres=fibres,
        sheets=sheets,
        node_sets=_vertices_beside(base),
        # Every element of an .elem conducts, a bundle along the edges of a wall too.
        conducting=np.ones(sum(map(len, cells)), dtype=bool),
        unit="um",
    )


def write_opencarp(mesh: Mesh, base: Path) -> None:
    """Write `.pts`, `.elem`, `.lon` if there are fibres, and a `.vtx` a node set.

    Names of regions have no place in these files.

    Args:
        mesh: of lines, triangles and tetrahedra.
        base: name of the files without ending.

    Raises:
        ValueError: elements of another shape, or a node set whose name makes no file.
    """
    other = [block.shape for block in mesh.blocks if block.shape not in _TYPE_OF_SHAPE]
    if other:
        raise ValueError(
            f"{base.name}: openCARP files are written of lines, triangles and "
            f"tetrahedra; this mesh has elements of shape {', '.join(other)}"
        )
    # 15 digits are what a round number of um survives the way to mm and back with.
    np.savetxt(
        _beside(base, ".pts"),
        mesh.points * 1000.0,
        fmt="%.15g",
        header=str(mesh.n_nodes),
        comments="",
    )
    with open(_beside(base, ".elem"), "w", encoding="ascii") as file:
        file.write(f"{mesh.n_elements}\n")
        for block, part in zip(mesh.blocks, mesh.slices(), strict=True):
            rows = np.column_stack([block.nodes, mesh.element_regions[part]])
            row = " ".join(["%d"] * rows.shape[1])
            np.savetxt(file, rows, fmt=f"{_TYPE_OF_SHAPE[block.shape]} {row}")
    if mesh.fibres is not None:
        directions = [mesh.fibres] + ([] if mesh.sheets is None else [mesh.sheets])
        np.savetxt(
            _beside(base, ".lon"),
            np.hstack(directions),
            fmt="%.15g",
            header=str(len(directions)),
            comments="",
        )
    for name, nodes in mesh.node_sets.items():
        if not name or set(name) & set('/\\:*?"<>|\n') or name.startswith("."):
            raise ValueError(
                f"node set {name!r} makes no file {base.name}.{name}.vtx; rename it"
            )
        write_vertices(_beside(base, f".{name}.vtx"), nodes)


def write_vertices(
    path: Path, nodes: NDArray[np.integer], domain: str = "intra"
) -> None:
    """Write a list of nodes; `domain` is `intra` or `extra`."""
    header = f"{len(nodes)}\n{domain}"
    np.savetxt(path, np.asarray(nodes), fmt="%d", header=header, comments="")


def files_of(base: Path) -> list[Path]:
    """Return the files that would be read as parts of a mesh, as far as they exist."""
    files = [_beside(base, suffix) for suffix in SUFFIXES]
    return [file for file in files if file.exists()] + _vertex_files(base)


def opencarp_base(path: Path) -> Path:
    """Return the common name of the files of a mesh, given one of them or itself."""
    return path.with_suffix("") if path.suffix.lower() in SUFFIXES else path


def _beside(base: Path, ending: str) -> Path:
    # with_suffix would cut a name such as "atrium.fine" at its point.
    return base.with_name(base.name + ending)


def _lines(path: Path) -> list[bytes]:
    """The lines of a file that hold something, without comments."""
    text = path.read_bytes()
    if b"\0" in text[:1000]:
        raise ValueError(
            f"{path} is a binary file; expected the text form "
            "(meshtool convert -ofmt=carp_txt)"
        )
    lines = text.splitlines()
    if b"#" in text:
        lines = [line.partition(b"#")[0] for line in lines]
    return [line for line in lines if line and not line.isspace()]


def _count(path: Path, lines: list[bytes], what: str) -> int:
    first = lines[0].decode(errors="replace").strip() if lines else ""
    if not first.isdigit():
        raise ValueError(
            f'{path}: the first line came "{first[:40]}", expected the number of {what}'
        )
    return int(first)


def _numbers(path: Path, lines: list[bytes], kind: type) -> NDArray:
    """All numbers of some lines, one behind the other."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # of what is no number
        try:
            return np.fromstring(b"\n".join(lines), dtype=kind, sep=" ")
        except (DeprecationWarning, ValueError):
            pass
    number = int if kind is np.int64 else float
    for line in lines:
        try:
            [number(word) for word in line.split()]
        except ValueError:
            raise ValueError(
                f'{path}: came "{line.decode(errors="replace").strip()[:60]}", '
                f"expected {'whole ' if number is int else ''}numbers"
            ) from None
    raise ValueError(f"{path}: expected numbers only")


def _table(path: Path, lines: list[bytes], columns: tuple[int, ...], kind: type):
    """Numbers as rows of equal length, which must be one of `columns`."""
    values = _numbers(path, lines, kind)
    width = len(lines[0].split()) if lines else columns[0]
    if width not in columns or values.size != width * len(lines):
        widths = Counter(len(line.split()) for line in lines)
        # What most lines have is right, and the others are cut off or too long.
        usual = max(columns, key=lambda n: widths[n])
        odd = next(line for line in lines if len(line.split()) != usual)
        expected = " or ".join(str(n) for n in columns)
        raise ValueError(
            f'{path}: the line "{odd.decode(errors="replace").strip()[:60]}" has '
            f"{len(odd.split())} numbers, expected {expected} in every line"
        )
    return values.reshape(len(lines), width)


def _read_points(path: Path) -> NDArray[np.float64]:
    lines = _lines(path)
    count = _count(path, lines, "nodes")
    if len(lines) - 1 != count:
        raise ValueError(
            f"{path} announces {count} nodes and lists {len(lines) - 1}; is it cut off?"
        )
    return _table(path, lines[1:], (3,), np.float64)


def _read_elements(path: Path) -> tuple[list[FileCells], NDArray[np.int64]]:
    lines = _lines(path)
    count = _count(path, lines, "elements")
    if len(lines) - 1 != count:
        raise ValueError(
            f"{path} announces {count} elements and lists {len(lines) - 1}; "
            "is it cut off?"
        )
    rows = np.char.lstrip(np.array(lines[1:], dtype=np.bytes_))
    types = rows.astype("S2")
    cells, regions = [], np.zeros(count, dtype=np.int64)
    names, first = np.unique(types, return_index=True)
    for name in names[np.argsort(first)]:
        shape = _SHAPE_OF_TYPE.get(name.decode(errors="replace"))
        if shape is None:
            raise ValueError(_unsupported(path, rows[types == name][0], name))
        numbers = np.flatnonzero(types == name)
        words = [row[2:] for row in rows[numbers].tolist()]
        n_vertices = SHAPES[shape][0]
        table = _table(path, words, (n_vertices + 1, n_vertices), np.int64)
        if table.shape[1] > n_vertices:
            regions[numbers] = table[:, n_vertices]
        cells.append(FileCells(shape, table[:, :n_vertices], numbers))
    return cells, regions


def _unsupported(path: Path, row: bytes, name: bytes) -> str:
    word, line = name.decode(errors="replace"), row.decode(errors="replace").strip()
    what = f" ({_NOT_SUPPORTED[word]})" if word in _NOT_SUPPORTED else ""
    return (
        f'{path}: the element "{line[:60]}" is of type {word}{what}; supported are Ln '
        "(lines), Tr (triangles) and Tt (tetrahedra): split the others into these"
    )


def _read_directions(
    path: Path, n_elements: int
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    table = read_numbers(path, "fibres")
    if len(table) != n_elements:
        raise ValueError(
            f"{path} has fibres of {len(table)} elements, the mesh has {n_elements}"
        )
    return table[:, :3], table[:, 3:] if table.shape[1] == 6 else None


def _vertices_beside(base: Path) -> dict[str, NDArray[np.intp]]:
    """Node lists BASE.NAME.vtx, by NAME."""
    opening, ending = f"{base.name}.", ".vtx"
    return {
        file.name[len(opening) : -len(ending)]: read_vertices(file)
        for file in _vertex_files(base)
    }


def _vertex_files(base: Path) -> list[Path]:
    """Files BASE.NAME.vtx; a.b.c.vtx is of the mesh a.b if that exists, else of a."""
    meshes = {file.name.removesuffix(".elem") for file in base.parent.glob("*.elem")}
    found = []
    for file in sorted(base.parent.glob("*.?*.vtx")):
        owners = [n for n in meshes | {base.name} if file.name.startswith(f"{n}.")]
        if file.name != f"{base.name}.vtx" and max(owners, key=len, default="") == (
            base.name
        ):
            found.append(file)
    return found
