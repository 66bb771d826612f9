"""Foreign models at the project's conventions: the same cell, driven by the pace."""

import math
from pathlib import Path

import myokit
import numpy as np
import pytest
from numpy.testing import assert_allclose

from cardiosim.ionic.compiled import compile_cell
from cardiosim.ionic.equations import dot
from cardiosim.ionic.gates import find_gates
from cardiosim.ionic.import_model import import_model
from cardiosim.ionic.read_cellml import read_cellml
from cardiosim.ionic.read_myokit import read_mmt
from cardiosim.ionic.singularities import remove_singularities
from tests.ionic.cellml_text import squid_axon

VERSIONS = ("1.0", "1.1", "2.0")
# Cells of the CellML repository that come with Myokit; units are those of the files.
PUBLISHED = Path(myokit.__file__).parent / "tests" / "data" / "formats" / "cellml"
published = pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason="Myokit is installed without its test data"
)


@pytest.fixture
def foreign(tmp_path):
    """Write a model to a file and import it."""

    def read(text: str, name: str = "foreign.mmt", **more):
        path = tmp_path / name
        path.write_text(text)
        return import_model(path, **more)

    return read


@pytest.fixture
def axon(foreign):
    """The squid axon of a CellML version, and its equations."""

    def read(version: str = "1.0"):
        imported = foreign(squid_axon(version), "axon.cellml")
        return imported, read_mmt(imported.text, imported.name)

    return read


def hodgkin_huxley(V, m, h, n, pace):
    """Derivatives per ms of V (mV), m, h, n, and K_i, as the paper has them.

    g in mS/uF and potentials in mV; V is the paper's depolarisation minus 65 mV.
    """
    i_Na = 120.0 * m**3 * h * (V - 50.0)
    i_K = 36.0 * n**4 * (V + 77.0)
    i_L = 0.3 * (V + 54.4)

    def opening(u):
        return u / (1.0 - math.exp(-u / 10.0))

    alpha_m, beta_m = 0.1 * opening(V + 40.0), 4.0 * math.exp(-(V + 65.0) / 18.0)
    alpha_h = 0.07 * math.exp(-(V + 65.0) / 20.0)
    beta_h = 1.0 / (1.0 + math.exp(-(V + 35.0) / 10.0))
    alpha_n = 0.01 * opening(V + 55.0)
    beta_n = 0.125 * math.exp(-(V + 65.0) / 80.0)
    return {
        "membrane.V": pace - (i_Na + i_K + i_L),
        "membrane.K_i": (pace - i_K) * 100.0 / 1e6 / 1000.0,
        "activation.m": alpha_m * (1.0 - m) - beta_m * m,
        "inactivation.h": alpha_h * (1.0 - h) - beta_h * h,
        "potassium.n": alpha_n * (1.0 - n) - beta_n * n,
    }


# The conversion


