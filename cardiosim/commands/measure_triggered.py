"""`cardiosim measure triggered`: afterdepolarisations in the traces of V of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from cardiosim.case.beats import beats_of
from cardiosim.commands.measure import measure
from cardiosim.commands.measured_folder import folder_beside, write_measured
from cardiosim.commands.option_values import Force
from cardiosim.commands.recorded import (
    is_tissue,
    marched_case,
    membrane_potential,
    open_recordings,
    traces_of,
)
from cardiosim.commands.table import number, show_table
from cardiosim.experiments.findings import entry
from cardiosim.measure.triggered_activity import EARLIEST, RISE, Rises, rises
from cardiosim.output.fields import has_fields, read_fields
from cardiosim.output.results import Results, ResultsFolder
from cardiosim.output.tables import write_table

SHOWN = ("triggered", "EAD", "DAD")
UNITS = {
    **dict.fromkeys(("takeoff", "peak"), "ms"),
    **dict.fromkeys(("takeoff_potential", "peak_potential", "size"), "mV"),
}


@measure.command()
def triggered(
    results: Annotated[Path, typer.Argument(help="Folder that a run has written.")],
    rise: Annotated[
        float, typer.Option(min=0.0, help="mV that V must rise, and fall again.")
    ] = RISE,
    earliest: Annotated[
        float, typer.Option(help="ms from upstroke or stimulus to an EAD.")
    ] = EARLIEST,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="All nodes, from the snapshots of V.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; RESULTS_triggered if none.")
    ] = None,
    force: Force = False,
) -> None:
    """Early and delayed afterdepolarisations, and beats that nobody has stimulated.

    A rise of V counts if V rises by --rise mV and falls by as much. It is an EAD if it
    takes off above 90 % repolarisation and --earliest ms or more after the upstroke and
    after any stimulus; a DAD if it takes off below 90 % repolarisation and stays below
    the threshold; and a triggered beat if it crosses the threshold from there with no
    stimulus near. In tissue any wave that arrives would be the last, so that only EADs
    and DADs are told.
    """
    opened = open_recordings(results)
    case = marched_case(opened)
    folder = out or folder_beside(opened, "triggered")
    ResultsFolder.check(folder, force)
    kinds = SHOWN[1:] if is_tissue(opened) else SHOWN
    starts, durations = ((), 0.0) if is_tissue(opened) else beats_of(case)
    threshold = case.record.activation_threshold
    recorded = list(_recorded(opened, everywhere))
    found = [
        (nodes, times, V, rises(times, V, starts, durations, rise, earliest, threshold))
        for nodes, times, V in recorded
    ]
    columns = _columns(found, kinds)
    names = [f"{key} {UNITS[key]}" if key in UNITS else key for key in columns]
    rows = list(zip(*columns.values(), strict=True))
    if rows:
        show_table(
            names,
            [tuple(number(_rounded(value)) for value in row) for row in rows],
            numbers=[0, *range(2, len(names))],
        )
    n_nodes = sum(len(nodes) for nodes, *_ in found)
    numbers = _numbers(found, kinds, n_nodes)
    for key, what in numbers.items():
        typer.echo(f"{key}: {number(what['value'])} ({what['definition']})")
    longest = max(float(np.diff(times).max()) for _, times, _ in recorded)
    typer.echo(
        f"resolution: samples {longest:g} ms apart at most; rises below {rise:g} mV "
        "are not looked at"
    )
    written = ResultsFolder.create(folder, force)
    write_table(written.path / "triggered.csv", columns, UNITS)
    _draw(found, kinds, case.title, written.path)
    write_measured(written, opened, numbers, {"rise": rise, "earliest": earliest})
    typer.echo(f"\nresults are in {folder}")


def _recorded(results: Results, everywhere: bool):
    """Nodes, times and V, (n_times, n_nodes), of the traces or of all nodes.

    Raises:
        ValueError: V was not recorded so.
    """
    V = membrane_potential(results)
    if everywhere:
        fields = read_fields(results.path) if has_fields(results.path) else None
        if fields is None or V not in fields.values or len(fields.times) < 2:
            raise ValueError(
                f"{results.path} holds no snapshots of {V}; add [record.snapshot]"
            )
        yield np.arange(len(results.mesh_points)), fields.times, fields.values[V]
        return
    traces = [trace for trace in traces_of(V, results) if len(trace.times) > 1]
    if not traces:
        raise ValueError(
            f"{results.path} holds no trace of {V}; record one (record.trace), or look "
            "at the snapshots with --everywhere"
        )
    for trace in traces:
        yield trace.nodes, trace.times, trace.values[V]


Found = list[tuple[NDArray, NDArray, NDArray, Rises]]


def _columns(found: Found, kinds: tuple[str, ...]) -> dict[str, list]:
    """One row a rise of these kinds."""
    columns: dict[str, list] = {
        key: [] for key in ("node", "kind", "beat", *UNITS) if key != "size"
    }
    columns["size"] = []
    for nodes, _, _, rise in found:
        chosen = np.isin(rise.kind, kinds)
        for key, column in columns.items():
            values = nodes[rise.node] if key == "node" else getattr(rise, key)
            column += values[chosen].tolist()
    return columns


def _rounded(value: Any) -> Any:
    return round(value, 2) if isinstance(value, float) else value


def _numbers(
    found: Found, kinds: tuple[str, ...], n_nodes: int
) -> dict[str, dict[str, Any]]:
    named = {"triggered": "beats without a stimulus", "EAD": "early", "DAD": "delayed"}
    numbers = {}
    for kind in kinds:
        counts = np.concatenate([rise.count(kind) for *_, rise in found])
        what = named[kind] + (" afterdepolarisations" if kind != "triggered" else "")
        key = kind if kind == "triggered" else kind.lower()
        numbers[f"{key}_count"] = entry(int(counts.sum()), "1", what)
        numbers[f"{key}_share"] = entry(
            np.count_nonzero(counts) / n_nodes, "1", f"share of the nodes with {what}"
        )
    late = sum(int(rise.unrepolarised.sum()) for *_, rise in found)
    numbers["unrepolarised"] = entry(
        late, "1", "nodes above 90 % repolarisation when the recording ends"
    )
    return numbers


def _draw(found: Found, kinds: tuple[str, ...], title: str, folder: Path) -> None:
    """V of the nodes with the most of them, its rises marked."""
    from cardiosim.output.triggered_plots import MOST_NODES, triggered_figure

    nodes, times, V, rise = found[0]
    marked = np.isin(rise.kind, kinds)
    counts = np.bincount(rise.node[marked], minlength=len(nodes))
    shown = np.sort(np.argsort(-counts, kind="stable")[:MOST_NODES])
    triggered_figure(
        times,
        V[:, shown],
        [f"node {nodes[k]}" for k in shown],
        folder / "triggered.png",
        marks={
            kind: [
                (
                    int(np.searchsorted(shown, node)),
                    takeoff,
                    takeoff_potential,
                    peak,
                    peak_potential,
                )
                for node, takeoff, takeoff_potential, peak, peak_potential in zip(
                    rise.node[chosen],
                    rise.takeoff[chosen],
                    rise.takeoff_potential[chosen],
                    rise.peak[chosen],
                    rise.peak_potential[chosen],
                    strict=True,
                )
            ]
            for kind in kinds
            for chosen in [(rise.kind == kind) & np.isin(rise.node, shown)]
        },
        title=title,
    )
