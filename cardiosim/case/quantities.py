"""Numbers with units, and tables of them: what the schema of a case is made of."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from cardiosim.units import to_project_units


def quantity(unit: str, **limits: float) -> Any:
    """A number in `unit`, or a string that pint converts to it; see pydantic.Field."""
    convert = BeforeValidator(lambda value: to_project_units(value, unit))
    says = f"a number in {unit}" if unit != "1" else "a number"
    field = Field(allow_inf_nan=False, description=says, **limits)
    return Annotated[float, field, convert]


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
