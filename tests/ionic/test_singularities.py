"""Quotients 0/0 with a finite limit are smooth through it; other quotients stay."""

import math

import numpy as np
import pytest

from cardiosim.ionic.cell_library import available_cells, model_source
from cardiosim.ionic.compiled import compile_cell
from cardiosim.ionic.singularities import remove_singularities

CONSTANTS = """\
[probe]
use membrane.V
v = V / 1 [mV]
F_RT = 96.485 [C/mmol] / (8.314 [J/mol/K] * 310 [K])
    in [1/mV]
ci = 0.2
co = 1.8
z = V * F_RT
bottom = 1 - exp(-0.1 * (v + 47.13))
e = exp(-0.1 * (v + 47.13))
one = 1
V0 = -30 [mV]
    in [mV]
k = 8 [mV]
    in [mV]
"""

# expression, V at which it is 0/0 (mV), its limit there (first terms of the series)
REMOVABLE = {
    "rate of Courtemanche's m": (
        "0.32 * (v + 47.13) / (1 - exp(-0.1 * (v + 47.13)))",
        -47.13,
        0.32 / 0.1,
    ),
    "the other sign": ("(v + 47.13) / (exp(0.1 * (v + 47.13)) - 1)", -47.13, 10.0),
    "rate of Hodgkin and Huxley's n": (
        "0.01 * (10 - v) / (exp((10 - v) / 10) - 1)",
        10.0,
        0.1,
    ),
    "minus one in front": ("(v - 3) / (-1 + exp((v - 3) / 4))", 3.0, 4.0),
    "a minus before the quotient": ("-(v - 3) / (1 - exp((v - 3) / 4))", 3.0, 4.0),
    "expanded": ("(0.1 * v + 4.713) / (1 - exp(-(v + 47.13) / 10))", -47.13, 1.0),
    "denominator through an intermediate": ("(v + 47.13) / bottom", -47.13, 10.0),
    "exponential through an intermediate": ("(v + 47.13) / (1 - e)", -47.13, 10.0),
    "one through an intermediate": ("(v + 47.13) / (one - e)", -47.13, 10.0),
    "inside a condition": (
        "if(v < -40, (v + 47.13) / (1 - exp(-0.1 * (v + 47.13))), 3)",
        -47.13,
        10.0,
    ),
    "Goldman-Hodgkin-Katz": (
        "z * (ci * exp(z) - co) / (exp(z) - 1)",
        0.0,
        0.2 - 1.8,
    ),
    "Goldman-Hodgkin-Katz, factor first": (
        "4 * V * F_RT * ((ci * exp(2 * z) - 0.3 * co) / (exp(2 * z) - 1))",
        0.0,
        2 * (0.2 - 0.3 * 1.8),
    ),
    "factor last": ("3 / (exp(2 * z) - 1) * z", 0.0, 1.5),
    "ten Tusscher's I_CaL": (
        "4 * (V - 15 [mV]) * F_RT"
        " * (0.25 * ci * exp(2 * (V - 15 [mV]) * F_RT) - co)"
        " / (exp(2 * (V - 15 [mV]) * F_RT) - 1)",
        15.0,
        2 * (0.25 * 0.2 - 1.8),
    ),
    "time constant of Courtemanche's d": (
        "(1 - exp(-(v + 10) / 6.24))"
        " / (0.035 * (v + 10) * (1 + exp(-(v + 10) / 6.24)))",
        -10.0,
        1.0 / 6.24 / (0.035 * 2.0),
    ),
    "inverse, the other sign": ("(exp(0.2 * v) - 1) / v", 0.0, 0.2),
    "named half-activation and slope": (
        "(V - V0) / k / (1 - exp(-(V - V0) / k))",
        -30.0,
        1.0,
    ),
}

removable = pytest.mark.parametrize(
    ("expression", "V0", "limit"), REMOVABLE.values(), ids=REMOVABLE.keys()
)


def probe(expression):
    return f"{CONSTANTS}w = {expression}\n"


@removable
def test_value_is_the_limit(read, value_of, expression, V0, limit):
    equations = read(probe(expression))
    with pytest.raises(ZeroDivisionError):  # so that there is something to remove
        value_of(equations, "probe.w", membrane_V=V0)
    safe, count = remove_singularities(equations)
    assert count == 1
    # V0 itself carries half a unit in the last place, as does every term.
    assert value_of(safe, "probe.w", membrane_V=V0) == pytest.approx(limit, rel=1e-13)


@removable
def test_values_beside_the_limit_are_smooth(read, value_of, expression, V0, limit):
    safe, _ = remove_singularities(read(probe(expression)))
    h = 1e-9  # mV
    below, above = (value_of(safe, "probe.w", membrane_V=V) for V in (V0 - h, V0 + h))
    # No shape varies by more than its own value in a millivolt, and V0 +- h has
    # rounding errors of 1e-14 mV; the quotient as written is off by 1e-6 here.
    assert abs(above / limit - 1.0) < 1.1e-9
    assert abs(below / limit - 1.0) < 1.1e-9
    assert abs((above + below) / (2.0 * limit) - 1.0) < 1e-13


@removable
def test_values_away_from_the_limit_are_as_written(
    read, value_of, expression, V0, limit
):
    equations = read(probe(expression))
    safe, _ = remove_singularities(equations)
    for V in (-95.5, -60.0, -41.0, -1.0, 2.0, 13.5, 40.0):
        # exp(u) - 1 as written loses two digits at the nearest of these.
        np.testing.assert_allclose(
            value_of(safe, "probe.w", membrane_V=V),
            value_of(equations, "probe.w", membrane_V=V),
            rtol=1e-13,
        )


