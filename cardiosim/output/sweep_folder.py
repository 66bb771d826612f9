"""The folder of a sweep: what is done, kept so that a killed one can go on.

    sweep.json       which sweep this is: a hash of all it depends on, and its size
    journal.jsonl    one line a finished sample, written as it finishes
    beats_*.npz      V of the last beats of finished batches, until the end
    samples.csv      the table, rewritten after every batch, in the order of the samples

A line of the journal that a kill cut short is no line: its sample is run again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cardiosim.output.documents import read_json, write_json
from cardiosim.output.results import MARKER, SUMMARY, ResultsFolder
from cardiosim.output.tables import write_table
from cardiosim.whole_file import whole_file

DESCRIPTION = "sweep.json"
JOURNAL = "journal.jsonl"
TABLE = "samples.csv"


@dataclass(frozen=True)
class SampleRow:
    """A finished sample: its numbers, or why it has none."""

    sample: int
    numbers: Mapping[str, float]
    error: str = ""


@dataclass
class SweepFolder:
    """Rows of a sweep on disk.

    Attributes:
        results: the results folder.
        keys: what the sweep varies.
        samples: values of the keys by sample.
        units: of the numbers, as far as they are known.
        rows: finished samples.
    """

    results: ResultsFolder
    keys: tuple[str, ...]
    samples: Sequence[Sequence[Any]]
    units: dict[str, str] = field(default_factory=dict)
    rows: dict[int, SampleRow] = field(default_factory=dict)

    @classmethod
    def open(
        cls,
        path: Path,
        digest: str,
        keys: tuple[str, ...],
        samples: Sequence[Sequence[Any]],
        force: bool,
    ) -> SweepFolder:
        """Make the folder of a sweep, or go on with the one that is there.

        Args:
            path: of the folder.
            digest: hash of everything the sweep's numbers depend on.
            keys: what the sweep varies.
            samples: values of the keys by sample.
            force: begin anew even if the folder holds results.

        Raises:
            FileExistsError: the folder holds other results, or this sweep finished.
        """
        description = path / DESCRIPTION
        unfinished = (
            (path / MARKER).is_file()
            and description.is_file()
            and not (path / SUMMARY).is_file()
        )
        if unfinished and not force:
            if read_json(description).get("digest") != digest:
                raise FileExistsError(
                    f"{path} holds an unfinished sweep of another case, values or "
                    "another version of the program; choose another folder, or --force "
                    "to replace it"
                )
            folder = cls(ResultsFolder(path), keys, samples)
            folder._read_journal()
            return folder
        results = ResultsFolder.create(path, force)
        write_json(description, {"digest": digest, "samples": len(samples)})
        return cls(results, keys, samples)

    @property
    def missing(self) -> list[int]:
        """Samples that are not done."""
        return [k for k in range(len(self.samples)) if k not in self.rows]

    def add(self, rows: Sequence[SampleRow], units: Mapping[str, str]) -> None:
        """Keep finished samples, in the journal and in the table."""
        self.units |= units
        with open(self.results.path / JOURNAL, "a", encoding="utf-8") as journal:
            for row in rows:
                self.rows[row.sample] = row
                entry = {"sample": row.sample, "error": row.error, "units": self.units}
                numbers = {
                    k: None if math.isnan(v) else v for k, v in row.numbers.items()
                }
                journal.write(json.dumps(entry | {"numbers": numbers}) + "\n")
        self._write_table()

    def add_beats(self, samples: Sequence[int], times: NDArray, V: NDArray) -> None:
        """Keep V of the last beats, mV, (n_times, n_samples)."""
        path = self.results.path / f"beats_{samples[0]:06d}.npz"
        with whole_file(path) as partial, open(partial, "wb") as file:
            single = V.astype(np.float32)  # for pictures: 1e-5 mV
            np.savez(file, samples=np.array(samples), times=times, V=single)

    def column(self, name: str) -> NDArray:
        """One number of every sample, (n_samples,); NaN where there is none."""
        return np.array(
            [
                self.rows[k].numbers.get(name, math.nan) if k in self.rows else math.nan
                for k in range(len(self.samples))
            ]
        )

    def beats(self) -> tuple[NDArray, NDArray] | None:
        """Times, ms, and V of every sample, (n_times, n_samples); None if not kept."""
        parts = []
        for path in sorted(self.results.path.glob("beats_*.npz")):
            with np.load(path, allow_pickle=False) as stored:
                parts.append((stored["samples"], stored["times"], stored["V"]))
        parts = [part for part in parts if len(part[1])]
        if not parts:
            return None
        n_times = min(len(times) for _, times, _ in parts)
        V = np.full((n_times, len(self.samples)), np.nan)
        for samples, _, values in parts:
            V[:, samples] = values[:n_times]
        return parts[0][1][:n_times], V

    def finish(self) -> None:
        """Leave the table; the journal and the parts have done their work."""
        self._write_table()
        (self.results.path / JOURNAL).unlink(missing_ok=True)
        for path in self.results.path.glob("beats_*.npz"):
            path.unlink()

    def _read_journal(self) -> None:
        path = self.results.path / JOURNAL
        if not path.is_file():
            return
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]
        for line in whole:
            entry = json.loads(line)
            numbers = {
                k: math.nan if v is None else v for k, v in entry["numbers"].items()
            }
            row = SampleRow(entry["sample"], numbers, entry["error"])
            self.rows[row.sample] = row
            self.units |= entry["units"]
        if len(whole) < len(lines):
            with whole_file(path) as partial:
                partial.write_text("".join(whole), encoding="utf-8")

    def _write_table(self) -> None:
        done = sorted(self.rows)
        columns: dict[str, list] = {"sample": done}
        for i, key in enumerate(self.keys):
            columns[key] = [self.samples[k][i] for k in done]
        names = dict.fromkeys(n for k in done for n in self.rows[k].numbers)
        for name in names:
            columns[name] = [self.rows[k].numbers.get(name, math.nan) for k in done]
        columns["error"] = [self.rows[k].error for k in done]
        write_table(self.results.path / TABLE, columns, self.units)
