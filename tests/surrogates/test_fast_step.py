"""A learned step of V and the fast gates keeps its structure whatever its network."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cardiosim.ionic.compiled import compile_cell  # noqa: E402
from cardiosim.ionic.network import Layer, Network  # noqa: E402
from cardiosim.ionic.surrogate_step import OUTSIDE  # noqa: E402
from cardiosim.surrogates.checkpoint import (  # noqa: E402
    load_surrogate,
    save_surrogate,
    shipped_surrogates,
)
from cardiosim.surrogates.fast_step import FastStep  # noqa: E402
from cardiosim.surrogates.strang_step import StrangStep  # noqa: E402
from tests.surrogates.toy_surrogates import network  # noqa: E402

CELL = "skibsbye2016"
G = "ina.g_Na"
RANGES = {
    "membrane.V": (-110.0, 70.0),
    "ina.m": (0.0, 1.0),
    "ina.h1": (0.0, 1.0),
    "ina.h2": (0.0, 1.0),
    "rest": (-40.0, 80.0),
    G: (140.0, 1050.0),
}
N_FEATURES = 15
SHIPPED = [n for n in ("fast_step", "fast_step_pinn") if n in shipped_surrogates()]


def fast_step(seed=1, ranges=None, **how):
    """With a network of random weights."""
    own = network((N_FEATURES, 8, 8, 4), ("tanh", "tanh", "linear"), seed=seed)
    return FastStep("fast", CELL, networks=[own], ranges=ranges, **how)


def zero_step():
    zeros = np.zeros((4, N_FEATURES), dtype=np.float32)
    return FastStep("fast", CELL, networks=[Network((Layer(zeros, zeros[:, 0]),))])


def random_states(n, seed=0):
    """States, inputs and steps anywhere in the ranges; gates at 0 and 1 too."""
    random = np.random.default_rng(seed)
    gates = random.random((3, n)) ** random.choice([0.2, 1.0, 5.0], (3, n))
    gates[:, :10], gates[:, 10:20] = 0.0, 1.0
    V = random.uniform(*RANGES["membrane.V"], n)
    x = [
        random.uniform(*RANGES["rest"], n),
        random.uniform(*RANGES[G], n),
        random.uniform(50.0, 90.0, n),
    ]
    dt = random.uniform(0.002, 0.1, n)
    return tuple(torch.as_tensor(a) for a in (np.stack([V, *gates]), np.array(x), dt))


def test_gates_stay_gates_and_V_stays_between_its_bounds():
    carried, x, dt = random_states(100_000)
    new = fast_step(seed=3).advance(carried, x, dt)
    assert torch.isfinite(new).all()
    # By construction: x e over the sum of itself and something that is not negative.
    assert new[1:].min() >= 0.0 and new[1:].max() <= 1.0
    V, rest, E = carried[0], x[0], x[2]
    # The frozen current drives V to E, the rest moves it by at most rest dt.
    low = torch.minimum(V, E) - torch.abs(rest) * dt
    high = torch.maximum(V, E) + torch.abs(rest) * dt
    rounding = 1e-9
    assert (new[0] >= low - rounding).all() and (new[0] <= high + rounding).all()


def test_without_network_it_is_one_strang_step_to_the_bit(stepped):
    how = {"scheme": "multirate", "backend": "scalar"}
    strang = StrangStep("strang", CELL, [G], substeps=1)
    expected = stepped(compile_cell(CELL, surrogate=strang, **how), 0.05, 60)
    base = compile_cell(CELL, surrogate=FastStep("base", CELL), **how)
    assert np.array_equal(stepped(base, 0.05, 60), expected)
    # A factor of exactly 1 before the current is a sum in another order: one bit of V
    # in some steps, amplified by the upstroke.
    zero = compile_cell(CELL, surrogate=zero_step(), **how)
    np.testing.assert_allclose(stepped(zero, 0.05, 60), expected, rtol=1e-11)
    other = compile_cell(CELL, surrogate=fast_step(), **how)
    assert np.abs(stepped(other, 0.05, 60) - expected).max() > 1e-3


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_all_faces_agree(stepped, backend):
    how = {"scheme": "multirate", "surrogate": fast_step(ranges=RANGES)}
    expected = stepped(compile_cell(CELL, backend="scalar", **how), 0.05, 60)
    found = stepped(compile_cell(CELL, backend=backend, **how), 0.05, 60)
    # Rounding of a step, some 1e-15, amplified by the upstroke.
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-12)


def test_tensors_give_what_the_kernel_gives():
    surrogate = fast_step()
    cell = compile_cell(CELL, scheme="multirate", surrogate=surrogate, backend="scalar")
    states = cell.initial_states(1)
    states[0], i_stim, dt = -45.0, np.array([30.0]), 0.1
    slow = states.copy()
    plain = compile_cell(CELL)
    plain.react(slow, i_stim, dt)
    slow[:4] = states[:4]  # V and the fast gates of the start, all others new
    rates = plain.observe(
        slow, ["ina.i_Na", "reversal.E_Na", "dot(membrane.V)"], i_stim
    )
    current, E, rate = rates
    x = torch.tensor(np.array([rate + current, [576.0], E]))
    expected = surrogate.advance(torch.tensor(states[:4]), x, dt).numpy()
    cell.react(states, i_stim, dt)
    np.testing.assert_allclose(states[:4], expected, rtol=1e-10)


def test_rest_does_not_drift():
    surrogate = fast_step(seed=5)
    cell = compile_cell(CELL, scheme="multirate", surrogate=surrogate)
    equations = compile_cell(CELL, scheme="multirate")
    one, other = cell.initial_states(1), equations.initial_states(1)
    cell.react(one, np.zeros(1), 0.1, 5_000)
    equations.react(other, np.zeros(1), 0.1, 5_000)
    # Nothing is in its upstroke: the step is not even taken.
    assert np.array_equal(one[: len(other)], other)


def test_at_a_steady_state_the_correction_vanishes():
    surrogate, base = fast_step(seed=5), FastStep("base", CELL)
    carried, x, _ = random_states(1)
    x = x * torch.tensor([[0.0], [1.0], [1.0]])  # no rest
    for dt in [0.1] * 300 + [50.0] * 40:  # exponentials: long steps do no harm
        carried = base.advance(carried, x, dt)
    change = surrogate.advance(carried, x, 0.1) - carried
    assert change.abs().max() < 1e-9


def test_another_sodium_gate_is_refused(tmp_path):
    path = save_surrogate(fast_step(ranges=RANGES), tmp_path / "fast", {})
    variant = "skibsbye2016_table1_fit"
    with pytest.raises(ValueError, match="made for other equations: dot"):
        compile_cell(variant, scheme="multirate", surrogate=load_surrogate(path))


def test_a_conductance_out_of_range_takes_substeps_and_is_counted():
    n = 8
    g = np.where(np.arange(n) % 2, 576.0, 1200.0)
    how = {"scheme": "multirate", "parameters": {G: g}}
    hybrid = compile_cell(CELL, surrogate=fast_step(ranges=RANGES), **how)
    equations = compile_cell(CELL, **how)
    one, other = hybrid.initial_states(n), equations.initial_states(n)
    for k in range(60):
        i_stim = np.full(n, 40.0 if k < 20 else 0.0)
        hybrid.react(one, i_stim, 0.1)
        equations.react(other, i_stim, 0.1)
    steps = one[hybrid.state_names.index(OUTSIDE)]
    assert (steps[::2] > 0).all() and (steps[1::2] == 0).all()
    differ = np.abs(one[0] - other[0])
    # The same substeps, in a kernel compiled by itself.
    assert (differ[::2] < 1e-8).all() and (differ[1::2] > 1e-3).all()


def test_gradients_pass_through_the_step():
    carried, x, dt = random_states(50, seed=4)
    carried = carried[:, 20:].requires_grad_(True)  # logarithms of 0 are steep
    new = fast_step().advance(carried, x[:, 20:], dt[20:])
    (gradient,) = torch.autograd.grad(new[0].sum(), carried)
    h = 1e-5
    with torch.no_grad():
        moved = carried.clone()
        moved[0] += h
        up = fast_step().advance(moved, x[:, 20:], dt[20:])[0]
        moved[0] -= 2.0 * h
        down = fast_step().advance(moved, x[:, 20:], dt[20:])[0]
    torch.testing.assert_close(gradient[0], (up - down) / (2 * h), rtol=1e-5, atol=1e-6)


def test_a_network_of_another_shape_is_refused():
    own = network((9, 4, 4), ("tanh", "linear"))
    with pytest.raises(ValueError, match="9 inputs and 4 outputs; expected 15 and 4"):
        FastStep("fast", CELL, networks=[own])


def upstroke():
    """States along an upstroke, each with the same inputs."""
    cell = compile_cell(CELL)
    now = torch.tensor(cell.initial_states(1)[:4])
    x = torch.tensor([[25.0], [576.0], [70.0]], dtype=torch.float64)
    fine = StrangStep("fine", CELL, [G], substeps=1)
    found = []
    for _ in range(300):  # 3 ms
        found.append(now)
        now = fine.advance(now, x, 0.01)
    states = torch.cat(found, dim=1)
    assert states[0].min() < -70.0 and states[0].max() > 20.0
    return states, x.expand(3, states.shape[1])


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_step_is_nearer_to_the_exact_map_than_its_base(name):
    carried, x = upstroke()
    exact = StrangStep("exact", CELL, [G], substeps=64).advance(carried, x, 0.1)
    errors = [
        (step.advance(carried, x, 0.1)[0] - exact[0]).abs().mean()
        for step in (load_surrogate(name), FastStep("base", CELL))
    ]
    # 2 % of velocity for the base, 0.3 % allowed.
    assert errors[0] < 0.4 * errors[1]
