"""`cardiosim sweep`: a case at many values, one table; goes on where it was stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import typer

import cardiosim
from cardiosim.case.named_files import files_of, models_of
from cardiosim.case.read import CaseError, case_name, read_case
from cardiosim.case.schema import Case
from cardiosim.case.sweep import Sweep, read_sweep
from cardiosim.commands.option_values import CaseFolder, Force
from cardiosim.commands.progress import progress, waiting
from cardiosim.commands.sweep_pictures import draw_sweep
from cardiosim.commands.sweep_workers import Batch, run_batches
from cardiosim.commands.table import show_table
from cardiosim.output.sweep_folder import TABLE, SweepFolder

SMALLEST_BATCH = 16  # nodes, below which a strip of them is not full


def sweep(
    case: CaseFolder,
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
    force: Force = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; one a core by default.")
    ] = None,
) -> None:
    """Run a case at many values. The same command again goes on after a stop."""
    from cardiosim.case.resolve import cores

    begun = perf_counter()
    asked = read_sweep(sweep_file)
    workers = workers or cores()
    path = out or Path("results") / f"{case_name(case)}-{sweep_file.stem}"
    with waiting("preparing the samples"):
        plan = _Plan.of(case, tuple(set_ or ()), asked, workers)
    folder = SweepFolder.open(
        path, plan.digest, asked.keys, asked.samples, plan.batch, force
    )
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
    finally:
        folder.write_table()
    n_run = len(folder.rows) - n_before
    _conclude(folder, plan.title, perf_counter() - begun, n_run)


@dataclass(frozen=True)
class _Plan:
    """How the samples are run: in batches of nodes, or one case after another."""

    case: Path
    overrides: tuple[tuple[str, ...], ...]  # of each sample
    title: str
    together: bool
    keep_beats: bool
    batch: int
    digest: str
    resolved: dict[str, Any]

    @classmethod
    def of(
        cls, case: Path, overrides: tuple[str, ...], sweep: Sweep, workers: int
    ) -> _Plan:
        """Read every sample, so that a value that is none is told before any runs."""
        from cardiosim.case.build import assemble
        from cardiosim.case.cells import build_pacer
        from cardiosim.case.resolve import resolved_document
        from cardiosim.experiments.population import can_run_together
        from cardiosim.ionic.equations import fingerprint

        n_samples = len(sweep.samples)
        own = tuple((*overrides, *sweep.overrides(k)) for k in range(n_samples))
        cases = _read_samples(case, overrides, own)
        _check_cells(cases, tuple(each[len(overrides) :] for each in own))
        together = can_run_together(cases)
        # Compiled here, so that no two workers do it at once.
        first, problem = assemble(cases[0])
        build_pacer([first], problem.cell)
        calcium = problem.cell.facts["cytosolic_calcium"]
        if together and calcium:
            problem.cell.observe(problem.states, [calcium])
        resolved = resolved_document(
            first, problem.cell, problem.warnings, problem.diffusion
        )
        resolved["provenance"]["sweep"] = {
            "kind": sweep.kind,
            "keys": list(sweep.keys),
            "samples": n_samples,
            "seed": sweep.seed,
            "this_case": "sample 0",
        }
        # Batches small enough to lose little of when stopped.
        share = max(SMALLEST_BATCH, -(-n_samples // (4 * workers)))
        return cls(
            case,
            own,
            cases[0].title,
            together,
            sweep.keep_traces,
            min(sweep.batch, share, n_samples) if together else 1,
            fingerprint(
                cardiosim.__version__,
                str(sweep.keep_traces),
                # The first sample's cell stands for scheme and compiler.
                problem.cell.fingerprint,
                *_contents_of_files(cases),
                *(each.model_dump_json() for each in cases),
            ),
            resolved,
        )

    def of_samples(self, samples: tuple[int, ...]) -> Batch:
        """What a worker is given."""
        own = tuple(self.overrides[k] for k in samples)
        return Batch(self.case, samples, own, self.together, self.keep_beats)


def _read_samples(
    case: Path, overrides: Sequence[str], own: Sequence[tuple[str, ...]]
) -> list[Case]:
    """Cases of all samples; of a mistake, which sample it is in."""
    cases = []
    for sample, each in enumerate(own):
        try:
            cases.append(read_case(case, each))
        except CaseError as error:
            if sample == 0:
                read_case(case, overrides)  # what is wrong in all of them
            raise _of_sample(sample, each[len(overrides) :], error) from None
    return cases


def _check_cells(cases: Sequence[Case], varied: Sequence[Sequence[str]]) -> None:
    """Find out now whether each cell has the parameters that its samples name."""
    from cardiosim.case.cells import build_cell

    known = set()
    for sample, case in enumerate(cases):
        names = frozenset(case.cell.parameters)
        blocked = frozenset(name for drug in case.cell.drug for name in drug.blocks)
        cell = (case.cell.model, case.cell.scheme, names, blocked)
        if cell in known:
            continue
        try:
            build_cell(case)
        except ValueError as error:
            raise _of_sample(sample, varied[sample], error) from None
        known.add(cell)


def _of_sample(sample: int, varied: Sequence[str], error: ValueError) -> CaseError:
    return CaseError(f"sample {sample} ({', '.join(varied)}): {error}")


def _contents_of_files(cases: Sequence[Case]) -> list[str]:
    """What the samples read beside their case; a file may change between two calls."""
    from cardiosim.ionic.cell_library import model_source

    models = dict.fromkeys(model for case in cases for model in models_of(case))
    files = dict.fromkeys(path for case in cases for path in files_of(case))
    return [
        *(model_source(model).key for model in models),
        *(hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in files),
    ]


def _run(plan: _Plan, folder: SweepFolder, workers: int) -> None:
    batches = [plan.of_samples(samples) for samples in folder.missing()]
    if not batches:
        return
    n_left = sum(len(batch.samples) for batch in batches)
    workers = min(workers, len(batches))
    processes = "one process" if workers == 1 else f"{workers} processes"
    each = f"in batches of {folder.batch} cells" if plan.together else "one by one"
    samples = "one sample" if n_left == 1 else f"{n_left} samples"
    typer.echo(f"{samples}, {each}, on {processes}")
    n_before = len(folder.rows)
    with (
        progress("sweep", "samples") as show,
        # Closed at once when interrupted, so that the workers end with us.
        closing(run_batches(batches, workers)) as running,
    ):
        for finished, partly in running:
            for done in finished:
                if done.beats is not None:
                    folder.add_beats(done.samples, *done.beats)
                folder.add(done.rows, done.units)
            n_done = len(folder.rows) - n_before
            show(round(n_done + partly, 1), n_left)


def _conclude(folder: SweepFolder, title: str, seconds: float, n_run: int) -> None:
    """Table of the spread of every number, the pictures, the summary."""
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
    if lines:
        header = ("number", "least", "5 %", "median", "95 %", "largest", "unit")
        show_table(header, lines, numbers=range(1, 6))
        typer.echo()
    path = folder.results.path
    drawn = draw_sweep(folder, title)
    folder.results.write_summary(summary)
    folder.clear_up()  # after the summary: a kill in between costs nothing
    rate = f" ({n_run / seconds:.3g} a second)" if n_run else ""
    typer.echo(f"{len(folder.rows)} samples in {seconds:.1f} s{rate}")
    # One without numbers goes before one that only lacks some.
    rows = [row for row in folder.rows.values() if row.note]
    rows.sort(key=lambda row: (any(v == v for v in row.numbers.values()), row.sample))
    noted = [row.sample for row in rows]
    if noted:
        count = "one sample has" if len(noted) == 1 else f"{len(noted)} samples have"
        typer.echo(
            f"warning: {count} a note in the table; sample {noted[0]}: "
            f"{folder.rows[noted[0]].note}",
            err=True,
        )
    for file in (TABLE, *drawn):
        typer.echo(path / file)
