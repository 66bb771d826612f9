"""The vulnerable window of a cable grows with the site, at the pace of the wave."""

from pathlib import Path

import numpy as np
import pytest

from cardiosim.case.read import read_case
from cardiosim.experiments.tissue_trials import pace_case
from cardiosim.experiments.vulnerable_window import vulnerable_window, window_examples

CABLE = Path(__file__).parents[2] / "cases" / "cable_conduction"
STEP = 1.0  # ms


@pytest.fixture(scope="module")
def paced():
    """A long cable of Mitchell and Schaeffer's cell."""
    overrides = (
        "cell.model=mitchell_schaeffer2003",
        "cell.scheme=rush_larsen",
        "cell.prepace={bcl=1000, beats=5, amplitude=20, duration=2}",
        "mesh.length=60",
        "mesh.dx=0.25",
        "tissue.D=0.1",
        "time.dt=0.05",
    )
    return pace_case(read_case(CABLE, overrides), bcl=1000.0, beats=1)[1]


def window(paced, length):
    """Of a site of so many mm about the middle."""
    x = paced.problem.mesh.points[:, 0]
    site = np.flatnonzero(np.abs(x - 30.0) <= 0.5 * length + 1e-9)
    return vulnerable_window(
        paced, site, shortest=350.0, longest=480.0, resolution=STEP
    )


@pytest.fixture(scope="module")
def short(paced):
    return window(paced, 2.0)


def test_the_window_grows_with_the_site_over_the_velocity(paced, short):
    """Ends of the site that are L apart recover L/c apart (Starmer et al. 1993)."""
    long = window(paced, 8.0)
    # Two windows, each of two brackets one step wide.
    assert long.width - short.width == pytest.approx(6.0 / short.velocity, abs=2 * STEP)
    for found in (short, long):
        assert found.one_way.answers - found.one_way.fails == pytest.approx(STEP)
        assert found.both.answers - found.both.fails == pytest.approx(STEP)
        assert (
            found.early_side == 1.0
        )  # towards where S1 came from, which recovers first


def test_the_examples_are_what_they_are_called(paced, short):
    examples = window_examples(paced, short, interval=2.0)
    x = paced.problem.mesh.points[:, 0]
    for label, sides in (("blocked", 0), ("one way", 1), ("both ways", 2)):
        one = examples[label]
        after = one.times > one.s2 + 20.0
        peaks = one.V[after][:, [int(x.size * 0.2), int(x.size * 0.8)]].max(axis=0)
        assert (peaks > -20.0).sum() == sides
        assert (np.diff(one.times) > 0.0).all()


def test_a_site_without_room_is_refused(paced):
    n = paced.n_nodes
    with pytest.raises(ValueError, match="no room"):
        vulnerable_window(paced, np.arange(20, n))
    with pytest.raises(ValueError, match="lies over the site of S1"):
        vulnerable_window(paced, paced.train.nodes[1:])
    with pytest.raises(ValueError, match="positive step"):
        vulnerable_window(paced, np.arange(100, 105), resolution=0.0)
