"""Fewer exponentials and divisions, and the same values."""

import math

import numpy as np
import pytest

from cardiosim.ionic.cell_library import available_cells, model_source
from cardiosim.ionic.compiled import compile_cell
from cardiosim.ionic.economy import count_operations, economise
from cardiosim.ionic.emit_numba import economical
from cardiosim.ionic.expressions import FUNCTIONS, Apply, Name, Number, references
from cardiosim.ionic.reaction import observation, reaction


def assignments_of(read, expressions):
    """Assignments of a probe, v being the potential in mV."""
    lines = "\n".join(f"w{i} = {e}" for i, e in enumerate(expressions))
    equations = read(f"[probe]\nuse membrane.V\nv = V / 1 [mV]\n{lines}\n")
    order = observation(equations, ())
    return [(n, e) for n, e in order if n.startswith("probe.")]


def results(assignments, known):
    """All values, each computed from what stands before it."""
    values = dict(known)

    def value(e):
        match e:
            case Number(v):
                return v
            case Name(n):
                return values[n]
            case Apply("select", (c, a, b)):
                return value(a) if value(c) else value(b)
            case Apply(f, arguments):
                return FUNCTIONS[f](*map(value, arguments))

    for name, e in assignments:
        values[name] = value(e)
    return values


@pytest.mark.parametrize(
    ("expressions", "n_exp"),
    [
        (["exp(v / 10)", "exp(v / 5)"], 1),
        (["exp(v / 10)", "exp(-v / 10)"], 1),
        (["exp((v + 40) / 7)", "exp((v - 25) / 7)"], 1),
        (["exp(-(v + 40) / 7) + exp(4 * (v + 40) / 7 - 3)"], 1),
        (["exp(v / 10)", "exp(v / 20)", "exp(v / 40)", "exp(v / 15)"], 2),
        (["exp(v / 10)", "exp(v / 15)"], 2),
        (["exp(v / 10)", "exp(v / 2)"], 2),
        (["exp(v / 10)", "exp(v * v / 1000)"], 2),
        (["exp(v / 10)", "exp(v / 10 - 500)"], 2),
    ],
    ids=[
        "square",
        "inverse",
        "shifted",
        "in one equation",
        "a family and another",
        "one and a half",
        "fifth power",
        "another argument",
        "a shift beyond what doubles hold",
    ],
)
def test_exponentials_of_multiples_share_one(read, expressions, n_exp):
    before = assignments_of(read, expressions)
    keep = [f"probe.w{i}" for i in range(len(expressions))]
    after = economise(before, keep)
    assert count_operations(after)["exp"] == n_exp
    for V in (-95.0, -12.5, 0.0, 33.0):
        wanted, got = (results(a, {"membrane.V": V}) for a in (before, after))
        for name in keep:
            # exp(b)^4 has four roundings and that of b, up to 60, in full.
            assert got[name] == pytest.approx(wanted[name], rel=1e-13)


@pytest.mark.parametrize(
    ("expressions", "n_divisions"),
    [
        (["1 / (3 + 2 / (1 + exp(v / 10)))"], 1),
        (["1 / (3 + 2 / (1 + exp(v / 10)) + 4 / (1 + exp(-v / 7)))"], 1),
        (["5 / (v / (v + 200))"], 1),
        (["v / 3 / 4"], 0),
        (["1 / (3 + v)"], 1),
        (["3 + 1 / (v + 200) + 1 / (v + 300)"], 2),
    ],
    ids=["time constant", "two terms", "quotient below", "numbers", "plain", "a sum"],
)
def test_divisors_that_hold_quotients_take_one_division(read, expressions, n_divisions):
    before = assignments_of(read, expressions)
    after = economise(before, ["probe.w0"])
    assert count_operations(after)["/"] == n_divisions
    for V in (-95.0, -12.5, 1.5, 33.0):
        wanted, got = (
            results(a, {"membrane.V": V})["probe.w0"] for a in (before, after)
        )
        assert got == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize(
    ("expression", "becomes"),
    [
        ("log(140 / (v + 200))", 0),
        ("26.7 * log(2 * 70 / (v + 200))", 0),
        ("log((v + 200) / (v + 300))", 1),
    ],
    ids=["a number above", "a number in the end", "no number above"],
)
def test_logarithm_of_a_number_over_something_takes_no_division(
    read, expression, becomes
):
    before = assignments_of(read, [expression])
    after = economise(before, ["probe.w0"])
    assert count_operations(before)["/"] == 1
    assert count_operations(after) == {"exp": 0, "log": 1, "/": becomes}
    for V in (-95.0, -59.999, 1.5, 33.0):
        wanted, got = (
            results(a, {"membrane.V": V})["probe.w0"] for a in (before, after)
        )
        # A difference of logarithms near 5, where that of the quotient is near 0.
        assert got == pytest.approx(wanted, rel=1e-14, abs=5e-14)


