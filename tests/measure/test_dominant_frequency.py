"""Frequencies that are put in come out, as finely as is said and no finer."""

import numpy as np
import pytest

from cardiosim.measure.dominant_frequency import (
    activation_frequency,
    dominant_frequency,
)

TIMES = np.arange(0.0, 2000.0, 5.0)  # ms: a resolution of 0.5 Hz


def sines(hertz, times=TIMES, phase=0.3):
    return np.sin(2e-3 * np.pi * times[:, None] * np.asarray(hertz) + phase)


def test_a_sine_is_found_far_within_the_resolution():
    hertz = np.array([3.0, 4.37, 6.93, 7.0, 11.61, 15.2])
    found = dominant_frequency(-60.0 + 30.0 * sines(hertz), TIMES)
    assert found.resolution == pytest.approx(0.5)
    # What a Hann window leaks of the negative frequencies falls off as their cube.
    np.testing.assert_allclose(found.values, hertz, atol=0.02)
    assert (found.organisation > 0.9).all()


@pytest.mark.parametrize(("apart", "peaks"), [(0.25, 1), (1.5, 2)])
def test_two_that_are_nearer_than_the_resolution_are_one(apart, peaks):
    V = sines([6.0]) + sines([6.0 + apart])
    power = dominant_frequency(V, TIMES).spectrum
    inner = (power[1:-1] > power[:-2]) & (power[1:-1] > power[2:])
    assert (inner & (power[1:-1] > 0.2 * power.max())).sum() == peaks


def test_action_potentials_have_the_frequency_of_their_beats():
    cycles = np.array([110.0, 143.0, 201.0])
    since = (TIMES[:, None] + [0.0, 31.0, 77.0]) % cycles
    V = -80.0 + 100.0 * np.exp(-((since / 60.0) ** 3))
    found = dominant_frequency(V, TIMES)
    np.testing.assert_allclose(found.values, 1e3 / cycles, atol=0.05)


def test_noise_is_less_organised_than_a_beat():
    rng = np.random.default_rng(0)
    V = np.column_stack([sines([7.0]), rng.normal(size=len(TIMES))])
    beat, noise = dominant_frequency(V, TIMES).organisation
    # Of the peak of a Hann window, a fourteenth lies beyond one resolution.
    assert beat > 0.9
    # Two resolutions round each of two or three multiples, of a band of 19 Hz.
    assert noise < 0.5


def test_what_does_not_move_has_no_frequency():
    V = np.column_stack([np.full(len(TIMES), -80.0), sines([5.0])])
    found = dominant_frequency(V, TIMES)
    assert np.isnan(found.values[0])
    assert np.isnan(found.organisation[0])
    assert found.values[1] == pytest.approx(5.0, abs=0.02)


def test_what_is_slower_than_the_band_has_no_frequency_in_it():
    # The lower end of the band is two resolutions, 1 Hz; its upper end 20 Hz.
    found = dominant_frequency(sines([0.4, 20.4, 5.0]), TIMES)
    assert np.isnan(found.values[:2]).all() and np.isnan(found.organisation[:2]).all()
    assert found.values[2] == pytest.approx(5.0, abs=0.02)


def test_the_band_chooses_among_peaks():
    V = sines([4.0]) + 0.6 * sines([9.0])
    assert dominant_frequency(V, TIMES).values[0] == pytest.approx(4.0, abs=0.03)
    above = dominant_frequency(V, TIMES, band=(6.0, 15.0))
    assert above.values[0] == pytest.approx(9.0, abs=0.03)


def test_activations_count_by_their_mean_distance():
    lat = np.array(
        [[10.0, 5.0, np.nan], [150.0, 205.0, np.nan], [290.0, np.nan, np.nan]]
    )
    found = activation_frequency(lat, 0.0, 1000.0)
    np.testing.assert_allclose(found, [1e3 / 140.0, 5.0, np.nan])


@pytest.mark.parametrize(
    ("V", "times", "band", "said"),
    [
        (np.zeros((3, 2)), [0.0, 1.0], (1, 20), "three times or more"),
        (np.zeros((3, 2)), [0.0, 1.0, 3.0], (1, 20), "equal distances"),
        (np.zeros((20, 1)), 5.0 * np.arange(20), (1, 20), "record longer"),
    ],
)
def test_mistakes_are_told(V, times, band, said):
    with pytest.raises(ValueError, match=said):
        dominant_frequency(V, times, band)
