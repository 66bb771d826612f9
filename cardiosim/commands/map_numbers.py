"""Activation and durations over all nodes, beat by beat, as numbers and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cardiosim.commands.recorded import case_of
from cardiosim.experiments.findings import entry
from cardiosim.output.results import Results

Numbers = dict[str, dict[str, Any]]
BEGINS = {
    "threshold": "the upward crossing of {threshold:g} mV",
    "dvdt_max": "the largest dV/dt of a beat that crosses {threshold:g} mV",
}


@dataclass(frozen=True)
class Spread:
    """One quantity of one beat over all nodes; ms, NaN where no node has it."""

    quantity: str  # "lat", "apd90", ...
    beat: int  # from 1
    share: float  # of the nodes that have it
    least: float
    median: float
    most: float
    deviation: float  # standard

    @property
    def dispersion(self) -> float:
        """Largest minus smallest, ms."""
        return self.most - self.least


def spreads(results: Results, beats: Sequence[int] | None = None) -> list[Spread]:
    """Activation and durations of some beats, of all by default.

    Raises:
        ValueError: there is no such beat.
    """
    n_beats = len(results.activation)
    missing = [beat for beat in beats or () if not 1 <= beat <= n_beats]
    if missing or not n_beats:
        raise ValueError(
            f"{results.path} holds {n_beats} activations of a node at most"
            + (f", and beat {missing[0]} is asked for" if missing else "; run longer")
        )
    found = []
    for beat in beats or range(1, n_beats + 1):
        for name, values in maps_of(results, beat).items():
            found.append(_spread(name, beat, values))
    return found


def maps_of(results: Results, beat: int) -> dict[str, NDArray]:
    """Activation and durations of one beat, ms, shape (n_nodes,), by name."""
    durations = {name: apd[beat - 1] for name, apd in results.durations.items()}
    return {"lat": results.activation[beat - 1]} | durations


def definition_of(name: str, results: Results) -> str:
    """What a map shows, in words."""
    begin = BEGINS[results.activation_method].format(
        threshold=results.activation_threshold
    )
    if name == "lat":
        return f"time of {begin}"
    own = "" if "_to_" in name else " of the beat's own amplitude"
    return f"from {begin} to {_end_of(name)}{own}"


def _end_of(name: str) -> str:
    if "_to_" in name:
        return f"falling through {name.partition('_to_')[2][:-2]} mV after the peak"
    return f"{name.removeprefix('apd')} % repolarisation"


def duration_numbers(results: Results) -> Numbers:
    """Durations over all nodes in the last beat that most nodes have."""
    numbers: Numbers = {}
    for name, durations in results.durations.items():
        beat = shown_beat(durations)
        if beat is None:
            numbers[f"{name}_median"] = entry(
                np.nan, "ms", "no beat of any node has repolarised"
            )
            continue
        found = _spread(name, beat, durations[beat - 1])
        which = f"beat {beat} of {len(durations)}" if len(durations) > 1 else "all"
        what = f"{definition_of(name, results)}; over the nodes, {which}"
        numbers |= {
            f"{name}_median": entry(found.median, "ms", what),
            f"{name}_dispersion": entry(
                found.dispersion, "ms", "largest minus smallest of the same"
            ),
            f"{name}_share": entry(
                found.share, "1", "share of the nodes that have repolarised"
            ),
        }
    return numbers


def shown_beat(durations: NDArray) -> int | None:
    """The last beat, from 1, whose end at least half as many nodes have as any."""
    counts = np.isfinite(durations).sum(axis=1)
    if not counts.any():
        return None
    return int(np.flatnonzero(2 * counts >= counts.max())[-1]) + 1


def draw_map(results: Results, name: str, beat: int, path: Path) -> bool:
    """A picture of one map; returns whether the mesh has one."""
    # Here, as drawing takes long to import.
    from cardiosim.output.maps import activation_map, duration_map
    from cardiosim.output.profiles import profile_figure

    values = maps_of(results, beat)[name]
    title = case_of(results).title
    if len(results.activation) > 1:
        title = f"{title} (beat {beat})".strip()
    label = f"{label_of(name)} (ms)"
    if results.mesh_kind == "cable":
        return profile_figure(results.mesh, values, path, label=label, title=title)
    if name == "lat":
        return activation_map(results.mesh, values, path, title=title)
    missing = 100.0 * np.isnan(values).mean()
    said = f"; grey: {missing:.2g} % have none" if missing else ""
    title = f"{title}\nfrom activation to {_end_of(name)}{said}".strip()
    return duration_map(results.mesh, values, path, label=label, title=title)


def label_of(name: str) -> str:
    """Name of a quantity as a reader wants it: LAT, APD90, APD to -60 mV."""
    if "_to_" not in name:
        return name.upper()
    return f"APD to {name.partition('_to_')[2][:-2]} mV"


def _spread(name: str, beat: int, values: NDArray) -> Spread:
    known = values[np.isfinite(values)]
    if not known.size:
        return Spread(name, beat, 0.0, *[float("nan")] * 4)
    return Spread(
        name,
        beat,
        known.size / values.size,
        float(known.min()),
        float(np.median(known)),
        float(known.max()),
        float(known.std()),
    )
