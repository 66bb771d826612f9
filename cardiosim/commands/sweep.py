"""`cardiosim sweep`: a case at many values, one table; goes on where it was stopped."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import typer

from cardiosim.case.read import CaseError, case_file, read_case
from cardiosim.case.sweep import Sweep, read_sweep
from cardiosim.commands.progress import progress, waiting
from cardiosim.commands.table import show_table
from cardiosim.output.sweep_folder import TABLE, SampleRow, SweepFolder


@dataclass(frozen=True)
class _Done:
    """What a worker hands back."""

    samples: tuple[int, ...]
    rows: tuple[SampleRow, ...]
    units: dict[str, str]
    beats: tuple[np.ndarray, np.ndarray] | None = None  # times, V (n_times, n_samples)


def sweep(
    case: Annotated[Path, typer.Argument(help="Folder with case.toml, or the file.")],
    sweep_file: Annotated[
        Path, typer.Argument(metavar="SWEEP", help="sweep.toml: what is varied.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder; results/<case>-<sweep> by default."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="table.key=value, for all samples."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace earlier results in the folder.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; one a core by default.")
    ] = None,
) -> None:
    """Run a case at many values. The same command again goes on after a stop."""
    begun = perf_counter()
    asked, overrides = read_sweep(sweep_file), tuple(set_ or ())
    workers = workers or len(os.sched_getaffinity(0))
    file = case_file(case)
    name = file.parent.resolve().name if file.name == "case.toml" else file.stem
    path = out or Path("results") / f"{name}-{sweep_file.stem}"
    with waiting("preparing the first sample"):
        plan = _Plan.of(case, overrides, asked, workers)
    folder = SweepFolder.open(path, plan.digest, asked.keys, asked.samples, force)
    folder.results.write_resolved(plan.resolved)
    n_before = len(folder.rows)
    if n_before:
        typer.echo(f"going on: {n_before} of {len(asked.samples)} samples are done")
    try:
        _run(plan, folder, workers)
    except (KeyboardInterrupt, SystemExit):
        typer.echo(
            f"cardiosim: interrupted; {len(folder.rows)} of {len(asked.samples)} "
            f"samples are in {path}; the same command goes on",
            err=True,
        )
        raise
    _conclude(folder, case, perf_counter() - begun, len(folder.rows) - n_before)


@dataclass(frozen=True)
class _Plan:
    """How the samples are run: in batches of nodes, or one case after another."""

    case: Path
    overrides: tuple[str, ...]
    sweep: Sweep
    together: bool
    batch: int
    digest: str
    resolved: dict[str, Any]

    @classmethod
    def of(
        cls, case: Path, overrides: tuple[str, ...], sweep: Sweep, workers: int
    ) -> _Plan:
        from cardiosim.case.build import assemble, build_pacer
        from cardiosim.case.resolve import resolved_document
        from cardiosim.experiments.population import can_run_together
        from cardiosim.ionic.equations import fingerprint

        first = _case(case, overrides, sweep, 0)
        together = can_run_together(first, sweep.keys)
        # Compiled here, so that no two workers do it at once.
        resolved, problem = assemble(first)
        build_pacer(resolved, problem.cell)
        base = read_case(case, overrides).model_dump_json()
        values = json.dumps([sweep.keys, sweep.samples, sweep.seed, sweep.keep_traces])
        n_samples = len(sweep.samples)
        # Batches small enough to lose little of when stopped.
        share = max(16, -(-n_samples // (4 * workers)))
        batch = min(sweep.batch, share) if together else 1
        return cls(
            case,
            overrides,
            sweep,
            together,
            batch,
            # The first sample's cell stands for text, scheme and compiler.
            fingerprint(base, values, problem.cell.fingerprint),
            resolved_document(resolved, problem.cell) | {"sweep": _described(sweep)},
        )


def _described(sweep: Sweep) -> dict[str, Any]:
    return {
        "kind": sweep.kind,
        "keys": list(sweep.keys),
        "samples": len(sweep.samples),
        "seed": sweep.seed,
    }


def _case(case: Path, overrides: Sequence[str], sweep: Sweep, sample: int):
    own = [f"{k}={json.dumps(v)}" for k, v in sweep.overrides(sample).items()]
    return read_case(case, (*overrides, *own))


def _run(plan: _Plan, folder: SweepFolder, workers: int) -> None:
    missing = folder.missing
    batches = [
        tuple(missing[i : i + plan.batch]) for i in range(0, len(missing), plan.batch)
    ]
    if not batches:
        return
    work = _run_together if plan.together else _run_alone
    n_samples, n_before = len(plan.sweep.samples), len(folder.rows)
    with (
        progress("sweep", "samples") as show,
        _pool(min(workers, len(batches))) as pool,
    ):
        waiting_for: set[Future] = {
            pool.submit(work, plan.case, plan.overrides, plan.sweep, batch)
            for batch in batches
        }
        while waiting_for:
            finished, waiting_for = wait(waiting_for, return_when=FIRST_COMPLETED)
            for future in finished:
                done: _Done = future.result()
                if done.beats is not None:
                    folder.add_beats(done.samples, *done.beats)
                folder.add(done.rows, done.units)
            show(len(folder.rows) - n_before, n_samples - n_before)


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes of their own threads: forking under numba's would not be safe."""
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _one_thread)
    try:
        yield pool
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    pool.shutdown()


