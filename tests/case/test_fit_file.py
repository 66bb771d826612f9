"""fit.toml and the trace beside it: what is read, and what is told of mistakes."""

import numpy as np
import pytest

from cardiosim.case.fit_file import read_fit
from cardiosim.case.read import CaseError
from cardiosim.case.recorded_trace import read_recorded_trace

GOOD = """
gradients = "differences"
[parameters]
"ical.g_CaL" = { low = 0.3, high = 3.0, sigma = 0.5 }
ik1.g_K1 = {}
[target.biomarkers]
apd90 = { value = 283.8, sigma = 1.0 }
"""


@pytest.fixture
def write(tmp_path):
    def _write(text, name="fit.toml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return _write


def test_parameters_have_bounds_priors_and_defaults(write):
    fit = read_fit(write(GOOD))
    assert list(fit.parameters) == ["ical.g_CaL", "ik1.g_K1"]
    first, second = fit.parameters.values()
    assert (first.low, first.high, first.start, first.sigma) == (0.3, 3.0, 1.0, 0.5)
    assert (second.low, second.high, second.start) == (0.1, 10.0, 1.0)
    assert second.sigma is None
    assert fit.target.biomarkers["apd90"].value == 283.8
    assert fit.starts == 1


def test_derivatives_come_from_torch_by_default(write):
    assert read_fit(write(GOOD.replace('"differences"', '"torch"'))).gradients == (
        read_fit(write(GOOD.replace('gradients = "differences"', ""))).gradients
    )


def test_trace_is_found_beside_the_file_in_any_unit_of_potential(write, tmp_path):
    text = '[parameters]\n"a.b" = {}\n[target.trace]\nfile = "ap.csv"\nsigma = "100 uV"'
    trace = read_fit(write(text)).target.trace
    assert trace.file == str(tmp_path / "ap.csv")
    assert trace.sigma == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("low = 0.3", "lo = 0.3", "has no key 'lo'; did you mean low"),
        ("gradients", "gradient", "the file has no key 'gradient'; did you mean gradi"),
        ('"differences"', '"adam"', "gradients: came 'adam'; input should be 'torch'"),
        ("low = 0.3", "low = 4.0", "are not in this order"),
        ("low = 0.3", "low = -0.3", "parameters.ical.g_CaL.low: came -0.3"),
        ("sigma = 1.0", "sigma = 0.0", "target.biomarkers.apd90.sigma: came 0.0"),
        (", sigma = 1.0", "", "target.biomarkers.apd90.sigma is missing"),
        ("apd90 = { value = 283.8, sigma = 1.0 }", "", "give .target.trace."),
        ("[target.biomarkers]", "[targets.biomarkers]", "has no key 'targets'; did"),
        ("[parameters]", "[parameters", "is not TOML"),
    ],
)
def test_mistakes_are_told_in_one_line(write, old, new, says):
    with pytest.raises(CaseError, match=says) as error:
        read_fit(write(GOOD.replace(old, new, 1)))
    assert "\n" not in str(error.value)


def test_a_fit_that_is_not_there(tmp_path):
    with pytest.raises(CaseError, match="is no file; expected a fit.toml"):
        read_fit(tmp_path / "fit.toml")


@pytest.mark.parametrize("header", ["time (ms),V (mV),note", "Time (ms),v(mV),note"])
def test_trace_is_read_by_the_names_of_its_columns(write, header):
    path = write(f"{header}\n0,-80.5,rest\n0.5,-79,\n\n", "ap.csv")
    times, V = read_recorded_trace(path)
    np.testing.assert_array_equal(times, [0.0, 0.5])
    np.testing.assert_array_equal(V, [-80.5, -79.0])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "time (s),V (mV)\n0,1\n1,2",
            "has the columns time .s., V .mV.; expected time",
        ),
        ("0,-80\n1,-79", "has the columns 0, -80"),
        ("", "it is empty"),
        ("time,V\n0,1\n1,2", r'columns time, V; .* write "time \(ms\),V \(mV\)" as'),
        ("time (ms),V (mV)\n0,-80\n1,x", "line 3 is '1,x'; expected a number"),
        ("time (ms),V (mV)\n0,-80\n1", "line 3 is '1'"),
        ("time (ms),V (mV)\n0,-80", "holds 1 samples"),
        ("time (ms),V (mV)\n1,-80\n0,-80", "increasing times"),
        ("time (ms),V (mV)\n0,-80\n1,nan", "finite"),
    ],
)
def test_traces_with_mistakes(write, text, says):
    with pytest.raises(CaseError, match=says) as error:
        read_recorded_trace(write(text, "ap.csv"))
    assert "\n" not in str(error.value)


def test_a_trace_that_is_not_there(tmp_path):
    with pytest.raises(CaseError, match=r"ap\.csv cannot be read: No such file"):
        read_recorded_trace(tmp_path / "ap.csv")
