"""A laboratory case -> its protocol, run -> findings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.protocols import (
    PacingProtocol,
    PulseTable,
    VoltageClampProtocol,
)
from cardiosim.case.read import CaseError
from cardiosim.case.schema import Case
from cardiosim.experiments.clamp_protocol import clamp_findings
from cardiosim.experiments.findings import Column, Findings, Traces, entry
from cardiosim.experiments.single_cells import Progress, Pulse
from cardiosim.experiments.steady_state import pace_to_steady_state
from cardiosim.ionic.compiled import CompiledCell

PERCENTS = (50.0, 90.0)  # of repolarisation, where the case names none


@dataclass(frozen=True)
class Bench:
    """What every protocol is given.

    Attributes:
        case: as assembled.
        cell: of the case.
        state: that pacing left, or the cell's initial state, (n_states,).
        progress: called with what is done and its end.
    """

    case: Case
    cell: CompiledCell
    state: NDArray[np.float64]
    progress: Progress | None = None

    @property
    def dt(self) -> float:
        """Time step, ms."""
        return self.case.time.dt

    @property
    def percents(self) -> tuple[float, ...]:
        """Percentages of repolarisation to measure."""
        return self.case.measure.apd or PERCENTS

    @property
    def threshold(self) -> float:
        """Potential that an answer exceeds, mV."""
        return self.case.record.activation_threshold

    @property
    def s1_pulse(self) -> Pulse:
        """Pulse of the S1 train.

        Raises:
            CaseError: the case has none.
        """
        prepace = self._prepace()
        return Pulse(prepace.amplitude, prepace.duration)

    @property
    def s1_bcl(self) -> float:
        """Cycle length of the S1 train, ms."""
        return self._prepace().bcl

    def pulse(self, table: PulseTable) -> Pulse:
        """The pulse of a table, completed by that of the S1 train."""
        if table.amplitude is not None and table.duration is not None:
            return Pulse(table.amplitude, table.duration)
        s1 = self.s1_pulse
        return Pulse(
            s1.amplitude if table.amplitude is None else table.amplitude,
            s1.duration if table.duration is None else table.duration,
        )

    def _prepace(self):
        prepace = self.case.cell.prepace
        if prepace is None:
            raise CaseError(
                f"protocol {self.case.protocol.kind} begins from an S1 train; give "
                "one, such as cell.prepace = { bcl = 1000.0, beats = 50 }"
            )
        return prepace


Experiment = Callable[[Bench, Any], Findings]


def run_protocol(bench: Bench) -> Findings:
    """Run the protocol of the bench's case.

    Raises:
        CaseError: the protocol cannot be run with this case.
        NonFinitePotential: the step is too long.
    """
    protocol = bench.case.protocol
    return _EXPERIMENTS[type(protocol)](bench, protocol)


def _pacing(bench: Bench, protocol: PacingProtocol) -> Findings:
    paced = pace_to_steady_state(
        bench.cell,
        bench.state,
        bench.pulse(protocol.pulse),
        protocol.bcl,
        bench.dt,
        tolerance=protocol.tolerance,
        most_beats=protocol.beats,
        percents=bench.percents,
        threshold=bench.threshold,
        progress=bench.progress,
    )
    last, n_beats = paced.beats[-1], len(paced.beats)
    columns = {
        "beat": Column("1", np.arange(1, n_beats + 1)),
        "resting_potential": Column("mV", [b.resting_potential for b in paced.beats]),
        "peak": Column("mV", [b.peak for b in paced.beats]),
        "dvdt_max": Column("V/s", [b.dvdt_max for b in paced.beats]),
    }
    for p in bench.percents:
        columns[f"apd{p:g}"] = Column("ms", [b.apd[p] for b in paced.beats])
    columns["change"] = Column("1", paced.changes)
    numbers = {
        "beats": entry(n_beats, "1", "beats used"),
        "change": entry(paced.changes[-1], "1", "largest change of a state, last beat"),
        "resting_potential": entry(last.resting_potential, "mV", "before the stimulus"),
        "amplitude": entry(last.amplitude, "mV", "peak minus resting potential"),
        "dvdt_max": entry(last.dvdt_max, "V/s", "largest dV/dt of the last beat"),
    } | {
        f"apd{p:g}": entry(last.apd[p], "ms", f"dV/dt max to {p:g} % repolarisation")
        for p in bench.percents
    }
    V = bench.cell.state_names[0]
    traces = Traces(paced.last.times, {V: paced.last.V}, {V: "mV"}, ("last beat",))
    notes = ()
    if protocol.tolerance is not None and not paced.is_steady:
        notes = (
            f"no steady state within {n_beats} beats: the last one still changed a "
            f"state by {paced.changes[-1]:.2g}, more than {protocol.tolerance:g}",
        )
    return Findings(numbers, {"beats": columns}, {"last_beat": traces}, notes)


_EXPERIMENTS: dict[type, Experiment] = {
    PacingProtocol: _pacing,
    VoltageClampProtocol: clamp_findings,
}
