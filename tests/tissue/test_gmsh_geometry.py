"""Geometries of Gmsh: meshed on reading, with groups; nothing else happens."""

import builtins

import numpy as np
import pytest

from cardiosim.tissue.mesh_io import read_mesh

SQUARE_WITH_BUNDLE = """
Point(1) = {0, 0, 0}; Point(2) = {4, 0, 0}; Point(3) = {4, 3, 0}; Point(4) = {0, 3, 0};
Point(5) = {2, 1, 0}; Point(6) = {2, 2, 0}; Point(7) = {2, 2, 2};
Line(1) = {1, 2}; Line(2) = {2, 3}; Line(3) = {3, 4}; Line(4) = {4, 1};
Line(5) = {5, 6}; Line(6) = {6, 7};
Curve Loop(1) = {1, 2, 3, 4};
Plane Surface(1) = {1};
Line{5} In Surface{1};
Physical Surface("wall", 1) = {1};
Physical Curve("rim", 1) = {1, 2};
Physical Curve("inlay", 2) = {5};
Physical Curve("free bundle", 1 + 2) = {6};
Physical Point("corner", 1) = {1};
Mesh.MeshSizeMax = 0.5;
"""


@pytest.fixture
def geometry(tmp_path):
    pytest.importorskip("gmsh")
    (tmp_path / "a.geo").write_text(SQUARE_WITH_BUNDLE)
    return tmp_path / "a.geo"


def test_groups_of_gmsh_are_regions_and_node_sets(geometry):
    mesh, report = read_mesh(geometry)
    assert {block.shape for block in mesh.blocks} == {"triangle", "line"}
    assert mesh.region_names == {"wall": 1, "free bundle": 3}
    assert sorted(mesh.node_sets) == ["corner", "inlay", "rim"]
    assert mesh.points[mesh.node_sets["corner"]].tolist() == [[0.0, 0.0, 0.0]]
    x, y, _ = mesh.points[mesh.node_sets["rim"]].T
    assert np.all((y == 0.0) | (x == 4.0))
    assert len(x) == 8 + 6 + 1  # 4 and 3 mm in steps of 0.5
    x, y, _ = mesh.points[mesh.node_sets["inlay"]].T
    np.testing.assert_allclose(x, 2.0, rtol=1e-12)
    # It lies in the wall, where no rim is: was it meant to conduct?
    (warning,) = report.warnings
    assert '2 lines of group "inlay" along edges' in warning
    assert 'name the bundle "inlay"' in warning


def test_a_bundle_along_edges_conducts_if_it_is_asked_for(geometry):
    mesh, _ = read_mesh(geometry, bundles=["inlay"])
    lines = next(block for block in mesh.blocks if block.shape == "line")
    assert len(lines) == 2 + 4
    assert mesh.region_names == {"wall": 1, "inlay": 2, "free bundle": 3}
    with pytest.raises(ValueError, match='no group "outlay".*inlay'):
        read_mesh(geometry, bundles=["outlay"])


def test_one_number_for_groups_of_two_dimensions_makes_two_regions(geometry):
    mesh, report = read_mesh(geometry, bundles=["rim"])
    assert mesh.region_names["wall"] == 1
    assert mesh.region_names["rim"] not in (1, 3)
    assert any("number 1 of another region" in line for line in report.warnings)


@pytest.mark.parametrize(
    "statement, word",
    [
        ('SystemCall "touch made";', "SystemCall"),
        ('Parse [StrCat["System", "Call ..."]];', "Parse"),
        ('Printf("hello") > "made";', "Printf"),
        ('Printf("a;b") > "made";', "Printf"),
        ('Printf("ab") /* c */ > "made";', "Printf"),
        ('Printf("ab") // c\n >> "made";', "Printf"),
        ('General.LogFileName = "made";', "General"),
        ('General /* c */ . LogFileName = "made";', "General"),
        ('StringToName["General"].LogFileName = "made";', "StringToName"),
        ('PostProcessing.DoubleClickedPointCommand = "touch made";', "PostProcessing"),
        ('x = 2Save "made";', "Save"),
        ('// \N{LATIN SMALL LETTER E WITH ACUTE}Save "made"', "Save"),
        ('Save "made";', "Save"),
        ('Include "other.geo";', "Include"),
        ("Exit;", "Exit"),
    ],
)
def test_geometries_that_do_more_than_describe_are_refused(
    tmp_path, monkeypatch, statement, word
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.geo").write_text(f"Point(1) = {{0, 0, 0}}; {statement}")
    with pytest.raises(ValueError, match=f'"{word}" .*can start programs'):
        read_mesh(tmp_path / "a.geo")
    assert [file.name for file in tmp_path.iterdir()] == ["a.geo"]


def test_what_a_loop_makes_of_comments_is_not_done(tmp_path, monkeypatch):
    """Gmsh takes a loop up on the line after its head: there, in a comment."""
    monkeypatch.chdir(tmp_path)
    text = 'For i In {1:2} /*\nPrintf("a")\n> "made"; */\nEndFor\n'
    (tmp_path / "a.geo").write_text(f"Point(1) = {{0, 0, 0}};\n{text}")
    with pytest.raises(ValueError, match='"Printf" beside a ">" can'):
        read_mesh(tmp_path / "a.geo")
    assert [file.name for file in tmp_path.iterdir()] == ["a.geo"]


def test_an_options_file_beside_a_geometry_is_not_obeyed(geometry, monkeypatch):
    monkeypatch.chdir(geometry.parent)
    beside = geometry.parent / "a.geo.opt"
    beside.write_text('Printf("hello") > "made";')
    read_mesh(geometry)
    assert sorted(file.name for file in geometry.parent.iterdir()) == [
        "a.geo",
        "a.geo.opt",
    ]


def test_geometries_may_print_and_compare(geometry):
    geometry.write_text(
        SQUARE_WITH_BUNDLE + 'Printf("%g", 1); If (1 >= 0) Printf("yes"); EndIf'
    )
    assert read_mesh(geometry)[0].n_nodes > 10


def test_mistakes_in_a_geometry_are_one_line(tmp_path):
    pytest.importorskip("gmsh")
    (tmp_path / "a.geo").write_text("Line(1) = {1, 2")
    with pytest.raises(ValueError, match=r"a\.geo: Gmsh: "):
        read_mesh(tmp_path / "a.geo")
    (tmp_path / "a.geo").write_text("x = 1;")
    with pytest.raises(ValueError, match="no curve, surface or volume"):
        read_mesh(tmp_path / "a.geo")


def test_without_gmsh_the_extra_is_named(tmp_path, monkeypatch):
    real = builtins.__import__

    def without_gmsh(name, *arguments, **options):
        if name == "gmsh":
            raise ImportError("no module gmsh")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_gmsh)
    (tmp_path / "a.geo").write_text(SQUARE_WITH_BUNDLE)
    with pytest.raises(RuntimeError, match=r"pip install 'cardiosim\[mesh\]'"):
        read_mesh(tmp_path / "a.geo")
