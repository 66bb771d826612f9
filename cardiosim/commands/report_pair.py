"""The report of several folders: numbers side by side; of two, what differs and where.

Of two runs on one mesh activation, durations and traces are compared node by node. Runs
on different meshes, and more than two, are compared by their numbers alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cardiosim.commands.pictures import place_of
from cardiosim.commands.recorded import membrane_potential, traces_of
from cardiosim.commands.report_beats import beats_of_runs
from cardiosim.commands.report_contents import Contents
from cardiosim.commands.report_facts import differing_table, facts_table
from cardiosim.commands.report_numbers import (
    STEPS,
    compared_cells,
    definition_of,
    expected_table,
    grouped,
    seconds_of_steps,
    speed,
    unit_text,
)
from cardiosim.commands.report_pictures import CELLS, OTHER, PHASES, WAVES, placed
from cardiosim.commands.report_single import documents_of
from cardiosim.commands.report_tables import compared_tables
from cardiosim.measure.differences import map_difference, same_places
from cardiosim.output.report import Column, Picture, Report, Section, Table

MOST_BEATS = 10  # activations in a table
MOST_TRACES = 4  # nodes whose traces are drawn
MOST_PICTURES = 5  # of each run alone


def pair_report(
    runs: Sequence[Contents], called: Sequence[str], folder: Path
) -> Report:
    """Tell of two folders or more, beside each other.

    Args:
        runs: their contents.
        called: what to call each.
        folder: for pictures.
    """
    pairs = list(zip(called, runs, strict=True))
    text = [f"{name}: {run.kind}, {run.path}." for name, run in pairs]
    text += [
        f"{name} is not complete: {run.complaint}."
        for name, run in pairs
        if run.complaint
    ]
    expected = [t for name, run in pairs if (t := expected_table(run, name))]
    sections = [
        Section(
            "What was run",
            tables=[facts_table(called, runs), differing_table(called, runs)],
        ),
        Section("Numbers", tables=[*_number_tables(runs, called), *expected]),
    ]
    if len(runs) == 2:
        said, maps = _node_by_node(runs, tuple(called), folder)
        text += said
        sections += maps
    sections.append(_time_taken(runs, called, folder))
    return Report(
        (" against " if len(runs) == 2 else ", ").join(called),
        text,
        [s for s in sections if s.tables or s.pictures],
        {name: dict(run.provenance) for name, run in pairs},
        {
            heading: content
            for name, run in pairs
            for heading, content in documents_of(run, name).items()
        },
    )


def _number_tables(runs: Sequence[Contents], called: Sequence[str]) -> list[Table]:
    names = dict.fromkeys(name for run in runs for name in run.numbers)
    source = {name: next(r for r in runs if name in r.numbers) for name in names}
    found = {name: run.numbers[name] for name, run in source.items()}
    definitions = {
        name: definition_of(name, found[name], run) for name, run in source.items()
    }
    columns = [Column("quantity"), Column("unit")]
    columns += [Column(name, digits=6) for name in called]
    if len(runs) == 2:
        columns += [Column("difference", digits=3), Column("relative", "%", 3)]
    columns.append(Column("what it is"))
    return [
        Table(
            group,
            columns,
            [
                (
                    name,
                    unit_text(found[name].unit),
                    *compared_cells(name, [run.numbers.get(name) for run in runs]),
                    definitions[name],
                )
                for name in own
            ],
        )
        for group, own in grouped(found).items()
    ]


def _node_by_node(
    runs: Sequence[Contents], called: tuple[str, str], folder: Path
) -> tuple[list[str], list[Section]]:
    """What is to be said of two runs as a whole, and maps and traces of both."""
    first, second = runs
    if first.marched is None or second.marched is None:
        table = compared_tables(called, runs)
        own = _of_each(runs, called, (WAVES, PHASES, CELLS, OTHER), folder)
        tables = Section("Tables", tables=[] if table is None else [table])
        return [], [tables, Section("Pictures of each", pictures=own)]
    if first.is_tissue != second.is_tissue or not same_places(
        first.results.mesh_points, second.results.mesh_points
    ):
        nodes = [len(run.results.mesh_points) for run in runs]
        return [
            f"The meshes differ ({nodes[0]} and {nodes[1]} nodes), so that there is "
            "nothing to compare node by node: numbers alone are."
        ], []
    sections = [_activation(first, second, called, folder)]
    sections += _durations(first, second, called, folder)
    sections.append(
        Section(
            "Action potentials",
            tables=[table] if (table := beats_of_runs(called, runs)) else [],
            pictures=_traces(first, second, called, folder),
        )
    )
    own = _of_each(runs, called, (PHASES,), folder)
    return [], [*sections, Section("Phase", pictures=own)]


def _of_each(
    runs: Sequence[Contents], called: Sequence[str], kinds: Sequence[str], folder: Path
) -> list[Picture]:
    """Pictures that each run has of its own, those that show the same one by one."""
    found: list[tuple[int, Picture]] = []
    for k, (name, run) in enumerate(zip(called, runs, strict=True)):
        place = folder / str(k)  # for what is drawn now
        place.mkdir()
        own = placed(run, place)
        pictures = [picture for kind in kinds for picture in own[kind]]
        found += [
            (rank, replace(picture, caption=f"{name}: {picture.caption}"))
            for rank, picture in enumerate(pictures[:MOST_PICTURES])
        ]
    return [picture for _, picture in sorted(found, key=lambda entry: entry[0])]


def _activation(
    first: Contents, second: Contents, called: tuple[str, str], folder: Path
) -> Section:
    results = first.results, second.results
    beats = min(len(run.activation) for run in results)
    rows = []
    for beat in range(min(beats, MOST_BEATS)):
        a, b = (run.activation[beat] for run in results)
        apart = map_difference(a, b)
        place = results[0].mesh_points[apart.node] if apart.node >= 0 else ()
        rows.append(
            (
                beat + 1,
                apart.common,
                apart.only_first,
                apart.only_second,
                apart.mean,
                apart.root_mean_square,
                apart.largest,
                ", ".join(f"{x:g}" for x in place),
            )
        )
    columns = (
        *("beat", "nodes with both", f"only {called[0]}", f"only {called[1]}"),
        Column("mean difference", "ms", 3),
        Column("root mean square", "ms", 3),
        Column("largest", "ms", 3),
        Column("at", "mm"),
    )
    table = Table(
        f"Activation (LAT) of {called[1]} less that of {called[0]}", columns, rows
    )
    if not rows or not first.is_tissue:
        return Section("Activation")
    lat = results[0].activation[0], results[1].activation[0]
    return Section(
        "Activation", tables=[table], pictures=_lat(first, called, lat, folder)
    )


def _lat(
    run: Contents, called: tuple[str, str], lat: tuple[NDArray, NDArray], folder: Path
) -> list[Picture]:
    from cardiosim.output.difference_plots import difference_maps, lines_along

    path = folder / "lat_difference.png"
    caption = "First activation (LAT) in both, and the second less the first."
    if run.results.mesh_kind == "cable":
        x = run.results.mesh_points[:, 0]
        is_drawn = lines_along(x, dict(zip(called, lat, strict=True)), path)
    else:
        is_drawn = difference_maps(run.results.mesh, called, lat, path)
        caption += " Isochrones in the maps; the scale of the difference is around 0."
    return [Picture.of(path, caption)] if is_drawn else []


def _durations(
    first: Contents, second: Contents, called: tuple[str, str], folder: Path
) -> list[Section]:
    """Maps of recorded durations, such as APD90, of the first beat."""
    own = first.results.durations
    shared = [name for name in own if name in second.results.durations]
    rows, pictures = [], []
    for name in shared:
        a, b = own[name], second.results.durations[name]
        for beat in range(min(len(a), len(b), MOST_BEATS)):
            apart = map_difference(a[beat], b[beat])
            rows.append(
                (
                    *(name, beat + 1, apart.common),
                    *(
                        float(np.nanmean(v[beat]))
                        if np.isfinite(v[beat]).any()
                        else None
                        for v in (a, b)
                    ),
                    *(apart.mean, apart.root_mean_square, apart.largest),
                )
            )
        if len(a) and len(b) and first.is_tissue:
            pictures += _duration_map(first, called, name, (a[0], b[0]), folder)
    if not rows:
        return []
    columns = (
        *("duration", "beat", "nodes with both"),
        *(Column(f"mean, {label}", "ms", 5) for label in called),
        Column("mean difference", "ms", 3),
        Column("root mean square", "ms", 3),
        Column("largest", "ms", 3),
    )
    table = Table("From activation to repolarisation", columns, rows)
    return [
        Section("Durations of action potentials", tables=[table], pictures=pictures)
    ]


def _duration_map(
    run: Contents,
    called: tuple[str, str],
    name: str,
    maps: tuple[NDArray, NDArray],
    folder: Path,
) -> list[Picture]:
    from cardiosim.output.difference_plots import difference_maps, lines_along

    path = folder / f"{name}_difference.png"
    label = f"{name.upper()} (ms)"
    if run.results.mesh_kind == "cable":
        x = run.results.mesh_points[:, 0]
        is_drawn = lines_along(x, dict(zip(called, maps, strict=True)), path, label)
    else:
        is_drawn = difference_maps(
            run.results.mesh, called, maps, path, label=label, isochrones=False
        )
    caption = (
        f"{name.upper()} of the first beat in both, and the second less the first."
    )
    return [Picture.of(path, caption)] if is_drawn else []


def _traces(
    first: Contents, second: Contents, called: tuple[str, str], folder: Path
) -> list[Picture]:
    """V at nodes of which both have a trace."""
    from cardiosim.output.difference_plots import traces_and_difference

    found = []
    for run in (first, second):
        V = membrane_potential(run.results)
        found.append(
            {
                int(node): (trace.times, trace.at(V, node))
                for trace in traces_of(V, run.results)
                for node in trace.nodes
                if len(trace.times) > 1
            }
        )
    shared = [node for node in found[0] if node in found[1]]
    if not shared:
        return []
    few = np.unique(np.linspace(0, len(shared) - 1, MOST_TRACES).round().astype(int))
    nodes = [shared[k] for k in few]
    places = [place_of(first.results, node) for node in nodes]
    path = folder / "traces_difference.png"
    pairs = [(found[0][node], found[1][node]) for node in nodes]
    traces_and_difference(called, places, pairs, path)
    caption = (
        "V where both have a trace, and below it the second less the first, at the "
        "samples of the coarser."
    )
    return [Picture.of(path, caption)]


def _time_taken(
    runs: Sequence[Contents], called: Sequence[str], folder: Path
) -> Section:
    from cardiosim.output.difference_plots import wall_times_figure

    phases = dict.fromkeys(phase for run in runs for phase in run.wall_times)
    rows: list[list] = [
        [phase, "s", *(run.wall_times.get(phase) for run in runs)] for phase in phases
    ]
    steps = [seconds_of_steps(run) for run in runs]
    if not all(map(math.isnan, steps)):
        rows.append(["steps: react and diffuse", "s", *steps])
        speeds = (1e-6 * speed(run) for run in runs)
        rows.append(["node-steps of a second", "millions", *speeds])
    if not phases:
        return Section("Time taken")
    columns = [Column("wall time"), Column("unit")]
    columns += [Column(name, digits=3) for name in called]
    if len(runs) == 2:
        columns.append(Column("first : second", digits=3))
        for row in rows:
            row.append(_ratio(row[2], row[3]))
    path = folder / "wall_times.png"
    seconds = {
        name: {p: s for p, s in run.wall_times.items() if p in STEPS}
        for name, run in zip(called, runs, strict=True)
    }
    is_drawn = wall_times_figure(seconds, path)
    caption = (
        "Wall time of the steps: reaction and diffusion. Compiling is not in it, which "
        "comes once for each kernel, nor are recording and drawing."
    )
    return Section(
        "Time taken",
        tables=[Table("Wall time", columns, rows)],
        pictures=[Picture.of(path, caption)] if is_drawn else [],
    )


def _ratio(first: float | None, second: float | None) -> float | None:
    if first is None or second is None or not second:
        return None
    return first / second
