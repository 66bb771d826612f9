"""Rest, pacemaking and drift of small cells whose V is known."""

import numpy as np
import pytest

from cardiosim.ionic.conformance import check_ionic_model
from cardiosim.ionic.resting_state import rest

from .faulty_cells import Leak, LosingItself, Pacemaker


def test_pacemaking_is_said_with_its_cycle_length():
    report = check_ionic_model(Pacemaker(), resting_duration=1e4, resting_dt=0.5)
    report.require()
    assert report.rest.verdict == "pacemaking"
    assert report.rest.cycle_length == pytest.approx(800.0, abs=2.0)
    finding = report["rests without stimulus"].finding
    assert finding.startswith("pacemaking, cycle length 80")


def test_state_that_settles_last_is_named():
    class Settling(Leak):
        state_names = ("V", "m", "Na")

        def initial_states(self, n_nodes):
            return np.repeat([[-80.0], [0.25], [10.0]], n_nodes, axis=1)

        def step(self, states, i_stim, dt):
            super().step(states[:2], i_stim, dt)
            states[2] *= 1.0 + 1e-5 * dt

    found = rest(Settling(), duration=3e3, dt=0.5)
    assert (found.verdict, found.settles_last) == ("steady", "Na")
    assert found.settling_rate == pytest.approx(0.01, rel=0.01)  # 1/s
    assert "Na still changes by 1 % per s" in str(found)


def test_one_beat_at_the_start_is_no_pacemaking():
    class FiringOnce(Leak):
        def initial_states(self, n_nodes):
            return np.repeat([[20.0], [0.25]], n_nodes, axis=1)

    found = rest(FiringOnce(), duration=2e3, dt=0.5)
    assert found.verdict == "steady" and np.isnan(found.cycle_length)
    assert found.states[0] == pytest.approx(-80.0)


def test_small_oscillation_is_drift_and_no_pacemaking():
    class Trembling(Pacemaker):
        def step(self, states, i_stim, dt):
            super().step(states, i_stim, dt)
            states[0, states[0] > -70.0] = -80.0

    found = rest(Trembling(), duration=3e3, dt=0.5)
    assert found.verdict == "drifting"
    assert found.rate == pytest.approx(9.9, rel=0.02)  # mV/ms; 10 mV down in a sample


@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
def test_what_is_lost_is_named_with_a_remedy():
    with pytest.raises(ValueError, match="V, m not finite after 3000 ms; a smaller dt"):
        rest(LosingItself(), duration=3e3, dt=0.5)
