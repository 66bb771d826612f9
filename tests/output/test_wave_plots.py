"""What is drawn of tips, and on which side of a surface."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from cardiosim.measure.phase_singularities import Singularities
from cardiosim.measure.tip_trajectories import Trajectory
from cardiosim.output import wave_plots
from cardiosim.output.mesh_arrays import RegularGrid, mesh_arrays
from cardiosim.output.panels import panels_of
from cardiosim.output.style import picture
from cardiosim.output.tip_marks import faces, mark_singularities, on_paper
from cardiosim.output.wave_plots import rotor_history, tip_ways


@pytest.fixture
def ball():
    k = np.arange(400) + 0.5
    z, azimuth = 1.0 - k / 200.0, np.pi * (1.0 + 5**0.5) * k
    r = np.sqrt(1.0 - z * z)
    points = 10.0 * np.column_stack([r * np.cos(azimuth), r * np.sin(azimuth), z])
    return mesh_arrays(points, [("triangle", ConvexHull(points).simplices)], "mesh")


@pytest.fixture
def flat():
    x, y = np.meshgrid(np.arange(11.0), np.arange(9.0))
    points = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
    return mesh_arrays(points, [], "sheet", grid=RegularGrid((11, 9), (10.0, 8.0)))


def trajectory(positions, normals, charge=1):
    n = len(positions)
    return Trajectory(
        charge, 5.0 * np.arange(n), positions, 0.3 * np.arange(n), normals
    )


def test_a_side_shows_what_is_on_it(ball):
    """Seen along y, the half with y < 0 is in front; x goes right, z up."""
    front, back = panels_of(ball)
    normals = np.array([[0.0, -1.0, 0.0], [0.0, 1.0, 0.0], [0.6, -0.8, 0.0]])
    np.testing.assert_array_equal(faces(front, ball.points, normals), [1, 0, 1])
    np.testing.assert_array_equal(faces(back, ball.points, normals), [0, 1, 0])
    places = on_paper(front, ball.points, 10.0 * normals)
    np.testing.assert_allclose(places, [[0, 0], [0, 0], [6, 0]], atol=1e-9)
    places = on_paper(back, ball.points, [[6.0, 8.0, 3.0]])
    np.testing.assert_allclose(places, [[-6.0, 3.0]], atol=1e-9)


def test_marks_are_where_they_were_found(flat, tmp_path):
    (panel,) = panels_of(flat)
    found = Singularities(
        np.array([[2.0, 3.0, 0.0], [7.5, 4.0, 0.0]]),
        np.array([1, -1]),
        np.tile([0.0, 0.0, 1.0], (2, 1)),
    )
    with picture(tmp_path / "marks.png", 3.0, 3.0) as figure:
        axes = figure.subplots()
        mark_singularities(axes, panel, flat.points, found)
        drawn = {
            (line.get_marker(), *np.round(line.get_xydata()[0], 9))
            for line in axes.lines
        }
    assert {("+", 2.0, 3.0), ("_", 7.5, 4.0)} <= drawn


def test_ways_on_a_sheet_and_on_both_sides_of_a_ball(flat, ball, tmp_path):
    angle = np.linspace(0.0, 6.0, 40)
    circle = np.column_stack([5 + np.cos(angle), 4 + np.sin(angle), 0.0 * angle])
    up = np.tile([0.0, 0.0, 1.0], (40, 1))
    said = {"label": "grey: V", "title": "a wave"}
    assert tip_ways(
        flat, [trajectory(circle, up)], np.zeros(99), tmp_path / "flat.png", **said
    )
    round_ = np.column_stack([np.cos(angle), np.sin(angle), 0.0 * angle])
    assert tip_ways(
        ball,
        [trajectory(10.0 * round_, round_, -1)],
        ball.points[:, 2],
        tmp_path / "ball.png",
        **said,
    )
    for name in ("flat", "ball"):
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000
    assert not tip_ways(flat, [], np.zeros(99), tmp_path / "none.png", **said)


def test_of_many_lives_the_longest_are_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(wave_plots, "MOST_LIVES", 3)
    up = np.array([[0.0, 0.0, 1.0]])
    tips = [
        trajectory(np.zeros((n, 3)), np.repeat(up, n, axis=0)) for n in range(2, 40, 4)
    ]
    times = 5.0 * np.arange(40)
    count = np.ones(40, dtype=int)
    path = tmp_path / "rotors.png"
    rotor_history(times, count, 0 * count, -count, tips, path, title="waves")
    assert path.stat().st_size > 10_000
