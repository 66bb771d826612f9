"""`cardiosim run`: a case -> a results folder, a table of numbers, pictures."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from cardiosim.case.read import case_name, read_case
from cardiosim.case.schema import LARGEST_RUSH_LARSEN_STEP, PERCENTS, Case
from cardiosim.commands import stop_if_asked
from cardiosim.commands.activation_summary import (
    activation_numbers,
    velocity_between,
)
from cardiosim.commands.electrogram_summary import electrogram_numbers
from cardiosim.commands.expected import compare, expected_file, read_expected
from cardiosim.commands.keep_recordings import KeptRecordings
from cardiosim.commands.map_numbers import duration_numbers
from cardiosim.commands.mesh_to_keep import arrays_of
from cardiosim.commands.option_values import CaseFolder, Force, Overrides
from cardiosim.commands.pictures import draw
from cardiosim.commands.progress import phases, progress
from cardiosim.commands.protocol import run_protocol_into
from cardiosim.commands.summary import (
    action_potential_numbers,
    conduction_numbers,
    missing_durations,
    no_conduction_numbers,
)
from cardiosim.commands.table import show_summary, show_table
from cardiosim.experiments.findings import entry
from cardiosim.ionic.surrogate_step import OUTSIDE
from cardiosim.measure.conduction_velocity import NoConduction
from cardiosim.output.documents import replace_text
from cardiosim.output.fields import FieldWriter
from cardiosim.output.results import ResultsFolder, open_results

# What compiles and marches is slow to import: only what runs a case does.
if TYPE_CHECKING:
    from cardiosim.simulation.monodomain import Monodomain
    from cardiosim.simulation.run import Timing


SAID_SNAPSHOTS = 200e6  # bytes


@dataclass(frozen=True)
class Finished:
    """What a run has found and where it left it."""

    folder: Path
    summary: dict[str, dict[str, Any]]
    wall_times: dict[str, float]  # s, by phase, and their total
    warnings: tuple[str, ...]


def run(
    case: CaseFolder,
    out: Annotated[
        Path | None,
        typer.Option(help="Results folder; results/<name of the case> by default."),
    ] = None,
    set_: Overrides = None,
    force: Force = False,
) -> None:
    """Run a case and write its results."""
    folder = out or Path("results") / case_name(case)
    finished = run_case(case, folder, set_ or (), force)
    show_summary(finished.summary)
    typer.echo()
    if not set_ and expected_file(case).is_file():
        compare(read_expected(case), finished.summary)
        typer.echo()
    total = finished.wall_times["total"]
    show_table(
        ("wall time", "s", "%"),
        [
            (phase, f"{seconds:.2f}", f"{100.0 * seconds / total:.0f}")
            for phase, seconds in finished.wall_times.items()
        ],
        numbers=(1, 2),
    )
    for warning in finished.warnings:
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"\nresults are in {finished.folder}")


def run_case(
    path: Path,
    folder: Path,
    overrides: Sequence[str] = (),
    force: bool = False,
    pictures: bool = True,
) -> Finished:
    """Run a case into a results folder; progress goes to stderr.

    Args:
        path: folder with case.toml, or the file.
        folder: results folder to make.
        overrides: "table.key=value" each.
        force: replace earlier results in `folder`.
        pictures: draw what was recorded; a protocol draws what it found anyway.
    """
    from cardiosim.case.build import COMPILING, assemble, pace
    from cardiosim.case.cells import build_pacer
    from cardiosim.case.resolve import resolved_document

    case = read_case(path, overrides)
    expected = None if overrides else _text_of(expected_file(path))
    ResultsFolder.check(folder, force)
    _require_writable(folder)
    clock = _Clock()
    with phases() as show_phase:

        def say(phase: str) -> None:
            if phase.startswith(COMPILING) and case.mesh.is_tissue:
                clock.stop("mesh")
            show_phase(phase)

        case, problem = assemble(case, say)
        pacer = build_pacer([case], problem.cell)
    _warn_of_loose_units(case, problem)
    _warn_of_slow_conduction(case, problem)
    _warn_of_traffic(case, problem)
    clock.stop("compile")
    with progress("pacing") as show:
        pace(case, problem, pacer, show)
    clock.stop("pace")

    results = ResultsFolder.create(folder, force)
    document = resolved_document(
        case, problem.cell, problem.warnings, problem.diffusion
    )
    results.write_resolved(document)
    results.write_mesh(arrays_of(problem.mesh))
    if expected is not None:
        replace_text(expected_file(folder), expected)
    if case.protocol:
        numbers, warnings = run_protocol_into(case, problem, results)
        clock.stop("protocol")
    else:
        _say_large_snapshots(case, problem)
        timing = _march(case, problem, results)
        for phase, seconds in (("react", timing.react), ("diffuse", timing.diffuse)):
            clock.stop(phase, seconds)
        clock.stop("record")
        numbers, warnings = _measure(case, folder)
        numbers, warnings = _with_surrogate(problem, numbers, warnings)
    results.write_summary(numbers)
    clock.stop("measure")
    if pictures and not case.protocol:  # which has drawn what it found
        warnings = (*warnings, *_draw(folder))
    clock.stop("draw")
    if warnings:  # the report tells them as well
        document["provenance"]["warnings"] = [*problem.warnings, *warnings]
        results.write_resolved(document)
    wall_times = clock.seconds | {"total": sum(clock.seconds.values())}
    entries = {
        f"wall_{phase}": {"value": s, "unit": "s", "definition": "wall time"}
        for phase, s in wall_times.items()
    }
    results.write_summary(numbers | entries)
    return Finished(folder, numbers, wall_times, warnings)


def _text_of(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _draw(folder: Path) -> list[str]:
    """Draw what was recorded; returns what could not be drawn, and why.

    The run is over and on the disk: a fault in a picture is a warning.
    """
    warnings: list[str] = []
    try:
        draw(open_results(folder), warnings.append)
    except Exception as error:
        if os.environ.get("CARDIOSIM_TRACEBACK"):
            raise
        said = " ".join(str(error).split())
        warnings.append(f"a picture was not drawn: {type(error).__name__}: {said}")
    return warnings


def _require_writable(folder: Path) -> None:
    """Find out now, rather than after minutes of pacing; leaves nothing behind."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(
            f"{folder} cannot be written ({error.strerror}); choose another folder "
            "with --out"
        ) from None
    finally:
        for place in missing:
            if place.is_dir():
                place.rmdir()


