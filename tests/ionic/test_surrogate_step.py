"""Surrogates as the cell compiler sees them: what fits a cell, what is refused."""

import numpy as np
import pytest

from cardiosim.ionic.compiled import compile_cell
from cardiosim.ionic.conformance import check_ionic_model
from cardiosim.ionic.surrogate_step import OUTSIDE
from cardiosim.surrogates.exact_step import ExactStep
from cardiosim.surrogates.interface import NEW_POTENTIAL, REST, TrainedSurrogate
from cardiosim.surrogates.strang_step import StrangStep
from tests.surrogates.conftest import spread_states
from tests.surrogates.toy_surrogates import CELL, SMALL, Gates, Total

BACKENDS = ["scalar", "numba", "torch"]


@pytest.fixture(scope="module")
def toy_cell(tmp_path_factory):
    path = tmp_path_factory.mktemp("cell") / "toy.mmt"
    path.write_text(CELL)
    return str(path)


class Made(TrainedSurrogate):
    """A surrogate of whatever a test says, that leaves its states as they are."""

    kind = "made"

    def __init__(self, model, **own):
        ranges = own.pop("ranges", {})
        super().__init__("made", model, ranges=ranges)
        for name, value in ({"inputs": ()} | own).items():
            setattr(self, name, value)

    def step(self, algebra, carried, x, dt):
        total = sum(x.values(), 0.0)
        return {n: value + 0.0 * total for n, value in carried.items()}

    def provide(self, algebra, carried, x):
        return dict.fromkeys(self.provides, 0.5)


def keep(model, *states, **own):
    return Made(model, replaces=states, carries=states, **own)


