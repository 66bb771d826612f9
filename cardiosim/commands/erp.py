"""`cardiosim erp`: the effective refractory period of a case, at one rate or several.

erp.csv                 cycle length, both ends of the bracket, threshold, velocities
trials.csv              every interval that was tried, and whether it was answered
premature.csv           S2 at the ends of the bracket and at the intervals asked for
responses.csv           V after S2 at both ends of the bracket
erp.png                 that, and the velocity of S2 over the interval
erp_restitution.png     the period over the cycle length, of several
summary.json, resolved.toml
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from cardiosim.case.read import case_name, read_case
from cardiosim.case.schema import Case
from cardiosim.commands.option_values import (
    CaseFolder,
    Force,
    Overrides,
    position_of,
    require_positive,
)
from cardiosim.commands.progress import progress
from cardiosim.commands.table import show_table
from cardiosim.output.results import ResultsFolder
from cardiosim.output.tables import write_table

if TYPE_CHECKING:
    from cardiosim.experiments.erp import ErpAtRate


def erp(
    case: CaseFolder,
    strength: Annotated[
        float, typer.Option(help="Of S2: multiple of the diastolic threshold.")
    ] = 2.0,
    amplitude: Annotated[
        float | None, typer.Option(help="Of S2, A/F, instead of a strength.")
    ] = None,
    duration: Annotated[
        float | None, typer.Option(help="Of S2, ms; that of S1 by default.")
    ] = None,
    bcl: Annotated[
        list[float] | None,
        typer.Option(help="Cycle length of S1, ms; give several for a restitution."),
    ] = None,
    s1_beats: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Of S1: in the tissue, after those of the single cell that "
            "cell.prepace paces (5), or of a single cell (those of cell.prepace).",
        ),
    ] = None,
    resolution: Annotated[
        float, typer.Option(help="Width of the bracket of intervals, ms.")
    ] = 1.0,
    threshold_resolution: Annotated[
        float, typer.Option(help="Of the threshold, relative.")
    ] = 5e-3,
    shortest: Annotated[float, typer.Option(help="Interval to begin with, ms.")] = 50.0,
    longest: Annotated[
        float | None, typer.Option(help="Interval to end with, ms; bcl by default.")
    ] = None,
    remote: Annotated[
        str | None,
        typer.Option(
            help="Position of the remote site, mm: x, or x,y,z. 75 % of a cable by "
            "default; elsewhere the node that S1 reaches after 3/4 of its way."
        ),
    ] = None,
    within: Annotated[
        float | None,
        typer.Option(help="An answer arrives there at most so long after S2, ms."),
    ] = None,
    premature: Annotated[
        list[float] | None,
        typer.Option(
            help="One more S1-S2 interval, ms, at which S2 is followed and its "
            "velocity taken; any number of times."
        ),
    ] = None,
    stimulus: Annotated[
        int, typer.Option(help="Number of the [[stimulus]] whose site S1 has.")
    ] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder; results/<name of the case>-erp.")
    ] = None,
    set_: Overrides = None,
    force: Force = False,
) -> None:
    """Effective refractory period: the longest S1-S2 interval that is not answered.

    A steady train S1 is followed by one S2 at the same site, of the same duration, at a
    multiple of the diastolic threshold: the smallest amplitude that is answered in the
    place of S1. Tissue answers if the remote site is activated by the wave of S2; a
    single cell, if S2's peak exceeds 80 % of S1's. Both ends of each bracket are told.
    """
    from cardiosim.case.resolve import resolved_document
    from cardiosim.experiments.erp import ErpQuestion, refractory_period_at

    described = read_case(case, set_ or ())
    folder = out or Path("results") / f"{case_name(case)}-erp"
    ResultsFolder.check(folder, force)
    require_positive(
        strength=strength,
        resolution=resolution,
        amplitude=amplitude,
        duration=duration,
        within=within,
        threshold_resolution=threshold_resolution,
        bcl=min(bcl) if bcl else None,
        premature=min(premature) if premature else None,
    )
    question = ErpQuestion(
        strength,
        amplitude,
        duration,
        s1_beats,
        shortest,
        longest,
        resolution,
        threshold_resolution,
        within,
        None if remote is None else position_of(remote, "--remote"),
        stimulus,
        tuple(premature or ()),
    )
    found: list[ErpAtRate] = []
    for length in sorted(set(bcl or ()), reverse=True) or [None]:
        at = "" if length is None else f"bcl {length:g} ms: "
        resolved, cell, one = refractory_period_at(
            described,
            length,
            question,
            lambda label, unit, at=at: progress(f"{at}{label}", unit),
        )
        found.append(one)
    results = ResultsFolder.create(folder, force)
    document = resolved_document(resolved, cell)
    document["erp"] = _said(question, found)
    results.write_resolved(document)
    results.write_summary(_numbers(found, resolution))
    _write_tables(folder, found)
    _draw(folder, resolved, found)
    _show(found, resolution, threshold_resolution)
    for one in found:
        for note in one.notes:
            typer.echo(f"note: bcl {one.bcl:g} ms: {note}", err=True)
    typer.echo(f"\nresults are in {folder}")


def _said(question: Any, found: Sequence[ErpAtRate]) -> dict[str, Any]:
    """The protocol, for resolved.toml."""
    from dataclasses import asdict

    said = {k: v for k, v in asdict(question).items() if v is not None}
    return said | {
        "bcl": [one.bcl for one in found],
        "beats": [one.beats for one in found],
    }


def _columns(found: Sequence[ErpAtRate]) -> dict[str, tuple[str, list[float]]]:
    """Name -> unit and values, one row a cycle length."""
    thresholds = [one.threshold for one in found]
    velocities = [_velocity_at_end(one) for one in found]
    columns = {
        "bcl": ("ms", [one.bcl for one in found]),
        "erp": ("ms", [one.bracket.fails for one in found]),
        "erp_answered": ("ms", [one.bracket.answers for one in found]),
        "diastolic_threshold_fails": ("A/F", [_end(t, "fails") for t in thresholds]),
        "diastolic_threshold": ("A/F", [_end(t, "answers") for t in thresholds]),
        "s2_amplitude": ("A/F", [one.amplitude for one in found]),
        "conduction_velocity": ("m/s", [one.velocity for one in found]),
        "conduction_velocity_s2": ("m/s", velocities),
    }
    # A single cell conducts nothing, and a given amplitude takes no threshold.
    return {
        name: column
        for name, column in columns.items()
        if name.startswith(("bcl", "erp")) or np.isfinite(column[1]).any()
    }


def _end(bracket: Any, name: str) -> float:
    return math.nan if bracket is None else getattr(bracket, name)


def _velocity_at_end(one: ErpAtRate) -> float:
    """Of S2 at the shortest interval that is answered, m/s."""
    if one.premature is None:
        return math.nan
    at = one.premature.intervals == one.bracket.answers
    return float(one.premature.velocities[at][0]) if at.any() else math.nan


def _numbers(
    found: Sequence[ErpAtRate], resolution: float
) -> dict[str, dict[str, Any]]:
    said = {
        "bcl": "cycle length of S1",
        "erp": "longest S1-S2 interval without an answer",
        "erp_answered": "shortest S1-S2 interval above it with an answer",
        "diastolic_threshold_fails": "largest amplitude below the threshold that fails",
        "diastolic_threshold": "smallest amplitude that is answered in place of S1",
        "s2_amplitude": "of S2",
        "conduction_velocity": "of S1, from 25 to 75 % of the cable",
        "conduction_velocity_s2": "of S2 at erp_answered, from 25 to 75 % of the cable",
    }
    numbers: dict[str, dict[str, Any]] = {}
    for name, (unit, values) in _columns(found).items():
        for one, value in zip(found, values, strict=True):
            at = f"_bcl_{one.bcl:g}" if len(found) > 1 else ""
            entry = {"value": float(value), "unit": unit, "definition": said[name]}
            if name.startswith("erp"):
                entry["resolution"] = f"{resolution:g} ms"
            numbers[f"{name}{at}"] = entry
    for one in found:
        numbers |= _premature_numbers(one, len(found) > 1)
    return numbers


def _premature_numbers(one: ErpAtRate, several: bool) -> dict[str, dict[str, Any]]:
    if one.premature is None or not np.isfinite(one.premature.velocities).any():
        return {}
    at = f"_bcl_{one.bcl:g}" if several else ""
    return {
        f"conduction_velocity_at_{interval:g}{at}": {
            "value": float(velocity),
            "unit": "m/s",
            "definition": f"of S2 {interval:g} ms after S1, from 25 to 75 %",
        }
        for interval, velocity in zip(
            one.premature.intervals, one.premature.velocities, strict=True
        )
    }


def _write_tables(folder: Path, found: Sequence[ErpAtRate]) -> None:
    columns = _columns(found)
    write_table(
        folder / "erp.csv",
        {name: values for name, (_, values) in columns.items()},
        {name: unit for name, (unit, _) in columns.items()},
    )
    tried = {
        "bcl": np.concatenate([np.full(o.tried[0].size, o.bcl) for o in found]),
        "interval": np.concatenate([o.tried[0] for o in found]),
        "answered": np.concatenate([o.tried[1] for o in found]).astype(int),
    }
    write_table(folder / "trials.csv", tried, {"bcl": "ms", "interval": "ms"})
    with_s2 = [one for one in found if one.premature is not None]
    if with_s2:
        beats = [one.premature for one in with_s2]
        bcl = [np.full(o.premature.intervals.size, o.bcl) for o in with_s2]
        table = {
            "bcl": np.concatenate(bcl),
            "interval": np.concatenate([b.intervals for b in beats]),
            "answered": np.concatenate([b.answered for b in beats]).astype(int),
            "latency": np.concatenate([b.latencies for b in beats]),
            "conduction_velocity": np.concatenate([b.velocities for b in beats]),
        }
        units = {"conduction_velocity": "m/s"}
        units |= dict.fromkeys(("bcl", "interval", "latency"), "ms")
        write_table(folder / "premature.csv", table, units)
    first = found[0]
    write_table(
        folder / "responses.csv",
        {"time since S2": first.times} | first.V,
        {"time since S2": "ms"} | dict.fromkeys(first.V, "mV"),
    )


def _draw(folder: Path, case: Case, found: Sequence[ErpAtRate]) -> None:
    from cardiosim.output.refractoriness_plots import (
        erp_restitution_figure,
        refractory_figure,
    )

    first = found[0]
    ends = first.bracket.fails, first.bracket.answers
    title = f"{Path(case.cell.model).stem}, S1 at {first.bcl:g} ms"
    beats = first.premature
    refractory_figure(
        first.times,
        first.V,
        ends,
        folder / "erp.png",
        intervals=beats.intervals if beats else (),
        velocities=beats.velocities if beats else (),
        s1_velocity=first.velocity,
        title=f"{title}: refractory period {ends[0]:g} to {ends[1]:g} ms",
    )
    if len(found) > 1:
        erp_restitution_figure(
            [one.bcl for one in found],
            [one.bracket.fails for one in found],
            [one.bracket.answers for one in found],
            folder / "erp_restitution.png",
            title=f"refractory period of {Path(case.cell.model).stem}",
        )


def _show(
    found: Sequence[ErpAtRate], resolution: float, threshold_resolution: float
) -> None:
    columns = _columns(found)
    heads = {
        "bcl": "bcl",
        "erp": "S2 fails at",
        "erp_answered": "is answered at",
        "diastolic_threshold_fails": "threshold, fails",
        "diastolic_threshold": "is answered",
        "s2_amplitude": "S2",
        "conduction_velocity": "CV of S1",
        "conduction_velocity_s2": "CV of S2 there",
    }
    show_table(
        [f"{heads[name]} ({unit})" for name, (unit, _) in columns.items()],
        [
            [_text(value) for value in row]
            for row in zip(*(values for _, values in columns.values()), strict=True)
        ],
        numbers=range(len(columns)),
    )
    for one in found:
        # Of several rates the ends of the brackets, which the table has, are enough.
        if one.premature and (len(found) == 1 or len(one.premature.intervals) > 2):
            _show_premature(one)
    first = found[0]
    where = ""
    if first.remote is not None:
        where = ", ".join(f"{c:g}" for c in first.remote)
        where = f"; remote site ({where}) mm"
    share = f", of the threshold {100.0 * threshold_resolution:g} %"
    typer.echo(
        f"\nresolution {resolution:g} ms{share if first.threshold else ''}; S2 of "
        f"{first.duration:g} ms, {first.beats} beats of S1{where}"
    )


def _show_premature(one: ErpAtRate) -> None:
    beats = one.premature
    conducts = np.isfinite(beats.velocities).any()
    typer.echo(f"\nS2 after S1 at {one.bcl:g} ms")
    show_table(
        ("S1-S2 (ms)", "answered", "arrives after (ms)", "CV (m/s)"[: 8 * conducts]),
        [
            (
                f"{interval:g}",
                "yes" if answered else "no",
                _text(late),
                _text(cv) if conducts else "",
            )
            for interval, answered, late, cv in zip(
                beats.intervals,
                beats.answered,
                beats.latencies,
                beats.velocities,
                strict=True,
            )
        ],
        numbers=(0, 2, 3),
    )


def _text(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:.5g}"