def _warn_of_loose_units(case: Case, problem: Monodomain) -> None:
    complaint = problem.cell.facts["unit_complaint"]
    if complaint:
        typer.echo(
            f"warning: {case.cell.model}: units agree only loosely: {complaint} "
            "(`units: tolerant` in the header says that this is known)",
            err=True,
        )


def _warn_of_slow_conduction(case: Case, problem: Monodomain) -> None:
    step = case.time.dt / case.time.reaction_steps
    # A cell with no more than a slow gate has no upstroke that a long step could miss.
    excitable = case.mesh.is_tissue and len(problem.cell.facts["gates"]) > 2
    if case.cell.scheme != "rush_larsen" or not excitable:
        return
    if step > LARGEST_RUSH_LARSEN_STEP * (1.0 + 1e-9):
        typer.echo(
            f"warning: rush_larsen at dt {step:g} ms is about {100.0 * step:.0f} % "
            "slow in conduction; use multirate or dt of "
            f"{LARGEST_RUSH_LARSEN_STEP:g} ms or less",
            err=True,
        )


def _warn_of_traffic(case: Case, problem: Monodomain) -> None:
    device = problem.cell.placement["device"]
    if case.mesh.is_tissue and device != "cpu":
        typer.echo(
            "warning: all states travel between host and device every step: diffusion "
            f'runs on the host, the cell on {device}; cell.device = "cpu", or backend '
            '"numba", may be faster',
            err=True,
        )


def _say_large_snapshots(case: Case, problem: Monodomain) -> None:
    from cardiosim.case.resolve import bytes_of_snapshots

    size = bytes_of_snapshots(case, problem.mesh.n_nodes)
    if size > SAID_SNAPSHOTS:
        typer.echo(
            f"snapshots every {case.record.snapshot.interval:g} ms will take "
            f"{1e-6 * size:.0f} MB (record.snapshot.interval)",
            err=True,
        )


