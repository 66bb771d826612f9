"""Pictures of afterdepolarisations: V with take-offs and peaks marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from cardiosim.output.style import COLOURS, TIME, V_LABEL, picture

MOST_NODES = 4
COLOUR = {"EAD": COLOURS[1], "DAD": COLOURS[2], "triggered": COLOURS[3]}
LABEL = {"EAD": "EAD", "DAD": "DAD", "triggered": "triggered beat"}
AROUND = 0.15  # of the time of the marks, drawn before and after them
LEAST = 500.0  # ms
Mark = tuple[int, float, float, float, float]


def triggered_figure(
    times: ArrayLike,
    V: ArrayLike,
    labels: Sequence[str],
    path: str | Path,
    *,
    marks: Mapping[str, Sequence[Mark]],
    title: str = "",
) -> None:
    """V of a few nodes, a panel each, around the rises that were found.

    Args:
        times: ms, shape (n_times,).
        V: mV, shape (n_times, n_nodes).
        labels: one a node.
        path: PNG file to write.
        marks: by kind: panel, time and potential of the take-off, and of the peak.
        title: text above.
    """
    times, V = np.asarray(times, dtype=float), np.asarray(V, dtype=float)
    if V.shape != (times.size, len(labels)):
        raise ValueError(
            f"V has shape {V.shape}; expected (n_times, n_nodes) = "
            f"{(times.size, len(labels))}, one label a node"
        )
    with picture(path, 6.6, 0.8 + 1.9 * len(labels)) as figure:
        panels = figure.subplots(len(labels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, trace, label in zip(panels, V.T, labels, strict=True):
            axes.plot(times, trace, color=COLOURS[0], lw=0.9)
            axes.set(ylabel=V_LABEL if len(labels) == 1 else "V (mV)")
            axes.set_title(label)
            axes.margins(y=0.08)
        drawn = {}
        for kind, events in marks.items():
            for panel, t0, V0, t1, V1 in events:
                colour, axes = COLOUR[kind], panels[panel]
                axes.plot(t0, V0, "o", color=colour, mfc="white", ms=4)
                (peak,) = axes.plot(t1, V1, "o", color=colour, ms=4)
                drawn[f"{LABEL[kind]} (take-off open, peak full)"] = peak
        moments = [t for events in marks.values() for e in events for t in (e[1], e[3])]
        if moments:
            margin = max(AROUND * (max(moments) - min(moments)), LEAST)
            begin = max(times[0], min(moments) - margin)
            end = min(times[-1], max(moments) + margin)
            panels[-1].set_xlim(begin, end)
            _fit_to(panels, V[(times >= begin) & (times <= end)])
        panels[-1].set_xlabel(TIME)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=9)
        if drawn:
            figure.legend(drawn.values(), drawn, loc="outside lower left", ncols=3)


def _fit_to(panels: Sequence[Axes], V: NDArray) -> None:
    """Let each panel show the range of its own V, and a few mV at least."""
    for axes, trace in zip(panels, V.T, strict=True):
        low, high = float(trace.min()), float(trace.max())
        margin = max(0.08 * (high - low), 1.0)
        axes.set_ylim(low - margin, high + margin)
