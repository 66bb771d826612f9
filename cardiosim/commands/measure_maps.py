"""`cardiosim measure maps`: activation and durations at every node, beat by beat."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from cardiosim.commands.map_numbers import (
    definition_of,
    draw_map,
    label_of,
    maps_of,
    spreads,
)
from cardiosim.commands.measure import measure
from cardiosim.commands.measured_folder import folder_beside, write_measured
from cardiosim.commands.option_values import Force
from cardiosim.commands.recorded import is_tissue, marched_case, open_recordings
from cardiosim.commands.table import number, show_table
from cardiosim.experiments.findings import entry
from cardiosim.output.results import ResultsFolder
from cardiosim.output.tables import write_table
from cardiosim.whole_file import whole_file

COLUMNS = ("share", "least", "median", "most", "dispersion", "deviation")


@measure.command()
def maps(
    results: Annotated[Path, typer.Argument(help="Folder that a run has written.")],
    beat: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Beat from 1, any number of times; else all."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; RESULTS_maps if none.")
    ] = None,
    force: Force = False,
) -> None:
    """Activation times and durations over all nodes: a table, and a map a beat.

    The activation time (LAT) of a beat is the upward crossing of the threshold, or the
    largest dV/dt ([record.activation] of the case). Durations are recorded where the
    case has [record.repolarisation]: from LAT to the first downward crossing, after the
    peak, of a percentage of the beat's own amplitude or of a fixed potential. Beat k is
    the k-th activation of each node by its own count. Dispersion is the largest minus
    the smallest of all nodes.
    """
    opened = open_recordings(results)
    case = marched_case(opened)
    if not is_tissue(opened):
        raise ValueError(
            f"{results} is of single cells, which have no maps; measure apd has their "
            "durations"
        )
    folder = out or folder_beside(opened, "maps")
    ResultsFolder.check(folder, force)
    found = spreads(opened, beat)
    show_table(
        ("beat", "quantity", "nodes %", "min ms", "median ms", "max ms")
        + ("dispersion ms", "SD ms"),
        [
            (
                str(row.beat),
                label_of(row.quantity),
                f"{100.0 * row.share:.4g}",
                *(number(float(getattr(row, column))) for column in COLUMNS[1:]),
            )
            for row in found
        ],
        numbers=(0, 2, 3, 4, 5, 6, 7),
    )
    typer.echo()
    for name in dict.fromkeys(row.quantity for row in found):
        typer.echo(f"{label_of(name)}: {definition_of(name, opened)}")
    typer.echo(f"resolution: interpolated within steps of {case.time.dt:g} ms")
    written = ResultsFolder.create(folder, force)
    write_table(
        written.path / "maps.csv",
        {
            "beat": [row.beat for row in found],
            "quantity": [row.quantity for row in found],
            **{
                column: [float(getattr(row, column)) for row in found]
                for column in COLUMNS
            },
        },
        dict.fromkeys(COLUMNS[1:], "ms"),
    )
    beats = sorted({row.beat for row in found})
    several = {
        f"{name}_{k}": values
        for k in beats
        for name, values in maps_of(opened, k).items()
    }
    path = written.path / "maps.npz"
    with whole_file(path) as partial, open(partial, "wb") as file:
        np.savez_compressed(file, points=opened.mesh.points, **several)
    for row in found:
        if row.share:
            path = written.path / f"{row.quantity}_{row.beat}.png"
            draw_map(opened, row.quantity, row.beat, path)
    numbers = {
        f"{row.quantity}_{row.beat}_{column}": entry(
            getattr(row, column),
            "1" if column == "share" else "ms",
            f"{column} over the nodes, beat {row.beat}: "
            f"{definition_of(row.quantity, opened)}",
        )
        for row in found
        for column in COLUMNS
    }
    write_measured(written, opened, numbers, {"beat": beats})
    typer.echo(f"\nresults are in {folder}")
