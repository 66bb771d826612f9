"""Tables of the training of `steady_gates`: the paper's network, loss and claims."""

from __future__ import annotations

from typing import Literal

from pydantic import NonNegativeInt, PositiveInt, model_validator

from cardiosim.case.quantities import Current, Duration, Potential, Table, quantity

Positive = quantity("1", gt=0.0)
NonNegative = quantity("1", ge=0.0)


class SteadyGatesNetworkTable(Table):
    """Dense, residual blocks with batch norm, Dense."""

    width: PositiveInt = 64
    blocks: NonNegativeInt = 4
    outputs: Literal["linear", "sigmoid"] = "linear"
    input_scale: quantity("mV", gt=0.0) = 100.0


class CollocationTable(Table):
    """Potentials at which the loss is taken, evenly spaced."""

    points: PositiveInt = 1000
    lowest: Potential = -100.0
    highest: Potential = 100.0

    @model_validator(mode="after")
    def _require_an_interval(self) -> CollocationTable:
        if not self.lowest < self.highest or self.points < 2:
            raise ValueError(
                f"{self.points} points from {self.lowest:g} to {self.highest:g} mV; "
                f"expected two or more, from the lowest to the highest"
            )
        return self


class PrintedLossTable(Table):
    """The printed loss; see `cardiosim.surrogates.steady_gates_training`."""

    current: str = "ina.i_ohmic"
    at: dict[str, float] = {"sodium.Na_ss": 7.7869}
    capacitance: quantity("pF", gt=0.0) = 50.0
    exponent: Positive = 2.0
    rates: Literal["1/ms", "1/s"] = "1/ms"
    norm: Literal["sum", "mean"] = "sum"
    derivative: Literal["map", "batch"] = "map"
    gradient_weight: NonNegative = 0.01
    largest_physics_weight: NonNegative = 0.1
    physics_weight_per_data: NonNegative = 0.01
    differentiate_weight: bool = False


class SteadyGatesDescentTable(Table):
    """AdamW: cosines with warm restarts, then halved on plateaus."""

    learning_rate: Positive = 3e-3
    weight_decay: NonNegative = 0.01
    gradient_norm: NonNegative = 1.0
    restart: NonNegativeInt = 500
    plateau_from: NonNegativeInt = 3500
    plateau_rate: Positive = 1e-3
    plateau_patience: PositiveInt = 100
    smallest_rate: NonNegative = 1e-5
    iterations: PositiveInt = 7000
    goal: NonNegative = 1e-4


class SteadyGatesAssessmentTable(Table):
    """What is measured of the network as a cell, and beside it."""

    cells: bool = True
    cables: bool = True
    cost: bool = True
    bcl: Duration = 1000.0
    beats: PositiveInt = 100
    amplitudes: tuple[Current, ...] = (20.0, 40.0)
    duration: Duration = 2.0
    steps: tuple[Duration, ...] = (0.01, 0.1)
    reference_step: Duration = 0.001
    cycle_lengths: tuple[Duration, ...] = (
        *(2000.0, 1500.0, 1000.0, 750.0, 600.0, 500.0, 400.0),
    )
    restitution_beats: PositiveInt = 20
    restitution_step: Duration = 0.1
    premise_steps: tuple[Duration, ...] = ()
    premise_reference_step: Duration = 0.0001
    implicit: tuple[Literal["LSODA", "BDF", "Radau"], ...] = ()
    implicit_tolerances: tuple[Positive, ...] = (1e-4, 1e-6)
