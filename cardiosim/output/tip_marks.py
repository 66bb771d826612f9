"""Phase singularities on a flat picture of a mesh, with their sign."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from cardiosim.measure.phase_singularities import Singularities
from cardiosim.output.panels import Panel

POSITIVE, NEGATIVE = "#c23b3b", "#2f5fb3"
SIZE = 7.0  # points


def mark_singularities(
    axes: Axes, panel: Panel, points: NDArray, found: Singularities
) -> None:
    """Draw a disc with + or - at each that the panel shows.

    Args:
        axes: on which the panel is drawn.
        panel: of the mesh.
        points: of its nodes, mm, shape (n_nodes, 3).
        found: at one time.
    """
    if not len(found):
        return
    x, y = on_paper(panel, points, found.positions).T
    for sign, colour, symbol in ((1, POSITIVE, "+"), (-1, NEGATIVE, "_")):
        here = (np.sign(found.charges) == sign) & faces(panel, points, found.normals)
        axes.plot(
            x[here], y[here], "o", ms=SIZE, color=colour, mec="white", mew=0.8, zorder=5
        )
        axes.plot(x[here], y[here], symbol, ms=SIZE - 3, color="white", zorder=6)


def on_paper(panel: Panel, points: NDArray, positions: ArrayLike) -> NDArray:
    """Positions in space as the panel shows them, mm, shape (n, 2)."""
    return _affine(np.asarray(positions, dtype=float)) @ _projection(panel, points)


def faces(panel: Panel, points: NDArray, normals: NDArray) -> NDArray[np.bool_]:
    """Whether the surface with such normals is seen from its front, shape (n,)."""
    if panel.is_flat:
        return np.ones(len(normals), dtype=bool)
    right, up = _projection(panel, points)[:3].T
    return normals @ np.cross(right, up) > 0.0


def _projection(panel: Panel, points: NDArray) -> NDArray:
    """The linear map from space to paper, which the nodes show, shape (4, 2)."""
    return np.linalg.lstsq(_affine(points), panel.positions, rcond=None)[0]


def _affine(points: NDArray) -> NDArray:
    return np.column_stack([points, np.ones(len(points))])
