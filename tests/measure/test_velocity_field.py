"""Velocity fields of activation times that are known everywhere."""

import numpy as np
import pytest

from cardiosim.measure.velocity_field import REASONS, default_radius, velocity_field
from cardiosim.tissue.mesh import cable, slab

from .activation_fields import (
    SPEED,
    circular,
    elements,
    elliptic,
    icosphere,
    plane,
    squares,
    tetrahedra,
    triangles,
)


def errors(field, velocity, chosen=True):
    """Length of the error of v where it is measured, in parts of the speed."""
    of = field.is_measured & chosen
    off = np.linalg.norm(field.vectors[of] - velocity[of], axis=1)
    return off / np.linalg.norm(velocity[of], axis=1)


@pytest.mark.parametrize(
    ("make", "direction"),
    [
        (lambda: cable(10.0, 0.1), (1.0, 0.0, 0.0)),
        (lambda: squares(0.2), (0.8, 0.6, 0.0)),
        (lambda: triangles(0.2), (-0.8, 0.6, 0.0)),
        (lambda: slab((3.0, 2.0, 2.0), (0.2, 0.25, 0.2)), (0.6, 0.64, 0.48)),
        (lambda: tetrahedra(0.25), (0.6, -0.64, 0.48)),
    ],
    ids=["line", "squares", "triangles", "bricks", "tetrahedra"],
)
@pytest.mark.parametrize("order", [1, 2])
def test_plane_wave_has_one_velocity(make, direction, order):
    mesh = make()
    lat, velocity = plane(mesh.points, direction)
    field = velocity_field(mesh.points, elements(mesh), lat, order=order)
    # Polynomials of order 1 are within both fits: only rounding and the ridge.
    assert errors(field, velocity).max() < 1e-7
    assert field.is_measured.mean() > 0.5
    assert not field.masked("collision").any()
    assert not field.masked("misfit").any()


def test_nodes_at_the_boundary_are_masked_and_measured_if_wanted():
    mesh = squares(0.2)
    lat, velocity = plane(mesh.points, (1.0, 0.0, 0.0))
    x, y, _ = mesh.points.T
    rim = np.minimum.reduce([x, 10.0 - x, y, 10.0 - y])
    field = velocity_field(mesh.points, elements(mesh), lat, 0.8)
    np.testing.assert_array_equal(field.masked("boundary"), rim < 0.8 - 1e-9)
    along = velocity_field(mesh.points, elements(mesh), lat, 0.8, margin=0.0)
    # Fits beside the wave are as good as any; ahead of it or behind they are one-sided.
    ends = np.minimum(x, 10.0 - x) < 0.1
    assert along.masked("boundary")[ends].all()
    inside = np.minimum(x, 10.0 - x) > 1.0
    assert along.is_measured[inside].all()
    assert errors(along, velocity, inside).max() < 1e-7


@pytest.mark.parametrize("make", [squares, triangles], ids=["squares", "triangles"])
def test_circular_wave_converges_with_second_order(make):
    worst = []
    for dx in (0.2, 0.1):
        mesh = make(dx, (8.0, 8.0))
        lat, velocity = circular(mesh.points, np.array([4.0, 4.0, 0.0]))
        far = np.linalg.norm(mesh.points - [4.0, 4.0, 0.0], axis=1) > 2.0
        field = velocity_field(mesh.points, elements(mesh), lat, 4.0 * dx)
        worst.append(errors(field, velocity, far).max())
        np.testing.assert_allclose(
            field.curvature[field.is_measured & far] * lat[field.is_measured & far],
            1.0 / SPEED,
            rtol=0.05,
            err_msg="1/r",
        )
    # The fit leaves out third derivatives, 1/r^3 R^2/8 of slope: 2 % at R = 0.8, r = 2.
    assert worst[0] < 0.02
    assert worst[0] / worst[1] == pytest.approx(4.0, rel=0.15)


def test_elliptic_wave_has_the_velocity_of_its_normal():
    angle = np.radians(30.0)
    fibre = np.array([np.cos(angle), np.sin(angle)])
    D = 0.05 * np.eye(2) + 0.15 * np.outer(fibre, fibre)
    worst = []
    for dx in (0.2, 0.1):
        mesh = squares(dx)
        lat, velocity = elliptic(mesh.points, np.array([5.0, 5.0]), D, 1.9)
        far = np.linalg.norm(mesh.points - [5.0, 5.0, 0.0], axis=1) > 3.0
        field = velocity_field(mesh.points, elements(mesh), lat, 4.0 * dx)
        worst.append(errors(field, velocity, far).max())
        measured = field.is_measured & far
        n = field.vectors[measured, :2]
        n = n / np.linalg.norm(n, axis=1)[:, None]
        law = 1.9 * np.sqrt(np.einsum("ij,jk,ik->i", n, D, n))
        np.testing.assert_allclose(field.speed[measured], law, rtol=worst[-1])
    # Sharpest at the ends of the ellipse; there the parabola fits least.
    assert worst[1] < 0.02
    assert worst[0] / worst[1] > 3.0


