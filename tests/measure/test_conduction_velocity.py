import numpy as np
import pytest

from cardiosim.measure.conduction_velocity import (
    NoConduction,
    conduction_fit,
    conduction_velocity,
)

X = np.arange(201) * 0.1  # 20 mm, with 5.000000000000001 among them


def test_plane_wave_has_its_velocity():
    lat = 1.0 + X / 0.7334
    assert conduction_velocity(X, lat) == pytest.approx(0.7334, rel=1e-12)
    fit = conduction_fit(X, lat)
    assert fit.velocity == pytest.approx(0.7334, rel=1e-12)
    assert fit.intercept == pytest.approx(1.0, rel=1e-10)
    assert fit.residual < 1e-12


def test_ends_of_the_cable_do_not_count():
    lat = X / 0.7
    lat[X < 4.95] = 0.0
    lat[X > 15.05] = np.nan
    assert conduction_velocity(X, lat) == pytest.approx(0.7, rel=1e-12)
    assert conduction_fit(X, lat).velocity == pytest.approx(0.7, rel=1e-12)


def test_velocity_is_that_between_two_positions():
    lat = 0.1 * X**2  # slows down
    assert conduction_velocity(X, lat) == pytest.approx(10.0 / (22.5 - 2.5))
    assert conduction_velocity(X, lat, 0.1, 0.2) == pytest.approx(2.0 / (1.6 - 0.4))


def test_fit_and_residual_of_a_parabola_are_the_analytic_ones():
    """Least squares of x^2 on [-a, a]: slope 0, residual a^2 sqrt(4/45)."""
    x = np.linspace(0.0, 20.0, 20001)
    lat = 2.0 * x + 0.01 * (x - 10.0) ** 2
    fit = conduction_fit(x, lat)
    assert fit.velocity == pytest.approx(0.5, rel=1e-6)
    assert fit.residual == pytest.approx(0.01 * 25.0 * np.sqrt(4 / 45), rel=1e-3)


def test_positions_between_nodes_are_interpolated():
    x = np.array([0.0, 3.0, 6.0, 9.0, 12.0, 17.0])
    lat = np.array([0.0, 1.0, 3.0, 6.0, 10.0, 20.0])
    # 25 % is 4.25 mm, 75 % is 12.75 mm
    t0, t1 = 1.0 + 2.0 * 1.25 / 3.0, 10.0 + 10.0 * 0.75 / 5.0
    assert conduction_velocity(x, lat) == pytest.approx(8.5 / (t1 - t0), rel=1e-12)


def test_wave_from_the_other_end_is_negative():
    assert conduction_velocity(X, (20.0 - X) / 0.6) == pytest.approx(-0.6)


def test_order_and_origin_of_the_nodes_do_not_matter():
    lat = 3.0 + X / 0.5
    shuffled = np.random.default_rng(1).permutation(X.size)
    cv = conduction_velocity(X[shuffled] - 7.0, lat[shuffled])
    assert cv == pytest.approx(0.5, rel=1e-12)


def test_velocity_converges_with_sampled_activation_at_second_order():
    """LAT of a smoothly accelerating wave, interpolated between coarse nodes."""
    errors = []
    for n in (12, 24, 48):
        x = np.linspace(0.0, 20.0, n)  # 5 and 15 mm are no nodes
        errors.append(abs(conduction_velocity(x, np.exp(x / 10.0)) - EXACT))
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert np.all(orders > 1.5), (errors, orders)


EXACT = 10.0 / (np.exp(1.5) - np.exp(0.5))


def test_node_that_did_not_activate_is_named():
    lat = X / 0.7
    lat[120:] = np.nan
    with pytest.raises(NoConduction, match=r"31 of the 101 nodes.*node 120 at x = 12 "):
        conduction_velocity(X, lat)


def test_collision_is_no_velocity():
    lat = np.minimum(X, 20.0 - X) / 0.7
    with pytest.raises(NoConduction, match=r"turns at x = 10 mm .*two waves meet"):
        conduction_velocity(X, lat)
    assert conduction_velocity(X, lat, 0.1, 0.4) == pytest.approx(0.7)


@pytest.mark.parametrize("place", [6.0, 10.0, 13.0])
def test_place_where_the_wave_turns_is_named(place):
    for lat in (np.abs(X - place) / 0.7, 40.0 - np.abs(X - place) / 0.7):
        with pytest.raises(NoConduction, match=f"turns at x = {place:g} mm"):
            conduction_velocity(X, lat)


def test_stimulated_region_turns_in_its_middle():
    lat = 2.0 + np.maximum(np.abs(X - 10.0) - 1.0, 0.0) / 0.7
    with pytest.raises(NoConduction, match=r"turns at x = 10 mm .*where it starts"):
        conduction_velocity(X, lat)


def test_jump_back_on_the_way_is_named():
    lat = X / 0.7
    lat[X > 8.05] -= 2.0
    with pytest.raises(NoConduction, match=r"at x = 8 mm and .* at x = 8\.1 mm"):
        conduction_velocity(X, lat)


def test_simultaneous_activation_is_no_velocity():
    with pytest.raises(NoConduction, match="one way"):
        conduction_fit(X, np.ones_like(X))


@pytest.mark.parametrize(
    ("x", "lat", "part", "says"),
    [
        (X, X[:-1], (0.25, 0.75), "shape"),
        (X[:1], X[:1], (0.25, 0.75), "at least two nodes"),
        (X, X, (0.75, 0.25), "start < stop"),
        (X, X, (0.2, 75), "fractions"),
        ([0, 1, 1, 2], [0, 1, 2, 3], (0.25, 0.75), "x = 1 mm"),
    ],
)
def test_input_that_makes_no_sense_is_refused(x, lat, part, says):
    with pytest.raises(ValueError, match=says):
        conduction_velocity(x, lat, *part)


def test_fit_needs_two_nodes():
    with pytest.raises(ValueError, match="only 1 node"):
        conduction_fit([0.0, 1.0, 2.0], [0.0, 1.0, 2.0])
