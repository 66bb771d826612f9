import numpy as np
import pytest

from cardiosim.measure.phase import hilbert_phase, phase, phase_angle
from cardiosim.measure.phase_singularities import wrapped

CYCLE = 120.0  # ms


def rotating_wave(x, y, times, amplitude=40.0, mean=-30.0, turns=1):
    """V whose phase at (x, y) is the polar angle, rotating once a cycle."""
    lag = turns * np.arctan2(y, x)
    theta = 2.0 * np.pi * times[:, None] / CYCLE - lag[None, :]
    return mean - amplitude * np.cos(theta)


def ring(n, radius=1.0):
    angles = 2.0 * np.pi * np.arange(n) / n
    return radius * np.cos(angles), radius * np.sin(angles)


def turned(phases):
    """Sum of the steps round a closed ring, each the shorter way, in whole turns."""
    steps = np.diff(np.append(phases, phases[:1]))
    return np.sum((steps + np.pi) % (2.0 * np.pi) - np.pi) / (2.0 * np.pi)


def test_with_a_quarter_of_the_cycle_the_phase_of_a_sine_is_its_argument():
    """Then the two potentials are sine and cosine, and the loop is a circle."""
    times = np.arange(0.0, 300.5, 0.5)
    x, y = ring(16)
    found = phase(rotating_wave(x, y, times), times, CYCLE / 4.0, origin=-30.0)
    theta = 2.0 * np.pi * found.times[:, None] / CYCLE - np.arctan2(y, x) - np.pi / 2.0
    away = (found.values - theta + np.pi) % (2.0 * np.pi) - np.pi
    assert found.times[-1] == 300.0 - CYCLE / 4.0
    np.testing.assert_allclose(away, 0.0, atol=1e-9)


@pytest.mark.parametrize("delay", [3.0, 10.2, CYCLE / 5.0, CYCLE / 3.0])
def test_phase_rises_by_one_turn_a_cycle_whatever_the_delay(delay):
    times = np.arange(0.0, 4.0 * CYCLE + delay + 1.0, 1.0)
    x, y = ring(12)
    found = phase(rotating_wave(x, y, times), times, delay, origin=-30.0)
    run = np.unwrap(found.values, axis=0)
    assert (np.diff(run, axis=0) > 0.0).all()
    n = round(CYCLE)  # samples a cycle
    np.testing.assert_allclose(run[n] - run[0], 2.0 * np.pi, atol=1e-9)


@pytest.mark.parametrize("turns", [1, -1, 0, 2])
def test_all_phases_lie_around_the_tip_and_one_beside_it(turns):
    times = np.arange(0.0, 100.0, 1.0)
    x, y = ring(40)
    around = phase(rotating_wave(x, y, times, turns=turns), times, 24.0, origin=-30.0)
    # The wave runs towards larger angles, so that the phase falls along them.
    for k in (0, 30, 70):
        assert turned(around.values[k]) == pytest.approx(-turns)
    beside = phase(
        rotating_wave(x + 3.0, y, times, turns=turns), times, 24.0, origin=-30.0
    )
    assert turned(beside.values[40]) == pytest.approx(0.0, abs=1e-12)


def test_names_of_the_quarters():
    rest, ahead, excited, tail = phase_angle(
        [-80.0, -80.0, 0.0, -30.0], [-80.0, 0.0, 0.0, -60.0], -40.0
    )
    assert rest == pytest.approx(-0.75 * np.pi)
    assert ahead == pytest.approx(-0.25 * np.pi)
    assert excited == pytest.approx(0.25 * np.pi)
    assert np.pi / 2.0 < tail < np.pi


def test_there_is_no_phase_at_the_origin():
    found = phase_angle([[-40.0, -40.0]], [[-40.0, -41.0]], -40.0)
    assert np.isnan(found[0, 0])
    assert np.isfinite(found[0, 1])


def test_origin_is_the_mean_unless_told():
    times = np.arange(0.0, 240.0)  # two whole cycles
    V = rotating_wave(*ring(8), times, mean=-47.0)
    assert phase(V, times, 24.0).origin == pytest.approx(-47.0)


