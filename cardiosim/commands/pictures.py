"""Pictures that `cardiosim run` leaves beside its numbers."""

from __future__ import annotations

import math

from numpy.typing import NDArray

from cardiosim.commands.measure import (
    case_of,
    membrane_potential,
    traced_beats,
    traces_of,
)
from cardiosim.output.fields import read_fields
from cardiosim.output.results import Results, Trace


def draw(results: Results) -> list[str]:
    """Draw what the recordings hold; returns the names of the files."""
    V = membrane_potential(results)
    drawn = []
    if results.mesh_kind == "cable" and _draw_space_time(results, V):
        drawn.append("space_time.png")
    if results.mesh_kind == "point" and _draw_action_potential(results, V):
        drawn.append("action_potential.png")
    for index, trace in enumerate(results.traces.values()):
        file = f"traces{index or ''}.png"
        # The other figure shows V of one cell as well, and its numbers with it.
        shown = "action_potential.png" in drawn and list(trace.values) == [V]
        if not shown and _draw_traces(results, trace, V, file):
            drawn.append(file)
    return drawn


def _draw_space_time(results: Results, V: str) -> bool:
    # matplotlib takes most of a second to import, which only a picture is worth.
    from cardiosim.output.plots import space_time_map

    if not (results.path / "fields.h5").is_file():
        return False
    fields = read_fields(results.path)
    if V not in fields.values or len(fields.times) < 2:
        return False
    x = results.mesh_points[:, 0]
    case = case_of(results)
    velocity = results.summary.get("conduction_velocity", {"value": math.nan})["value"]
    space_time_map(
        x,
        fields.times,
        fields.values[V],
        results.activation if len(results.activation) else [math.nan] * len(x),
        velocity,
        results.path / "space_time.png",
        start=case.measure.cv.start,
        stop=case.measure.cv.stop,
        title=case.title,
    )
    return True


def _draw_action_potential(results: Results, V: str) -> bool:
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
                    results.path / "action_potential.png",
                    title=case.title,
                )
                return True
    return False


def _draw_traces(results: Results, trace: Trace, V: str, file: str) -> bool:
    from cardiosim.output.plots import traces_figure

    if len(trace.times) < 2:
        return False
    labels = [f"x = {results.mesh_points[node, 0]:g} mm" for node in trace.nodes]
    if results.mesh_kind == "point":
        labels = [f"node {node}" for node in trace.nodes]
    traces_figure(
        trace.times,
        _panels(trace, V),
        labels,
        results.path / file,
        title=case_of(results).title,
    )
    return True


def _panels(trace: Trace, V: str) -> dict[str, NDArray]:
    """Values by what to write beside them; V comes first."""
    if list(trace.values) == [V]:
        return {f"membrane potential V ({trace.units[V]})": trace.values[V]}
    units = {
        name: "" if unit in ("", "1") else f"\n({unit})"
        for name, unit in trace.units.items()
    }
    return {
        f"{name}{units[name]}": trace.values[name]
        for name in sorted(trace.values, key=lambda name: name != V)
    }
