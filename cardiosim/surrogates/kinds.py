"""The kinds of surrogates that can be trained, by the name that checkpoints hold."""

from __future__ import annotations

from collections.abc import Mapping

from cardiosim.surrogates.calcium_step import CalciumStep
from cardiosim.surrogates.fast_step import FastStep
from cardiosim.surrogates.gates_step import GatesStep
from cardiosim.surrogates.interface import TrainedSurrogate
from cardiosim.surrogates.steady_gates import SteadyGates
from cardiosim.surrogates.strang_step import StrangStep
from cardiosim.surrogates.voltage_gates import VoltageGates

KINDS: Mapping[str, type[TrainedSurrogate]] = {
    kind.kind: kind
    for kind in (
        StrangStep,
        SteadyGates,
        VoltageGates,
        FastStep,
        GatesStep,
        CalciumStep,
    )
}
