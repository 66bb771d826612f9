"""[[initial]] lays states over those that the nodes would begin in."""

import numpy as np
import pytest

from cardiosim.case.build import assemble, build
from cardiosim.case.read import CaseError, read_case
from cardiosim.simulation import kept_states
from cardiosim.simulation.run import march

SHEET = """
[mesh]
kind = "sheet"
size = [4.0, 4.0]
dx = 0.2
[tissue]
D = 0.1
[cell]
model = "mitchell_schaeffer2003"
[time]
dt = 0.1
end = 10.0
"""
PREPACE = (
    "cell.prepace={bcl = 300.0, beats = 3, amplitude = 50.0, duration = 1.0, dt = 0.1}"
)
PHASE = "\n[[initial]]\nphase = { centre = [2.05, 2.05] }\n"


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Read the case with more tables and overrides; states are cached apart."""
    monkeypatch.setattr(kept_states, "cache_root", lambda: tmp_path / "cache")

    def _read(tables="", *overrides):
        (tmp_path / "case.toml").write_text(SHEET + tables)
        return read_case(tmp_path, overrides)

    return _read


def test_potentials_and_states_are_set_after_pacing(read):
    tables = """
[[initial]]
where = "x <= 1.0"
V = "0.02 V"
[[initial]]
where = "y <= 1.0"
states.inward.h = 0.25
[[initial]]
where = "x <= 0.5"
V = -10.0
"""
    _, plain = build(read("", PREPACE))
    _, problem = build(read(tables, PREPACE))
    x, y = problem.mesh.points[:, 0], problem.mesh.points[:, 1]
    V = np.where(x < 0.5, -10.0, np.where(x < 1.1, 20.0, plain.states[0]))
    h = np.where(y < 1.1, 0.25, plain.states[1])
    np.testing.assert_array_equal(problem.states, [V, h])
    assert plain.states[1, 0] != 1.0  # it was paced


def test_without_pacing_they_are_laid_over_the_model_s_own(read):
    _, problem = build(read('\n[[initial]]\nwhere = "x < 1"\nV = 5.0\n'))
    assert set(problem.states[0]) == {5.0, -80.0}
    assert (problem.states[1] == 1.0).all()


def ring(problem, centre, radius):
    """Nodes around a centre, counter-clockwise."""
    x, y = (problem.mesh.points[:, :2] - centre).T
    near = np.flatnonzero(abs(np.hypot(x, y) - radius) < 0.15)
    return near[np.argsort(np.arctan2(y[near], x[near]))]


@pytest.mark.parametrize("turns", [1, -1])
def test_a_phase_start_goes_once_through_the_cycle_around_the_centre(read, turns):
    table = PHASE.replace("] }", f"], turns = {turns} }}")
    _, problem = build(read(table, PREPACE))
    nodes = ring(problem, 2.05, 1.4)
    V, h = problem.states[:, nodes]
    # An independent phase: the angle in the plane of V and h, about a point inside the
    # loop that a beat makes there. Excitation moves to high V before h falls.
    angle = np.arctan2(h - 0.5 * (h.min() + h.max()), (V + 50.0) / 100.0)
    steps = np.diff(np.append(angle, angle[0]))
    steps -= 2.0 * np.pi * np.round(steps / (2.0 * np.pi))
    # Time runs clockwise in that plane (up V at high h, then h falls), and against the
    # polar angle for a wave that turns counter-clockwise.
    assert round(steps.sum() / (2.0 * np.pi), 6) == turns
    assert V.max() > 0.0
    assert V.min() < -75.0


def test_the_wave_turns_the_way_it_was_told(read):
    """What is in the plateau now is followed by what lies further round."""
    case, problem = build(read(PHASE, PREPACE))
    nodes = ring(problem, 2.05, 1.4)
    x, y = (problem.mesh.points[nodes, :2] - 2.05).T
    angle = np.arctan2(y, x)

    def plateau():
        """Mean direction of the nodes in a stretch of the plateau.

        It begins 40 ms after the upstroke, so that those that get there in the 40 ms
        below had their stimulus.
        """
        V, h = problem.states[:, nodes]
        inside = (V > -40.0) & (h > 0.18) & (h < 0.27)
        return np.angle(np.exp(1j * angle[inside]).mean())

    problem.diffusion = None  # phase waves need no coupling
    before = plateau()
    march(problem, 0.1, 40.0)  # of 300 ms: 48 degrees
    turned = np.angle(np.exp(1j * (plateau() - before)))
    # Steps of the ring are some 8 degrees.
    assert turned == pytest.approx(2.0 * np.pi * 40.0 / 300.0, abs=0.2)


def test_each_region_winds_up_its_own_cycle(read):
    region = """
