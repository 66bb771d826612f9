"""Pictures of a training: its curve, and what each kind has to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cardiosim.commands.calcium_step_pictures import draw_calcium_step
from cardiosim.commands.steady_gates_pictures import draw_steady_gates
from cardiosim.output.step_training_plots import draw_step_training
from cardiosim.output.training_plots import draw_training_curve
from cardiosim.output.voltage_gates_plots import draw_gate_functions


def _draw_voltage_gates(trained: Any, folder: Path) -> None:
    columns = trained.tables["gate_functions"]
    values = {name: column.values for name, column in columns.items()}
    gates = trained.surrogate.carries
    draw_gate_functions(values, gates, folder / "gate_functions.png")


# Of what a kind has to show beside its curve: (trained, folder) -> None.
_OF_KIND: Mapping[str, Callable[[Any, Path], None]] = {
    "steady_gates": draw_steady_gates,
    "calcium_step": draw_calcium_step,
    "fast_step": draw_step_training,
    "gates_step": draw_step_training,
    "voltage_gates": _draw_voltage_gates,
}


def draw_training(
    kind: str, curve: Mapping[str, Sequence[float]], trained: Any, folder: Path
) -> None:
    """Draw what a training gave into its folder.

    Args:
        kind: of surrogate.
        curve: of the record, by name; "iteration" among them.
        trained: as the trainer returned it.
        folder: results folder.
    """
    if curve:
        draw_training_curve(curve, folder / "training.png")
    draw = _OF_KIND.get(kind)
    if draw:
        draw(trained, folder)
