"""Gates are found by the shape of their equation, and stepped exactly."""

import math

import numpy as np
import pytest

from cardiosim.ionic.compiled import compile_cell
from cardiosim.ionic.constants import fold_constants
from cardiosim.ionic.gates import find_gates

# One gate, written in many ways: alpha = 0.1 exp(V/20), beta = 0.05 exp(-V/30).
RATES = """\
[g]
use membrane.V
alpha = 0.1 [1/ms] * exp(V / 20 [mV])
    in [1/ms]
beta = 0.05 [1/ms] * exp(-V / 30 [mV])
    in [1/ms]
inf = alpha / (alpha + beta)
tau = 1 / (alpha + beta)
    in [ms]
"""

SHAPES = {
    "steady state and time constant": "(inf - x) / tau",
    "the same with the sign outside": "-(x - inf) / tau",
    "opening and closing rate": "alpha * (1 - x) - beta * x",
    "rates gathered": "alpha - (alpha + beta) * x",
    "rate in front": "(alpha + beta) * (inf - x)",
    "product of quotients": "(inf - x) * (1 / tau)",
    "sum of quotients": "inf / tau - x / tau",
    "the same in both arms": "if(V > 0 [mV], (inf - x) / tau, (inf - x) / tau)",
    "factor chosen by a condition": (
        "if(V > 0 [mV], 0.5, 2) * (if(V > 0 [mV], 2, 0.5)) * (inf - x) / tau"
    ),
}


def alpha_beta(V):
    return 0.1 * np.exp(V / 20.0), 0.05 * np.exp(-V / 30.0)


def gates_of(equations):
    return find_gates(fold_constants(equations, ()))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("V", [-90.0, -20.0, 40.0])
def test_gate_of_any_shape_follows_its_exponential(read, step, shape, V):
    equations = read(f"{RATES}dot(x) = {shape}\n", g_x=0.3)
    assert list(gates_of(equations)) == ["g.x"]

    dt = 7.0  # ms: one to seven time constants; forward Euler is far off
    alpha, beta = alpha_beta(V)
    inf = alpha / (alpha + beta)
    expected = inf + (0.3 - inf) * math.exp(-dt * (alpha + beta))
    # Eight operations, each correct to rounding.
    assert step(equations, dt, membrane_V=V)["g.x"] == pytest.approx(
        expected, rel=1e-14
    )


def test_gate_through_an_intermediate_is_found(read, step):
    equations = read(
        f"{RATES}distance = inf - x\nspeed = distance / tau\n    in [1/ms]\n"
        "dot(x) = speed\n",
        g_x=0.3,
    )
    assert list(gates_of(equations)) == ["g.x"]
    alpha, beta = alpha_beta(-20.0)
    inf = alpha / (alpha + beta)
    expected = inf + (0.3 - inf) * math.exp(-7.0 * (alpha + beta))
    assert step(equations, 7.0, membrane_V=-20.0)["g.x"] == pytest.approx(
        expected, rel=1e-14
    )


CALCIUM = """\
[ca]
dot(c) = -J
    in [mM]
J = c / 50 [ms]
    in [mM/ms]
"""


@pytest.mark.parametrize(
    ("inf", "expected_inf"),
    [
        ("1 / (1 + (ca.c / 0.5 [mM])^2)", 1 / (1 + (0.2 / 0.5) ** 2)),
        ("1 / (1 + exp(ca.J / 0.01 [mM/ms]))", 1 / (1 + math.exp(0.2 / 50 / 0.01))),
        (
            "1 / (1 + exp(dot(ca.c) / 0.01 [mM/ms]))",
            1 / (1 + math.exp(-0.2 / 50 / 0.01)),
        ),
        ("other.y^2", 0.6**2),
    ],
    ids=["concentration", "flux", "derivative", "another gate"],
)
def test_gate_may_depend_on_anything_but_itself(read, step, inf, expected_inf):
    body = f"""{CALCIUM}
[other]
dot(y) = (0.5 - y) / 4 [ms]
[g]
inf = {inf}
dot(x) = (inf - x) / 3 [ms]
"""
    equations = read(body, ca_c=0.2, other_y=0.6, g_x=0.9)
    assert list(gates_of(equations)) == ["other.y", "g.x"]
    expected = expected_inf + (0.9 - expected_inf) * math.exp(-2.0 / 3.0)
    assert step(equations, 2.0)["g.x"] == pytest.approx(expected, rel=1e-14)


def test_gate_whose_equation_depends_on_a_condition_takes_the_arm_that_holds(
    read, step
):
    equations = read(
        """
        [g]
        use membrane.V
        dot(x) = if(V < -40 [mV], (0.8 - x) / 3 [ms], (0.1 - x) / 5 [ms])
        """,
        g_x=0.5,
    )
    assert list(gates_of(equations)) == ["g.x"]
    for V, inf, tau in ((-60.0, 0.8, 3.0), (0.0, 0.1, 5.0)):
        expected = inf + (0.5 - inf) * math.exp(-4.0 / tau)
        assert step(equations, 4.0, membrane_V=V)["g.x"] == pytest.approx(
            expected, rel=1e-14
        )


