"""One style for every picture, and how a picture comes to be a file.

Figures are drawn on matplotlib's Agg canvas without pyplot: no display, no global
figure list, safe in threads and in a run without a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

INK = "#2b2f36"
GREY = "#8a9099"
COLOURS = ("#3b6b8f", "#c2704a", "#5f8f6b", "#8a6a9c", "#b59a45", "#7d8790")
DPI = 150
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "lines.linewidth": 1.2,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "axes.prop_cycle": matplotlib.cycler(color=COLOURS),
    "savefig.facecolor": "white",
}
# Lightness rises evenly from rest to peak, so that it reads in grey as well.
POTENTIAL = LinearSegmentedColormap.from_list(
    "potential", ["#1f2f46", "#3b6b8f", "#8fb0b8", "#e3d9c3", "#f4efe4"]
)
V_LABEL = "membrane potential V (mV)"
TIME = "time t (ms)"


@contextmanager
def picture(path: str | Path, width: float, height: float) -> Iterator[Figure]:
    """An empty figure in the style; it becomes a PNG file when the block ends.

    Args:
        path: PNG file to write; nothing is written if the block raises.
        width: inches.
        height: inches.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        save(figure, path)


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as a PNG file."""
    FigureCanvasAgg(figure)
    figure.savefig(path, format="png", dpi=DPI)


def line_colours(count: int) -> list:
    """Colours of so many lines: distinct ones, or a scale where they run out."""
    if count <= len(COLOURS):
        return list(COLOURS[:count])
    return list(POTENTIAL(np.linspace(0.0, 0.7, count)))


def thinned(count: int, pixels: int) -> NDArray:
    """Indices of at most `pixels` of `count` samples, first and last included."""
    return np.unique(np.linspace(0, count - 1, min(count, pixels)).round().astype(int))
