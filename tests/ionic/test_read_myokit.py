"""Model text to equations: what is read, and what is refused in one line."""

import myokit
import numpy as np
import pytest

from cardiosim.ionic.cell_library import model_path, model_source
from cardiosim.ionic.compiled import compile_cell
from cardiosim.ionic.equations import dot
from cardiosim.ionic.expressions import Number, references
from cardiosim.ionic.read_myokit import read_mmt


def refusal(read, *args, **more) -> str:
    """Message of the ValueError, which is one line and names the cell."""
    with pytest.raises(ValueError) as raised:
        read(*args, **more)
    message = str(raised.value)
    assert "\n" not in message
    assert message.startswith("small: ")
    return message


@pytest.mark.parametrize(
    "equation",
    [
        "w = membrane.V + membrane.i_leak\n    in [mV]",
        "w = membrane.V\n    in [V]",
        "w = exp(membrane.V)",
        "w = 1 [mM] + 1 [uM]\n    in [mM]",
        "w = membrane.V / 2",
    ],
    ids=["sum", "prefix of the result", "exponent", "prefix of a term", "no unit"],
)
def test_units_that_do_not_agree_are_refused(read, equation):
    message = refusal(read, f"[probe]\n{equation}\n")
    assert "units do not agree" in message


def test_derivative_with_a_unit_that_is_not_per_ms_is_refused(read):
    concentration = "[ca]\ndot(c) = 1 [{unit}]\n    in [mM]\n"
    read(concentration.format(unit="mM/ms"), ca_c=1.0)
    message = refusal(read, concentration.format(unit="mM/s"), ca_c=1.0)
    assert "units do not agree" in message


def test_states_of_a_gates_shape_that_are_none_are_named_in_the_header(text):
    body = "[buffer]\ndot(x) = (0.2 - x) / 5 [ms]\n"
    model = text(body, buffer_x=0.1)
    cell = read_mmt(model.replace("[[model]]", "[[model]]\nnot_gates: buffer.x"), "c")
    assert cell.not_gates == ("buffer.x",)
    wrong = model.replace("[[model]]", "[[model]]\nnot_gates: buffer.y")
    with pytest.raises(ValueError, match="meta entry not_gates names buffer.y"):
        read_mmt(wrong, "c")


LOOSE = "[probe]\nw = membrane.V + 1\n    in [mV]\n"
WRONG = "[probe]\nw = membrane.V\n    in [mM]\n"


def test_units_left_out_are_refused_in_shipped_cells_and_a_warning_elsewhere(
    text, read
):
    assert "units do not agree" in refusal(read, LOOSE)
    cell = read_mmt(text(LOOSE), "small", "mine/small.mmt")
    assert "membrane.V + 1" in cell.unit_complaint
    with pytest.raises(ValueError, match=r"^mine/small\.mmt: units do not agree"):
        read_mmt(text(WRONG), "small", "mine/small.mmt")


@pytest.mark.parametrize(
    ("said", "body", "is_taken"),
    [
        ("strict", LOOSE, False),
        ("tolerant", LOOSE, True),
        ("tolerant", WRONG, False),
        ("unchecked", LOOSE, True),
        ("unchecked", WRONG, True),
    ],
)
def test_a_text_is_taken_at_its_word_on_its_units(read, caplog, said, body, is_taken):
    meta = f"units: {said}"
    if is_taken:
        read(body, meta=meta)
    else:
        assert "units do not agree" in refusal(read, body, meta=meta)
    assert caplog.text == ""


def test_what_is_said_of_units_is_one_of_three_words(read):
    message = refusal(read, meta="units: loose")
    assert "'loose'; expected one of strict, tolerant, unchecked" in message


def test_sections_beside_the_model_are_passed_over(text):
    more = text() + "[[protocol]]\n1 0 1 1000 0\n[[script]]\nraise SystemExit\n"
    assert read_mmt(more, "small") == read_mmt(text(), "small")
    with pytest.raises(ValueError, match=r"^small: model text: it has no section"):
        read_mmt("[[protocol]]\n1 0 1 1000 0\n", "small")


@pytest.mark.parametrize("mistake", ["w = (1 + ", "w = 1 + unknown", "w == 1"])
def test_syntax_error_names_its_line(read, text, mistake):
    body = f"[probe]\nv = 1\n{mistake}\n"
    line = 1 + text(body).splitlines().index(mistake)
    assert f"model text, line {line}: " in refusal(read, body)


