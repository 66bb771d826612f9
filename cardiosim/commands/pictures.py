"""Pictures that `cardiosim run` leaves beside its numbers."""

from __future__ import annotations

import math

from cardiosim.commands.measure import (
    case_of,
    membrane_potential,
    traced_beats,
    traces_of,
)
from cardiosim.output.fields import read_fields
from cardiosim.output.results import Results


def draw(results: Results) -> list[str]:
    """Draw what the recordings hold; returns the names of the files."""
    V = membrane_potential(results)
    drawn = []
    if results.mesh_kind == "cable" and _draw_space_time(results, V):
        drawn.append("space_time.png")
    if results.mesh_kind == "point" and _draw_action_potential(results, V):
        drawn.append("action_potential.png")
    elif _draw_traces(results, V):
        drawn.append("traces.png")
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
        results.activation[0] if len(results.activation) else [math.nan] * len(x),
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


def _draw_traces(results: Results, V: str) -> bool:
    from cardiosim.output.plots import voltage_traces

    traces = traces_of(V, results)
    if not traces or len(traces[0].times) < 2:
        return False
    trace = traces[0]
    labels = [f"x = {results.mesh_points[node, 0]:g} mm" for node in trace.nodes]
    if results.mesh_kind == "point":
        labels = [f"node {node}" for node in trace.nodes]
    voltage_traces(
        trace.times,
        trace.values[V],
        labels,
        results.path / "traces.png",
        title=case_of(results).title,
    )
    return True
