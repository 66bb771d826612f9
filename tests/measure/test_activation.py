import numpy as np
import pytest

from cardiosim.measure.activation import activation_times, crossings, cycle_lengths


def test_crossing_is_linear_between_samples():
    times = np.array([0.0, 1.0, 3.0, 4.0])
    V = np.array([[-80, -80], [-40, -80], [0, -60], [10, -10]], dtype=float)
    lat = activation_times(V, times, threshold=-20.0)
    np.testing.assert_allclose(lat, [2.0, 3.8], rtol=1e-14)


def test_crossing_at_a_sample_is_that_sample():
    V = np.array([[-80.0], [-20.0], [0.0]])
    assert activation_times(V, [0.0, 1.0, 2.0])[0] == 1.0


def test_only_the_first_activation_counts():
    V = np.array([-80, 0, -80, 0], dtype=float)[:, None]
    assert activation_times(V, [0.0, 10.0, 20.0, 30.0])[0] == pytest.approx(7.5)


def test_silent_node_is_nan():
    V = np.array([[-80, -80, 0], [-80, 20, 0], [-80, 20, 0]], dtype=float)
    lat = activation_times(V, [0.0, 1.0, 2.0])
    assert np.isnan(lat[0])
    assert np.isfinite(lat[1])
    assert np.isnan(lat[2]), "it was above the threshold from the start"


def test_node_that_starts_depolarised_activates_at_its_next_rise():
    V = np.array([0, -80, -80, 40], dtype=float)[:, None]
    assert activation_times(V, [0.0, 1.0, 2.0, 3.0])[0] == pytest.approx(2.5)


def test_one_sample_activates_nothing():
    assert np.isnan(activation_times(np.array([[0.0, -80.0]]), [0.0])).all()


@pytest.mark.parametrize(
    ("V", "times", "says"),
    [
        (np.zeros(3), np.arange(3), "n_times, n_nodes"),
        (np.zeros((2, 3)), np.arange(3), "transpose"),
        (np.zeros((3, 2)), [0, 1, 1], "increase"),
    ],
)
def test_wrong_shapes_and_times_are_refused(V, times, says):
    with pytest.raises(ValueError, match=says):
        activation_times(V, times)


def test_every_crossing_counts_that_follows_repolarisation():
    V = np.array([-80, 0, -30, 0, -41, 0, -39, -25, 10, -80, -20])
    # -30 and -39 are not 20 mV below the threshold; -41 is
    assert crossings(V).tolist() == [0, 4, 9]
    assert crossings(V, repolarised=-25.0).tolist() == [0, 2, 4, 7, 9]
    assert crossings(V, threshold=-35.0).tolist() == [0, 9]


def test_trace_that_starts_excited_must_repolarise_first():
    assert crossings(np.array([0, -30, 0, -50, 0])).tolist() == [3]
    assert crossings(np.array([-30, 0])).tolist() == [0]
    assert crossings(np.array([-80])).size == 0


def test_cycle_lengths_are_those_between_activations_inside_the_window():
    nan = np.nan
    activation = np.array(
        [
            [10.0, 90.0, 90.0, nan],
            [100.0, 210.0, 600.0, nan],
            [250.0, 330.0, nan, nan],
            [390.0, 430.0, nan, nan],
            [900.0, nan, nan, nan],
        ]
    )
    found = cycle_lengths(activation, 100.0, 500.0)
    np.testing.assert_array_equal(found.activations, [3, 3, 0, 0])
    np.testing.assert_allclose(found.mean, [145.0, 110.0, nan, nan])
    np.testing.assert_allclose(
        found.deviation,
        [np.std([150, 140], ddof=1), np.std([120, 100], ddof=1), nan, nan],
    )


def test_one_interval_has_no_deviation_and_one_activation_no_interval():
    activation = np.array([[10.0, 20.0], [30.0, np.nan]])
    found = cycle_lengths(activation, 0.0, 50.0)
    np.testing.assert_array_equal(found.activations, [2, 1])
    np.testing.assert_array_equal(found.mean, [20.0, np.nan])
    assert np.isnan(found.deviation).all()


def test_without_activations_nothing_is_counted():
    found = cycle_lengths(np.empty((0, 3)), 0.0, 50.0)
    np.testing.assert_array_equal(found.activations, [0, 0, 0])
    assert np.isnan(found.mean).all()
