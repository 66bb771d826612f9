"""What a training case may say, by the kind of surrogate that is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Discriminator, Field, model_validator

from cardiosim.case.calcium_step_tables import (
    CalciumAssessmentTable,
    CompartmentsTable,
    PulseTable,
    RecordingTable,
    ResidualsTable,
    StageTable,
)
from cardiosim.case.quantities import Duration, Table
from cardiosim.case.steady_gates_tables import (
    CollocationTable,
    PrintedLossTable,
    SteadyGatesAssessmentTable,
    SteadyGatesDescentTable,
    SteadyGatesNetworkTable,
)
from cardiosim.case.step_training_tables import (
    StepFitTable,
    StepLossTable,
    StepNetworkTable,
    StepTuningTable,
    VisitedTable,
)
from cardiosim.case.voltage_gates_tables import (
    LabelPotentialsTable,
    VoltageGatesFitTable,
    VoltageGatesLossTable,
    VoltageGatesNetworkTable,
    VoltageGatesPacingTable,
)
from cardiosim.ionic.equations import nearest


class TrainingTable(Table):
    """What every training case says."""

    title: str = ""
    name: str
    model: str = "skibsbye2016"
    seed: int = 0


class SteadyGatesTraining(TrainingTable):
    """Gates as functions of V alone, as Sanchez & Loewe 2025 print them."""

    kind: Literal["steady_gates"]
    gates: tuple[str, ...] = ("ina.m", "ina.h1", "ina.h2")
    network: SteadyGatesNetworkTable = SteadyGatesNetworkTable()
    collocation: CollocationTable = CollocationTable()
    loss: PrintedLossTable = PrintedLossTable()
    descent: SteadyGatesDescentTable = SteadyGatesDescentTable()
    assessment: SteadyGatesAssessmentTable = SteadyGatesAssessmentTable()


class FastStepTraining(TrainingTable):
    """A step of V and the fast gates."""

    kind: Literal["fast_step"]
    network: StepNetworkTable = StepNetworkTable()
    visited: VisitedTable = VisitedTable()
    loss: StepLossTable = StepLossTable()
    fit: StepFitTable = StepFitTable()
    tuning: StepTuningTable = StepTuningTable()


class GatesStepTraining(TrainingTable):
    """A step of the fast gates with V given."""

    kind: Literal["gates_step"]
    network: StepNetworkTable = StepNetworkTable()
    visited: VisitedTable = VisitedTable()
    loss: StepLossTable = StepLossTable()
    fit: StepFitTable = StepFitTable()


class CalciumStepTraining(TrainingTable):
    """A step of a reduced calcium subsystem, fitted in closed loop."""

    kind: Literal["calcium_step"]
    dt: Duration = 0.1
    start: dict[str, float]
    compartments: CompartmentsTable = CompartmentsTable()
    stimulus: PulseTable = PulseTable()
    recordings: dict[str, RecordingTable]
    stages: tuple[StageTable, ...]
    residuals: ResidualsTable = ResidualsTable()
    assessment: CalciumAssessmentTable | None = CalciumAssessmentTable()

    @model_validator(mode="after")
    def _require_recordings(self) -> CalciumStepTraining:
        for stage in self.stages:
            unknown = [r for r in stage.recordings if r not in self.recordings]
            if unknown:
                raise ValueError(
                    f"a stage takes the recording {unknown[0]}; "
                    f"{nearest(unknown[0], self.recordings)}"
                )
        return self


class VoltageGatesTraining(TrainingTable):
    """Steady states and rates of gates of V alone."""

    kind: Literal["voltage_gates"]
    gates: tuple[str, ...] = Field(min_length=1)
    longest_step: Duration = 0.1
    network: VoltageGatesNetworkTable = VoltageGatesNetworkTable()
    potentials: LabelPotentialsTable = LabelPotentialsTable()
    pacing: VoltageGatesPacingTable = VoltageGatesPacingTable()
    loss: VoltageGatesLossTable = VoltageGatesLossTable()
    fit: VoltageGatesFitTable = VoltageGatesFitTable()


TrainingCase = Annotated[
    SteadyGatesTraining
    | FastStepTraining
    | GatesStepTraining
    | CalciumStepTraining
    | VoltageGatesTraining,
    Discriminator("kind"),
]

#: Table of each kind.
TRAININGS: Mapping[str, type[TrainingTable]] = {
    get_args(table.model_fields["kind"].annotation)[0]: table
    for table in get_args(get_args(TrainingCase)[0])
}
