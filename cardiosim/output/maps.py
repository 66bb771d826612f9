"""Pictures of tissue: activation with isochrones, other maps, V at several times.

Drawn flat, without a graphics card; `cardiosim view` draws in space (views.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import BoundaryNorm, Colormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cardiosim.output.mesh_arrays import MeshArrays
from cardiosim.output.panels import Panel, panels_of
from cardiosim.output.style import INK, POTENTIAL, V_LABEL, picture

LAT_LABEL = "activation time (ms)"
NOT_ACTIVATED = "#c3c7cd"
# Lightness falls evenly from the first to the last activated.
LATENCY = matplotlib.colormaps["viridis_r"].with_extremes(bad=NOT_ACTIVATED)
DURATIONS = matplotlib.colormaps["viridis"].with_extremes(bad=NOT_ACTIVATED)
VOLTAGE = POTENTIAL.with_extremes(bad=NOT_ACTIVATED)
ISOCHRONES = 5.0  # ms between isochrones, where so many can be told apart
MOST_ISOCHRONES, FEWEST_ISOCHRONES = 30, 4
WIDTH = 6.6  # inches
COLUMNS = 3  # of frames
ODD = 1.0  # percent of the nodes at either end, beyond the colours
ARROWS = 18  # along the longer side of a panel
EXTEND = {
    (False, False): "neither",
    (True, False): "min",
    (False, True): "max",
    (True, True): "both",
}


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
    if not np.isfinite(lat).any():
        return False
    interval = isochrone_interval(lat)
    levels = isochrone_levels(lat, interval)
    said = f"isochrones every {interval:g} ms"
    silent = np.isnan(lat).mean()
    if silent:
        said += f"; grey: not activated ({100.0 * silent:.2g} % of the nodes)"
    return node_map(
        mesh,
        lat,
        path,
        label=LAT_LABEL,
        colours=LATENCY,
        norm=BoundaryNorm(levels, LATENCY.N),
        ticks=levels[:: max(1, len(levels) // 8)],
        contours=levels[1:-1],
        title=f"{title}\n{said}".strip(),
    )


def duration_map(
    mesh: MeshArrays, durations: NDArray, path: str | Path, *, label: str, title: str
) -> bool:
    """Durations, or other values that vary little, over the range of most of them.

    Args:
        mesh: as of `activation_map`.
        durations: shape (n_nodes,); NaN, drawn grey, where there is none.
        path: PNG file to write.
        label: quantity and unit.
        title: text above the map.

    Returns:
        Whether there was something to draw.
    """
    known = durations[np.isfinite(durations)]
    if not known.size:
        return False
    low, high = np.percentile(known, (ODD, 100.0 - ODD))
    beyond = (known.min() < low, known.max() > high)
    if not high - low > 1e-6 * max(abs(high), 1e-9):  # all alike, but for rounding
        low, high, beyond = low - 0.5, high + 0.5, (False, False)
    return node_map(
        mesh,
        durations,
        path,
        label=label,
        colours=DURATIONS,
        norm=Normalize(low, high),
        extend=EXTEND[beyond],
        title=title,
    )


def node_map(
    mesh: MeshArrays,
    values: NDArray,
    path: str | Path,
    *,
    label: str,
    colours: Colormap,
    norm: Normalize,
    ticks: Sequence[float] | None = None,
    tick_labels: Sequence[str] | None = None,
    contours: Sequence[float] = (),
    extend: str = "neither",
    arrows: NDArray | None = None,
    are_kinds: bool = False,
    title: str = "",
) -> bool:
    """Values at the nodes in every panel of a mesh, and a bar of the colours.

    Args:
        mesh: as of `activation_map`.
        values: shape (n_nodes,), NaN in the colour for that.
        path: PNG file to write.
        label: quantity and unit.
        colours, norm: of the values.
        ticks: on the bar.
        tick_labels: what to write at them.
        contours: values along which lines are drawn, where the mesh is flat.
        extend: which ends of the bar are open: "neither", "min", "max", "both".
        arrows: directions at the nodes, shape (n_nodes, 3), drawn at a few of them
            where the mesh is flat; NaN without one.
        are_kinds: whether values are numbers of kinds, of which there is no mean.
        title: text above the map.

    Returns:
        Whether the mesh has a map.
    """
    panels = panels_of(mesh)
    if not panels:
        return False
    with _Layout(path, panels) as (figure, places):
        for axes, panel in places:
            drawn = panel.draw(axes, values, colours, norm, are_kinds=are_kinds)
            if len(contours):
                panel.draw_contours(axes, values, contours, INK)
            if arrows is not None and panel.is_flat:
                _draw_arrows(axes, panel, mesh, arrows)
        bar = _bar(
            figure, drawn, [axes for axes, _ in places], label, ticks, extend=extend
        )
        if tick_labels is not None:
            bar.ax.set_yticklabels(tick_labels)
        _head(figure, title)
    return True


def _draw_arrows(axes: Axes, panel: Panel, mesh: MeshArrays, arrows: NDArray) -> None:
    """Directions at the nodes nearest to the middles of a few dozen squares."""
    on_paper = np.linalg.lstsq(mesh.points, panel.positions, rcond=None)[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        along = arrows @ on_paper
        along = along / np.linalg.norm(along, axis=1)[:, None]
    nodes = panel.nodes[np.isfinite(along[panel.nodes]).all(axis=1)]
    if not nodes.size:
        return
    places = panel.positions[nodes]
    square = panel.size().max() / ARROWS
    corner = panel.positions[panel.nodes].min(axis=0)
    number, within = np.divmod((places - corner) / square, 1.0)
    away = np.linalg.norm(within - 0.5, axis=1)
    order = np.lexsort((away, number[:, 1], number[:, 0]))
    first = np.unique(number[order], axis=0, return_index=True)[1]
    chosen = nodes[order[first]]
    axes.quiver(
        *panel.positions[chosen].T,
        *(along[chosen] * 0.7 * square).T,
        angles="xy",
        scale_units="xy",
        scale=1.0,
        pivot="mid",
        color=INK,
        width=0.003,
        headwidth=5.0,
    )


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
    ticks: Sequence[float] | None = None,
    extend: str = "neither",
) -> Colorbar:
    bar = figure.colorbar(
        drawn,
        ax=places,
        pad=0.02,
        aspect=28,
        ticks=ticks,
        spacing="proportional",
        extend=extend,
    )
    bar.set_label(label)
    bar.outline.set_visible(False)
    return bar