[[cell.region]]
where = "x > 2.0"
model = "aliev_panfilov1996"
[[cell.region]]
where = "x < 1.0"
parameters = { "inward.tau_close" = 100.0 }
"""
    _, problem = build(read(region + PHASE, PREPACE))
    _, plain = build(read(PHASE, PREPACE))
    x = problem.mesh.points[:, 0]
    middle, right = (x > 1.1) & (x < 1.9), x > 2.1
    # The kernel with a free parameter rounds otherwise, and picks its own samples: the
    # states are the same within the interpolation between them.
    assert abs(problem.states[0] - plain.states[0])[middle].max() < 2.0
    assert (problem.states[1, right] == 0.0).all()
    assert problem.states[2, right].max() > 0.5
    assert np.isfinite(problem.states).all()
    march(problem, 0.1, 5.0)
    assert np.isfinite(problem.states[0]).all()


def test_a_phase_start_can_be_that_of_a_region(read):
    _, plain = build(read("", PREPACE))
    _, problem = build(read(PHASE.replace("phase", 'where = "y < 1"\nphase'), PREPACE))
    above = problem.mesh.points[:, 1] > 0.9
    np.testing.assert_array_equal(problem.states[:, above], plain.states[:, above])
    assert np.ptp(problem.states[0, ~above]) > 10.0


@pytest.mark.parametrize(
    ("table", "overrides", "says"),
    [
        ('where = "x > 9"\nV = 1.0', (), 'initial.0.where: "x > 9" reaches no node'),
        ("states.inward.hh = 1.0", (), "has no state inward.hh; did you mean inward.h"),
        ("phase = { centre = [2, 2] }", (), "initial.0.phase winds up .* cell.prepace"),
        ("phase = { centre = [2, 9] }", (PREPACE,), r"\(2, 9\) mm is outside the mesh"),
        ("phase = { centre = [2] }", (), "is no position"),
        ("phase = { centre = [2, 2], turns = 0 }", (), "give each centre one"),
        ("phase = { centre = [2, 2], turns = [1, 1] }", (), "give each centre one"),
        ("phase = { centre = [2, 2], axis = [0, 0, 0] }", (), "axis is zero"),
        (
            "phase = { centre = [2, 2], bcl = 300.05 }",
            (PREPACE,),
            "initial.0.phase.bcl 300.05 ms is no whole number of steps",
        ),
        ('where = "all"', (), r"give either V \(mV\) and states, or phase; neither"),
        ("V = 1.0\nphase = { centre = [2, 2] }", (), "or phase; both came"),
        ('V = "1 ms"', (), "no quantity in mV"),
    ],
)
def test_mistakes_are_told_before_anything_is_paced(read, table, overrides, says):
    with pytest.raises(ValueError, match=says) as error:
        assemble(read(f"\n[[initial]]\n{table}\n", *overrides))
    assert "\n" not in str(error.value)


def test_a_state_that_some_nodes_lack_is_named(read):
    region = '\n[[cell.region]]\nwhere = "x > 2.0"\nmodel = "aliev_panfilov1996"\n'
    state = "\n[[initial]]\nwhere = {}\nstates.recovery.v = 0.5\n"
    with pytest.raises(CaseError, match="231 of 441 nodes have a cell without recov"):
        assemble(read(region + state.format('"all"')))
    _, problem = build(read(region + state.format('"x > 3.0"')))
    row = problem.cell.state_names.index("recovery.v")
    assert (problem.states[row] == 0.5).sum() == 5 * 21


def test_nothing_turns_on_a_cable(read, tmp_path):
    cable = SHEET.replace('"sheet"\nsize = [4.0, 4.0]', '"cable"\nlength = 4.0')
    (tmp_path / "cable.toml").write_text(cable + PHASE)
    with pytest.raises(CaseError, match='nothing turns on a mesh of kind "cable"'):
        assemble(read_case(tmp_path / "cable.toml", [PREPACE]))


def test_a_protocol_has_states_of_its_own(read, tmp_path):
    text = """
[mesh]
kind = "point"
[cell]
model = "mitchell_schaeffer2003"
[protocol]
kind = "strength_duration"
durations = [1.0]
[[initial]]
V = 0.0
[time]
dt = 0.1
"""
    (tmp_path / "point.toml").write_text(text)
    with pytest.raises(CaseError, match=r"by itself; remove \[\[initial\]\]"):
        read_case(tmp_path / "point.toml")


def test_fibrosis_is_a_region_of_cells_and_of_initial_states(read):
    tables = """
[[tissue.fibrosis]]
kind = "patchy"
fraction = 0.2
length = 1.0
[[cell.region]]
where = "fibrosis"
parameters = { "inward.tau_close" = 100.0 }
[[initial]]
where = "fibrosis"
V = -70.0
"""
    _, problem = build(read(tables))
    (part,) = problem.cell.parts
    tau_close = part.parameters["inward.tau_close"]
    assert set(tau_close) == {100.0, 150.0}
    np.testing.assert_array_equal(problem.states[0] == -70.0, tau_close == 100.0)
    # A fifth of the elements, and the nodes around them.
    assert 0.2 < (tau_close == 100.0).mean() < 0.4