def _march(case: Case, problem: Monodomain, results: ResultsFolder) -> Timing:
    """March to the end; whatever stops it, what was recorded is written."""
    from cardiosim.case.build import build_recorders
    from cardiosim.simulation.run import RunStopped, march

    time, snapshot = case.time, case.record.snapshot
    fields = None
    if snapshot:
        units = {name: problem.cell.unit_of(name) for name in snapshot.variables}
        fields = FieldWriter(results.path, units)
    recorders = build_recorders(case, problem, fields)
    kept = KeptRecordings(case, problem, recorders, results)
    try:
        with progress(case.title or problem.cell.name) as show:

            def report(done: float, end: float) -> None:
                stop_if_asked()
                kept.write_if_due()
                show(done, end)

            return march(
                problem,
                time.dt,
                time.end,
                time.splitting,
                recorders.all,
                report,
                time.reaction_steps,
            )
    except RunStopped as error:
        raise type(error)(
            f"{error}. What was recorded until then is in {results.path}"
        ) from None
    except (KeyboardInterrupt, SystemExit):  # Ctrl-C, SIGTERM
        typer.echo(
            f"cardiosim: interrupted; what was recorded is in {results.path}", err=True
        )
        raise
    finally:
        if fields:
            fields.close()
        kept.write()


def _measure(case: Case, folder: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The numbers a case asks for, and what could not be measured and why."""
    results = open_results(folder)
    numbers, warnings = {}, []
    cv = case.measure.cv
    if cv and cv.between:
        try:
            numbers |= velocity_between(results, cv)
        except NoConduction as error:
            warnings.append(f"no conduction velocity: {error}")
    elif cv:
        try:
            numbers |= conduction_numbers(results, cv.start, cv.stop)
        except ValueError as error:
            numbers |= no_conduction_numbers(results, cv.start, cv.stop)
            warnings.append(f"no conduction velocity: {error}")
    named = case.measure.lat or case.measure.cycle_length
    if named or case.mesh.kind in ("sheet", "slab", "file"):
        numbers |= activation_numbers(results, case.measure)
    if results.durations:
        numbers |= duration_numbers(results)
    if case.measure.cv_field:
        from cardiosim.commands.velocity_numbers import asked_field, field_numbers

        try:
            numbers |= field_numbers(asked_field(results))
        except ValueError as error:
            warnings.append(f"no velocity field: {error}")
    if case.measure.apd or case.measure.apd_at:
        percents = case.measure.apd or PERCENTS
        try:
            numbers |= action_potential_numbers(results, percents)
            warnings += missing_durations(results, percents)
        except ValueError as error:
            warnings.append(f"no action potential: {error}")
    found, said = electrogram_numbers(results)
    return numbers | found, (*warnings, *said)


def _with_surrogate(
    problem: Monodomain, numbers: dict[str, Any], warnings: tuple[str, ...]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """With how often a surrogate met what it was not made for."""
    surrogate, names = problem.cell.surrogate, problem.cell.state_names
    if surrogate is None or OUTSIDE not in names:
        return numbers, warnings
    steps = problem.states[names.index(OUTSIDE)]
    total = float(steps.sum())
    definition = f"steps of a node in which {surrogate.name} was outside its range"
    numbers |= {"surrogate_steps_outside": entry(total, "1", definition)}
    if total:
        node = int(steps.argmax())
        warnings = (
            *warnings,
            f"{surrogate.name} was outside the range it was made for in {total:g} "
            f"steps at {np.count_nonzero(steps)} of {steps.size} nodes, most at node "
            f"{node}; those took the equations, or values held to the range",
        )
    return numbers, warnings


class _Clock:
    """Wall time by phase, in the order of the phases."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = perf_counter()

    def stop(self, phase: str, seconds: float | None = None) -> None:
        """Give a phase the time since the last stop, or `seconds` of it."""
        now = perf_counter() if seconds is None else self._last + seconds
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - self._last
        self._last = now
