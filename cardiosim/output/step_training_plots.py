"""Pictures of the training of a learned step: its errors, and what tuning did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cardiosim.output.style import GREY, picture


def draw_step_training(trained: Any, folder: Path) -> None:
    """Draw the errors of a step and its tuning.

    Args:
        trained: of `experiments.train_fast_step` or `train_gates_step`.
        folder: results folder.
    """
    errors = {name: column.values for name, column in trained.tables["errors"].items()}
    states = errors.pop("state")
    tuning = trained.tables.get("tuning")
    rms = tuning["rms"].values if tuning else ()
    step_errors_figure(states, errors, folder / "errors.png", rms)


def step_errors_figure(
    states: Sequence[str],
    errors: Mapping[str, Sequence[float]],
    path: Path,
    tuning: Sequence[float] = (),
) -> None:
    """Errors of one step, state by state, beside those of the base alone.

    Args:
        states: what is advanced, with its unit.
        errors: RMSE by whose they are, each (n_states,).
        path: PNG file to write.
        tuning: RMS error of waves before the first round and after each.
    """
    n_panels = 2 if len(tuning) else 1
    with picture(path, 3.6 * n_panels, 2.8) as figure:
        left, *others = np.atleast_1d(figure.subplots(1, n_panels))
        places = np.arange(len(states))
        width = 0.8 / len(errors)
        for k, (of, values) in enumerate(errors.items()):
            shift = (k - 0.5 * (len(errors) - 1)) * width
            left.bar(places + shift, values, 0.9 * width, label=of)
        left.set_yscale("log")
        left.set_xticks(places, states)
        left.set_ylabel("RMSE of one step")
        left.legend()
        for axes in others:
            axes.plot(np.arange(len(tuning)), tuning, marker="o")
            axes.set_xticks(np.arange(len(tuning)))
            axes.set_ylim(bottom=0.0)
            axes.set_xlabel("round of tuning")
            axes.set_ylabel("errors of waves, in tolerances")
            axes.grid(axis="y", color=GREY, alpha=0.25, lw=0.5)
