"""Numbers with units, and tables of them: what the schema of a case is made of."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
)

from cardiosim.units import to_project_units


def quantity(unit: str, **limits: float) -> Any:
    """A number in `unit`, or a string that pint converts to it; see pydantic.Field."""
    convert = BeforeValidator(lambda value: to_project_units(value, unit))
    says = f"a number in {unit}" if unit != "1" else "a number"
    field = Field(allow_inf_nan=False, description=says, **limits)
    return Annotated[float, field, convert]


# Branches of a union, in pydantic's errors; no part of a key that a user has written.
BRANCHES = ("one number", "list of numbers")


def one_or_list(number: Any) -> Any:
    """One number, or a list of them, each as the annotation says."""
    one, several = BRANCHES

    def branch(value: Any) -> str:
        return several if isinstance(value, list | tuple) else one

    return Annotated[
        Annotated[number, Tag(one)] | Annotated[tuple[number, ...], Tag(several)],
        Discriminator(branch),
    ]


Length = quantity("mm")
PositiveLength = quantity("mm", gt=0.0)
Duration = quantity("ms", gt=0.0)
Time = quantity("ms", ge=0.0)
Fraction = quantity("1", ge=0.0, le=1.0)
Potential = quantity("mV")
Current = quantity("A/F")


class Table(BaseModel):
    """A table of case.toml: no unknown keys, no change after reading."""

    model_config = ConfigDict(frozen=True, extra="forbid")
