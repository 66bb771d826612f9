"""Tables of the training of `voltage_gates`: its network, points, loss and fit."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from cardiosim.case.quantities import Current, Duration, Potential, Table, quantity

NonNegative = quantity("1", ge=0.0)


class VoltageGatesNetworkTable(Table):
    """A network of V."""

    hidden: tuple[PositiveInt, ...] = Field((6,), min_length=1)
    activation: Literal["tanh", "sigmoid", "softplus5", "cubic"] = "cubic"


class LabelPotentialsTable(Table):
    """The range of V, and how many labels stand evenly spaced in it."""

    lowest: Potential = -100.0
    highest: Potential = 60.0
    points: PositiveInt = 150

    @model_validator(mode="after")
    def _require_an_interval(self) -> LabelPotentialsTable:
        if not self.lowest < self.highest or self.points < 2:
            raise ValueError(
                f"{self.points} points from {self.lowest:g} to {self.highest:g} mV; "
                f"expected two or more, from the lowest to the highest"
            )
        return self


class VoltageGatesPacingTable(Table):
    """Cells that the equations pace: where V goes, and what is compared."""

    cycle_lengths: tuple[Duration, ...] = Field(
        (2000.0, 1000.0, 667.0, 500.0, 400.0, 333.0, 286.0, 250.0), min_length=1
    )
    duration: Duration = 10000.0
    amplitude: Current = 20.0
    stimulus_duration: Duration = 2.0
    scheme: Literal["rush_larsen", "multirate"] = "multirate"
    dt: Duration = 0.1
    points: PositiveInt = 500


class VoltageGatesLossTable(Table):
    """Weights in the sum of squares.

    labels: of errors of x_inf and log tau at potentials.
    physics: of the residual in time at points inside the step.
    anywhere: of a physics residual away from states that are visited.
    """

    labels: NonNegative = 0.02
    physics: NonNegative = 1.0
    anywhere: NonNegative = 0.02

    @model_validator(mode="after")
    def _require_one(self) -> VoltageGatesLossTable:
        if self.labels == self.physics == 0.0:
            raise ValueError("labels and physics are both 0; nothing would be trained")
        return self


class VoltageGatesFitTable(Table):
    """Levenberg-Marquardt: so many starts tried, the best of them finished."""

    starts: PositiveInt = 8
    trial_iterations: NonNegativeInt = 25
    iterations: PositiveInt = 300
