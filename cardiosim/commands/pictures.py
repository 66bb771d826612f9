"""Pictures that `cardiosim run` leaves beside its numbers.

Of single cells the recorded membrane currents and gates of the last beat get their own
figures; all other variables, and those of tissue, are drawn as traces. Tissue of two
or three dimensions gets a map of its first activation, and V at several times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.beats import beats_of
from cardiosim.case.schema import CvTable
from cardiosim.commands.electrogram_summary import draw_electrograms
from cardiosim.commands.map_numbers import draw_map, shown_beat
from cardiosim.commands.phase_picture import NoPhaseMap, draw_phase_map
from cardiosim.commands.recorded import (
    case_of,
    is_tissue,
    membrane_potential,
    traced_beats,
    traces_of,
)
from cardiosim.measure.beats import last_sample_at
from cardiosim.output.fields import FieldSeries, has_fields, open_fields, read_fields
from cardiosim.output.results import Results, Trace

FRAMES = 6  # of V
MOST_LABELS = 12  # of the nodes of a trace; of more, so many are drawn


def draw(
    results: Results,
    warn: Callable[[str], None] = lambda line: None,
    folder: Path | None = None,
) -> list[str]:
    """Draw what the recordings hold.

    Args:
        results: of a run.
        warn: gets a line for what was asked for and cannot be drawn.
        folder: to draw into; that of the results by default.

    Returns:
        The names of the files.
    """
    V, folder = membrane_potential(results), folder or results.path
    drawn = []
    if results.mesh_kind == "cable" and _draw_space_time(results, V, folder):
        drawn.append("space_time.png")
    if results.mesh_kind in ("sheet", "slab", "mesh"):
        if _draw_activation_map(results, folder):
            drawn.append("activation.png")
        drawn += _draw_durations(results, folder)
        if case_of(results).measure.cv_field and len(results.activation):
            from cardiosim.commands.velocity_numbers import asked_field, draw_field

            drawn += draw_field(results, asked_field(results), folder)
        if _draw_frames(results, V, folder):
            drawn.append("frames.png")
        try:
            if draw_phase_map(results, V, folder):
                drawn.append("phase.png")
        except NoPhaseMap as error:
            warn(f"no phase map: {error}")
    if not is_tissue(results) and _draw_action_potential(results, V, folder):
        drawn.append("action_potential.png")
    for index, trace in enumerate(results.traces.values()):
        number = f"{index or ''}.png"
        rest = list(trace.values)
        if not is_tissue(results) and len(trace.times) > 1:
            for kind, names in _currents_and_gates(results, trace).items():
                if names:
                    _draw_panels(
                        results, trace, V, names, kind, folder / (kind + number)
                    )
                    drawn.append(kind + number)
                rest = [name for name in rest if name not in names]
        # The other figures show V of one cell as well, and its numbers with it.
        shown = rest == [V] and "action_potential.png" in drawn
        path = folder / f"traces{number}"
        if rest and not shown and _draw_traces(results, trace, V, rest, path):
            drawn.append(path.name)
    drawn += draw_electrograms(results, folder, case_of(results).title)
    return drawn


def _currents_and_gates(results: Results, trace: Trace) -> dict[str, list[str]]:
    """Which of the recorded variables are membrane currents, and which are gates.

    Where the provenance does not say so, currents are what is in A/F.
    """
    cell = results.resolved["provenance"]["cell"]
    in_current_unit = [name for name, unit in trace.units.items() if unit == "A/F"]
    known = {
        "currents": cell.get("membrane_currents", in_current_unit),
        "gates": cell.get("gates", ()),
    }
    return {
        kind: [name for name in trace.values if name in names]
        for kind, names in known.items()
    }


def _last_beat(results: Results, trace: Trace) -> float:
    """When the last stimulus of a trace begins, ms; its begin if it has none."""
    starts = beats_of(case_of(results))[0]
    first = last_sample_at(trace.times, starts)
    begun = starts[(first >= 0) & (first < trace.times.size - 1)]
    return float(begun[-1]) if begun.size else float(trace.times[0])


def _draw_panels(
    results: Results,
    trace: Trace,
    V: str,
    names: Sequence[str],
    kind: str,
    path: Path,
) -> None:
    """Currents or gates of the first recorded cell, last beat."""
    # matplotlib takes most of a second to import, which only a picture is worth.
    from cardiosim.output import cell_plots

    title = case_of(results).title
    if len(trace.nodes) > 1:
        title = f"{title} (node {trace.nodes[0]})".strip()
    figure = {
        "currents": cell_plots.currents_figure,
        "gates": cell_plots.gates_figure,
    }[kind]
    figure(
        trace.times,
        {name: trace.values[name][:, 0] for name in names},
        path,
        V=trace.values[V][:, 0] if V in trace.values else None,
        start=_last_beat(results, trace),
        title=title,
    )


def _draw_space_time(results: Results, V: str, folder: Path) -> bool:
    from cardiosim.output.plots import space_time_map

    if not has_fields(results.path):
        return False
    fields = read_fields(results.path)
    if V not in fields.values or len(fields.times) < 2:
        return False
    x = results.mesh_points[:, 0]
    case = case_of(results)
    velocity = results.summary.get("conduction_velocity", {"value": math.nan})["value"]
    start, stop = _measured_part(case.measure.cv, x)
    space_time_map(
        x,
        fields.times,
        fields.values[V],
        results.activation if len(results.activation) else [math.nan] * len(x),
        velocity,
        folder / "space_time.png",
        start=start,
        stop=stop,
        title=case.title,
    )
    return True


def _measured_part(cv: CvTable, x: NDArray) -> tuple[float, float]:
    """Fractions of a cable between which the velocity was taken."""
    if cv.between is None:
        return cv.start, cv.stop
    start, stop = sorted((end[0] - x.min()) / np.ptp(x) for end in cv.between)
    return start, stop


def _draw_activation_map(results: Results, folder: Path) -> bool:
    """The first beat; later ones: `cardiosim view --what lat --beat`."""
    from cardiosim.output.maps import activation_map

    activated = [lat for lat in results.activation if np.isfinite(lat).any()]
    path = folder / "activation.png"
    title = case_of(results).title
    return bool(activated) and activation_map(
        results.mesh, activated[0], path, title=title
    )


def _draw_durations(results: Results, folder: Path) -> list[str]:
    """Each recorded duration, the last beat that most nodes have."""
    drawn = []
    for name, durations in results.durations.items():
        beat, file = shown_beat(durations), f"{name}.png"
        if beat and draw_map(results, name, beat, folder / file):
            drawn.append(file)
    return drawn


def _draw_frames(results: Results, V: str, folder: Path) -> bool:
    """V at times spread over those at which something activates."""
    from cardiosim.output.maps import potential_frames

    if not has_fields(results.path):
        return False
    series = open_fields(results.path)
    if V not in series.units:
        return False
    steps = list(series.steps([V], which=_when_activating(results, series)))
    return potential_frames(
        results.mesh,
        [t for t, _ in steps],
        [values[V] for _, values in steps],
        folder / "frames.png",
        title=case_of(results).title,
    )


def _when_activating(results: Results, series: FieldSeries) -> list[int]:
    """Numbers of the snapshots of the frames, increasing."""
    lat = results.activation[np.isfinite(results.activation)]
    begin, end = series.times[[0, -1]]
    if lat.size:
        begin, end = max(begin, lat.min()), min(end, lat.max())
    wanted = np.linspace(begin, end, FRAMES)
    return sorted({series.nearest(float(t)) for t in wanted})


def _draw_action_potential(results: Results, V: str, folder: Path) -> bool:
    """The last beat, whose numbers are in the summary."""
    from cardiosim.output.plots import action_potential_figure

    case = case_of(results)
    if not case.measure.apd or not case.stimulus:
        return False
    traced = traced_beats(results, case.measure.apd)
    for trace in traces_of(V, results):
        for node in trace.nodes:
            if traced.get(int(node)):
                action_potential_figure(
                    trace.times,
                    trace.at(V, node),
                    traced[int(node)][-1],
                    folder / "action_potential.png",
                    title=case.title,
                )
                return True
    return False


def _draw_traces(
    results: Results, trace: Trace, V: str, names: Sequence[str], path: Path
) -> bool:
    from cardiosim.output.plots import traces_figure
    from cardiosim.output.style import thinned

    if len(trace.times) < 2:
        return False
    labels = [place_of(results, node) for node in trace.nodes]
    few = thinned(len(labels), MOST_LABELS)
    traces_figure(
        trace.times,
        {name: values[:, few] for name, values in _panels(trace, V, names).items()},
        [labels[k] for k in few],
        path,
        title=case_of(results).title,
    )
    return True


def place_of(results: Results, node: int) -> str:
    """Where a node is, in as many coordinates as it takes."""
    if not is_tissue(results):
        return f"node {node}"
    if results.mesh_kind == "cable":
        return f"x = {results.mesh_points[node, 0]:g} mm"
    n_axes = 2 if results.mesh_kind == "sheet" else 3
    place = ", ".join(f"{x:.4g}" for x in results.mesh_points[node, :n_axes])
    return f"({place}) mm"


def _panels(trace: Trace, V: str, names: Sequence[str]) -> dict[str, NDArray]:
    """Values by what to write beside them; V comes first."""
    if list(names) == [V]:
        return {f"membrane potential V ({trace.units[V]})": trace.values[V]}
    units = {
        name: "" if unit in ("", "1") else f"\n({unit})"
        for name, unit in trace.units.items()
    }
    return {
        f"{name}{units[name]}": trace.values[name]
        for name in sorted(names, key=lambda name: name != V)
    }
