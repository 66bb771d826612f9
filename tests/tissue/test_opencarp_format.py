"""Meshes of openCARP, from files written by hand as its manual describes them."""

import numpy as np
import pytest

from cardiosim.tissue.mesh_io import read_mesh


@pytest.fixture
def opencarp(tmp_path):
    """Files as openCARP's manual describes them, in um."""
    texts = {
        "atrium.1.pts": "5\n0 0 0\n2000 0 0\n0 3000.5 0\n0 0 4000\n5000 5000 5000\n",
        "atrium.1.elem": "4\nLn 3 4 9\nTt 0 1 2 3 7\nTr 1 2 4 8\nLn 0 1 9\n",
        "atrium.1.lon": "2\n1 0 0 0 1 0\n0 1 0 1 0 0\n0 0 1 0 1 0\n0 1 0 0 0 1\n",
        "atrium.1.septum.vtx": "2\nintra\n3\n0\n",
        "other.septum.vtx": "1\nextra\n4\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("name", ["atrium.1", "atrium.1.elem", "atrium.1.pts"])
def test_opencarp_files_written_by_hand_are_read(opencarp, name):
    mesh, report = read_mesh(opencarp / name)
    assert mesh.kind == "mesh"
    np.testing.assert_array_equal(mesh.points[2], [0.0, 3.0005, 0.0])  # mm
    assert [block.shape for block in mesh.blocks] == ["line", "tetra", "triangle"]
    np.testing.assert_array_equal(mesh.blocks[0].nodes, [[3, 4], [0, 1]])
    np.testing.assert_array_equal(mesh.blocks[1].nodes, [[0, 1, 2, 3]])
    np.testing.assert_array_equal(mesh.regions, [9, 9, 7, 8])
    np.testing.assert_array_equal(report.file_elements, [0, 3, 1, 2])
    np.testing.assert_array_equal(
        mesh.fibres, [[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]]
    )
    np.testing.assert_array_equal(mesh.sheets[3], [0, 1, 0])
    assert list(mesh.node_sets) == ["septum"]
    np.testing.assert_array_equal(np.sort(mesh.node_sets["septum"]), [0, 3])
    assert report.unit == "um"


def test_vertex_files_belong_to_the_mesh_with_the_longest_name(opencarp):
    for ending in ("pts", "elem", "lon"):
        text = (opencarp / f"atrium.1.{ending}").read_text()
        (opencarp / f"atrium.{ending}").write_text(text)
    assert list(read_mesh(opencarp / "atrium")[0].node_sets) == []
    assert list(read_mesh(opencarp / "atrium.1")[0].node_sets) == ["septum"]


def test_opencarp_lines_along_edges_of_a_tetrahedron_conduct(opencarp):
    mesh, _ = read_mesh(opencarp / "atrium.1")
    assert len(mesh.blocks[0]) == 2  # Ln 0 1 is an edge of Tt 0 1 2 3


def test_opencarp_regions_and_fibres_may_be_missing(opencarp):
    (opencarp / "atrium.1.lon").unlink()
    (opencarp / "atrium.1.elem").write_text("1\r\n  Tt 0 1 2 3\r\n\r\n")
    mesh, report = read_mesh(opencarp / "atrium.1")
    np.testing.assert_array_equal(mesh.regions, [0])
    assert mesh.fibres is None
    assert any("no fibres" in finding.line for finding in report.findings)


@pytest.mark.parametrize(
    "ending, text, message",
    [
        ("elem", "1\nHx 0 1 2 3 4 5 6 7 1\n", r"Hx \(hexahedra\); supported are Ln"),
        ("elem", "1\nQq 0 1 2 3\n", "of type Qq; supported are Ln"),
        ("elem", "2\nTt 0 1 2 3 1\n", "announces 2 elements and lists 1"),
        ("elem", "2\nTt 0 1 2 3 1\nTt 0 1 2\n", '"0 1 2" has 3 numbers'),
        ("elem", "1\nTt 0 1 2 x 1\n", "expected whole numbers"),
        ("elem", "1\nTt 0 1 2 5 1\n", r"element 0 joins nodes 0, 1, 2, 5.*0\.\.4"),
        ("elem", "1\nTt 0 1 2 -1 1\n", "out of range"),
        ("elem", "", "expected the number of elements"),
        ("pts", "5\n0 0 0\n1 0 0\n", "announces 5 nodes and lists 2"),
        ("pts", "2\n0 0 0\n1 0\n", r'"1 0" has 2 numbers, expected 3'),
        ("lon", "1\n1 0 0\n", "fibres of 1 elements, the mesh has 4"),
        ("lon", "2\n1 0 0\n", "3 columns; expected 6"),
        ("septum.vtx", "1\nintra\n5\n", r'set "septum" names node 5.*0\.\.4'),
        ("septum.vtx", "3\nintra\n0\n1\n", "announces 3 nodes"),
    ],
)
def test_what_is_wrong_with_an_opencarp_file_is_said(opencarp, ending, text, message):
    if ending == "elem":
        (opencarp / "atrium.1.lon").unlink()  # which is of four elements
    (opencarp / f"atrium.1.{ending}").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_mesh(opencarp / "atrium.1")


def test_missing_part_of_an_opencarp_mesh_is_named(opencarp):
    (opencarp / "atrium.1.pts").unlink()
    with pytest.raises(FileNotFoundError, match=r"atrium\.1\.pts"):
        read_mesh(opencarp / "atrium.1.elem")


def test_a_first_line_that_is_cut_off_is_the_one_that_is_named(opencarp):
    file = opencarp / "atrium.1.pts"
    file.write_text(file.read_text().replace("\n0 0 0\n", "\n0 17\n"))
    with pytest.raises(ValueError, match='"0 17" has 2 numbers, expected 3 in every'):
        read_mesh(opencarp / "atrium.1")
