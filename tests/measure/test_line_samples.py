"""Velocity along lines through meshes, where LAT is linear and known."""

import numpy as np
import pytest

from cardiosim.measure.conduction_velocity import NoConduction
from cardiosim.measure.line_samples import line_samples, line_velocity
from cardiosim.tissue.mesh import cable, slab

from .activation_fields import (
    SPEED,
    elements,
    icosphere,
    plane,
    squares,
    tetrahedra,
    triangles,
)


@pytest.mark.parametrize(
    "mesh",
    [squares(0.4, (4.0, 2.0)), triangles(0.4, (4.0, 2.0))],
    ids=["squares", "triangles"],
)
def test_velocity_along_a_line_is_that_of_the_wave_over_the_cosine(mesh):
    lat, velocity = plane(mesh.points, (0.8, 0.6, 0.0))
    start, stop = np.array([0.33, 0.17]), np.array([3.61, 1.9])
    found = line_velocity(mesh.points, elements(mesh), lat, start, stop)
    along = (stop - start) / np.linalg.norm(stop - start)
    expected = SPEED / (along @ velocity[0, :2] / SPEED)
    # LAT is linear, and so is the interpolation.
    assert found.between == pytest.approx(expected, rel=1e-9)
    assert found.fit.velocity == pytest.approx(expected, rel=1e-9)
    assert found.samples.distance[-1] == pytest.approx(np.linalg.norm(stop - start))
    back = line_velocity(mesh.points, elements(mesh), lat, stop, start)
    assert back.between == pytest.approx(-expected, rel=1e-9)


@pytest.mark.parametrize(
    "mesh",
    [slab((2.0, 2.0, 1.0), (0.25, 0.4, 0.5)), tetrahedra(0.5, (2.0, 2.0, 1.0))],
    ids=["bricks", "tetrahedra"],
)
def test_any_linear_field_is_sampled_exactly_in_volumes(mesh):
    values = mesh.points @ [1.0, -2.0, 0.5] + 3.0
    found = line_samples(
        mesh.points, elements(mesh), values, (0.1, 0.2, 0.3), (1.9, 1.7, 0.8), 40
    )
    np.testing.assert_allclose(found.values, found.positions @ [1, -2, 0.5] + 3.0)
    assert np.linalg.norm(found.positions[0] - [0.1, 0.2, 0.3]) < 1e-9


def test_a_line_past_a_sphere_runs_on_its_surface():
    points, faces = icosphere(4, radius=10.0)
    polar = np.arccos(np.clip(points[:, 2] / 10.0, -1.0, 1.0))
    near = 10.0 * np.array([np.sin(1.0), 0.0, np.cos(1.0)])
    far = 10.0 * np.array([np.sin(1.8), 0.0, np.cos(1.8)])  # 0.8 mm below the surface
    found = line_velocity(
        points, [("triangle", faces)], 10.0 * polar / SPEED, near, far
    )
    # Facets lie inside the sphere, and their LAT is linear: (edge/r)^2/24 = 0.1 %.
    assert found.between == pytest.approx(SPEED, rel=2e-3)
    assert found.samples.distance[-1] == pytest.approx(8.0, rel=2e-3)
    with pytest.raises(ValueError, match="the line l"):  # leaps, or leaves the mesh
        line_velocity(points, [("triangle", faces)], polar, near, -near)


def test_a_cable_and_the_ends_of_a_mesh():
    mesh = cable(5.0, 0.25)
    lat, _ = plane(mesh.points, (1.0, 0.0, 0.0))
    found = line_velocity(mesh.points, elements(mesh), lat, 0.0, 5.0, count=7)
    assert found.between == pytest.approx(SPEED)


def test_what_cannot_be_measured_along_a_line_is_said():
    mesh = squares(0.5, (4.0, 4.0))
    x, y, _ = mesh.points.T
    lat = np.abs(x - 2.0) / SPEED
    blocks = elements(mesh)
    with pytest.raises(NoConduction, match="run one way"):
        line_velocity(mesh.points, blocks, lat, (0.5, 1.0), (3.5, 1.0))
    with pytest.raises(ValueError, match=r"stop of the line, \(9, 1\) mm, is no place"):
        line_velocity(mesh.points, blocks, lat, (0.5, 1.0), (9.0, 1.0))
    with pytest.raises(ValueError, match="between two positions"):
        line_velocity(mesh.points, blocks, lat, (0.5, 1.0), (0.5, 1.0))
    middle = mesh.points[mesh.blocks[0].nodes].mean(axis=1)
    holed = [("quad", mesh.blocks[0].nodes[np.abs(middle[:, 0] - 2.0) > 1.1])]
    with pytest.raises(ValueError, match="leaves the mesh at 3"):
        line_velocity(mesh.points, holed, lat, (0.0, 1.0), (4.0, 1.0))
    lat[(x > 2.6) & (y < 2.0)] = np.nan
    with pytest.raises(NoConduction, match="did not activate"):
        line_velocity(mesh.points, blocks, lat, (2.0, 1.0), (3.5, 1.0))
