"""Pictures of a training of `calcium_step`, from its tables and traces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cardiosim.output.calcium_step_plots import (
    calcium_beats_figure,
    calcium_rates_figure,
)


def draw_calcium_step(trained: Any, folder: Path) -> None:
    """Draw beats and restitution, if they were measured.

    Args:
        trained: of `experiments.train_calcium_step`.
        folder: results folder.
    """
    if trained.traces:
        labels = next(iter(trained.traces.values())).labels
        beats = {title: (t.times, t.values) for title, t in trained.traces.items()}
        calcium_beats_figure(beats, labels, folder / "beats.png")
    if "rates" in trained.tables:
        rates, premature = (
            {name: column.values for name, column in trained.tables[table].items()}
            for table in ("rates", "premature")
        )
        calcium_rates_figure(rates, premature, folder / "restitution.png")
