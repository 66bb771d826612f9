"""Pictures of what a protocol found."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.schema import Case
from cardiosim.commands.clamp_picture import draw_voltage_clamp
from cardiosim.experiments.findings import Column, Findings, Traces

MOST_TRACES = 8  # over each other; more cannot be told apart
AFTER_S2 = 250.0  # ms of V drawn after a premature stimulus, at least
UPSTROKES = 60.0  # ms of V in which to compare the heights of upstrokes

Curves = Mapping[str, tuple[NDArray, NDArray]]


def draw_protocol(case: Case, findings: Findings, folder: Path) -> list[str]:
    """Draw what a protocol found; returns the names of the files.

    Args:
        case: with the protocol.
        findings: as the protocol left them.
        folder: to draw into.
    """
    return _PICTURES[case.protocol.kind](case, findings, Path(folder))


# matplotlib takes most of a second to import, which only a picture is worth.


def _draw_pacing(case: Case, findings: Findings, folder: Path) -> list[str]:
    _overlay(findings.traces["beats"], folder / "beats.png", case.title)
    return ["beats.png"]


def _draw_s1s2(case: Case, findings: Findings, folder: Path) -> list[str]:
    table, traces = findings.tables["restitution"], findings.traces["responses"]
    intervals = np.asarray(table["interval"].values)
    _restitution(table, intervals, "CI", folder, case.title)
    longest = np.nanmax(_durations(table), initial=AFTER_S2)
    _overlay(
        _chosen(traces, intervals),
        folder / "responses.png",
        case.title,
        starts=_chosen_values(intervals),
        stop=1.2 * longest,
    )
    return ["restitution.png", "responses.png"]


def _draw_dynamic(case: Case, findings: Findings, folder: Path) -> list[str]:
    table, traces = findings.tables["restitution"], findings.traces["last_beats"]
    lengths = np.asarray(table["cycle_length"].values)
    _restitution(table, lengths, "BCL", folder, case.title)
    # The last beat of the shortest cycle ends with the recording at the latest.
    n_last = round(traces.times[-1] / lengths.max())
    longest = np.nanmax(_durations(table), initial=AFTER_S2)
    _overlay(
        _chosen(traces, lengths),
        folder / "last_beats.png",
        case.title,
        starts=(n_last - 1) * _chosen_values(lengths),
        stop=min(1.2 * longest, lengths.max()),
    )
    return ["restitution.png", "last_beats.png"]


def _draw_refractory_period(case: Case, findings: Findings, folder: Path) -> list[str]:
    intervals = np.asarray(findings.tables["responses"]["interval"].values)
    _overlay(
        findings.traces["responses"],
        folder / "responses.png",
        case.title,
        starts=np.append(intervals, 0.0),  # the last cell has S1 alone
        stop=UPSTROKES,
    )
    return ["responses.png"]


def _draw_threshold(case: Case, findings: Findings, folder: Path) -> list[str]:
    if "responses" not in findings.traces:
        return []
    _overlay(findings.traces["responses"], folder / "responses.png", case.title)
    return ["responses.png"]


def _draw_strength_duration(case: Case, findings: Findings, folder: Path) -> list[str]:
    from cardiosim.experiments.threshold import weiss_law
    from cardiosim.output.protocol_plots import strength_duration_figure

    table = findings.tables["strength_duration"]
    durations = np.asarray(table["duration"].values)
    found = np.asarray(table["threshold"].values)
    if not np.isfinite(found).any():
        return []
    rheobase, chronaxie = (
        findings.numbers[name]["value"]
        for name in ("rheobase_weiss", "chronaxie_weiss")
    )
    curve = np.geomspace(durations.min(), durations.max(), 200)
    is_fitted = math.isfinite(rheobase) and chronaxie > 0.0
    strength_duration_figure(
        {"threshold": (durations, found)},
        folder / "strength_duration.png",
        laws={"law of Weiss": (curve, weiss_law(rheobase, chronaxie, curve))}
        if is_fitted
        else None,
        rheobase=rheobase if is_fitted else None,
        chronaxie=chronaxie if is_fitted else None,
        title=case.title,
    )
    return ["strength_duration.png"]


def _restitution(
    table: Mapping[str, Column], x: NDArray, interval: str, folder: Path, title: str
) -> None:
    from cardiosim.output.protocol_plots import restitution_figure

    curves = {
        _readable(name): (x, np.asarray(column.values))
        for name, column in table.items()
        if name.startswith("apd")
    }
    restitution_figure(
        curves,
        folder / "restitution.png",
        interval=interval,
        duration=next(iter(curves)) if len(curves) == 1 else "duration",
        title=title,
    )


def _durations(table: Mapping[str, Column]) -> NDArray:
    return np.concatenate(
        [np.asarray(c.values) for name, c in table.items() if name.startswith("apd")]
    )


def _readable(name: str) -> str:
    """apd_at_-60mV as APD at -60 mV, apd90 as APD90."""
    text = name.replace("apd", "APD").replace("_", " ")
    return text[:-2] + " mV" if text.endswith("mV") else text


def _overlay(
    traces: Traces,
    path: Path,
    title: str,
    starts: NDArray | None = None,
    stop: float | None = None,
) -> None:
    from cardiosim.output.cell_plots import overlay_figure

    V = next(iter(traces.values.values()))
    shown = {label: (traces.times, V[:, i]) for i, label in enumerate(traces.labels)}
    begin = 0.0 if starts is None else dict(zip(shown, starts, strict=True))
    overlay_figure(shown, path, start=begin, stop=stop, title=title)


def _chosen(traces: Traces, values: NDArray) -> Traces:
    """The cells of a few of the values, evenly chosen, in their order."""
    few = _few(values)
    return Traces(
        traces.times,
        {name: array[:, few] for name, array in traces.values.items()},
        traces.units,
        tuple(traces.labels[i] for i in few),
    )


def _chosen_values(values: NDArray) -> NDArray:
    return values[_few(values)]


def _few(values: NDArray) -> NDArray:
    order = np.argsort(values)
    few = np.linspace(0, values.size - 1, min(values.size, MOST_TRACES))
    return order[few.round().astype(int)]


_PICTURES: dict[str, Callable[[Case, Findings, Path], list[str]]] = {
    "pacing": _draw_pacing,
    "s1s2_restitution": _draw_s1s2,
    "dynamic_restitution": _draw_dynamic,
    "refractory_period": _draw_refractory_period,
    "threshold": _draw_threshold,
    "strength_duration": _draw_strength_duration,
    "voltage_clamp": draw_voltage_clamp,
}
