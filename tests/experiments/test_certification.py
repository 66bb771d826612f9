"""The battery: what it measures is right, and what is wrong fails in it."""

import dataclasses
import math

import numpy as np
import pytest

from cardiosim.experiments import certification_bench as benches
from cardiosim.experiments.certification import PARTS, certify
from cardiosim.experiments.certification_action_potentials import pacing_part
from cardiosim.experiments.certification_bench import (
    QUICK,
    Bench,
    Candidate,
    Contender,
)
from cardiosim.experiments.certification_clamp import clamp_part
from cardiosim.experiments.certification_pacing import (
    PULSE,
    TICK,
    beat_ticks,
    resolved_upstroke,
    rmse,
    sampled,
    steepest,
)
from cardiosim.experiments.certification_rows import (
    FAIL,
    NONE,
    NOT_APPLICABLE,
    PASS,
    bounded,
    compared,
    does_not_apply,
    failed,
    worst,
)
from cardiosim.experiments.certification_spiral import spiral_part
from cardiosim.experiments.certification_tissue import AMPLITUDE, DURATION, Cables
from cardiosim.experiments.single_cells import run_cells
from cardiosim.ionic.compiled import compile_cell
from cardiosim.measure.conduction_velocity import conduction_velocity
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.recorders import ActivationRecorder
from cardiosim.simulation.run import march
from cardiosim.tissue.diffusion import ThetaRule
from cardiosim.tissue.discretisation import discretise, isotropic
from cardiosim.tissue.mesh import cable
from cardiosim.tissue.stimulus import Stimulus

FAST = ("membrane.V", "ina.m", "ina.h1", "ina.h2")
TINY = dataclasses.replace(
    QUICK, cycle_lengths=(1000.0,), pacing=1000.0, reference_dt=0.005
)


def candidate(scheme="multirate", dt=0.1, substeps=4, model="skibsbye2016", **more):
    contender = Contender("stand-in, 100 us", scheme, dt, substeps)
    return Candidate("stand-in", model, contender, FAST, **more)


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """Measurements are neither found nor left where others are; kernels are."""
    monkeypatch.setattr(benches, "cache_root", lambda: tmp_path)
    return tmp_path


def marks(part):
    return {row.quantity: row.mark for row in part.rows}


@pytest.mark.parametrize(
    ("value", "reference", "tolerance", "mark"),
    [
        (1.0, 1.5, 0.5, PASS),
        (1.0, 1.6, 0.5, FAIL),
        (math.nan, 1.0, 0.5, FAIL),
        (1.0, math.nan, 0.5, FAIL),
        (math.nan, math.nan, 0.5, PASS),
        (1.0, 9.0, math.nan, NONE),
    ],
)
def test_numbers_pass_within_their_tolerance(value, reference, tolerance, mark):
    assert compared("q", "mV", value, reference, tolerance).mark == mark


def test_relative_deviation_is_in_percent_of_the_size_of_the_reference():
    row = compared("q", "mV", -70.7, -70.0, 0.5, relative=True)
    assert row.deviation == pytest.approx(-1.0) and row.deviation_unit == "%"
    assert row.mark == FAIL


def test_error_that_is_no_number_fails():
    assert bounded("q", "mV", math.nan, 1.0).mark == FAIL
    assert bounded("q", "%", -0.2, 0.3).mark == PASS
    assert math.isnan(worst([0.1, math.nan])) and worst([0.1, -0.2]) == -0.2


def test_reasons_stay_on_one_line():
    assert failed("q", "a\n  b").note == "a b"
    assert does_not_apply("q", "why").mark == NOT_APPLICABLE


def test_samples_are_dense_after_the_stimulus_and_end_before_the_next():
    times = beat_ticks(500.0) * TICK
    assert times[:3] == pytest.approx([0.0, 0.1, 0.2])
    assert np.diff(times)[-1] == pytest.approx(0.5) and times[-1] < 500.0


