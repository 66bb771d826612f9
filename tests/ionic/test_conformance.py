"""Every cell on every backend conforms; and what does not is found.

The cells are those that ship. The faults are built into a small cell in numpy, one at a
time: each has to make its check fail, and no other.
"""

from functools import cache

import numpy as np
import pytest

from cardiosim.ionic.cell_library import MODELS, available_cells, model_source
from cardiosim.ionic.compiled import BACKENDS, Scale, compile_cell
from cardiosim.ionic.conformance import POTENTIALS, check_ionic_model
from cardiosim.ionic.resting_state import RESTING_RATE, rest

from .faulty_cells import (
    ByPosition,
    Coupled,
    Drifting,
    DriftingLittle,
    ForgettingItsStart,
    GateAboveOne,
    HandingOutStates,
    Leak,
    LosingItself,
    ObservingChanges,
    OneStepOnly,
    OnlyWhatTheProtocolAsks,
    OvershootingGate,
    Remembering,
    SingularStep,
    SingularVariable,
    TakingAtLeastOneStep,
    UndefinedAtTheStart,
    Unrecordable,
    UsingUpTheStimulus,
    WearingOut,
    WithoutInitialState,
)

# Cells that do not rest after 60 s, each with the reason and what was measured.
NOT_AT_REST: dict[str, str] = {}

# Gates that leave [0, 1] by their published equations, and how far. In grandi2011 f of
# I_CaL has the steady state 1/(1 + exp((V + 30)/7)) + 0.2/(1 + exp((50 - V)/20)), which
# is 1 + 6.6e-5 at -101.7 mV.
BEYOND_ONE = {"grandi2011": {"ical.f": 6.6e-5}, "grandi2011_af": {"ical.f": 6.6e-5}}

# Of torch: its functions of one number and of a vector differ in the last bits, which
# gates near 0, sums of numbers near 1, show most. The others give the same bits.
ROUNDING = {"torch": 1e-11}

# Variants have the equations of their base: other backends are tried on those alone.
TEXTS = sorted(path.stem for path in MODELS.glob("*.mmt"))
SUBJECTS = [(name, "numba") for name in available_cells()]
SUBJECTS += [(name, backend) for name in TEXTS for backend in BACKENDS[1:]]


@cache
def rest_after_a_minute(name):
    return rest(compile_cell(name))


def as_gates(name, facts):
    """Gates that belong in [0, 1] to rounding."""
    return [gate for gate in facts["gates"] if gate not in BEYOND_ONE.get(name, ())]


@pytest.mark.parametrize("name", available_cells())
def test_every_cell_rests_after_a_minute(name):
    found = rest_after_a_minute(name)
    drifts = found.verdict == "drifting" or not found.rate < RESTING_RATE
    assert drifts == (name in NOT_AT_REST), str(found)


@pytest.mark.parametrize(("name", "backend"), SUBJECTS)
def test_every_cell_conforms(name, backend):
    if backend == "torch":
        pytest.importorskip("torch")
    facts = compile_cell(name).facts
    schemes = ["rush_larsen", *(["multirate"] if facts["model_fast"] else [])]
    if backend == "scalar":
        schemes = schemes[-1:]  # multirate holds the other's step, and compiles slowly
    for scheme in schemes:
        report = check_ionic_model(
            compile_cell(name, backend=backend, scheme=scheme),
            gates=as_gates(name, facts),
            gate_rounding=1e-12,  # sums and products of numbers up to 1
            # A minute is left to rest once; the others have to stay where it ends.
            resting_states=rest_after_a_minute(name).states,
            rounding=ROUNDING.get(backend, 0.0),
        )
        drifts = ["rests without stimulus"] if name in NOT_AT_REST else []
        assert [check.name for check in report.failures] == drifts, str(report)


@pytest.mark.parametrize("name", BEYOND_ONE)
def test_a_gate_beyond_one_by_its_equations_is_no_farther(name):
    for gate, bound in BEYOND_ONE[name].items():
        check = check_ionic_model(
            compile_cell(name),
            gates=[gate],
            gate_rounding=bound,
            resting_states=rest_after_a_minute(name).states,
        )["gates stay in [0, 1]"]
        assert check.passed, str(check)
        assert check.measured > 1e-6  # an exception that nothing needs would hide much


# Two cells of those whose distance to float64 test_torch_cell.py bounds for all.
@pytest.mark.parametrize("name", ["mitchell_schaeffer2003", "courtemanche1998"])
def test_cells_in_float32_conform_to_its_rounding(name):
    pytest.importorskip("torch")
    cell = compile_cell(name, backend="torch", dtype="float32", torch_compile=False)
    report = check_ionic_model(
        cell,
        resting_states=rest_after_a_minute(name).states,
        rounding=1e-4,  # a thousand units in the last place: sums near 1 that are 0
        gate_rounding=1e-6,
    )
    report.require()


def test_exceptions_are_of_cells_that_there_are():
    assert {*NOT_AT_REST, *BEYOND_ONE} <= set(available_cells())


