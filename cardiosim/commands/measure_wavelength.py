"""`cardiosim measure wavelength`: how long the waves of a run are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cardiosim.commands.measure import measure
from cardiosim.commands.measured_folder import write_measured
from cardiosim.commands.option_values import Force
from cardiosim.commands.recorded import marched_case, open_recordings
from cardiosim.commands.table import show_summary
from cardiosim.commands.wavelength_numbers import wavelength_numbers
from cardiosim.output.results import ResultsFolder


@measure.command()
def wavelength(
    results: Annotated[Path, typer.Argument(help="Folder that a run has written.")],
    beat: Annotated[
        int | None,
        typer.Option(min=1, help="Which activation; each node's last if none."),
    ] = None,
    erp: Annotated[
        float | None,
        typer.Option(min=0.0, help="Refractory period, ms, in place of the APD90."),
    ] = None,
    start: Annotated[float, typer.Option(help="Fraction of a cable to begin at.")] = (
        0.25
    ),
    stop: Annotated[float, typer.Option(help="Fraction of a cable to end at.")] = 0.75,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the numbers; none if not given.")
    ] = None,
    force: Force = False,
) -> None:
    """Wavelength: conduction velocity times APD90, or times the ERP that is given.

    The velocity is that between two fractions of a cable, or the median over the nodes
    of a tissue at which a single front passes. The APD90 is the median of all nodes
    where it was recorded (record.repolarisation.percents), else of those with a trace.
    On a cable with snapshots the length of excited tissue is shown as well: from the
    front to the tail at the potential of 90 % repolarisation, of waves that are whole.
    """
    opened = open_recordings(results)
    if marched_case(opened).mesh.kind == "point":
        raise ValueError(f"{results} is of a single cell, in which nothing travels")
    if out is not None:
        ResultsFolder.check(out, force)
    numbers = wavelength_numbers(opened, beat, erp, start, stop)
    show_summary(numbers)
    if out is not None:
        options = {"beat": beat, "erp": erp, "start": start, "stop": stop}
        write_measured(ResultsFolder.create(out, force), opened, numbers, options)
        typer.echo(f"\nresults are in {out}")
