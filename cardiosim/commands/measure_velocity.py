"""`cardiosim measure cv-field`, `cv-line`: the velocity of a wave, everywhere in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from cardiosim.commands.measure import measure
from cardiosim.commands.measured_folder import folder_beside, write_measured
from cardiosim.commands.option_values import Force, position_of
from cardiosim.commands.progress import waiting
from cardiosim.commands.recorded import case_of, marched_case, open_recordings
from cardiosim.commands.table import show_summary
from cardiosim.commands.velocity_numbers import (
    MeasuredField,
    activation_of,
    draw_field,
    field_numbers,
    field_options,
    measured_field,
)
from cardiosim.experiments.findings import entry
from cardiosim.output.results import Results, ResultsFolder

Folder = Annotated[Path, typer.Argument(help="Folder that a run has written.")]
Beat = Annotated[
    int, typer.Option(min=1, help="Which activation of each node, from 1.")
]
After = Annotated[
    float | None,
    typer.Option(help="ms; each node's first activation from then on, not --beat."),
]


@measure.command("cv-field")
def cv_field(
    results: Folder,
    beat: Beat = 1,
    after: After = None,
    radius: Annotated[
        float | None,
        typer.Option(min=0.0, help="R, mm; 4 mean edges if none, 3 in volumes."),
    ] = None,
    planes: Annotated[
        bool, typer.Option("--planes", help="Fit planes instead of parabolas.")
    ] = False,
    margin: Annotated[
        float | None,
        typer.Option(
            min=0.0, help="mm from the boundary, masked; R if none, 0 in volumes."
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(help='Region that the numbers are of, as "x > 5"; all if none.'),
    ] = None,
    misfit: Annotated[
        float | None,
        typer.Option(min=0.0, help="Share of LAT's spread that a fit may leave."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; RESULTS_cv_field if none.")
    ] = None,
    force: Force = False,
) -> None:
    """Conduction velocity at every node of a sheet, slab or mesh.

    Around each node a parabola is fitted to the activation times (LAT) of the nodes
    that can be reached within R, by least squares with the weights (1 - d^2/R^2)^2
    (after Bayly et al. 1998); v = grad LAT/|grad LAT|^2, normal to the front. Masked
    are: nodes that did not activate; too few neighbours that did; a margin at the
    boundary, and fits with neighbours on one side of the front only; all within R of
    stimulated nodes, of sources (nodes no later than all around), of collisions (no
    earlier than all around, or a front that is concave with a radius below 10 R) and of
    block (slower than 0.05 m/s along an edge); fits that leave more than 3 % of LAT's
    spread (planes: 10 %).

    Along and across the fibres: v^2 = v_l^2 cos^2 + v_t^2 sin^2 is fitted, with the
    angle between the front's normal and the fibre.
    """
    opened = open_recordings(results)
    marched_case(opened)
    folder = out or folder_beside(opened, "cv_field")
    ResultsFolder.check(folder, force)
    with waiting("fitting activation times"):
        measured = measured_field(
            opened,
            beat,
            after,
            where,
            radius=radius,
            margin=margin,
            order=1 if planes else None,
            misfit=misfit,
        )
    numbers = field_numbers(measured)
    show_summary(numbers)
    if not measured.field.is_measured.any():
        typer.echo("warning: every node is masked; see the shares above", err=True)
    written = ResultsFolder.create(folder, force)
    _write_field(opened, measured, written.path)
    draw_field(opened, measured, written.path)
    options = field_options(
        beat=None if after is not None else beat,
        after=after,
        radius=measured.field.radius,
        order=1 if planes else 2,
        margin=margin,
        misfit=misfit,
        where=where,
    )
    write_measured(written, opened, numbers, options)
    typer.echo(f"\nresults are in {folder}")


def _write_field(results: Results, measured: MeasuredField, folder: Path) -> None:
    """field.npz for programs, field.vtu for ParaView."""
    import meshio

    from cardiosim.measure.velocity_field import REASONS
    from cardiosim.whole_file import whole_file

    field, mesh = measured.field, results.mesh
    arrays = {
        "lat": measured.lat,
        "velocity": field.vectors,
        "speed": field.speed,
        "curvature": field.curvature,
        "residual": field.residual,
        "mask": field.mask,
    }
    reasons = np.array([f"{bit}: {name}" for name, bit in REASONS.items()])
    with whole_file(folder / "field.npz") as partial, open(partial, "wb") as file:
        np.savez_compressed(file, points=mesh.points, reasons=reasons, **arrays)
    described = meshio.Mesh(mesh.points, list(mesh.blocks), point_data=arrays)
    with whole_file(folder / "field.vtu") as partial:
        described.write(partial, file_format="vtu")


@measure.command("cv-line")
def cv_line(
    results: Folder,
    start: Annotated[str, typer.Option(help="Where it begins, mm: x,y,z.")],
    stop: Annotated[str, typer.Option(help="Where it ends, mm: x,y,z.")],
    beat: Beat = 1,
    after: After = None,
    samples: Annotated[int, typer.Option(min=3, help="Along the line.")] = 101,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; RESULTS_cv_line if none.")
    ] = None,
    force: Force = False,
) -> None:
    """Conduction velocity along a straight line between any two positions.

    Activation times (LAT) are interpolated in the elements that the line runs through.
    The velocity is positive from start to stop. It is that of the front only where the
    line runs along its normal, and larger by 1/cos of the angle elsewhere.
    """
    from cardiosim.measure.line_samples import line_velocity
    from cardiosim.output.tables import write_table
    from cardiosim.output.velocity_plots import line_figure

    opened = open_recordings(results)
    marched_case(opened)
    folder = out or folder_beside(opened, "cv_line")
    ResultsFolder.check(folder, force)
    ends = position_of(start, "--start"), position_of(stop, "--stop")
    lat = activation_of(opened, beat, after)
    found = line_velocity(
        opened.mesh.points, opened.mesh.blocks, lat, *ends, count=samples
    )
    line = f"from ({start}) to ({stop}) mm"
    length = float(found.samples.distance[-1])
    # An error of LAT at either end, as large as what the fit leaves.
    off = 2.0 * found.fit.residual * found.between**2 / length
    numbers = {
        "conduction_velocity": entry(
            found.between,
            "m/s",
            f"distance over the difference of LAT, {line}; resolution {off:.2g} m/s",
        ),
        "conduction_velocity_fit": entry(
            found.fit.velocity, "m/s", f"least-squares line through {samples} samples"
        ),
        "conduction_fit_residual": entry(
            found.fit.residual, "ms", "root mean square of LAT minus that line"
        ),
    }
    show_summary(numbers)
    written = ResultsFolder.create(folder, force)
    x, y, z = found.samples.positions.T
    write_table(
        written.path / "line.csv",
        {
            "distance": found.samples.distance,
            "x": x,
            "y": y,
            "z": z,
            "lat": found.samples.values,
        },
        {**dict.fromkeys(("distance", "x", "y", "z"), "mm"), "lat": "ms"},
    )
    title = f"{case_of(opened).title}\n{line}".strip()
    line_figure(found, written.path / "line.png", title=title)
    options = field_options(
        start=start,
        stop=stop,
        beat=None if after is not None else beat,
        after=after,
        samples=samples,
    )
    write_measured(written, opened, numbers, options)
    typer.echo(f"\nresults are in {folder}")
