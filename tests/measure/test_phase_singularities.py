"""Exact numbers, charges and places on fields whose singularities are known."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull, Delaunay

from cardiosim.measure.phase import phase_angle
from cardiosim.measure.phase_singularities import (
    Singularities,
    charges,
    element_loops,
    grid_loops,
    merged,
    phase_singularities,
    wrapped,
)
from cardiosim.measure.surface_orientation import oriented_triangles

CYCLE, AMPLITUDE, REST = 140.0, 100.0, -80.0  # ms, mV


def grid(nx, ny, dx, dy=None):
    """Points, and the node at each place."""
    x, y = np.arange(nx) * dx, np.arange(ny) * (dy or dx)
    X, Y = np.meshgrid(x, y)
    points = np.column_stack([X.ravel(), Y.ravel(), np.zeros(nx * ny)])
    return points, np.arange(nx * ny).reshape(ny, nx)


def triangulated(width, height, spacing, seed=0):
    """Points strewn over a rectangle, and triangles turned at random."""
    rng = np.random.default_rng(seed)
    nx, ny = round(width / spacing), round(height / spacing)
    points, _ = grid(nx + 1, ny + 1, spacing)
    inner = (points[:, 0] > 0) & (points[:, 0] < width - 1e-9)
    inner &= (points[:, 1] > 0) & (points[:, 1] < height - 1e-9)
    points[inner, :2] += rng.uniform(-0.25, 0.25, (inner.sum(), 2)) * spacing
    triangles = Delaunay(points[:, :2]).simplices
    turned = rng.random(len(triangles)) < 0.5
    triangles[turned] = triangles[turned][:, ::-1]
    return points, triangles


def sphere(n=3000, radius=15.0):
    """Nearly even points on a sphere (Fibonacci), and the triangles of their hull."""
    k = np.arange(n) + 0.5
    z, azimuth = 1.0 - 2.0 * k / n, np.pi * (1.0 + 5**0.5) * k
    r = np.sqrt(1.0 - z * z)
    points = np.column_stack([r * np.cos(azimuth), r * np.sin(azimuth), z])
    return radius * points, ConvexHull(points).simplices


def winding(points, places, signs):
    """A complex field that is zero at the places only, and winds round each."""
    z = points[:, 0] + 1j * points[:, 1]
    field = np.ones(len(points), dtype=complex)
    for (x, y), sign in zip(places, signs, strict=True):
        away = z - (x + 1j * y)
        field *= away if sign > 0 else away.conj()
        field /= np.abs(away) + 1.0
    return field


def action_potential(cycles):
    """V of a cell that has been excited so many cycles ago; steep, then slow."""
    since = (np.asarray(cycles) % 1.0) * CYCLE
    rise = 1.0 / (1.0 + np.exp(-(since - 3.0) / 0.4))
    return REST + AMPLITUDE * rise * np.exp(-((since / 70.0) ** 3))


def archimedes(points, centre, t, arms=1, sense=1, pitch=60.0):
    """V of a spiral of so many arms that turns clockwise (1) or the other way."""
    x, y = (points[:, axis] - centre[axis] for axis in (0, 1))
    turns = arms * sense * np.arctan2(y, x) / (2.0 * np.pi)
    return action_potential(turns - np.hypot(x, y) / pitch + t / CYCLE)


def matched(found, places, signs):
    """Distance of each place from the nearest that was found with its sign, mm."""
    away = np.linalg.norm(
        found.positions[:, None, :2] - np.asarray(places, dtype=float)[None], axis=2
    )
    away[found.charges[:, None] != np.asarray(signs)[None]] = np.inf
    assert len(found) == len(places)
    return away.min(axis=0)


MESHES = {
    "even": lambda: (*grid(61, 51, 0.5), 0.5),
    "anisotropic": lambda: (*grid(61, 101, 0.5, 0.25), 0.5),
    "triangles": lambda: (*triangulated(30.0, 25.0, 0.5), 0.6),
}


def loops_on(kind):
    points, cells, size = MESHES[kind]()
    if kind == "triangles":
        return element_loops(points, oriented_triangles(points, cells)), size
    return grid_loops(points, cells), size


@pytest.mark.parametrize("kind", MESHES)
@pytest.mark.parametrize("seed", range(6))
def test_pairs_are_counted_and_found_within_a_cell(kind, seed):
    """Two to eight of opposite charge, anywhere but three cells from each other."""
    loops, size = loops_on(kind)
    rng = np.random.default_rng(seed)
    n = 2 * rng.integers(1, 5)
    places = np.empty((0, 2))
    while len(places) < n:
        place = rng.uniform([1.5, 1.5], [28.5, 23.5])
        if not len(places) or np.linalg.norm(places - place, axis=1).min() > 3.0 * size:
            places = np.vstack([places, place])
    signs = np.tile([1, -1], n // 2)
    field = winding(loops.points, places, signs) * np.exp(1j * rng.uniform(0.0, 7.0))
    found = phase_singularities(loops, field.imag, field.real)
    assert found.charges.sum() == 0
    # Linear in a cell, whose curvature is that of the nearest of the others.
    assert matched(found, places, signs).max() < 0.2 * size


@pytest.mark.parametrize("kind", MESHES)
@pytest.mark.parametrize("sense", [1, -1])
@pytest.mark.parametrize("t", [0.0, 31.0, 77.0, 120.0])
def test_archimedean_spiral_has_one_tip_at_its_centre(kind, sense, t):
    loops, size = loops_on(kind)
    centre = (14.83, 12.21)
    now, later = (
        archimedes(loops.points, centre, at, sense=sense) for at in (t, t + CYCLE / 5.0)
    )
    origin = REST + 0.35 * AMPLITUDE
    # At the centre every V lies beside every other, which no mesh resolves.
    found = phase_singularities(loops, now - origin, later - origin, merge=2.0 * size)
    assert matched(found, [centre], [sense]).max() < size


@pytest.mark.parametrize("arms", [2, 3])
def test_arms_add_up(arms):
    """Round four nodes, whose steps would be half a turn, they are several, merged."""
    points, nodes = grid(61, 51, 0.5)
    now, later = (archimedes(points, (14.8, 12.2), t, arms) for t in (40.0, 50.0))
    origin = REST + 0.35 * AMPLITUDE
    whole = phase_singularities(
        grid_loops(points, nodes), now - origin, later - origin, merge=2.0
    )
    assert whole.charges.tolist() == [arms]
    assert np.linalg.norm(whole.positions[0, :2] - [14.8, 12.2]) < 1.5


@pytest.mark.parametrize("sense", [1, -1])
def test_a_charge_of_two_fits_into_a_ring(sense):
    points, nodes = grid(61, 51, 0.5)
    angle = 2.0 * sense * np.arctan2(points[:, 1] - 12.2, points[:, 0] - 14.8)
    ring = grid_loops(points, nodes, ring=True)
    found = phase_singularities(ring, np.sin(angle), np.cos(angle))
    assert found.charges.tolist() == [2 * sense]
    assert np.linalg.norm(found.positions[0, :2] - [14.8, 12.2]) < 0.5


def test_eight_neighbours_see_each_pair_once():
    points, nodes = grid(61, 51, 0.5)
    places, signs = [(8.13, 7.77), (20.6, 17.2), (21.1, 6.4)], [1, -1, 1]
    field = winding(points, places, signs)
    ring = grid_loops(points, nodes, ring=True)
    found = phase_singularities(ring, field.imag, field.real)
    assert matched(found, places, signs).max() < 0.5


@pytest.mark.parametrize("kind", MESHES)
@pytest.mark.parametrize("angle", [0.0, 0.4, 1.2])
def test_a_plane_wave_has_none(kind, angle):
    loops, _ = loops_on(kind)
    along = loops.points @ [np.cos(angle), np.sin(angle), 0.0]
    for t in np.arange(0.0, CYCLE, 10.0):
        now, later = (action_potential((at - along / 0.5) / CYCLE) for at in (t, t + 5))
        assert not len(phase_singularities(loops, now + 45.0, later + 45.0))


def test_circles_have_none():
    loops, _ = loops_on("even")
    away = np.hypot(loops.points[:, 0] - 15.2, loops.points[:, 1] - 12.4)
    for t in np.arange(0.0, CYCLE, 10.0):
        now, later = (action_potential((at - away / 0.5) / CYCLE) for at in (t, t + 5))
        assert not len(phase_singularities(loops, now + 45.0, later + 45.0))


def test_a_short_delay_counts_as_well_and_places_less_well():
    """Of 10 ms, a fourteenth of the cycle: less than the step round one cell.

    At the centre all of a cycle lies between a few nodes, as in no tissue, where V is
    smooth over the millimetres of a core.
    """
    loops, size = loops_on("even")
    rng = np.random.default_rng(5)
    origin = REST + 0.35 * AMPLITUDE
    for _ in range(30):
        centre, t = rng.uniform(8.0, 17.0, 2), rng.uniform(0.0, CYCLE)
        now, later = (archimedes(loops.points, centre, at) for at in (t, t + 10.0))
        found = phase_singularities(loops, now - origin, later - origin, 2.0 * size)
        assert matched(found, [centre], [1]).max() < 2.0 * size


def test_where_both_are_linear_the_place_is_exact():
    loops, _ = loops_on("anisotropic")
    x, y, _ = loops.points.T
    across, along = 2.0 * (x - 7.31) - (y - 9.87), 0.3 * (x - 7.31) + (y - 9.87)
    found = phase_singularities(loops, across, along)
    # theta is the angle of (along, across): its turn is that of this linear map.
    assert found.charges.tolist() == [int(np.sign(0.3 * -1.0 - 1.0 * 2.0))]
    np.testing.assert_allclose(found.positions, [[7.31, 9.87, 0.0]], atol=1e-10)


@pytest.mark.parametrize("sense", [1, -1])
@pytest.mark.parametrize("place", [(5.0, 4.0), (5.5, 4.0), (5.0, 4.5), (5.0, 4.3)])
@pytest.mark.parametrize("shift", [0.0, 0.5 * np.pi, np.pi, 0.7])
def test_a_tip_on_a_node_or_an_edge_is_one(place, sense, shift):
    points, nodes = grid(10, 10, 1.0)
    field = winding(points, [place], [sense]) * np.exp(1j * shift)
    loops = grid_loops(points, nodes)
    found = phase_singularities(loops, field.imag.round(12), field.real.round(12))
    # Each is linear but for its length, which varies by a third over a cell.
    assert matched(found, [place], [sense]).max() < 0.1


def test_bilinear_places_solve_both_equations():
    """Random charged squares: both interpolated fields are zero where they say."""
    rng = np.random.default_rng(3)
    points, nodes = grid(2, 2, 1.0)
    loops, seen = grid_loops(points, nodes), 0
    for _ in range(400):
        a, b = rng.normal(size=(2, 4))
        found = phase_singularities(loops, a, b)
        if not len(found):
            continue
        seen += 1
        ((x, y, _),) = found.positions
        weights = np.array([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y])
        assert 0.0 <= x <= 1.0
        assert 0.0 <= y <= 1.0
        assert max(abs(weights @ a), abs(weights @ b)) < 1e-9
    assert seen > 50


def test_holes_have_no_loops():
    points, nodes = grid(21, 21, 0.5)
    field = winding(points, [(5.2, 5.2)], [1])
    assert len(phase_singularities(grid_loops(points, nodes), field.imag, field.real))
    nodes = nodes.copy()
    nodes[9:12, 9:12] = -1
    loops = grid_loops(points, nodes)
    assert not len(phase_singularities(loops, field.imag, field.real))
    assert len(loops.nodes) == 20 * 20 - 16


def test_a_turn_round_a_sphere_has_both_poles_and_no_charge():
    points, triangles = sphere()
    loops = element_loops(points, oriented_triangles(points, triangles))
    outwards = points[loops.nodes].mean(axis=1)
    assert np.einsum("nx,nx->n", loops.normals, outwards).min() > 0.0
    axis = np.array([0.3, -0.5, 0.81])
    axis /= np.linalg.norm(axis)
    right = np.cross(axis, [1.0, 0.0, 0.0])
    right /= np.linalg.norm(right)
    up = np.cross(axis, right)
    for turned in np.linspace(0.0, 6.0, 7):
        field = (points @ right + 1j * (points @ up)) * np.exp(1j * turned)
        found = phase_singularities(loops, field.imag, field.real)
        assert found.charges.sum() == 0
        assert sorted(found.charges) == [-1, 1]
        north = found.positions[found.charges == 1][0]
        # Anticlockwise from outside at the pole to which the axis points. The hull lies
        # inside the sphere, by less than a tenth of the 0.97 mm between its points.
        assert np.linalg.norm(north - 15.0 * axis) < 0.1


def test_pieces_that_are_flat_look_up_and_closed_ones_outwards():
    ball, faces = sphere(400)
    flat, cells = triangulated(6.0, 5.0, 1.0)
    points = np.vstack([ball, flat + [40.0, 0.0, 0.0]])
    rng = np.random.default_rng(0)
    triangles = np.vstack([faces, cells + len(ball)])
    triangles[::3] = triangles[::3, ::-1]
    triangles = triangles[rng.permutation(len(triangles))]
    turned = oriented_triangles(points, triangles)
    np.testing.assert_array_equal(np.sort(turned, axis=1), np.sort(triangles, axis=1))
    normals = element_loops(points, turned).normals
    middles = points[turned].mean(axis=1)
    is_flat = turned[:, 0] >= len(ball)
    assert (normals[is_flat, 2] > 0.999).all()
    assert (np.einsum("nx,nx->n", normals, middles)[~is_flat] > 0.0).all()


def test_a_node_without_phase_has_no_charge_round_it():
    points, nodes = grid(5, 5, 1.0)
    angle = np.arctan2(points[:, 1] - 1.5, points[:, 0] - 1.5)
    loops = grid_loops(points, nodes)
    assert charges(loops, angle).sum() == 1
    angle[nodes[1, 1]] = np.nan
    assert not charges(loops, angle).any()


def test_steps_are_the_shorter_way_and_half_a_turn_is_positive():
    np.testing.assert_allclose(
        wrapped([0.0, np.pi, -np.pi, 1.5 * np.pi, -1.5 * np.pi, 7.0 * np.pi]),
        [0.0, np.pi, np.pi, -0.5 * np.pi, 0.5 * np.pi, np.pi],
    )


def test_neighbours_merge_and_keep_their_charge():
    positions = np.array(
        [[0, 0, 0], [0.5, 0, 0], [1.0, 0, 0], [9, 0, 0], [9.5, 0, 0.0]]
    )
    up = np.tile([0.0, 0.0, 1.0], (5, 1))
    found = Singularities(positions, np.array([1, -1, 1, 1, -1]), up)
    one = merged(found, 0.6)
    assert one.charges.tolist() == [1]
    np.testing.assert_allclose(one.positions, [[0.5, 0.0, 0.0]])
    assert len(merged(found, 0.1)) == 5


def test_noise_of_one_percent_leaves_the_tip_alone():
    """Noise makes pairs where V is near V* now and later, which merge to nothing."""
    noise = 0.01 * AMPLITUDE
    loops, size = loops_on("even")
    rng = np.random.default_rng(1)
    origin = REST + 0.35 * AMPLITUDE
    for t in np.arange(0.0, CYCLE, 7.0):
        now, later = (
            archimedes(loops.points, (14.8, 12.2), at)
            + rng.normal(0.0, noise, len(loops.points))
            for at in (t, t + 10.0)
        )
        found = phase_singularities(loops, now - origin, later - origin, 2.0 * size)
        assert matched(found, [(14.8, 12.2)], [1]).max() < 2.0 * size


def test_of_a_phase_alone_its_sine_and_cosine_do():
    loops, size = loops_on("even")
    now, later = (archimedes(loops.points, (9.1, 12.2), at) for at in (50.0, 60.0))
    theta = phase_angle(now, later, -45.0)
    found = phase_singularities(loops, np.sin(theta), np.cos(theta))
    assert matched(found, [(9.1, 12.2)], [1]).max() < size


@pytest.mark.parametrize("shape", [(1, 5), (5, 1)])
def test_a_line_has_no_loops(shape):
    with pytest.raises(ValueError, match="has no loop of four"):
        grid_loops(np.zeros((5, 3)), np.arange(5).reshape(shape))


def test_a_field_of_another_mesh_is_told():
    loops, _ = loops_on("even")
    with pytest.raises(ValueError, match="one value a node"):
        phase_singularities(loops, np.zeros(4), np.zeros(4))
