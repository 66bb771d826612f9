"""`cardiosim measure`: numbers from the recordings of a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cardiosim.case.schema import PERCENTS
from cardiosim.commands.activation_summary import velocity_between
from cardiosim.commands.recorded import (
    cytosolic_calcium,
    is_tissue,
    marched_case,
    membrane_potential,
    open_recordings,
    traced_beats,
    traced_transients,
    traces_of,
)
from cardiosim.commands.summary import (
    DECAYS,
    alternates,
    apd_potentials,
    between_beats,
    conduction_numbers,
)
from cardiosim.commands.table import number, show_summary, show_table
from cardiosim.measure.action_potential import ActionPotential

measure = typer.Typer(help="Take numbers from a results folder.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="Folder that a run has written.")]


@measure.command()
def cv(
    results: Folder,
    start: Annotated[
        float | None, typer.Option(help="Fraction of the cable to begin at.")
    ] = None,
    stop: Annotated[
        float | None, typer.Option(help="Fraction of the cable to end at.")
    ] = None,
    beat: Annotated[int, typer.Option(min=1, help="Which activation, from 1.")] = 1,
) -> None:
    """Conduction velocity along a cable, or between two positions."""
    opened = open_recordings(results)
    case = marched_case(opened)
    asked = case.measure.cv
    if asked is None:
        raise ValueError(
            f"{results} is of a case without measure.cv; a cable has one, any other "
            "tissue needs measure.cv.between, two positions in mm"
        )
    if asked.between:
        if start is not None or stop is not None:
            raise ValueError(
                "--start and --stop are for cables; this velocity is taken between two "
                "positions (measure.cv.between); measure cv-line takes any others"
            )
        show_summary(velocity_between(opened, asked, beat))
        return
    show_summary(
        conduction_numbers(
            opened,
            asked.start if start is None else start,
            asked.stop if stop is None else stop,
            beat,
        )
    )


Last = Annotated[
    int | None, typer.Option(min=1, help="Only so many of the last beats.")
]


@measure.command()
def apd(
    results: Folder,
    percent: Annotated[
        list[float] | None,
        typer.Option(help="Percent of repolarisation; may be given several times."),
    ] = None,
    potential: Annotated[
        list[float] | None,
        typer.Option(help="APD at this potential, mV; may be given several times."),
    ] = None,
    triangulation: Annotated[
        bool, typer.Option("--triangulation", help="APD90 - APD30 as well.")
    ] = False,
    beat_to_beat: Annotated[
        bool,
        typer.Option(
            "--beat-to-beat",
            help="Diastolic interval, change of the APD, and whether it alternates.",
        ),
    ] = False,
    last: Last = None,
) -> None:
    """Action potentials of every beat in the traces of V."""
    opened = open_recordings(results)
    asked = marched_case(opened).measure
    percents = tuple(percent or asked.apd or PERCENTS)
    potentials = tuple(potential or apd_potentials(asked))
    tissue = is_tissue(opened)
    header = ["node", "x mm", "activation ms"] if tissue else ["node", "stimulus ms"]
    n_place = len(header) - 1
    header += [f"apd{p:g} ms" for p in percents]
    header += [f"apd at {level:g} mV ms" for level in potentials]
    header += ["triangulation ms"] * triangulation
    header += ["DI ms", "change ms"] * beat_to_beat
    header += ["rest mV", "amplitude mV", "dV/dt max V/s"]
    header += ["after stimulus V/s"] * (not tissue)
    rows, said = [], []
    for node, beats in traced_beats(opened, percents, potentials).items():
        x = opened.mesh_points[node, 0]
        place = (str(node), f"{x:g}")[:n_place]
        between = between_beats(beats, max(percents))
        found = [
            _columns(beat, tissue, triangulation, row if beat_to_beat else ())
            for beat, row in zip(beats, between, strict=True)
        ]
        silent = [math.nan] * (len(header) - len(place))
        shown = (found or [silent])[-(last or len(beats) or 1) :]
        rows += [(*place, *map(number, values)) for values in shown]
        if beat_to_beat:
            said.append(f"node {node}: {alternates(beats, max(percents))}")
    show_table(header, rows, numbers=range(len(header)))
    for line in said:
        typer.echo(line)


def _columns(
    beat: ActionPotential,
    tissue: bool,
    triangulation: bool,
    between: Sequence[float],
) -> tuple[float, ...]:
    """The numbers of one beat in a row of `measure apd`."""
    return (
        beat.activation_time if tissue else beat.stimulus_start,
        *beat.apd.values(),
        *beat.apd_at.values(),
        *(beat.triangulation,) * triangulation,
        *between,
        beat.resting_potential,
        beat.amplitude,
        beat.dvdt_max,
        *(beat.dvdt_max_after_stimulus,) * (not tissue),
    )


@measure.command()
def calcium(
    results: Folder,
    variable: Annotated[
        str | None,
        typer.Option(help="Cytosolic calcium, if the cell does not say which it is."),
    ] = None,
    decay: Annotated[
        list[float] | None,
        typer.Option(help="Percent of the decay; may be given several times."),
    ] = None,
    last: Last = None,
) -> None:
    """Calcium transient of every beat in the traces of cytosolic calcium."""
    opened = open_recordings(results)
    marched_case(opened)
    name = variable or cytosolic_calcium(opened)
    if name is None:
        raise ValueError(
            f"{results} does not say which variable is the cytosolic calcium; name it "
            "with --variable"
        )
    transients = traced_transients(opened, name, decay or DECAYS)
    if not transients:
        raise ValueError(
            f"{results} holds no trace of {name} with a beat in it; record one: "
            f'--set \'record.trace.0.variables=["{membrane_potential(opened)}", '
            f'"{name}"]\''
        )
    unit = traces_of(name, opened)[0].units[name]
    begin = "activation ms" if is_tissue(opened) else "stimulus ms"
    header = ["node", begin, f"diastolic {unit}", f"peak {unit}", f"amplitude {unit}"]
    header += ["to peak ms", *(f"decay{p:g} ms" for p in decay or DECAYS)]
    rows = [
        (str(node), *map(number, map(float, beat)))
        for node, beats in transients.items()
        for beat in list(zip(*beats.values(), strict=True))[-(last or 0) :]
    ]
    show_table(header, rows, numbers=range(len(header)))
