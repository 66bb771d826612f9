import numpy as np
import pytest

from cardiosim.measure.beat_to_beat import alternans, changes, diastolic_intervals


def paced_map(bcl, slope, beats=400):
    """APDs of APD = A (1 - exp(-DI/tau)), paced until nothing more changes.

    A and tau are such that at DI = 50 ms, where DI + APD = bcl, the curve has the
    slope asked for.
    """
    duration = bcl - 50.0
    # A e^(-50/tau) / tau = slope and A (1 - e^(-50/tau)) = duration
    taus = np.linspace(5.0, 500.0, 200_000)
    slopes = duration * np.exp(-50.0 / taus) / taus / (1.0 - np.exp(-50.0 / taus))
    tau = taus[np.abs(slopes - slope).argmin()]
    largest = duration / (1.0 - np.exp(-50.0 / tau))
    apd = [duration - 1.0]
    for _ in range(beats):
        interval = max(bcl - apd[-1], 1.0)
        apd.append(largest * (1.0 - np.exp(-interval / tau)))
    return np.array(apd)


@pytest.mark.parametrize(("slope", "alternates"), [(0.8, False), (1.3, True)])
def test_alternans_where_the_restitution_curve_is_steeper_than_one(slope, alternates):
    """The criterion of Nolasco and Dahl 1968, doi 10.1152/jappl.1968.25.2.191."""
    found = alternans(paced_map(300.0, slope))
    assert bool(found.is_present) == alternates
    assert (found.magnitude > 5.0) == alternates


def test_interval_and_duration_of_a_steady_train_add_up_to_its_cycle_length():
    upstrokes = 1.7 + 400.0 * np.arange(5)
    intervals = diastolic_intervals(upstrokes, np.full(5, 237.3))
    assert np.isnan(intervals[0])
    np.testing.assert_allclose(intervals[1:] + 237.3, 400.0, rtol=1e-12)


def test_beat_after_a_failed_one_has_no_interval_and_one_on_its_heels_a_negative():
    intervals = diastolic_intervals([0.0, 300.0, 600.0], [350.0, np.nan, 200.0])
    assert intervals[1] == -50.0
    assert np.isnan(intervals[2])


def test_magnitude_is_the_part_that_alternates():
    steps = np.arange(9)
    alternating = 200.0 + 6.0 * (-1.0) ** steps
    drifting = 200.0 - 7.0 * steps
    both = alternating - 3.0 * steps
    blocked = np.where(steps % 2, np.nan, 200.0)
    found = alternans(np.array([alternating, drifting, both, blocked]).T)
    np.testing.assert_allclose(found.magnitude, [12.0, 0.0, 12.0, np.nan], atol=1e-12)
    assert found.is_present.tolist() == [True, False, True, False]
    np.testing.assert_allclose(changes(alternating)[1:], 12.0 * (-1.0) ** steps[1:])


def test_small_or_interrupted_alternation_is_none():
    steps = np.arange(9)
    assert not alternans(200.0 + 2.0 * (-1.0) ** steps).is_present
    assert alternans(200.0 + 2.0 * (-1.0) ** steps, bound=3.0).is_present
    interrupted = 200.0 + 20.0 * np.array([1, -1, 1, -1, 1, -1, -2, 1, -1])
    assert not alternans(interrupted).is_present
    assert alternans(interrupted, last=2).is_present
    dying_out = 200.0 + 40.0 * (-0.3) ** steps
    assert not alternans(dying_out[:5]).is_present
    assert alternans(dying_out[:3]).is_present


def test_too_few_beats_say_nothing():
    found = alternans([200.0, 230.0])
    assert np.isnan(found.magnitude)
    assert not found.is_present
    with pytest.raises(ValueError, match="two or more"):
        alternans([200.0] * 5, last=1)
    with pytest.raises(ValueError, match="n_beats"):
        diastolic_intervals([0.0, 1.0], [1.0])
