"""Pictures of a training of `steady_gates`, from its tables and traces."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cardiosim.output.protocol_plots import restitution_figure
from cardiosim.output.steady_gates_plots import (
    current_figure,
    gates_figure,
    last_beats_figure,
    premise_figure,
)

STEADY, NETWORK = " steady", " network"  # behind the gates' names in table and trace


def draw_steady_gates(trained: Any, folder: Path) -> None:
    """Draw gates, current, last beats, restitution and the premise, as they are there.

    Args:
        trained: of `experiments.train_steady_gates`.
        folder: results folder.
    """
    table = {n: np.asarray(c.values) for n, c in trained.tables["gates"].items()}
    gates = trained.surrogate.replaces
    against_V = {g: (table[g + STEADY], table[g + NETWORK]) for g in gates}
    current = table["V"], table["current" + STEADY], table["current" + NETWORK]
    beat = trained.traces.get("gates")
    if beat is None:
        gates_figure(gates, table["V"], against_V, folder / "gates.png")
        current_figure(*current, folder / "current.png")
        return
    of = {name: values[:, 0] for name, values in beat.values.items()}
    in_time = {g: (of[g], of[g + NETWORK]) for g in gates}
    name = folder / "gates.png"
    gates_figure(gates, table["V"], against_V, name, beat.times, in_time)
    V = of[trained.surrogate.inputs[0]]
    flows = (beat.times, V, of["current"])
    current_figure(*current, folder / "current.png", flows)
    _draw_beats(trained, folder)
    _draw_tables(trained.tables, folder)


def _draw_beats(trained: Any, folder: Path) -> None:
    beats = {
        f"last beat, {title}": (
            trace.times,
            dict(zip(trace.labels, trace.values["V"].T, strict=True)),
        )
        for title, trace in trained.traces.items()
        if title != "gates"
    }
    last_beats_figure(beats, folder / "last_beat.png")


def _draw_tables(tables: Mapping[str, Any], folder: Path) -> None:
    curves = {name: column.values for name, column in tables["restitution"].items()}
    lengths = curves.pop("cycle_length")
    restitution_figure(
        {label: (lengths, durations) for label, durations in curves.items()},
        folder / "restitution.png",
        interval="BCL",
    )
    if "premise" not in tables:
        return
    rows = {name: np.asarray(c.values) for name, c in tables["premise"].items()}
    methods = {}
    for method in dict.fromkeys(rows["method"].tolist()):
        chosen = (rows["method"] == method) & (rows["rmse"] > 0.0)
        methods[method] = rows["wall"][chosen], rows["rmse"][chosen]
    premise_figure(methods, folder / "premise.png")
