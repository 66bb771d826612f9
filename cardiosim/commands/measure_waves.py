"""`cardiosim measure waves`, `frequency`: turning waves in the snapshots of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from cardiosim.commands.measure import measure
from cardiosim.commands.measured_folder import folder_beside, write_measured
from cardiosim.commands.option_values import Force
from cardiosim.commands.progress import progress
from cardiosim.commands.recorded import case_of, open_recordings
from cardiosim.commands.table import show_table
from cardiosim.commands.wave_numbers import (
    activation_frequency_numbers,
    frequency_numbers,
    length_numbers,
    rotor_numbers,
    shown_rows,
    tip_numbers,
)
from cardiosim.commands.wave_recordings import (
    DELAY,
    Tips,
    WaveOptions,
    activation_frequencies,
    find_frequencies,
    find_tips,
)
from cardiosim.measure.dominant_frequency import BAND
from cardiosim.measure.edge_charges import longest_stretch
from cardiosim.measure.tip_trajectories import SPEED, Trajectory, rotor_count
from cardiosim.output.fields import has_fields
from cardiosim.output.results import Results, ResultsFolder
from cardiosim.output.tables import write_table

if TYPE_CHECKING:
    from cardiosim.measure.dominant_frequency import DominantFrequency

FRAMES = 4  # of the phase, in a picture
HEADER = ("quantity", "value", "unit", "resolution", "what it is")
WAY_UNITS = {
    **dict.fromkeys(("t", "begin", "end", "lifetime", "period"), "ms"),
    **dict.fromkeys(("x", "y", "z", "core_diameter", "core_length", "drift"), "mm"),
    "turned": "rad",
    "path": "mm",
    "length": "mm",
    "longest": "ms",
}

Folder = Annotated[Path, typer.Argument(help="Folder that a run has written.")]
Begin = Annotated[float | None, typer.Option(help="ms; what is before does not count.")]
End = Annotated[float | None, typer.Option(help="ms; what is after does not count.")]
Band = Annotated[
    tuple[float, float], typer.Option(help="Hz, two numbers: where peaks are sought.")
]
Out = Annotated[
    Path | None,
    typer.Option(help="Folder for numbers, tables, pictures; RESULTS_waves if none."),
]


@measure.command()
def waves(
    results: Folder,
    phase: Annotated[
        str, typer.Option(help='"delay", or "hilbert": how the phase is taken.')
    ] = "delay",
    delay: Annotated[
        float, typer.Option(min=0.0, help="ms between V and later V.")
    ] = DELAY,
    origin: Annotated[
        float | None,
        typer.Option(help="V*, mV; 35 % of the way from rest to peak if none."),
    ] = None,
    trim: Annotated[
        float | None,
        typer.Option(
            min=0.0, help='ms left out at both ends with "hilbert"; an eighth if none.'
        ),
    ] = None,
    begin: Begin = None,
    end: End = None,
    lifetime: Annotated[
        float | None,
        typer.Option(min=0.0, help="ms that make a rotor; one rotation if none."),
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0.0, help="m/s; a tip moves no faster.")
    ] = SPEED,
    gap: Annotated[
        float | None,
        typer.Option(
            min=0.0, help="ms a tip may be lost from sight; one snapshot if none."
        ),
    ] = None,
    merge: Annotated[
        float | None,
        typer.Option(
            min=0.0, help="mm; nearer ones are one, or none; two nodes' if none."
        ),
    ] = None,
    ring: Annotated[
        bool, typer.Option("--ring", help="Loops of eight nodes instead of four.")
    ] = False,
    band: Band = BAND,
    out: Out = None,
    force: Force = False,
) -> None:
    """Phase, singularities, tips, rotors and dominant frequency of a run of tissue.

    The phase of a node is the angle at which V - V* stands against its value a delay
    later (or against its Hilbert transform). A singularity is a loop of four nodes (of
    a triangle: three) round which the phase, each step the shorter way, changes by 2 pi
    (charge +1: the wave turns clockwise, seen from +z or from outside) or by -2 pi. It
    lies where both potentials are V*, which is inside the loop. Singularities of equal
    charge are one tip if the later is the nearest that a tip can have reached. A rotor
    is a tip that lives for one rotation of the wave or longer, or for --lifetime.

    Snapshots of V every 5 ms suit (record.snapshot.interval); 20 ms are the most.
    """
    opened = open_recordings(results)
    folder = out or folder_beside(opened, "waves")
    ResultsFolder.check(folder, force)
    options = WaveOptions(
        phase=phase,
        delay=delay,
        origin=origin,
        begin=-np.inf if begin is None else begin,
        end=np.inf if end is None else end,
        speed=speed,
        gap=gap,
        merge=merge,
        ring=ring,
        trim=trim,
        band=band,
    )
    with progress("phase singularities", unit="snapshots") as show:
        tips = find_tips(opened, options, show, FRAMES)
    numbers = tip_numbers(tips, lifetime) | rotor_numbers(opened, tips, lifetime)
    try:
        frequencies, duration = find_frequencies(opened, options)
    except ValueError as error:
        typer.echo(f"warning: no dominant frequency: {error}", err=True)
        frequencies = None
    else:
        numbers |= frequency_numbers(frequencies, duration)
    numbers |= length_numbers(opened)
    typer.echo(
        f"{tips.phase}; a snapshot every {tips.interval:g} ms, nodes "
        f"{tips.spacing:.3g} mm apart\n"
    )
    show_table(HEADER, shown_rows(numbers), numbers=(1,))
    written = ResultsFolder.create(folder, force)
    _write_tips(opened, tips, lifetime, written.path)
    if frequencies is not None:
        _write_frequencies(opened, frequencies, written.path)
    write_measured(written, opened, numbers, _told(options))
    typer.echo(f"\nresults are in {folder}")


@measure.command()
def frequency(
    results: Folder,
    activations: Annotated[
        bool,
        typer.Option("--activations", help="From activation times, not from V."),
    ] = False,
    begin: Begin = None,
    end: End = None,
    band: Band = BAND,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder; RESULTS_frequency if none."),
    ] = None,
    force: Force = False,
) -> None:
    """Dominant frequency of every node, from snapshots of V or activation times.

    The frequency of the largest peak of the periodogram of V (mean removed, Hann
    window) within the band. The resolution is 1/T of a recording of length T: two
    frequencies that are nearer are one, whatever the padding with zeros shows.

    With --activations, or without snapshots: one over the mean time from activation to
    activation, which needs two in the time that is looked at.
    """
    opened = open_recordings(results)
    folder = out or folder_beside(opened, "frequency")
    ResultsFolder.check(folder, force)
    options = WaveOptions(
        begin=-np.inf if begin is None else begin,
        end=np.inf if end is None else end,
        band=band,
    )
    if activations or not has_fields(opened.path):
        found = activation_frequencies(opened, options)
        numbers = activation_frequency_numbers(found)
    else:
        found, duration = find_frequencies(opened, options)
        numbers = frequency_numbers(found, duration)
    show_table(HEADER, shown_rows(numbers), numbers=(1,))
    written = ResultsFolder.create(folder, force)
    _write_frequencies(opened, found, written.path)
    write_measured(written, opened, numbers, _told(options))
    typer.echo(f"\nresults are in {folder}")


def _told(options: WaveOptions) -> dict[str, Any]:
    """Options as they are written down: what is infinite was not given."""
    return {
        name: value
        for name, value in asdict(options).items()
        if not (isinstance(value, float) and np.isinf(value))
    }


def _write_tips(
    results: Results, tips: Tips, lifetime: float | None, folder: Path
) -> None:
    """Tables, ways for ParaView, and pictures."""
    from cardiosim.output.phase_plot import phase_map
    from cardiosim.output.wave_plots import rotor_history, tip_ways

    title = case_of(results).title
    counts = np.array([len(now) for now in tips.found])
    charge = np.array([int(now.charges.sum()) for now in tips.found])
    rotors = rotor_count(tips.times, tips.trajectories, lifetime)
    write_table(
        folder / "rotor_count.csv",
        {"t": tips.times, "singularities": counts, "charge": charge, "rotors": rotors},
        WAY_UNITS,
    )
    write_table(folder / "edges.csv", _edges(tips), WAY_UNITS)
    write_table(folder / "tips.csv", _lives(tips.trajectories, lifetime), WAY_UNITS)
    write_table(folder / "tip_ways.csv", _ways(tips.trajectories), WAY_UNITS)
    if tips.trajectories:
        _write_vtu(folder / "tip_ways.vtu", tips.trajectories)
    rotor_history(
        tips.times,
        counts,
        rotors,
        charge,
        tips.trajectories,
        folder / "rotors.png",
        lifetime=lifetime,
        title=title,
    )
    at = {float(t): found for t, found in zip(tips.times, tips.found, strict=True)}
    phase_map(
        results.mesh,
        [t for t, _, _ in tips.kept],
        [V for _, V, _ in tips.kept],
        [theta for _, _, theta in tips.kept],
        folder / "singularities.png",
        title=f"{title}\n{tips.phase}".strip(),
        marks=[at[t] for t, _, _ in tips.kept],
    )
    rotating = [tip for tip in tips.trajectories if tip.is_rotor(lifetime)]
    ground, label = _ground(results, tips)
    tip_ways(
        results.mesh,
        rotating or [tip for tip in tips.trajectories if len(tip.times) > 1],
        ground,
        folder / "tips.png",
        label=label,
        title=title,
    )


def _ground(results: Results, tips: Tips) -> tuple[np.ndarray, str]:
    """Last activation before the end, or V, to draw ways on; and what it is."""
    end = tips.times[-1]
    if len(results.activation):
        lat = np.where(results.activation <= end, results.activation, -np.inf)
        last = lat.max(axis=0)
        if np.isfinite(last).any():
            last = np.where(np.isfinite(last), last, np.nan)
            return last, f"grey: last activation before {end:g} ms"
    t, V, _ = tips.kept[-1]
    return V, f"grey: V at {t:g} ms"


def _edges(tips: Tips) -> dict[str, Sequence]:
    """One row an edge of the tissue, the longest first."""
    charge = tips.edge_charges
    return {
        "edge": list(range(1, len(tips.edges.lengths) + 1)),
        "hole": tips.edges.is_hole.astype(int),
        "length": tips.edges.lengths,
        **dict(zip("xyz", tips.edges.centres.T, strict=True)),
        "mean_charge": charge.mean(axis=0),
        "share_of_time": (charge != 0).mean(axis=0),
        "longest": [longest_stretch(tips.times, column) for column in charge.T],
    }


def _lives(tips: Sequence[Trajectory], lifetime: float | None) -> dict[str, list]:
    """One row a tip."""
    return {
        "tip": list(range(1, len(tips) + 1)),
        "charge": [tip.charge for tip in tips],
        "begin": [tip.times[0] for tip in tips],
        "end": [tip.times[-1] for tip in tips],
        "lifetime": [tip.lifetime for tip in tips],
        "rotor": [int(tip.is_rotor(lifetime)) for tip in tips],
        "rotations": [tip.rotations for tip in tips],
        "period": [tip.period for tip in tips],
        "core_diameter": [tip.core_diameter for tip in tips],
        "core_length": [tip.core_length for tip in tips],
        "drift": [tip.drift for tip in tips],
        "path": [tip.path for tip in tips],
    }


def _ways(tips: Sequence[Trajectory]) -> dict[str, np.ndarray]:
    """One row a tip and time."""
    number = [np.full(len(tip.times), k) for k, tip in enumerate(tips, start=1)]
    positions = np.concatenate([np.empty((0, 3)), *(tip.positions for tip in tips)])
    none = [np.empty(0)]
    return {
        "tip": np.concatenate([np.empty(0, dtype=int), *number]),
        "charge": np.repeat(
            np.array([tip.charge for tip in tips], dtype=int),
            [len(tip.times) for tip in tips],
        ),
        "t": np.concatenate(none + [tip.times for tip in tips]),
        **dict(zip("xyz", positions.T, strict=True)),
        "turned": np.concatenate(none + [tip.turned - tip.turned[0] for tip in tips]),
    }


def _write_vtu(path: Path, tips: Sequence[Trajectory]) -> None:
    """The ways as lines with time and charge, for ParaView."""
    import meshio

    from cardiosim.whole_file import whole_file

    ways = _ways(tips)
    first = np.arange(len(ways["tip"]) - 1)
    same = ways["tip"][1:] == ways["tip"][:-1]
    lines = np.stack([first[same], first[same] + 1], axis=1)
    points = np.stack([ways[axis] for axis in "xyz"], axis=1)
    data = {name: ways[name] for name in ("tip", "charge", "t", "turned")}
    with whole_file(path) as partial:
        meshio.write(
            partial,
            meshio.Mesh(points, [("line", lines)], point_data=data),
            file_format="vtu",
        )


def _write_frequencies(
    results: Results, found: DominantFrequency, folder: Path
) -> None:
    """Map and spectrum as pictures and tables, and the map for ParaView."""
    from cardiosim.output.vtkhdf import write_vtkhdf
    from cardiosim.output.wave_plots import frequency_map

    frequency_map(
        results.mesh, found, folder / "frequency.png", title=case_of(results).title
    )
    if found.frequencies.size:
        write_table(
            folder / "spectrum.csv",
            {"frequency": found.frequencies, "power": found.spectrum},
            {"frequency": "Hz"},
        )
    values = {
        "dominant_frequency": found.values,
        "organisation": found.organisation,
    }
    mesh = replace(results.mesh, node_data=dict(results.mesh.node_data) | values)
    write_vtkhdf(folder / "frequency.vtkhdf", mesh, None, (), lambda done, end: None)