@pytest.mark.parametrize(
    "expression",
    [
        "1 / (exp(v / 5) - 1)",
        "(v + 40) / (1 - exp(-0.1 * (v + 47.13)))",
        "(v + 47.13) / (1 + exp(-0.1 * (v + 47.13)))",
        "(v + 47.13) / (2 - exp(-0.1 * (v + 47.13)))",
        "(v + 47.13)^2 / (1 - exp(-0.1 * v))",
        "(v + 47.13) / (1 - exp(-0.1 * (v + 47.13)^2))",
        "3 / v",
    ],
    ids=[
        "a pole",
        "roots apart",
        "no singularity",
        "no singularity either",
        "square above",
        "square below",
        "a reciprocal",
    ],
)
def test_other_quotients_are_left_alone(read, expression):
    equations = read(probe(expression))
    safe, count = remove_singularities(equations)
    assert count == 0
    assert safe.definitions["probe.w"] == equations.definitions["probe.w"]


def test_several_in_one_equation_are_all_removed(read, value_of):
    shapes = [shape for shape, _, _ in REMOVABLE.values() if "if(" not in shape]
    equations = read(probe(" + ".join(f"({shape})" for shape in shapes)))
    safe, count = remove_singularities(equations)
    assert count == len(shapes)
    for _, V0, _ in REMOVABLE.values():
        assert math.isfinite(value_of(safe, "probe.w", membrane_V=V0))


def test_roots_that_a_free_parameter_can_part_are_left_alone(read):
    """At V0 = -30 mV the roots agree, but V0 is about to get other values."""
    shape = "(V + 30 [mV]) / (1 - exp(-(V - V0) / k))\n    in [mV]"
    equations = read(probe(shape))
    assert remove_singularities(equations)[1] == 1
    assert remove_singularities(equations, ("probe.k",))[1] == 1
    assert remove_singularities(equations, ("probe.V0",))[1] == 0
    # Nor is a free parameter that happens to be 1 the one of exp(u) - 1.
    equations = read(probe("(v + 47.13) / (one - e)"))
    assert remove_singularities(equations)[1] == 1
    assert remove_singularities(equations, ("probe.one",))[1] == 0


def test_roots_that_move_together_with_a_free_parameter_stay_safe(model_file):
    rate = "dot(x) = w * 1 [1/ms]\n"
    text = probe("(V - V0) / k / (1 - exp(-(V - V0) / k))") + rate
    path = model_file(text, probe_x=0.0)
    V0 = np.array([-30.0, -20.0, 0.0, 12.5])
    cell = compile_cell(path, parameters={"probe.V0": V0, "probe.k": 5.0})
    assert cell.facts["singularities"] == 1
    states = cell.initial_states(4)
    for shift, expected in ((0.0, 1.0), (5.0, 1.0 / (1.0 - math.exp(-1.0)))):
        states[0] = V0 + shift
        np.testing.assert_allclose(
            cell.observe(states, ["probe.w"])[0], expected, rtol=1e-14
        )


def test_those_that_no_step_meets_are_not_counted(model_file):
    """Behind a condition that constants decide, or in what nothing reads."""
    shape = probe("(v + 47.13) / (1 - exp(-0.1 * (v + 47.13)))")
    for factor, count in (("w", 1), ("if(one > 0.5, w, 2)", 1), ("2", 0)):
        path = model_file(f"{shape}dot(x) = {factor} * 1 [1/ms]\n", probe_x=0.0)
        assert compile_cell(path).facts["singularities"] == count
    path = model_file(f"{shape}dot(x) = if(one > 2, w, 2) * 1 [1/ms]\n", probe_x=0.0)
    assert compile_cell(path).facts["singularities"] == 0


def schemes_of_cells():
    for name in available_cells():
        yield name, "rush_larsen"
        if model_source(name).equations().fast:
            yield name, "multirate"


@pytest.mark.parametrize(("name", "scheme"), list(schemes_of_cells()))
def test_steps_are_finite_on_every_whole_millivolt(name, scheme):
    cell = compile_cell(name, scheme=scheme)
    states = cell.initial_states(161)
    states[0] = np.arange(-100.0, 61.0)
    cell.react(states, np.zeros(161), dt=0.02)
    assert np.isfinite(states).all()


def test_kernel_is_finite_in_the_middle_of_every_shape(model_file):
    """Through production and oracle kernels, with a state for each shape."""
    initial = {f"p{i}_x": 0.0 for i in range(len(REMOVABLE))}
    body = CONSTANTS + "".join(
        f"[p{i}]\nuse membrane.V, probe.v, probe.F_RT, probe.ci, probe.co, probe.z\n"
        f"use probe.bottom, probe.e, probe.one, probe.V0, probe.k\n"
        f"dot(x) = 1 [1/ms] * ({shape})\n"
        for i, (shape, _, _) in enumerate(REMOVABLE.values())
    )
    path = model_file(body, **initial)
    # Every state's slope at its own V0, read off a step of 1 ms.
    V0 = np.array([V0 for _, V0, _ in REMOVABLE.values()])
    for backend in ("numba", "scalar"):
        cell = compile_cell(path, backend=backend)
        assert cell.facts["singularities"] == len(REMOVABLE)
        states = cell.initial_states(V0.size)
        states[0] = V0
        cell.react(states, np.zeros(V0.size), dt=1.0)
        assert np.isfinite(states).all()
        for i, (_, _, limit) in enumerate(REMOVABLE.values()):
            assert states[cell.state_names.index(f"p{i}.x"), i] == pytest.approx(
                limit, rel=1e-13
            )