def test_potentials_between_samples_are_linear():
    times, V = np.array([0.0, 1.0, 2.0]), np.array([[0.0], [1.0], [4.0]])
    found = phase(V, times, 0.5, origin=-1.0)
    np.testing.assert_array_equal(found.times, [0.0, 1.0])
    np.testing.assert_allclose(
        found.values[:, 0], np.arctan2([1.0, 2.0], [1.5, 3.5]), rtol=1e-14
    )


@pytest.mark.parametrize(
    ("V", "times", "delay", "said"),
    [
        (np.zeros((3, 2)), [0.0, 1.0], 0.5, "transpose V"),
        (np.zeros((3, 2)), [0.0, 2.0, 1.0], 0.5, "sort the samples"),
        (np.zeros((3, 2)), [0.0, 1.0, 2.0], 3.0, "record longer"),
        (np.zeros((3, 2)), [0.0, 1.0, 2.0], 0.0, "record longer"),
    ],
)
def test_mistakes_are_told(V, times, delay, said):
    with pytest.raises(ValueError, match=said):
        phase(V, times, delay)


def test_hilbert_phase_of_whole_cycles_of_a_sine_is_its_argument():
    """Then there are no edges: the transform of a cosine is the sine."""
    times = np.arange(0.0, 4.0 * CYCLE, 1.0)
    x, y = ring(16)
    found = hilbert_phase(rotating_wave(x, y, times), times, 0.0)
    theta = 2.0 * np.pi * found.times[:, None] / CYCLE - np.arctan2(y, x) - np.pi
    np.testing.assert_allclose(wrapped(found.values - theta), 0.0, atol=1e-9)
    assert np.isnan(found.delay)
    assert np.isnan(found.origin)


def test_hilbert_phase_is_wrong_near_the_ends_and_right_a_cycle_away():
    """A sine that is cut in the middle of a cycle: by up to pi, then by 0.06 rad."""
    times = np.arange(0.0, 5.37 * CYCLE, 1.0)
    V = rotating_wave(*ring(8), times)
    theta = 2.0 * np.pi * times[:, None] / CYCLE - np.arctan2(*ring(8)[::-1]) - np.pi
    whole = hilbert_phase(V, times, 0.0, origin=-30.0)
    off = np.abs(wrapped(whole.values - theta)).max(axis=1)
    inner = hilbert_phase(V, times, CYCLE, origin=-30.0)
    kept = (times >= CYCLE) & (times <= times[-1] - CYCLE)
    np.testing.assert_array_equal(inner.times, times[kept])
    np.testing.assert_array_equal(inner.values, whole.values[kept])
    assert off.max() > 1.0
    assert off[kept].max() < 0.1


@pytest.mark.parametrize("turns", [1, -1, 2])
def test_both_phases_wind_alike(turns):
    times = np.arange(0.0, 600.0, 1.0)
    V = rotating_wave(*ring(40), times, turns=turns)
    by_delay = phase(V, times, 24.0, origin=-30.0)
    by_signal = hilbert_phase(V, times, CYCLE)
    for t in (150.0, 290.0, 440.0):
        a = by_delay.values[np.searchsorted(by_delay.times, t)]
        b = by_signal.values[np.searchsorted(by_signal.times, t)]
        assert turned(a) == pytest.approx(-turns)
        assert turned(b) == pytest.approx(-turns)


@pytest.mark.parametrize(
    ("times", "trim", "said"),
    [
        ([0.0, 1.0, 3.0], 0.0, "equal distances: take the time-delay phase"),
        ([0.0, 1.0, 2.0], 5.0, "record longer, or trim less"),
        ([0.0, 1.0, 2.0], -1.0, "record longer, or trim less"),
    ],
)
def test_mistakes_with_the_signal_are_told(times, trim, said):
    with pytest.raises(ValueError, match=said):
        hilbert_phase(np.zeros((3, 2)), times, trim)
