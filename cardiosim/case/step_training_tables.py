"""Tables of the training of `fast_step` and `gates_step`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from cardiosim.case.quantities import Duration, PositiveLength, Table, quantity

NonNegative = quantity("1", ge=0.0)
Positive = quantity("1", gt=0.0)
Diffusivity = quantity("mm^2/ms", gt=0.0)


class StepNetworkTable(Table):
    """A network of what a step begins and ends with."""

    hidden: tuple[PositiveInt, ...] = Field((8, 8), min_length=1)
    activation: Literal["tanh", "sigmoid", "softplus5", "cubic"] = "tanh"


class VisitedTable(Table):
    """Cables in which states are visited; each quantity is drawn for each cable.

    steps: time steps, ms; so many cables at each of them.
    cables: at each step.
    states: that are kept of each step's cables.
    dx: one of these.
    D: lowest and highest.
    conductance: parameter of the sodium current, lowest and highest of `conductances`;
        a quarter of the cables have the cell's own.
    cycle_lengths: one of these, of the pacing before.
    pacing: how long that lasts, a whole number of each cycle length.
    premature: shortest and longest interval of the second wave.
    """

    steps: tuple[Duration, ...] = Field((0.1, 0.05, 0.02, 0.01), min_length=1)
    cables: PositiveInt = 40
    states: PositiveInt = 30000
    dx: tuple[PositiveLength, ...] = Field((0.1, 0.16, 0.2, 0.25), min_length=1)
    D: tuple[Diffusivity, Diffusivity] = (0.04, 0.35)
    length: PositiveLength = 8.0
    conductance: str = "ina.g_Na"
    conductances: tuple[Positive, Positive] = (140.0, 1050.0)
    cycle_lengths: tuple[Duration, ...] = Field(
        (1000.0, 800.0, 500.0, 400.0), min_length=1
    )
    pacing: Duration = 20000.0
    premature: tuple[Duration, Duration] = (190.0, 420.0)


class StepLossTable(Table):
    """What is minimised.

    labels: how many samples have one; 0 for none.
    exact_substeps: of the map that gives them.
    residual: weight of the residual in time; 0 leaves it out.
    collocation: at how many samples it is taken.
    """

    labels: NonNegativeInt = 24000
    exact_substeps: PositiveInt = 64
    residual: NonNegative = 0.0
    collocation: PositiveInt = 4000


class StepFitTable(Table):
    """Levenberg-Marquardt."""

    iterations: PositiveInt = 100


class StepTuningTable(Table):
    """The last layer on the velocity of waves, in cables drawn at random.

    rounds: of Gauss and Newton; 0 leaves it out.
    steps: time steps, ms.
    cables: at each step; half of them with a premature wave.
    dx: shortest and longest; D and conductance are drawn as for the states.
    tolerance: %, of the velocity; one of it counts as much as the loss of the fit.
    peak_tolerance: mV, of the peak of the wave, likewise.
    """

    rounds: NonNegativeInt = 2
    steps: tuple[Duration, ...] = Field((0.1, 0.05), min_length=1)
    cables: PositiveInt = 28
    dx: tuple[PositiveLength, PositiveLength] = (0.1, 0.25)
    length: PositiveLength = 20.0
    tolerance: Positive = 0.05
    peak_tolerance: Positive = 0.1
