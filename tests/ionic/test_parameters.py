"""Parameters: overridden by value or scale, for all nodes or for each."""

import numpy as np
import pytest

from cardiosim.ionic.compiled import Scale, compile_cell


@pytest.mark.parametrize("n_nodes", [6, 700])
def test_per_node_parameter_equals_separate_cells(ramp, small_cell_file, n_nodes):
    shift = np.linspace(-50.0, -30.0, n_nodes)
    cell = compile_cell(small_cell_file, parameters={"ina.shift": shift, "ik.g": 0.15})
    states, i_stim = ramp(cell, n_nodes)
    before = states.copy()
    cell.react(states, i_stim, dt=0.05, n_steps=10)
    for node in (0, 3, n_nodes - 1):
        uniform = {"ina.shift": shift[node], "ik.g": 0.15}
        one = compile_cell(small_cell_file, parameters=uniform)
        state = before[:, node : node + 1].copy()
        one.react(state, i_stim[node : node + 1], dt=0.05, n_steps=10)
        np.testing.assert_array_equal(state[:, 0], states[:, node])


def test_override_means_another_number_in_the_text(ramp, small_cell_file, tmp_path):
    overridden = compile_cell(
        small_cell_file, parameters={"ina.g": 7.5, "ina.shift": -37}
    )
    edited = tmp_path / "edited.mmt"
    edited.write_text(
        (tmp_path / "small.mmt")
        .read_text()
        .replace("g = 15 ", "g = 7.5 ")
        .replace("shift = -40 ", "shift = -37 ")
    )
    states = []
    for cell in (overridden, compile_cell(edited)):
        state, i_stim = ramp(cell, 33)
        cell.react(state, i_stim, dt=0.05, n_steps=10)
        states.append(state)
    np.testing.assert_allclose(*states, rtol=1e-12, atol=1e-15)

    published = compile_cell(small_cell_file)
    state, i_stim = ramp(published, 33)
    published.react(state, i_stim, dt=0.05, n_steps=10)
    assert np.abs(state - states[0]).max() > 1.0  # mV: the override is of effect


@pytest.mark.parametrize(
    ("scale", "value"),
    [(0.5, 7.5), (np.array([1.0, 0.5, 2.0]), np.array([15.0, 7.5, 30.0]))],
)
def test_scale_multiplies_the_published_value(ramp, small_cell_file, scale, value):
    scaled = compile_cell(small_cell_file, parameters={"ina.g": Scale(scale)})
    given = compile_cell(small_cell_file, parameters={"ina.g": value})
    states, i_stim = ramp(scaled, 3)
    np.testing.assert_array_equal(
        scaled.observe(states, ["ina.g"])[0], np.broadcast_to(value, 3)
    )
    assert scaled.fingerprint == given.fingerprint


def test_subset_of_nodes_carries_its_parameters_along(ramp, small_cell_file):
    g = np.linspace(5.0, 25.0, 40)
    cell = compile_cell(small_cell_file, parameters={"ina.g": g, "ik.g": 0.2})
    nodes = np.array([3, 17, 31])
    part = cell.at(nodes)
    states, i_stim = ramp(cell, 40)
    subset = np.ascontiguousarray(states[:, nodes])
    np.testing.assert_array_equal(
        part.observe(subset, ["ina.g", "ina.i_Na"]),
        cell.observe(states, ["ina.g", "ina.i_Na"])[:, nodes],
    )
    part.react(subset, i_stim[nodes], dt=0.05)
    cell.react(states, i_stim, dt=0.05)
    np.testing.assert_array_equal(subset, states[:, nodes])
    np.testing.assert_array_equal(
        part.at([2]).observe(subset[:, 2:], ["ina.g", "ik.g"])[:, 0], [g[31], 0.2]
    )


def test_wrong_number_of_nodes_is_refused(small_cell_file):
    cell = compile_cell(small_cell_file, parameters={"ina.g": np.full(4, 15.0)})
    with pytest.raises(ValueError, match="parameters for 4 nodes but is asked"):
        cell.react(cell.initial_states(5), np.zeros(5), dt=0.02)
    with pytest.raises(ValueError, match="4, 5 values"):
        compile_cell(
            small_cell_file, parameters={"ina.g": np.ones(4), "ik.g": np.ones(5)}
        )


def test_arrays_of_another_shape_are_refused():
    """The kernels check no bounds, so this would read or write foreign memory."""
    cell = compile_cell("skibsbye2016")
    states = cell.initial_states(4)
    for wrong, i_stim in (
        (states[:5].copy(), np.zeros(4)),
        (states, np.zeros(3)),
        (states[:, 0].copy(), np.zeros(42)),
    ):
        with pytest.raises(ValueError, match=r"expects \(42, n_nodes\) and"):
            cell.react(wrong, i_stim, dt=0.02)
    with pytest.raises(ValueError, match=r"expects \(42, n_nodes\) and"):
        cell.observe(states[:5].copy(), ["ina.i_Na"])


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_values_are_those_at_the_time_they_were_given(small_cell_file, backend):
    if backend == "torch":
        pytest.importorskip("torch")
    g = np.array([5.0, 10.0, 15.0])
    cell = compile_cell(small_cell_file, parameters={"ina.g": g}, backend=backend)
    before = cell.fingerprint
    g[:] = 0.0
    values = cell.observe(cell.initial_states(3), ["ina.g"])[0]
    np.testing.assert_array_equal(values, [5.0, 10.0, 15.0])
    assert cell.fingerprint == before
