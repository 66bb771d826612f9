"""The voltage clamp of a case: its command, and what is read off the currents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cardiosim.case.cells import build_cell
from cardiosim.case.protocols import VoltageClampProtocol
from cardiosim.case.read import CaseError
from cardiosim.case.recorded_trace import read_recorded_trace
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
from cardiosim.simulation.schedule import whole_steps

if TYPE_CHECKING:
    from cardiosim.experiments.laboratory import Bench


def clamp_findings(bench: Bench, protocol: VoltageClampProtocol) -> Findings:
    """Run the voltage clamp of a case.

    Raises:
        CaseError: a variable that the cell does not have; a recording that is none.
        ValueError: a duration that is no whole number of steps.
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
    command = _command(protocol, bench.dt)
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


def _command(protocol: VoltageClampProtocol, dt: float) -> Command:
    if protocol.recording is not None:
        try:
            return RecordedPotential(*read_recorded_trace(protocol.recording))
        except CaseError as error:
            raise CaseError(f"protocol.recording: {error}") from None
    for k, segment in enumerate(protocol.segments):
        what = f"protocol.segments.{k}.duration"
        whole_steps(segment.duration, dt, what, least=1)
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