def test_speed_on_a_triangulated_sphere_converges_with_second_order():
    worst = []
    for halvings in (4, 5):
        points, faces = icosphere(halvings, radius=15.0)
        polar = np.arccos(np.clip(points[:, 2] / 15.0, -1.0, 1.0))
        lat = 15.0 * polar / SPEED
        blocks = [("triangle", faces)]
        radius = 60.0 / 2**halvings  # four edges or so
        field = velocity_field(points, blocks, lat, radius)
        # South of it the front is concave, with a radius below ten times R.
        between = np.abs(points[:, 2] - 2.5) < 7.5
        off = np.abs(field.speed[between & field.is_measured] / SPEED - 1.0)
        worst.append(off.max())
        outward = np.einsum("ij,ij->i", field.vectors, points) / (15.0 * SPEED)
        assert np.abs(outward[field.is_measured & between]).max() < 0.02
        pole = 15.0 * np.minimum(polar, np.pi - polar) < radius - 0.1
        assert not field.is_measured[pole].any()
        assert field.masked("source")[points[:, 2] > 15.0 - 1e-9].all()
        assert field.masked("collision")[points[:, 2] < -15.0 + 1e-9].all()
        assert field.is_measured[between].all()
    # A chord is longer than its place in the tangent plane by R^2/(6 r^2), 1 % here.
    assert worst[0] < 0.01
    assert worst[0] / worst[1] == pytest.approx(4.0, rel=0.25)


def test_spherical_wave_in_tetrahedra():
    worst = []
    for dx in (0.25, 0.125):
        mesh = tetrahedra(dx, (2.0, 2.0, 1.0))
        lat, velocity = circular(mesh.points, np.array([-2.0, -2.0, -2.0]))
        field = velocity_field(mesh.points, elements(mesh), lat, 3.0 * dx)
        inner = field.is_measured & (
            np.abs(mesh.points - [1.0, 1.0, 0.5]) < [0.25, 0.25, 0.125]
        ).all(axis=1)
        worst.append(errors(field, velocity, inner).max())
        np.testing.assert_allclose(
            field.curvature[inner] * lat[inner] * SPEED, 2.0, rtol=0.03
        )
    assert worst[0] < 0.005  # R^2/(8 r^2) of slope at R = 0.75, r = 4
    assert worst[0] / worst[1] > 3.0


def test_head_on_collision_is_masked_and_nothing_else():
    mesh = squares(0.1)
    x = mesh.points[:, 0]
    lat = np.minimum(x, 10.0 - x) / SPEED
    field = velocity_field(mesh.points, elements(mesh), lat, 0.4, margin=0.0)
    # All whose neighbours lie on both sides.
    collision = np.abs(x - 5.0) < 0.4 + 1e-9
    off_rim = np.abs(mesh.points[:, 1] - 5.0) < 4.95
    np.testing.assert_array_equal(
        field.masked("collision")[off_rim], collision[off_rim]
    )
    assert field.is_measured[(~collision) & (x > 0.5) & (x < 9.5)].all()
    np.testing.assert_allclose(field.speed[field.is_measured], SPEED, rtol=1e-7)


@pytest.mark.parametrize("degrees", [20.0, 45.0, 70.0])
def test_waves_that_merge_side_by_side_are_masked_at_their_seam(degrees):
    """The front has a corner there, though neither wave stops."""
    mesh = squares(0.1)
    x, y, _ = mesh.points.T
    a = np.radians(degrees)
    up = (x * np.cos(a) + y * np.sin(a)) / SPEED
    down = (x * np.cos(a) + (10.0 - y) * np.sin(a)) / SPEED
    field = velocity_field(mesh.points, elements(mesh), np.minimum(up, down), 0.4)
    seam = np.abs(y - 5.0) < 0.15
    inside = np.abs(x - 5.0) < 4.0
    assert field.masked("collision")[seam & inside].all()
    np.testing.assert_allclose(field.speed[field.is_measured], SPEED, rtol=1e-6)
    assert field.is_measured[inside & (np.abs(y - 5.0) > 0.45)].mean() > 0.8


