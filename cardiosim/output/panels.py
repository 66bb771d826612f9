"""How a mesh lies on paper: the flat parts that a picture of it shows.

A sheet and a flat mesh are one panel. A slab is its top and two sections through the
middle, set out as in a technical drawing. A surface in space, and that of a volume, is
seen from the front and from the back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import Colormap, Normalize
from numpy.typing import NDArray

from cardiosim.output.mesh_arrays import MeshArrays

# A mesh is flat if it is this many times wider than it is high.
FLAT = 1e6
WALL = 2.0  # times thinner than wide: a wall
DARKEST = 0.55  # of faces along which one looks
LINE_WIDTH = 2.5  # points, of elements that are lines


@dataclass(frozen=True, eq=False)
class Panel:
    """One flat part of a mesh.

    Attributes:
        name: what it is, such as "top, z = 2 mm"; empty if it is all there is.
        labels: of the axes along which it is drawn.
        positions: of the nodes on paper, mm, shape (n_nodes, 2).
        grid: node of each point of a regular grid, -1 in holes, shape (rows, columns);
            None for a panel of triangles and lines.
        triangles: nodes, shape (n, 3), those behind first.
        lines: nodes, shape (n, 2).
        shade: of each triangle, from 0, black, to 1; None without.
        is_flat: whether nothing covers anything.
    """

    name: str
    labels: tuple[str, str]
    positions: NDArray
    grid: NDArray | None = None
    triangles: NDArray | None = None
    lines: NDArray | None = None
    shade: NDArray | None = None
    is_flat: bool = True

    def size(self) -> NDArray:
        """Width and height, mm, shape (2,)."""
        return np.ptp(self.positions[self.nodes], axis=0)

    def draw(
        self,
        axes: Axes,
        values: NDArray,
        colours: Colormap,
        norm: Normalize,
        *,
        is_angle: bool = False,
        are_kinds: bool = False,
    ) -> ScalarMappable:
        """Draw values at the nodes, shape (n_nodes,), NaN in the colour for that.

        Of angles, rad, pi and -pi are one: a triangle with both has the angle between.
        If they are numbers of kinds, a triangle is of the kind of a node of it.
        """
        drawn = ScalarMappable(norm, colours)
        if self.grid is not None:
            image = drawn.to_rgba(np.ma.masked_invalid(values[self.grid]))
            image[self.grid < 0, 3] = 0.0  # a hole is no tissue that stayed silent
            x, y = self._grid_axes()
            dx, dy = (0.5 * (along[1] - along[0]) for along in (x, y))
            extent = (x[0] - dx, x[-1] + dx, y[0] - dy, y[-1] + dy)
            axes.imshow(image, extent=extent, origin="lower", interpolation="nearest")
        if self.triangles is not None and len(self.triangles):
            of_triangles = values[self.triangles].mean(axis=1)
            if is_angle:
                corners = np.exp(1j * values[self.triangles])
                of_triangles = np.angle(corners.sum(axis=1))
            elif are_kinds:
                of_triangles = np.sort(values[self.triangles], axis=1)[:, 1]
            corners = self.positions[self.triangles]
            faces = drawn.to_rgba(np.ma.masked_invalid(of_triangles))
            if self.shade is not None:
                faces[:, :3] *= self.shade[:, np.newaxis]
            # Neither edges nor smoothing: hair lines would show between the faces.
            axes.add_collection(
                PolyCollection(
                    corners, facecolors=faces, linewidths=0.0, antialiaseds=False
                )
            )
        if self.lines is not None and len(self.lines):
            ends = values[self.lines]
            of_lines = ends.max(axis=1) if are_kinds else ends.mean(axis=1)
            axes.add_collection(
                LineCollection(
                    self.positions[self.lines],
                    colors=drawn.to_rgba(np.ma.masked_invalid(of_lines)),
                    linewidths=LINE_WIDTH,
                )
            )
        axes.set_aspect("equal")
        axes.autoscale_view()
        return drawn

    def draw_contours(
        self, axes: Axes, values: NDArray, levels: Sequence[float], colour: str
    ) -> None:
        """Draw lines of equal value; not where parts of a surface cover each other."""
        style = {"levels": levels, "colors": colour, "linewidths": 0.6}
        if self.grid is not None:
            at_grid = np.where(self.grid < 0, np.nan, values[self.grid])
            axes.contour(*self._grid_axes(), np.ma.masked_invalid(at_grid), **style)
        elif self.is_flat and self.triangles is not None and len(self.triangles):
            known = np.isfinite(values[self.triangles]).all(axis=1)
            if known.any():
                filled = np.where(np.isfinite(values), values, 0.0)
                x, y = self.positions.T
                axes.tricontour(x, y, self.triangles[known], filled, **style)

    def _grid_axes(self) -> tuple[NDArray, NDArray]:
        rows, columns = self.grid.shape
        x = np.linspace(*self._span(0), columns)
        y = np.linspace(*self._span(1), rows)
        return x, y

    def _span(self, axis: int) -> tuple[float, float]:
        along = self.positions[self.nodes, axis]
        return float(along.min()), float(along.max())

    @property
    def nodes(self) -> NDArray:
        """Numbers of the nodes that are drawn, shape (n,)."""
        if self.grid is not None:
            return self.grid[self.grid >= 0]
        parts = [
            part.ravel() for part in (self.triangles, self.lines) if part is not None
        ]
        return np.unique(np.concatenate(parts))


def panels_of(mesh: MeshArrays) -> list[Panel]:
    """The panels of a mesh; none for single cells and cables."""
    if mesh.grid is not None:
        return _grid_panels(mesh)
    triangles, lines = mesh.surface, mesh.elements("line")
    if not len(triangles):
        return []
    used = np.unique(triangles)
    extent = np.ptp(mesh.points[used], axis=0)
    flat = int(extent.argmin())
    if extent[flat] * FLAT < extent.max():
        across = [axis for axis in range(3) if axis != flat]
        return [
            Panel(
                "",
                tuple(f"{'xyz'[axis]} (mm)" for axis in across),
                mesh.points[:, across],
                triangles=triangles,
                lines=lines,
            )
        ]
    # A wall shows its faces; what is as deep as it is wide is seen from the front.
    is_wall = extent[flat] * WALL < np.delete(extent, flat).min()
    axis, first = (flat, -1) if is_wall else (1, 1)
    return [_seen(mesh, triangles, lines, axis, sign) for sign in (first, -first)]


def _grid_panels(mesh: MeshArrays) -> list[Panel]:
    shape = mesh.grid.shape
    if len(shape) == 1:
        return []
    nodes = mesh.grid.place(np.arange(mesh.n_nodes, dtype=float))
    nodes = np.where(np.isnan(nodes), -1, nodes).astype(np.int64)
    xyz = mesh.points
    if len(shape) == 2:
        return [Panel("", ("x (mm)", "y (mm)"), xyz[:, :2], grid=nodes)]
    middle = [n // 2 for n in shape]
    at = [
        size * index / (n - 1)
        for size, index, n in zip(mesh.grid.size, middle, shape, strict=True)
    ]
    return [
        Panel(
            f"top, z = {mesh.grid.size[2]:g} mm",
            ("x (mm)", "y (mm)"),
            xyz[:, :2],
            grid=nodes[-1],
        ),
        Panel(
            f"y = {at[1]:g} mm",
            ("x (mm)", "z (mm)"),
            xyz[:, [0, 2]],
            grid=nodes[:, middle[1]],
        ),
        Panel(
            f"x = {at[0]:g} mm",
            ("z (mm)", "y (mm)"),
            xyz[:, [2, 1]],
            grid=nodes[:, :, middle[0]].T,
        ),
    ]


def _seen(
    mesh: MeshArrays, triangles: NDArray, lines: NDArray, axis: int, sign: int
) -> Panel:
    """A surface as seen along an axis (sign 1) or against it (-1)."""
    unit = np.eye(3)
    up = 1 if axis == 2 else 2
    right = np.cross(sign * unit[axis], unit[up])
    side, depth = mesh.points @ right, sign * mesh.points[:, axis]
    order = np.argsort(-depth[triangles].mean(axis=1))
    minus = "-" if right.min() < 0.0 else ""
    corners = mesh.points[triangles[order]]
    return Panel(
        f"seen {'along' if sign > 0 else 'against'} {'xyz'[axis]}",
        (f"{minus}{'xyz'[np.abs(right).argmax()]} (mm)", f"{'xyz'[up]} (mm)"),
        np.column_stack([side, mesh.points[:, up]]),
        triangles=triangles[order],
        shade=DARKEST + (1.0 - DARKEST) * _towards_eye(corners, axis),
        lines=lines[:0],  # inside, or on the side that is not seen
        is_flat=False,
    )


def _towards_eye(corners: NDArray, axis: int) -> NDArray:
    """Cosine between the normals of triangles and an axis, shape (n,)."""
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    return np.abs(normals[:, axis]) / np.maximum(lengths, np.finfo(float).tiny)
