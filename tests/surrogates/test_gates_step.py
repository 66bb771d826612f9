"""A learned step of the fast gates with V given keeps them gates."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cardiosim.ionic.compiled import compile_cell  # noqa: E402
from cardiosim.ionic.surrogate_step import OUTSIDE  # noqa: E402
from cardiosim.surrogates.checkpoint import load_surrogate, save_surrogate  # noqa: E402
from cardiosim.surrogates.gates_step import GatesStep  # noqa: E402
from tests.surrogates.toy_surrogates import network  # noqa: E402

CELL = "skibsbye2016"
N_FEATURES = 12
RANGES = {"membrane.V": (-120.0, 80.0), "dot(membrane.V)": (-600.0, 1200.0)}


def gates_step(seed=1, **how):
    """With a network of random weights."""
    own = network((N_FEATURES, 8, 8, 3), ("tanh", "tanh", "linear"), seed=seed)
    return GatesStep("gates", CELL, networks=[own], **how)


def random_states(n, seed=0):
    random = np.random.default_rng(seed)
    gates = random.random((3, n)) ** random.choice([0.2, 1.0, 5.0], (3, n))
    gates[:, :10], gates[:, 10:20] = 0.0, 1.0
    x = random.uniform(-120.0, 80.0, n), random.uniform(-600.0, 1200.0, n)
    dt = random.uniform(0.002, 0.1, n)
    return tuple(torch.as_tensor(a) for a in (gates, np.array(x), dt))


def test_gates_stay_gates():
    new = gates_step(seed=3).advance(*random_states(100_000))
    assert torch.isfinite(new).all()
    assert new.min() >= 0.0 and new.max() <= 1.0


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_all_faces_agree(stepped, backend):
    how = {"surrogate": gates_step(ranges=RANGES)}
    expected = stepped(compile_cell(CELL, backend="scalar", **how), 0.02, 60)
    found = stepped(compile_cell(CELL, backend=backend, **how), 0.02, 60)
    # Rounding of a step, some 1e-15, amplified by the upstroke.
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-12)


def test_substeps_of_the_base_converge_at_second_order():
    carried, x, _ = random_states(500, seed=2)
    x[1] *= 0.1  # -60 to 120 mV/ms: V stays where the ramp has no corner
    x[0] *= 0.5
    of = {n: GatesStep("base", CELL, n).advance(carried, x, 0.1) for n in (4, 8, 256)}
    errors = [(of[n] - of[256]).abs().max() for n in (4, 8)]
    order = float(torch.log2(errors[0] / errors[1]))
    assert 1.7 < order < 2.3  # the midpoint rule's 2


def test_steady_gates_at_a_steady_V_stay():
    surrogate = gates_step(seed=5)
    x = torch.tensor([[-76.0], [0.0]], dtype=torch.float64)
    gates = torch.full((3, 1), 0.5, dtype=torch.float64)
    base = GatesStep("base", CELL)
    for _ in range(50):  # of 100 ms, which the exponential does not mind
        gates = base.advance(gates, x, 100.0)
    change = surrogate.advance(gates, x, 0.1) - gates
    assert change.abs().max() < 1e-12


def test_changed_gates_are_refused_and_another_conductance_is_not(tmp_path):
    path = save_surrogate(gates_step(ranges=RANGES), tmp_path / "gates", {})
    surrogate = load_surrogate(path)
    with pytest.raises(ValueError, match="made for other equations: dot"):
        compile_cell("skibsbye2016_table1_fit", surrogate=surrogate)
    g = np.array([300.0, 600.0])
    cell = compile_cell(CELL, surrogate=surrogate, parameters={"ina.g_Na": g})
    states = cell.initial_states(2)
    cell.react(states, np.zeros(2), 0.02, 10)
    assert np.isfinite(states).all()


def test_a_potential_out_of_range_takes_the_equations_and_is_counted():
    cell = compile_cell(CELL, surrogate=gates_step(ranges=RANGES))
    equations = compile_cell(CELL)
    one, other = cell.initial_states(8), equations.initial_states(8)
    one[0, ::2] = other[0, ::2] = -125.0
    cell.react(one, np.zeros(8), 0.02)
    equations.react(other, np.zeros(8), 0.02)
    outside = one[cell.state_names.index(OUTSIDE)]
    assert (outside[::2] == 1.0).all() and (outside[1::2] == 0.0).all()
    own = [cell.state_names.index(gate) for gate in ("ina.m", "ina.h1", "ina.h2")]
    np.testing.assert_allclose(one[own, ::2], other[own, ::2], rtol=1e-12)


def test_a_network_with_several_substeps_is_refused():
    with pytest.raises(ValueError, match="a network and 4 substeps"):
        gates_step(substeps=4)
