"""The folder of a sweep: what is done, kept so that a killed one can go on.

    sweep.json       which sweep this is: a hash of all it depends on, and its batches
    journal.jsonl    one line a finished batch, written as it finishes
    beats_*.npz      V of the last beats of finished batches
    samples.csv      the table, in the order of the samples

A line of the journal that a kill cut short is no line: its batch is run again, and no
other. Journal and beats are removed when the summary has been written; until then the
table is rewritten every few seconds.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
TABLE_EVERY = 5.0  # s


@dataclass(frozen=True)
class SampleRow:
    """A finished sample: its numbers, and why it has none or lacks some."""

    sample: int
    numbers: Mapping[str, float]
    note: str = ""


class SweepFolder:
    """Rows of a sweep on disk.

    Attributes:
        results: the results folder.
        keys: what the sweep varies.
        samples: values of the keys by sample.
        batch: how many samples run together; the k-th batch is always the same ones.
        units: of the numbers, as far as they are known.
        rows: finished samples.
    """

    def __init__(
        self,
        results: ResultsFolder,
        keys: tuple[str, ...],
        samples: Sequence[Sequence[Any]],
        batch: int,
    ) -> None:
        """Without rows."""
        self.results, self.keys, self.samples, self.batch = (
            results,
            keys,
            samples,
            batch,
        )
        self.units: dict[str, str] = {}
        self.rows: dict[int, SampleRow] = {}
        self._table_written = -math.inf

    @classmethod
    def open(
        cls,
        path: Path,
        digest: str,
        keys: tuple[str, ...],
        samples: Sequence[Sequence[Any]],
        batch: int,
        force: bool,
    ) -> SweepFolder:
        """Make the folder of a sweep, or go on with the one that is there.

        Args:
            path: of the folder.
            digest: hash of everything the sweep's numbers depend on.
            keys: what the sweep varies.
            samples: values of the keys by sample.
            batch: samples to run together; one that goes on keeps its own.
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
            known = read_json(description)
            if known.get("digest") != digest:
                raise FileExistsError(
                    f"{path} holds an unfinished sweep of another case, values or "
                    "another version of the program; choose another folder, or --force "
                    "to replace it"
                )
            folder = cls(ResultsFolder(path), keys, samples, known["batch"])
            folder._read_journal()
            return folder
        results = ResultsFolder.create(path, force)
        described = {"digest": digest, "samples": len(samples), "batch": batch}
        write_json(description, described)
        return cls(results, keys, samples, batch)

    def missing(self) -> list[tuple[int, ...]]:
        """Batches that are not done: the samples of each."""
        n, size = len(self.samples), self.batch
        batches = [tuple(range(k, min(k + size, n))) for k in range(0, n, size)]
        return [batch for batch in batches if batch[0] not in self.rows]

    def add(self, rows: Sequence[SampleRow], units: Mapping[str, str]) -> None:
        """Keep a finished batch: in the journal at once, soon in the table."""
        self.units |= units
        entries = [
            {
                "sample": row.sample,
                "note": row.note,
                "numbers": {
                    k: None if math.isnan(v) else v for k, v in row.numbers.items()
                },
            }
            for row in rows
        ]
        line = json.dumps({"units": dict(units), "rows": entries})
        # First, so that Ctrl-C while the disk is waited for leaves them in the table.
        self.rows |= {row.sample: row for row in rows}
        with open(self.results.path / JOURNAL, "a", encoding="utf-8") as journal:
            journal.write(line + "\n")
            journal.flush()
            os.fsync(journal.fileno())  # a power cut, too, loses no finished batch
        if time.monotonic() - self._table_written > TABLE_EVERY:
            self.write_table()

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

    def clear_up(self) -> None:
        """Remove what only a sweep that goes on needs."""
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
            self.units |= entry["units"]
            for row in entry["rows"]:
                numbers = {
                    k: math.nan if v is None else v for k, v in row["numbers"].items()
                }
                self.rows[row["sample"]] = SampleRow(
                    row["sample"], numbers, row["note"]
                )
        if len(whole) < len(lines):
            with whole_file(path) as partial:
                partial.write_text("".join(whole), encoding="utf-8")

    def write_table(self) -> None:
        """Write the finished samples as a table."""
        self._table_written = time.monotonic()
        done = sorted(self.rows)
        columns: dict[str, list] = {"sample": done}
        for i, key in enumerate(self.keys):
            columns[key] = [self.samples[k][i] for k in done]
        names = dict.fromkeys(n for k in done for n in self.rows[k].numbers)
        for name in names:
            columns[name] = [self.rows[k].numbers.get(name, math.nan) for k in done]
        columns["note"] = [self.rows[k].note for k in done]
        write_table(self.results.path / TABLE, columns, self.units)
