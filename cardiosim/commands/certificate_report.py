"""A certificate -> its report: rows become tables, curves become pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from cardiosim.experiments.certification import Certificate
from cardiosim.experiments.certification_rows import (
    FAIL,
    NOT_APPLICABLE,
    PASS,
    Grid,
    Part,
    Row,
)
from cardiosim.output.certificate_plots import (
    family_figure,
    overlay_figure,
    velocity_error_figure,
    velocity_restitution_figure,
)
from cardiosim.output.protocol_plots import restitution_figure
from cardiosim.output.report import Column, Mark, Picture, Report, Section, Table

_COLUMNS = (
    Column("quantity"),
    Column("surrogate", digits=5),
    Column("reference", digits=5),
    Column("unit"),
    Column("deviation", digits=3),
    Column("allowed", digits=3),
    Column("unit of both"),
    Column("mark"),
    Column("Sánchez & Loewe 2025"),
    Column("note"),
)


def certificate_report(
    certificate: Certificate, provenance: dict[str, Any], folder: Path
) -> Report:
    """Build the report.

    Args:
        certificate: what was found.
        provenance: what ran, on what, when.
        folder: for the pictures, which the report holds as well.
    """
    candidate = certificate.candidate
    marks = certificate.marks()
    verdict = (
        f"{marks[PASS]} rows pass and {marks[FAIL]} fail, of those that have a pass "
        "mark and apply to this surrogate."
    )
    replaces = ", ".join(candidate.replaces)
    text = (
        f"{candidate.name} takes over {replaces} of the cell {candidate.model}. "
        f"{verdict}",
        "Pass marks are fixed beforehand and the same for every surrogate. The paper's "
        "numbers are those printed by Sánchez and Loewe, Computing in Cardiology 2025.",
    )
    sections = [_overview(certificate)]
    sections += [_section(part, folder) for part in certificate.parts]
    facts = dict(candidate.facts)
    return Report(
        f"Certificate of {candidate.name}",
        text,
        sections,
        {**provenance, "surrogate": facts, "battery": asdict(certificate.battery)},
    )


def _overview(certificate: Certificate) -> Section:
    rows = []
    for part in certificate.parts:
        marks = Counter(row.mark for row in part.rows)
        missed = "; ".join(row.quantity for row in part.rows if row.mark == FAIL)
        counts = (marks[PASS], marks[FAIL], marks[NOT_APPLICABLE])
        rows.append((part.title, *counts, missed))
    columns = ("part", "pass", "fail", "do not apply", "what fails")
    return Section("Overview", (), [Table("Rows by their mark", columns, rows)])


def _section(part: Part, folder: Path) -> Section:
    tables = [Table("Pass marks", _COLUMNS, [_cells(row) for row in part.rows])]
    tables += [_table(grid) for grid in part.grids]
    pictures = [
        picture
        for name, curves in part.curves.items()
        for picture in _DRAWN[name](curves, folder)
    ]
    return Section(part.title, tuple(part.text), tables, pictures)


def _cells(row: Row) -> tuple:
    def known(value: float) -> float | None:
        return None if np.isnan(value) else value

    told = row.unit if row.unit != "1" else ""
    return (
        row.quantity,
        known(row.value),
        known(row.reference),
        told,
        known(row.deviation),
        known(row.tolerance),
        row.deviation_unit if row.deviation_unit != "1" else "",
        Mark(row.mark) if row.mark else None,
        row.paper,
        row.note,
    )


def _table(grid: Grid) -> Table:
    columns = [Column(name, unit) for name, unit in grid.columns]
    return Table(grid.title, columns, grid.rows, grid.note)


def _action_potential(curves: dict, folder: Path) -> list[Picture]:
    path = folder / "action_potential.png"
    traces = dict(curves["traces"])
    reference = curves["reference"], traces.pop(curves["reference"])
    candidate = curves["candidate"]
    shown = [n for n in traces if n.startswith(("rush_larsen", "multirate"))]
    shown = {n: traces[n] for n in (*shown, candidate) if n in traces}
    overlay_figure(
        curves["times"],
        reference,
        shown,
        path,
        title=f"beat {curves['beat']} at 1 Hz",
    )
    caption = (
        f"Beat {curves['beat']} at 1 Hz (the paper's Fig. 3), and its difference from "
        f"the {reference[0]}."
    )
    return [Picture.of(path, caption)]


def _restitution(curves: dict, folder: Path) -> list[Picture]:
    pictures = []
    for name, interval, what in (
        ("s1s2", "CI", "S1S2 restitution"),
        ("dynamic", "BCL", "Dynamic restitution"),
    ):
        path, found = folder / f"restitution_{name}.png", curves[name]
        durations = dict(found["durations"])
        reference = {
            found["reference"]: (found["x"], durations.pop(found["reference"]))
        }
        lines = {label: (found["x"], apd) for label, apd in durations.items()}
        restitution_figure(
            lines, path, references=reference, interval=interval, title=what
        )
        caption = f"{what} (the paper's Fig. 4): APD90; rings are the reference."
        pictures.append(Picture.of(path, caption))
    return pictures


def _conditions(curves: dict, folder: Path) -> list[Picture]:
    path = folder / "conditions.png"
    family_figure(
        curves["times"],
        curves["reference"],
        curves["surrogate"],
        curves["names"],
        path,
        title="drug block and remodelling",
    )
    return [Picture.of(path, "The last beat under each condition.")]


def _released(curves: dict, folder: Path) -> list[Picture]:
    path = folder / "release.png"
    family_figure(
        curves["surrogate"]["times"],
        curves["reference"]["V"],
        curves["surrogate"]["V"],
        [f"{p:g} mV" for p in curves["potentials"]],
        path,
        title="resting cells, released from each potential",
    )
    caption = "V from each potential on; broad lines are the exact fast map."
    return [Picture.of(path, caption)]


def _clamped(curves: dict, folder: Path) -> list[Picture]:
    pictures = []
    for name in curves["names"]:
        path = folder / f"clamp_{name.replace('.', '_')}.png"
        times = curves["surrogate"]["times"]
        family_figure(
            times,
            curves["reference"][name],
            curves["surrogate"][name],
            [f"{p:g} mV" for p in curves["potentials"]],
            path,
            quantity=f"{name} (A/F)",
            title="voltage clamp",
        )
        pictures.append(Picture.of(path, f"{name} under steps of V."))
    return pictures


def _velocity(curves: dict, folder: Path) -> list[Picture]:
    against_map, against_limit = folder / "velocity.png", folder / "velocity_total.png"
    velocity_error_figure(
        curves["pairs"],
        {**curves["deviations"], "splitting floor": curves["floor"]},
        against_map,
        bound=0.3,
        title="velocity against the exact fast map at the same dx and dt",
    )
    velocity_error_figure(
        curves["pairs"],
        curves["total"],
        against_limit,
        title="velocity against dt \u2192 0 at the same dx",
    )
    return [
        Picture.of(
            against_map,
            "Deviation of velocity from the exact fast map; the band is what passes. "
            "The splitting floor is what that map itself is off.",
        ),
        Picture.of(
            against_limit, "Whole error of velocity in time, splitting included."
        ),
    ]


def _velocity_restitution(curves: dict, folder: Path) -> list[Picture]:
    path = folder / "velocity_restitution.png"
    velocity_restitution_figure(
        curves["intervals"],
        curves["exact"],
        curves["surrogate"],
        [f"dx {dx:g}, D {D:g}" for dx, D in curves["pairs"]],
        path,
        title="velocity of a premature wave",
    )
    return [Picture.of(path, "Velocity restitution in all cables.")]


_DRAWN: dict[str, Callable[[dict, Path], list[Picture]]] = {
    "action_potential": _action_potential,
    "restitution": _restitution,
    "conditions": _conditions,
    "release": _released,
    "clamp": _clamped,
    "velocity": _velocity,
    "velocity_restitution": _velocity_restitution,
}
