"""The meshes of the folder meshes/ are what their README files say."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.csgraph import connected_components

pytest.importorskip("meshio")

from cardiosim.tissue.mesh_io import read_mesh  # noqa: E402
from cardiosim.tissue.refinement import refine  # noqa: E402

MESHES = Path(__file__).resolve().parents[2] / "meshes"
# Nodes and elements, shortest and longest edge (mm), regions: the numbers of meshes/*.
SHIPPED = {
    "rotated_slab": (11767, {"tetra": 57600}, 0.5, 0.87, ["wall"]),
    "atrial_slab": (
        9567,
        {"tetra": 38340, "line": 183},
        0.6,
        1.44,
        ["wall", "pectinate", "crista", "bundle"],
    ),
    "left_atrium": (
        8111,
        {"triangle": 15961},
        0.62,
        1.7,
        [
            "body",
            "left_atrial_appendage",
            "left_veins",
            "right_veins",
            "bachmann",
            "coronary_sinus",
            "roof",
        ],
    ),
}
OPENINGS = {  # rim -> diameter, mm
    "mitral_valve": 30.3,
    "left_superior_vein": 16.0,
    "left_inferior_vein": 14.0,
    "right_superior_vein": 17.0,
    "right_inferior_vein": 15.0,
}


@cache
def shipped(name):
    return read_mesh(MESHES / name / f"{name}.vtu")


def script(name, *arguments):
    """Run the script of a mesh as a user does."""
    command = [sys.executable, str(MESHES / name / "make.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def simplex_volumes(mesh):
    corners = mesh.points[mesh.blocks[0].nodes]
    return np.linalg.det(corners[:, 1:] - corners[:, :1]) / 6.0


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_file_passes_every_check_of_a_mesh(name):
    """No finding: one component, no unused node, no flat element, unit fibres."""
    mesh, report = shipped(name)
    assert [str(finding) for finding in report.findings] == []
    n_nodes, elements, shortest, longest, regions = SHIPPED[name]
    assert mesh.n_nodes == n_nodes
    assert {block.shape: len(block) for block in mesh.blocks} == elements
    # Stated to 0.01 mm.
    assert shortest - 0.01 < report.edge_lengths[0] < shortest + 0.01
    assert longest - 0.01 < report.edge_lengths[2] < longest + 0.01
    assert list(mesh.region_names) == regions
    assert set(np.unique(mesh.regions)) == set(mesh.region_names.values())
    assert all(len(nodes) for nodes in mesh.node_sets.values())
    # Nine digits of each component are kept.
    np.testing.assert_allclose(np.linalg.norm(mesh.fibres, axis=1), 1.0, atol=1e-8)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_files_are_small_and_shown(name):
    folder = MESHES / name
    assert (folder / f"{name}.vtu").stat().st_size < 2e6
    assert (folder / "picture.png").stat().st_size < 300e3
    text = (folder / "README.md").read_text()
    for stated in (f"{SHIPPED[name][0]} nodes", "MIT", "mm", *SHIPPED[name][4]):
        assert stated in text, stated


@pytest.mark.parametrize("name", ["rotated_slab", "atrial_slab"])
def test_shipped_slab_is_what_its_script_makes(name, tmp_path):
    made = script(name, "--out", tmp_path / "made.vtu")
    assert made.returncode == 0, made.stderr
    mesh, _ = read_mesh(tmp_path / "made.vtu")
    expected, _ = shipped(name)
    # Positions are kept to 1e-6 mm; the last digit may round either way elsewhere.
    np.testing.assert_allclose(mesh.points, expected.points, atol=2e-6)
    np.testing.assert_allclose(mesh.fibres, expected.fibres, atol=2e-9)
    np.testing.assert_array_equal(mesh.regions, expected.regions)
    for block, other in zip(mesh.blocks, expected.blocks, strict=True):
        np.testing.assert_array_equal(block.nodes, other.nodes)


def test_script_does_not_overwrite(tmp_path):
    out = tmp_path / "slab.vtu"
    out.write_text("mine")
    refused = script("rotated_slab", "--dx", 1, "--out", out)
    assert refused.returncode != 0
    assert "--force" in refused.stderr
    assert out.read_text() == "mine"
    assert script("rotated_slab", "--dx", 1, "--out", out, "--force").returncode == 0
    assert out.read_bytes()[:5] == b"<?xml" or b"VTKFile" in out.read_bytes()[:200]


def test_coarse_slab_turns_as_it_is_told(tmp_path):
    arguments = ["--size", 6, 4, 2, "--dx", 1, "--angles", 40, -20]
    made = script("rotated_slab", *arguments, "--out", tmp_path / "slab.vtu")
    assert made.returncode == 0, made.stderr
    mesh, report = read_mesh(tmp_path / "slab.vtu")
    assert not report.findings
    assert mesh.n_nodes == 7 * 5 * 3
    assert mesh.n_elements == 6 * 4 * 2 * 6
    angle = np.degrees(np.arctan2(mesh.fibres[:, 1], mesh.fibres[:, 0]))
    np.testing.assert_allclose(angle, 40.0 - 30.0 * mesh.centroids[:, 2], atol=1e-6)


def test_rotated_slab_fills_its_box_and_names_its_sides():
    mesh, _ = shipped("rotated_slab")
    np.testing.assert_allclose(simplex_volumes(mesh).sum(), 20 * 20 * 3, rtol=1e-12)
    assert not mesh.points[mesh.node_sets["endocardium"], 2].any()
    assert (mesh.points[mesh.node_sets["epicardium"], 2] == 3.0).all()
    angle = np.degrees(np.arctan2(mesh.fibres[:, 1], mesh.fibres[:, 0]))
    np.testing.assert_allclose(angle, 60.0 - 40.0 * mesh.centroids[:, 2], atol=1e-6)


def test_atrial_slab_has_the_volumes_of_its_parts():
    """Sides are planes after the narrowing too, so that the volumes are exact."""
    mesh, _ = shipped("atrial_slab")

    def length(start, end):  # of x, weighted with the width that is left there
        return end - start - 0.25 / 80.0 * (end**2 - start**2)

    expected = {
        "wall": 32.0 * 1.6 * length(6.4, 40.0),
        "crista": 32.0 * 4.8 * length(0.0, 6.4),
        "pectinate": 5 * 1.6 * 2.4 * length(6.4, 36.0),
    }
    volumes = simplex_volumes(mesh)
    regions = mesh.regions[: len(volumes)]
    for name, volume in expected.items():
        found = volumes[regions == mesh.region_names[name]].sum()
        # Positions are rounded to 1e-6 mm of at least 0.6 mm.
        np.testing.assert_allclose(found, volume, rtol=1e-6, err_msg=name)


def test_atrial_slab_fibres_run_along_the_bundles():
    mesh, _ = shipped("atrial_slab")
    inside = {name: mesh.regions == n for name, n in mesh.region_names.items()}
    # Narrowed by a quarter over 40 mm, the ridges aim at a point 160 mm away.
    ridge = inside["pectinate"]
    aim = np.array([160.0, 16.0, 0.0]) - mesh.centroids[ridge]
    aim[:, 2] = 0.0
    aim /= np.linalg.norm(aim, axis=1)[:, np.newaxis]
    along = np.abs(np.sum(aim * mesh.fibres[ridge], axis=1))
    assert along.min() > 1.0 - 1e-8
    crista = np.abs(mesh.fibres[inside["crista"], 1])
    assert crista.min() > 1.0 - 1e-8
    # 40 degrees in the middle of the sheet; the fan turns it by some degrees.
    x, y = mesh.fibres[inside["wall"], :2].T
    angle = np.degrees(np.arctan2(y, x))
    assert 25.0 < angle.min() < angle.max() < 45.0


def test_bundle_is_rooted_in_the_wall_at_both_ends_of_its_strands():
    mesh, _ = shipped("atrial_slab")
    tetra, lines = (block.nodes for block in mesh.blocks)
    shared = np.intersect1d(tetra, lines)
    np.testing.assert_array_equal(shared, np.sort(mesh.node_sets["bundle_roots"]))
    # Three open strands: two ends each, two lines at every other node.
    nodes, count = np.unique(lines, return_counts=True)
    assert len(nodes) == len(lines) + 3
    np.testing.assert_array_equal(np.bincount(count), [0, 6, len(nodes) - 6])
    x = mesh.points[shared, 0]
    assert (((x >= 1.6) & (x <= 5.6)) | ((x >= 36.0) & (x <= 39.2))).all()
    # Nowhere else does it touch: in between it passes over ridges and wall.
    finer = refine(mesh)
    assert len(finer.blocks[1]) == 2 * len(lines)
    np.testing.assert_array_equal(
        np.intersect1d(*(block.nodes for block in finer.blocks)),
        np.sort(finer.node_sets["bundle_roots"]),
    )
    aloft = finer.points[np.setdiff1d(finer.blocks[1].nodes, finer.blocks[0].nodes)]
    x, y, z = aloft.T
    y = 16.0 + (y - 16.0) / (1.0 - x / 160.0)  # before the narrowing
    in_ridge = np.abs((y - 3.2 + 3.2) % 6.4 - 3.2) < 0.8
    top = np.where(x < 6.4, 4.8, np.where(in_ridge & (x < 36.0), 4.0, 1.6))
    assert (z > top).all()


def edges(triangles):
    """Edges, the lower node first, and how many triangles each has."""
    pairs = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    return np.unique(np.sort(pairs, axis=1), axis=0, return_counts=True)


@pytest.mark.parametrize("times", [0, 1])
def test_left_atrium_is_a_closed_wall_with_five_round_holes(times):
    mesh = refine(shipped("left_atrium")[0], times)
    ends, count = edges(mesh.blocks[0].nodes)
    # Euler's number of a sphere with five holes.
    assert mesh.n_nodes - len(ends) + mesh.n_elements == 2 - 5
    rim = ends[count == 1]
    found = []
    for name, diameter in OPENINGS.items():
        nodes = mesh.node_sets[name]
        inside = np.isin(ends, nodes).all(axis=1)
        # Every edge between nodes of the set is one of the rim.
        assert (count[inside] == 1).all()
        own = rim[np.isin(rim, nodes).all(axis=1)]
        # A closed curve: two edges at each node, all in one piece.
        np.testing.assert_array_equal(np.unique(own), np.sort(nodes))
        assert (np.unique(own, return_counts=True)[1] == 2).all()
        links = sparse.coo_array((np.ones(len(own)), own.T), shape=(mesh.n_nodes,) * 2)
        parts = connected_components(links, directed=False)[1]
        assert len(np.unique(parts[nodes])) == 1
        perimeter = np.linalg.norm(np.diff(mesh.points[own], axis=1), axis=2).sum()
        # Fillets reach the rims a little: they are round to 2 %.
        np.testing.assert_allclose(perimeter / np.pi, diameter, rtol=0.02, err_msg=name)
        found.append(nodes)
    np.testing.assert_array_equal(np.sort(np.concatenate(found)), np.unique(rim))


def corners_and_normals(mesh):
    corners = mesh.points[mesh.blocks[0].nodes]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(normals, axis=1) / 2.0
    return corners, normals / (2.0 * areas)[:, np.newaxis], areas


def test_left_atrium_has_size_and_triangles_as_stated():
    mesh, report = shipped("left_atrium")
    corners, normals, areas = corners_and_normals(mesh)
    assert areas.sum() == pytest.approx(8140.0, abs=5.0)  # stated to 0.1 cm2
    assert np.sum(mesh.centroids * normals * areas[:, np.newaxis]) > 0.0  # outwards
    assert report.edge_lengths[1] == pytest.approx(1.1, abs=0.05)
    sides = np.roll(corners, -1, axis=1) - corners
    sides /= np.linalg.norm(sides, axis=2)[:, :, np.newaxis]
    cosines = -np.sum(sides * np.roll(sides, -1, axis=1), axis=2)
    angles = np.degrees(np.arccos(cosines)).min(axis=1)
    assert angles.min() > 29.0
    assert np.median(angles) > 54.0


def test_left_atrium_fibres_lie_in_the_wall_and_change_smoothly():
    mesh, _ = shipped("left_atrium")
    _, normals, _ = corners_and_normals(mesh)
    # Of nine digits; positions were rounded to 1e-6 mm of about 1 mm before.
    assert np.abs(np.sum(mesh.fibres * normals, axis=1)).max() < 1e-5
    triangles = mesh.blocks[0].nodes
    pairs = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    order = np.lexsort(pairs.T)
    same = (pairs[order[1:]] == pairs[order[:-1]]).all(axis=1)
    one, other = order[1:][same] // 3, order[:-1][same] // 3
    turn = np.abs(np.sum(mesh.fibres[one] * mesh.fibres[other], axis=1))
    degrees = np.degrees(np.arccos(np.minimum(turn, 1.0)))
    # A field of lines on a sphere with holes has singular points, so no bound on all.
    assert np.percentile(degrees, 50) < 3.0
    assert np.percentile(degrees, 99) < 20.0


@pytest.mark.parametrize("name", OPENINGS)
def test_left_atrium_fibres_run_around_valve_and_veins(name):
    mesh, _ = shipped("left_atrium")
    ends, count = edges(mesh.blocks[0].nodes)
    rim = ends[(count == 1) & np.isin(ends, mesh.node_sets[name]).all(axis=1)]
    n = mesh.n_nodes
    pairs = np.sort(mesh.blocks[0].nodes[:, [[0, 1], [1, 2], [2, 0]]], axis=2)
    keys = pairs[..., 0] * n + pairs[..., 1]
    triangle, side = np.nonzero(np.isin(keys, rim[:, 0] * n + rim[:, 1]))
    along = np.diff(mesh.points[pairs[triangle, side]], axis=1)[:, 0]
    along /= np.linalg.norm(along, axis=1)[:, np.newaxis]
    cosine = np.abs(np.sum(along * mesh.fibres[triangle], axis=1))
    assert cosine.min() > np.cos(np.radians(15.0))


def test_left_atrium_sites_are_where_their_names_say():
    mesh, _ = shipped("left_atrium")
    site = mesh.points[mesh.node_sets["bachmann_insertion"]]
    assert (site[:, 0] < 0).all()  # right
    assert (site[:, 1] < 0).all()  # anterior
    assert (site[:, 2] > 0).all()  # superior
    chosen = mesh.regions == mesh.region_names["bachmann"]
    assert np.isin(
        mesh.node_sets["bachmann_insertion"], mesh.nodes_of_elements(chosen)
    ).all()
    site = mesh.points[mesh.node_sets["coronary_sinus_site"]]
    assert (site[:, 0] > 0).all()  # left
    assert (site[:, 2] < 0).all()  # inferior
    rim = mesh.points[mesh.node_sets["mitral_valve"]]
    distance = np.linalg.norm(site[:, np.newaxis] - rim, axis=2).min(axis=1)
    assert distance.max() < 9.0


@pytest.mark.slow
def test_left_atrium_script_makes_other_sizes(tmp_path):
    pytest.importorskip("pyvista")
    made = script("left_atrium", "--h", 2.5, "--out", tmp_path / "atrium.vtu")
    assert made.returncode == 0, made.stderr
    mesh, report = read_mesh(tmp_path / "atrium.vtu")
    assert not report.findings
    # Where fillets are tighter than an edge the mean comes out a little shorter.
    assert report.edge_lengths[1] == pytest.approx(2.5, rel=0.1)
    assert set(OPENINGS) < set(mesh.node_sets)
