"""Pictures of trainings: the loss and its terms over the iterations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cardiosim.output.style import GREY, picture

_NOT_DRAWN = ("iteration", "damping", "learning_rate")


def draw_training_curve(curve: Mapping[str, Sequence[float]], path: Path) -> None:
    """The loss and its terms over the iterations, on logarithmic axes.

    Args:
        curve: "iteration", "loss" and other terms by name, each (n_rows,).
        path: PNG file to write.
    """
    iterations = np.asarray(curve["iteration"])
    with picture(path, 4.6, 3.0) as figure:
        axes = figure.subplots()
        for name, values in curve.items():
            if name in _NOT_DRAWN:
                continue
            values = np.asarray(values, dtype=float)
            drawn = np.where(values > 0.0, values, np.nan)
            width = 1.8 if name == "loss" else 1.0
            axes.plot(iterations, drawn, label=name.replace("_", " "), lw=width)
        axes.set_yscale("log")
        axes.set_xlabel("iteration")
        axes.grid(axis="y", color=GREY, alpha=0.25, lw=0.5)
        axes.legend()
