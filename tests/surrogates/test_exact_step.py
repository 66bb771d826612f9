"""The null test: equations disguised as a surrogate change nothing, on any backend."""

import numpy as np
import pytest

from cardiosim.ionic.compiled import Scale, compile_cell
from cardiosim.ionic.emit_numba import WIDE_STRIP
from cardiosim.ionic.surrogate_step import OUTSIDE
from cardiosim.surrogates.exact_step import ExactStep
from cardiosim.surrogates.strang_step import StrangStep

CELL = "skibsbye2016"
GATES = ("ina.m", "ina.h1", "ina.h2")
CALCIUM = ("calcium.Ca_ss", "ryr.o_1", "sr.CaSR_2")  # a gate among them
NARROW = {"membrane.V": (-70.0, -20.0)}


def null_test(stepped, model, surrogate, dt=0.02, n_steps=120, **how):
    """Largest relative difference to the equations, and the steps outside."""
    full = stepped(compile_cell(model, **how), dt, n_steps)
    hybrid = compile_cell(model, surrogate=surrogate, **how)
    states = stepped(hybrid, dt, n_steps)
    own = len(full)
    assert hybrid.state_names[:own] == compile_cell(model, **how).state_names
    assert (hybrid.state_names[own:] == (OUTSIDE,)) == bool(surrogate.ranges)
    scale = np.maximum(np.abs(full), 1e-12)
    return (np.abs(states[:own] - full) / scale).max(), states[own:].sum()


@pytest.mark.parametrize(
    ("model", "states", "scheme"),
    [
        (CELL, GATES, "rush_larsen"),
        (CELL, CALCIUM, "multirate"),
        ("courtemanche1998", ("ina.m", "calcium.Ca_i", "release.u"), "rush_larsen"),
        ("koivumaki2014", ("ical.d", "ina.h1", "ina.m"), "rush_larsen"),
    ],
)
@pytest.mark.parametrize("ranges", [{}, NARROW])
def test_exact_step_reproduces_the_cell_bit_for_bit(
    stepped, model, states, scheme, ranges
):
    surrogate = ExactStep(model, states, ranges)
    difference, outside = null_test(
        stepped, model, surrogate, scheme=scheme, backend="scalar"
    )
    assert difference == 0.0
    assert (outside > 0) == bool(ranges)


@pytest.mark.parametrize(("states", "scheme"), [(CALCIUM, "multirate")])
@pytest.mark.parametrize("backend", ["numba", "torch"])
@pytest.mark.parametrize("ranges", [{}, NARROW])
def test_exact_step_on_fast_backends(stepped, states, scheme, backend, ranges):
    # The compiler is free to contract products and sums: 1e-12 relative a step.
    n_steps = 120
    difference, outside = null_test(
        stepped,
        CELL,
        ExactStep(CELL, states, ranges),
        n_steps=n_steps,
        scheme=scheme,
        backend=backend,
    )
    assert difference <= 1e-12 * n_steps
    assert (outside > 0) == bool(ranges)


def test_exact_step_in_float32(stepped):
    how = {"backend": "torch", "dtype": "float32"}
    difference, _ = null_test(
        stepped, CELL, ExactStep(CELL, GATES), n_steps=30, torch_compile=False, **how
    )
    # Gates by their change and by their value differ in the last bits of float32,
    # some 1e-7 a step, which the upstroke amplifies tenfold and more.
    assert difference < 1e-3


@pytest.mark.parametrize(
    ("backend", "allowed"), [("scalar", 0.0), ("numba", 1e-10), ("torch", 1e-10)]
)
@pytest.mark.parametrize("ranges", [{}, {"membrane.V": (-90.0, 0.0)}])
def test_strang_step_is_multirate(stepped, backend, allowed, ranges):
    # At nodes in their upstroke in the place of the substeps, which take over outside
    # the range; 100 steps of rounding grow to 1e-10 in the upstroke.
    surrogate = StrangStep("strang", CELL, ("ina.g_Na",), substeps=4, ranges=ranges)
    difference, outside = null_test(
        stepped, CELL, surrogate, 0.1, 100, scheme="multirate", backend=backend
    )
    assert difference <= allowed
    assert (outside > 0) == bool(ranges)


