"""What a training has done so far, on disk: its curve, and where it can go on.

    training.csv        one row an iteration that was logged
    state.safetensors   weights and the optimiser's own tensors
    state.json          the optimiser's numbers, the iteration, the case it belongs to

With tensorboard installed its event files are written beside them.
"""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from cardiosim.whole_file import whole_file

Progress = Callable[[float, float], None]

log = logging.getLogger(__name__)


class TrainingRecord:
    """The curve of a training and its latest state.

    Attributes:
        folder: that holds them; None keeps nothing.
        curve: values by name, one an iteration that was logged.
    """

    def __init__(self, folder: Path | None, key: str, resume: bool = False) -> None:
        """Args:
        folder: made if it is not there.
        key: hash of the training case; a state of another case is not gone on from.
        resume: go on from the state in the folder, if there is one.

        Raises:
            ValueError: the state in the folder belongs to another training case.
        """
        self.folder, self._key = folder, key
        self.curve: dict[str, list[float]] = {}
        self.tensors: dict[str, NDArray] = {}
        self.facts: dict[str, Any] = {}
        self._writer = None
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        if resume:
            self._read()
        else:
            for name in ("training.csv", "state.json", "state.safetensors"):
                (folder / name).unlink(missing_ok=True)
        self._writer = _event_writer(folder)

    @property
    def is_resumed(self) -> bool:
        """Whether there is a state to go on from."""
        return bool(self.facts)

    def log(self, iteration: int, **values: float) -> None:
        """Add a row to the curve; names are the same in each call."""
        row = {"iteration": float(iteration), **values}
        if self.curve and row.keys() != self.curve.keys():
            raise ValueError(
                f"a row of {', '.join(row)} came to a curve of {', '.join(self.curve)}"
            )
        for name, value in row.items():
            self.curve.setdefault(name, []).append(float(value))
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, iteration)

    def keep(self, tensors: Mapping[str, NDArray], facts: Mapping[str, Any]) -> None:
        """Keep where the training stands; whole or not at all.

        Args:
            tensors: weights and what the optimiser needs, by name.
            facts: numbers and texts, as JSON.
        """
        self.tensors = {n: np.ascontiguousarray(t) for n, t in tensors.items()}
        self.facts = dict(facts)
        if self.folder is None:
            return
        with whole_file(self.folder / "training.csv") as partial:
            with open(partial, "w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(self.curve)
                writer.writerows(zip(*self.curve.values(), strict=True))
        with whole_file(self.folder / "state.safetensors") as partial:
            save_file(self.tensors, partial)
        with whole_file(self.folder / "state.json") as partial:
            partial.write_text(json.dumps({"case": self._key, **self.facts}))

    def _read(self) -> None:
        files = [self.folder / f"state{suffix}" for suffix in (".json", ".safetensors")]
        if not all(file.exists() for file in files):
            return
        try:
            facts = json.loads(files[0].read_text())
            tensors = load_file(files[1])
            with open(self.folder / "training.csv", newline="") as file:
                names, *rows = csv.reader(file)
            columns = zip(*rows, strict=True)
            curve = {
                n: list(map(float, c)) for n, c in zip(names, columns, strict=True)
            }
        except (OSError, ValueError, SafetensorError) as error:
            raise ValueError(
                f"the state of a training in {self.folder} cannot be read ({error}); "
                f"start anew with --force"
            ) from error
        if facts.pop("case", None) != self._key:
            raise ValueError(
                f"{self.folder} holds the state of another training case; give another "
                f"folder, or start anew with --force"
            )
        self.facts, self.tensors, self.curve = facts, tensors, curve


def _event_writer(folder: Path) -> Any:
    """Writer of TensorBoard's event files, or None where that is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder))
