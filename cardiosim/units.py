"""One coherent system of units, and the only door through which others come in.

    mm, ms, mV, A/F (= uA/uF = mV/ms), uF/mm2, mS/mm (= S/m), 1/mm, mM

In it dV/dt = -I_ion and D = sigma/(chi C_m) hold without any factor. A number is in the
project's unit already; a string carries its own unit and is converted here.
"""

from __future__ import annotations

import functools
import math
import re

# pint reads powers as "mm**2"; physiologists write "mm2", "mm^2" or "mm²".
_power = re.compile(r"(?<=[A-Za-zµμΩ])(-?[1-9])")
_number = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?(?=\s|[A-Za-z/µμΩ]|$)")


@functools.cache
def _registry():
    import pint  # a third of a second, and most cases carry plain numbers only

    return pint.UnitRegistry(cache_folder=None)


def to_project_units(value: float | str, unit: str, where: str = "") -> float:
    """Convert a number as the user wrote it.

    Args:
        value: a number, already in `unit`, or a string "number unit" such as
            "0.17 S/m" or "1400 1/cm".
        unit: the project's unit for this quantity, such as "mS/mm"; "1" if it has none.
        where: name of the quantity, which opens the message of an error.

    Returns:
        The value in `unit`.

    Raises:
        ValueError: no number, an unknown unit, or a unit of another dimension.
    """
    opening = f"{where}: " if where else ""
    wanted = f"a number in {unit}" if unit != "1" else "a number without unit"
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"{opening}came {value!r}, expected {wanted}")
    if not isinstance(value, str):
        if math.isnan(value):
            raise ValueError(f"{opening}came nan, expected {wanted}")
        return float(value)

    number = _number.match(value)
    if number is None:
        raise ValueError(
            f"{opening}came {value!r}, expected {wanted}, or a string of a number and "
            f'its unit such as "{_example(unit)}"'
        )
    its_unit = value[number.end() :].strip()
    if not its_unit and unit != "1":
        raise ValueError(
            f"{opening}came {value!r}, a string without unit; write the plain number "
            f'in {unit}, or add the unit: "{value.strip()} {unit}"'
        )
    return _converted(float(number.group()), its_unit or "1", unit, value, opening)


def _converted(
    number: float, its_unit: str, unit: str, value: str, opening: str
) -> float:
    """The number of `unit` in `number` of `its_unit`; degC has another zero than K."""
    import pint

    registry = _registry()
    target = _spell(unit) if unit != "1" else "dimensionless"
    try:
        quantity = registry.Quantity(number, registry.parse_units(_spell(its_unit)))
        return float(quantity.to(target).magnitude)
    except pint.DimensionalityError:
        raise ValueError(
            f"{opening}came {value!r}, which is no quantity in {unit}; "
            f'expected a unit like that of "{_example(unit)}"'
        ) from None
    except Exception:
        raise ValueError(
            f"{opening}came {value!r}, whose unit {its_unit!r} is not known; "
            f'expected a string such as "{_example(unit)}"'
        ) from None


def _spell(unit: str) -> str:
    return _power.sub(r"**\1", unit.replace("^", "").replace("²", "2"))


def _example(unit: str) -> str:
    return f"1.0 {unit}" if unit != "1" else "1.0"