def test_an_unknown_variable_is_told_once(read):
    message = refusal(read, "[probe]\nw = 1 + unknown\n")
    assert message.count("Unknown variable: <unknown>") == 1
    assert "Did you mean" in message


@pytest.mark.parametrize(
    ("body", "states"),
    [
        ("[ca]\ndot(c) = 1 [mM/s]\n    in [mM]\n", {"ca_c": 1.0}),
        ("[ina]\ndot(m) = (1 - m) * 3 [1/s]\n", {"ina_m": 0.0}),
        ("[ina]\ndot(m) = (1 - m) * 3 [1/s] + 1 [1/ms]\n", {"ina_m": 0.0}),
    ],
    ids=["concentration", "gate", "sum"],
)
def test_a_rate_per_second_is_suspected_where_units_are_1000_apart(read, body, states):
    hint = "time is in ms; is a rate given in 1/s?"
    assert refusal(read, body, **states).endswith(hint)
    other = "[probe]\nw = membrane.V / 1 [ms]\n    in [mM]\n"
    assert hint not in refusal(read, other)


def test_errors_of_a_model_file_name_the_file(model_file):
    path = model_file("[probe]\nw = membrane.V\n    in [mM]\n")
    for read_file in (lambda path: model_source(path).equations(), compile_cell):
        with pytest.raises(ValueError) as raised:
            read_file(path)
        assert str(raised.value).startswith(f"{path}: units do not agree: ")


def test_an_unknown_cell_says_what_a_file_is_called():
    with pytest.raises(ValueError) as raised:
        model_path("nagumi")
    assert str(raised.value) == (
        "unknown cell nagumi; did you mean nagumo; a model file of your own ends in "
        ".mmt, a variant of a cell in .toml"
    )


def test_text_that_is_no_model_is_refused(read):
    with pytest.raises(ValueError, match="^empty: model text: "):
        read_mmt("", "empty")


CELL = """\
[cell]
dot(E) = -E / 10 [ms]
    in [mV]
    {label}
"""


def test_labelled_potential_becomes_row_0_wherever_it_stands(read):
    equations = read(
        CELL.format(label="label membrane_potential"), cell_E=-70.0, V=-80.0
    )
    assert equations.states == ("cell.E", "membrane.V")
    assert equations.initial == (-70.0, -80.0)
    assert equations.membrane_potential == "cell.E"


def test_membrane_V_is_the_potential_without_a_label(read):
    equations = read(CELL.format(label=""), cell_E=-70.0)
    assert equations.states == ("membrane.V", "cell.E")


def test_cell_without_a_potential_is_refused(text):
    nameless = text(CELL.format(label="").replace("[cell]", "[membrane]"))
    nameless = nameless.replace("membrane.V = -80.0", "membrane.E = 0")
    with pytest.raises(ValueError, match="^small: no state is labelled membrane_po"):
        read_mmt(nameless, "small")


def test_label_on_something_else_than_a_state_is_refused(read):
    body = "[probe]\nw = 1 [mV]\n    in [mV]\n    label membrane_potential\n"
    assert "probe.w is labelled membrane_potential but is no" in refusal(read, body)


# The whole model is consistent in each of these, but not in the project's units.
@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("[ms]", "[s]", "time (environment.time) is in [s], expected [ms]"),
        (
            "[mV]",
            "[V]",
            "the membrane potential (membrane.V) is in [V], expected [mV]",
        ),
        (
            "i_stim = 0 [A/F] bind pace\n    in [A/F]",
            "i_stim = 1 [A/F] * p\n    in [A/F]\np = 0 bind pace\n    in [1]",
            "the stimulus (stimulus.p) is in [1], expected",
        ),
        (
            "i_stim = 0 [A/F] bind pace\n    in [A/F]",
            "i_stim = 1 [A/F] * p\n    in [A/F]\np = 0 bind pace",
            "the stimulus (stimulus.p) has no unit, expected",
        ),
    ],
    ids=["time", "potential", "stimulus", "stimulus without a unit"],
)
def test_other_units_than_the_projects_are_refused(text, old, new, complaint):
    body = f"""\
[membrane]
dot(V) = rate * V
    in {"[V]" if old == "[mV]" else "[mV]"}
rate = -1 {"[1/s]" if old == "[ms]" else "[1/ms]"}
    in {"[1/s]" if old == "[ms]" else "[1/ms]"}
"""
    with pytest.raises(ValueError) as raised:
        read_mmt(text(body).replace(old, new), "small")
    assert complaint in str(raised.value)


