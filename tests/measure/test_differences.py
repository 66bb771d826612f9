"""Differences of numbers, maps and traces: absolute always, relative where it tells."""

import math

import numpy as np
import pytest

from cardiosim.measure.differences import (
    has_scale,
    map_difference,
    number_difference,
    same_places,
    trace_difference,
)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("conduction_velocity", "m/s"),
        ("apd90", "ms"),
        ("apd90_node12", "ms"),
        ("erp", "ms"),
        ("total_activation_time", "ms"),
        ("cycle_length_NW", "ms"),
        ("amplitude", "mV"),
        ("dvdt_max", "V/s"),
        ("wavelength", "mm"),
        ("wall_react", "s"),
    ],
)
def test_quantities_with_a_natural_zero_have_a_relative_difference(name, unit):
    assert has_scale(name, unit)
    assert number_difference(name, unit, 2.0, 3.0).relative == 0.5


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("conduction_fit_residual", "ms"),  # an error
        ("cycle_length_NW_deviation", "ms"),
        ("apd90_alternans", "ms"),
        ("surrogate_steps_outside", "1"),  # a count
        ("activated_share", "1"),
        ("lat_apex", "ms"),  # an instant
        ("first_activation", "ms"),
        ("activation_time_node7", "ms"),
        ("dvdt_max_time", "ms"),
        ("active_until", "ms"),
        ("resting_potential", "mV"),  # its zero is where the electrode is
    ],
)
def test_errors_counts_instants_and_potentials_have_none(name, unit):
    found = number_difference(name, unit, 2.0, 3.0)
    assert found.absolute == 1.0
    assert math.isnan(found.relative)


@pytest.mark.parametrize("pair", [(0.0, 0.3), (0.3, 0.0), (-0.3, 0.3), (0.001, 0.3)])
def test_what_is_nothing_beside_the_other_is_no_scale(pair):
    found = number_difference("conduction_velocity", "m/s", *pair)
    assert found.absolute == pair[1] - pair[0]
    assert math.isnan(found.relative)


def test_a_value_that_is_missing_leaves_no_difference():
    found = number_difference("apd90", "ms", 230.0, math.nan)
    assert math.isnan(found.absolute) and math.isnan(found.relative)


def test_a_share_is_of_the_size_of_the_first():
    found = number_difference("current_peak", "A/F", -4.0, -5.0)
    assert (found.absolute, found.relative) == (-1.0, -0.25)


def test_maps_are_compared_where_both_have_values():
    found = map_difference(
        [1.0, 2.0, np.nan, 4.0, np.nan], [1.0, 5.0, 3.0, 0.0, np.nan]
    )
    assert (found.common, found.only_first, found.only_second) == (3, 0, 1)
    assert found.mean == pytest.approx(-1.0 / 3.0)
    assert found.root_mean_square == pytest.approx(5.0 / math.sqrt(3.0))
    assert (found.largest, found.node) == (-4.0, 3)


def test_maps_without_a_common_node_have_no_difference():
    found = map_difference([np.nan, 1.0], [1.0, np.nan])
    assert (found.common, found.node) == (0, -1)
    assert math.isnan(found.root_mean_square)


def test_maps_of_different_meshes_are_refused():
    with pytest.raises(ValueError, match=r"expected \(n_nodes,\) twice"):
        map_difference(np.zeros(3), np.zeros(4))


@pytest.mark.parametrize("order", [1, -1])
def test_traces_are_compared_at_the_samples_of_the_coarser(order):
    fine, coarse = np.linspace(0.0, 10.0, 1001), np.linspace(-1.0, 8.0, 10)
    traces = [(fine, 2.0 * fine), (coarse, 2.0 * coarse + 1.0)][::order]
    times, difference = trace_difference(*zip(*traces, strict=True))
    assert times.tolist() == np.arange(0.0, 8.5).tolist()
    # Both are lines: interpolation is exact but for rounding.
    np.testing.assert_allclose(difference, order, rtol=0, atol=1e-12)


def test_traces_of_different_times_have_nothing_in_common():
    times, difference = trace_difference(([0.0, 1.0], [2.0, 3.0]), ([1, 1], [1, 1]))
    assert times.size == difference.size == 0


def test_places_are_the_same_to_rounding():
    points = np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0]])
    assert same_places(points, points + 1e-12)
    assert not same_places(points, points + 1e-3)
    assert not same_places(points, points[:1])
    assert not same_places(points[:0], points[:0])
