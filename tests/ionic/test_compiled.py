"""Compiled cells: production kernel against the oracle, nodes, strips, threads."""

import numba
import numpy as np
import pytest

from cardiosim.ionic import compiled
from cardiosim.ionic.compiled import Scale, compile_cell
from cardiosim.ionic.reaction import SCHEMES

each_scheme = pytest.mark.parametrize("scheme", SCHEMES)

# Every function of the language, one state each: after a step of 1 ms from 0 a state
# holds its function.
FUNCTIONS = [
    "exp(-u) + sqrt(u + 10)",
    "log(u + 10) + log10(u + 10) + log(u + 10, 3)",
    "u^3 + u^2 + (u + 10)^1.5 + (u + 10)^0.37",
    "(u + 10)^-2 + 2^u + (u + 10)^(u / 5) + u^17 + u^18 + (u + 10)^16.5",
    "u // 3 + 100 * (u % 3) + (-u // 0.7)",
    "floor(u) + 10 * ceil(u) + 100 * abs(u)",
    "sin(u) + 10 * cos(u) + tan(u)",
    "asin(u / 10) + 10 * acos(u / 10) + atan(u)",
    "if(u > 0 and u < 2, 1, 2) + if(u < 0 or u > 2, 10, 20)",
    "if(not (u == 1), 1, 2) + if(u != 1, 10, 20) + if(u >= 1, u, -u)",
    "piecewise(u <= -1, 1 / (u + 1.5), u < 1, u^2, 3 - (u - (2 - u)))",
    "2 / (u + 10) / 3 - 2 / ((u + 10) / 3) - -u^2",
    "(u - 1.1) / (exp((u - 1.1) / 3) - 1)",
]


@each_scheme
@pytest.mark.parametrize("dt", [0.02, 0.1])
def test_production_kernel_agrees_with_the_oracle(ramp, scheme, dt):
    fast, oracle = (
        compile_cell("skibsbye2016", scheme=scheme, backend=backend)
        for backend in ("numba", "scalar")
    )
    states, i_stim = ramp(fast, 161)
    expected = states.copy()
    fast.react(states, i_stim, dt)
    oracle.react(expected, i_stim, dt)
    # One step sums a few hundred roundings of 1e-16. Small gates are sums of numbers
    # near 1, whose roundings count in full.
    np.testing.assert_allclose(states, expected, rtol=1e-12, atol=1e-15)


@each_scheme
def test_production_kernel_stays_with_the_oracle(ramp, scheme):
    fast, oracle = (
        compile_cell("skibsbye2016", scheme=scheme, backend=backend)
        for backend in ("numba", "scalar")
    )
    states, i_stim = ramp(fast, 161)
    expected = states.copy()
    fast.react(states, i_stim, 0.02, n_steps=100)
    oracle.react(expected, i_stim, 0.02, n_steps=100)
    # The upstroke multiplies a difference by some hundreds before it forgets it.
    np.testing.assert_allclose(states, expected, rtol=1e-10, atol=1e-13)


def test_every_function_of_the_language_is_compiled_right(text, model_file):
    """Vectorised and scalar kernel against Myokit's own evaluation."""
    import myokit

    body = "[probe]\nu = membrane.V / 1 [mV]\n" + "".join(
        f"[p{i}]\nuse probe.u\nw = {expression}\ndot(x) = w * 1 [1/ms]\n"
        for i, expression in enumerate(FUNCTIONS)
    )
    initial = {f"p{i}_x": 0.0 for i in range(len(FUNCTIONS))}
    V = np.array([-3.25, -1.0, -0.5, 0.0, 0.25, 1.0, 1.5, 2.25, 3.0, 7.125])
    model = myokit.parse_model(text(body, **initial))
    names = [f"p{i}.w" for i in range(len(FUNCTIONS))]
    expected = np.empty((len(names), V.size))
    for k, v in enumerate(V):
        model.set_initial_values([v] + [0.0] * len(FUNCTIONS))
        for i, name in enumerate(names):
            expected[i, k] = model.get(name).eval()

    path = model_file(body, **initial)
    for backend in ("numba", "scalar"):
        cell = compile_cell(path, backend=backend)
        states = cell.initial_states(V.size)
        states[0] = V
        observed = cell.observe(states, names)
        cell.react(states, np.zeros(V.size), dt=1.0)
        rows = [cell.state_names.index(f"p{i}.x") for i in range(len(FUNCTIONS))]
        # Sums that cancel to a tenth of their terms; u^17 through its logarithm.
        np.testing.assert_allclose(observed, expected, rtol=1e-13)
        np.testing.assert_allclose(states[rows], expected, rtol=2e-13)