def test_error_is_the_average_over_time_not_over_samples():
    error = np.zeros(beat_ticks(500.0).size)
    assert rmse(error + 2.0, 500.0) == pytest.approx(2.0)
    error[:100] = 1.0  # 10 ms of 500
    assert rmse(error, 500.0) == pytest.approx(math.sqrt(10.0 / 500.0))


def test_potential_is_sampled_at_the_times_of_the_laboratory():
    cell = compile_cell("mitchell_schaeffer2003")
    stimulus = [Stimulus([0], 0.0, 2.0, 30.0)]
    states = cell.initial_states(1)
    expected = run_cells(cell, states, stimulus, 40.0, 0.1, fine=40.0)
    ticks = np.array([0, 7, 100, 400])
    V, after = sampled(cell, states.copy(), stimulus, ticks, 40.0, 0.1)
    np.testing.assert_array_equal(V, expected.V[ticks])
    np.testing.assert_array_equal(after, expected.states)


def test_resolved_upstroke_passes_through_the_steps():
    cell = compile_cell("mitchell_schaeffer2003")
    state = cell.initial_states(1)[:, 0]
    stimulus = [Stimulus([0], 0.0, PULSE.duration, PULSE.amplitude)]
    coarse = run_cells(cell, state, stimulus, 5.0, 0.1, fine=5.0).V[:, 0]
    inside = resolved_upstroke(cell, state, PULSE, 0.1, 0.01, 5.0)
    # Each step is taken anew from its start: the last of ten parts is the step itself.
    np.testing.assert_allclose(inside[::10], coarse, rtol=0, atol=1e-12)
    fine = run_cells(cell, state, stimulus, 5.0, 0.005, fine=5.0).V[:, 0]
    found = resolved_upstroke(cell, state, PULSE, 0.005, 0.01, 5.0)
    np.testing.assert_allclose(found, fine[::2], rtol=0, atol=1e-12)


def test_steepest_slope_is_found_wherever_it_begins():
    V = np.array([0.0, 0.0, 1.0, 3.0, 4.0, 4.0])
    assert steepest(V, 1, 0.5) == 4.0
    assert steepest(V, 2, 0.5) == 3.0


def test_cables_side_by_side_do_not_know_of_each_other():
    # The same operator as of a cable alone, which is the grid's: velocities agree to
    # the rounding of different solvers.
    cell = compile_cell("mitchell_schaeffer2003")
    cables = Cables((0.1, 0.25), (0.1, 0.2), 10.0)
    nodes = cables.mesh.n_nodes
    stimulus = [Stimulus(cables.begins(), 0.0, DURATION, AMPLITUDE)]
    problem = Monodomain(
        cables.mesh, cell, cables.diffusion(), stimulus, cell.initial_states(nodes)
    )
    together = ActivationRecorder()
    march(problem, 0.05, 40.0, recorders=(together,))
    found = cables.velocities(together.times[0])
    for k, (dx, D) in enumerate(zip(cables.dx, cables.D, strict=True)):
        mesh = cable(10.0, dx)
        diffusion = ThetaRule(discretise(mesh, isotropic(mesh, D), 0.5), 0.5)
        end = [Stimulus(np.flatnonzero(mesh.points[:, 0] <= 2.0), 0.0, 2.0, AMPLITUDE)]
        alone = ActivationRecorder()
        march(Monodomain(mesh, cell, diffusion, end), 0.05, 40.0, recorders=(alone,))
        expected = conduction_velocity(mesh.points[:, 0], alone.times[0])
        assert found[k] == pytest.approx(expected, rel=1e-9)
    assert found[0] != pytest.approx(found[1], rel=0.05)


def test_a_cable_without_a_wave_has_no_velocity():
    cables = Cables((0.5, 0.5), (0.1, 0.1), 5.0)
    lat = np.concatenate([np.linspace(0, 10, 11), np.full(11, np.nan)])
    first, second = cables.velocities(lat)
    assert first == pytest.approx(0.5) and math.isnan(second)


