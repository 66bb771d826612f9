"""The processes of `cardiosim sweep`: what one of them does, and the pool of them."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from cardiosim.case.read import read_case
from cardiosim.output.sweep_folder import SampleRow

LOOK_EVERY = 0.5  # s between two looks at how far the workers are

_shares: Sequence[float] = ()  # of each batch that is done, 0 to 1; in a worker


@dataclass(frozen=True)
class Batch:
    """Samples that a worker runs: as nodes of one mesh, or one case after another."""

    case: Path
    samples: tuple[int, ...]
    overrides: tuple[tuple[str, ...], ...]  # "table.key=value", of each sample
    together: bool
    keep_beats: bool


@dataclass(frozen=True)
class Done:
    """What a worker hands back."""

    samples: tuple[int, ...]
    rows: tuple[SampleRow, ...]
    units: dict[str, str]
    beats: tuple[np.ndarray, np.ndarray] | None = None  # times, V (n_times, n_samples)


def run_batches(
    batches: Sequence[Batch], workers: int
) -> Iterator[tuple[list[Done], float]]:
    """Run batches in processes.

    Yields:
        The batches that have finished since last time, if any, and how many samples
        the unfinished ones are worth by now.

    Raises:
        RuntimeError: a worker was killed.
    """
    context = get_context("spawn")  # forking under numba's threads would not be safe
    shares = context.RawArray("d", len(batches))
    pool = ProcessPoolExecutor(workers, context, _begin_worker, (shares,))
    try:
        # Ctrl-C goes to the workers too, and they are to leave it to us from the first.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            number_of: dict[Future, int] = {
                pool.submit(_run, number, batch): number
                for number, batch in enumerate(batches)
            }
        finally:
            signal.signal(signal.SIGINT, before)
        unfinished = set(number_of)
        while unfinished:
            finished, unfinished = wait(unfinished, LOOK_EVERY, FIRST_COMPLETED)
            begun = (number_of[future] for future in unfinished)
            partly = sum(shares[k] * len(batches[k].samples) for k in begun)
            yield [future.result() for future in finished], partly
    except BrokenExecutor:
        _end(pool)
        raise RuntimeError(
            "a process of the sweep was killed, perhaps for want of memory; the same "
            "command goes on, with fewer --workers or a smaller batch if need be"
        ) from None
    except BaseException:
        _end(pool)
        raise
    pool.shutdown()


def _end(pool: ProcessPoolExecutor) -> None:
    """Stop the workers now, whatever they are at."""
    for process in list((pool._processes or {}).values()):
        process.terminate()
    pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker(shares: Sequence[float]) -> None:
    import sys
    from multiprocessing import parent_process

    import numba

    def follow_the_parent() -> None:
        parent_process().join()
        os._exit(1)  # killed: nobody waits for the result

    threading.Thread(target=follow_the_parent, daemon=True).start()
    numba.set_num_threads(1)
    # The parent alone says how far it is; errors go back to it as such.
    sys.stderr = open(os.devnull, "w")
    global _shares
    _shares = shares


def _run(number: int, batch: Batch) -> Done:
    return (_run_together if batch.together else _run_alone)(number, batch)


def _run_together(number: int, batch: Batch) -> Done:
    from cardiosim.experiments.population import run_population

    def report(done: float, end: float) -> None:
        _shares[number] = done / end

    cases = [read_case(batch.case, overrides) for overrides in batch.overrides]
    found = run_population(cases, report)
    rows = tuple(
        SampleRow(
            sample,
            {name: float(values[i]) for name, values in found.numbers.items()},
            _one_line((found.errors | found.notes).get(i, "")),
        )
        for i, sample in enumerate(batch.samples)
    )
    beats = (found.times, found.V) if batch.keep_beats else None
    return Done(batch.samples, rows, found.units, beats)


def _run_alone(number: int, batch: Batch) -> Done:
    from cardiosim.commands.run import run_case

    rows, units = [], {}
    for k, (sample, overrides) in enumerate(
        zip(batch.samples, batch.overrides, strict=True)
    ):
        with tempfile.TemporaryDirectory(prefix="cardiosim-") as folder:
            try:
                finished = run_case(
                    batch.case, Path(folder) / "run", overrides, pictures=False
                )
            except (ValueError, RuntimeError) as error:
                rows.append(SampleRow(sample, {}, _one_line(str(error))))
                continue
        numbers = {
            name: float(entry["value"])
            for name, entry in finished.summary.items()
            if isinstance(entry["value"], int | float)
        }
        units |= {name: finished.summary[name]["unit"] for name in numbers}
        note = _one_line("; ".join(finished.warnings))
        rows.append(SampleRow(sample, numbers, note))
        _shares[number] = (k + 1) / len(batch.samples)
    return Done(batch.samples, tuple(rows), units)


def _one_line(text: str) -> str:
    # What was recorded goes with the sample's own folder, so do not point there.
    return " ".join(text.partition(". What was recorded")[0].split())
