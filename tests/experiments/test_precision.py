"""Drift of float32 runs against float64."""

import numpy as np
import pytest

pytest.importorskip("torch")

from cardiosim.experiments.precision import precision_drift  # noqa: E402


def test_drift_of_a_small_cell_is_rounding():
    drift = precision_drift(
        "mitchell_schaeffer2003", dt=0.1, beats=2, bcl=150.0, torch_compile=False
    )
    assert drift.largest.shape == drift.rms.shape == drift.rest.shape == (2,)
    assert drift.states.shape == (len(drift.state_names),)
    # Not nothing: float32 it is. 3000 steps with roundings of 4e-6 mV, amplified some
    # hundred times in the upstroke.
    assert 1e-7 < drift.largest.max() < 0.2
    assert (drift.rms <= drift.largest).all()
    name, worst = drift.worst_state
    assert drift.states[drift.state_names.index(name)] == worst < 1e-3


def test_equal_cells_have_no_drift(monkeypatch):
    from cardiosim.experiments import precision

    def always_double(model, **more):
        return precision_compile(model, scheme=more["scheme"])

    precision_compile = precision.compile_cell
    monkeypatch.setattr(precision, "compile_cell", always_double)
    drift = precision_drift("nagumo", dt=0.1, beats=1, bcl=20.0)
    np.testing.assert_array_equal(drift.largest, 0.0)
    np.testing.assert_array_equal(drift.states, 0.0)


@pytest.mark.parametrize(
    ("times", "says"),
    [
        ({"dt": 0.03}, "time between samples 1 ms is no whole number of steps"),
        ({"bcl": 333.5}, "bcl 333.5 ms; expected whole milliseconds"),
        ({"duration": 0.5}, "duration 0.5 ms; expected whole milliseconds"),
    ],
)
def test_times_that_would_be_rounded_are_refused(times, says):
    with pytest.raises(ValueError, match=says):
        precision_drift("nagumo", **times)
