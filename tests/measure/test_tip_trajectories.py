"""Tips whose way, turns and lives are known."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull, cKDTree

from cardiosim.measure.phase_singularities import (
    Singularities,
    element_loops,
    grid_loops,
    phase_singularities,
)
from cardiosim.measure.surface_orientation import oriented_triangles
from cardiosim.measure.tip_trajectories import (
    Trajectory,
    arms,
    rotor_count,
    trajectories,
)

STEP, PERIOD = 5.0, 137.0  # ms
TIMES = np.arange(0.0, 900.0, STEP)


def square(n=81, dx=0.5):
    x = np.arange(n) * dx
    X, Y = np.meshgrid(x, x)
    points = np.column_stack([X.ravel(), Y.ravel(), np.zeros(n * n)])
    return grid_loops(points, np.arange(n * n).reshape(n, n))


def followed(loops, field_at, times=TIMES, radius=5.0, **how):
    """Trajectories in a complex field (imaginary: across) given at each time."""
    tree, found, directions = cKDTree(loops.points), [], []
    for t in times:
        field = field_at(t)
        now = phase_singularities(loops, field.imag, field.real)
        near = tree.query_ball_point(now.positions, radius) if len(now) else []
        found.append(now)
        directions.append(arms(now, loops.points, np.angle(field), near))
    return trajectories(times, found, directions, slack=2.0 * loops.spacing, **how)


def circling(loops, t, sense=1, radius=4.0, centre=(20.0, 20.0), drift=(0.0, 0.0)):
    """A wave that turns round a tip which itself circles once a turn."""
    angle = -sense * 2.0 * np.pi * t / PERIOD
    x = centre[0] + drift[0] * t + radius * np.cos(angle)
    y = centre[1] + drift[1] * t + radius * np.sin(angle)
    z = (loops.points[:, 0] - x) + 1j * (loops.points[:, 1] - y)
    return (z if sense > 0 else z.conj()) * np.exp(2j * np.pi * t / PERIOD)


@pytest.mark.parametrize("sense", [1, -1])
def test_a_circling_tip_gives_period_and_core(sense):
    loops = square()
    (tip,) = followed(loops, lambda t: circling(loops, t, sense))
    assert tip.charge == sense
    assert tip.lifetime == TIMES[-1]
    assert tip.rotations == pytest.approx(TIMES[-1] / PERIOD, rel=1e-3)
    # The nodes round the tip are another set each time, whose middle is not the tip.
    assert tip.period == pytest.approx(PERIOD, rel=1e-3)
    np.testing.assert_allclose(tip.periods, PERIOD, rtol=0.02)
    # Both potentials are linear, so that places are exact; of a rotation of 137 ms,
    # 27 or 28 samples are not quite evenly round.
    assert tip.core_diameter == pytest.approx(8.0, abs=0.05)
    assert tip.core_length == pytest.approx(8.0, abs=0.05)
    assert tip.drift == pytest.approx(0.0, abs=0.3)
    # A polygon with sides of 5 ms in place of the circle: 1 - (pi 5/137)^2/6 of it.
    assert tip.path / tip.lifetime == pytest.approx(8.0 * np.pi / PERIOD, rel=3e-3)
    assert tip.is_rotor()


def test_a_core_that_drifts_is_as_large():
    loops, drift = square(), (0.012, -0.004)
    start = (14.0, 24.0)
    (tip,) = followed(
        loops, lambda t: circling(loops, t, radius=3.0, centre=start, drift=drift)
    )
    assert tip.period == pytest.approx(PERIOD, rel=2e-3)
    assert tip.drift_speed == pytest.approx(np.hypot(*drift), rel=0.03)
    # Within one turn it drifts by 1.7 mm, which stretches the circle of 6 mm.
    assert tip.core_diameter == pytest.approx(6.0, abs=0.3)


def test_a_tip_that_rests_turns_too():
    loops = square()
    (tip,) = followed(
        loops, lambda t: circling(loops, t, radius=0.0, centre=(20.1, 19))
    )
    assert tip.period == pytest.approx(PERIOD, rel=1e-6)
    assert tip.core_diameter == pytest.approx(0.0, abs=1e-9)


def test_two_of_opposite_charge_pass_each_other():
    """Less than a step from each other, and still each keeps its charge."""
    loops = square()
    times = np.arange(0.0, 200.0, STEP)

    def pair(t):
        x, y, _ = loops.points.T
        one = (x - 5.0 - 0.15 * t) + 1j * (y - 19.6)
        other = (x - 35.0 + 0.15 * t) - 1j * (y - 20.9)
        return one * other

    tips = followed(loops, pair, times)
    assert sorted(tip.charge for tip in tips) == [-1, 1]
    for tip in tips:
        assert tip.lifetime == times[-1]
        way = tip.positions[-1, 0] - tip.positions[0, 0]
        # Linear by itself; the other bends it where they are 1.3 mm apart.
        assert way == pytest.approx(tip.charge * 0.15 * times[-1], abs=0.05)
        assert not tip.is_rotor()
        assert tip.is_rotor(lifetime=100.0)


def test_on_a_sphere_the_turns_are_counted_as_on_a_sheet():
    """Both tips of a wave that turns about an axis which itself goes round."""
    k = np.arange(4000) + 0.5
    height, azimuth = 1.0 - k / 2000.0, np.pi * (1.0 + 5**0.5) * k
    r = np.sqrt(1.0 - height**2)
    points = 20.0 * np.column_stack([r * np.cos(azimuth), r * np.sin(azimuth), height])
    hull = ConvexHull(points).simplices
    loops = element_loops(points, oriented_triangles(points, hull))

    def turning(t):
        tilt, round_ = 0.5, 2.0 * np.pi * t / 2000.0
        axis = [
            np.sin(tilt) * np.cos(round_),
            np.sin(tilt) * np.sin(round_),
            np.cos(tilt),
        ]
        right = np.cross(axis, [1.0, 0.0, 0.0])
        right /= np.linalg.norm(right)
        up = np.cross(axis, right)
        return (points @ right + 1j * (points @ up)) * np.exp(2j * np.pi * t / PERIOD)

    tips = followed(loops, turning)
    assert sorted(tip.charge for tip in tips) == [-1, 1]
    for tip in tips:
        assert tip.lifetime == TIMES[-1]
        # The axis carries the wave along by less than 2 pi sin(0.5)^2 in 2000 ms.
        assert tip.period == pytest.approx(PERIOD, rel=0.02)


def found_at(*places):
    """Singularities of charge 1 on a sheet."""
    positions = np.array([(*place, 0.0) for place in places]).reshape(-1, 3)
    up = np.tile([0.0, 0.0, 1.0], (len(places), 1))
    return Singularities(positions, np.ones(len(places), dtype=int), up)


def linked(found, **how):
    none = [np.ones((len(now), 3), dtype=complex) for now in found]
    return trajectories(STEP * np.arange(len(found)), found, none, **how)


def test_what_is_too_far_is_another():
    near, far = found_at((0, 0)), found_at((4, 0))
    assert len(linked([near, far], speed=1.0)) == 1
    assert len(linked([near, far], speed=0.5)) == 2
    assert len(linked([near, far], speed=0.5, slack=2.0)) == 1


def test_what_is_lost_for_a_moment_goes_on():
    seen, lost = found_at((0, 0)), found_at()
    assert [tip.lifetime for tip in linked([seen, lost, seen], gap=STEP)] == [10.0]
    assert [tip.lifetime for tip in linked([seen, lost, seen])] == [0.0, 0.0]
    assert len(linked([seen, lost, lost, seen], gap=STEP)) == 2


def test_the_sum_of_the_ways_is_smallest():
    """The first alone would take the second's partner, which is nearer to it."""
    before, after = found_at((0, 0), (2, 0)), found_at((1.5, 0), (3.5, 0))
    tips = linked([before, after], speed=1.0)
    assert [tip.positions[:, 0].tolist() for tip in tips] == [[0, 1.5], [2, 3.5]]


