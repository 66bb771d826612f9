"""What a drug leaves of a current by the Hill equation, and a cell that it blocks."""

import numpy as np
import pytest

from cardiosim.case.cells import build_cell, build_cells
from cardiosim.case.read import CaseError, read_case
from cardiosim.ionic.drug_block import unblocked_share

CASE = """
[mesh]
kind = "point"
[cell]
model = "nagumo"
{cell}
[[stimulus]]
start = 0.0
duration = 1.0
amplitude = 100.0
[time]
dt = 0.02
end = 5.0
"""


@pytest.fixture
def case_with(tmp_path):
    def write(cell="", *overrides):
        path = tmp_path / "case.toml"
        path.write_text(CASE.format(cell=cell))
        return read_case(path, overrides)

    return write


@pytest.mark.parametrize("hill", [0.5, 1.0, 2.7])
def test_half_is_left_at_the_ic50(hill):
    assert unblocked_share(3.0, 3.0, hill) == 0.5


def test_nothing_and_everything():
    assert unblocked_share(0.0, 1.0, 0.8) == 1.0
    assert unblocked_share(1e12, 1.0) == pytest.approx(1e-12, rel=1e-9)
    assert unblocked_share(1e300, 1e-3, 20.0) == 0.0  # no overflow


def test_slope_of_the_dose_response_curve_is_the_hill_coefficient():
    """ln(left/gone) = -h ln(C/IC50)."""
    concentrations = np.array([0.01, 0.1, 1.0, 10.0, 100.0])
    left = np.array([unblocked_share(c, 2.0, 1.4) for c in concentrations])
    slope = np.polyfit(np.log(concentrations), np.log(left / (1.0 - left)), 1)[0]
    assert slope == pytest.approx(-1.4, rel=1e-12)


@pytest.mark.parametrize(
    "numbers", [(-1.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0), (np.nan, 1.0, 1.0)]
)
def test_what_is_no_drug_is_refused(numbers):
    with pytest.raises(ValueError, match="Hill coefficient"):
        unblocked_share(*numbers)


def rate(case):
    """k of the cell, whose published value is 8."""
    cell = build_cell(case)
    return cell.observe(cell.initial_states(1), ["membrane.k"])[0, 0]


@pytest.mark.parametrize(
    ("drug", "left"),
    [
        ("concentration = 5.0\nblocks.membrane.k = { ic50 = 5.0 }", 0.5),
        ('concentration = "5 nM"\nblocks.membrane.k = { ic50 = "5 nM" }', 0.5),
        (
            'concentration = "15 nM"\nblocks.membrane.k = { ic50 = 0.005, hill = 2 }',
            0.1,
        ),
        ("blocks.membrane.k = { block = 0.3 }", 0.7),
        ('blocks."membrane.k" = { block = 0.3 }', 0.7),
        ("concentration = 0.0\nblocks.membrane.k = { ic50 = 5.0 }", 1.0),
    ],
)
def test_a_case_scales_what_its_drug_blocks(case_with, drug, left):
    assert rate(case_with(f"[[cell.drug]]\n{drug}")) == pytest.approx(8.0 * left)


def test_drugs_leave_the_product_of_what_each_leaves(case_with):
    drugs = """
    [[cell.drug]]
    concentration = 1.0
    blocks.membrane.k = { ic50 = 1.0 }
    [[cell.drug]]
    blocks.membrane.k = { block = 0.2 }
    """
    scaled = case_with("parameters = { membrane.k = { scale = 3.0 } }\n" + drugs)
    assert rate(scaled) == pytest.approx(8.0 * 3.0 * 0.5 * 0.8)
    given = case_with('parameters = { membrane.k = "10 1/ms" }\n' + drugs)
    assert rate(given) == pytest.approx(10.0 * 0.5 * 0.8)


def test_a_drug_is_the_same_cell_as_its_scale(case_with):
    drug = case_with("[[cell.drug]]\nblocks.membrane.k = { block = 0.25 }")
    scale = case_with("parameters = { membrane.k = { scale = 0.75 } }")
    assert build_cell(drug).fingerprint == build_cell(scale).fingerprint


def test_cells_at_several_concentrations_are_nodes_of_one_run(case_with):
    drug = "[[cell.drug]]\nconcentration = 1.0\nblocks.membrane.k = { ic50 = 1.0 }"
    cases = [case_with(drug, f"cell.drug.0.concentration={c}") for c in (0, 1, 3)]
    cells = build_cells(cases)
    k = cells.observe(cells.initial_states(3), ["membrane.k"])[0]
    np.testing.assert_allclose(k, [8.0, 4.0, 2.0], rtol=1e-15)


def test_cells_that_differ_in_more_than_values_are_refused(case_with):
    plain, scaled = case_with(), case_with("parameters = { membrane.k = 8.0 }")
    with pytest.raises(CaseError, match="differ in more than"):
        build_cells([plain, scaled])


@pytest.mark.parametrize(
    ("drug", "says"),
    [
        ("blocks.membrane.k = { ic50 = 5.0 }", "needs the drug's concentration"),
        ("concentration = 1.0\nblocks.membrane.k = { hill = 1.0 }", "either ic50"),
        ("blocks.membrane.k = { block = 0.5, hill = 1 }", "hill belongs to ic50"),
        ("blocks.membrane.k = { block = 1.5 }", "not above 1"),
        ("concentration = -1\nblocks.membrane.k = { ic50 = 1 }", "not below 0"),
        ("concentration = 1.0", "blocks"),
        ('concentration = "5 mV"\nblocks.membrane.k = { ic50 = 1 }', "5 mV"),
    ],
)
def test_a_drug_table_that_says_too_little_or_too_much(case_with, drug, says):
    with pytest.raises(CaseError, match=says):
        case_with(f"[[cell.drug]]\n{drug}")


def test_a_parameter_that_the_cell_does_not_have_is_named(case_with):
    case = case_with("[[cell.drug]]\nblocks.membrane.kk = { block = 0.5 }")
    with pytest.raises(ValueError, match=r"no parameter membrane.kk; did you mean"):
        build_cell(case)
