"""What a training case may say, by the kind of surrogate that is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Discriminator, PositiveInt

from cardiosim.case.quantities import Table, quantity

Positive = quantity("1", gt=0.0)


class NetworkTable(Table):
    """Shape of a network."""

    hidden: tuple[PositiveInt, ...] = (8, 8)
    activation: Literal["tanh", "sigmoid", "softplus5", "cubic"] = "tanh"


class TrainingTable(Table):
    """What every training case says."""

    title: str = ""
    name: str
    model: str = "skibsbye2016"
    seed: int = 0


class SteadyGatesTraining(TrainingTable):
    """Gates as functions of V alone, as Sanchez & Loewe 2025 print them."""

    kind: Literal["steady_gates"]


class FastStepTraining(TrainingTable):
    """A step of V and the fast gates."""

    kind: Literal["fast_step"]
    network: NetworkTable = NetworkTable()


class GatesStepTraining(TrainingTable):
    """A step of the fast gates with V given."""

    kind: Literal["gates_step"]
    network: NetworkTable = NetworkTable()


class CalciumStepTraining(TrainingTable):
    """A step of a reduced calcium subsystem."""

    kind: Literal["calcium_step"]


TrainingCase = Annotated[
    SteadyGatesTraining | FastStepTraining | GatesStepTraining | CalciumStepTraining,
    Discriminator("kind"),
]

#: Table of each kind.
TRAININGS: Mapping[str, type[TrainingTable]] = {
    get_args(table.model_fields["kind"].annotation)[0]: table
    for table in get_args(get_args(TrainingCase)[0])
}
