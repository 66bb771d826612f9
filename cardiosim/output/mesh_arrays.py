"""The mesh of a run as arrays, and the file `mesh.h5` that keeps it.

    points                 (n_nodes, 3), mm
    blocks/0_line, ...     node numbers, (n_elements, n_vertices); the number is the
                           block's place, the name its shape
    mixed                  the same elements as XDMF wants them where there are several
                           blocks: code of the shape, (number of vertices,) nodes, ...
    elements/<name>        (n_elements,) or (n_elements, 3): regions; fibres and sheets
                           as the run used them; fibrosis, 0 or 1; D_along, mm2/ms, the
                           diffusivity along the fibre, f.D.f, or D without a fibre
    nodes/<name>           (n_nodes,)
    grid/shape, size       of a cable, sheet or slab; `nodes`: number in the whole grid
                           of each node, if it has holes

It is written once, when the run begins, and never changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.output.hdf5 import open_hdf5, replace_hdf5

FILE = "mesh.h5"
# Number of vertices, dimension, VTK cell type and XDMF code of each shape.
# XDMF: https://www.xdmf.org/index.php/XDMF_Model_and_Format, "Topology".
SHAPES = {
    "vertex": (1, 0, 1, 1),
    "line": (2, 1, 3, 2),
    "triangle": (3, 2, 5, 4),
    "quad": (4, 2, 9, 5),
    "tetra": (4, 3, 10, 6),
    "hexahedron": (8, 3, 12, 9),
}
TETRA_FACES = ((0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2))


@dataclass(frozen=True, eq=False)
class RegularGrid:
    """Nodes at equal distances along each axis, x fastest.

    Attributes:
        shape: number of nodes along x, (y, (z)).
        size: extent along each axis, mm.
        nodes: number in the whole grid of each node of the mesh; None if it has all.
    """

    shape: tuple[int, ...]
    size: tuple[float, ...]
    nodes: NDArray[np.integer] | None = None

    def place(self, values: ArrayLike) -> NDArray:
        """Values at the nodes of the mesh as an array over the grid.

        Returns:
            Shape (..., (nz,) ny, nx) for values (..., n_nodes); NaN in holes.
        """
        values = np.asarray(values)
        shape = (*values.shape[:-1], *reversed(self.shape))
        if self.nodes is None:
            return values.reshape(shape)
        whole = np.full((*values.shape[:-1], int(np.prod(self.shape))), np.nan)
        whole[..., self.nodes] = values
        return whole.reshape(shape)


@dataclass(frozen=True, eq=False)
class MeshArrays:
    """Nodes, elements, and what stays with them through a run.

    Attributes:
        points: mm, shape (n_nodes, 3).
        blocks: name of the shape (a key of SHAPES) and node numbers, (n_elements,
            n_vertices), of each block of elements.
        kind: "point", "cable", "sheet", "slab" or "mesh".
        element_data: name -> values over the elements of all blocks, one block behind
            the other, shape (n_elements,) or (n_elements, 3).
        node_data: name -> values, shape (n_nodes,).
        region_names: number of each region that has a name.
        grid: of a cable, sheet or slab.

    Raises:
        ValueError: a shape is unknown, or arrays do not fit together.
    """

    points: NDArray
    blocks: tuple[tuple[str, NDArray], ...]
    kind: str = ""
    element_data: Mapping[str, NDArray] = field(default_factory=dict)
    node_data: Mapping[str, NDArray] = field(default_factory=dict)
    region_names: Mapping[str, int] = field(default_factory=dict)
    grid: RegularGrid | None = None

    def __post_init__(self) -> None:
        if self.points.ndim != 2 or self.points.shape[1] != 3:
            raise ValueError(
                f"mesh points have shape {self.points.shape}; expected (n_nodes, 3)"
            )
        for shape, nodes in self.blocks:
            if shape not in SHAPES:
                raise ValueError(
                    f'elements of shape "{shape}"; expected one of {", ".join(SHAPES)}'
                )
            if nodes.ndim != 2 or nodes.shape[1] != SHAPES[shape][0]:
                raise ValueError(
                    f"{shape} elements have shape {nodes.shape}; expected (n_elements, "
                    f"n_vertices) with {SHAPES[shape][0]} vertices"
                )
        for what, arrays, count, widths in (
            ("an element", self.element_data, self.n_elements, ((), (3,))),
            ("a node", self.node_data, self.n_nodes, ((),)),
        ):
            for name, array in arrays.items():
                if array.shape not in [(count, *width) for width in widths]:
                    raise ValueError(
                        f"{name} has shape {array.shape}; expected one row {what}, "
                        f"{' or '.join(str((count, *width)) for width in widths)}"
                    )

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.points)

    @property
    def n_elements(self) -> int:
        """Number of elements of all blocks."""
        return sum(len(nodes) for _, nodes in self.blocks)

    @property
    def dimension(self) -> int:
        """That of the largest elements: 3 as soon as there is one tetrahedron."""
        return max((SHAPES[shape][1] for shape, _ in self.blocks), default=0)

    @cached_property
    def vtk_types(self) -> NDArray[np.uint8]:
        """VTK cell type of each element, shape (n_elements,)."""
        types = [np.full(len(nodes), SHAPES[shape][2]) for shape, nodes in self.blocks]
        return np.concatenate([np.empty(0), *types]).astype(np.uint8)

    @cached_property
    def vtk_offsets(self) -> NDArray[np.int64]:
        """Where each element begins in `vtk_connectivity`, shape (n_elements + 1,)."""
        counts = [
            np.full(len(nodes), SHAPES[shape][0], dtype=np.int64)
            for shape, nodes in self.blocks
        ]
        return np.concatenate([np.zeros(1, dtype=np.int64), *counts]).cumsum()

    @cached_property
    def vtk_connectivity(self) -> NDArray[np.int64]:
        """Nodes of one element behind those of the other."""
        nodes = [nodes.ravel() for _, nodes in self.blocks]
        return np.concatenate([np.empty(0, dtype=np.int64), *nodes]).astype(np.int64)

    @cached_property
    def surface(self) -> NDArray:
        """Triangles, and the outer faces of tetrahedra, as nodes, shape (n, 3)."""
        tetrahedra = self.elements("tetra")
        faces = np.concatenate([tetrahedra[:, corners] for corners in TETRA_FACES])
        corners = np.sort(faces, axis=1)
        order = np.lexsort(corners.T)
        corners = corners[order]
        like_next = (corners[1:] == corners[:-1]).all(axis=1)
        alone = np.ones(len(faces), dtype=bool)  # of one tetrahedron only
        alone[order[1:][like_next]] = alone[order[:-1][like_next]] = False
        return np.concatenate([self.elements("triangle"), faces[alone]])

    def elements(self, shape: str) -> NDArray:
        """Nodes of all elements of a shape, (n, n_vertices)."""
        found = [nodes for kind, nodes in self.blocks if kind == shape]
        none = np.empty((0, SHAPES[shape][0]), dtype=np.int32)
        return np.concatenate(found or [none])


def mesh_arrays(
    points: ArrayLike,
    blocks: Sequence[tuple[str, ArrayLike]],
    kind: str = "",
    *,
    element_data: Mapping[str, ArrayLike | None] | None = None,
    node_data: Mapping[str, ArrayLike | None] | None = None,
    region_names: Mapping[str, int] | None = None,
    grid: RegularGrid | None = None,
) -> MeshArrays:
    """Return the arrays of a mesh in the types they are kept in; None is left out.

    Arguments as of `MeshArrays`.
    """
    points = np.asarray(points, dtype=float)
    largest = np.iinfo(np.int32).max
    index = np.int32 if points.size and len(points) <= largest else np.int64
    return MeshArrays(
        points,
        tuple((shape, np.asarray(nodes, dtype=index)) for shape, nodes in blocks),
        kind,
        _kept(element_data),
        _kept(node_data),
        dict(region_names or {}),
        grid,
    )


def _kept(arrays: Mapping[str, ArrayLike | None] | None) -> dict[str, NDArray]:
    """Vectors in single precision: directions are drawn, not computed with."""
    kept = {}
    for name, values in (arrays or {}).items():
        if values is None:
            continue
        array = np.asarray(values)
        if array.ndim == 2:
            array = array.astype(np.float32)
        elif array.dtype.kind in "iub":
            array = array.astype(np.int32)
        kept[name] = array
    return kept


def write_mesh_file(folder: Path, mesh: MeshArrays) -> None:
    """Write `mesh.h5` into a folder."""
    with replace_hdf5(folder / FILE) as file:
        file.attrs["kind"] = mesh.kind
        file.create_dataset("points", data=mesh.points).attrs["unit"] = "mm"
        blocks = file.create_group("blocks")
        for number, (shape, nodes) in enumerate(mesh.blocks):
            blocks.create_dataset(f"{number}_{shape}", data=nodes)
        if len(mesh.blocks) > 1:
            file.create_dataset("mixed", data=_mixed(mesh))
        for group, arrays in (
            ("elements", mesh.element_data),
            ("nodes", mesh.node_data),
        ):
            kept = file.create_group(group, track_order=True)
            for name, array in arrays.items():
                kept.create_dataset(name, data=array)
        names = file.create_group("region_names")
        for name, number in mesh.region_names.items():
            names.attrs[name] = number
        if mesh.grid is not None:
            grid = file.create_group("grid")
            grid.create_dataset("shape", data=mesh.grid.shape)
            grid.create_dataset("size", data=mesh.grid.size).attrs["unit"] = "mm"
            if mesh.grid.nodes is not None:
                grid.create_dataset("nodes", data=mesh.grid.nodes)


def read_mesh_file(folder: Path) -> MeshArrays:
    """Read `mesh.h5` of a folder."""
    with open_hdf5(folder / FILE) as file:
        return MeshArrays(
            file["points"][:],
            tuple((shape, data[:]) for shape, data in stored_blocks(file)),
            str(file.attrs["kind"]),
            {name: data[:] for name, data in file["elements"].items()},
            {name: data[:] for name, data in file["nodes"].items()},
            {name: int(number) for name, number in file["region_names"].attrs.items()},
            _stored_grid(file),
        )


def stored_blocks(file: h5py.File) -> list[tuple[str, h5py.Dataset]]:
    """Shape and node numbers of each block in a mesh file, in order."""
    named = [(name.split("_"), data) for name, data in file["blocks"].items()]
    ordered = sorted(named, key=lambda entry: int(entry[0][0]))
    return [(shape, data) for (_, shape), data in ordered]


def _stored_grid(file: h5py.File) -> RegularGrid | None:
    if "grid" not in file:
        return None
    grid = file["grid"]
    return RegularGrid(
        tuple(grid["shape"][:].tolist()),
        tuple(grid["size"][:].tolist()),
        grid["nodes"][:] if "nodes" in grid else None,
    )


def _mixed(mesh: MeshArrays) -> NDArray:
    """Elements of several shapes in one list of numbers.

    A vertex and a line are to XDMF those of any number of points: they say how many.
    """
    rows = []
    for shape, nodes in mesh.blocks:
        n_vertices, dimension, _, code = SHAPES[shape]
        head = [code, n_vertices] if dimension < 2 else [code]
        heads = np.tile(np.array(head, dtype=nodes.dtype), (len(nodes), 1))
        rows.append(np.hstack([heads, nodes]).ravel())
    return np.concatenate(rows)
