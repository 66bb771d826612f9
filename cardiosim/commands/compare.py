"""`cardiosim compare`: two runs side by side, as a table and a picture."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from cardiosim.commands.recorded import membrane_potential, traces_of
from cardiosim.commands.report import names_of
from cardiosim.commands.table import number, show_table
from cardiosim.measure.differences import (
    map_difference,
    number_difference,
    same_places,
)
from cardiosim.output.fields import has_fields, open_fields
from cardiosim.output.results import Results, open_results

N_FRONTS = 5  # moments at which the potential along a cable is drawn
PHASES = ("react", "diffuse")  # of the wall time: the steps themselves


def compare(
    first: Annotated[Path, typer.Argument(help="Results folder.")],
    second: Annotated[Path, typer.Argument(help="Another, of the same mesh.")],
    names: Annotated[
        str | None, typer.Option(help="What to call them: first,second.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Picture; compare.png in the second folder by default."),
    ] = None,
) -> None:
    """Show the numbers, the activation and the wall times of two runs side by side."""
    runs = open_results(first), open_results(second)
    called = tuple(names_of(names, (first, second)))
    for run in runs:
        if not run.is_finished:
            raise ValueError(f"{run.path} holds no finished run; run its case first")
    rows = [
        (
            f"{quantity} ({entry['unit']})" if entry["unit"] != "1" else quantity,
            *(number(run.summary[quantity]["value"]) for run in runs),
            difference_text(
                quantity,
                entry["unit"],
                *(run.summary[quantity]["value"] for run in runs),
            ),
        )
        for quantity, entry in runs[0].summary.items()
        if quantity in runs[1].summary and not quantity.startswith("wall_")
    ]
    seconds = tuple({p: _wall(run, p) for p in PHASES} for run in runs)
    totals = [sum(own.values()) for own in seconds]
    rows.append(
        (
            "wall time of the steps (s)",
            *(f"{total:.3g}" for total in totals),
            f"{totals[0] / totals[1]:.1f} : 1" if totals[1] else "-",
        )
    )
    show_table(("quantity", *called, "difference"), rows, numbers=(1, 2, 3))
    later = _later(*runs)
    if later is not None:
        typer.echo(
            f"\nactivation of {called[1]} less that of {called[0]}: "
            f"{np.sqrt(np.mean(later**2)):.3g} ms (root mean square), "
            f"{np.abs(later).max():.3g} ms at most"
        )
    path = out or runs[1].path / "compare.png"
    curves, abscissa = _curves(runs)
    is_cable = all(run.mesh_kind == "cable" for run in runs)
    activation = None
    if is_cable and later is not None:
        activation = runs[0].mesh_points[:, 0], later
    # Here, as drawing takes long to import.
    from cardiosim.output.comparison_plots import comparison_figure

    comparison_figure(path, called, curves, abscissa, activation, seconds)
    typer.echo(f"picture: {path}")


def difference_text(name: str, unit: str, a: object, b: object) -> str:
    """The second less the first, in percent where that means something.

    Elsewhere it is in the unit of the quantity, and "-" where one of them is missing.
    """
    if not all(isinstance(x, int | float) and not isinstance(x, bool) for x in (a, b)):
        return "" if a == b else "differs"
    apart = number_difference(name, unit, a, b)
    if math.isnan(apart.absolute):
        return "-"
    if not math.isnan(apart.relative):
        return f"{100.0 * apart.relative:+.2g} %"
    return f"{apart.absolute:+.3g} {unit if unit != '1' else ''}".strip()


def _wall(run: Results, phase: str) -> float:
    return float(run.summary.get(f"wall_{phase}", {"value": 0.0})["value"])


def _later(first: Results, second: Results) -> NDArray[np.float64] | None:
    """Activation of the second less the first, ms, where each node has one of both."""
    if not (len(first.activation) and len(second.activation)):
        return None
    if not same_places(first.mesh_points, second.mesh_points):
        raise ValueError(
            f"{first.path} and {second.path} are runs on different meshes; compare "
            "runs of one case"
        )
    later = map_difference(first.activation[0], second.activation[0]).values
    return later if np.isfinite(later).all() else None


def _curves(runs: tuple[Results, Results]):
    """Fronts along cables, or else the first trace of V; and the label below."""
    if all(run.mesh_kind == "cable" and has_fields(run.path) for run in runs):
        return tuple(_fronts(run) for run in runs), "position x (mm)"
    from cardiosim.output.style import TIME

    curves = []
    for run in runs:
        V = membrane_potential(run)
        traces = traces_of(V, run)
        if not traces:
            raise ValueError(
                f"{run.path} has neither snapshots of a cable nor a trace of V to "
                "draw; record one"
            )
        curves.append([(traces[0].times, traces[0].values[V][:, 0])])
    return tuple(curves), TIME


def _fronts(run: Results):
    V, series = membrane_potential(run), open_fields(run.path)
    active = run.activation[0][np.isfinite(run.activation[0])]
    moments = np.linspace(active.min(), active.max(), N_FRONTS + 2)[1:-1]
    x = run.mesh_points[:, 0]
    steps = [series.nearest(t) for t in moments]
    return [(x, values[V]) for _, values in series.steps((V,), steps)]
