"""`cardiosim measure repolarisation`: how unevenly tissue repolarises."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from cardiosim.commands.measure import measure
from cardiosim.commands.measured_folder import folder_beside, write_measured
from cardiosim.commands.option_values import Force
from cardiosim.commands.recorded import is_tissue, marched_case, open_recordings
from cardiosim.commands.table import number, show_table
from cardiosim.experiments.findings import entry
from cardiosim.measure.repolarisation_dispersion import Dispersion, dispersion
from cardiosim.output.results import Results, ResultsFolder
from cardiosim.output.tables import write_table

UNITS = {
    "share": "1",
    **dict.fromkeys(("range", "deviation", "middle"), "ms"),
    **dict.fromkeys(("gradient_max", "gradient_95"), "ms/mm"),
}
MEANS = {
    "share": "share of the nodes that have repolarised",
    "range": "latest minus earliest",
    "deviation": "standard deviation over the nodes",
    "middle": "from the 5th to the 95th percentile of the nodes",
    "gradient_max": "largest gradient within an element",
    "gradient_95": "95th percentile of the gradients of the elements",
}


@measure.command()
def repolarisation(
    results: Annotated[Path, typer.Argument(help="Folder that a run has written.")],
    beat: Annotated[int, typer.Option(min=1, help="Which activation, from 1.")] = 1,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write; RESULTS_repolarisation if none."),
    ] = None,
    force: Force = False,
) -> None:
    """Dispersion of repolarisation times and of action potential durations.

    Of each duration that the run has recorded ([record.repolarisation]), when it ends
    and how long it is, over all nodes: range, standard deviation, the width from the
    5th to the 95th percentile, and the largest gradient within an element, ms/mm, with
    its place.
    """
    opened = open_recordings(results)
    case = marched_case(opened)
    if not is_tissue(opened) or not opened.durations:
        raise ValueError(
            f"{results} holds no durations at the nodes of a tissue; add "
            "[record.repolarisation] with percents = [90] to its case, run it again"
        )
    if beat > len(opened.activation):
        raise ValueError(
            f"{results} holds {len(opened.activation)} activations of a node at most, "
            f"and beat {beat} is asked for"
        )
    folder = out or folder_beside(opened, "repolarisation")
    ResultsFolder.check(folder, force)
    found = _dispersions(opened, beat)
    columns = {key: [getattr(d, key) for d in found.values()] for key in UNITS}
    show_table(
        ["quantity", *(f"{k} {u}" if u != "1" else k for k, u in UNITS.items())]
        + ["steepest at mm"],
        [
            (name, *(number(getattr(d, key)) for key in UNITS), _place(d))
            for name, d in found.items()
        ],
        numbers=range(1, len(UNITS) + 1),
    )
    typer.echo(
        f"resolution: times are interpolated within steps of {case.time.dt:g} ms, "
        "gradients are over one element"
    )
    written = ResultsFolder.create(folder, force)
    write_table(
        written.path / "repolarisation.csv", {"quantity": list(found)} | columns, UNITS
    )
    _draw(opened, beat, written.path)
    numbers = {
        f"{name}_{key}": entry(
            getattr(d, key), UNITS[key], f"{MEANS[key]}, {name}, beat {beat}"
        )
        for name, d in found.items()
        for key in UNITS
    }
    write_measured(written, opened, numbers, {"beat": beat})
    typer.echo(f"\nresults are in {folder}")


def _dispersions(results: Results, beat: int) -> dict[str, Dispersion]:
    """Of when each duration ends, and of the duration itself."""
    found = {}
    for name, durations in results.durations.items():
        ends = results.repolarisation[name][beat - 1]
        for key, values in (
            (f"repolarisation_{name}", ends),
            (name, durations[beat - 1]),
        ):
            found[key] = dispersion(results.mesh_points, results.mesh_blocks, values)
    return found


def _place(found: Dispersion) -> str:
    if not np.isfinite(found.place).all():
        return ""
    return "(" + ", ".join(f"{x:.4g}" for x in found.place) + ")"


def _draw(results: Results, beat: int, folder: Path) -> None:
    """A map of when each duration ends."""
    # Here, as drawing takes long to import.
    from cardiosim.output.maps import duration_map

    for name, ends in results.repolarisation.items():
        if np.isfinite(ends[beat - 1]).any():
            duration_map(
                results.mesh,
                ends[beat - 1],
                folder / f"repolarisation_{name}.png",
                label="repolarisation time (ms)",
                title=f"end of {name}, beat {beat}",
            )


assert {field.name for field in fields(Dispersion)} == {*UNITS, "place"}
