"""Trials in a paced tissue against the same pulses given in one run.

The cell is that of Mitchell and Schaeffer, whose action potential lasts 285 ms.
"""

import numpy as np
import pytest

from cardiosim.case.read import CaseError, read_case
from cardiosim.experiments import s1_train
from cardiosim.experiments.single_cells import Pulse
from cardiosim.experiments.tissue_trials import Trial, pace_case
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.recorders import ActivationRecorder
from cardiosim.simulation.run import march
from cardiosim.tissue.stimulus import Stimulus

CABLE = """
[mesh]
kind = "cable"
length = 5.0
dx = 0.1
[tissue]
D = 0.1
[cell]
model = "mitchell_schaeffer2003"
[[stimulus]]
where = "x <= 0.5"
start = 0.0
duration = 2.0
amplitude = 60.0
[time]
dt = 0.05
end = 20.0
"""
BCL, LAST = 450.0, 50


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    path = tmp_path_factory.mktemp("case") / "case.toml"
    path.write_text(CABLE)
    return read_case(path)


@pytest.fixture(scope="module")
def paced(case, tmp_path_factory):
    # A cache of its own: what other tests have kept is no help.
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setattr("cardiosim.simulation.kept_states.cache_root", lambda: folder)
        yield pace_case(case, bcl=BCL, beats=3)[1]


def test_trial_is_what_the_same_pulses_give_in_one_run(case, paced):
    interval, s2 = 360.0, Pulse(50.0, 1.5)
    (response,) = paced.run([paced.premature(interval, s2)], until=[LAST])
    problem = paced.problem
    nodes = paced.train.nodes
    stimuli = (
        Stimulus(nodes, 0.0, 2.0, 60.0, BCL, 3),
        Stimulus(nodes, 2.0 * BCL + interval, s2.duration, s2.amplitude),
    )
    states = problem.cell.initial_states(problem.mesh.n_nodes)
    whole = Monodomain(problem.mesh, problem.cell, problem.diffusion, stimuli, states)
    activation = ActivationRecorder()
    march(whole, 0.05, 2.0 * BCL + 400.0, recorders=(activation,))
    assert len(activation.times) == 4
    np.testing.assert_allclose(
        paced.s1_lat, activation.times[2] - 2.0 * BCL, rtol=0, atol=2e-3
    )
    # Two half reactions at the seams instead of one: a change of order dt^2.
    np.testing.assert_allclose(
        response.lat,
        activation.times[3] - 2.0 * BCL - interval,
        rtol=0,
        atol=2e-3,
    )
    assert response.came_through


def test_trials_side_by_side_are_what_they_are_alone(paced):
    trials = [paced.premature(interval) for interval in (400.0, 250.0, 340.0)]
    together = paced.run(trials, until=[LAST], probes=[20], interval=1.0)
    assert [each.came_through for each in together] == [True, False, True]
    for trial, response in zip(trials, together, strict=True):
        (alone,) = paced.run([trial], until=[LAST], probes=[20], interval=1.0)
        reached = slice(0, LAST + 1)
        if response.came_through:
            np.testing.assert_allclose(
                response.lat[reached], alone.lat[reached], rtol=0, atol=1e-9
            )
        n = len(alone.times) - 1  # both were recorded once more as they ended
        np.testing.assert_allclose(response.V[:n], alone.V[:n], rtol=0, atol=1e-6)


def test_interval_between_two_steps_delays_the_pulse(paced):
    early, late = paced.run(
        [paced.premature(400.0), paced.premature(400.02)], until=[LAST]
    )
    # Both are counted from their own pulse; 20 us of recovery change nothing.
    np.testing.assert_allclose(late.lat, early.lat, rtol=0, atol=5e-3)
    assert paced.premature(400.02).begin == pytest.approx(400.0)


def test_wave_of_s1_that_is_under_way_is_no_answer(paced):
    # At 4 ms S1 is half way; the second pulse falls into its wake.
    assert 0 < np.sum(paced.s1_lat > 4.0) < paced.n_nodes
    (response,) = paced.run([paced.premature(4.0)], until=[LAST])
    assert not response.came_through
    assert np.isnan(response.lat).all()


def test_a_trial_that_nothing_comes_of_ends_soon(paced):
    (response,) = paced.run([paced.premature(200.0)], until=[LAST], patience=30.0)
    assert not response.came_through
    assert response.end == pytest.approx(2.0 + 30.0, abs=0.1)


def test_trials_after_each_other_are_of_any_kind(paced):
    nodes = paced.train.nodes
    burst = tuple(Stimulus(nodes, 400.0 * k, 2.0, 60.0) for k in range(2))
    (response,) = paced.run([Trial(400.0, burst)], patience=450.0, longest=900.0)
    assert len(response.activations) == 2
    assert np.isfinite(response.activations).all()
    both = Trial(None, (paced.train.stimulus(beats=2),))
    (again,) = paced.run([both], patience=500.0, longest=900.0)
    np.testing.assert_allclose(again.lat, paced.s1_lat, rtol=0, atol=1e-9)
    assert len(again.activations) == 2


def test_state_after_the_train_is_kept_and_shared(case, paced, monkeypatch, tmp_path):
    folder = tmp_path / "cache"
    monkeypatch.setattr("cardiosim.simulation.kept_states.cache_root", lambda: folder)
    marched = []
    real = s1_train.march

    def counted(problem, dt, end, *args):
        marched.append(end)
        return real(problem, dt, end, *args)

    monkeypatch.setattr(s1_train, "march", counted)
    first = pace_case(case, bcl=BCL, beats=3)[1]
    assert marched == [2.0 * BCL]
    second = pace_case(case, bcl=BCL, beats=3)[1]
    assert marched == [2.0 * BCL]
    np.testing.assert_array_equal(first.states, second.states)
    np.testing.assert_array_equal(first.states, paced.states)
    # Anything that the state depends on is another one.
    pace_case(case, bcl=BCL + 1.0, beats=3)
    pace_case(case, bcl=BCL, beats=3, pulse=Pulse(61.0, 2.0))
    other = case.model_copy(
        update={"tissue": case.tissue.model_copy(update={"D": 0.11})}
    )
    pace_case(other, bcl=BCL, beats=3)
    lumped = case.diffusion.model_copy(update={"mass": 0.0})
    pace_case(case.model_copy(update={"diffusion": lumped}), bcl=BCL, beats=3)
    assert len(marched) == 5


def test_faults_are_told(case, paced):
    with pytest.raises(ValueError, match="begins 460 ms after S1, which is followed"):
        paced.run([paced.premature(460.0)], until=[LAST])
    with pytest.raises(CaseError, match="from stimulus 1, and the case has 1"):
        pace_case(case, bcl=BCL, stimulus=1)
    with pytest.raises(CaseError, match="no cycle length for S1"):
        pace_case(case)
    with pytest.raises(ValueError, match="0 S1 beats"):
        pace_case(case, bcl=BCL, beats=0)
    with pytest.raises(ValueError, match="bcl 450.02 ms is no whole number of steps"):
        pace_case(case, bcl=450.02)