def _one_thread() -> None:
    import multiprocessing
    import signal
    import threading

    import numba

    def follow_the_parent() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)  # killed: nobody waits for the result

    threading.Thread(target=follow_the_parent, daemon=True).start()

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops us
    numba.set_num_threads(1)


def _run_together(
    case: Path, overrides: tuple[str, ...], sweep: Sweep, samples: tuple[int, ...]
) -> _Done:
    """Samples as nodes of one run."""
    from cardiosim.experiments.population import run_population

    found = run_population([_case(case, overrides, sweep, k) for k in samples])
    rows = tuple(
        SampleRow(
            sample,
            {name: float(values[i]) for name, values in found.numbers.items()},
            found.errors.get(i, ""),
        )
        for i, sample in enumerate(samples)
    )
    beats = (found.times, found.V) if sweep.keep_traces else None
    return _Done(samples, rows, found.units, beats)


def _run_alone(
    case: Path, overrides: tuple[str, ...], sweep: Sweep, samples: tuple[int, ...]
) -> _Done:
    """Samples as cases of their own."""
    from cardiosim.commands.run import run_case

    rows, units = [], {}
    for sample in samples:
        own = [f"{k}={json.dumps(v)}" for k, v in sweep.overrides(sample).items()]
        with tempfile.TemporaryDirectory(prefix="cardiosim-") as folder:
            try:
                finished = run_case(case, Path(folder) / "run", (*overrides, *own))
            except CaseError:
                raise
            except (ValueError, RuntimeError) as error:
                rows.append(SampleRow(sample, {}, " ".join(str(error).split())))
                continue
        numbers = {
            name: float(entry["value"])
            for name, entry in finished.summary.items()
            if isinstance(entry["value"], int | float)
        }
        units |= {name: finished.summary[name]["unit"] for name in numbers}
        rows.append(SampleRow(sample, numbers))
    return _Done(samples, tuple(rows), units)


def _conclude(folder: SweepFolder, case: Path, seconds: float, n_run: int) -> None:
    """Table of the spread of every number, the picture, the summary."""
    errors = [row for row in folder.rows.values() if row.error]
    names = dict.fromkeys(n for row in folder.rows.values() for n in row.numbers)
    summary, lines = {}, []
    for name in names:
        values = folder.column(name)
        values = values[np.isfinite(values)]
        if not values.size:
            continue
        unit = folder.units.get(name, "1")
        quantiles = np.quantile(values, [0.0, 0.05, 0.5, 0.95, 1.0])
        lines.append(
            (name, *(f"{q:.5g}" for q in quantiles), unit if unit != "1" else "")
        )
        summary[name] = {
            "value": float(quantiles[2]),
            "unit": unit,
            "definition": f"median of {values.size} samples",
        }
    header = ("number", "least", "5 %", "median", "95 %", "largest", "unit")
    show_table(header, lines, numbers=range(1, 6))
    path = folder.results.path
    _draw(folder, read_case(case).title)
    folder.finish()
    folder.results.write_summary(summary)
    rate = f" ({n_run / seconds:.3g} a second)" if n_run else ""
    typer.echo(f"\n{len(folder.rows)} samples in {seconds:.1f} s{rate}")
    if errors:
        first = min(errors, key=lambda row: row.sample)
        typer.echo(
            f"warning: {len(errors)} samples have no numbers; sample {first.sample}: "
            f"{first.error}",
            err=True,
        )
    typer.echo(f"table: {path / TABLE}")


def _draw(folder: SweepFolder, title: str) -> None:
    kept = folder.beats()
    apd90 = folder.column("apd90")
    if kept is None or not np.isfinite(apd90).any():
        return
    from cardiosim.output.cell_plots import population_figure

    times, V = kept
    whole = np.isfinite(V).all(axis=0)
    path = folder.results.path
    population_figure(
        times, V[:, whole], apd90[whole], path / "population.png", title=title
    )
    nodes = np.flatnonzero(whole)
    folder.results.write_traces(
        "last_beat", times, nodes, {"V": V[:, whole]}, {"V": "mV"}
    )
