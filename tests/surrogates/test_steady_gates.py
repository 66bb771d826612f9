"""Gates of V alone: one arithmetic on every backend, and no upstroke of their own."""

import json

import numpy as np
import pytest

from cardiosim.ionic.compiled import compile_cell
from cardiosim.ionic.equations import dot
from cardiosim.ionic.network import Layer, Network
from cardiosim.ionic.surrogate_step import OUTSIDE
from cardiosim.surrogates.checkpoint import load_surrogate, save_surrogate
from cardiosim.surrogates.euler_step import EulerStep
from cardiosim.surrogates.steady_gates import SteadyGates

MODEL = "skibsbye2016"
GATES = ("ina.m", "ina.h1", "ina.h2")
V_RANGE = {"membrane.V": (-100.0, 100.0)}


def random_network(outputs="linear", width=8):
    random = np.random.default_rng(3)

    def array(*shape, scale=0.3):
        return (scale * random.normal(size=shape)).astype(np.float32)

    return Network(
        (
            Layer(array(width, 1, scale=0.01), array(width)),
            Layer(
                array(width, width, scale=0.1),
                array(width),
                "softplus5",
                True,
                np.full(width, 0.7, np.float32),
                array(width),
            ),
            Layer(array(3, width, scale=0.1), array(3), outputs),
        )
    )


def learned(outputs="linear", width=8):
    network = random_network(outputs, width)
    return SteadyGates("learned", MODEL, GATES, [network], V_RANGE)


def after_steps(cell, n_steps=40):
    states = cell.initial_states(12)
    states[0] += np.linspace(-5.0, 60.0, 12)
    for _ in range(n_steps):
        cell.react(states, np.full(12, 10.0), 0.02)
    return states


# Written out; a function of its own.
@pytest.mark.parametrize(("outputs", "width"), [("sigmoid", 8), ("linear", 64)])
def test_backends_agree(outputs, width):
    surrogate = learned(outputs, width)
    scalar, numba, torch = (
        after_steps(compile_cell(MODEL, backend=backend, surrogate=surrogate))
        for backend in ("scalar", "numba", "torch")
    )
    # Weights are the same float32 numbers in all; 40 steps of rounding in float64.
    np.testing.assert_allclose(numba, scalar, rtol=1e-9)
    np.testing.assert_allclose(torch, scalar, rtol=1e-9)


def test_gates_are_no_states_and_are_what_the_network_says():
    surrogate = learned("sigmoid")
    cell = compile_cell(MODEL, backend="scalar", surrogate=surrogate)
    assert not set(GATES) & set(cell.state_names)
    states = cell.initial_states(5)
    states[0] = V = np.linspace(-90.0, 40.0, 5)
    rows = surrogate.tensor_networks(torch_row(V))[0](torch_row(V)[None])
    # Rounding of products summed in another order.
    np.testing.assert_allclose(cell.observe(states, GATES), rows.numpy(), atol=1e-12)


def torch_row(V):
    import torch

    return torch.tensor(V, dtype=torch.float64)


def test_outside_the_range_gates_are_those_at_its_edge_and_it_is_counted():
    cell = compile_cell(MODEL, backend="scalar", surrogate=learned("sigmoid"))
    states = cell.initial_states(3)
    states[0] = [-120.0, -100.0, -70.0]
    out, edge, inside = cell.observe(states, GATES).T
    np.testing.assert_allclose(out, edge, rtol=1e-12)
    assert np.abs(edge - inside).max() > 1e-6
    cell.react(states, np.zeros(3), 0.01)
    assert states[cell.state_names.index(OUTSIDE)].tolist() == [1.0, 0.0, 0.0]


def test_without_a_network_gates_are_the_steady_states_of_the_cell():
    surrogate = SteadyGates("exact", MODEL, GATES)
    exact = compile_cell(MODEL, backend="scalar", surrogate=surrogate)
    equations = compile_cell(MODEL, backend="scalar")
    V = np.linspace(-100.0, 40.0, 29)
    own, full = exact.initial_states(29), equations.initial_states(29)
    own[0] = full[0] = V
    m, h1, h2 = exact.observe(own, GATES)
    m_inf, h_inf = equations.observe(full, ["ina.m_inf", "ina.h_inf"])
    np.testing.assert_allclose([m, h1, h2], [m_inf, h_inf, h_inf], rtol=1e-12)


@pytest.mark.parametrize("dt", [0.01, 0.1])
def test_the_upstroke_of_steady_gates_is_that_of_the_stimulus(dt):
    exact = compile_cell(
        MODEL, backend="scalar", surrogate=SteadyGates("exact", MODEL, GATES)
    )
    without = compile_cell(MODEL, backend="scalar", parameters={"ina.g_Na": 0.0})
    peaks, slopes = [], []
    for cell in (exact, without):
        states, V = cell.initial_states(1), []
        for k in range(round(50.0 / dt)):
            V.append(states[0, 0])
            i_stim = 20.0 if k * dt < 2.0 - 1e-9 else 0.0
            cell.react(states, np.array([i_stim]), dt)
        peaks.append(max(V))
        slopes.append(np.diff(V).max() / dt)
    # The window current moves the peak by some hundredths of a millivolt; an action
    # potential of this cell peaks at +46 mV and rises with 280 V/s.
    assert abs(peaks[0] - peaks[1]) < 0.1
    assert peaks[0] < -20.0
    assert max(slopes) < 20.1


def test_checkpoint_gives_the_same_surrogate(tmp_path):
    saved = learned("sigmoid")
    path = save_surrogate(saved, tmp_path / "own", {})
    found = load_surrogate(path)
    assert found.key == saved.key
    assert found.provides == GATES
    assert json.loads(path.read_text())["kind"] == "steady_gates"


def test_a_cell_with_other_gates_is_refused(tmp_path):
    path = save_surrogate(learned(), tmp_path / "own", {})
    with pytest.raises(ValueError, match=r"made for other equations: dot\(ina\.m\)"):
        compile_cell("koivumaki2014", surrogate=load_surrogate(path))


def test_a_name_that_is_no_gate_is_refused():
    with pytest.raises(ValueError, match="skibsbye2016 has no gate ina.h; "):
        SteadyGates("own", MODEL, ("ina.h",))


def test_euler_step_moves_every_state_by_its_rate():
    cell = compile_cell(MODEL, backend="scalar")
    euler = compile_cell(MODEL, backend="scalar", surrogate=EulerStep(MODEL))
    states = cell.initial_states(9)
    states[0] = np.linspace(-90.0, 40.0, 9)
    i_stim = np.full(9, 20.0)
    rates = cell.observe(states, [dot(s) for s in cell.state_names], i_stim)
    after = states.copy()
    euler.react(after, i_stim, 1.0)
    # Rounding of states of up to 1e2 from which the old ones are taken away.
    np.testing.assert_allclose(after - states, rates, rtol=1e-9, atol=1e-12)
