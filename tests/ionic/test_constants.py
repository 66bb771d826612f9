"""Constant folding: what becomes a number, what stays a variable."""

import pytest

from cardiosim.ionic.cell_library import available_cells, model_source
from cardiosim.ionic.constants import fold_constants
from cardiosim.ionic.expressions import Apply, Name, Number, references, walk

CHAIN = """\
[k]
a = 2
b = 3 * a
c = sqrt(b + a + 1) - exp(0) + (if(a > b, 100, a^3))
w = c * membrane.V / 1 [mV] + a * b
"""


def test_constants_become_numbers_through_any_number_of_steps(read):
    folded = fold_constants(read(CHAIN), ())
    assert folded.definitions["k.b"] == Number(6.0)
    assert folded.definitions["k.c"] == Number(3.0 - 1.0 + 8.0)


def test_no_equation_refers_to_a_constant_any_more(read):
    folded = fold_constants(read(CHAIN), ())
    assert references(folded.definitions["k.w"]) == {"membrane.V"}
    assert folded.definitions["k.w"] == Apply(
        "+", (Apply("*", (Number(10.0), Name("membrane.V"))), Number(12.0))
    )


def test_constants_can_still_be_recorded(read):
    equations = read(CHAIN)
    assert set(fold_constants(equations, ()).variables) == set(equations.variables)


def test_free_parameter_and_all_that_depends_on_it_stay_variables(read):
    folded = fold_constants(read(CHAIN), ("k.a",))
    assert references(folded.definitions["k.b"]) == {"k.a"}
    assert references(folded.definitions["k.c"]) == {"k.a", "k.b"}
    assert folded.definitions["k.a"] == Number(2.0)  # the model's value, as a default


def test_stimulus_stays_a_variable_though_its_definition_is_zero(read):
    folded = fold_constants(read(CHAIN), ())
    assert "stimulus.i_stim" in references(folded.rate("membrane.V"))


@pytest.mark.parametrize(
    ("expression", "folded"),
    [
        ("0 * v", Number(0.0)),
        ("v * 0", Number(0.0)),
        ("0 / v", Number(0.0)),
        ("v * 1", Name("k.v")),
        ("v / 1", Name("k.v")),
        ("v + 0", Name("k.v")),
        ("0 + v", Name("k.v")),
        ("v - 0", Name("k.v")),
        ("0 - v", Apply("neg", (Name("k.v"),))),
        ("-(-v)", Name("k.v")),
        ("v^1", Name("k.v")),
        ("if(one == 1, v, 2 * v)", Name("k.v")),
        ("if(one == 2, 2 * v, v)", Name("k.v")),
        ("if(one == 1 and one > 0, v, 2 * v)", Name("k.v")),
        ("if(one == 2 and v > 0, 2 * v, v)", Name("k.v")),
        ("if(v > 0 or one == 1, v, 2 * v)", Name("k.v")),
        (
            "if(v > 0 and one == 1, v, 2)",
            Apply(
                "select",
                (Apply(">", (Name("k.v"), Number(0.0))), Name("k.v"), Number(2.0)),
            ),
        ),
        (
            "if(one == 2 or v > 0, v, 2)",
            Apply(
                "select",
                (Apply(">", (Name("k.v"), Number(0.0))), Name("k.v"), Number(2.0)),
            ),
        ),
    ],
)
def test_neutral_elements_and_known_conditions_go(read, expression, folded):
    equations = read(f"[k]\none = 1\nv = membrane.V / 1 [mV]\nw = {expression}\n")
    assert fold_constants(equations, ()).definitions["k.w"] == folded


@pytest.mark.parametrize("expression", ["1 / k", "log(-1 - k)", "exp(1000 + k)"])
def test_constant_without_a_value_names_cell_and_variable(read, expression):
    equations = read(f"[p]\nk = 0\nw = {expression}\n")
    with pytest.raises(ValueError, match="^small: p.w: constant expression .* no val"):
        fold_constants(equations, ())


def test_constant_without_a_value_does_no_harm_where_it_is_never_taken(read):
    equations = read("[p]\nk = 0\nw = if(k == 0, 5, 1 / k)\n")
    assert fold_constants(equations, ()).definitions["p.w"] == Number(5.0)
    with pytest.raises(ValueError, match="p.w"):  # V decides, and may take it
        fold_constants(read("[p]\nk = 0\nw = if(membrane.V > 0 [mV], 5, 1 / k)\n"), ())


@pytest.mark.parametrize("name", available_cells())
def test_folding_changes_no_value(name, value_of):
    equations = model_source(name).equations()
    folded = fold_constants(equations, ())
    is_constant = 0
    for variable, expression in equations.definitions.items():
        # Folding regroups nothing: it evaluates the same operations earlier.
        assert value_of(folded, variable) == pytest.approx(
            value_of(equations, variable), rel=1e-15
        )
        if not isinstance(expression, Number):
            is_constant += isinstance(folded.definitions[variable], Number)
    expected = {"skibsbye2016": 25, "nagumo": 0}
    assert is_constant >= expected.get(name, 0)


@pytest.mark.parametrize("name", available_cells())
def test_folded_cell_has_no_operation_on_numbers_alone(name):
    folded = fold_constants(model_source(name).equations(), ())
    for expression in folded.definitions.values():
        for node in walk(expression):
            assert not isinstance(node, Apply) or not all(
                isinstance(a, Number) for a in node.arguments
            )
