"""Threshold and refractory period of a tissue: against trials one by one."""

import math

import numpy as np
import pytest

from cardiosim.case.read import read_case
from cardiosim.experiments.single_cells import Pulse
from cardiosim.experiments.tissue_excitability import (
    remote_node,
    tissue_refractory_period,
    tissue_threshold,
    velocity_of,
)
from cardiosim.experiments.tissue_trials import pace_case

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


def paced_case(tmp_path, text=CABLE, **settings):
    path = tmp_path / "case.toml"
    path.write_text(text)
    return pace_case(read_case(path), bcl=450.0, beats=1, **settings)[1]


@pytest.fixture(scope="module")
def paced(tmp_path_factory):
    return paced_case(tmp_path_factory.mktemp("case"))


def answers(paced, trial, remote):
    return paced.run([trial], until=[remote])[0].came_through


def test_threshold_is_the_border_between_failure_and_answer(paced):
    remote = remote_node(paced)
    found = tissue_threshold(paced, 2.0, remote, resolution=1e-2)
    assert found.is_closed
    assert 0.0 < found.answers - found.fails <= 1e-2 * found.answers * (1.0 + 1e-9)
    for amplitude, expected in ((found.fails, False), (found.answers, True)):
        trial = paced.in_place_of_s1(Pulse(amplitude, 2.0))
        assert answers(paced, trial, remote) is expected
    # A longer pulse needs less current, and more charge.
    longer = tissue_threshold(paced, 4.0, remote, resolution=1e-2)
    assert longer.answers < found.answers < 2.0 * longer.answers


def test_a_larger_site_has_a_lower_threshold(tmp_path, paced):
    whole = paced_case(tmp_path, CABLE.replace("x <= 0.5", "x <= 2.0"))
    remote = remote_node(whole)
    large, small = (
        tissue_threshold(tissue, 2.0, remote, resolution=0.05)
        for tissue in (whole, paced)
    )
    assert large.answers < 0.9 * small.fails


def test_refractory_period_is_what_trying_every_interval_finds(paced):
    remote = remote_node(paced)
    found = tissue_refractory_period(
        paced, remote, shortest=250.0, longest=400.0, resolution=5.0
    )
    assert found.bracket.answers - found.bracket.fails == 5.0
    assert found.s2.amplitude == pytest.approx(2.0 * found.threshold.answers)
    every = np.arange(250.0, 401.0, 5.0)
    trials = [paced.premature(interval, found.s2) for interval in every]
    through = [r.came_through for r in paced.run(trials, until=[remote])]
    assert found.value == every[np.flatnonzero(~np.array(through))[-1]]
    tried = dict(zip(found.intervals, found.answered, strict=True))
    assert tried[found.bracket.fails] == 0 and tried[found.bracket.answers] == 1
    # No S2 is answered while S1's action potential of 285 ms lasts.
    assert found.value > 285.0


def test_a_stronger_pulse_shortens_the_refractory_period(paced):
    remote = remote_node(paced)
    weak, strong = (
        tissue_refractory_period(paced, remote, amplitude=a, shortest=250.0)
        for a in (12.0, 60.0)
    )
    assert strong.value < weak.value


def test_intervals_in_quarters_of_a_millisecond(paced):
    remote = remote_node(paced)
    about = {"amplitude": 60.0, "shortest": 290.0, "longest": 320.0}
    coarse = tissue_refractory_period(paced, remote, **about)
    assert coarse.threshold is None
    fine = tissue_refractory_period(paced, remote, **about, resolution=0.25)
    assert fine.bracket.answers - fine.bracket.fails == 0.25
    assert coarse.bracket.fails <= fine.bracket.fails
    assert fine.bracket.answers <= coarse.bracket.answers