def test_intermediate_used_once_is_looked_through_and_goes(read):
    tau = "tau = 3 + 2 / (1 + exp(v / 10))"
    for more, n_divisions, stays in (("", 1, False), ("\nw1 = tau", 2, True)):
        equations = read(
            f"[probe]\nv = membrane.V / 1 [mV]\n{tau}\nw0 = 1 / tau{more}\n"
        )
        before = [(n, e) for n, e in observation(equations, ()) if "probe" in n]
        after = economise(
            before, [n for n in ("probe.w0", "probe.w1") if n in dict(before)]
        )
        assert count_operations(after)["/"] == n_divisions
        assert ("probe.tau" in dict(after)) is stays


def test_assignments_stay_in_order(read):
    before = assignments_of(
        read, ["exp(v / 10)", "w0 + exp(v / 5)", "1 / (w1 + 1 / (w0 + exp(-v / 5)))"]
    )
    known = {"membrane.V"}
    for name, expression in economise(before, ["probe.w2"]):
        assert references(expression) <= known
        known.add(name)


@pytest.mark.parametrize("name", available_cells())
def test_step_of_a_cell_keeps_its_values(name):
    step = reaction(model_source(name).equations(), "rush_larsen")
    less = economical(step)
    rng = np.random.default_rng(4)
    cell = compile_cell(name)
    states = cell.initial_states(40)
    states[0] = rng.uniform(-100.0, 60.0, 40)
    states[1:] *= rng.uniform(0.5, 1.0, states[1:].shape)
    for column in states.T:
        known = dict(zip(cell.state_names, column.tolist(), strict=True))
        known |= {step.equations.stimulus: 3.0, "dt": 0.05}
        wanted, got = (results([*s.hoisted, *s.main], known) for s in (step, less))
        for _, new in step.new_states:
            # As the kernels against the oracle: small gates round as 1 does.
            assert got[new] == pytest.approx(wanted[new], rel=1e-12, abs=1e-15)


def test_human_atrial_cell_takes_far_fewer_operations():
    step = reaction(model_source("skibsbye2016").equations(), "rush_larsen")
    before, after = (count_operations(s.main) for s in (step, economical(step)))
    assert after["exp"] <= before["exp"] - 5
    assert after["/"] <= before["/"] - 10


def test_saturated_exponentials_keep_quotients_right(model_file):
    """A gate as steep in calcium as in several cells, far on either side.

    The exponentials reach e^1000 here, and products of two of them are in the merged
    quotient; the scalar oracle divides in turn and is safe.
    """
    body = """
    [ca]
    dot(c) = 0 [1/ms] * c
        in [mM]
    [g]
    use ca.c
    u = (c - 0.5 [mM]) / 0.001 [mM]
    tau = 3 [ms] + 5 [ms] / (1 + exp(u)) + 7 [ms] / (1 + exp(2 * u + 1))
        in [ms]
    dot(x) = (1 / (1 + exp(-u)) - x) / tau
    """
    path = model_file(body, ca_c=0.5, g_x=0.25)
    c = np.array([0.0, 0.2, 0.4, 0.499, 0.5, 0.501, 0.6, 0.9, 1.5])
    after = {}
    for backend in ("numba", "scalar"):
        cell = compile_cell(path, backend=backend)
        states = cell.initial_states(c.size)
        states[cell.state_names.index("ca.c")] = c
        cell.react(states, np.zeros(c.size), dt=2.0)
        after[backend] = states[cell.state_names.index("g.x")]
    np.testing.assert_allclose(after["numba"], after["scalar"], rtol=1e-12)
    # By hand: x_inf is 0 or 1, tau 15 or 3 ms.
    assert after["numba"][0] == pytest.approx(0.25 * math.exp(-2.0 / 15.0), rel=1e-12)
    assert after["numba"][-1] == pytest.approx(
        1.0 - 0.75 * math.exp(-2.0 / 3.0), rel=1e-12
    )
