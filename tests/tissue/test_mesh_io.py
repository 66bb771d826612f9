"""Meshes come back from files as they went in, and files of others are understood."""

from dataclasses import replace

import meshio
import numpy as np
import pytest

from cardiosim.tissue.mesh import ElementBlock, Mesh, cable, slab
from cardiosim.tissue.mesh_io import read_mesh, write_mesh
from cardiosim.tissue.simplices import simplices_of

# Two tetrahedra on a common face, a free triangle and a bundle of two lines, of which
# the second runs along an edge of a tetrahedron.
POINTS = np.array(
    [
        [0.0, 0.0, 0.0],
        [1.1, 0.0, 0.0],
        [0.0, 1.3, 0.0],
        [0.0, 0.0, 0.9],
        [1.0, 1.0, 1.0],
        [3.0, 0.1, 0.0],
        [3.0, 1.0, 0.0],
    ]
)
TETRA = np.array([[0, 1, 2, 3], [1, 2, 3, 4]])
TRIANGLES = np.array([[1, 5, 6]])
LINES = np.array([[4, 6], [4, 1]])


def mixed_mesh(with_edge_bundle=True):
    lines = LINES if with_edge_bundle else LINES[:1]
    n = len(TETRA) + len(TRIANGLES) + len(lines)
    angle = np.linspace(0.0, 1.0, n)
    zero = np.zeros(n)
    return Mesh(
        "mesh",
        POINTS,
        (
            ElementBlock("tetra", TETRA),
            ElementBlock("triangle", TRIANGLES),
            ElementBlock("line", lines),
        ),
        regions=np.array([1, 2, 3, 5, 5][:n]),
        region_names={"left": 1, "right": 2, "wall": 3, "bundle": 5},
        fibres=np.column_stack([np.cos(angle), np.sin(angle), zero]),
        sheets=np.column_stack([-np.sin(angle), np.cos(angle), zero]),
        node_sets={"base": np.array([0, 1, 2]), "tip": np.array([4])},
    )


def tetra_mesh():
    mesh = mixed_mesh()
    return replace(
        mesh,
        points=POINTS[:5],
        blocks=mesh.blocks[:1],
        regions=mesh.regions[:2],
        region_names={"left": 1, "right": 2},
        fibres=mesh.fibres[:2],
        sheets=mesh.sheets[:2],
    )


def assert_same(found, mesh, names=True):
    # Lengths pass through um and back, vectors are normalised: one rounding each.
    np.testing.assert_allclose(found.points, mesh.points, rtol=1e-15, atol=0.0)
    assert [b.shape for b in found.blocks] == [b.shape for b in mesh.blocks]
    for one, other in zip(found.blocks, mesh.blocks, strict=True):
        np.testing.assert_array_equal(one.nodes, other.nodes)
    np.testing.assert_array_equal(found.element_regions, mesh.element_regions)
    np.testing.assert_allclose(found.fibres, mesh.fibres, rtol=0.0, atol=1e-15)
    np.testing.assert_allclose(found.sheets, mesh.sheets, rtol=0.0, atol=1e-15)
    assert found.node_sets.keys() == mesh.node_sets.keys()
    for name, nodes in mesh.node_sets.items():
        np.testing.assert_array_equal(found.node_sets[name], nodes)
    assert found.region_names == (mesh.region_names if names else {})


@pytest.mark.parametrize("name", ["a.vtu", "a.vtk", "a.xdmf", "a.elem"])
def test_mixed_mesh_comes_back_as_it_was_written(tmp_path, name):
    mesh = mixed_mesh()
    write_mesh(mesh, tmp_path / name)
    found, report = read_mesh(tmp_path / name)
    assert_same(found, mesh, names=name != "a.elem")
    assert report.warnings == []


def test_gmsh_file_of_one_shape_comes_back_as_it_was_written(tmp_path):
    write_mesh(tetra_mesh(), tmp_path / "a.msh")
    found, report = read_mesh(tmp_path / "a.msh")
    assert_same(found, tetra_mesh())
    assert report.warnings == []