@each_scheme
@pytest.mark.parametrize("free", [(), ("ina.shift", "ik.g", "ina.g")])
def test_small_cell_agrees_with_the_oracle(ramp, small_cell_file, scheme, free):
    """Gates written with rates and conditions, in and out of the substeps."""
    n = 40
    values = {"ina.shift": np.linspace(-45, -35, n), "ik.g": 0.05, "ina.g": Scale(0.9)}
    fast, oracle = (
        compile_cell(
            small_cell_file,
            scheme=scheme,
            backend=backend,
            parameters={name: values[name] for name in free},
        )
        for backend in ("numba", "scalar")
    )
    states, i_stim = ramp(fast, n)
    expected = states.copy()
    for dt, n_steps in ((0.1, 1), (0.02, 50)):
        fast.react(states, i_stim, dt, n_steps)
        oracle.react(expected, i_stim, dt, n_steps)
        assert np.isfinite(expected).all()
        np.testing.assert_allclose(states, expected, rtol=1e-11, atol=1e-14)


@each_scheme
def test_nodes_do_not_influence_each_other(ramp, scheme):
    cell = compile_cell("skibsbye2016", scheme=scheme)
    many, _ = ramp(cell, 161)  # V = 0 and every other whole millivolt
    i_stim = np.zeros(161)
    alone = {node: many[:, node : node + 1].copy() for node in (0, 57, 80, 100, 160)}
    cell.react(many, i_stim, dt=0.02)
    for node, state in alone.items():
        cell.react(state, np.zeros(1), dt=0.02)
        np.testing.assert_allclose(many[:, node : node + 1], state, rtol=0, atol=1e-14)


@each_scheme
def test_nodes_in_their_upstroke_do_not_influence_those_at_rest(scheme):
    """Wide strips: substeps are taken by the strip, and must not be by the node."""
    cell = compile_cell("skibsbye2016", scheme=scheme)
    n = 3100
    states = cell.initial_states(n)
    up = np.random.default_rng(2).random(n) < 0.1
    states[0, up] = -20.0
    at_rest, firing = cell.initial_states(n), cell.initial_states(n)
    firing[0] = -20.0
    for s in (states, at_rest, firing):
        cell.react(s, np.zeros(n), dt=0.1, n_steps=3)
    assert firing[0].min() > 0.0  # an upstroke indeed
    expected = np.where(up, firing, at_rest)
    np.testing.assert_allclose(states, expected, rtol=0, atol=1e-14)


@each_scheme
def test_narrow_and_wide_strips_give_the_same_bits(ramp, scheme):
    cell = compile_cell("skibsbye2016", scheme=scheme)
    wide, i_stim = ramp(cell, 3001)
    narrow = [np.ascontiguousarray(part) for part in np.array_split(wide, 7, axis=1)]
    cell.react(wide, i_stim, dt=0.05, n_steps=20)
    for part, stimulus in zip(narrow, np.array_split(i_stim, 7), strict=True):
        cell.react(part, stimulus, dt=0.05, n_steps=20)
    np.testing.assert_array_equal(np.hstack(narrow), wide)


@each_scheme
def test_threads_give_the_same_bits_as_one(ramp, scheme, monkeypatch):
    threads = min(4, numba.config.NUMBA_NUM_THREADS)
    if threads == 1:
        pytest.skip("one thread only")
    cell = compile_cell("skibsbye2016", scheme=scheme)
    # Enough for all threads, and no whole number of strips.
    n = threads * compiled._NODES_PER_THREAD + 85
    serial, i_stim = ramp(cell, n)
    parallel = serial.copy()
    before = numba.get_num_threads()
    chunks = []
    cell.compile(n)
    kernel = cell._step[1]
    in_parallel = kernel.react_parallel
    monkeypatch.setattr(
        kernel,
        "react_parallel",
        lambda *arguments: chunks.append(arguments[-1]) or in_parallel(*arguments),
    )
    try:
        numba.set_num_threads(1)
        cell.react(serial, i_stim, dt=0.05, n_steps=3)
        numba.set_num_threads(threads)
        cell.react(parallel, i_stim, dt=0.05, n_steps=3)
    finally:
        numba.set_num_threads(before)
    assert chunks == [threads]  # once, by all of them
    np.testing.assert_array_equal(parallel, serial)


@each_scheme
@pytest.mark.parametrize("n_nodes", [5, 3100])
def test_many_steps_at_once_are_the_same_as_one_by_one(ramp, scheme, n_nodes):
    cell = compile_cell("skibsbye2016", scheme=scheme)
    at_once, i_stim = ramp(cell, n_nodes)
    one_by_one = at_once.copy()
    cell.react(at_once, i_stim, dt=0.05, n_steps=7)
    for _ in range(7):
        cell.react(one_by_one, i_stim, dt=0.05)
    np.testing.assert_array_equal(at_once, one_by_one)


def test_whole_dt_is_a_dt_like_any_other():
    cell = compile_cell("nagumo")
    states = [cell.initial_states(3) + 10.0 for _ in range(2)]
    for s, dt in zip(states, (1, 1.0), strict=True):
        cell.react(s, np.zeros(3), dt)
    np.testing.assert_array_equal(*states)
