"""States around a spiral's tip come from the cycle of a paced cell."""

import numpy as np
import pytest

from cardiosim.ionic.compiled import Scale, compile_cell
from cardiosim.simulation.initial_states import Cycle, phases_around, record_cycle
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.prepacing import prepaced_states
from cardiosim.simulation.run import march
from cardiosim.tissue.mesh import point, sheet
from cardiosim.tissue.stimulus import Stimulus

BCL, PULSE = 300.0, {"amplitude": 50.0, "duration": 1.0, "dt": 0.05}


@pytest.fixture(scope="module")
def cells():
    """Two cells that differ in the length of their action potential."""
    scale = Scale(np.array([0.5, 1.0]))
    return compile_cell(
        "mitchell_schaeffer2003", parameters={"inward.tau_close": scale}
    )


@pytest.fixture(scope="module")
def paced(cells, tmp_path_factory):
    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("states")
    patch.setattr("cardiosim.simulation.kept_states.cache_root", lambda: folder)
    states = prepaced_states(cells, 2, BCL, 20, **PULSE)
    patch.undo()
    return states


@pytest.fixture(scope="module")
def cycle(cells, paced):
    return record_cycle(cells, paced, BCL, **PULSE)


def test_a_cycle_begins_in_the_paced_state_and_ends_a_beat_later(cells, paced, cycle):
    assert cycle.phases[0] == 0.0
    assert cycle.phases[-1] == 1.0
    np.testing.assert_array_equal(cycle.states[0], paced)
    stimulus = Stimulus([0, 1], 0.0, PULSE["duration"], PULSE["amplitude"])
    problem = Monodomain(point(2), cells, None, (stimulus,), paced.copy())
    march(problem, PULSE["dt"], BCL)
    np.testing.assert_array_equal(cycle.states[-1], problem.states)


def test_samples_cover_the_upstroke(cycle):
    V = cycle.states[:, 0]
    assert 200 <= cycle.phases.size <= 256
    # Half of 256 samples share the way of V up and down, some 2 x 100 mV for each cell
    # and more where the two fall at other times: at most 400/128 mV apart.
    assert np.abs(np.diff(V, axis=0)).max() < 4.0
    assert np.diff(cycle.phases).max() < 2.0 / 128


def test_states_between_samples_are_those_of_the_beat(cells, paced, cycle):
    stimulus = Stimulus([0, 1], 0.0, PULSE["duration"], PULSE["amplitude"])
    problem = Monodomain(point(2), cells, None, (stimulus,), paced.copy())
    march(problem, PULSE["dt"], 0.37 * BCL)
    found = cycle.at(np.array([0.37, 0.37]), np.array([0, 1]))
    # Linear between samples of at most 4 mV or 2.4 ms: a tenth of that is curvature.
    np.testing.assert_allclose(found[0], problem.states[0], atol=0.4)
    np.testing.assert_allclose(found[1], problem.states[1], atol=0.005)


def test_the_ends_of_a_cycle_are_inside():
    states = np.array([0.0, 1.0, 4.0]).reshape(3, 1, 1)
    cycle = Cycle(np.array([0.0, 0.5, 1.0]), states)
    found = cycle.at(np.array([0.0, 0.25, 0.5, 0.75, 1.0]), np.zeros(5, dtype=int))
    np.testing.assert_allclose(found, [[0.0, 0.5, 1.0, 2.5, 4.0]], rtol=1e-15)


def winding(phases, points, centre, radius):
    """Turns of the phase along a circle of nodes: summed steps, each the short way."""
    angles = np.linspace(0.0, 2.0 * np.pi, 200)
    circle = centre + radius * np.stack(
        [np.cos(angles), np.sin(angles), np.zeros(200)], axis=1
    )
    distance = np.linalg.norm(points[None] - circle[:, None], axis=2)
    around = phases[np.argmin(distance, axis=1)]
    steps = np.diff(around)
    return round(float((steps - np.round(steps)).sum()), 6)


@pytest.mark.parametrize("turns", [1, -1, 2])
@pytest.mark.parametrize("pitch", [np.inf, 4.0])
def test_phase_winds_around_the_centre_and_nowhere_else(turns, pitch):
    points = sheet((10.0, 10.0), 0.25).points
    phases = phases_around(points, [[4.0, 5.0, 0.0]], [turns], pitch=pitch)
    assert phases.min() >= 0.0
    assert phases.max() < 1.0
    # Later in angle is earlier in the cycle.
    assert winding(phases, points, [4.0, 5.0, 0.0], 2.5) == -turns
    assert winding(phases, points, [8.0, 8.0, 0.0], 1.5) == 0


def test_two_rotors_of_opposite_turns_cancel_far_away():
    points = sheet((20.0, 20.0), 0.25).points
    centres = [[8.0, 10.0, 0.0], [12.0, 10.0, 0.0]]
    phases = phases_around(points, centres, [1, -1])
    assert winding(phases, points, centres[0], 1.5) == -1
    assert winding(phases, points, centres[1], 1.5) == 1
    assert winding(phases, points, [10.0, 10.0, 0.0], 8.0) == 0


def test_arms_are_a_pitch_apart():
    points = np.array([[r, 0.0, 0.0] for r in (1.0, 3.5, 6.0)])
    phases = phases_around(points, [[0.0, 0.0, 0.0]], [1], pitch=5.0)
    np.testing.assert_allclose(phases, [0.8, 0.3, 0.8], rtol=1e-12)


@pytest.mark.parametrize("axis", [[0.0, 0.0, -1.0], [1.0, 2.0, -0.5], [0.0, 3.0, 0.0]])
def test_an_axis_says_about_which_line_nodes_turn(axis):
    axis = np.array(axis) / np.linalg.norm(axis)
    helper = np.cross(axis, [0.3, 0.4, 0.5])
    first = helper / np.linalg.norm(helper)
    second = np.cross(axis, first)
    angles = np.linspace(0.0, 2.0 * np.pi, 9)[:-1]
    circle = np.outer(np.cos(angles), first) + np.outer(np.sin(angles), second)
    centre = np.array([1.0, -2.0, 0.5])
    along = np.linspace(-3.0, 3.0, 8)[:, np.newaxis] * axis
    phases = phases_around(centre + circle + along, [centre], [1], axis)
    steps = np.mod(np.diff(phases), 1.0)
    np.testing.assert_allclose(steps, 1.0 - 1.0 / 8.0, rtol=1e-12)


def test_an_axis_without_direction_is_refused():
    with pytest.raises(ValueError, match="axis .* is none"):
        phases_around(np.zeros((2, 3)), [[0.0, 0.0, 0.0]], [1], axis=[0.0, 0.0, 0.0])
