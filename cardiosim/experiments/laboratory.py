"""A laboratory case -> its protocol, run -> findings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.protocols import (
    DynamicProtocol,
    PacingProtocol,
    PulseTable,
    RefractoryPeriodProtocol,
    S1S2Protocol,
    StrengthDurationProtocol,
    ThresholdProtocol,
    VoltageClampProtocol,
)
from cardiosim.case.read import CaseError
from cardiosim.case.schema import (
    LARGEST_RUSH_LARSEN_STEP,
    PERCENTS,
    Case,
    PrepaceTable,
)
from cardiosim.experiments.clamp_protocol import clamp_findings
from cardiosim.experiments.excitability_protocols import (
    refractory_period_findings,
    strength_duration_findings,
    threshold_findings,
)
from cardiosim.experiments.findings import Findings
from cardiosim.experiments.pacing_protocol import pacing_findings
from cardiosim.experiments.restitution_protocols import (
    dynamic_findings,
    s1s2_findings,
)
from cardiosim.experiments.single_cells import Progress, Pulse
from cardiosim.ionic.cell import Cell


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
    cell: Cell
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
    def potentials(self) -> tuple[float, ...]:
        """Potentials at which to give the duration as well, mV."""
        return self.case.measure.apd_at or ()

    @property
    def threshold(self) -> float:
        """Potential that an answer exceeds, mV."""
        return self.case.record.activation_threshold

    @property
    def s1_pulse(self) -> Pulse:
        """Pulse of the S1 train; without one, that which a train has by default."""
        table = self.case.cell.prepace or PrepaceTable(bcl=1000.0, beats=1)
        return Pulse(table.amplitude, table.duration)

    @property
    def s1_bcl(self) -> float:
        """Cycle length of the S1 train, ms.

        Raises:
            CaseError: the case has none.
        """
        prepace = self.case.cell.prepace
        if prepace is None:
            raise CaseError(
                f"protocol {self.case.protocol.kind} begins from an S1 train; give "
                "one, such as cell.prepace = { bcl = 1000.0, beats = 50 }"
            )
        return prepace.bcl

    def pulse(self, table: PulseTable) -> Pulse:
        """The pulse of a table, completed by that of the S1 train."""
        s1 = self.s1_pulse
        return Pulse(
            s1.amplitude if table.amplitude is None else table.amplitude,
            s1.duration if table.duration is None else table.duration,
        )


Experiment = Callable[[Bench, Any], Findings]


def run_protocol(bench: Bench) -> Findings:
    """Run the protocol of the bench's case.

    Raises:
        CaseError: the protocol cannot be run with this case.
        NonFinitePotential: the step is too long.
    """
    protocol = bench.case.protocol
    stimulates = protocol.kind != "voltage_clamp"
    if stimulates and bench.cell.facts["stimulus"] is None:
        raise CaseError(
            f"{bench.case.cell.model} binds no variable to pace, but protocol "
            f'{protocol.kind} stimulates it; write "bind pace" behind the stimulus '
            "current"
        )
    found = _EXPERIMENTS[type(protocol)](bench, protocol)
    return replace(found, notes=(*found.notes, *_notes_on_the_step(bench)))


def _notes_on_the_step(bench: Bench) -> tuple[str, ...]:
    too_long = bench.dt > LARGEST_RUSH_LARSEN_STEP * (1.0 + 1e-9)
    # A cell without gates, or one whose V is held, has no upstroke to lose.
    plain = bench.cell.scheme == "rush_larsen" and bench.cell.facts["gates"]
    if not (too_long and plain) or bench.case.protocol.kind == "voltage_clamp":
        return ()
    return (
        f"rush_larsen at dt {bench.dt:g} ms does not resolve the upstroke; use "
        f"multirate, or dt of {LARGEST_RUSH_LARSEN_STEP:g} ms or less",
    )


_EXPERIMENTS: dict[type, Experiment] = {
    PacingProtocol: pacing_findings,
    S1S2Protocol: s1s2_findings,
    DynamicProtocol: dynamic_findings,
    RefractoryPeriodProtocol: refractory_period_findings,
    ThresholdProtocol: threshold_findings,
    StrengthDurationProtocol: strength_duration_findings,
    VoltageClampProtocol: clamp_findings,
}
