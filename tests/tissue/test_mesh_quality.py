"""Each fault of a mesh file gets one line that says where it is."""

import meshio
import numpy as np
import pytest

from cardiosim.tissue.element_measures import signed_measures
from cardiosim.tissue.mesh import ElementBlock, Mesh
from cardiosim.tissue.mesh_io import read_mesh, write_mesh
from cardiosim.tissue.refinement import refine

# A tetrahedron of 6, 5 and 4 mm, and a node to join to its face 1 2 3.
POINTS = [[0, 0, 0], [6, 0, 0], [0, 5, 0], [0, 0, 4], [5, 5, 5]]
PAIR = ["Tt 0 1 2 3 1", "Tt 1 2 3 4 2"]


@pytest.fixture
def read(tmp_path):
    """Read a mesh in mm from the lines of openCARP files."""

    def _read(points=POINTS, elements=PAIR, fibres=None, unit="mm", **sets):
        lines = [" ".join(map(repr, point)) for point in points]
        files = {"pts": lines, "elem": elements}
        for ending, rows in files.items():
            text = "\n".join([str(len(rows)), *rows, ""])
            (tmp_path / f"a.{ending}").write_text(text)
        if fibres is not None:
            rows = [" ".join(map(repr, row)) for row in fibres]
            text = "\n".join([str(len(fibres[0]) // 3), *rows, ""])
            (tmp_path / "a.lon").write_text(text)
        for name, nodes in sets.items():
            text = "\n".join([str(len(nodes)), "intra", *map(str, nodes), ""])
            (tmp_path / f"a.{name}.vtx").write_text(text)
        return read_mesh(tmp_path / "a.elem", unit)

    return _read


def the_warning(report):
    assert len(report.warnings) == 1, report.warnings
    return report.warnings[0]


def test_sound_mesh_has_no_warnings(read):
    mesh, report = read(fibres=[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    assert report.findings == ()
    np.testing.assert_array_equal(report.file_nodes, range(5))
    edges = [6, 5, 4, 61**0.5, 52**0.5, 41**0.5, *[61**0.5, 52**0.5, 41**0.5]]
    edges += [51**0.5, 50**0.5, 51**0.5]
    shortest, mean, longest = report.edge_lengths
    # Nodes 1 and 4 are (1, 5, 5) apart, 2 and 4 (5, 0, 5), 3 and 4 (5, 5, 1).
    np.testing.assert_allclose(
        [shortest, mean, longest], [4.0, np.mean(edges), 61**0.5], rtol=1e-14
    )


def test_signed_measures_are_lengths_areas_and_volumes():
    points = np.array(POINTS, dtype=float)
    blocks = {"line": [[0, 1]], "triangle": [[0, 1, 2]], "tetra": [[0, 1, 2, 3]]}
    expected = {"line": 6.0, "triangle": 15.0, "tetra": 20.0}
    for shape, nodes in blocks.items():
        measure, _ = signed_measures(points, ElementBlock(shape, np.array(nodes)))
        np.testing.assert_allclose(measure, expected[shape], rtol=1e-14)


def test_unused_nodes_are_dropped_and_sets_renumbered(read):
    points = [[9, 9, 9], *POINTS, [8, 8, 8]]
    elements = ["Tt 1 2 3 4", "Tt 2 3 4 5"]
    mesh, report = read(points, elements, tip=[5, 0], lost=[6])
    assert mesh.n_nodes == 5
    np.testing.assert_array_equal(mesh.points[0], [0.0, 0.0, 0.0])
    np.testing.assert_array_equal(mesh.blocks[0].nodes[0], [0, 1, 2, 3])
    np.testing.assert_array_equal(mesh.node_sets["tip"], [4])
    assert "2 nodes of 7 dropped" in report.warnings[0]
    assert 'set "lost"' in report.warnings[1]
    # A vertex list that belongs to the file finds its nodes.
    np.testing.assert_array_equal(report.nodes_of_file(np.array([5, 6, 1])), [4, 0])
    with pytest.raises(ValueError, match=r"node 7 is not in the mesh file.*0\.\.6"):
        report.nodes_of_file(np.array([7]))


def test_inverted_tetrahedra_are_turned(read):
    mesh, report = read(elements=["Tt 0 1 2 3", "Tt 1 3 2 4"])
    assert "negative volume): 1 of 2" in the_warning(report)
    assert "the first is element 1 near (2.75, 2.5, 2.25) mm" in the_warning(report)
    measure, _ = signed_measures(mesh.points, mesh.blocks[0])
    assert np.all(measure > 0.0)


def test_tetrahedra_that_are_all_inverted_are_a_convention(read):
    mesh, report = read(elements=["Tt 0 2 1 3", "Tt 1 3 2 4"])
    assert report.warnings == []
    assert any("2 of 2, turned round" in finding.line for finding in report.findings)
    measure, _ = signed_measures(mesh.points, mesh.blocks[0])
    np.testing.assert_allclose(measure[0], 20.0, rtol=1e-14)


@pytest.mark.parametrize(
    "element, message",
    [
        (
            "Tt 0 1 2 2",
            r"1 tetra element without volume: element 1 of nodes 0, 1, 2, 2",
        ),
        ("Tt 0 1 2 5", r"without volume: element 1 .* near \(2\.5, 2, 0\) mm"),
        ("Tr 0 1 6", r"triangle element without area: element 1 of nodes 0, 1, 6"),
        ("Ln 3 3", r"line element without length: element 1 of nodes 3, 3"),
    ],
)
def test_degenerate_elements_are_errors_that_name_them(read, element, message):
    points = [*POINTS, [4, 3, 0], [3, 0, 0]]
    with pytest.raises(ValueError, match=message):
        read(points, ["Tt 0 1 2 3", element, "Tt 1 2 3 4"])


def test_nearly_flat_elements_are_warned_of(read):
    points = [*POINTS[:4], [2.0, 1.5, 1e-3]]
    _, report = read(points, ["Tt 0 1 2 3", "Tt 0 1 2 4"])
    assert "1 tetra element nearly flat; the worst, element 1," in the_warning(report)


def test_flatness_does_not_depend_on_the_size_of_elements(read):
    small = (np.array(POINTS[:4]) * 1e-3 + 100.0).tolist()
    elements = ["Tt 0 1 2 3", "Tt 4 5 6 7", "Ln 0 4"]
    _, report = read([*small, *POINTS[:4]], elements)
    assert report.warnings == []


def test_elements_given_twice_count_once(read):
    elements = [*PAIR, "Tt 3 1 0 2 5", "Ln 0 4", "Ln 4 0"]
    fibres = [[1.0, 0.0, 0.0]] * 2 + [[0.0, 1.0, 0.0]] * 3
    mesh, report = read(elements=elements, fibres=fibres)
    assert [len(block) for block in mesh.blocks] == [2, 1]
    np.testing.assert_array_equal(mesh.regions, [1, 2, 0])
    np.testing.assert_array_equal(mesh.fibres[2], [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(report.file_elements, [0, 1, 3])
    assert "1 tetra element given twice, as of nodes" in report.warnings[0]
    assert "1 line element given twice" in report.warnings[1]


def test_parts_that_share_no_node_are_warned_of(read):
    points = [*POINTS, [10, 0, 0], [11, 0, 0]]
    _, report = read(points, [*PAIR, "Ln 5 6"])
    assert "2 parts that share no node (5, 2 nodes)" in the_warning(report)
    assert "merge" not in the_warning(report)


def test_parts_that_touch_at_doubled_nodes_should_be_merged(read):
    points = [*POINTS, POINTS[4], [11, 0, 0]]
    _, report = read(points, [*PAIR, "Ln 5 6"])
    assert "at the place of another, 1 node: merge" in the_warning(report)


@pytest.mark.parametrize("value", ["nan", "inf", "1e400"])
def test_positions_must_be_finite(read, tmp_path, value):
    read()
    text = (tmp_path / "a.pts").read_text().replace("5 5 5", f"5 {value} 5")
    (tmp_path / "a.pts").write_text(text)
    with pytest.raises(ValueError, match=r"node 4 is at \(5, (nan|inf), 5\)"):
        read_mesh(tmp_path / "a.elem", "mm")


def test_mesh_without_fibres_is_noted(read):
    _, report = read()
    assert [finding.level for finding in report.findings] == ["note"]
    assert "the same in all directions" in report.findings[0].line


def test_fibres_are_normalised_and_missing_ones_counted(read):
    mesh, report = read(fibres=[[0.0, 3.0, 4.0], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(mesh.fibres, [[0, 0.6, 0.8], [0, 0, 0]], rtol=1e-15)
    assert "1 fibre not of length 1 (between 5 and 5)" in report.warnings[0]
    assert "1 element of 2 without a fibre" in report.warnings[1]


def test_specks_are_no_fibres(read):
    """Files round: a zero may carry 1e-9, which has no direction."""
    mesh, report = read(fibres=[[1e-9, 1e-9, 0.0], [0.0, 0.0, 1.0]])
    np.testing.assert_array_equal(mesh.fibres, [[0, 0, 0], [0, 0, 1]])
    assert "1 element of 2 without a fibre" in the_warning(report)


def test_rounded_fibres_are_normalised_in_silence(read):
    mesh, report = read(fibres=[[0.70711, 0.70711, 0.0], [0.0, 0.0, 1.0]])
    assert report.findings == ()
    np.testing.assert_allclose(np.linalg.norm(mesh.fibres, axis=1), 1.0, rtol=1e-15)


def test_sheets_are_at_right_angles_to_fibres(read):
    rows = [[1.0, 0, 0, 0.6, 0.8, 0], [1.0, 0, 0, 1.0, 0, 0]]
    mesh, report = read(fibres=rows)
    assert "2 sheet vectors not at right angles" in the_warning(report)
    np.testing.assert_allclose(mesh.sheets, [[0, 1, 0], [0, 0, 0]], atol=1e-15)


@pytest.mark.parametrize("factor, unit", [(1000.0, None), (0.1, "cm"), (1e-3, "m")])
def test_extent_of_a_few_millimetres_is_right(read, factor, unit):
    mesh, report = read((np.array(POINTS) * factor).tolist(), unit=unit)
    assert report.warnings == []
    np.testing.assert_allclose(mesh.points, POINTS, rtol=1e-15)


def test_strange_extent_in_a_stated_unit_is_a_warning(read):
    _, report = read((np.array(POINTS) * 1000.0).tolist(), unit="mm")
    assert "6 m long if its lengths are in mm" in the_warning(report)
    assert 'may be "um" (6 mm)' in the_warning(report)


def test_an_atrium_of_40_m_is_an_error_that_names_the_unit(tmp_path):
    points = np.array(POINTS, dtype=float) * 8000.0
    cells = [("tetra", [[0, 1, 2, 3], [1, 2, 3, 4]])]
    meshio.write_points_cells(tmp_path / "a.vtu", points, cells)
    with pytest.raises(
        ValueError, match=r'48 m long.* in mm; state .*: "um" \(48 mm\)'
    ):
        read_mesh(tmp_path / "a.vtu")
    mesh, report = read_mesh(tmp_path / "a.vtu", "um")
    assert report.warnings == []
    assert mesh.points.max() == 48.0


def test_an_atrium_of_40_um_is_an_error_too(read):
    with pytest.raises(ValueError, match=r"0\.006 mm long .* in um; state .*: \"mm\""):
        read(unit=None)


def test_large_meshes_are_checked_without_a_step_over_elements(tmp_path):
    """65 thousand tetrahedra, in well under a second."""
    coarse = Mesh(
        "mesh",
        np.array(POINTS, dtype=float),
        (ElementBlock("tetra", np.array([[0, 1, 2, 3], [1, 2, 3, 4]])),),
        fibres=np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
    )
    fine = refine(coarse, 5)
    assert fine.n_elements == 2 * 8**5
    write_mesh(fine, tmp_path / "a.elem")
    mesh, report = read_mesh(tmp_path / "a.elem")
    assert report.warnings == []
    np.testing.assert_array_equal(mesh.blocks[0].nodes, fine.blocks[0].nodes)
