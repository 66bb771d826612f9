"""Trials of induction on a small sheet of a fast cell."""

from itertools import pairwise

import numpy as np
import pytest

from cardiosim.case.build import build
from cardiosim.case.read import CaseError, read_case
from cardiosim.experiments.induction import induction_trials, neighbours
from cardiosim.measure.induction import NO_RESPONSE, SUSTAINED
from cardiosim.simulation.recorders import ActivationRecorder
from cardiosim.simulation.run import march
from cardiosim.tissue.mesh import sheet

# Gates five times as fast as published make waves of 13 mm.
SHEET = """
[mesh]
kind = "sheet"
size = [25.0, 25.0]
dx = 0.5
[tissue]
D = 0.1
[cell]
model = "mitchell_schaeffer2003"
scheme = "rush_larsen"
parameters = { "inward.tau_close" = 20.0, "inward.tau_open" = 30.0 }
[[stimulus]]
where = "x <= 1"
start = 0.0
duration = 2.0
amplitude = 60.0
[[stimulus]]
where = "y <= 12"
start = 60.0
duration = 2.0
amplitude = 60.0
[time]
dt = 0.1
end = 330.0
[diffusion]
mass = 1.0
"""
WATCH = 250.0


@pytest.fixture(scope="module")
def case_of(tmp_path_factory):
    path = tmp_path_factory.mktemp("sheet") / "case.toml"
    path.write_text(SHEET)
    return lambda *overrides: read_case(path, overrides)


@pytest.fixture(scope="module")
def trials(case_of):
    """S2 in refractory tissue, S1 still under way; and where one side has recovered."""
    early = ("stimulus.1.start=50.0", "stimulus.1.where=x <= 10 and y <= 12")
    cases = [case_of(*early), case_of("stimulus.1.start=80.0")]
    return induction_trials(cases, WATCH)[0]


def test_only_s2_in_the_window_induces(trials):
    refractory, induced = (trial.found for trial in trials)
    assert refractory.outcome == NO_RESPONSE
    assert induced.outcome == SUSTAINED
    assert induced.beats >= 2.0 and induced.share > 0.9
    # Not before the gate h, 30 ms from h_min, and the wave have come round.
    assert 50.0 < induced.cycle_length < 120.0
    assert [trial.coupling for trial in trials] == [50.0, 80.0]


def test_frames_are_of_the_trial_that_is_sustained(trials):
    assert trials[0].frames is None
    frames = trials[1].frames
    assert frames.times[0] == pytest.approx(0.0)
    assert frames.times[-1] == pytest.approx(WATCH, abs=5.0)
    assert frames.V.shape == (frames.times.size, 51 * 51)


def test_sharing_s1_changes_nothing(case_of, trials):
    _, problem = build(case_of("stimulus.1.start=80.0"))
    recorder = ActivationRecorder()
    march(problem, 0.1, 330.0, recorders=[recorder])
    shared, alone = trials[1].activation, recorder.times
    assert shared.shape == alone.shape
    count = [np.isfinite(lat).sum(axis=0) for lat in (shared, alone)]
    same = count[0] == count[1]
    # A column of nodes is just repolarising when S2 comes: V at the end of a step and V
    # in its middle, which the recorders see, are on either side of the level.
    assert same.mean() > 1.0 - 1.5 / 51
    off = np.abs(shared - alone)[:, same]
    # A restart splits the reaction of one step in two; at most nodes it does not show.
    # Slow upstrokes round the core make tenths of a ms of it in the third turn.
    assert np.nanmedian(off) < 0.02
    assert np.nanmax(off) < 1.0


@pytest.mark.parametrize("region", ["y <= 12", "x >= 20", "x >= 20 and y <= 12"])
def test_a_wave_of_s1_under_way_is_told_whatever_else_is_tried(case_of, region):
    """S2 beside, before and ahead of the front of S1, which a later trial follows."""
    early = "stimulus.1.start=50.0", f"stimulus.1.where={region}"
    cases = [case_of(*early), case_of("stimulus.1.start=80.0")]
    (shared, _), _ = induction_trials(cases, 100.0)
    _, problem = build(cases[0])
    recorder = ActivationRecorder()
    march(problem, 0.1, 150.0, recorders=[recorder])
    # A restart splits the reaction of one step in two.
    np.testing.assert_allclose(shared.activation, recorder.times, rtol=0, atol=0.02)


def test_neighbours_are_pairs_of_an_element():
    pairs = neighbours(sheet((2.0, 1.0), 1.0))
    # Two squares: seven sides and four diagonals, each once.
    assert len(pairs) == 11
    assert all(tuple(a) < tuple(b) for a, b in pairwise(pairs))


def test_what_cannot_be_tried_is_refused(case_of):
    with pytest.raises(CaseError, match="no \\[\\[stimulus\\]\\]"):
        induction_trials([case_of("stimulus=[]")])
    with pytest.raises(CaseError, match="train without end"):
        induction_trials([case_of("stimulus.0.period=100")])
