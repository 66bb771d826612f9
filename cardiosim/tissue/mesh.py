"""Meshes: where the nodes are and which of them are neighbours.

A mesh is nodes and elements. The elements of one shape form a block; the blocks lie one
behind the other, so that whatever belongs to elements (regions, fibres, conductivities)
is one array over all of them. Structured meshes carry their grid too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cardiosim.tissue.grid import Grid

if TYPE_CHECKING:  # it needs scipy, which the command line starts without
    from cardiosim.tissue.file_numbering import FileNumbering

# Number of vertices and dimension of each shape of element; names as in meshio.
SHAPES = {
    "vertex": (1, 0),
    "line": (2, 1),
    "triangle": (3, 2),
    "quad": (4, 2),
    "tetra": (4, 3),
    "hexahedron": (8, 3),
}


@dataclass(frozen=True, eq=False)
class ElementBlock:
    """Elements of one shape.

    Attributes:
        shape: a key of SHAPES. Squares and bricks are those of grids only; their
            vertices run counter-clockwise, those of the bottom before those of the top.
        nodes: node numbers, shape (n_elements, n_vertices).
    """

    shape: str
    nodes: NDArray[np.integer]

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise ValueError(
                f'elements of shape "{self.shape}"; known are {", ".join(SHAPES)}'
            )
        n_vertices = SHAPES[self.shape][0]
        if self.nodes.ndim != 2 or self.nodes.shape[1] != n_vertices:
            raise ValueError(
                f"{self.shape} elements of shape {self.nodes.shape}; expected "
                f"(n_elements, {n_vertices})"
            )

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def dimension(self) -> int:
        """0 for vertices, 1 for lines, 2 for areas, 3 for volumes."""
        return SHAPES[self.shape][1]


@dataclass(frozen=True, eq=False)
class Mesh:
    """Nodes, and the elements between them.

    Attributes:
        kind: "point" (uncoupled nodes); "cable", "sheet" or "slab" (grids of one, two
            and three dimensions); "mesh" (lines, triangles and tetrahedra).
        points: node positions, mm, shape (n_nodes, 3).
        blocks: the elements.
        regions: region number of each element, shape (n_elements,); None is 0 for all.
        region_names: number of each region that has a name.
        fibres: unit vectors along the fibres, shape (n_elements, 3), zero where an
            element has none; None without fibres.
        sheets: unit vectors across the fibres in the sheet, likewise.
        node_sets: node numbers by name, as a mesh file lists them.
        fibrotic: elements that are fibrotic, shape (n_elements,); None without any.
        element_fields: what else is known of each element and worth a look, by name,
            shape (n_elements,).
        grid: of a cable, sheet or slab.
        thickness: of triangles and squares, mm; needed beside lines or volumes, else
            masses are areas.
        cross_section: of lines, mm2; needed beside triangles or volumes, else masses
            are lengths.
        numbering: of the file that the mesh was read from; None if it is that of the
            mesh.
    """

    kind: str
    points: NDArray[np.float64]
    blocks: tuple[ElementBlock, ...]
    regions: NDArray[np.integer] | None = None
    region_names: Mapping[str, int] = field(default_factory=dict)
    fibres: NDArray[np.float64] | None = None
    sheets: NDArray[np.float64] | None = None
    node_sets: Mapping[str, NDArray[np.integer]] = field(default_factory=dict)
    fibrotic: NDArray[np.bool_] | None = None
    element_fields: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    grid: Grid | None = None
    thickness: float | None = None
    cross_section: float | None = None
    numbering: FileNumbering | None = None

    def __post_init__(self) -> None:
        if self.points.ndim != 2 or self.points.shape[1] != 3:
            raise ValueError(
                f"mesh points have shape {self.points.shape}; expected (n_nodes, 3)"
            )
        expected = {"regions": (), "fibrotic": (), "fibres": (3,), "sheets": (3,)}
        for name, columns in expected.items():
            values = getattr(self, name)
            if values is not None and values.shape != (self.n_elements, *columns):
                raise ValueError(
                    f"{name} have shape {values.shape}; expected one row an element, "
                    f"{(self.n_elements, *columns)}"
                )
        for name, unit in {"thickness": "mm", "cross_section": "mm2"}.items():
            value = getattr(self, name)
            if value is not None and not 0.0 < value < math.inf:
                raise ValueError(f"{name} {value:g} {unit}; it must be positive")

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.points)

    @property
    def n_elements(self) -> int:
        """Number of elements of all shapes."""
        return sum(map(len, self.blocks))

    @property
    def dimension(self) -> int:
        """That of the largest elements: 3 as soon as there is one tetrahedron."""
        return max((block.dimension for block in self.blocks), default=0)

    @cached_property
    def element_regions(self) -> NDArray[np.integer]:
        """Region number of each element, shape (n_elements,)."""
        if self.regions is None:
            return np.zeros(self.n_elements, dtype=np.int32)
        return self.regions

    @cached_property
    def centroids(self) -> NDArray[np.float64]:
        """Centres of the elements, mm, shape (n_elements, 3)."""
        centres = [self.points[block.nodes].mean(axis=1) for block in self.blocks]
        return np.concatenate(centres) if centres else np.empty((0, 3))

    @cached_property
    def spacing(self) -> float | None:
        """Largest distance of neighbours in a grid, mm; None for other meshes."""
        return None if self.grid is None else max(self.grid.spacing)

    def across(self, dimension: int) -> float:
        """What makes volumes of lengths (1) or areas (2); 1 where it is not known."""
        return {1: self.cross_section, 2: self.thickness}.get(dimension) or 1.0

    def slices(self) -> list[slice]:
        """Where each block lies in the arrays over elements."""
        ends = np.cumsum([0, *map(len, self.blocks)])
        return [
            slice(int(first), int(last))
            for first, last in zip(ends[:-1], ends[1:], strict=True)
        ]

    def nodes_of_elements(self, chosen: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Increasing numbers of the nodes of some elements.

        Args:
            chosen: shape (n_elements,).
        """
        touched = np.zeros(self.n_nodes, dtype=bool)
        for block, part in zip(self.blocks, self.slices(), strict=True):
            touched[block.nodes[chosen[part]]] = True
        return np.flatnonzero(touched)


