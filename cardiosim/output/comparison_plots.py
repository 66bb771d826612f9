"""Two runs of one case side by side: fronts or traces, activation, time taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from cardiosim.output.style import COLOURS, GREY, INK, V_LABEL, picture

Curves = Sequence[tuple[NDArray, NDArray]]  # (abscissa, V), some of each run


def comparison_figure(
    path: str | Path,
    names: tuple[str, str],
    curves: tuple[Curves, Curves],
    abscissa: str,
    activation: tuple[NDArray, NDArray] | None,
    seconds: tuple[Mapping[str, float], Mapping[str, float]],
) -> None:
    """Draw two runs into one picture.

    Args:
        path: PNG file to write.
        names: of the runs, for the legend.
        curves: of each run, pairs of abscissa, (n,), and V, mV, (n,).
        abscissa: label of the curves' axis.
        activation: positions, mm, and activation time of the second less the first,
            ms, both (n_nodes,); None for no such panel.
        seconds: wall time of each run by phase.
    """
    ratios = [2.4, 1.5, 1.2] if activation else [2.4, 1.2]
    with picture(path, 2.0 * sum(ratios) * 0.95, 2.6) as figure:
        axes = figure.subplots(1, len(ratios), width_ratios=ratios)
        _draw_curves(axes[0], names, curves, abscissa)
        if activation:
            x, later = activation
            axes[1].plot(x, 1e3 * later, color=COLOURS[2])
            axes[1].axhline(0.0, color=GREY, lw=0.6)
            axes[1].set_xlabel("position x (mm)")
            axes[1].set_title(f"{names[1]} activates later by (us)")
        _draw_seconds(axes[-1], names, seconds)


def _draw_curves(
    axes: Axes, names: tuple[str, str], curves: tuple[Curves, Curves], abscissa: str
) -> None:
    styles = (
        {"color": INK, "lw": 2.4, "alpha": 0.35},
        {"color": COLOURS[1], "lw": 1.0},
    )
    for name, own, style in zip(names, curves, styles, strict=True):
        for k, (x, V) in enumerate(own):
            axes.plot(x, V, label=name if k == 0 else None, **style)
    axes.set_xlabel(abscissa)
    axes.set_ylabel(V_LABEL)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def _draw_seconds(
    axes: Axes,
    names: tuple[str, str],
    seconds: tuple[Mapping[str, float], Mapping[str, float]],
) -> None:
    totals = [sum(own.values()) for own in seconds]
    bottom = np.zeros(2)
    for k, phase in enumerate(seconds[0]):
        heights = np.array([own[phase] for own in seconds])
        axes.bar(
            (0, 1), heights, bottom=bottom, width=0.6, color=COLOURS[k], label=phase
        )
        bottom += heights
    for k, total in enumerate(totals):
        axes.text(k, total, f"{total:.3g} s", ha="center", va="bottom", fontsize=8)
    axes.set_xticks((0, 1), [name.replace(" ", "\n", 1) for name in names])
    axes.set_title(f"wall time, {totals[0] / totals[1]:.1f} : 1", pad=12)
    axes.legend(loc="upper right")
