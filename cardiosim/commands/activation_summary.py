"""When a run's tissue was activated, as entries of its summary."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.schema import CvTable, CycleLengthTable, MeasureTable
from cardiosim.commands.recorded import case_of
from cardiosim.experiments.findings import entry
from cardiosim.measure.activation import cycle_lengths
from cardiosim.measure.conduction_velocity import NoConduction
from cardiosim.output.results import Results
from cardiosim.tissue.positions import nearest_nodes

Numbers = dict[str, dict[str, Any]]


def activation_numbers(results: Results, measure: MeasureTable) -> Numbers:
    """First and last activation, the share of nodes, and what named positions have.

    Args:
        results: of a run of tissue.
        measure: of its case.
    """
    lat = _first_activation(results)
    active = np.isfinite(lat)
    threshold = f"upward crossing of {results.activation_threshold:g} mV"
    article = "an"
    if results.activation_method == "dvdt_max":
        article, threshold = "a", f"largest dV/dt of a beat with an {threshold}"
    numbers: Numbers = {}
    for name, position in (measure.lat or {}).items():
        (node,) = nearest_nodes(results.mesh_points, [position])
        place = ", ".join(f"{x:g}" for x in results.mesh_points[node])
        numbers[f"lat_{name}"] = entry(
            float(lat[node]), "ms", f"first {threshold}, node {node} at ({place}) mm"
        )
    first, last = (
        (float(lat[active].min()), float(lat[active].max()))
        if active.any()
        else (np.nan, np.nan)
    )
    numbers["activated_share"] = entry(
        float(active.mean()), "1", f"share of the nodes with {article} {threshold}"
    )
    numbers["first_activation"] = entry(
        first, "ms", f"earliest {threshold} of all nodes"
    )
    numbers["total_activation_time"] = entry(
        last - first,
        "ms",
        "from the earliest to the latest of each node's first activation",
    )
    if measure.cycle_length:
        numbers |= _cycle_lengths(results, measure.cycle_length)
    return numbers


def _cycle_lengths(results: Results, asked: CycleLengthTable) -> Numbers:
    """How often named positions were activated at the end of the run."""
    end = float(case_of(results).time.end)
    begin = end - asked.last
    nodes = nearest_nodes(results.mesh_points, list(asked.at.values()))
    found = cycle_lengths(results.activation[:, nodes], begin, end)
    when = f"from {begin:g} to {end:g} ms"
    numbers: Numbers = {}
    for column, (name, node) in enumerate(zip(asked.at, nodes, strict=True)):
        place = ", ".join(f"{x:g}" for x in results.mesh_points[node])
        count, mean = found.activations[column], found.mean[column]
        numbers |= {
            f"activations_{name}": entry(
                int(count), "1", f"{when}, node {node} at ({place}) mm"
            ),
            f"cycle_length_{name}": entry(
                float(mean), "ms", f"mean from activation to activation, {when}"
            ),
            f"cycle_length_{name}_deviation": entry(
                float(found.deviation[column]), "ms", "standard deviation of the same"
            ),
        }
    lat = np.nan_to_num(results.activation[:, nodes], nan=-np.inf)
    until = float(lat.max(axis=0, initial=-np.inf).min())
    numbers["active_until"] = entry(
        until if np.isfinite(until) else np.nan,
        "ms",
        "last activation of the named position that fell silent first",
    )
    numbers["cycle_length_spread"] = entry(
        float(np.ptp(found.mean)),
        "ms",
        "largest minus smallest of the mean cycle lengths",
    )
    return numbers


def velocity_between(results: Results, cv: CvTable, beat: int = 1) -> Numbers:
    """Distance of two nodes over the time between their activations in one beat.

    It has no sign: which of them comes first is in their activation times.

    Args:
        results: of a run of tissue.
        cv: with the two positions.
        beat: each node's own count, from 1.

    Raises:
        NoConduction: one of them was not activated, or both at once.
        ValueError: no node has so many beats.
    """
    if 1 < beat and beat > len(results.activation):
        raise ValueError(
            f"{results.path} holds {len(results.activation)} activations, expected at "
            f"least {beat}; run longer, or stimulate more"
        )
    lat = _first_activation(results) if beat == 1 else results.activation[beat - 1]
    nodes = nearest_nodes(results.mesh_points, cv.between)
    ends = results.mesh_points[nodes]
    places = " and ".join(f"({', '.join(f'{x:g}' for x in end)})" for end in ends)
    delay = abs(lat[nodes[1]] - lat[nodes[0]])
    if not np.isfinite(delay) or delay == 0.0:
        raise NoConduction(
            f"activation at {places} mm is {lat[nodes[0]]:g} and {lat[nodes[1]]:g} ms; "
            "run longer, or choose positions that the wave reaches one after the other"
        )
    velocity = float(np.linalg.norm(ends[1] - ends[0]) / delay)
    which = "first activations" if beat == 1 else f"activations in beat {beat}"
    definition = (
        f"distance of {places} mm over the time between their {which}, whichever "
        "comes first"
    )
    return {"conduction_velocity": entry(velocity, "m/s", definition)}


def _first_activation(results: Results) -> NDArray[np.float64]:
    if not len(results.activation):
        return np.full(len(results.mesh_points), np.nan)
    return results.activation[0]
