import numpy as np
import pytest

from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.recorders import (
    ActivationRecorder,
    SnapshotRecorder,
    TraceRecorder,
)
from cardiosim.simulation.run import DiffusionUnsolved, NonFinitePotential, march
from cardiosim.simulation.splitting import SPLITTINGS
from cardiosim.tissue import conjugate_gradients
from cardiosim.tissue.diffusion import ThetaRule
from cardiosim.tissue.discretisation import discretise, isotropic
from cardiosim.tissue.mesh import cable, point
from cardiosim.tissue.stimulus import Stimulus

MESH = cable(4.0, 0.1)
GAIN = np.linspace(0.8, 1.2, MESH.n_nodes)
STIMULI = (
    Stimulus(range(6), start=0.33, duration=1.0, amplitude=60.0),
    Stimulus([20, 21], start=2.0, duration=0.04, amplitude=5.0, period=0.5),
)


class Collected:
    def __init__(self):
        self.snapshots = []

    def append(self, t, fields):
        self.snapshots.append((t, fields))


def diffusion(theta=0.5, consistent=0.5, D=0.15):
    return ThetaRule(discretise(MESH, isotropic(MESH, D), consistent), theta)


@pytest.fixture
def on_cable(cubic_cell):
    return lambda: Monodomain(MESH, cubic_cell(GAIN), diffusion(), STIMULI)


@pytest.fixture
def single(charge_cell):
    def build(*stimuli, **cell):
        return Monodomain(point(), charge_cell(**cell), stimuli=stimuli)

    return build


@pytest.mark.parametrize("splitting", SPLITTINGS)
@pytest.mark.parametrize("reaction_steps", [1, 3])
def test_recording_never_changes_the_run(on_cable, splitting, reaction_steps):
    quiet, recorded = on_cable(), on_cable()
    options = dict(splitting=splitting, reaction_steps=reaction_steps)
    march(quiet, 0.02, 5.0, **options)
    recorders = [
        ActivationRecorder(),
        TraceRecorder([0, 17, 40], ["membrane.V", "cubic.i"], interval=0.06),
        SnapshotRecorder(["recovery.w"], 0.1, Collected()),
    ]
    march(recorded, 0.02, 5.0, recorders=recorders, **options)
    np.testing.assert_array_equal(recorded.states, quiet.states)


@pytest.mark.parametrize("splitting", SPLITTINGS)
@pytest.mark.parametrize("reaction_steps", [1, 3])
def test_records_are_the_states_of_a_run_that_ends_there(
    on_cable, splitting, reaction_steps
):
    """Finishing the step on a copy is what the end of a run does, to the last bit."""
    options = dict(splitting=splitting, reaction_steps=reaction_steps)
    names = ("membrane.V", "recovery.w")
    trace = TraceRecorder([3, 0, 21, 40], names, interval=0.06)
    sink = Collected()
    march(
        on_cable(),
        0.02,
        3.0,
        recorders=[trace, SnapshotRecorder(names, 0.5, sink)],
        **options,
    )
    for t in (0.06, 0.36, 1.32, 2.04, 3.0):  # pulses begin and end inside some steps
        shorter = on_cable()
        march(shorter, 0.02, t, **options)
        sample = np.argmin(abs(trace.times - t))
        for row, name in enumerate(names):
            np.testing.assert_array_equal(
                trace.values[name][sample], shorter.states[row, [3, 0, 21, 40]]
            )
    assert [t for t, _ in sink.snapshots] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    shorter = on_cable()
    march(shorter, 0.02, 1.5, **options)
    np.testing.assert_array_equal(sink.snapshots[3][1]["membrane.V"], shorter.V)


def test_strang_takes_one_reaction_and_one_diffusion_a_step(on_cable):
    problem = on_cable()
    march(problem, 0.1, 1.0)
    taus = [dt for _, dt, _ in problem.cell.calls]
    assert taus == [0.05] + 9 * [0.1] + [0.05]