def test_the_cell_of_node_0_is_checked_where_nodes_differ():
    values = {
        "membrane.V_rest": np.array([-70.0, -80.0, -90.0]),
        "inward.tau_in": Scale(1.1),
    }
    report = check_ionic_model(
        compile_cell("mitchell_schaeffer2003", parameters=values)
    )
    report.require()
    assert report.rest.states[0] == pytest.approx(-70.0)


# Faults


def checked(cell, **options):
    """Three seconds in long steps are enough for a small cell."""
    return check_ionic_model(cell, resting_duration=3e3, resting_dt=0.5, **options)


@pytest.mark.parametrize("cell", [Leak(), OnlyWhatTheProtocolAsks()])
def test_a_cell_without_fault_passes(cell):
    report = checked(cell)
    report.require()
    assert report.passed and not report.failures
    assert report.rest.verdict == "steady"
    assert report.rest.states.tolist()[0] == -80.0


@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
@pytest.mark.parametrize(
    "fault, check, found",
    [
        (WithoutInitialState, "initial state", "m is not finite, or not the same"),
        (Coupled, "nodes are independent", "V at "),
        (ByPosition, "nodes are independent", "V at "),
        (Remembering, "steps have no memory", "the same step taken twice"),
        (OneStepOnly, "steps have no memory", "in one call or in three"),
        (ObservingChanges, "nothing else is changed", "observe changes"),
        (HandingOutStates, "nothing else is changed", "hands out the states"),
        (TakingAtLeastOneStep, "nothing else is changed", "in no step"),
        (UsingUpTheStimulus, "nothing else is changed", "the stimulus is changed"),
        (WearingOut, "nothing else is changed", "parameters are changed"),
        (ForgettingItsStart, "nothing else is changed", "the initial state is changed"),
        (OvershootingGate, "gates stay in [0, 1]", "m from "),
        (GateAboveOne, "gates stay in [0, 1]", "m from 80 mV leaves by "),
        (SingularVariable, "finite at every half millivolt", "i_leak at -30 mV"),
        (SingularStep, "finite at every half millivolt", "V a step on at 79.5 mV"),
        (Unrecordable, "every name can be recorded", "1 cannot, first i_lost"),
        (UndefinedAtTheStart, "every name can be recorded", "1 cannot, first i_leak"),
        (Drifting, "rests without stimulus", "drifting at -79.670 mV, |dV/dt| 0.00011"),
        (LosingItself, "rests without stimulus", "not finite after 3000 ms"),
    ],
)
def test_a_fault_is_found_by_its_check_and_by_no_other(fault, check, found):
    report = checked(fault())
    assert [failure.name for failure in report.failures] == [check], str(report)
    assert found in report[check].finding
    assert not report[check].measured <= report[check].bound
    with pytest.raises(ValueError, match="^leak does not conform: ") as error:
        report.require()
    assert "\n" not in str(error.value)


def test_what_a_cell_raises_is_a_failed_check_that_says_it():
    class Raising(Leak):
        def react(self, states, i_stim, dt, n_steps=1):
            raise TypeError("no\n  steps")

    report = checked(Raising())
    assert report["every name can be recorded"].passed
    assert not report["nodes are independent"].passed
    assert report["nodes are independent"].finding == "TypeError: no steps"
    assert report.rest is None


def test_gates_may_be_told():
    report = checked(OnlyWhatTheProtocolAsks(), gates=["m"])
    assert report["gates stay in [0, 1]"].finding == "1 gates"
    assert checked(GateAboveOne(), gates=[]).passed
    with pytest.raises(ValueError, match="leak has no state n; known are: V, m"):
        checked(Leak(), gates=["n"])


def test_differences_of_rounding_pass_where_they_are_allowed():
    assert not checked(ByPosition()).passed
    assert checked(ByPosition(), rounding=1e-12).passed


def test_drift_below_the_bound_is_rest():
    report = checked(DriftingLittle())
    assert report.rest.verdict == "steady"
    assert report["rests without stimulus"].measured == pytest.approx(9e-5)


def test_resting_state_that_is_handed_over_has_to_stay():
    at_rest = np.array([-80.0, 0.02])
    report = check_ionic_model(Leak(), resting_states=at_rest)
    report.require()
    assert report.rest.states[0] == -80.0
    report = check_ionic_model(Leak(), resting_states=at_rest + [10.0, 0.0])
    assert [check.name for check in report.failures] == ["rests without stimulus"]


def test_published_pole_of_a_cell_is_found(tmp_path):
    """0/0 at -110 mV, which aliev_panfilov1996.mmt avoids."""
    text = model_source("aliev_panfilov1996").text
    published = tmp_path / "published.mmt"
    published.write_text(text.replace("if(u > u_lowest, u, u_lowest)", "u"))
    report = check_ionic_model(compile_cell(published))
    (failure,) = report.failures
    assert failure.name == "finite at every half millivolt"
    assert "recovery.epsilon at -110 mV" in failure.finding


def test_potentials_are_every_half_millivolt():
    assert (np.diff(POTENTIALS) == 0.5).all()
    assert (POTENTIALS[0], POTENTIALS[-1]) == (-120.0, 80.0)
