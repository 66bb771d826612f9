"""Tables of the training of `calcium_step`: recordings, stages, what is measured."""

from __future__ import annotations

from typing import Literal

from pydantic import NonNegativeInt, PositiveInt, model_validator

from cardiosim.case.quantities import Current, Duration, Table, Time, quantity

Positive = quantity("1", gt=0.0)
NonNegative = quantity("1", ge=0.0)
Concentration = quantity("mM", gt=0.0)


class CompartmentsTable(Table):
    """Lowest and highest free calcium that the step is made for."""

    subspace: tuple[Concentration, Concentration] = (1e-4, 2.5e-3)
    cytosol: tuple[Concentration, Concentration] = (1e-4, 2.2e-3)
    reticulum: tuple[Concentration, Concentration] = (0.2, 1.3)

    @model_validator(mode="after")
    def _require_intervals(self) -> CompartmentsTable:
        for name, (low, high) in self:
            if not low < high:
                raise ValueError(
                    f"{name} goes from {low:g} to {high:g} mM; expected the lower "
                    f"value first"
                )
        return self


class RecordingTable(Table):
    """Cells of the equations, paced and recorded.

    Attributes:
        kind: "rates" goes on at constant cycle lengths; "random" draws each interval;
            "blocks" draws blocks of some beats at one rate, with a premature beat at
            the end of most.
        before: cycle lengths of the pacing from the model's initial state, one cell
            each; those of "random" and "blocks" are drawn from them.
        settle: how long they are paced so.
        cycle_lengths: of "rates"; without any the cells go on as before.
        cells: number of cells of "random" and "blocks".
        shortest: interval of "random" and "blocks".
        longest: interval of them.
        length: of the recording.
    """

    kind: Literal["rates", "random", "blocks"]
    before: tuple[Duration, ...]
    settle: Time
    cycle_lengths: tuple[Duration, ...] = ()
    cells: NonNegativeInt = 0
    shortest: Duration = 230.0
    longest: Duration = 1500.0
    length: Duration

    @model_validator(mode="after")
    def _require_cells(self) -> RecordingTable:
        drawn = self.kind != "rates"
        if drawn != bool(self.cells) or (drawn and self.cycle_lengths):
            raise ValueError(
                f"a recording of kind {self.kind} came with {self.cells} cells and "
                f"{len(self.cycle_lengths)} cycle lengths; rates has cycle_lengths, "
                f"the others have cells"
            )
        if self.cycle_lengths and len(self.before) != 1:
            raise ValueError(
                f"cycle_lengths came with {len(self.before)} cycle lengths before; "
                f"expected one, from which all begin"
            )
        return self


class StageTable(Table):
    """Iterations on some of the recordings."""

    recordings: tuple[str, ...]
    iterations: PositiveInt


class PulseTable(Table):
    """How all cells are stimulated."""

    amplitude: Current = 20.0
    duration: Duration = 2.0


class ResidualsTable(Table):
    """What counts as an error of 1, and which errors count more.

    Attributes:
        sample: between two samples.
        potential: of V.
        calcium: of the logarithm of the subspace's free calcium.
        load: of the logarithm of the reticulum's calcium.
        robust: beyond so many times an error of 1 a residual counts less and less.
        steepest: dV/dt beyond which, and shortly after which, none counts.
        repolarisation: weight of V where it falls between -45 and -73 mV.
    """

    sample: Duration = 2.0
    potential: quantity("mV", gt=0.0) = 0.1
    calcium: Positive = 0.03
    load: Positive = 0.01
    robust: Positive = 10.0
    steepest: quantity("mV/ms", gt=0.0) = 1.0
    repolarisation: NonNegative = 3.0


class CalciumAssessmentTable(Table):
    """What is measured of the hybrid beside the equations."""

    before: Duration = 1000.0
    settle: Time = 60000.0
    cycle_lengths: tuple[Duration, ...] = (
        *(2000.0, 1333.0, 1000.0, 800.0, 667.0, 571.0, 500.0, 444.0),
        *(400.0, 364.0, 333.0, 308.0, 286.0, 267.0, 250.0),
    )
    length: Duration = 44000.0
    shown: tuple[Duration, ...] = (1000.0, 500.0, 333.0)
    basic: tuple[Duration, ...] = (1000.0, 500.0)
    premature: tuple[Duration, ...] = (
        *(240.0, 250.0, 260.0, 270.0, 280.0, 290.0, 300.0, 310.0, 320.0, 340.0),
        *(360.0, 400.0, 450.0, 500.0, 600.0, 700.0, 800.0, 1000.0),
    )
    long_cycle_length: Duration = 500.0
    long_beats: NonNegativeInt = 1000