def test_an_answer_has_to_arrive_in_time(paced):
    remote = remote_node(paced)
    late = tissue_refractory_period(paced, remote, amplitude=60.0, shortest=250.0)
    at_once = 1.2 * paced.s1_lat[remote]
    soon = tissue_refractory_period(
        paced, remote, amplitude=60.0, shortest=250.0, within=at_once
    )
    assert soon.value > late.value
    ends = [paced.premature(end) for end in (soon.bracket.fails, soon.bracket.answers)]
    latencies = [r.lat[remote] for r in paced.run(ends, until=[remote])]
    assert latencies[1] <= at_once < latencies[0]


def test_remote_site_is_far_from_that_of_s1(tmp_path, paced):
    x = paced.problem.mesh.points[:, 0]
    assert x[remote_node(paced)] == pytest.approx(3.75, abs=0.06)
    other_end = paced_case(tmp_path, CABLE.replace("x <= 0.5", "x >= 4.5"))
    assert x[remote_node(other_end)] == pytest.approx(1.25, abs=0.06)
    assert x[remote_node(paced, (2.0,))] == pytest.approx(2.0)
    with pytest.raises(ValueError, match=r"\(0.2, 0, 0\) mm is stimulated itself"):
        remote_node(paced, (0.2,))


def test_velocity_counts_either_way(tmp_path, paced):
    other_end = paced_case(tmp_path, CABLE.replace("x <= 0.5", "x >= 4.5"))
    forth, back = (velocity_of(p, p.s1_lat) for p in (paced, other_end))
    assert forth == pytest.approx(back, rel=1e-6)
    assert math.isnan(velocity_of(paced, np.full(paced.n_nodes, np.nan)))


def test_faults_are_told(tmp_path, paced):
    weak = paced_case(tmp_path, CABLE.replace("60.0", "6.0"))
    with pytest.raises(ValueError, match="S1 of 6 A/F for 2 ms activates no node"):
        remote_node(weak)
    with pytest.raises(ValueError, match="expected S1 to end first"):
        tissue_refractory_period(paced, 40, shortest=1.0)
    with pytest.raises(ValueError, match="resolution 0 ms"):
        tissue_refractory_period(paced, 40, amplitude=60.0, resolution=0.0)
    with pytest.raises(ValueError, match="of 2000 A/F for 0.001 ms is not answered"):
        tissue_refractory_period(paced, 40, duration=1e-3)


SHEET = CABLE.replace('"cable"\nlength = 5.0', '"sheet"\nsize = [5.0, 0.4]')


@pytest.mark.parametrize("simplices", [False, True])
def test_plane_wave_in_a_sheet_is_refractory_as_a_cable_is(tmp_path, paced, simplices):
    text = SHEET.replace("dx = 0.1", f"dx = 0.1\nsimplices = {str(simplices).lower()}")
    sheet = paced_case(tmp_path, text)
    found = [
        tissue_refractory_period(
            tissue,
            remote_node(tissue, (3.75, 0.0)),
            amplitude=60.0,
            shortest=250.0,
            longest=350.0,
        )
        for tissue in (paced, sheet)
    ]
    cable, sheet = (each.bracket.fails for each in found)
    # On triangles the front is not exactly plane, nor is the site: 1 ms of resolution.
    assert abs(sheet - cable) <= (1.0 if simplices else 0.0)


def test_tissue_of_two_cells_is_copied_with_both(tmp_path):
    region = '\n[[cell.region]]\nwhere = "x >= 2.5"\n[cell.region.parameters]\n'
    region += '"inward.tau_close" = { scale = 0.6 }\n[[stimulus]]'
    mixed = paced_case(tmp_path, CABLE.replace("[[stimulus]]", region))
    trials = [mixed.premature(interval) for interval in (330.0, 400.0)]
    together = mixed.run(trials, patience=400.0, probes=[45], interval=1.0)
    for trial, response in zip(trials, together, strict=True):
        (alone,) = mixed.run([trial], patience=400.0, probes=[45], interval=1.0)
        np.testing.assert_allclose(response.lat, alone.lat, rtol=0, atol=1e-9)
        n = len(alone.times) - 1
        np.testing.assert_allclose(response.V[:n], alone.V[:n], rtol=0, atol=1e-6)