@pytest.mark.parametrize("splitting", SPLITTINGS)
@pytest.mark.parametrize("dt", [0.05, 0.1, 0.25])
def test_charge_on_a_cable_is_exact(charge_cell, splitting, dt):
    stimuli = (
        Stimulus([7], start=0.33, duration=0.9, amplitude=60.0),
        Stimulus(range(41), start=1.0, duration=0.01, amplitude=3.0, period=1.7),
    )
    problem = Monodomain(MESH, charge_cell(), diffusion(), stimuli)
    march(problem, dt, 10.0, splitting)
    mass = problem.diffusion.operator.lumped_mass  # its entries are 1' M
    given = np.zeros(MESH.n_nodes)
    given[7] = 0.9 * 60.0
    given += 6 * 0.01 * 3.0
    assert mass @ problem.V == pytest.approx(mass @ given, rel=1e-12)


@pytest.mark.parametrize("splitting", SPLITTINGS)
def test_every_record_has_the_charge_given_so_far(charge_cell, splitting):
    """Without diffusivity V at t_n is the integral of the current up to t_n."""
    uncoupled = diffusion(0.5, 0.0, D=0.0)
    stimulus = Stimulus([7], start=0.33, duration=0.9, amplitude=60.0)
    problem = Monodomain(MESH, charge_cell(), uncoupled, (stimulus,))
    trace = TraceRecorder([7], ["membrane.V"])
    march(problem, 0.1, 2.0, splitting, [trace])
    given = 60.0 * np.clip(trace.times - 0.33, 0.0, 0.9)
    np.testing.assert_allclose(trace.values["membrane.V"][:, 0], given, atol=1e-12)


@pytest.mark.parametrize("dt", [0.005, 0.05, 0.1, 0.25, 2.5])
@pytest.mark.parametrize("start", [0.0, 0.33, 1.0])
def test_charge_on_one_node_is_exact(single, dt, start):
    """Edges inside a step, on one, and whole pulses within one step."""
    problem = single(
        Stimulus([0], start, 0.7, 40.0, period=5.0),
        Stimulus([0], start + 0.01, 0.02, 10.0, count=1),
    )
    march(problem, dt, 100.0)
    # Rounding of step times up to 100 ms, twice a pulse.
    assert problem.V[0] == pytest.approx(20 * 0.7 * 40.0 + 0.2, rel=1e-11)


def test_pacing_one_node_takes_few_calls(single):
    problem = single(Stimulus([0], 0.0, 2.0, 20.0, period=1000.0))
    march(problem, 0.1, 5000.0)
    assert [n_steps for _, _, n_steps in problem.cell.calls] == 5 * [20, 9980]
    assert problem.V[0] == pytest.approx(5 * 40.0)


def test_edge_inside_a_step_takes_that_step_alone(single):
    problem = single(Stimulus([0], 0.33, 0.5, 20.0))
    march(problem, 0.1, 2.0)
    assert [n_steps for _, _, n_steps in problem.cell.calls] == [3, 1, 4, 1, 11]


def test_recording_one_node_takes_a_call_per_sample(single):
    problem = single()
    trace = TraceRecorder([0], ["membrane.V"], interval=1.0, start=5.0)
    march(problem, 0.1, 8.0, recorders=[trace])
    assert [n_steps for _, _, n_steps in problem.cell.calls] == [50, 10, 10, 10]
    np.testing.assert_allclose(trace.times, [5.0, 6.0, 7.0, 8.0])


def test_one_node_is_stepped_alike_however_it_is_cut(cubic_cell):
    def run(**options):
        problem = Monodomain(point(), cubic_cell(), stimuli=(stimulus,))
        march(problem, 0.01, 40.0, **options)
        return problem.states

    stimulus = Stimulus([0], 1.0, 2.0, 40.0, period=25.0)
    np.testing.assert_array_equal(
        run(),
        run(
            recorders=[ActivationRecorder(), TraceRecorder([0], ["cubic.i"], 0.03)],
            progress=lambda done, end: None,
        ),
    )


