"""`cardiosim measure electrograms`: what the electrodes of a run have seen."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from cardiosim.commands.electrogram_summary import (
    MeasuredElectrogram,
    draw_electrogram,
    measured_electrogram,
    numbers_of,
)
from cardiosim.commands.measure import measure
from cardiosim.commands.measured_folder import folder_beside, write_measured
from cardiosim.commands.option_values import Force
from cardiosim.commands.recorded import marched_case, open_recordings
from cardiosim.commands.table import number, show_table
from cardiosim.measure.electrogram import filtered
from cardiosim.output.results import ResultsFolder
from cardiosim.output.tables import write_table

UNITS = {
    **dict.fromkeys(("x", "y", "z"), "mm"),
    **dict.fromkeys(("activation", "lat", "recovery", "ari"), "ms"),
    "slope": "mV/ms",
    **dict.fromkeys(("R", "S", "amplitude"), "mV"),
}


@measure.command()
def electrograms(
    results: Annotated[Path, typer.Argument(help="Folder that a run has written.")],
    recording: Annotated[
        str | None, typer.Option(help="Name of a [[record.electrogram]]; all if none.")
    ] = None,
    beat: Annotated[int, typer.Option(min=1, help="Which activation, from 1.")] = 1,
    start: Annotated[
        float | None, typer.Option(help="ms; what is before does not count.")
    ] = None,
    stop: Annotated[
        float | None, typer.Option(help="ms; what is after does not count.")
    ] = None,
    band: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Hz, two numbers: filter the bipolar electrograms first."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; RESULTS_electrograms if none.")
    ] = None,
    force: Force = False,
) -> None:
    """Activation, amplitude and recovery in the electrograms of a run.

    Activation is the steepest fall of a unipolar electrogram, recovery the steepest
    rise of its T wave (Wyatt), ARI the time between; R and S are the largest and the
    smallest potential within 50 ms of the activation, against 0. Deflections are the
    turning points of a bipolar electrogram that stand out by 10 % of its amplitude.
    Times are resolved to a fraction of the sampling interval, which is shown.
    """
    opened = open_recordings(results)
    case = marched_case(opened)
    if not opened.electrograms:
        raise ValueError(
            f"{results} holds no electrograms; add [[record.electrogram]] with "
            "electrodes, grid or ring to its case, and run it again"
        )
    known = opened.electrograms
    if recording is not None and recording not in known:
        raise ValueError(
            f"{results} has no electrogram {recording}; it has {', '.join(known)}"
        )
    target = out or folder_beside(opened, "electrograms")
    ResultsFolder.check(target, force)
    found = {}
    for name in [recording] if recording else known:
        electrogram = known[name]
        signals = None
        if band is not None and len(electrogram.pairs):
            signals = filtered(electrogram.times, electrogram.bipolar, band)
        measured = measured_electrogram(
            opened,
            electrogram,
            -math.inf if start is None else start,
            math.inf if stop is None else stop,
            signals,
        )
        found[name] = measured, signals
    most = max(measured.n_beats for measured, _ in found.values())
    if beat > max(1, most):
        raise ValueError(
            f"the electrograms of {results} have beats 1 to {most}; --beat came {beat}"
        )
    for measured, _ in found.values():
        _show(measured, beat, band)
    folder = ResultsFolder.create(target, force)
    numbers = {}
    for name, (measured, signals) in found.items():
        _write(measured, beat, folder.path)
        path = folder.path / f"electrograms_{name}.png"
        draw_electrogram(measured, path, case.title, signals)
        if measured.n_beats:
            numbers |= numbers_of(name, measured)
    options = {"beat": beat, "start": start, "stop": stop, "band": band}
    given = {key: value for key, value in options.items() if value is not None}
    write_measured(folder, opened, numbers, given)
    typer.echo(f"results are in {folder.path}")


def _show(
    measured: MeasuredElectrogram, beat: int, band: tuple[float, float] | None
) -> None:
    """The tables of one recording."""
    electrogram = measured.electrogram
    step = float(np.median(np.diff(electrogram.times)))
    typer.echo(
        f"{electrogram.name}: {len(electrogram.names)} electrodes, a sample every "
        f"{step:g} ms; beats: {measured.n_beats}"
    )
    if beat > measured.n_beats:
        typer.echo(f"no beat {beat} is in it\n")
        return
    columns = _unipolar_columns(measured, beat)
    _table(columns)
    wave = measured.wave(beat - 1)
    if wave is not None:
        x, y, z = wave.direction
        typer.echo(
            f"plane wave through all electrodes: {wave.velocity:.4g} m/s along "
            f"({x:.3f}, {y:.3f}, {z:.3f}), leaving {wave.residual:.2g} ms (rms)"
        )
    if len(electrogram.pairs):
        low, high = band or (0.0, 0.0)
        typer.echo(
            "\nbipolar, first minus second electrode"
            + (f", {low:g} to {high:g} Hz" if band else ", unfiltered")
        )
        _table(_bipolar_columns(measured, beat))
    typer.echo()


def _table(columns: dict[str, list]) -> None:
    header = [f"{name} {UNITS[name]}" if name in UNITS else name for name in columns]
    rows = [
        tuple(number(round(v, 4) if isinstance(v, float) else v) for v in row)
        for row in zip(*columns.values(), strict=True)
    ]
    show_table(header, rows, numbers=range(1, len(header)))


def _unipolar_columns(measured: MeasuredElectrogram, beat: int) -> dict[str, list]:
    found, row = measured.unipolar, beat - 1
    x, y, z = measured.electrogram.positions.T
    columns = {"electrode": list(measured.electrogram.names)}
    columns |= {"x": x, "y": y, "z": z, "activation": found.activation[row]}
    if beat == 1 and np.isfinite(measured.lat).any():
        columns["lat"] = measured.lat
    columns |= {
        "slope": found.slope[row],
        "R": found.R[row],
        "S": found.S[row],
        "amplitude": found.amplitude[row],
        "recovery": found.recovery[row],
        "ari": found.ari[row],
    }
    return {name: list(values) for name, values in columns.items()}


def _bipolar_columns(measured: MeasuredElectrogram, beat: int) -> dict[str, list]:
    count = measured.bipolar.deflections[beat - 1]
    return {
        "pair": list(measured.electrogram.pair_names),
        "amplitude": list(measured.bipolar.amplitude[beat - 1]),
        "deflections": ["" if math.isnan(n) else int(n) for n in count],
    }


def _write(measured: MeasuredElectrogram, beat: int, folder: Path) -> None:
    if beat > measured.n_beats:
        return
    name = measured.electrogram.name
    write_table(
        folder / f"{name}_unipolar.csv", _unipolar_columns(measured, beat), UNITS
    )
    if len(measured.electrogram.pairs):
        write_table(
            folder / f"{name}_bipolar.csv", _bipolar_columns(measured, beat), UNITS
        )
