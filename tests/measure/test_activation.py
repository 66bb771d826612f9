import numpy as np
import pytest

from cardiosim.measure.activation import activation_times


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