def test_only_nodes_in_upstroke_count_steps_outside(stepped, toy_cell):
    how = {"scheme": "multirate", "backend": "scalar"}
    nowhere = {"membrane.V": (500.0, 501.0)}
    strang = StrangStep("strang", toy_cell, ranges=nowhere)
    at_rest = compile_cell(toy_cell, surrogate=strang, **how)
    states = at_rest.initial_states(2)
    at_rest.react(states, np.array([0.0, 60.0]), 0.1, n_steps=5)
    quiet, fired = states[-1]
    assert quiet == 0.0 and 0.0 < fired <= 5.0
    everywhere = ExactStep(toy_cell, ("ik.n",), nowhere)
    cell = compile_cell(toy_cell, surrogate=everywhere, **how)
    states = cell.initial_states(2)
    cell.react(states, np.zeros(2), 0.1, n_steps=5)
    assert states[-1].tolist() == [5.0, 5.0]


@pytest.mark.parametrize("ranges", [{}, {"membrane.V": (-75.0, 0.0), "ina.g": (8, 20)}])
def test_every_node_has_parameters_of_its_own(stepped, toy_cell, ranges):
    n = 12
    parameters = {"ina.g": np.linspace(5.0, 25.0, n), "ik.g": Scale(1.5)}
    how = {"parameters": parameters, "scheme": "multirate", "backend": "scalar"}
    full = stepped(compile_cell(toy_cell, **how), 0.1, 40)
    strang = StrangStep("strang", toy_cell, ("ina.g",), substeps=4, ranges=ranges)
    hybrid = compile_cell(toy_cell, surrogate=strang, **how)
    states = stepped(hybrid, 0.1, 40)
    np.testing.assert_array_equal(states[: len(full)], full)
    if ranges:
        outside = (parameters["ina.g"] < 8.0) | (parameters["ina.g"] > 20.0)
        assert (states[-1][outside] > 0).all()
    some = hybrid.at([3, 7])
    again = some.initial_states(2)
    again[0] += np.linspace(-5.0, 60.0, n)[[3, 7]]
    stimulus = np.full(2, 20.0)  # nodes 3 and 7 are odd
    for k in range(40):
        some.react(again, stimulus if k < 20 else np.zeros(2), 0.1)
    np.testing.assert_array_equal(again, states[:, [3, 7]])


@pytest.mark.parametrize("surrogate", ["exact", "strang"])
def test_wide_strips_threads_and_padding(spread, toy_cell, surrogate):
    # Enough nodes for wide strips and a part of one; each result is that of few nodes.
    n = 50 * WIDE_STRIP + 7
    ranges = {"membrane.V": (-75.0, -40.0)}
    step = {
        "exact": ExactStep(toy_cell, ("ca.c", "ik.n"), ranges),
        "strang": StrangStep("strang", toy_cell, substeps=4, ranges=ranges),
    }[surrogate]
    cell = compile_cell(toy_cell, scheme="multirate", surrogate=step)
    many, i_stim = spread(cell, n)
    few = many[:, -20:].copy()
    cell.react(many, i_stim, 0.1, n_steps=15)
    cell.react(few, i_stim[-20:].copy(), 0.1, n_steps=15)
    np.testing.assert_array_equal(many[:, -20:], few)
    assert 0 < (many[-1] > 0).sum()
    oracle = compile_cell(toy_cell, scheme="multirate", backend="scalar")
    full, _ = spread(oracle, n)
    oracle.react(full, i_stim, 0.1, n_steps=15)
    # Contraction: 1e-12 a step, amplified in the upstroke.
    np.testing.assert_allclose(many[: len(full)], full, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("backend", ["scalar", "numba", "torch"])
def test_many_steps_in_one_call_are_the_same_steps(spread, toy_cell, backend):
    strang = StrangStep("strang", toy_cell, ranges={"membrane.V": (-75.0, -20.0)})
    cell = compile_cell(toy_cell, scheme="multirate", backend=backend, surrogate=strang)
    at_once, i_stim = spread(cell, 9)
    one_by_one = at_once.copy()
    cell.react(at_once, i_stim, 0.05, n_steps=30)
    for _ in range(30):
        cell.react(one_by_one, i_stim, 0.05)
    np.testing.assert_array_equal(at_once, one_by_one)


def test_a_state_that_the_cell_does_not_have():
    with pytest.raises(ValueError, match="has no state ina.q; its states are"):
        ExactStep(CELL, ("ina.q",))