def test_gmsh_file_of_several_shapes_holds_regions_but_no_fibres(tmp_path):
    mesh = mixed_mesh(with_edge_bundle=False)
    with pytest.raises(ValueError, match=r"fibres, sheets; write \.vtu"):
        write_mesh(mesh, tmp_path / "a.msh")
    write_mesh(replace(mesh, fibres=None, sheets=None), tmp_path / "a.msh")
    found, _ = read_mesh(tmp_path / "a.msh")
    np.testing.assert_array_equal(found.regions, mesh.regions)
    assert found.region_names == mesh.region_names


def test_formats_that_would_lose_data_are_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"written .* as \.vtu, \.vtk"):
        write_mesh(tetra_mesh(), tmp_path / "a.stl")


def test_nothing_is_written_over_unless_forced(tmp_path):
    write_mesh(tetra_mesh(), tmp_path / "a.vtu")
    before = (tmp_path / "a.vtu").read_bytes()
    with pytest.raises(FileExistsError, match=r"a\.vtu is there already"):
        write_mesh(mixed_mesh(), tmp_path / "a.vtu")
    assert (tmp_path / "a.vtu").read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.vtu"]
    write_mesh(mixed_mesh(), tmp_path / "a.vtu", force=True)
    assert (tmp_path / "a.vtu").read_bytes() != before


def test_one_file_of_an_opencarp_mesh_that_is_there_keeps_all_from_being_written(
    tmp_path,
):
    (tmp_path / "a.lon").write_text("mine")
    with pytest.raises(FileExistsError, match=r"a\.lon"):
        write_mesh(tetra_mesh(), tmp_path / "a.elem")
    assert [file.name for file in tmp_path.iterdir()] == ["a.lon"]


def test_what_lies_beside_an_opencarp_mesh_does_not_slip_into_a_new_one(tmp_path):
    write_mesh(tetra_mesh(), tmp_path / "a.elem")
    bare = replace(tetra_mesh(), fibres=None, sheets=None, node_sets={})
    with pytest.raises(FileExistsError, match=r"a\.lon, .*a\.base\.vtx.*remove"):
        write_mesh(bare, tmp_path / "a.elem", force=True)
    assert_same(read_mesh(tmp_path / "a.elem")[0], tetra_mesh(), names=False)


def write(path, points, cells, **data):
    meshio.write_points_cells(path, np.asarray(points, dtype=float), cells, **data)


SQUARE = [[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]]
HALVES = ("triangle", [[0, 1, 2], [0, 2, 3]])


@pytest.mark.parametrize("name", ["region", "elemTag", "tag", "Material"])
def test_regions_are_known_by_their_usual_names(tmp_path, name):
    points = np.column_stack([SQUARE, np.zeros(4)])
    data = {name: [np.array([4, 6])]}
    write(tmp_path / "a.vtu", points, [HALVES], cell_data=data)
    np.testing.assert_array_equal(read_mesh(tmp_path / "a.vtu")[0].regions, [4, 6])


@pytest.mark.parametrize("name", ["fibres", "fibers", "fiber", "Fibre", "f0"])
def test_fibres_are_known_by_their_usual_names(tmp_path, name):
    points = np.column_stack([SQUARE, np.zeros(4)])
    data = {name: [np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])]}
    write(tmp_path / "a.vtu", points, [HALVES], cell_data=data)
    mesh, report = read_mesh(tmp_path / "a.vtu")
    np.testing.assert_array_equal(mesh.fibres[0], [0.0, 1.0, 0.0])
    assert report.warnings == []


def test_fibres_at_nodes_are_not_taken_in_silence(tmp_path):
    points = np.column_stack([SQUARE, np.zeros(4)])
    write(tmp_path / "a.vtu", points, [HALVES], point_data={"fibres": points})
    mesh, report = read_mesh(tmp_path / "a.vtu")
    assert mesh.fibres is None
    assert "fibres and sheets belong to elements" in report.warnings[0]