def test_source_and_stimulus_are_masked_round_about():
    mesh = squares(0.1)
    centre = np.array([3.0, 6.0, 0.0])
    lat, _ = circular(mesh.points, centre)
    distance = np.linalg.norm(mesh.points - centre, axis=1)
    field = velocity_field(
        mesh.points, elements(mesh), lat, 0.4, stimulated=distance <= 0.5
    )
    np.testing.assert_array_equal(field.masked("source"), distance < 0.4 + 1e-6)
    # Within R of a stimulated node, which lie on a grid of 0.1 mm.
    assert field.masked("stimulus")[distance < 0.8].all()
    assert not field.masked("stimulus")[distance > 0.9 + 1e-9].any()


def test_line_of_block_and_silent_tissue_are_masked():
    mesh = squares(0.1)
    x, y, _ = mesh.points.T
    # The wave passes below a line, and comes back above it much later.
    lat = np.where(y < 5.05, x, 60.0 + (10.0 - x)) / SPEED
    lat[(x > 7.0) & (y > 7.0)] = np.nan
    field = velocity_field(mesh.points, elements(mesh), lat, 0.4)
    block = np.abs(y - 5.05) < 0.35
    assert field.masked("block")[block].all()
    assert not field.is_measured[block].any()
    np.testing.assert_array_equal(field.masked("not_activated"), np.isnan(lat))
    assert field.mask[np.isnan(lat)].max() == REASONS["not_activated"]
    assert np.isnan(field.speed[np.isnan(lat)]).all()
    np.testing.assert_allclose(field.speed[field.is_measured], SPEED, rtol=1e-6)


def test_cleft_separates_neighbours():
    """Two waves on either side of a cut do not mix, though the nodes are near."""
    mesh = squares(0.1)
    quads = mesh.blocks[0].nodes
    middle = mesh.points[quads].mean(axis=1)
    cut = (np.abs(middle[:, 1] - 5.05) < 0.01) & (middle[:, 0] < 8.0)
    blocks = [("quad", quads[~cut])]
    x, y, _ = mesh.points.T
    lat = np.where(y < 5.05, x, 0.5 * x + 0.2 * y) / SPEED
    field = velocity_field(mesh.points, blocks, lat, 0.4, margin=0.0)
    beside = (np.abs(y - 5.05) < 0.06) & (x > 1.0) & (x < 7.0)
    below, above = beside & (y < 5.05), beside & (y > 5.05)
    np.testing.assert_allclose(field.vectors[below, 0], SPEED, rtol=1e-6)
    np.testing.assert_allclose(
        np.linalg.norm(field.vectors[above], axis=1), SPEED / np.hypot(0.5, 0.2), 1e-6
    )


def test_staircase_of_samples_makes_no_stripes():
    """LAT rounded to 0.05 ms, as from samples without interpolation."""
    mesh = squares(0.1)
    lat, velocity = plane(mesh.points, (np.cos(0.3), np.sin(0.3), 0.0))
    coarse = 0.05 * np.round(lat / 0.05)
    field = velocity_field(mesh.points, elements(mesh), coarse, 0.5, misfit=0.2)
    # Between neighbours 0.1 mm apart LAT steps by 0.16 ms; 0.014 ms of rounding error,
    # averaged over some 30 nodes within R.
    assert errors(field, velocity).std() < 0.01
    next_to = np.diff((coarse).reshape(101, 101), axis=1)
    assert (0.1 / next_to).std() / SPEED > 0.1, (
        "without a fit: stripes of 10 % and more"
    )


def test_wall_of_one_layer_of_tetrahedra_is_measured():
    """All its nodes lie on its surface; the slope across it is poorly known at most."""
    mesh = tetrahedra(0.25, (5.0, 5.0, 0.25))
    lat, velocity = plane(mesh.points, (0.8, 0.6, 0.0))
    field = velocity_field(mesh.points, elements(mesh), lat)
    inner = (np.abs(mesh.points[:, :2] - 2.5) < 1.5).all(axis=1)
    assert field.is_measured[inner].all()
    assert errors(field, velocity, inner).max() < 1e-6


def test_what_cannot_be_fitted_is_said():
    mesh = squares(0.5)
    lat, _ = plane(mesh.points, (1.0, 0.0, 0.0))
    blocks = elements(mesh)
    with pytest.raises(ValueError, match="no neighbours: the shortest edge is 0.5"):
        velocity_field(mesh.points, blocks, lat, 0.4)
    with pytest.raises(ValueError, match="pass the activation of one beat"):
        velocity_field(mesh.points, blocks, np.vstack([lat, lat]))
    with pytest.raises(ValueError, match="1, a plane, or 2, a parabola"):
        velocity_field(mesh.points, blocks, lat, order=3)
    with pytest.raises(ValueError, match="no edges"):
        default_radius(np.zeros((3, 3)), [("vertex", np.array([[0], [1], [2]]))])
    with pytest.raises(ValueError, match='reason "front"; expected one of not_activ'):
        velocity_field(mesh.points, blocks, lat).masked("front")
