"""Electrograms of fronts whose potential is known in closed form."""

import math

import numpy as np
import pytest

from cardiosim.measure.electrogram import (
    bipolar_beats,
    filtered,
    plane_wave,
    unipolar_beats,
)

VELOCITY, HEIGHT, PEAK = 0.7, 1.0, 2.5  # m/s, mm, mV


def passing(times, x, lat0=20.0, beats=(0.0,)):
    """Potential at x of a straight, sharp front: R, then S, +-PEAK at +-HEIGHT."""
    found = np.zeros((times.size, np.size(x)))
    for start in beats:
        ahead = np.asarray(x) - VELOCITY * (times[:, None] - lat0 - start)
        found += 2.0 * PEAK * HEIGHT * ahead / (ahead**2 + HEIGHT**2)
    return found


X = np.array([0.0, 3.0, 6.0, 9.0])


@pytest.mark.parametrize("interval", [0.1, 0.5, 1.0])
def test_steepest_fall_is_when_the_front_is_below(interval):
    times = np.arange(0.0, 70.0 + interval / 2, interval)
    beats = unipolar_beats(times, passing(times, X))
    assert beats.activation.shape == (1, 4)
    # The fall lasts 2 HEIGHT / VELOCITY = 3 ms: some samples, whose parabola it is.
    tolerance = 0.1 * interval
    assert beats.activation[0] == pytest.approx(20.0 + X / VELOCITY, abs=tolerance)
    # The mean over an interval is lower by (VELOCITY interval / HEIGHT)^2 / 4, half
    # of the tolerance, and the parabola is rounder than the peak.
    steepest = -2.0 * PEAK * VELOCITY / HEIGHT
    assert beats.slope[0] == pytest.approx(steepest, rel=0.25 * interval**2 + 1e-3)


def test_amplitude_is_that_of_the_dipole_layer():
    times = np.arange(0.0, 70.0, 0.05)
    beats = unipolar_beats(times, passing(times, X))
    assert beats.R[0] == pytest.approx(PEAK, rel=1e-3)
    assert beats.S[0] == pytest.approx(-PEAK, rel=1e-3)
    assert beats.amplitude[0] == pytest.approx(2.0 * PEAK, rel=1e-3)


def test_every_beat_is_found_and_missing_ones_are_nan():
    times = np.arange(0.0, 1000.0, 0.5)
    three = passing(times, [0.0], beats=(0.0, 300.0, 600.0))
    one = passing(times, [0.0], beats=(300.0,))
    beats = unipolar_beats(times, np.hstack([three, one]))
    assert beats.activation[:, 0] == pytest.approx([20.0, 320.0, 620.0], abs=0.02)
    assert beats.activation[0, 1] == pytest.approx(320.0, abs=0.02)
    assert np.isnan(beats.activation[1:, 1]).all()
    later = unipolar_beats(times, three, start=200.0)
    assert later.activation[:, 0] == pytest.approx([320.0, 620.0], abs=0.02)


def test_recovery_is_the_steepest_rise_of_a_t_wave_of_either_sign():
    times = np.arange(0.0, 500.0, 0.5)
    for sign in (1.0, -1.0):
        # The steepest rise of a Gaussian is one width before or after its peak.
        wave = sign * 0.3 * np.exp(-((times - 250.0) ** 2) / (2.0 * 15.0**2))
        beats = unipolar_beats(times, passing(times, [0.0]) + wave[:, None])
        assert beats.recovery[0, 0] == pytest.approx(250.0 - sign * 15.0, abs=0.3)
        assert beats.ari[0, 0] == pytest.approx(230.0 - sign * 15.0, abs=0.3)


def test_no_t_wave_is_no_recovery():
    times = np.arange(0.0, 60.0, 0.5)
    assert np.isnan(unipolar_beats(times, passing(times, [0.0])).recovery).all()


def test_silent_electrode_has_no_beat():
    times = np.arange(0.0, 60.0, 0.5)
    beats = unipolar_beats(times, np.zeros((times.size, 2)))
    assert beats.activation.shape == (0, 2)


def test_plane_wave_has_its_velocity_and_direction():
    rng = np.random.default_rng(2)
    positions = rng.uniform(0.0, 9.0, (16, 3))
    positions[:, 2] = 1.0
    n = np.array([math.cos(0.4), math.sin(0.4), 0.0])
    found = plane_wave(positions, 5.0 + positions @ n / 0.65)
    assert found.velocity == pytest.approx(0.65, rel=1e-12)
    assert found.direction == pytest.approx(n, abs=1e-12)
    assert found.residual < 1e-12


def test_electrodes_on_a_line_have_no_plane_wave():
    positions = np.stack([X, 0 * X, 0 * X], axis=1)
    with pytest.raises(ValueError, match="not on one line; 4 came"):
        plane_wave(positions, X / 0.7)


def test_wave_from_the_middle_is_no_plane_wave():
    x, y = np.meshgrid(X, X)
    positions = np.stack([x.ravel(), y.ravel(), np.ones(16)], axis=1)
    away = np.linalg.norm(positions - positions.mean(axis=0), axis=1)
    with pytest.raises(ValueError, match="no plane wave: the best leaves"):
        plane_wave(positions, away / 0.7)
    with pytest.raises(ValueError, match="no plane wave"):
        plane_wave(positions, np.zeros(16))


def test_bipolar_turns_three_times_and_changes_its_sign_with_the_pair():
    times = np.arange(0.0, 70.0, 0.5)
    unipolar = passing(times, X)
    lat = 20.0 + X / VELOCITY
    pair = unipolar[:, [0]] - unipolar[:, [1]]
    middle = np.array([[lat[:2].mean()]])
    beats = bipolar_beats(times, pair, middle)
    back = bipolar_beats(times, -pair, middle)
    assert beats.deflections[0, 0] == back.deflections[0, 0] == 3
    assert beats.amplitude[0, 0] == back.amplitude[0, 0] == np.ptp(pair)
    none = bipolar_beats(times, 1e-9 * pair, middle)
    assert none.deflections[0, 0] == 0


def test_filter_keeps_its_band_and_takes_the_drift():
    times = np.arange(0.0, 2000.0, 0.5)
    inside = np.sin(2.0 * math.pi * 0.1 * times)  # 100 Hz
    drift = 5.0 * np.sin(2.0 * math.pi * 1e-3 * times)  # 1 Hz
    found = filtered(times, (inside + drift)[:, None])[:, 0]
    middle = slice(1000, 3000)
    assert found[middle] == pytest.approx(inside[middle], abs=0.03)


def test_faults_are_named():
    times = np.arange(0.0, 10.0, 2.0)
    with pytest.raises(ValueError, match="up to 250 Hz"):
        filtered(times, np.zeros((5, 1)))
    with pytest.raises(ValueError, match="3 samples are between 4 and"):
        unipolar_beats(times, np.zeros((5, 1)), start=4.0)
    with pytest.raises(ValueError, match="transpose"):
        unipolar_beats(times, np.zeros((2, 5)))
