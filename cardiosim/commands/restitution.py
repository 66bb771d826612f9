"""`cardiosim restitution`: durations and velocity of waves in tissue, over rest.

s1s2.csv           an S1-S2 interval a row: rest, durations, velocity, answered
dynamic.csv        a cycle length a row: the same of the last beat, and alternans
restitution.png    durations and velocity over the diastolic interval
summary.json, resolved.toml
"""

from __future__ import annotations

import math
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cardiosim.commands.option_values import CaseFolder, Force, Overrides, position_of
from cardiosim.commands.progress import progress
from cardiosim.commands.table import show_table

if TYPE_CHECKING:
    from cardiosim.experiments.tissue_beats import Places
    from cardiosim.experiments.tissue_restitution import Slope, TissueRestitution
    from cardiosim.tissue.mesh import Mesh

Columns = dict[str, tuple[str, list[float]]]


def restitution(
    case: CaseFolder,
    s1s2: Annotated[
        str | None,
        typer.Option(help="S1-S2 intervals, ms: 250,260,300:800:50 (from:to:step)."),
    ] = None,
    dynamic: Annotated[
        str | None, typer.Option(help="Cycle lengths, ms, likewise.")
    ] = None,
    bcl: Annotated[
        float | None,
        typer.Option(help="Of S1, ms; that of cell.prepace by default."),
    ] = None,
    s1_beats: Annotated[
        int, typer.Option(min=1, help="Of S1 in the tissue, before S2.")
    ] = 5,
    beats: Annotated[
        int, typer.Option(min=2, help="Of each dynamic train, in the tissue.")
    ] = 10,
    percent: Annotated[
        list[float] | None,
        typer.Option(help="Of repolarisation; may be given several times. 50 and 90."),
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(
            help="Position of a duration, mm: x, or x,y,z; may be given several times. "
            "The middle of the measured part by default."
        ),
    ] = None,
    refine: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="Between neighbours that differ much try further intervals, down to "
            "this distance, ms; 0 tries none.",
        ),
    ] = 5.0,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder; results/<name of the case>-restitution."),
    ] = None,
    set_: Overrides = None,
    force: Force = False,
) -> None:
    """Restitution in tissue: APD and conduction velocity over diastolic interval.

    S1S2: one premature S2 after a train S1, at its site and with its pulse. Dynamic: a
    train at each cycle length; the last of its beats. The diastolic interval is the
    time from the end of the last action potential (its largest --percent) to the next
    upstroke, at the same node; the velocity is between 25 and 75 % of a cable, or as
    measure.cv says. The largest slope is between neighbouring intervals, and those are
    told; alternans is a duration that changes by 5 ms or more, to and fro, over the
    last five beats.
    """
    from cardiosim.case.read import case_name, read_case
    from cardiosim.commands.interval_list import interval_list
    from cardiosim.output.results import ResultsFolder

    intervals = interval_list(s1s2, "--s1s2") if s1s2 is not None else None
    lengths = interval_list(dynamic, "--dynamic") if dynamic is not None else None
    if intervals is None and lengths is None:
        raise ValueError(
            "nothing is asked for; give --s1s2 intervals, --dynamic cycle lengths or "
            "both, such as --s1s2 250:500:25"
        )
    percents = tuple(dict.fromkeys(percent or (50.0, 90.0)))
    positions = [position_of(text, "--at") for text in at or ()]
    described = read_case(case, set_ or ())
    if not described.mesh.is_tissue or described.protocol:
        raise ValueError(
            "a restitution in tissue needs a cable or another tissue; of a single cell "
            "it is a case with protocol.kind s1s2_restitution or dynamic_restitution"
        )
    cv = described.measure.cv
    if described.mesh.kind != "cable" and not (cv and cv.between):
        raise ValueError(
            f'the velocity in a mesh of kind "{described.mesh.kind}" needs two '
            "positions; give measure.cv.between, in mm"
        )
    folder = out or Path("results") / f"{case_name(case)}-restitution"
    ResultsFolder.check(folder, force)

    from cardiosim.case.resolve import resolved_document
    from cardiosim.experiments.tissue_beats import Places
    from cardiosim.experiments.tissue_restitution import (
        dynamic_in_tissue,
        s1s2_in_tissue,
    )
    from cardiosim.experiments.tissue_trials import pace_case

    with progress("S1") as show:
        resolved, paced = pace_case(
            described,
            bcl=bcl,
            beats=s1_beats if intervals else 1,
            longest=_longest(intervals),
            progress=show,
        )
        places = Places.of(described, paced.problem.mesh, positions)
    found: list[TissueRestitution] = []
    if intervals is not None:
        with progress("S2", "trials") as show:
            found.append(
                s1s2_in_tissue(
                    paced,
                    places,
                    intervals,
                    percents=percents,
                    refine=refine,
                    progress=show,
                )
            )
    if lengths is not None:
        with ExitStack() as shown:

            def begin(label: str):
                shown.close()
                return shown.enter_context(progress(label))

            found.append(
                dynamic_in_tissue(
                    described,
                    lengths,
                    beats,
                    positions=positions,
                    percents=percents,
                    refine=refine,
                    progress=begin,
                )
            )
    results = ResultsFolder.create(folder, force)
    problem = paced.problem
    document = resolved_document(
        resolved, problem.cell, problem.warnings, problem.diffusion
    )
    document["restitution"] = {
        "bcl": paced.train.bcl,
        "s1_beats": s1_beats,
        "dynamic_beats": beats,
        "refine": refine,
    }
    results.write_resolved(document)
    results.write_summary(_numbers(found))
    mesh = problem.mesh
    for one in found:
        _write(folder, one, places, mesh)
        _show(one, places, mesh)
    _draw(folder, found, places, mesh, described.title)
    typer.echo(f"\nresults are in {folder}")


