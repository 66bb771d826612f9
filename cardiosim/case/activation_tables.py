"""What a case may say about activation, repolarisation and velocity at every node."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import PositiveInt, model_validator

from cardiosim.case.quantities import Potential, Table, quantity


class ActivationTable(Table):
    """What in a beat is its activation time.

    The upward crossing of record.activation_threshold, or the largest dV/dt.
    """

    method: Literal["threshold", "dvdt_max"] = "threshold"


class RepolarisationTable(Table):
    """Levels whose downward crossing is recorded in every beat of every node.

    Percentages of each beat's own amplitude, and fixed potentials, mV.
    """

    percents: tuple[quantity("1", gt=0.0, lt=100.0), ...] = (90.0,)
    potentials: tuple[Potential, ...] = ()

    @model_validator(mode="after")
    def _each_level_once(self) -> Self:
        if not (self.percents or self.potentials):
            raise ValueError(
                "percents and potentials are both empty; name a level, as in "
                "percents = [90], or remove [record.repolarisation]"
            )
        for levels in (self.percents, self.potentials):
            if len({*levels}) < len(levels):
                raise ValueError(f"{list(levels)} names a level twice; name each once")
        return self


class CvFieldTable(Table):
    """The velocity at every node of one beat, fitted to activation times."""

    radius: quantity("mm", gt=0.0) | None = None  # of the fits; four mean edges
    margin: quantity("mm", ge=0.0) | None = None  # masked at the boundary; the radius
    beat: PositiveInt = 1