@pytest.mark.parametrize(
    "body",
    [
        "[probe]\nw = environment.time\n    in [ms]\n",
        "[probe]\ndot(x) = environment.time / 1 [ms^2]\n",
    ],
    ids=["intermediate", "derivative"],
)
def test_equation_that_reads_the_time_is_refused(read, body):
    states = {"probe_x": 0.0} if "dot" in body else {}
    assert "reads environment.time" in refusal(read, body, **states)


def test_fast_state_that_does_not_exist_names_the_nearest(read):
    gate = "[ina]\ndot(m) = (1 - m) / 2 [ms]\n"
    assert read(gate, meta="fast: ina.m", ina_m=0.0).fast == ("ina.m",)
    message = refusal(read, gate, meta="fast: ina.n", ina_m=0.0)
    assert "ina.n, which is no state; did you mean ina.m?" in message


def test_negative_literal_is_a_parameter_like_a_positive_one(read):
    equations = read()
    assert equations.definitions["membrane.E"] == Number(-80.0)
    assert equations.parameters == ("membrane.E",)  # neither the leak nor i_stim


def test_units_are_told_as_text(read):
    equations = read("[g]\ndot(x) = (1 - x) / 2 [ms]\n", g_x=0.0)
    assert equations.units["membrane.V"] == "mV"
    assert equations.units["dot(membrane.V)"] == "mV/ms"
    assert equations.units["membrane.i_leak"] == "A/F"
    assert equations.units["g.x"] == "1"
    assert equations.units["dot(g.x)"] == "1/ms"


def test_derivatives_and_nested_variables_can_be_read_by_equations(read, value_of):
    equations = read(
        """
        [probe]
        w = 2 * dot(membrane.V) + offset
            offset = 3 [mV/ms]
                in [mV/ms]
            in [mV/ms]
        """
    )
    assert dot("membrane.V") in references(equations.definitions["probe.w"])
    # dV/dt = 0.5 - 0.1 (-50 + 80)
    w = value_of(equations, "probe.w", membrane_V=-50.0, stimulus_i_stim=0.5)
    assert w == pytest.approx(2 * (0.5 - 3.0) + 3.0, rel=1e-14)


@pytest.mark.parametrize(
    "expression",
    [
        "-u^2",
        "(-u)^2",
        "2^u",
        "u^3 - u^-1 + (u + 10)^0.5",
        "u - (2 - u) - (-u)",
        "2 / (u + 10) / 3",
        "2 / ((u + 10) / 3)",
        "+u - -u",
        "u // 3",
        "u % 3",
        "-u // 0.7",
        "-u % 0.7",
        "exp(-u) + sqrt(u + 10) + abs(u)",
        "log(u + 10)",
        "log(u + 10, 3)",
        "log10(u + 10)",
        "floor(u) + 10 * ceil(u)",
        "sin(u) + 10 * cos(u) + 100 * tan(u)",
        "asin(u / 10) + 10 * acos(u / 10) + 100 * atan(u)",
        "if(u > 0, exp(u), u)",
        "if(u >= 1, 1, if(u <= -1, 2, 3))",
        "piecewise(u < -1, 1, u < 1, u^2, u < 2, 7, 3)",
        "if(u > 0 and u < 2, 1, 2)",
        "if(u < 0 or u > 2, 1, 2)",
        "if(not (u == 0.5), 1, 2) + if(u != 1, 10, 20)",
    ],
)
def test_expression_means_what_it_means_to_myokit(text, read, value_of, expression):
    body = f"[probe]\nu = membrane.V / 1 [mV]\nw = {expression}\n"
    equations = read(body)
    model = myokit.parse_model(text(body))
    for V in (-3.5, -1.0, 0.25, 0.5, 1.0, 2.25, 7.0):
        model.set_initial_values([V])
        expected = model.get("probe.w").eval()
        # Same operations on the same numbers; the libraries differ in the last bits.
        np.testing.assert_allclose(
            value_of(equations, "probe.w", membrane_V=V), expected, rtol=1e-14
        )
