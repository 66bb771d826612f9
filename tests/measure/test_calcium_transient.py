import math

import numpy as np
import pytest

from cardiosim.measure.calcium_transient import (
    calcium_biomarkers,
    train_calcium_biomarkers,
)

DT = 0.5
T = np.arange(0.0, 1000.0, DT)
DIASTOLIC, AMPLITUDE, TAU, RISE = 1.5e-4, 6.0e-4, 120.0, 40.0


def transient(t, start, amplitude=AMPLITUDE):
    """Linear rise in 40 ms, then an exponential decay; mM."""
    since = t - start
    rising = np.clip(since / RISE, 0.0, 1.0)
    decaying = np.exp(-np.maximum(since - RISE, 0.0) / TAU)
    return DIASTOLIC + amplitude * rising * decaying


def test_exponential_decay_has_the_durations_of_its_time_constant():
    found = calcium_biomarkers(T, transient(T, 10.0)[:, None], 10.0, (50, 90))
    assert found["diastolic_calcium"][0] == pytest.approx(DIASTOLIC)
    assert found["peak_calcium"][0] == pytest.approx(DIASTOLIC + AMPLITUDE)
    assert found["calcium_amplitude"][0] == pytest.approx(AMPLITUDE)
    assert found["calcium_time_to_peak"][0] == pytest.approx(RISE)
    # A chord lies above an exponential by (DT/TAU)^2/8 of its value, so that it
    # crosses late by DT^2/(8 TAU).
    late = DT**2 / (8.0 * TAU)
    for percent, left in ((50, 0.5), (90, 0.1)):
        expected = TAU * math.log(1.0 / left)
        decay = found[f"calcium_decay{percent}"][0]
        assert expected - 1e-9 <= decay <= expected + late * 1.01


def test_every_beat_of_every_node_from_its_own_diastolic_value():
    first, second = transient(T, 0.0), transient(T, 500.0, AMPLITUDE / 2.0)
    V = np.where(T < 500.0, first, second + (first - DIASTOLIC))
    train = train_calcium_biomarkers(T, np.array([V, 2.0 * V]).T, [0.0, 500.0])
    left = AMPLITUDE * math.exp(-(500.0 - RISE) / TAU)
    np.testing.assert_allclose(
        train["diastolic_calcium"][:, 0], [DIASTOLIC, DIASTOLIC + left], rtol=1e-12
    )
    np.testing.assert_allclose(
        train["calcium_amplitude"][:, 1], 2.0 * train["calcium_amplitude"][:, 0]
    )
    np.testing.assert_allclose(train["calcium_time_to_peak"], RISE)
    # What is left of the first beat shortens the time that the second seems to take.
    assert train["calcium_decay50"][1, 0] < train["calcium_decay50"][0, 0]


def test_without_a_rise_there_is_no_transient():
    falling = DIASTOLIC * np.exp(-T / 300.0)
    broken = np.where(T > 100.0, np.inf, transient(T, 0.0))
    found = calcium_biomarkers(T, np.array([falling, broken]).T, 0.0)
    assert found["calcium_amplitude"][0] == 0.0
    assert np.isnan(found["calcium_time_to_peak"][0])
    assert np.isnan(found["calcium_decay50"][0])
    assert all(np.isnan(values[1]) for values in found.values())


def test_decay_that_the_next_beat_cuts_short_is_nan():
    V = np.maximum(transient(T, 0.0), transient(T, 200.0))
    (first, _) = train_calcium_biomarkers(T, V[:, None], [0.0, 200.0])[
        "calcium_decay90"
    ]
    assert np.isnan(first[0])


def test_input_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="calcium has shape"):
        calcium_biomarkers(T, transient(T, 0.0), 0.0)
    with pytest.raises(ValueError, match="90 % of the amplitude"):
        calcium_biomarkers(T, transient(T, 0.0)[:, None], 0.0, (0.9, 100.0))
    with pytest.raises(ValueError, match="must increase"):
        calcium_biomarkers(T[::-1], transient(T, 0.0)[:, None], 0.0)
