"""Equations are evaluated after what they need, derivatives included."""

import myokit
import numpy as np
import pytest

from cardiosim.ionic.compiled import compile_cell
from cardiosim.ionic.expressions import Apply, Name, Number, references
from cardiosim.ionic.ordering import schedule
from cardiosim.ionic.reaction import observation, reaction


def add(*names):
    """Sum of the names, as a tree."""
    expression = Number(1.0)
    for name in names:
        expression = Apply("+", (expression, Name(name)))
    return expression


def test_names_come_after_what_they_need_and_none_twice():
    definitions = {
        "a": add("b", "c"),
        "b": add("c", "d"),
        "c": add("d", "x"),
        "d": add("x"),
        "not needed": add("a"),
    }
    assert schedule([Name("a"), Name("b")], definitions, {"x"}) == ["d", "c", "b", "a"]


def test_what_is_known_is_not_scheduled():
    definitions = {"a": add("b"), "b": add("c"), "c": add()}
    assert schedule([Name("a")], definitions, {"b"}) == ["a"]
    assert schedule([Name("b")], definitions, {"b"}) == []


def test_circle_is_refused_and_named():
    definitions = {
        "start": add("dot(x)"),
        "dot(x)": add("flux"),
        "flux": add("y", "dot(y)"),
        "dot(y)": add("dot(x)"),
    }
    with pytest.raises(ValueError) as raised:
        schedule([Name("start")], definitions, {"x", "y"})
    circle = "dot(x) -> flux -> dot(y) -> dot(x)"
    assert str(raised.value) == f"equations depend on each other: {circle}"


# A buffer that follows the derivative of calcium, whose derivative holds that of V,
# as in cells that balance charges.
CHAIN = """\
[buffer]
dot(b) = 0.5 * rate
    in [mM]
rate = dot(ca.c) - b / 20 [ms]
    in [mM/ms]
[ca]
dot(c) = 0.01 [mM/mV] * dot(membrane.V) - c / 10 [ms]
    in [mM]
"""


def test_derivatives_inside_other_equations_are_evaluated_first(read):
    equations = read(CHAIN, buffer_b=0.5, ca_c=2.0)
    for assignments in (
        reaction(equations, "rush_larsen").main,
        observation(equations, ()),
    ):
        order = [name for name, _ in assignments]
        assert order.index("dot(membrane.V)") < order.index("dot(ca.c)")
        assert order.index("dot(ca.c)") < order.index("buffer.rate")
        known = {*equations.states, "dt", equations.stimulus}
        for name, expression in assignments:
            assert references(expression) <= known
            known.add(name)


def test_compiled_step_uses_the_derivatives_of_the_same_moment(text, model_file):
    """All derivatives belong to the start of the step, whatever the order of states."""
    initial = {"buffer_b": 0.5, "ca_c": 2.0}
    model = myokit.parse_model(text(CHAIN, V=-50.0, **initial))
    slopes = model.evaluate_derivatives([-50.0, 0.5, 2.0], inputs={"pace": 4.0})
    cell = compile_cell(model_file(CHAIN, V=-50.0, **initial))
    states, i_stim = cell.initial_states(3), np.full(3, 4.0)
    names = [f"dot({state})" for state in cell.state_names]
    observed = cell.observe(states, names, i_stim)
    before = states.copy()
    cell.react(states, i_stim, dt=0.25)
    for node in range(3):
        np.testing.assert_allclose(observed[:, node], slopes, rtol=1e-14)
        np.testing.assert_allclose(
            states[:, node], before[:, node] + 0.25 * np.array(slopes), rtol=1e-14
        )