def _longest(intervals: list[float] | None) -> float:
    return 10.0 if intervals is None else math.ceil(max(intervals)) + 1.0


def _place_names(places: Places, mesh: Mesh) -> list[str]:
    """What tells the columns of several places apart; nothing for one."""
    if places.nodes.size == 1:
        return [""]
    axes = _axes(mesh)
    return [
        "_at_" + "_".join(f"{c:g}" for c in mesh.points[node][:axes])
        for node in places.nodes
    ]


def _axes(mesh: Mesh) -> int:
    return {"cable": 1, "sheet": 2}.get(mesh.kind, 3)


def _columns(found: TissueRestitution, places: Places, mesh: Mesh) -> Columns:
    first = "interval" if found.kind == "s1s2" else "cycle_length"
    columns: Columns = {first: ("ms", list(found.intervals))}
    for k, place in enumerate(_place_names(places, mesh)):
        rests = found.diastolic_intervals[:, k]
        columns[f"diastolic_interval{place}"] = ("ms", list(rests))
        for p, durations in zip(found.percents, found.durations, strict=True):
            columns[f"apd{p:g}{place}"] = ("ms", list(durations[:, k]))
        if found.kind == "dynamic":
            columns[f"alternans{place}"] = ("ms", list(found.alternans[:, k]))
    columns["conduction_velocity"] = ("m/s", list(found.velocities))
    columns["answered"] = ("1", list(found.share))
    return columns


def _write(folder: Path, found: TissueRestitution, places: Places, mesh: Mesh) -> None:
    from cardiosim.output.tables import write_table

    columns = _columns(found, places, mesh)
    write_table(
        folder / f"{found.kind}.csv",
        {name: values for name, (_, values) in columns.items()},
        {name: unit for name, (unit, _) in columns.items()},
    )


def _numbers(found: list[TissueRestitution]) -> dict[str, dict[str, Any]]:
    from cardiosim.experiments.findings import entry

    numbers: dict[str, dict[str, Any]] = {}
    for one in found:
        apd, kind = f"APD{max(one.percents):g}", one.kind
        which = "S1-S2 interval" if kind == "s1s2" else "cycle length"
        what = "S2" if kind == "s1s2" else "every one of the last beats"
        for k in range(one.main.shape[1]):
            place = f"_place_{k + 1}" if one.main.shape[1] > 1 else ""
            numbers[f"{kind}_largest_slope{place}"] = _slope(
                one.duration_slope(k), "1", apd
            )
        numbers[f"{kind}_largest_velocity_slope"] = _slope(
            one.velocity_slope, "m/s/ms", "the velocity"
        )
        edges = {f"{kind}_block": (one.block, f"without a wave across for {what}")}
        if kind == "dynamic":
            edges["alternans_onset"] = (one.alternans_onset, "with alternans")
        for name, ((edge, longer), says) in edges.items():
            numbers[name] = entry(edge, "ms", f"longest {which} {says}")
            if math.isfinite(longer):
                numbers[name]["resolution"] = f"{longer - edge:g} ms"
            numbers[f"{name}_above"] = entry(longer, "ms", "the next longer one tried")
    return numbers


def _slope(slope: Slope, unit: str, of: str) -> dict[str, Any]:
    from cardiosim.experiments.findings import entry

    number = entry(slope.value, unit, f"of {of} over the diastolic interval")
    if math.isfinite(slope.value):
        number["resolution"] = "between {:.4g} and {:.4g} ms".format(*slope.between)
    return number


def _show(found: TissueRestitution, places: Places, mesh: Mesh) -> None:
    columns = _columns(found, places, mesh)
    axes = _axes(mesh)
    where = [
        f"({', '.join(f'{c:g}' for c in mesh.points[node][:axes])})"
        for node in places.nodes
    ]
    title = "S1S2" if found.kind == "s1s2" else "dynamic"
    typer.echo(f"\n{title}; durations at {' and '.join(where)} mm")
    show_table(
        [
            f"{name} ({unit})" if unit != "1" else name
            for name, (unit, _) in columns.items()
        ],
        [
            [_text(value) for value in row]
            for row in zip(*(values for _, values in columns.values()), strict=True)
        ],
        numbers=range(len(columns)),
    )
    for name, number in _numbers([found]).items():
        value = _text(number["value"])
        unit = "" if number["unit"] == "1" or value == "none" else f" {number['unit']}"
        where = number.get("resolution", "")
        where = f", {where}" if where.startswith("between") else ""
        typer.echo(f"{name} {value}{unit}: {number['definition']}{where}")


def _text(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:.5g}"


def _draw(
    folder: Path,
    found: list[TissueRestitution],
    places: Places,
    mesh: Mesh,
    title: str,
) -> None:
    import numpy as np

    from cardiosim.output.restitution_plots import (
        RestitutionCurve,
        tissue_restitution_figure,
    )

    curves = {}
    for one in found:
        kind = "S1S2" if one.kind == "s1s2" else "dynamic"
        for k, place in enumerate(_place_names(places, mesh)):
            label = kind + place.replace("_at_", " at ").replace("_", ", ")
            curves[label] = RestitutionCurve(
                one.diastolic_intervals[:, k],
                one.main[:, k],
                one.velocities if k == 0 else np.empty(0),
                one.has_alternans[:, k],
                np.stack([one.rests_before[:, k], one.last_durations[-2, :, k]]),
            )
    tissue_restitution_figure(
        curves,
        folder / "restitution.png",
        duration=f"APD{max(found[0].percents):g}",
        title=title,
    )
