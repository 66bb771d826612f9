"""What a training has done so far, on disk: its curve, and where it can go on.

    training.csv        one row an iteration that was logged
    state.safetensors   weights and the optimiser's own tensors; in its header the
                        optimiser's numbers, the iteration, the case it belongs to

With tensorboard installed its event files are written beside them.
"""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from cardiosim.whole_file import whole_file

Progress = Callable[[float, float], None]

log = logging.getLogger(__name__)

_STATE = "state.safetensors"


def has_state(folder: Path) -> bool:
    """Whether a training has left a state in a folder, to go on from."""
    return (folder / _STATE).is_file()


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
        self._began, self._before = perf_counter(), 0.0
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        if resume:
            self._read()
        else:
            for name in ("training.csv", _STATE):
                (folder / name).unlink(missing_ok=True)
        self._writer = _event_writer(folder)

    @property
    def is_resumed(self) -> bool:
        """Whether there is a state to go on from."""
        return bool(self.facts)

    @property
    def seconds(self) -> float:
        """Wall time, s, with that of earlier sittings up to their last state."""
        return self._before + perf_counter() - self._began

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
        self.tensors = {n: np.asarray(t, order="C") for n, t in tensors.items()}
        self.facts = dict(facts)
        if self.folder is None:
            return
        with whole_file(self.folder / "training.csv") as partial:
            with open(partial, "w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(self.curve)
                writer.writerows(zip(*self.curve.values(), strict=True))
        n_rows = len(next(iter(self.curve.values()), ()))
        header = {"case": self._key, "rows": n_rows, "facts": self.facts}
        header["seconds"] = self.seconds
        with whole_file(self.folder / _STATE) as partial:
            save_file(self.tensors, partial, {"state": json.dumps(header)})

    def _read(self) -> None:
        if not has_state(self.folder):
            return
        file = self.folder / _STATE
        try:
            with safe_open(file, "numpy") as state:
                header = json.loads((state.metadata() or {})["state"])
                tensors = {name: state.get_tensor(name) for name in state.keys()}
            curve = self._read_curve(header["rows"])
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise ValueError(
                f"the state of a training in {self.folder} cannot be read ({error}); "
                f"start anew with --force"
            ) from error
        if header["case"] != self._key:
            raise ValueError(
                f"{self.folder} holds the state of another training case; give another "
                f"folder, or start anew with --force"
            )
        self.facts, self.tensors, self.curve = header["facts"], tensors, curve
        self._before = header.get("seconds", 0.0)

    def _read_curve(self, n_rows: int) -> dict[str, list[float]]:
        """The curve up to the state: killed in between, its file is a row ahead."""
        if not n_rows:
            return {}
        with open(self.folder / "training.csv", newline="") as file:
            names, *rows = csv.reader(file)
        if len(rows) < n_rows:
            raise ValueError(f"training.csv has {len(rows)} rows of {n_rows}")
        columns = zip(*rows[:n_rows], strict=True)
        return {n: list(map(float, c)) for n, c in zip(names, columns, strict=True)}


def _event_writer(folder: Path) -> Any:
    """Writer of TensorBoard's event files, or None where that is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder))