def test_reaction_steps_divide_every_reaction(single):
    problem = single(Stimulus([0], 0.0, 1.0, 20.0))
    march(problem, 0.1, 2.0, reaction_steps=5)
    assert [n_steps for _, _, n_steps in problem.cell.calls] == [50, 50]
    assert {dt for _, dt, _ in problem.cell.calls} == {0.1 / 5}
    assert problem.V[0] == pytest.approx(20.0)


@pytest.mark.parametrize("splitting", SPLITTINGS)
def test_non_finite_potential_stops_and_keeps_what_was_recorded(charge_cell, splitting):
    stimulus = Stimulus([12], start=0.0, duration=10.0, amplitude=40.0)
    problem = Monodomain(
        MESH, charge_cell(burst=10.0), diffusion(), stimuli=(stimulus,)
    )
    trace = TraceRecorder([12], ["membrane.V"])
    with pytest.raises(NonFinitePotential, match=r"node 12 \(x 1\.2, y 0, z 0 mm\)"):
        march(problem, 0.05, 10.0, splitting, [trace])
    assert len(trace.times) > 10
    assert np.isfinite(trace.values["membrane.V"]).all()
    assert (np.diff(trace.values["membrane.V"][:, 0]) > 0.0).all()


def test_a_solver_that_does_not_converge_is_named_with_the_time(on_cable, monkeypatch):
    monkeypatch.setattr(conjugate_gradients, "MOST_ITERATIONS", 1)
    problem = on_cable()
    problem.diffusion = ThetaRule(problem.diffusion.operator, 0.5, "cg", 1e-12)
    with pytest.raises(DiffusionUnsolved, match=r"t [0-9.]+ ms: .* in 1 iterations"):
        march(problem, 0.05, 10.0)


def test_non_finite_step_is_found_inside_a_call_of_many(single):
    problem = single(Stimulus([0], 0.0, 10.0, 40.0), burst=101.0)
    # 40 A/F from 0 mV reaches 100.8 mV at 2.52 ms and 101.2 mV a step later.
    with pytest.raises(
        NonFinitePotential,
        match=r"node 0 .* between t 2\.52 and 2\.53 ms; its last .* value is 100\.8 mV",
    ):
        march(problem, 0.01, 10.0)


def test_initial_states_that_are_not_finite_are_named(single):
    problem = single()
    problem.states[0] = np.nan
    with pytest.raises(NonFinitePotential, match="look at the initial states"):
        march(problem, 0.1, 1.0)


def test_progress_is_throttled_and_ends_at_the_end(on_cable):
    reports = []
    march(on_cable(), 0.01, 5.0, progress=lambda *report: reports.append(report))
    assert reports[-1] == (5.0, 5.0)
    assert len(reports) < 50
    assert all(a[0] < b[0] for a, b in zip(reports, reports[1:], strict=False))


def test_timing_has_every_phase(on_cable):
    timing = march(on_cable(), 0.1, 1.0, recorders=[ActivationRecorder()])
    assert min(timing.react, timing.diffuse, timing.record) > 0.0


def test_march_checks_its_arguments(on_cable):
    with pytest.raises(ValueError, match="choose from strang, "):
        march(on_cable(), 0.1, 1.0, "lie")
    with pytest.raises(ValueError, match="nearest are 1 and 1.1"):
        march(on_cable(), 0.1, 1.04)
    with pytest.raises(ValueError, match="reaction_steps 0"):
        march(on_cable(), 0.1, 1.0, reaction_steps=0)


def test_unstable_explicit_step_is_refused(cubic_cell):
    problem = Monodomain(MESH, cubic_cell(), diffusion(0.0, 0.0))
    with pytest.raises(ValueError, match="at most 0.0333"):
        march(problem, 0.04, 4.0)
    march(problem, 0.04, 0.4, "strang_diffusion_first")  # diffuses by halves
