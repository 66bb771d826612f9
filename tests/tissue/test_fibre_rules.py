from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from cardiosim.tissue.fibre_rules import (
    LEFT_ATRIUM_SETS,
    along_gradient,
    circumferential,
    left_atrium,
    transmural,
)
from cardiosim.tissue.fibres import by_rotation, surface_normals
from cardiosim.tissue.mesh import ElementBlock, Mesh, sheet, slab

# Where the holes of the sphere lie, and how wide they are, in degrees. Left is +x,
# anterior -y, the valve below.
HOLES = {
    "mitral_valve": ((0.0, 0.0, -1.0), 40.0),
    "left_superior_vein": ((1.0, -0.5, 0.7), 14.0),
    "left_inferior_vein": ((1.0, 0.5, 0.5), 14.0),
    "right_superior_vein": ((-1.0, -0.5, 0.7), 14.0),
    "right_inferior_vein": ((-1.0, 0.5, 0.5), 14.0),
}


def atrium(n: int = 4000, radius: float = 20.0) -> Mesh:
    """A sphere of triangles with five holes, and the nodes of their rims."""
    k = np.arange(n) + 0.5
    z, turn = 1.0 - 2.0 * k / n, np.pi * (1.0 + 5.0**0.5) * k
    r = np.sqrt(1.0 - z**2)
    points = np.stack([r * np.cos(turn), r * np.sin(turn), z], axis=1)
    triangles = ConvexHull(points).simplices
    hole = np.full(n, -1)
    for number, (axis, angle) in enumerate(HOLES.values()):
        inside = points @ (np.array(axis) / np.linalg.norm(axis)) > np.cos(
            np.radians(angle)
        )
        hole[inside] = number
    touched = hole[triangles]
    rims = {
        name: np.unique(triangles[(touched == number).any(axis=1)])
        for number, name in enumerate(HOLES)
    }
    kept = triangles[(touched < 0).all(axis=1)]
    used, nodes = np.unique(kept, return_inverse=True)
    number = np.full(n, -1)
    number[used] = np.arange(len(used))
    node_sets = {name: number[rim][number[rim] >= 0] for name, rim in rims.items()}
    block = ElementBlock("triangle", nodes.reshape(-1, 3))
    return Mesh("mesh", radius * points[used], (block,), node_sets=node_sets)


def alike(fibres, directions):
    """Cosine of the angle between them, whatever their sense."""
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return np.abs(np.einsum("ij,ij->i", fibres, directions))


@pytest.fixture(scope="module")
def left():
    mesh = atrium()
    return mesh, left_atrium(mesh)


def test_a_transmural_rule_on_a_slab_is_a_rotation_with_depth():
    mesh = slab((1.0, 1.0, 2.0), 0.25)
    z = mesh.points[:, 2]
    found = transmural(
        mesh, np.flatnonzero(z == 0.0), np.flatnonzero(z == 2.0), (-60.0, 60.0)
    )
    # 1e-7: the solution is iterated to a residual of 1e-10.
    np.testing.assert_allclose(found.fibres, by_rotation(mesh, -60.0, 60.0), atol=1e-7)
    np.testing.assert_allclose(np.abs(found.sheets[:, 2]), 1.0, atol=1e-12)
    assert found.n_filled == 0


def test_along_and_around_are_at_right_angles():
    mesh = sheet((2.0, 1.0), 0.25)
    x = mesh.points[:, 0]
    ends = np.flatnonzero(x == 0.0), np.flatnonzero(x == 2.0)
    along, around = along_gradient(mesh, *ends), circumferential(mesh, *ends)
    np.testing.assert_allclose(np.abs(along.fibres[:, 0]), 1.0, atol=1e-12)
    np.testing.assert_allclose(np.abs(around.fibres[:, 1]), 1.0, atol=1e-12)


def test_a_volume_needs_its_wall_to_go_around():
    mesh = slab((1.0, 1.0, 1.0), 0.5)
    x, z = mesh.points[:, 0], mesh.points[:, 2]
    ends = np.flatnonzero(x == 0.0), np.flatnonzero(x == 1.0)
    with pytest.raises(ValueError, match="needs a surface"):
        circumferential(mesh, *ends)
    wall = np.flatnonzero(z == 0.0), np.flatnonzero(z == 1.0)
    fibres = circumferential(mesh, *ends, wall).fibres
    np.testing.assert_allclose(np.abs(fibres[:, 1]), 1.0, atol=1e-8)