def life(begin, end, turns):
    times = np.arange(begin, end + 1.0, STEP)
    return Trajectory(
        1,
        times,
        np.zeros((len(times), 3)),
        np.linspace(0.0, 2.0 * np.pi * turns, len(times)),
        np.tile([0.0, 0.0, 1.0], (len(times), 1)),
    )


def test_rotors_are_those_that_turn_once_or_live_as_long_as_told():
    tips = [life(0, 300, 2.0), life(100, 200, 0.7), life(250, 400, 1.0)]
    times = np.arange(0.0, 500.0, 50.0)
    np.testing.assert_array_equal(
        rotor_count(times, tips), [1, 1, 1, 1, 1, 2, 2, 1, 1, 0]
    )
    np.testing.assert_array_equal(
        rotor_count(times, tips, 100.0), [1, 1, 2, 2, 2, 2, 2, 1, 1, 0]
    )
    assert [tip.periods.tolist() for tip in tips] == [
        [pytest.approx(150.0)] * 2,
        [],
        [pytest.approx(150.0)],
    ]
    assert np.isnan(tips[1].period)
    assert np.isnan(tips[1].core_diameter)
    assert np.isnan(tips[2].drift)


def test_without_singularities_there_are_no_tips():
    assert linked([found_at(), found_at()]) == []


def test_lists_of_different_length_are_told():
    with pytest.raises(ValueError, match="one of each for every time"):
        trajectories([0.0, 1.0], [found_at()], [])


def test_pairs_are_born_and_die_together():
    """Zeros of (x - c)^2 - s + i (y - d), one of each sign, there while s > 0.

    Two pairs that overlap in time; each tip lives as long as its pair.
    """
    loops = square()
    times = np.arange(0.0, 400.0, STEP)
    lives = {(10.2, 10.3): (52.5, 251.0), (28.1, 30.7): (148.0, 352.5)}

    def pairs(t):
        x, y, _ = loops.points.T
        field = np.ones(len(x), dtype=complex)
        for (c, d), (begin, end) in lives.items():
            s = 6.0 * np.sin(np.pi * (t - begin) / (end - begin))
            s = s if begin < t < end else -0.1
            one = (x - c) ** 2 - s + 1j * (y - d)
            field *= one / np.maximum(np.abs(one), 1.0)
        return field

    tips = followed(loops, pairs, times, radius=1.0)
    assert sorted(tip.charge for tip in tips) == [-1, -1, 1, 1]
    born = sorted((tip.times[0], tip.times[-1]) for tip in tips)
    # Seen from the first sample with 2 sqrt(s) wider than a square of 0.5 mm on.
    np.testing.assert_allclose(born[0], (55.0, 250.0), atol=STEP)
    np.testing.assert_allclose(born[1], (55.0, 250.0), atol=STEP)
    np.testing.assert_allclose(born[2], (150.0, 350.0), atol=STEP)
    np.testing.assert_allclose(born[3], (150.0, 350.0), atol=STEP)
