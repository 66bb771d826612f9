"""Pictures of tissue: activation with isochrones, and V at several times.

Drawn flat, without a graphics card; `cardiosim view` draws in space (views.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cardiosim.output.mesh_arrays import MeshArrays
from cardiosim.output.panels import Panel, panels_of
from cardiosim.output.style import INK, POTENTIAL, V_LABEL, picture

LAT_LABEL = "activation time (ms)"
NOT_ACTIVATED = "#c3c7cd"
# Lightness falls evenly from the first to the last activated.
LATENCY = matplotlib.colormaps["viridis_r"].with_extremes(bad=NOT_ACTIVATED)
VOLTAGE = POTENTIAL.with_extremes(bad=NOT_ACTIVATED)
ISOCHRONES = 5.0  # ms between isochrones, where so many can be told apart
MOST_ISOCHRONES, FEWEST_ISOCHRONES = 30, 4
WIDTH = 6.6  # inches
COLUMNS = 3  # of frames


def isochrone_interval(lat: NDArray) -> float:
    """Time between isochrones, ms: 5, or the 1, 2 or 5 times 10^n that suits."""
    known = lat[np.isfinite(lat)]
    span = float(np.ptp(known)) if known.size else 0.0
    interval = ISOCHRONES
    if span > MOST_ISOCHRONES * interval:
        wanted = span / MOST_ISOCHRONES
    elif 0.0 < span < FEWEST_ISOCHRONES * interval:
        wanted = span / FEWEST_ISOCHRONES / 2.5
    else:
        return interval
    ten = 10.0 ** math.floor(math.log10(wanted))
    return next(step * ten for step in (1, 2, 5, 10) if step * ten >= wanted * 0.999)


def isochrone_levels(lat: NDArray, interval: float) -> NDArray:
    """Multiples of the interval, ms, from below the first LAT to above the last."""
    known = lat[np.isfinite(lat)]
    first = math.floor(known.min() / interval)
    last = max(math.ceil(known.max() / interval), first + 1)
    return interval * np.arange(first, last + 1)


def activation_map(
    mesh: MeshArrays, lat: NDArray, path: str | Path, *, title: str = ""
) -> bool:
    """Activation times in bands, with isochrones where the mesh is flat.

    Args:
        mesh: of a sheet, a slab, or with triangles or tetrahedra.
        lat: activation times, ms, shape (n_nodes,); NaN, drawn grey, where a node did
            not activate.
        path: PNG file to write.
        title: text above the map.

    Returns:
        Whether there was something to draw: a cable has no map, nor has silent tissue.
    """
    panels = panels_of(mesh)
    if not panels or not np.isfinite(lat).any():
        return False
    interval = isochrone_interval(lat)
    levels = isochrone_levels(lat, interval)
    norm = BoundaryNorm(levels, LATENCY.N)
    with _Layout(path, panels) as (figure, places):
        for axes, panel in places:
            drawn = panel.draw(axes, lat, LATENCY, norm)
            panel.draw_contours(axes, lat, levels[1:-1], INK)
        ticks = levels[:: max(1, len(levels) // 8)]
        _bar(figure, drawn, [axes for axes, _ in places], LAT_LABEL, ticks)
        said = f"isochrones every {interval:g} ms"
        silent = np.isnan(lat).mean()
        if silent:
            said += f"; grey: not activated ({100.0 * silent:.2g} % of the nodes)"
        _head(figure, f"{title}\n{said}".strip())
    return True


def potential_frames(
    mesh: MeshArrays,
    times: Sequence[float],
    V: Sequence[NDArray],
    path: str | Path,
    *,
    label: str = V_LABEL,
    title: str = "",
) -> bool:
    """V at several times, the first panel of the mesh.

    Args:
        mesh: as of `activation_map`.
        times: ms, shape (n_frames,).
        V: n_frames arrays of shape (n_nodes,).
        path: PNG file to write.
        label: quantity and unit.
        title: text above the frames.

    Returns:
        Whether there was something to draw.
    """
    panels = panels_of(mesh)
    if not panels or not len(times):
        return False
    panel = panels[0]
    norm = Normalize(
        min(np.nanmin(v) for v in V), max(max(np.nanmax(v) for v in V), 1e-9)
    )
    columns = min(COLUMNS, len(times))
    rows = math.ceil(len(times) / columns)
    width, height = panel.size()
    cell = (WIDTH - 1.0) / columns
    tall = rows * (min(cell * height / width, 1.6 * cell) + 0.3) + 0.5
    with picture(path, WIDTH, tall) as figure:
        places = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes in places[len(times) :]:
            axes.set_axis_off()
        for axes, t, values in zip(places, times, V, strict=False):
            drawn = panel.draw(axes, np.asarray(values, dtype=float), VOLTAGE, norm)
            axes.set_title(f"t = {t:g} ms")
            _bare(axes)
        _bar(figure, drawn, list(places), label)
        _head(figure, f"{title} ({panel.name})".strip() if panel.name else title)
    return True


def _head(figure: Figure, text: str) -> None:
    figure.suptitle(text, x=0.01, ha="left", fontsize="medium")


class _Layout:
    """A figure with a place for each panel, all at about the same scale."""

    def __init__(self, path: str | Path, panels: list[Panel]) -> None:
        self._panels = panels
        sizes = np.array([panel.size() for panel in panels])
        if len(panels) == 3:  # of a slab: the top, a section below, one beside it
            widths, heights = sizes[[0, 2], 0], sizes[[0, 1], 1]
            self._mosaic = [[0, 2], [1, -1]]
        else:
            widths, heights = sizes[:, 0], sizes[:1, 1]
            self._mosaic = [list(range(len(panels)))]
        # A thin slab still has to be seen, and leaves room for its labels.
        widths = np.maximum(widths, 0.12 * widths.sum())
        heights = np.maximum(heights, 0.12 * heights.sum())
        self._ratios = widths, heights
        inches = (WIDTH - 1.8) / widths.sum() * heights.sum()
        tall = float(np.clip(inches, 1.2, 6.0)) + 0.5 * len(heights) + 0.8
        self._picture = picture(path, WIDTH, tall)

    def __enter__(self) -> tuple[Figure, list[tuple[Axes, Panel]]]:
        figure = self._picture.__enter__()
        widths, heights = self._ratios
        grid = figure.add_gridspec(
            len(heights), len(widths), width_ratios=widths, height_ratios=heights
        )
        places = []
        for row, line in enumerate(self._mosaic):
            for column, index in enumerate(line):
                if index < 0:
                    continue
                axes = figure.add_subplot(grid[row, column])
                panel = self._panels[index]
                axes.set(xlabel=panel.labels[0], ylabel=panel.labels[1])
                axes.set_title(panel.name)
                places.append((axes, panel))
        return figure, places

    def __exit__(self, *exception: object) -> bool | None:
        return self._picture.__exit__(*exception)


def _bare(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _bar(
    figure: Figure,
    drawn: object,
    places: list[Axes],
    label: str,
    ticks: NDArray | None = None,
) -> None:
    bar = figure.colorbar(
        drawn, ax=places, pad=0.02, aspect=28, ticks=ticks, spacing="proportional"
    )
    bar.set_label(label)
    bar.outline.set_visible(False)
