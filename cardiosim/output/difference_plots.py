"""Pictures of two runs of one mesh: maps, lines and traces, and their difference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cardiosim.measure.differences import trace_difference
from cardiosim.output.maps import (
    LAT_LABEL,
    LATENCY,
    NOT_ACTIVATED,
    isochrone_interval,
    isochrone_levels,
)
from cardiosim.output.mesh_arrays import MeshArrays
from cardiosim.output.panels import Panel, panels_of
from cardiosim.output.style import (
    COLOURS,
    GREY,
    INK,
    TIME,
    V_LABEL,
    line_colours,
    picture,
)

# From less to more, through a grey that is lighter than both.
DIVERGING = LinearSegmentedColormap.from_list(
    "difference", ["#1f4e79", "#7fa6c4", "#f5f3ef", "#dba488", "#8c3b1f"]
).with_extremes(bad=NOT_ACTIVATED, under="#12304b", over="#59230f")
WIDTH = 9.6  # inches, of three maps beside each other
MOST_PANELS = 2  # of a mesh
OUTLIER = 3.0  # times the bulk of a difference: beyond the scale
BULK = 99.0  # percent of the nodes
THICK = {"color": INK, "lw": 2.4, "alpha": 0.35}
THIN = {"color": COLOURS[1], "lw": 1.0}


def symmetric_limit(difference: NDArray) -> float:
    """Where a scale around 0 ends: the largest size, or that of 99 % if far smaller."""
    sizes = np.abs(difference[np.isfinite(difference)])
    if not sizes.size or not sizes.max():
        return 1.0
    largest, bulk = float(sizes.max()), float(np.percentile(sizes, BULK))
    return bulk if 0.0 < bulk * OUTLIER < largest else largest


def difference_maps(
    mesh: MeshArrays,
    names: tuple[str, str],
    maps: tuple[NDArray, NDArray],
    path: str | Path,
    *,
    label: str = LAT_LABEL,
    isochrones: bool = True,
    unit: str = "ms",
    title: str = "",
) -> bool:
    """Two maps on one scale, and the second less the first around 0.

    Args:
        mesh: of a sheet, a slab, or with triangles or tetrahedra.
        names: of the runs.
        maps: values at the nodes, shape (n_nodes,) each; NaN, drawn grey, without.
        path: PNG file to write.
        label: quantity and unit.
        isochrones: whether the maps are drawn in bands with lines between them.
        unit: of the difference.
        title: text above.

    Returns:
        Whether there was something to draw.
    """
    panels = panels_of(mesh)[:MOST_PANELS]
    both = np.concatenate(maps)
    if not panels or not np.isfinite(both).any():
        return False
    difference = maps[1] - maps[0]
    limit = symmetric_limit(difference)
    norm: Normalize = Normalize(float(np.nanmin(both)), float(np.nanmax(both)))
    levels = np.empty(0)
    if isochrones:
        interval = isochrone_interval(both)
        levels = isochrone_levels(both, interval)
        norm = BoundaryNorm(levels, LATENCY.N)
        title = f"{title}\nisochrones every {interval:g} ms".strip()
    with picture(path, WIDTH, _height(panels)) as figure:
        places = figure.subplots(len(panels), 3, squeeze=False)
        for row, panel in zip(places, panels, strict=True):
            for axes, values in zip(row[:2], maps, strict=True):
                drawn = _draw(panel, axes, values, LATENCY, norm)
                if isochrones:
                    panel.draw_contours(axes, values, levels[1:-1], INK)
            apart = _draw(
                panel, row[2], difference, DIVERGING, Normalize(-limit, limit)
            )
            row[0].set_ylabel(panel.labels[1])
            row[1].set_yticklabels([])
            row[2].set_yticklabels([])
        for axes, name in zip(places[0], (*names, "difference"), strict=True):
            axes.set_title(name)
        step = max(1, len(levels) // 6)
        ticks = levels[::step] if isochrones else None
        _bar(figure, drawn, places[:, :2], label, ticks=ticks)
        beyond = bool(np.nanmax(np.abs(difference), initial=0.0) > limit * 1.0001)
        said = f"{names[1]} less {names[0]} ({unit})"
        _bar(figure, apart, places[:, 2:], said, extend="both" if beyond else "neither")
        figure.suptitle(title, x=0.01, ha="left", fontsize="medium")
    return True


def _draw(
    panel: Panel, axes: Axes, values: NDArray, colours: Colormap, norm: Normalize
) -> object:
    drawn = panel.draw(axes, values, colours, norm)
    axes.set_xlabel(panel.labels[0])
    return drawn


def _height(panels: Sequence[Panel]) -> float:
    """Inches: three panels share the width, each as tall as it is."""
    across = (WIDTH - 2.0) / 3.0
    sizes = [panel.size() for panel in panels]
    rows = [float(np.clip(across * h / max(w, 1e-9), 0.7, 4.5)) for w, h in sizes]
    return sum(rows) + 0.5 * len(rows) + 1.1


def _bar(
    figure: Figure,
    drawn: object,
    places: NDArray,
    label: str,
    ticks: NDArray | None = None,
    extend: str = "neither",
) -> None:
    bar = figure.colorbar(
        drawn,
        ax=places.ravel().tolist(),
        location="bottom",
        pad=0.03,
        aspect=30 if places.shape[1] > 1 else 16,
        ticks=ticks,
        extend=extend,
        spacing="proportional",
        shrink=0.9,
    )
    bar.set_label(label)
    bar.outline.set_visible(False)


def lines_along(
    x: NDArray,
    lines: Mapping[str, NDArray],
    path: str | Path,
    label: str = LAT_LABEL,
    *,
    title: str = "",
) -> bool:
    """Activation, or another time, along a cable; of two, their difference below.

    Args:
        x: increasing positions, mm, shape (n_nodes,).
        lines: by name of the beat or the run, ms, shape (n_nodes,) each.
        path: PNG file to write.
        label: quantity and unit.
        title: text above.

    Returns:
        Whether there was something to draw.
    """
    if not any(np.isfinite(line).any() for line in lines.values()):
        return False
    values = list(lines.values())
    pair = len(values) == 2 and all(np.isfinite(v).any() for v in values)
    with picture(path, 6.0, 4.0 if pair else 3.0) as figure:
        rows = figure.subplots(
            1 + pair, 1, sharex=True, squeeze=False, height_ratios=(2, 1)[: 1 + pair]
        ).ravel()
        styles = [THICK, THIN]
        if not pair:
            styles = [{"color": colour} for colour in line_colours(len(values))]
        for (name, own), style in zip(lines.items(), styles, strict=True):
            rows[0].plot(x, own, label=name, **style)
        rows[0].set(ylabel=label, title=title)
        rows[0].legend(loc="best")
        if pair:
            difference = values[1] - values[0]
            factor, unit = _readable_unit(difference)
            rows[1].plot(x, factor * difference, color=COLOURS[2])
            rows[1].axhline(0.0, color=GREY, lw=0.6)
            rows[1].set_ylabel(f"difference ({unit})")
        rows[-1].set_xlabel("position x (mm)")
        figure.align_ylabels()
    return True


def _readable_unit(difference: NDArray) -> tuple[float, str]:
    """Factor and unit in which a difference in ms reads well."""
    largest = float(np.nanmax(np.abs(difference), initial=0.0))
    return (1.0, "ms") if largest >= 1.0 or not largest else (1e3, "us")


def traces_and_difference(
    names: tuple[str, str],
    places: Sequence[str],
    traces: Sequence[tuple[tuple[NDArray, NDArray], tuple[NDArray, NDArray]]],
    path: str | Path,
    *,
    label: str = V_LABEL,
    unit: str = "mV",
    title: str = "",
) -> None:
    """Traces of two runs over each other at some nodes, their difference below.

    Args:
        names: of the runs.
        places: what to call each node.
        traces: of each node times, ms, and values, both (n_times,), of both runs.
        path: PNG file to write.
        label: quantity and unit.
        unit: of the difference.
        title: text above.
    """
    count = len(traces)
    with picture(path, min(9.6, 3.4 + 2.1 * count), 3.8) as figure:
        above, below = figure.subplots(
            2, count, sharex="col", sharey="row", squeeze=False, height_ratios=(2, 1)
        )
        for column, (place, pair) in enumerate(zip(places, traces, strict=True)):
            for (t, values), name, style in zip(
                pair, names, (THICK, THIN), strict=True
            ):
                above[column].plot(t, values, label=name, **style)
            times = tuple(t for t, _ in pair)
            shared, difference = trace_difference(times, tuple(v for _, v in pair))
            below[column].plot(shared, difference, color=COLOURS[2], lw=0.9)
            below[column].axhline(0.0, color=GREY, lw=0.6)
            above[column].set_title(place)
            below[column].set_xlabel(TIME)
        above[0].set_ylabel(label)
        below[0].set_ylabel(f"difference ({unit})")
        figure.align_ylabels()
        lines = above[0].get_lines()
        figure.legend(handles=lines, loc="outside upper right", ncols=2)
        figure.suptitle(title, x=0.01, ha="left", fontsize="medium")


def wall_times_figure(
    seconds: Mapping[str, Mapping[str, float]], path: str | Path
) -> bool:
    """Bars of the wall time of each run, phases upon each other.

    Args:
        seconds: wall times, s, by run and by phase.
        path: PNG file to write.

    Returns:
        Whether there was something to draw.
    """
    phases = list(dict.fromkeys(p for own in seconds.values() for p in own))
    if not any(math.fsum(own.values()) for own in seconds.values()):
        return False
    with picture(path, 6.0, 0.7 + 0.42 * len(seconds)) as figure:
        axes = figure.add_subplot()
        left = np.zeros(len(seconds))
        for phase, colour in zip(phases, line_colours(len(phases)), strict=True):
            widths = np.array([own.get(phase, 0.0) for own in seconds.values()])
            axes.barh(
                list(seconds), widths, left=left, height=0.6, color=colour, label=phase
            )
            left += widths
        for row, total in enumerate(left):
            axes.text(total, row, f" {total:.3g} s", va="center", fontsize=8)
        axes.invert_yaxis()
        axes.margins(x=0.12)
        axes.set_xlabel("wall time (s)")
        figure.legend(loc="outside upper right", ncols=len(phases))
    return True
