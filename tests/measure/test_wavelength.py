"""Lengths of waves that are known."""

import numpy as np
import pytest

from cardiosim.measure.wavelength import excited_stretches, wavelength


def test_the_product_of_metres_a_second_and_milliseconds_is_millimetres():
    assert wavelength(0.6, 250.0) == pytest.approx(150.0)
    np.testing.assert_allclose(wavelength([0.5, 0.7], 200.0), [100.0, 140.0])


def test_a_steady_wave_is_as_long_as_velocity_times_duration():
    """A wave of 0.5 m/s whose V stays above -40 mV for 60 ms."""
    x = np.arange(0.0, 100.0, 0.25)
    since = 150.0 - x / 0.5  # ms since the front passed, at t = 150 ms
    V = np.where(since > 0.0, -80.0 + 80.0 * (1.0 - since / 120.0), -80.0)
    (found,) = excited_stretches(x, np.maximum(V, -80.0), -40.0)
    assert found.is_whole
    # The front is one step of the mesh wide.
    assert found.length == pytest.approx(float(wavelength(0.5, 60.0)), abs=0.25)
    assert found.end == pytest.approx(75.0, abs=0.25)


def test_what_reaches_an_end_is_not_whole():
    x, V = np.arange(8.0), np.array([0.0, 0.0, -80, -80, 0.0, -80, -80, 0.0])
    found = excited_stretches(x, V, -40.0)
    assert [s.is_whole for s in found] == [False, True, False]
    assert [s.length for s in found] == [1.5, 1.0, 0.5]
    assert (found[0].begin, found[-1].end) == (0.0, 7.0)


def test_silent_tissue_has_none_and_excited_tissue_no_ends():
    x = np.arange(4.0)
    assert excited_stretches(x, np.full(4, -80.0), -40.0) == []
    (whole,) = excited_stretches(x, np.zeros(4), -40.0)
    assert (whole.length, whole.is_whole) == (3.0, False)


def test_mistakes_are_told():
    with pytest.raises(ValueError, match="increasing positions"):
        excited_stretches([0.0, 0.0], [1.0, 2.0], 0.0)
