"""Beats in the traces of V as tables of a report: of one run, or of two."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cardiosim.case.schema import PERCENTS
from cardiosim.commands.pictures import place_of
from cardiosim.commands.recorded import (
    is_tissue,
    membrane_potential,
    traced_beats,
    traces_of,
)
from cardiosim.commands.report_contents import Contents
from cardiosim.commands.summary import apd_potentials
from cardiosim.measure.action_potential import ActionPotential
from cardiosim.output.report import Column, Table

MOST_BEATS = 10  # of a node in a table, the last ones
MOST_NODES = 12


def beats_table(contents: Contents) -> Table | None:
    """The last beats at each node with a trace of V; None without any."""
    results = contents.marched
    if results is None:
        return None
    measure = contents.case.measure
    percents, potentials = measure.apd or PERCENTS, apd_potentials(measure)
    found = _beats(contents, percents, potentials)
    tissue = is_tissue(results)
    columns = [
        Column("node"),
        Column("beat"),
        Column("activation" if tissue else "stimulus", "ms", 7),
        *(Column(f"APD{percent:g}", "ms", 5) for percent in percents),
        *(Column(f"APD at {level:g} mV", "ms", 5) for level in potentials),
        Column("rest", "mV", 5),
        Column("amplitude", "mV", 5),
        Column("dV/dt max", "V/s"),
    ]
    rows = []
    nodes = list(found.items())[:MOST_NODES]
    for node, beats in nodes:
        for number, beat in list(enumerate(beats, start=1))[-MOST_BEATS:]:
            rows.append(
                (
                    place_of(results, node),
                    number,
                    beat.activation_time if tissue else beat.stimulus_start,
                    *beat.apd.values(),
                    *beat.apd_at.values(),
                    beat.resting_potential,
                    beat.amplitude,
                    beat.dvdt_max,
                )
            )
    if not rows:
        return None
    said = [_sampled([contents])]
    if any(len(beats) > MOST_BEATS for _, beats in nodes):
        said.append(f"The last {MOST_BEATS} beats of each node.")
    if len(found) > len(nodes):
        said.append(f"{len(nodes)} of {len(found)} nodes.")
    return Table("Beats in the traces of V", columns, rows, " ".join(said))


def beats_of_runs(called: Sequence[str], runs: Sequence[Contents]) -> Table | None:
    """Durations and upstrokes of beats that two runs of one mesh share, side by side.

    The k-th beat of a node in one run is compared with its k-th in the other.
    """
    percents = tuple(runs[0].case.measure.apd or PERCENTS)
    found = [_beats(run, percents, ()) for run in runs]
    rows = []
    for node in [node for node in found[0] if node in found[1]][:MOST_NODES]:
        pairs = list(zip(found[0][node], found[1][node], strict=False))
        for number, pair in list(enumerate(pairs, start=1))[-MOST_BEATS:]:
            values = [[*beat.apd.values(), beat.dvdt_max] for beat in pair]
            cells = [(a, b, b - a) for a, b in zip(*values, strict=True)]
            rows.append((place_of(runs[0].results, node), number, *sum(cells, ())))
    if not rows:
        return None
    columns = [Column("node"), Column("beat")]
    for name, unit in (*((f"APD{p:g}", "ms") for p in percents), ("dV/dt max", "V/s")):
        columns += [Column(f"{name}, {label}", unit, 5) for label in called]
        columns.append(Column("difference", unit, 3))
    return Table("Beats in the traces of V", columns, rows, _sampled(runs))


def _beats(
    contents: Contents, percents: tuple[float, ...], potentials: tuple[float, ...]
) -> dict[int, list[ActionPotential]]:
    try:
        return traced_beats(contents.marched, percents, potentials)
    except ValueError:  # no trace, or nothing in it
        return {}


def _sampled(runs: Sequence[Contents]) -> str:
    """How finely V was recorded, and what the durations are."""
    intervals = dict.fromkeys(
        f"{np.diff(trace.times).max(initial=0.0):g}"
        for run in runs
        for trace in traces_of(membrane_potential(run.results), run.results)
    )
    return (
        f"V sampled every {' and '.join(intervals)} ms. Activation is the upward "
        "crossing of the threshold, APD lasts from dV/dt max to that share of "
        "repolarisation from the peak to rest; both are interpolated. dV/dt max is a "
        "difference quotient of samples."
    )