def test_broken_regions_are_an_error(tmp_path):
    points = np.column_stack([SQUARE, np.zeros(4)])
    data = {"region": [np.array([0.5, 1.0])]}
    write(tmp_path / "a.vtu", points, [HALVES], cell_data=data)
    with pytest.raises(ValueError, match="one whole number an element"):
        read_mesh(tmp_path / "a.vtu")


def test_plane_points_lie_at_z_zero_and_units_are_converted(tmp_path):
    write(tmp_path / "a.xdmf", SQUARE, [HALVES])
    mesh, _ = read_mesh(tmp_path / "a.xdmf", unit="cm")
    np.testing.assert_array_equal(mesh.points[2], [40.0, 40.0, 0.0])
    with pytest.raises(ValueError, match='came "inch"; known are um, mm, cm, m'):
        read_mesh(tmp_path / "a.xdmf", unit="inch")


def test_edges_and_corners_of_others_become_node_sets(tmp_path):
    # The rim 0-1-2 of the square is group 7 and its corner 3 group 8.
    cells = [HALVES, ("line", [[0, 1], [1, 2]]), ("vertex", [[3]]), ("line", [[2, 3]])]
    groups = [np.array([1, 1]), np.array([7, 7]), np.array([8]), np.array([0])]
    points = np.column_stack([SQUARE, np.zeros(4)])
    data = {"region": groups}
    write(tmp_path / "a.vtu", points, cells, cell_data=data)
    mesh, report = read_mesh(tmp_path / "a.vtu")
    assert [block.shape for block in mesh.blocks] == ["triangle"]
    np.testing.assert_array_equal(mesh.node_sets["curve_7"], [0, 1, 2])
    np.testing.assert_array_equal(mesh.node_sets["point_8"], [3])
    assert any("1 element left out" in found.line for found in report.findings)
    np.testing.assert_array_equal(report.file_elements, [0, 1])


def test_a_group_of_lines_that_is_tissue_in_part_is_warned_of(tmp_path):
    points = [[0, 0, 0], [4, 0, 0], [4, 4, 0], [0, 4, 0], [8, 0, 0]]
    cells = [HALVES, ("line", [[0, 1], [1, 4]])]
    data = {"region": [np.array([1, 1]), np.array([7, 7])]}
    write(tmp_path / "a.vtu", points, cells, cell_data=data)
    mesh, report = read_mesh(tmp_path / "a.vtu")
    np.testing.assert_array_equal(mesh.blocks[1].nodes, [[1, 4]])
    np.testing.assert_array_equal(mesh.node_sets["curve_7"], [0, 1])
    assert 'of group "curve_7" 1 line along' in report.warnings[0]


MIDDLE = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
DIAGONAL = [("triangle", [[0, 1, 2], [0, 2, 3]]), ("line", [[0, 2], [0, 1]])]


@pytest.mark.parametrize("bundle", ["curve_3", "3"])
def test_lines_that_may_be_bundles_are_warned_of_and_conduct_if_asked_for(
    tmp_path, bundle
):
    data = {"region": [np.array([1, 1]), np.array([3, 3])]}
    points = np.array(MIDDLE, dtype=float)
    write(tmp_path / "a.vtu", points, DIAGONAL, cell_data=data)
    _, report = read_mesh(tmp_path / "a.vtu")
    (warning,) = report.warnings
    assert '2 lines of group "curve_3"' in warning
    assert 'name the bundle "curve_3"' in warning
    mesh, report = read_mesh(tmp_path / "a.vtu", bundles=[bundle])
    assert [len(block) for block in mesh.blocks] == [2, 2]
    assert report.warnings == []
    with pytest.raises(ValueError, match='no group "curve_4".* names curve_3'):
        read_mesh(tmp_path / "a.vtu", bundles=["curve_4"])


def test_lines_without_a_region_are_warned_of_inside_a_wall_only(tmp_path):
    points = np.array(MIDDLE, dtype=float)
    write(tmp_path / "a.vtu", points, DIAGONAL)
    _, report = read_mesh(tmp_path / "a.vtu")
    assert "1 line along edges of other elements left out" in report.warnings[0]
    mesh, _ = read_mesh(tmp_path / "a.vtu", bundles=["0"])
    assert [len(block) for block in mesh.blocks] == [2, 2]


