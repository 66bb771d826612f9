"""Values along a cable, which has no map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cardiosim.output.mesh_arrays import MeshArrays
from cardiosim.output.style import COLOURS, picture

WIDTH, HEIGHT = 6.6, 3.0  # inches


def profile_figure(
    mesh: MeshArrays, values: NDArray, path: str | Path, *, label: str, title: str = ""
) -> bool:
    """Values at the nodes of a cable against x.

    Args:
        mesh: of a cable.
        values: shape (n_nodes,); the line is broken where they are NaN.
        path: PNG file to write.
        label: quantity and unit.
        title: text above.

    Returns:
        Whether there was something to draw: no other mesh has a profile.
    """
    if mesh.kind != "cable" or not np.isfinite(values).any():
        return False
    x = mesh.points[:, 0]
    order = np.argsort(x)
    with picture(path, WIDTH, HEIGHT) as figure:
        axes = figure.subplots()
        axes.plot(x[order], values[order], ".-", ms=2, lw=0.8, color=COLOURS[0])
        axes.set(xlabel="position x (mm)", ylabel=label, title=title)
    return True