@pytest.mark.parametrize(
    ("make", "how", "says"),
    [
        (
            lambda p: keep(p, "ina.q"),
            {},
            r"replaces ina.q, which toy does not have; train one for toy",
        ),
        (
            lambda p: Made(p, replaces=("ca.c",), carries=()),
            {},
            r"the equation of membrane.V reads ca.c, which made replaces and neither",
        ),
        (
            lambda p: Made(p, replaces=("ca.c",), carries=("ca.own",)),
            {},
            r"carries ca.own, which toy does not have, and gives it no value to start",
        ),
        (
            lambda p: keep(p, "ik.n", inputs=("ik.n_infinity",)),
            {},
            r"reads ik.n_infinity, which toy does not have; did you mean ik.n_inf\?",
        ),
        (
            lambda p: keep(p, "ik.n", ranges={"ik.nn": (0.0, 1.0)}),
            {},
            r"reads ik.nn, which toy does not have; did you mean ik.n\?",
        ),
        (
            lambda p: StrangStep("strang", p),
            {},
            r"in the place of multirate's substeps; came scheme rush_larsen, use mul",
        ),
        (
            lambda p: ExactStep(p, ("ina.m", "ik.n")),
            {"scheme": "multirate"},
            r"replaces ina.m in every step, which multirate would substep; use scheme",
        ),
        (
            lambda p: keep(p, "membrane.V"),
            {"scheme": "multirate"},
            r"replaces membrane.V in every step, which multirate would substep",
        ),
        (
            lambda p: Made(
                p, replaces=("ina.m", "ina.h"), carries=(), provides=("ina.m", "ina.h")
            ),
            {"scheme": "multirate"},
            r"replaces ina.m, ina.h in every step, which multirate would substep",
        ),
        (
            lambda p: keep(p, "ik.n", inputs=(REST,)),
            {},
            r"reads rest, dV/dt without .*, which scheme rush_larsen does not have",
        ),
        (
            lambda p: keep(p, "membrane.V", inputs=(NEW_POTENTIAL,), moment="upstroke"),
            {"scheme": "multirate"},
            r"steps membrane.V and reads it after the plain step",
        ),
        (
            lambda p: keep(p, "ik.n", moment="now and then"),
            {},
            r"moment 'now and then'; expected 'every step' or 'upstroke'",
        ),
        (
            lambda p: keep(p, "ik.n", inputs=("ik.g",), ranges={"ik.g": (0.2, 0.9)}),
            {},
            r"ik.g is 0.1; made was made for 0.2 to 0.9; leave it inside, or train",
        ),
        (
            lambda p: keep(p, "membrane.V"),
            {"clamped": True},
            r"made steps membrane.V, which a clamped cell holds; take the equations",
        ),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(toy_cell, make, how, says):
    with pytest.raises(ValueError, match=says) as error:
        compile_cell(toy_cell, surrogate=make(toy_cell), **how)
    assert "\n" not in str(error.value)


def test_a_parameter_of_its_own_may_be_outside_the_range_and_counts(toy_cell):
    # As a constant it is refused above; node by node it is counted.
    surrogate = keep(toy_cell, "ik.n", inputs=("ik.g",), ranges={"ik.g": (0.2, 0.9)})
    own = {"ik.g": [0.1, 0.5, 1.0]}
    cell = compile_cell(toy_cell, surrogate=surrogate, parameters=own)
    states = cell.initial_states(3)
    cell.react(states, np.zeros(3), 0.02, n_steps=4)
    assert states[cell.state_names.index(OUTSIDE)].tolist() == [4.0, 0.0, 4.0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_step_of_another_length_is_refused(toy_cell, backend):
    surrogate = Gates("toy", toy_cell, [SMALL], dt_range=(0.01, 0.1))
    cell = compile_cell(toy_cell, surrogate=surrogate, backend=backend)
    states = cell.initial_states(2)
    cell.react(states, np.zeros(2), 3 * 0.1 / 3)  # 0.30000000000000004/3 is 0.1
    cell.react(states, np.zeros(2), 0.01)
    for dt in (0.0099, 0.101):
        before = states.copy()
        with pytest.raises(ValueError, match=f"takes {dt:g} ms; toy was made for 0.01"):
            cell.react(states, np.zeros(2), dt)
        np.testing.assert_array_equal(states, before)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_surrogate_of_fewer_states_steps_like_the_equations(toy_cell, backend):
    # Difference and sum of two compartments in their place: the same solution.
    full = compile_cell(toy_cell, backend="scalar")
    cell = compile_cell(toy_cell, backend=backend, surrogate=Total("sum", toy_cell))
    assert set(full.state_names) - set(cell.state_names) == {"ca.c", "ca.s"}
    assert cell.state_names[-2:] == ("ca.difference", "ca.total")
    assert cell.unit_of("ca.total") == "mM"
    expected, i_stim = spread_states(full, 9)
    states = cell.start_from(expected)
    total = states[-1].copy()
    for _ in range(100):
        full.react(expected, i_stim, 0.02)
        cell.react(states, i_stim, 0.02)
    # Rounding of 100 steps, amplified in the upstroke.
    names = full.state_names
    found = cell.observe(states, names)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-14)
    np.testing.assert_array_equal(states[-1], total)
    currents = cell.observe(states, ["ca.i_Ca", "ca.flux"])
    np.testing.assert_allclose(
        currents, full.observe(expected, ["ca.i_Ca", "ca.flux"]), rtol=1e-6
    )


def test_it_starts_from_the_initial_state_of_the_cell(toy_cell):
    cell = compile_cell(toy_cell, surrogate=Total("sum", toy_cell))
    full = compile_cell(toy_cell).initial_states(3)
    np.testing.assert_allclose(
        cell.initial_states(3), cell.start_from(full), rtol=1e-15
    )
    assert cell.observe(cell.initial_states(1), ["ca.c"]) == pytest.approx(2e-4)


def test_a_start_may_take_parameters_and_networks(toy_cell):
    class Coded(Total):
        kind = "coded"
        carries = ("ca.difference", "ca.total", "ca.code")
        units = {}

        def step(self, algebra, carried, x, dt):
            new = super().step(algebra, carried, x, dt)
            return new | {"ca.code": carried["ca.code"]}

        def start(self, algebra, full):
            rows = [full("ca.c"), full("ca.s"), full("ik.n_inf"), full("ik.g"), 0.5]
            return super().start(algebra, full) | {
                "ca.code": algebra.network(0, rows)[1]
            }

    own = {"ik.g": [0.1, 0.3]}
    surrogate = Coded("coded", toy_cell, [SMALL])
    cell = compile_cell(toy_cell, surrogate=surrogate, parameters=own)
    torch = pytest.importorskip("torch")
    (net,) = surrogate.tensor_networks(torch.zeros(1, dtype=torch.float64))
    full = compile_cell(toy_cell, parameters=own)
    states = full.initial_states(2)
    x = full.observe(states, ["ca.c", "ca.s", "ik.n_inf", "ik.g"])
    expected = net(torch.tensor(np.vstack([x, np.full(2, 0.5)])))[1].numpy()
    assert expected[0] != expected[1]
    np.testing.assert_allclose(cell.start_from(states)[-1], expected, rtol=1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
def test_where_no_equations_can_step_in_inputs_are_held_and_steps_counted(
    toy_cell, backend
):
    # At ik.n above its range the flux is that at the edge.
    ranges = {"ik.n": (0.0, 0.1), "ca.difference": (-1.0, 1.0)}
    cell = compile_cell(
        toy_cell, backend=backend, surrogate=Total("sum", toy_cell, ranges=ranges)
    )
    states = cell.initial_states(3)
    row = cell.state_names.index("ik.n")
    states[row] = [0.05, 0.1, 0.9]
    before = states.copy()
    cell.react(states, np.zeros(3), 0.02)
    assert states[-1].tolist() == [0.0, 0.0, 1.0]
    d = cell.state_names.index("ca.difference")
    change = states[d] - before[d]
    np.testing.assert_allclose(change[2], change[1], rtol=1e-9)
    np.testing.assert_allclose(2.0 * change[0], change[1], rtol=1e-9)


def test_what_is_gone_is_no_variable_any_more(toy_cell):
    cell = compile_cell(toy_cell, surrogate=Total("sum", toy_cell))
    assert "ca.c" in cell.variable_names  # provided
    assert "dot(ca.c)" not in cell.variable_names
    with pytest.raises(ValueError, match="has no state|has no variable"):
        cell.observe(cell.initial_states(1), ["dot(ca.c)"])


def test_other_weights_are_other_kernels_and_other_cells(toy_cell):
    first = compile_cell(toy_cell, surrogate=Gates("toy", toy_cell, [SMALL]))
    layer = SMALL.layers[0]
    other = type(SMALL)(
        (type(layer)(layer.weights * 1.5, layer.bias, "tanh"), *SMALL.layers[1:])
    )
    second = compile_cell(toy_cell, surrogate=Gates("toy", toy_cell, [other]))
    plain = compile_cell(toy_cell)
    assert len({c.fingerprint for c in (first, second, plain)}) == 3
    a, b = first.initial_states(2), second.initial_states(2)
    first.react(a, np.zeros(2), 0.02)
    second.react(b, np.zeros(2), 0.02)
    assert not np.array_equal(a, b)


@pytest.mark.parametrize(
    ("make", "scheme"),
    [
        (lambda p: ExactStep(p, ("ca.c", "ik.n"), {"ik.n": (0.0, 0.5)}), "multirate"),
        (lambda p: StrangStep("s", p, ranges={"ina.m": (0.0, 0.5)}), "multirate"),
        (lambda p: Total("sum", p), "rush_larsen"),
    ],
)
def test_hybrid_cells_conform(toy_cell, make, scheme):
    cell = compile_cell(toy_cell, scheme=scheme, surrogate=make(toy_cell))
    check_ionic_model(cell, resting_duration=2000.0).require()