def test_lines_inside_a_volume_are_told_from_those_on_its_surface(tmp_path):
    """Around the diagonal of a brick lie all of its six tetrahedra."""
    mesh = simplices_of(slab((1.0, 1.0, 1.0), 1.0))
    tetra = ("tetra", mesh.blocks[0].nodes)
    on_surface, inside = [0, 1], [0, 7]
    assert (np.isin(tetra[1], inside).sum(axis=1) == 2).all()
    write(tmp_path / "a.vtu", mesh.points, [tetra, ("line", [on_surface])])
    assert read_mesh(tmp_path / "a.vtu")[1].warnings == []
    write(tmp_path / "b.vtu", mesh.points, [tetra, ("line", [on_surface, inside])])
    assert "1 line along edges" in read_mesh(tmp_path / "b.vtu")[1].warnings[0]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_regions_that_are_no_numbers_are_refused(tmp_path, value):
    points = np.array(MIDDLE, dtype=float)
    data = {"region": [np.array([1.0, value])]}
    write(tmp_path / "a.vtu", points, DIAGONAL[:1], cell_data=data)
    with pytest.raises(ValueError, match='"region" is not finite in 1 of 2 elements'):
        read_mesh(tmp_path / "a.vtu")


def test_an_empty_surface_is_refused_in_one_line(tmp_path, recwarn):
    (tmp_path / "a.stl").write_text("solid a\nendsolid a\n")
    with pytest.raises(ValueError, match="a.stl is empty") as error:
        read_mesh(tmp_path / "a.stl")
    assert "\n" not in str(error.value)
    assert len(recwarn) == 0


@pytest.mark.parametrize("name", ["a.vtu", "a.elem"])
def test_grids_are_written_as_simplices_only(tmp_path, name):
    with pytest.raises(ValueError, match="hexahedron"):
        write_mesh(slab((1.0, 1.0, 1.0), 0.5), tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    write_mesh(cable(2.0, 0.5), tmp_path / name)  # whose elements are lines
    assert read_mesh(tmp_path / name)[0].n_elements == 4


def test_cell_data_says_what_conducts(tmp_path):
    cells = [HALVES, ("line", [[0, 1], [1, 2]])]
    data = {"conducting": [np.array([1, 1]), np.array([0, 1])]}
    points = np.column_stack([SQUARE, np.zeros(4)])
    write(tmp_path / "a.vtu", points, cells, cell_data=data)
    mesh, _ = read_mesh(tmp_path / "a.vtu")
    np.testing.assert_array_equal(mesh.blocks[1].nodes, [[1, 2]])


@pytest.mark.parametrize(
    "cells, message",
    [
        (("quad", [[0, 1, 2, 3]]), 'shape "quad".*split'),
        (("line3", [[0, 1, 2]]), "first order"),
        (("vertex", [[0]]), "no lines, triangles or tetrahedra"),
    ],
)
def test_other_elements_are_named(tmp_path, cells, message):
    points = np.column_stack([SQUARE, np.zeros(4)])
    write(tmp_path / "a.vtu", points, [cells])
    with pytest.raises(ValueError, match=message):
        read_mesh(tmp_path / "a.vtu")


@pytest.mark.parametrize("name", ["a.vtu", "a.msh", "a.vtk", "a.xdmf", "a.stl"])
def test_files_of_another_format_are_one_line(tmp_path, capfd, name):
    (tmp_path / name).write_text("no mesh\n")
    with pytest.raises(ValueError, match="cannot be read as"):
        read_mesh(tmp_path / name)
    assert capfd.readouterr() == ("", "")


def test_unknown_endings_and_missing_files_are_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="no mesh file"):
        read_mesh(tmp_path / "a.vtu")
    (tmp_path / "a.xyz").write_text("1")
    with pytest.raises(ValueError, match=r'ending "\.xyz" is of no mesh format'):
        read_mesh(tmp_path / "a.xyz")