def point(count: int = 1) -> Mesh:
    """Return `count` uncoupled nodes at the origin: single cells."""
    if count < 1:
        raise ValueError(
            f"a point mesh of {count} nodes was asked for; give one or more"
        )
    nodes = np.arange(count, dtype=np.intp)
    block = ElementBlock("vertex", nodes[:, np.newaxis])
    return Mesh("point", np.zeros((count, 3)), (block,))


def cable(length: float, dx: float) -> Mesh:
    """Return a cable from x = 0 to x = `length` with nodes `dx` apart.

    Args:
        length: mm, a whole multiple of dx.
        dx: mm.
    """
    return structured("cable", (length,), (dx,))


def sheet(size: tuple[float, float], dx: float | tuple[float, float]) -> Mesh:
    """Return a sheet from the origin to `size`, mm, with nodes `dx` apart.

    Args:
        size: along x and y, mm, whole multiples of dx.
        dx: mm, one for both axes or one each.
    """
    return structured("sheet", size, dx)


def slab(
    size: tuple[float, float, float], dx: float | tuple[float, float, float]
) -> Mesh:
    """Return a slab from the origin to `size`, mm, with nodes `dx` apart.

    Args:
        size: along x, y and z, mm, whole multiples of dx.
        dx: mm, one for all axes or one each.
    """
    return structured("slab", size, dx)


def structured(
    kind: str, size: tuple[float, ...], dx: float | tuple[float, ...]
) -> Mesh:
    """Return a cable, sheet or slab of this size, mm, with nodes dx, mm, apart."""
    spacings = tuple(np.broadcast_to(np.asarray(dx, dtype=float), len(size)).tolist())
    return mesh_of_grid(kind, Grid.fit(kind, size, spacings))


def mesh_of_grid(kind: str, grid: Grid) -> Mesh:
    """Return the mesh of a grid; nodes outside its elements are no part of it."""
    shape = {1: "line", 2: "quad", 3: "hexahedron"}[grid.dimension]
    block = ElementBlock(shape, grid.element_nodes())
    return Mesh(kind, grid.points(), (block,), grid=grid)


def with_holes(mesh: Mesh, inside: NDArray[np.bool_]) -> Mesh:
    """Return a structured mesh without some of its elements.

    Args:
        mesh: with a grid.
        inside: elements to take out, shape (n_elements,).

    Raises:
        ValueError: the mesh has no grid, or nothing would be left.
    """
    if mesh.grid is None:
        raise ValueError(
            f'holes are cut into grids; a mesh of kind "{mesh.kind}" has none: leave '
            "the elements out of its file"
        )
    if inside.all():
        raise ValueError("the hole takes out every element; make it smaller")
    holed = mesh_of_grid(mesh.kind, mesh.grid.without(inside))
    return replace(holed, thickness=mesh.thickness, cross_section=mesh.cross_section)
