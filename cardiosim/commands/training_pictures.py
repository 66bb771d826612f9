"""Pictures of a training: its curve, and what each kind has to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cardiosim.output.training_plots import draw_training_curve

# Of what a kind has to show beside its curve: (trained, folder) -> None.
_OF_KIND: Mapping[str, Callable[[Any, Path], None]] = {}


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
