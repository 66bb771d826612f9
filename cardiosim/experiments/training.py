"""Train what a training case describes: the trainers by kind, and what they return."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from cardiosim.case.training_tables import TrainingTable
from cardiosim.experiments.findings import Column, Traces
from cardiosim.ionic.equations import fingerprint
from cardiosim.surrogates.interface import TrainedSurrogate
from cardiosim.surrogates.training_record import Progress, TrainingRecord


@dataclass(frozen=True)
class Trained:
    """What came of a training.

    Attributes:
        surrogate: to be kept as a checkpoint.
        numbers: name -> value, unit, definition; the summary.
        tables: name -> column -> values; each becomes a CSV file.
        traces: name -> traces to keep.
        notes: what the user should know, one line each.
    """

    surrogate: TrainedSurrogate
    numbers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, Column]] = field(default_factory=dict)
    traces: Mapping[str, Traces] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Trainer(Protocol):
    """Trains one kind of surrogate."""

    def __call__(
        self,
        case: Any,
        record: TrainingRecord,
        begin: Callable[[str, str], Progress],
    ) -> Trained:
        """Train.

        Args:
            case: of its kind.
            record: takes the curve and the state; a state in it is gone on from.
            begin: begins a phase, called with its name and the unit it counts;
                returns what takes (done, end).
        """


# By module: each imports what only it needs, torch above all.
_TRAINERS = {
    "steady_gates": "cardiosim.experiments.train_steady_gates",
    "fast_step": "cardiosim.experiments.train_fast_step",
    "gates_step": "cardiosim.experiments.train_gates_step",
    "calcium_step": "cardiosim.experiments.train_calcium_step",
    "voltage_gates": "cardiosim.experiments.train_voltage_gates",
}


def trainer_of(kind: str) -> Trainer:
    """What trains a kind of surrogate."""
    return importlib.import_module(_TRAINERS[kind]).train


def training_key(case: TrainingTable) -> str:
    """Hash of a training case but for its title, by which a state is known."""
    own = case.model_dump(exclude={"title"})
    return fingerprint(json.dumps(own, sort_keys=True, default=str))


def open_record(
    case: TrainingTable, folder: Path | None, resume: bool
) -> TrainingRecord:
    """The record of a training in its results folder."""
    return TrainingRecord(folder, training_key(case), resume)
