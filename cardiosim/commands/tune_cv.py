"""`cardiosim tune-cv`: conductivities that give wanted conduction velocities.

runs.csv         D and velocity of every run
tune_cv.png      velocity over D, with the runs numbered, and on a finer grid
tissue.toml      the lines to paste into the case
summary.json, resolved.toml
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cardiosim.case.read import CaseError, case_name, read_case
from cardiosim.case.schema import Case
from cardiosim.case.tissue_tables import C_M, CHI, TissueTable
from cardiosim.commands.option_values import (
    CaseFolder,
    Force,
    Overrides,
    require_positive,
)
from cardiosim.commands.progress import progress
from cardiosim.commands.table import show_table
from cardiosim.output.results import ResultsFolder
from cardiosim.output.tables import write_table
from cardiosim.whole_file import whole_file

if TYPE_CHECKING:
    from cardiosim.experiments.tune_cv import Tuning

MEMBRANE = {"chi": "1/mm", "C_m": "uF/mm2"}
LARGE = 0.05  # relative error of a velocity that is worth a warning


def tune_cv(
    case: CaseFolder,
    target: Annotated[
        float, typer.Option(help="Velocity along the fibres, or of all tissue, m/s.")
    ],
    across: Annotated[
        float | None, typer.Option(help="Velocity across the fibres, m/s.")
    ] = None,
    tolerance: Annotated[float, typer.Option(help="Of the velocities, m/s.")] = 1e-3,
    dx: Annotated[
        list[float] | None,
        typer.Option(
            help="Distance of nodes, mm: along the fibres, and once more across; "
            "that of the case by default."
        ),
    ] = None,
    length: Annotated[float, typer.Option(help="Of the strand, mm.")] = 20.0,
    out: Annotated[
        Path | None, typer.Option(help="Folder; results/<name of the case>-tune-cv.")
    ] = None,
    set_: Overrides = None,
    force: Force = False,
) -> None:
    """Conductivities for conduction velocities at the case's own dx, dt and scheme.

    A strand of the case's cell, stepped as the case is, is excited at one end; its
    velocity is that between 25 and 75 % of it. At most 6 runs bring it to the target.
    The same conductivity on a grid four times finer, and at a step four times shorter,
    tells how much of it makes up for the error of the grid.
    """
    from cardiosim.case.resolve import resolve, resolved_document
    from cardiosim.experiments.strand import spacings, strand_of
    from cardiosim.experiments.tune_cv import tune

    described = read_case(case, set_ or ())
    folder = out or Path("results") / f"{case_name(case)}-tune-cv"
    ResultsFolder.check(folder, force)
    if described.tissue is None:
        raise CaseError(
            f'{case}: mesh.kind is "point", which conducts nothing; give a case of '
            "tissue"
        )
    require_positive(target=target, across=across, tolerance=tolerance, length=length)
    along_dx, across_dx = _spacings(dx) or spacings(described)
    targets = _targets(described.tissue, target, across, along_dx, across_dx)
    _require_long(length, along_dx if across is None else max(along_dx, across_dx))
    with progress("pacing") as show:
        strand, notes = strand_of(described, length, show)
    with progress("velocities of strands", "runs") as show:
        found = tune(strand, targets, tolerance, show)
    results = ResultsFolder.create(folder, force)
    cell = strand.cell
    resolved = resolve(described, cell.state_names[0], cell.facts["model_fast"])
    document = resolved_document(resolved, cell)
    document["tune_cv"] = {
        "target": {one.target.direction: one.target.velocity for one in found},
        "dx": {one.target.direction: one.target.dx for one in found},
        "tolerance": tolerance,
        "length": length,
    }
    results.write_resolved(document)
    membrane = _membrane(described.tissue)
    results.write_summary(_numbers(found, *membrane))
    tuned = all(one.has_converged for one in found)
    lines = tissue_lines(described.tissue, found) if tuned else []
    if tuned:  # else there is nothing that may be pasted
        with whole_file(folder / "tissue.toml") as partial:
            partial.write_text("\n".join(lines) + "\n")
    _write_runs(folder, found)
    _draw(folder, described, found)
    _show(described, found, *membrane)
    typer.echo("\n".join(["", *lines]))
    for line in (*notes, *_warnings(found)):
        typer.echo(f"warning: {line}", err=True)
    typer.echo(f"\nresults are in {folder}")
    if not tuned:
        raise typer.Exit(1)


def _require_long(length: float, dx: float) -> None:
    if length < 40.0 * dx:
        raise ValueError(
            f"--length {length:g} mm is {length / dx:.3g} nodes of {dx:g} mm; a "
            f"velocity takes 40 or more: {40.0 * dx:g} mm"
        )


def _spacings(dx: Sequence[float] | None) -> tuple[float, float] | None:
    if not dx:
        return None
    if len(dx) > 2 or not all(0.0 < each < math.inf for each in dx):
        raise ValueError(
            f"--dx {', '.join(f'{each:g}' for each in dx)}; expected one positive "
            "number, or two: along and across the fibres"
        )
    return dx[0], dx[-1]


def _targets(
    tissue: TissueTable,
    along: float,
    across: float | None,
    along_dx: float,
    across_dx: float,
) -> list[Any]:
    from cardiosim.experiments.tune_cv import Target

    D = tissue.diffusivities
    targets = [Target("along", along, along_dx, D.along)]
    if across is not None:
        # From a tissue that conducts nothing across, begin as along.
        targets.append(Target("across", across, across_dx, D.across or D.along))
    return targets


def _membrane(tissue: TissueTable) -> tuple[float, float]:
    """chi, 1/mm, and C_m, uF/mm2, that a D is turned into a conductivity with."""
    given = tissue.given()
    return given.get("chi", CHI), given.get("C_m", C_M)


def tissue_lines(tissue: TissueTable, found: Sequence[Tuning]) -> list[str]:
    """The table of a tissue with its conductivities scaled to the tuned ones.

    Args:
        tissue: of the case; pairs of intra- and extracellular conductivities are
            scaled together, which keeps their ratio.
        found: along the fibres, and across them if that was asked for.
    """
    D, given = tissue.diffusivities, tissue.given()
    tuned = {one.target.direction: one.D[-1] for one in found}
    if "D" in given:
        along = {"D" if len(found) == 1 else "D_l": tuned["along"]}
        across = {} if len(found) == 1 else {"D_t": tuned["across"]}
        return _lines(along | across, "mm2/ms", set(along | across))
    factors = {"l": tuned["along"] / D.along}
    if "across" in tuned:
        factors["t"] = tuned["across"] / (D.across or D.along)
        if not D.across:  # nothing is no multiple of what is wanted: as along
            for key in [key for key in given if key.endswith("l")]:
                given[f"{key[:-1]}t"] = given[key]
    values = {
        key: value * (1.0 if key in MEMBRANE else factors.get(key[-1], 1.0))
        for key, value in given.items()
    }
    new = {key for key in given if key[-1] in factors}
    return _lines(values, "mm2/ms" if "D_l" in given else "mS/mm", new)


def _lines(values: dict[str, float], unit: str, new: set[str]) -> list[str]:
    lines = ["[tissue]"]
    for key, value in values.items():
        said = MEMBRANE.get(key, unit)
        kept = "" if key in new or key in MEMBRANE else ", as it was"
        lines.append(f"{key} = {value:.6g}    # {said}{kept}")
    return lines


def _numbers(
    found: Sequence[Tuning], chi: float, C_m: float
) -> dict[str, dict[str, Any]]:
    numbers: dict[str, dict[str, Any]] = {}
    for one in found:
        target = one.target
        at = f"{target.direction} the fibres"
        grid = f"dx {target.dx:g} mm"
        said = {
            "D": (one.D[-1], "mm2/ms", f"diffusivity {at}, tuned at {grid}"),
            "sigma": (
                one.D[-1] * chi * C_m,
                "mS/mm",
                f"that times chi {chi:g}/mm and C_m {C_m:g} uF/mm2: S/m",
            ),
            "cv": (one.velocity, "m/s", f"velocity {at} with it, {grid}"),
            "cv_finer_grid": (one.finer_grid, "m/s", "the same, dx/4"),
            "cv_finer": (one.finer, "m/s", "the same, dx/4 and dt/4"),
            "grid_error": (one.grid_error, "1", "cv over cv_finer_grid, less 1"),
            "step_error": (one.step_error, "1", "cv_finer_grid over cv_finer, less 1"),
            "runs": (float(len(one.D)), "1", "of the tuning"),
        }
        for name, (value, unit, definition) in said.items():
            numbers[f"{name}_{target.direction}"] = {
                "value": float(value),
                "unit": unit,
                "definition": definition,
            }
        numbers[f"cv_{target.direction}"]["resolution"] = f"{one.tolerance:g} m/s"
    return numbers


def _write_runs(folder: Path, found: Sequence[Tuning]) -> None:
    rows = [
        (one.target.direction, k + 1, D, velocity, one.target.velocity)
        for one in found
        for k, (D, velocity) in enumerate(zip(one.D, one.velocities, strict=True))
    ]
    names = ("direction", "run", "D", "conduction_velocity", "target")
    units = {"D": "mm2/ms", "conduction_velocity": "m/s", "target": "m/s"}
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    write_table(folder / "runs.csv", columns, units)


def _draw(folder: Path, case: Case, found: Sequence[Tuning]) -> None:
    from cardiosim.output.velocity_tuning_plots import (
        TunedVelocity,
        velocity_tuning_figure,
    )

    velocity_tuning_figure(
        [
            TunedVelocity(
                f"{one.target.direction}, dx {one.target.dx:g} mm",
                one.target.velocity,
                one.D,
                one.velocities,
                one.finer_grid if math.isnan(one.finer) else one.finer,
            )
            for one in found
        ],
        folder / "tune_cv.png",
        tolerance=found[0].tolerance,
        title=f"{Path(case.cell.model).stem}, {case.cell.scheme}, dt {case.time.dt:g} "
        f"ms, mass {case.diffusion.mass:g}",
    )


def _show(case: Case, found: Sequence[Tuning], chi: float, C_m: float) -> None:
    show_table(
        ("direction", "run", "D (mm2/ms)", "sigma (S/m)", "CV (m/s)", "off by (m/s)"),
        [
            (
                one.target.direction if k == 0 else "",
                str(k + 1),
                f"{D:.6g}",
                f"{D * chi * C_m:.5g}",
                _text(velocity),
                _text(velocity - one.target.velocity, "+.4f"),
            )
            for one in found
            for k, (D, velocity) in enumerate(zip(one.D, one.velocities, strict=True))
        ],
        numbers=range(1, 6),
    )
    typer.echo()
    dt = case.time.dt
    show_table(
        ("the same D", "dx (mm)", "dt (ms)", "CV (m/s)", "error"),
        [row for one in found for row in _errors(one, dt)],
        numbers=range(1, 5),
    )
    typer.echo(
        f"\nsigma = D chi C_m with chi {chi:g}/mm and C_m {C_m:g} uF/mm2; errors are "
        "those of the tuned velocity against this one"
    )


def _errors(one: Tuning, dt: float) -> list[tuple[str, ...]]:
    from cardiosim.experiments.tune_cv import FINER

    dx, at = one.target.dx, one.target.direction
    rows = [(at, f"{dx:g}", f"{dt:g}", _text(one.velocity), "")]
    fine = f"{dx / FINER:g}"
    rows.append(("", fine, f"{dt:g}", _text(one.finer_grid), _percent(one.grid_error)))
    if math.isfinite(one.finer):
        rows.append(
            ("", fine, f"{dt / FINER:g}", _text(one.finer), _percent(one.error))
        )
    return rows


def _warnings(found: Sequence[Tuning]) -> list[str]:
    lines = []
    for one in found:
        target, at = one.target, f"{one.target.direction} the fibres"
        if not one.has_converged:
            lines.append(
                f"{at}: {_text(one.velocity)} m/s after {len(one.D)} runs, wanted were "
                f"{target.velocity:g} within {one.tolerance:g}; no "
                "conductivity is given; begin with another, or take a finer grid"
            )
        if abs(one.error) > LARGE:
            there = target.velocity / (1.0 + one.error)
            enough = one.D[-1] * (1.0 + one.error) ** 2
            lines.append(
                f"{at}: {target.velocity:g} m/s at this dx and dt are {there:.3g} m/s "
                f"at finer ones ({_percent(one.error)}): the conductivity makes up for "
                f"the grid; on a fine grid about D {enough:.4g} mm2/ms would do"
            )
    return lines


def _text(value: float, form: str = ".4f") -> str:
    return "none" if math.isnan(value) else f"{value:{form}}"


def _percent(share: float) -> str:
    return "none" if math.isnan(share) else f"{100.0 * share:+.1f} %"