def test_elements_without_a_direction_take_that_of_their_neighbours():
    mesh = sheet((2.0, 1.0), 0.25)
    x = mesh.points[:, 0]
    # Between x = 1 and 2 all nodes are fixed to one value: no gradient there.
    found = along_gradient(mesh, np.flatnonzero(x == 0.0), np.flatnonzero(x >= 1.0))
    assert found.n_filled == mesh.n_elements // 2
    np.testing.assert_allclose(np.abs(found.fibres[:, 0]), 1.0, atol=1e-9)


def test_transmural_fibres_have_length_1_where_the_wall_has_no_direction():
    """Below z = 0.5 all nodes are fixed to one value: no way outwards there."""
    mesh = slab((1.5, 1.5, 2.0), 0.5)
    z = mesh.points[:, 2]
    ends = np.flatnonzero(z <= 0.5), np.flatnonzero(z == 2.0)
    found = transmural(mesh, *ends, (60.0, -60.0))
    np.testing.assert_allclose(np.linalg.norm(found.fibres, axis=1), 1.0, atol=1e-12)
    assert found.n_filled == mesh.n_elements // 4


def test_elements_that_no_neighbour_reaches_stay_without_a_fibre():
    points = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [5, 0, 0], [6, 0, 0]])
    lines = ElementBlock("line", np.array([[0, 1], [1, 2], [3, 4]]))
    mesh = Mesh("mesh", points, (lines,))
    fixed = np.array([0]), np.array([1, 2, 3, 4])
    found = along_gradient(mesh, *fixed)
    np.testing.assert_allclose(np.abs(found.fibres[:, 0]), [1, 1, 0], atol=1e-12)
    assert found.n_filled == 1


def test_fibres_of_the_left_atrium_are_unit_vectors_in_its_surface(left):
    mesh, found = left
    normals = surface_normals(mesh.points, mesh.blocks[0].nodes)
    np.testing.assert_allclose(np.linalg.norm(found.fibres, axis=1), 1.0, atol=1e-12)
    # 0.1: those that were filled from neighbours lie in the mean of their planes.
    assert np.abs(np.einsum("ij,ij->i", found.fibres, normals)).max() < 0.1


def test_fibres_go_around_the_valve_and_the_veins(left):
    mesh, found = left
    names = {"mitral_annulus": HOLES["mitral_valve"][0]}
    names |= {name: HOLES[name][0] for name in LEFT_ATRIUM_SETS[1:]}
    for name, axis in names.items():
        inside = found.regions == found.region_names[name]
        circles = np.cross(axis, mesh.centroids[inside])
        # The other holes bend the circles; near the rims they are circles.
        assert inside.sum() > 20
        assert np.median(alike(found.fibres[inside], circles)) > 0.98, name


def test_fibres_cross_the_roof_from_front_to_back(left):
    mesh, found = left
    middle = np.abs(mesh.centroids[:, 0]) < 3.0
    roof = middle & (found.regions == found.region_names["roof"])
    assert roof.sum() > 10
    # In the plane of symmetry left and right balance, up to the irregular triangles.
    front_to_back = np.cross([1.0, 0.0, 0.0], mesh.centroids[roof])
    assert alike(found.fibres[roof], front_to_back).min() > 0.95


def test_left_and_right_mirror_each_other():
    mesh = atrium(2000)
    mirrored_sets = dict(mesh.node_sets)
    for half in ("superior", "inferior"):
        left_name, right_name = f"left_{half}_vein", f"right_{half}_vein"
        mirrored_sets[left_name] = mesh.node_sets[right_name]
        mirrored_sets[right_name] = mesh.node_sets[left_name]
    flip = np.array([-1.0, 1.0, 1.0])
    mirrored = replace(mesh, points=mesh.points * flip, node_sets=mirrored_sets)
    original, image = left_atrium(mesh), left_atrium(mirrored)
    assert alike(original.fibres * flip, image.fibres).min() > 1.0 - 1e-9


def test_priority_of_the_bundles_is_valve_then_veins_then_roof(left):
    _, found = left
    counts = {n: int((found.regions == k).sum()) for n, k in found.region_names.items()}
    assert set(counts) == {"mitral_annulus", *LEFT_ATRIUM_SETS[1:], "roof", "body"}
    assert min(counts.values()) > 0
    assert sum(counts.values()) == len(found.regions)


def test_a_left_atrium_has_five_named_rims():
    mesh = replace(atrium(1000), node_sets={"mitral_valve": np.array([0])})
    with pytest.raises(ValueError, match="no node set left_superior_vein, left_inf"):
        left_atrium(mesh)
    with pytest.raises(ValueError, match="vein_threshold 1.2; expected"):
        left_atrium(atrium(1000), vein_threshold=1.2)
