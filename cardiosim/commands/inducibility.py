"""`cardiosim inducibility`: which of many trials leave a wave behind that goes on.

trials.csv         a trial a row: what was varied, what became of it, and the numbers
inducibility.png   the same as tiles
induced.png        V and its phase over a turn of the first trial that is sustained
summary.json, resolved.toml (of the first trial)
"""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cardiosim.commands.option_values import CaseFolder, Force
from cardiosim.commands.progress import progress
from cardiosim.commands.table import number, show_table

if TYPE_CHECKING:
    from cardiosim.case.sweep import Sweep
    from cardiosim.experiments.induction import Frames, InductionTrial
    from cardiosim.output.mesh_arrays import MeshArrays
    from cardiosim.output.results import ResultsFolder

TABLE = "trials.csv"
QUARTERS = 4  # of a turn that are drawn


def inducibility(
    case: CaseFolder,
    trials: Annotated[
        Path,
        typer.Argument(
            metavar="TRIALS",
            help="A sweep.toml: which stimuli are tried, such as "
            "stimulus.1.start = [140, 150, 160].",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder; results/<case>-<trials> by default."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="table.key=value, for all trials."),
    ] = None,
    force: Force = False,
    watch: Annotated[
        float,
        typer.Option(min=100.0, help="ms a trial is watched after its last pulse."),
    ] = 1000.0,
) -> None:
    """Try stimuli one by one: which induce a wave that goes on?

    A trial is a case; its last pulse is what may induce. It is called sustained if
    the wave of some pulse runs again over nodes that it has run over before, and nodes
    are still activated in the last 50 ms of the watch; "re-entry dies" if so many as a
    tenth of the nodes were run over again, but the tissue fell silent; "wave dies" if
    not; "no response" if nothing left the nodes that the last pulse stimulates.
    """
    from cardiosim.case.read import case_name, read_case
    from cardiosim.case.sweep import read_sweep
    from cardiosim.output.results import ResultsFolder

    begun = perf_counter()
    asked = read_sweep(trials)
    own = [asked.overrides(k) for k in range(len(asked.samples))]
    cases = [read_case(case, (*(set_ or ()), *each)) for each in own]
    folder = out or Path("results") / f"{case_name(case)}-{trials.stem}"
    ResultsFolder.check(folder, force)

    from cardiosim.case.resolve import resolve, resolved_document
    from cardiosim.commands.mesh_to_keep import arrays_of
    from cardiosim.experiments.induction import induction_trials

    with progress("induction", "trials") as show:
        found, problem = induction_trials(
            cases,
            watch,
            lambda k, done, end: show(round(k + done / end, 2), len(cases)),
        )
    results = ResultsFolder.create(folder, force)
    cell = problem.cell
    first = resolve(cases[0], cell.state_names[0], cell.facts["model_fast"])
    document = resolved_document(first, cell, problem.warnings, problem.diffusion)
    document["provenance"]["sweep"] = {
        "kind": "trials of induction",
        "keys": list(asked.keys),
        "samples": len(asked.samples),
        "watch": watch,
        "this_case": "trial 0",
    }
    results.write_resolved(document)
    mesh = arrays_of(problem.mesh)
    results.write_mesh(mesh)
    _write_table(asked, found, folder)
    results.write_summary(_summary(asked, found, watch))
    _show(asked, found)
    drawn = _draw(asked, found, mesh, results, cases[0].title)
    typer.echo(
        f"\n{sum(t.found.outcome == 'sustained' for t in found)} of {len(found)} "
        f"trials sustained after {watch:g} ms; {perf_counter() - begun:.1f} s"
    )
    for file in (TABLE, *drawn):
        typer.echo(folder / file)


def _columns(asked: Sweep, found: list[InductionTrial]) -> dict[str, tuple[str, list]]:
    """Name -> unit and values, a trial each."""
    from dataclasses import asdict

    judged = [asdict(trial.found) for trial in found]
    columns: dict[str, tuple[str, list]] = {
        key: ("1", [sample[k] for sample in asked.samples])
        for k, key in enumerate(asked.keys)
    }
    columns["pulses"] = ("1", [trial.pulses for trial in found])
    columns["coupling"] = ("ms", [trial.coupling for trial in found])
    units = {"last_activation": "ms", "cycle_length": "ms"}
    for name in judged[0]:
        columns[name] = (units.get(name, "1"), [each[name] for each in judged])
    return columns


def _write_table(asked: Sweep, found: list[InductionTrial], folder: Path) -> None:
    from cardiosim.output.tables import write_table

    columns = _columns(asked, found)
    write_table(
        folder / TABLE,
        {name: values for name, (_, values) in columns.items()},
        {name: unit for name, (unit, _) in columns.items()},
    )


def _show(asked: Sweep, found: list[InductionTrial]) -> None:
    columns = _columns(asked, found)
    names = [name for name in columns if name != "own_beats"]
    header = [n if columns[n][0] == "1" else f"{n} {columns[n][0]}" for n in names]
    rows = [[_text(columns[name][1][k]) for name in names] for k in range(len(found))]
    text = {i for i, name in enumerate(names) if isinstance(columns[name][1][0], str)}
    show_table(header, rows, numbers=[i for i in range(len(names)) if i not in text])
    own = sum(trial.found.own_beats for trial in found)
    if own:
        typer.echo(
            f"note: {own} activations have no pulse that explains them", err=True
        )


def _text(value: object) -> str:
    return number(round(value, 3) if isinstance(value, float) else value)


def _summary(
    asked: Sweep, found: list[InductionTrial], watch: float
) -> dict[str, dict[str, Any]]:
    from cardiosim.experiments.findings import entry
    from cardiosim.measure.induction import OUTCOMES

    outcomes = [trial.found.outcome for trial in found]
    numbers = {"trials": entry(len(found), "1", "trials of induction")}
    for name in OUTCOMES:
        key = name.replace(" ", "_").replace("-", "_")
        numbers[key] = entry(
            outcomes.count(name), "1", f"trials called {name!r} after {watch:g} ms"
        )
    if len(asked.keys) == 1:
        values = [
            s[0]
            for s, o in zip(asked.samples, outcomes, strict=True)
            if o == "sustained" and isinstance(s[0], int | float)
        ]
        for which, pick in (("smallest", min), ("largest", max)):
            numbers[f"{which}_sustained"] = entry(
                pick(values) if values else float("nan"),
                "1",
                f"{which} value of {asked.keys[0]} that is sustained",
            )
    return numbers


def _draw(
    asked: Sweep,
    found: list[InductionTrial],
    mesh: MeshArrays,
    results: ResultsFolder,
    title: str,
) -> list[str]:
    from cardiosim.output.induction_plots import inducibility_figure

    drawn = ["inducibility.png"]
    inducibility_figure(
        asked.keys,
        asked.samples,
        [trial.found for trial in found],
        results.path / drawn[0],
        title=title,
    )
    for number_, trial in enumerate(found):
        if trial.frames is not None:
            said = ", ".join(asked.overrides(number_))
            path = results.path / "induced.png"
            cycle = trial.found.cycle_length
            if _draw_turn(mesh, trial.frames, cycle, path, f"{title}\n{said}"):
                drawn.append(path.name)
    return drawn


def _draw_turn(
    mesh: MeshArrays, frames: Frames, cycle: float, path: Path, title: str
) -> bool:
    """V and phase over the last turn; returns whether there was something to draw."""
    import numpy as np

    from cardiosim.measure.phase import SHARE_OF_CYCLE, phase
    from cardiosim.output.phase_plot import phase_map

    last = frames.times >= frames.times[-1] - 2.0 * cycle
    V, times = frames.V[last], frames.times[last]
    phases = phase(V, times, SHARE_OF_CYCLE * cycle)
    end = phases.times[-1]
    wanted = end - cycle * np.arange(QUARTERS)[::-1] / QUARTERS
    at = [int(np.abs(phases.times - t).argmin()) for t in wanted]
    shown = [float(round(phases.times[k], 3)) for k in at]
    return phase_map(
        mesh,
        shown,
        [V[k] for k in at],
        [phases.values[k] for k in at],
        path,
        title=f"{title}\ntime after the last pulse; phase around "
        f"V* = {phases.origin:.3g} mV, V against V {phases.delay:.3g} ms later".strip(),
    )