@pytest.mark.parametrize("version", VERSIONS)
def test_cellml_in_volt_second_and_pA_is_the_cell_of_its_paper(axon, value_of, version):
    _, equations = axon(version)
    generator = np.random.default_rng(3)
    for pace in (0.0, 1.0, -7.5):
        V, gates = generator.uniform(-100.0, 50.0), generator.uniform(0.01, 0.99, 3)
        m, h, n = map(float, gates)
        states = {"activation_m": m, "inactivation_h": h, "potassium_n": n}
        for state, expected in hodgkin_huxley(V, m, h, n, pace).items():
            computed = value_of(
                equations, dot(state), membrane_V=V, stimulus_pace=pace, **states
            )
            # Rounding of a dozen operations, where currents of 1e3 A/F cancel.
            assert_allclose(computed, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("version", VERSIONS)
def test_all_versions_of_cellml_give_the_same_cell(axon, version):
    imported, equations = axon(version)
    assert imported.warnings == ()
    assert equations.states[0] == "membrane.V"
    assert equations.initial[0] == pytest.approx(-65.0, rel=1e-15)
    assert equations.units["membrane.V"] == "mV"
    assert equations.stimulus == "stimulus.pace"
    assert equations.units[equations.stimulus] == "A/F"
    assert equations.fast == ("activation.m", "inactivation.h")
    assert set(find_gates(equations)) == {
        "activation.m",
        "inactivation.h",
        "potassium.n",
    }
    # alpha_m at -40 mV and alpha_n at -55 mV
    assert remove_singularities(equations)[1] == 2


def test_what_was_guessed_is_told(axon):
    guesses = "\n".join(axon()[0].guesses)
    assert (
        "membrane potential: membrane.V (the only state that is a voltage)" in guesses
    )
    assert "(membrane.V) converted from [V] to [mV]" in guesses
    assert "(environment.time) converted from [s] to [ms]" in guesses
    assert "I_stim = -stimulus.pace * membrane.C_m, so that 1 A/F" in guesses
    assert "stim_amplitude = -2000 [pA]" in guesses
    assert "units agree everywhere (strict check)" in guesses


def test_imported_cell_fires_when_it_is_stimulated(axon, tmp_path):
    path = tmp_path / "axon.mmt"
    path.write_text(axon()[0].text)
    cell = compile_cell(path, scheme="multirate")
    states = cell.initial_states(2)
    peak = states[0].copy()
    for step in range(1000):
        pulse = np.array([0.0, 20.0 if step < 100 else 0.0])
        cell.react(states, pulse, 0.01)
        peak = np.maximum(peak, states[0])
    # The axon overshoots zero by some 40 mV; at rest it stays within a mV of -65 mV.
    assert 30.0 < peak[1] < 50.0
    assert abs(peak[0] + 65.0) < 1.0


@published
@pytest.mark.parametrize(
    ("file", "stimulus", "potassium"),
    [
        ("br-1977.cellml", "stimulus_protocol.Istim", None),
        ("corrias.cellml", "membrane.i_stim", "membrane.K_i"),
        ("decker-2009.cellml", "membrane.i_Stim", "K.K_i"),
    ],
)
def test_published_cells_keep_their_derivatives(file, stimulus, potassium):
    """Currents in uA/mm2, pA and A/F; depolarised by positive and negative ones."""
    imported = import_model(PUBLISHED / file)
    before, after = read_cellml(PUBLISHED / file)[0], myokit.parse_model(imported.text)
    before.get(stimulus).set_rhs(0)
    names = [state.qname() for state in after.states()]
    assert names == [state.qname() for state in before.states()]
    V = after.label("membrane_potential").index()
    initial = np.array(after.initial_values(as_floats=True))
    generator = np.random.default_rng(7)
    for _ in range(4):
        state = initial * generator.uniform(0.8, 1.2, initial.size)
        state[V] = generator.uniform(-100.0, 50.0)
        old, new = (np.array(m.evaluate_derivatives(state)) for m in (before, after))
        assert_allclose(new, old, rtol=1e-9)
        paced = np.array(after.evaluate_derivatives(state, inputs={"pace": 1e3}))
        # Of a sum with 1e3 A/F in it some 1e-13 is rounding.
        assert (paced - new)[V] == pytest.approx(1e3, rel=1e-12)
        changed = {n for n, a, b in zip(names, paced, new, strict=True) if a != b}
        assert changed == {names[V]} | ({potassium} if potassium else set())
    assert imported.warnings == ()


# Models of Myokit, and what is guessed of them

CELL = """\
[[model]]
membrane.{V} = -80
[engine]
time = 0 [{time}] bind time
    in [{time}]
pace = 0 bind pace
[stimulus]
{s} = engine.pace * level
    in [uA/cm^2]
level = -25 [uA/cm^2]
    in [uA/cm^2]
[membrane]
dot({V}) = -(i_leak + stimulus.{s}) / C
    in [mV]
i_leak = g * ({V} + 80 [mV])
    in [uA/cm^2]
g = 0.1 [mS/cm^2]
    in [mS/cm^2]
C = 2 [uF/cm^2]
    in [uF/cm^2]
"""


@pytest.mark.parametrize("V", ["V", "Vm", "V_m", "E", "v", "anything"])
@pytest.mark.parametrize("s", ["i_stim", "IStim", "i_app", "stimulus", "J_ext", "q"])
def test_potential_and_stimulus_go_by_many_names(foreign, value_of, V, s):
    imported = foreign(CELL.format(V=V, s=s, time="ms"))
    equations = read_mmt(imported.text, "foreign")
    assert equations.states[0] == f"membrane.{V}"
    assert equations.stimulus == "stimulus.pace"
    rate = value_of(equations, dot(f"membrane.{V}"), stimulus_pace=3.0)
    assert rate == pytest.approx(3.0)


def test_uA_per_cm2_is_divided_by_the_models_own_capacitance(foreign, value_of):
    """C is a parameter that may change; 1 A/F stays 1 mV/ms."""
    text = foreign(CELL.format(V="V", s="i_stim", time="ms")).text
    for C in ("2 [uF/cm^2]", "0.7 [uF/cm^2]"):
        equations = read_mmt(text.replace("C = 2 [uF/cm^2]", f"C = {C}"), "foreign")
        rate = value_of(equations, dot("membrane.V"), stimulus_pace=1.0)
        assert rate == pytest.approx(1.0, rel=1e-14)


def test_units_that_never_agreed_are_a_warning_and_noted(foreign):
    text = CELL.format(V="V", s="i_stim", time="ms")
    loose = foreign(text.replace("80 [mV]", "80"))
    (warning,) = loose.warnings
    assert "units agree only loosely" in warning
    assert "membrane" in warning
    assert myokit.parse_model(loose.text).meta["units"] == "tolerant"
    worse = foreign(text.replace("0.1 [mS/cm^2]\n    in [mS/cm^2]", "0.1\n in [mM]"))
    (warning,) = worse.warnings
    assert "units do not agree" in warning
    assert myokit.parse_model(worse.text).meta["units"] == "unchecked"
    for imported in (loose, worse):
        read_mmt(imported.text, "foreign")  # takes the text at its word


def test_dimensionless_potential_is_taken_for_mV_with_a_warning(foreign, value_of):
    imported = foreign(
        """
        [[model]]
        cell.u = 0
        cell.w = 0
        [cell]
        t = 0 bind time
        dot(u) = u * (1 - u) * (u - 0.1) - w
            in [1]
        dot(w) = 0.01 * (u - w)
            in [1]
        """
    )
    assert any(
        "(cell.u) is dimensionless; taken to be in [mV]" in w for w in imported.warnings
    )
    assert any(
        "(cell.t) has no unit; taken to be in [ms]" in w for w in imported.warnings
    )
    equations = read_mmt(imported.text, "foreign")
    assert equations.stimulus == "cell.pace"
    assert value_of(equations, dot("cell.u"), cell_pace=2.0) == 2.0
    assert any(
        "none found; cell.pace is added to dot(cell.u)" in g for g in imported.guesses
    )


def test_model_at_the_projects_conventions_comes_back_as_it_is(
    foreign, small_cell_file
):
    text = small_cell_file.read_text()
    before, after = read_mmt(text, "same"), read_mmt(foreign(text).text, "same")
    assert after.definitions == before.definitions
    assert (after.states, after.initial) == (before.states, before.initial)
    assert (after.stimulus, after.fast) == (before.stimulus, before.fast)


def test_a_voltage_clamp_that_is_switched_off_is_dropped(foreign, value_of):
    """As in the pacemaker cells of Severi et al. 2012 and Fabbri et al. 2017."""
    text = CELL.format(V="V_ode", s="i_stim", time="ms")
    text = text.replace("g * (V_ode + 80 [mV])", "g * (V + 80 [mV])")
    text += """\
V = piecewise(clamp.on >= 1, clamp.command, V_ode)
    in [mV]
[clamp]
on = 0
command = if(engine.time > 500 [ms], 0 [mV], -60 [mV])
    in [mV]
"""
    equations = read_mmt(foreign(text).text, "foreign")
    assert equations.states == ("membrane.V_ode",)
    assert "clamp.command" not in equations.definitions
    i_leak = value_of(equations, "membrane.i_leak", membrane_V_ode=-30.0)
    assert i_leak == pytest.approx(0.1 * 50.0)
    switched_on = text.replace("on = 0", "on = 1")
    assert "reads the time" in refusal(foreign, switched_on)


@pytest.mark.parametrize(
    ("tau_m", "h", "fast"),
    [(0.1, "h", ("na.m", "na.h")), (2.0, "h", ()), (0.1, "1", ())],
    ids=["fast", "none is fast", "a single state, as of a Markov scheme"],
)
def test_fast_gates_are_named_only_where_there_is_no_doubt(foreign, tau_m, h, fast):
    text = CELL.format(V="V", s="i_stim", time="ms")
    text = text.replace("[engine]", "na.m = 0\nna.h = 1\n[engine]", 1)
    text = text.replace("-(i_leak", "-(na.i_Na + i_leak")
    text += f"""\
[na]
use membrane.V
i_Na = 1 [mS/cm^2] * m^3 * {h} * (V - 50 [mV])
    in [uA/cm^2]
dot(m) = (1 / (1 + exp(-(V + 40 [mV]) / 6 [mV])) - m) / {tau_m} [ms]
dot(h) = (1 / (1 + exp((V + 70 [mV]) / 6 [mV])) - h) / 5 [ms]
"""
    assert read_mmt(foreign(text).text, "foreign").fast == fast


def test_calcium_is_labelled(foreign):
    text = CELL.format(V="V", s="i_stim", time="ms")
    text = text.replace("[engine]", "calcium.Ca_i = 1e-4\n[engine]")
    text += "[calcium]\ndot(Ca_i) = 0 [mM/ms]\n    in [mM]\n"
    assert read_mmt(foreign(text).text, "foreign").cytosolic_calcium == "calcium.Ca_i"


# What is refused, in one line


def refusal(foreign, *args, **more) -> str:
    with pytest.raises(ValueError) as raised:
        foreign(*args, **more)
    assert "\n" not in str(raised.value)
    return str(raised.value)


PHENOMENOLOGICAL = """\
[[model]]
cell.v = 1
cell.{other} = 0
[cell]
t = 0 [ms] bind time
    in [ms]
dot(v) = (1 - v) / 5 [ms]
dot({other}) = -v * {other} / 5 [ms]
"""


@pytest.mark.parametrize(("other", "V"), [("u", "u"), ("w", "v"), ("Vm", "Vm")])
def test_potential_of_a_cell_without_units_goes_by_name(foreign, other, V):
    imported = foreign(PHENOMENOLOGICAL.format(other=other))
    assert read_mmt(imported.text, "foreign").states[0] == f"cell.{V}"


TWO = """\
[[model]]
soma.V = -80
dendrite.V = -80
[soma]
time = 0 [ms] bind time
    in [ms]
dot(V) = (dendrite.V - V) / 5 [ms]
    in [mV]
[dendrite]
dot(V) = (soma.V - V) / 7 [ms]
    in [mV]
"""


def test_two_potentials_are_a_question_to_the_user(foreign):
    message = refusal(foreign, TWO)
    assert "cannot be told from soma.V, dendrite.V; name it with --potential" in message
    named = foreign(TWO, potential="dendrite.V")
    assert read_mmt(named.text, "foreign").states[0] == "dendrite.V"
    assert "did you mean soma.V?" in refusal(foreign, TWO, potential="soma.W")


def test_a_cell_that_depends_on_time_besides_its_stimulus_is_refused(foreign):
    text = CELL.format(V="V", s="i_stim", time="ms")
    text = text.replace("[engine]", "membrane.x = 0\n[engine]", 1)
    text += "dot(x) = (1 - x) / 5 [ms] + engine.time / 1 [ms^2]\n"
    assert "the equation of membrane.x reads the time" in refusal(foreign, text)


def test_a_model_without_states_is_refused(foreign):
    text = '<model xmlns="http://www.cellml.org/cellml/2.0#" name="nothing"/>'
    message = refusal(foreign, text, "nothing.cellml")
    assert "has no equation with a time derivative" in message


def test_a_stimulus_that_does_not_add_to_the_potential_is_refused(foreign):
    text = CELL.format(V="V", s="i_stim", time="ms")
    squared = text.replace("stimulus.i_stim)", "stimulus.i_stim^2 / 1 [uA/cm^2])")
    message = refusal(foreign, squared)
    assert "stimulus.i_stim does not simply add to dot(membrane.V)" in message
    message = refusal(foreign, text, stimulus="membrane.g")
    assert "does not simply add" in message or "has no value" in message


def test_sections_beside_a_model_are_not_run(foreign, tmp_path):
    trace = tmp_path / "ran"
    text = CELL.format(V="V", s="i_stim", time="ms")
    text += f"[[script]]\nfrom pathlib import Path\nPath({str(trace)!r}).touch()\n"
    assert "[[script]]" not in foreign(text).text
    assert not trace.exists()