def test_gate_that_rests_in_one_arm_stays_as_it_is_there(read, step):
    """The steady state is 0/0 in the arm that rests, and must not be evaluated."""
    equations = read(
        """
        [g]
        use membrane.V
        dot(x) = if(V < -40 [mV], (0.8 - x) / 3 [ms], 0 [1/ms])
        """,
        g_x=0.5,
    )
    assert list(gates_of(equations)) == ["g.x"]
    assert step(equations, 4.0, membrane_V=0.0)["g.x"] == 0.5
    expected = 0.8 - 0.3 * math.exp(-4.0 / 3.0)
    assert step(equations, 4.0, membrane_V=-60.0)["g.x"] == pytest.approx(
        expected, rel=1e-14
    )


@pytest.mark.parametrize(
    "rate",
    [
        "(0.5 - x)^2 / 3 [ms]",
        "x * (1 - x) / 3 [ms]",
        "(exp(-x) - x) / 3 [ms]",
        "(0.5 - x) / (3 [ms] * (1 + x))",
        "if(x < 0.4, (0.5 - x) / 3 [ms], (0.5 - x) / 5 [ms])",
        "if(membrane.V < 0 [mV], (0.5 - x) / 3 [ms], 0.1 [1/ms])",
        "0.1 [1/ms]",
        "0 [1/ms]",
    ],
)
def test_state_that_is_no_gate_takes_an_euler_step(read, step, value_of, rate):
    equations = read(f"[g]\ndot(x) = {rate}\n", g_x=0.3)
    assert gates_of(equations) == {}
    slope = value_of(equations, "dot(g.x)")
    assert step(equations, 0.5)["g.x"] == pytest.approx(0.3 + 0.5 * slope, rel=1e-15)


def test_gate_that_comes_back_through_a_flux_is_frozen_over_the_step(read, step):
    """A release gate whose steady state depends on the flux that it gates."""
    body = """
    [g]
    flux = 2 * x
    x_inf = 1 / (1 + flux)
    dot(x) = (x_inf - x) / 3 [ms]
    """
    equations = read(body, g_x=0.3)
    assert list(gates_of(equations)) == ["g.x"]
    x_inf = 1.0 / 1.6
    expected = x_inf + (0.3 - x_inf) * math.exp(-0.5 / 3.0)
    assert step(equations, 0.5)["g.x"] == pytest.approx(expected, rel=1e-14)


def test_concentrations_and_the_potential_are_no_gates(read, step):
    """Their losses are gains elsewhere, which only a common Euler step conserves."""
    equations = read(
        """
        [a]
        dot(c) = b.J
            in [mM]
        [b]
        dot(c) = -J
            in [mM]
        J = (c - a.c) / 5 [ms]
            in [mM/ms]
        """,
        a_c=1.0,
        b_c=4.0,
    )
    assert gates_of(equations) == {}
    after = step(equations, 2.0)
    assert after["a.c"] == pytest.approx(1.0 + 2.0 * 3.0 / 5.0, rel=1e-15)
    assert after["a.c"] + after["b.c"] == pytest.approx(5.0, rel=1e-15)
    # dV/dt = -0.1 (V + 80) is linear in V, and its step is Euler's all the same.
    assert step(equations, 2.0, membrane_V=-50.0)["membrane.V"] == pytest.approx(
        -50.0 - 2.0 * 3.0, rel=1e-15
    )


def test_compiled_step_is_exact_while_the_potential_is_held(model_file):
    """One step of 5 ms, 50 of 0.1 ms and the exponential are the same."""
    held = "[membrane]\ndot(V) = 0 * stimulus.i_stim\n    in [mV]\n"
    cell = compile_cell(
        model_file(f"{held}{RATES}dot(x) = alpha * (1 - x) - beta * x\n", g_x=0.3)
    )
    V = np.arange(-100.0, 61.0)
    once, often = (cell.initial_states(V.size) for _ in range(2))
    once[0] = often[0] = V
    cell.react(once, np.zeros(V.size), dt=5.0)
    cell.react(often, np.zeros(V.size), dt=0.1, n_steps=50)

    alpha, beta = alpha_beta(V)
    inf = alpha / (alpha + beta)
    expected = inf + (0.3 - inf) * np.exp(-5.0 * (alpha + beta))
    # Errors of single steps, 3e-16 times the exponents (up to 10), add up.
    np.testing.assert_allclose(once[1], expected, rtol=1e-14)
    np.testing.assert_allclose(often[1], expected, rtol=1e-13)
    assert (once[0] == V).all()
