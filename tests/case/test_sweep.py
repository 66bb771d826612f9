"""sweep.toml: which samples come of it, and what is said of one that is none."""

import tomllib

import numpy as np
import pytest

from cardiosim.case.read import CaseError
from cardiosim.case.sweep import read_sweep


@pytest.fixture
def sweep(tmp_path):
    def read(text):
        path = tmp_path / "sweep.toml"
        path.write_text(text)
        return read_sweep(path)

    return read


def hypercube(sweep, samples=400, seed=7, distribution="{ low = 0.0, high = 1.0 }"):
    keys = "\n".join(f"cell.parameters.a.{name} = {distribution}" for name in "xyz")
    found = sweep(f"samples = {samples}\nseed = {seed}\n[latin_hypercube]\n{keys}\n")
    return np.array(found.samples)


def test_a_grid_holds_every_combination_the_last_key_fastest(sweep):
    found = sweep(
        """
        [grid]
        tissue.D = [0.1, 0.2]
        cell.model = ["nagumo", "skibsbye2016"]
        time.dt = [0.01, 0.02, 0.05]
        """
    )
    assert found.keys == ("tissue.D", "cell.model", "time.dt")
    assert len(found.samples) == 12
    assert found.samples[:4] == (
        (0.1, "nagumo", 0.01),
        (0.1, "nagumo", 0.02),
        (0.1, "nagumo", 0.05),
        (0.1, "skibsbye2016", 0.01),
    )
    assert found.samples[-1] == (0.2, "skibsbye2016", 0.05)
    assert found.kind == "grid"


def test_ranges_hold_both_ends_and_no_rounding(sweep):
    found = sweep(
        """
        [grid]
        tissue.D = { from = 0.1, to = 0.3, step = 0.1 }
        time.dt = { from = 1, to = 2, count = 3 }
        """
    )
    assert [d for d, dt in found.samples if dt == 1.0] == [0.1, 0.2, 0.3]
    assert [dt for d, dt in found.samples if d == 0.1] == [1.0, 1.5, 2.0]


def test_keys_of_the_case_may_be_called_as_the_ends_of_a_range(sweep):
    found = sweep("[grid]\nstimulus.0.count = [5, 10]")
    assert found.keys == ("stimulus.0.count",)
    assert found.samples == ((5,), (10,))


@pytest.mark.parametrize(
    "value",
    [
        0.1,
        1e-7,
        1e22,
        3,
        True,
        'x <= 2 "quoted" \\ ü',
        [1.5, "a"],
        {"scale": 0.5},
        {"a.b": [{"c": 1}]},
    ],
)
def test_a_sample_sets_what_toml_reads_back(sweep, tmp_path, value):
    import tomli_w

    (tmp_path / "sweep.toml").write_text(tomli_w.dumps({"grid": {"a": [value]}}))
    (override,) = read_sweep(tmp_path / "sweep.toml").overrides(0)
    assert tomllib.loads(override) == {"a": value}


def test_names_with_dots_stay_one_name(sweep):
    found = sweep('[grid]\ncell.parameters."ina.g_Na".scale = [0.5]')
    assert tomllib.loads(found.overrides(0)[0]) == {
        "cell": {"parameters": {"ina.g_Na": {"scale": 0.5}}}
    }


def test_each_part_of_each_range_is_sampled_once(sweep):
    found = hypercube(sweep)
    assert found.shape == (400, 3)
    for column in found.T:
        assert sorted(np.floor(400 * column)) == list(range(400))
    # Independent of each other: of 400 pairs, 0.2 is four standard deviations.
    correlations = np.corrcoef(found.T)[np.triu_indices(3, 1)]
    assert np.abs(correlations).max() < 0.2


def test_the_seed_decides(sweep):
    np.testing.assert_array_equal(hypercube(sweep), hypercube(sweep))
    assert not np.any(hypercube(sweep) == hypercube(sweep, seed=8))


def test_one_more_key_leaves_the_others_their_values(sweep):
    text = "samples = 5\n[latin_hypercube]\na = { low = 0.0, high = 1.0 }\n"
    one = np.array(sweep(text).samples)
    two = np.array(sweep(text + "b = { low = 0.0, high = 1.0 }").samples)
    np.testing.assert_array_equal(one[:, 0], two[:, 0])


@pytest.mark.parametrize(
    ("distribution", "mean", "sd"),
    [
        ("{ low = 2.0, high = 4.0 }", 3.0, 2.0 / np.sqrt(12.0)),
        ("{ mean = 5.0, sd = 0.5 }", 5.0, 0.5),
        (
            "{ median = 2.0, sigma = 0.3 }",
            2.0 * np.exp(0.045),
            2.0 * np.exp(0.045) * np.sqrt(np.expm1(0.09)),
        ),
    ],
)
def test_samples_have_the_moments_of_their_distribution(sweep, distribution, mean, sd):
    found = hypercube(sweep, samples=2000, distribution=distribution)
    # Stratified: the error of a mean is far below that of 2000 random samples.
    np.testing.assert_allclose(found.mean(axis=0), mean, rtol=1e-3)
    np.testing.assert_allclose(found.std(axis=0), sd, rtol=1e-2)


def test_the_median_of_a_log_normal_value_is_its_median(sweep):
    found = hypercube(sweep, distribution="{ median = 2.0, sigma = 0.3 }")
    np.testing.assert_allclose(np.median(found, axis=0), 2.0, rtol=2e-3)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "either [grid] or [latin_hypercube]"),
        ("[grid]\na = [1]\n[latin_hypercube]\na.low = 1", "either [grid]"),
        ("[latin_hypercube]\na = { low = 0, high = 1 }", "it is missing"),
        ("samples = 3\n[grid]\na = [1]", "a [grid] has its own"),
        ("[grid]", "[grid] names no value"),
        ("samples = 2\n[latin_hypercube]", "[latin_hypercube] names no value"),
        ("[grid]\na = []", "expected a list of values"),
        ("[grid]\na = 3", "grid.a is 3; expected a list"),
        ("[grid]\na = { from = 1, to = 2 }", "grid.a: came ['from', 'to']"),
        ("[grid]\na = { from = 2, to = 1, step = 1 }", "from <= to"),
        ("[grid]\na = { from = 1, to = 2, step = 0 }", "positive step"),
        ("[grid]\na = { from = '1 ms', to = 2, step = 1 }", "expected a number"),
        ("smaples = 3\n[grid]\na = [1]", "did you mean samples?"),
        (
            "samples = 0\n[latin_hypercube]\na = { low = 0, high = 1 }",
            "samples: came 0",
        ),
        ("samples = 2\n[latin_hypercube]\na = 1", "expected a distribution"),
        (
            "samples = 2\n[latin_hypercube]\na = { low = 0, hihg = 1 }",
            "latin_hypercube.a: there is no 'hihg' here; did you mean high?",
        ),
        (
            "samples = 2\n[latin_hypercube]\na = { low = 0, sd = 1 }",
            "came low, sd; expected low and high",
        ),
        (
            "samples = 2\n[latin_hypercube]\na = { low = 1, high = 1 }",
            "low 1 is not below high 1",
        ),
        (
            "samples = 2\n[latin_hypercube]\na = { median = -1, sigma = 1 }",
            "median: came -1",
        ),
        ("[grid\na = [1]", "is not TOML"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(sweep, text, says):
    with pytest.raises(CaseError) as error:
        sweep(text)
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert "sweep.toml" in str(error.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(CaseError, match="is no file; expected a sweep.toml"):
        read_sweep(tmp_path / "none.toml")
