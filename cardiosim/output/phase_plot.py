"""Picture of a rotating wave: V at several times, and its phase below."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.colors import Normalize
from numpy.typing import NDArray

from cardiosim.measure.phase_singularities import Singularities
from cardiosim.output.maps import NOT_ACTIVATED, VOLTAGE
from cardiosim.output.mesh_arrays import MeshArrays
from cardiosim.output.panels import panels_of
from cardiosim.output.style import picture
from cardiosim.output.tip_marks import mark_singularities

# Cyclic, so that pi and -pi are one colour.
PHASE = matplotlib.colormaps["twilight"].with_extremes(bad=NOT_ACTIVATED)
WIDTH = 6.6  # inches
TICKS = {-np.pi: "-π", -np.pi / 2: "-π/2", 0.0: "0", np.pi / 2: "π/2", np.pi: "π"}


def phase_map(
    mesh: MeshArrays,
    times: Sequence[float],
    V: Sequence[NDArray],
    phases: Sequence[NDArray],
    path: str | Path,
    *,
    title: str = "",
    marks: Sequence[Singularities] = (),
) -> bool:
    """V and phase at several times, the first panel of the mesh.

    Args:
        mesh: of a sheet, a slab, or with triangles or tetrahedra.
        times: ms, shape (n_frames,).
        V: n_frames arrays of shape (n_nodes,), mV.
        phases: likewise, rad from -pi to pi; NaN, drawn grey, where there is none.
        path: PNG file to write.
        title: text above the frames.
        marks: phase singularities of each frame, drawn with their sign.

    Returns:
        Whether there was something to draw: a cable has no map.
    """
    panels = panels_of(mesh)
    if not panels or not len(times):
        return False
    panel = panels[0]
    width, height = panel.size()
    cell = (WIDTH - 0.9) / len(times)
    tall = 2.0 * min(cell * height / width, 1.6 * cell) + 1.0
    low, high = min(map(np.nanmin, V)), max(map(np.nanmax, V))
    rows = (
        (V, VOLTAGE, Normalize(low, max(high, low + 1e-9)), "V (mV)"),
        (phases, PHASE, Normalize(-np.pi, np.pi), "phase (rad)"),
    )
    with picture(path, WIDTH, tall) as figure:
        places = figure.subplots(2, len(times), squeeze=False)
        for line, (values, colours, norm, label) in zip(places, rows, strict=True):
            for axes, shown in zip(line, values, strict=True):
                drawn = panel.draw(
                    axes,
                    np.asarray(shown, dtype=float),
                    colours,
                    norm,
                    is_angle=colours is PHASE,
                )
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
            bar = figure.colorbar(drawn, ax=list(line), pad=0.02, aspect=16)
            bar.set_label(label)
            bar.outline.set_visible(False)
            if colours is PHASE:
                bar.set_ticks(list(TICKS), labels=list(TICKS.values()))
        for column, found in enumerate(marks):
            for axes in places[:, column]:
                mark_singularities(axes, panel, mesh.points, found)
        for axes, t in zip(places[0], times, strict=True):
            axes.set_title(f"t = {t:g} ms")
        text = f"{title} ({panel.name})".strip() if panel.name else title
        figure.suptitle(text, x=0.01, ha="left", fontsize="medium")
    return True
