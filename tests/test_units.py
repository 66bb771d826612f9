"""Numbers are in the project's units; strings carry their own."""

import pytest

from cardiosim.units import to_project_units


@pytest.mark.parametrize(
    ("written", "unit", "value"),
    [
        (0.15, "mm2/ms", 0.15),
        (3, "mm", 3.0),
        ("0.17 S/m", "mS/mm", 0.17),
        ("1400 1/cm", "1/mm", 140.0),
        ("1400 cm-1", "1/mm", 140.0),
        ("1 uF/cm2", "uF/mm2", 0.01),
        ("1 µF/cm²", "uF/mm2", 0.01),
        ("1uF/cm^2", "uF/mm2", 0.01),
        ("1.5 cm2/s", "mm2/ms", 0.15),
        ("2 cm", "mm", 20.0),
        ("-0.08 V", "mV", -80.0),
        ("1 s", "ms", 1000.0),
        ("2e-3 s", "ms", 2.0),
        ("20 pA/pF", "A/F", 20.0),
        ("20 mV/ms", "A/F", 20.0),
        ("5.4 mmol/l", "mM", 5.4),
        ("0.5", "1", 0.5),
        ("50 %", "1", 0.5),
        ("37 degC", "K", 310.15),
    ],
)
def test_quantity_is_converted(written, unit, value):
    assert to_project_units(written, unit) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("2 ms", "no quantity in mm"),
        ("2 parsecks", "'parsecks' is not known"),
        ("2", 'add the unit: "2 mm"'),
        ("two cm", "a string of a number and its unit"),
        ("2 cm; import os", "is not known"),
        ("2 cm; 3", "is not known"),
        ("2 3 cm", "'3 cm' is not known"),
        (True, "expected a number in mm"),
        (float("nan"), "came nan"),
        ([1.0], "expected a number in mm"),
    ],
)
def test_error_says_what_came_and_what_was_expected(written, says):
    with pytest.raises(ValueError) as error:
        to_project_units(written, "mm", where="mesh.length")
    assert str(error.value).startswith("mesh.length: came ")
    assert says in str(error.value)
    assert "\n" not in str(error.value)
