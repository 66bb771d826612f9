"""Pictures of a voltage clamp: the family of each variable, or one command's panels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.schema import Case
from cardiosim.experiments.findings import Findings, Traces

MOST_FIGURES = 6  # of a family; the table holds every variable
STILL = 0.1  # of the largest change, below which a variable has come to rest


def draw_voltage_clamp(case: Case, findings: Findings, folder: Path) -> list[str]:
    """Draw what a voltage clamp found; returns the names of the files.

    Args:
        case: with the protocol.
        findings: with the traces "clamp", the command first; of a family the table too.
        folder: to draw into.
    """
    traces = findings.traces["clamp"]
    V, *names = traces.values
    if not case.protocol.family():
        return _draw_one_command(case, traces, V, names, folder)
    for number, name in enumerate(names[:MOST_FIGURES]):
        _draw_family(case, findings, V, name, folder / f"clamp{number or ''}.png")
    return [f"clamp{number or ''}.png" for number in range(len(names[:MOST_FIGURES]))]


def _draw_family(case: Case, findings: Findings, V: str, name: str, path: Path) -> None:
    from cardiosim.output.protocol_plots import voltage_clamp_figure

    traces, table = findings.traces["clamp"], findings.tables["clamp"]
    begin, end = case.protocol.stretch()
    values, unit = traces.values[name], traces.units[name]
    stop = _at_rest_by(traces.times, values, begin, end)
    # Of a gate its end tells more: where the potential leads it.
    measure = "peak" if unit == "A/F" else "last"
    voltage_clamp_figure(
        traces.times,
        traces.values[V],
        values,
        path,
        potentials=table["potential"].values,
        peaks=table[f"{measure}_{name}"].values,
        current=name,
        unit=unit,
        measure=measure,
        start=max(traces.times[0], begin - 0.1 * (stop - begin)),
        stop=stop,
        title=case.title,
    )


def _at_rest_by(times: NDArray, values: NDArray, begin: float, end: float) -> float:
    """Time by which nothing in the stretch moves much any more, ms."""
    inside = (times >= begin) & (times < end)
    t, part = times[inside], values[inside]
    away = np.abs(part - part[-1]).max(axis=1)
    if not away.max() > 0.0:
        return end
    moving = t[away > STILL * away.max()]
    return min(end, begin + max(1.5 * (moving[-1] - begin), 0.05 * (end - begin)))


def _draw_one_command(
    case: Case, traces: Traces, V: str, names: list[str], folder: Path
) -> list[str]:
    from cardiosim.output import cell_plots

    currents = [name for name in names if traces.units[name] == "A/F"]
    others = [name for name in names if traces.units[name] != "A/F"]
    drawn = []
    for kind, chosen, figure in (
        ("currents", currents, cell_plots.currents_figure),
        ("gates", others, cell_plots.gates_figure),
    ):
        if chosen and len(traces.times) > 1:
            figure(
                traces.times,
                {name: traces.values[name][:, 0] for name in chosen},
                folder / f"{kind}.png",
                V=traces.values[V][:, 0],
                time="time (ms)",
                title=case.title,
            )
            drawn.append(f"{kind}.png")
    return drawn