def test_the_classical_champion_passes_in_the_single_cell(empty_cache):
    part = pacing_part(Bench(candidate(), TINY))
    assert set(marks(part).values()) <= {PASS, NONE}
    table = part.grids[0]
    labels = [row[0] for row in table.rows]
    assert len(labels) == 4 + 4 + 2  # classical, the surrogate's steps, the paper
    assert labels[-1] == "the paper's cell, PINN"


def test_a_step_that_loses_the_upstroke_fails(empty_cache):
    # rush_larsen at 0.1 ms: ten times what resolves the upstroke.
    part = pacing_part(Bench(candidate("rush_larsen"), TINY))
    found = marks(part)
    assert found["RMSE of V, whole trace, 1 beats at 1 Hz"] == FAIL
    assert found["dV/dt max over 10 us, 1 Hz"] == FAIL


def test_a_cell_that_cannot_be_stepped_is_a_row_that_says_so(empty_cache):
    part = pacing_part(Bench(candidate("no such scheme"), TINY))
    (row,) = part.rows
    assert row.mark == FAIL and "unknown scheme" in row.note
    assert "unknown scheme" in part.grids[0].rows[-3][0]


def test_what_the_equations_give_is_kept(empty_cache, monkeypatch):
    pacing_part(Bench(candidate(), TINY))
    kept = list((empty_cache / "certification").iterdir())
    assert kept

    def run(*_):
        raise AssertionError("measured again")

    bench = Bench(candidate(), TINY)
    pace = Bench.measure

    def measure(self, name, contender, protocol, _, parameters=None):
        never = run if contender is not self.surrogate else _
        return pace(self, name, contender, protocol, never, parameters)

    monkeypatch.setattr(Bench, "measure", measure)
    others = {c.label for c in bench.others}
    monkeypatch.setattr(Bench, "others", property(lambda self: ()))
    assert others and pacing_part(bench).rows


def test_a_damaged_cache_is_measured_again(empty_cache, caplog):
    first = pacing_part(Bench(candidate(), TINY))
    for path in (empty_cache / "certification").iterdir():
        path.write_bytes(b"no array")
    again = pacing_part(Bench(candidate(), TINY))
    assert "measuring again" in caplog.text
    assert first.rows[0].value == again.rows[0].value


def test_a_surrogate_of_the_potential_is_released_instead_of_clamped(empty_cache):
    part = clamp_part(Bench(candidate(), TINY))
    assert part.rows[0].mark == NOT_APPLICABLE
    assert part.rows[1].mark == PASS


def test_a_surrogate_of_gates_is_clamped(empty_cache):
    gates = dataclasses.replace(candidate("rush_larsen"), replaces=FAST[1:])
    (row,) = clamp_part(Bench(gates, TINY)).rows
    assert row.quantity.startswith("peak of ina.i_Na") and row.mark == PASS


def test_what_is_switched_off_is_said(empty_cache):
    (row,) = spiral_part(Bench(candidate(), TINY)).rows
    assert row.mark == NOT_APPLICABLE and "not part" in row.note


@pytest.mark.slow
def test_the_whole_battery_leaves_no_part_out(empty_cache):
    watched, begun = [], []

    def watch(label):
        watched.append(label)
        return benches.silent(label)

    certificate = certify(candidate(), QUICK, watch, begun.append)
    assert [part.name for part in certificate.parts] == list(PARTS)
    assert all(part.rows for part in certificate.parts)
    assert len(begun) == len(PARTS) and watched
    # Speed is not asserted: a test machine has other things to do.
    unexpected = [
        row.quantity
        for part in certificate.parts
        for row in part.rows
        if row.mark == FAIL and part.name != "cost"
    ]
    assert unexpected == []
