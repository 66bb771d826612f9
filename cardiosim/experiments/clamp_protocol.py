"""The voltage clamp of a case: its command, and what is read off the currents."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cardiosim.case.cells import build_cell
from cardiosim.case.protocols import VoltageClampProtocol
from cardiosim.case.read import CaseError
from cardiosim.experiments.findings import Column, Findings, Traces, entry
from cardiosim.experiments.voltage_clamp import (
    ClampRecording,
    Command,
    RecordedPotential,
    Segment,
    StepsAndRamps,
    clamp,
)
from cardiosim.ionic.equations import nearest

if TYPE_CHECKING:
    from cardiosim.experiments.laboratory import Bench


def clamp_findings(bench: Bench, protocol: VoltageClampProtocol) -> Findings:
    """Run the voltage clamp of a case.

    Raises:
        CaseError: a variable that the cell does not have; a recording that is none.
    """
    cell = build_cell(bench.case, "rush_larsen", clamped=True)
    variables = protocol.variables or tuple(cell.facts["membrane_currents"])
    for name in variables:
        if name not in cell.variable_names:
            raise CaseError(
                f"protocol.variables: {cell.name} has no variable {name!r}; "
                + nearest(name, cell.variable_names)
            )
    if not variables:
        raise CaseError(
            f"{cell.name} names no membrane currents; say which variables to record "
            "in protocol.variables"
        )
    command = _command(protocol)
    recording = clamp(
        cell,
        bench.state,
        command,
        variables,
        bench.dt,
        interval=protocol.interval,
        settle=protocol.settle,
        progress=bench.progress,
    )
    units = {name: cell.unit_of(name) for name in variables}
    V = cell.state_names[0]
    traces = Traces(
        recording.times,
        {V: recording.command, **recording.values},
        {V: "mV", **units},
        tuple(f"{p:g} mV" for p in protocol.family()),
    )
    tables = {}
    if protocol.family():
        tables["clamp"] = _current_voltage(recording, protocol, units)
    return Findings(_extremes(recording, units), tables, {"clamp": traces})


def _command(protocol: VoltageClampProtocol) -> Command:
    if protocol.recording is not None:
        return RecordedPotential(*_read_recording(Path(protocol.recording)))
    return StepsAndRamps(
        protocol.holding,
        [
            Segment(s.duration, np.array(s.potentials), s.ramp_to is not None)
            for s in protocol.segments
        ],
    )


def _current_voltage(
    recording: ClampRecording, protocol: VoltageClampProtocol, units: dict[str, str]
) -> dict[str, Column]:
    """Largest and last value of each variable in the segment that is read, by cell."""
    begin, end = protocol.stretch()
    # The sample at the end belongs to what follows.
    slack = 1e-9 * max(1.0, recording.times[-1])
    inside = (recording.times >= begin - slack) & (recording.times < end - slack)
    if not inside.any():
        raise CaseError(
            f"protocol.interval is longer than the segment from {begin:g} to {end:g} "
            "ms, of which no sample is kept; shorten it"
        )
    columns = {"potential": Column("mV", np.array(protocol.family()))}
    for name, values in recording.values.items():
        part = values[inside]
        at_peak = np.abs(part).argmax(axis=0)
        peak = part[at_peak, np.arange(part.shape[1])]
        columns[f"peak_{name}"] = Column(units[name], peak)
        columns[f"last_{name}"] = Column(units[name], part[-1])
    return columns


def _extremes(recording: ClampRecording, units: dict[str, str]) -> dict[str, dict]:
    """Least and largest value of each variable, over all cells, as numbers."""
    numbers = {}
    for name, values in recording.values.items():
        for what, k in (("least", values.argmin()), ("largest", values.argmax())):
            time, cell = np.unravel_index(k, values.shape)
            held = recording.command[time, cell]
            where = f"at {recording.times[time]:g} ms and {held:g} mV"
            numbers[f"{what}_{name}"] = entry(values[time, cell], units[name], where)
    return numbers


def _read_recording(path: Path) -> tuple[list[float], list[float]]:
    """Times and V of a CSV file with a header line."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        names = [heading.partition("(")[0].strip().lower() for heading in header]
        t, V = (names.index(name) for name in ("time", "v"))
        return [float(row[t]) for row in rows], [float(row[V]) for row in rows]
    except (OSError, ValueError, IndexError) as error:
        raise CaseError(
            f"protocol.recording: {path} is not read ({error}); expected a CSV file "
            "with a header line and the columns time (ms) and V (mV)"
        ) from None
