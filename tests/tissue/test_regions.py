from dataclasses import replace

import numpy as np
import pytest

from cardiosim.tissue.mesh import ElementBlock, Mesh, cable, point, sheet, slab
from cardiosim.tissue.region_language import with_paths_from
from cardiosim.tissue.regions import select_elements, select_nodes

POSITIONS = np.column_stack([np.arange(11) * 0.1, np.zeros(11), np.zeros(11)])
LINE = replace(cable(1.0, 0.1), points=POSITIONS)  # with the rounding of np.arange
CUBE = slab((2.0, 2.0, 2.0), 1.0)
# Four squares, x fastest; nodes 0..8 the same.
SQUARES = replace(
    sheet((2.0, 2.0), 1.0),
    regions=np.array([1, 1, 4, 7]),
    region_names={"left_atrium": 4, "crista terminalis": 7, "lost": 9},
    node_sets={"pacing_site": np.array([8, 4, 7, 5])},
)


@pytest.mark.parametrize(
    "where, nodes",
    [
        ("x <= 0.3", [0, 1, 2, 3]),  # 3 * 0.1 = 0.30000000000000004
        ("x < 0.3", [0, 1, 2]),
        ("x >= 0.8", [8, 9, 10]),  # 0.8 itself is rounded the other way
        ("x > 0.8", [9, 10]),
        ("x == 0.7", [7]),
        ("0.25 < x < 0.55", [3, 4, 5]),
        ("1e-1 <= x <= +.2", [1, 2]),
        ("0.2 > x", [0, 1]),
        ("x<0.15 or x>0.85", [0, 1, 9, 10]),
        ("x < 0.35 and not x < 0.15", [2, 3]),
        ("not (x > 0.15 or x == 0)", [1]),
        ("x < 0.15 or x > 0.15 and x < 0.25", [0, 1, 2]),  # and binds tighter
        ("nodes(0, 5, 7..9)", [0, 5, 7, 8, 9]),
        ("nodes(10)", [10]),
        ("box(0.2, 0.4)", [2, 3, 4]),
        ("sphere(0.5, 0, 0, 0.1)", [4, 5, 6]),
        ("all", list(range(11))),
        ("not all", []),
        ("x > y and x < 0.25", [1, 2]),
    ],
)
def test_regions_of_a_line(where, nodes):
    selected = select_nodes(where, LINE)
    assert selected.dtype == np.intp
    np.testing.assert_array_equal(selected, nodes)


def test_box_bounds_the_axes_it_names():
    assert len(select_nodes("box(0, 1)", CUBE)) == 2 * 9
    assert len(select_nodes("box(0, 1, 0, 1)", CUBE)) == 2 * 2 * 3
    assert len(select_nodes("box(0, 1, 0, 1, 2, 2)", CUBE)) == 2 * 2


def test_sphere_is_closed():
    assert len(select_nodes("sphere(1, 1, 1, 1)", CUBE)) == 7


def test_one_node_mesh_has_no_extent_to_tolerate():
    np.testing.assert_array_equal(select_nodes("x <= 0", point()), [0])


@pytest.mark.parametrize(
    "where, message",
    [
        ("", "found the end at column 1, expected"),
        ("x <=", "found the end at column 5, expected a number or x, y or z"),
        ("x < 2 mm", r"found 'mm' at column 7, expected '\)', 'and', 'or'"),
        ("radius < 3", "found 'radius' at column 1"),
        ("regoin(3)", "found 'regoin' at column 1.*; did you mean region"),
        ("nodes(1.5)", r"found '\.5' at column 8, expected '\)', ',' or '\.\.'"),
        ("xy < 2", "found 'xy' at column 1"),
        ("notx < 2", "found 'notx' at column 1"),
        ("x = 5", "found '=' at column 3"),
        ("1 < 2", "compare x, y or z"),
        ("box(1)", r"box\(\) got 1 numbers"),
        ("box(2, 1)", "minimum 2 above maximum 1 in x"),
        ("sphere(1, 2, 3)", "centre and a radius"),
        ("sphere(1, 2, 3, -1)", "centre and a radius"),
        ("nodes(11)", r"nodes\(11\) is no part of the mesh.*0\.\.10"),
        ("nodes(5..2)", "from low to high"),
        ("__import__('os')", "found '__import__' at column 1"),
        ("cylinder(0, 0, 0, 1, 0, 0)", "one end, x, y, z of the other and a radius"),
        ("cylinder(1, 0, 0, 1, 0, 0, 2)", "one end, x, y, z of the other and a rad"),
        ("region()", r"found '\)' at column 8, expected a name, a text in quotes or a"),
        ("region(2.5)", r"found '\.5' at column 9"),
        ("region(4..2)", "a range runs from low to high"),
        ("region(3)", r"no element is in region\(3\); the mesh has 0"),
        ("region(left)", "no region of the name left; it has none"),
        ("set(stim)", "no set of the name stim; it has none"),
        ("vertices(site)", "found 'site' at column 10, expected a text in quotes"),
        ("fibrosis", "there is no fibrosis here"),
    ],
)
def test_what_is_no_region_says_so_in_one_line(where, message):
    with pytest.raises(ValueError, match=message) as caught:
        select_nodes(where, LINE)
    assert "\n" not in str(caught.value)


def test_cylinder_ends_flat():
    along_z = select_nodes("cylinder(1, 1, 0, 1, 1, 1, 1)", CUBE)
    expected = select_nodes("box(0, 2, 1, 1, 0, 1) or box(1, 1, 0, 2, 0, 1)", CUBE)
    np.testing.assert_array_equal(along_z, expected)
    assert len(along_z) == 5 * 2


def test_cylinder_lies_in_any_direction():
    # Around the diagonal: of the nodes beside it, (1, 0, 0) is sqrt(2/3) away.
    diagonal = "cylinder(0, 0, 0, 2, 2, 2, {})"
    assert len(select_nodes(diagonal.format(0.8), CUBE)) == 3
    assert len(select_nodes(diagonal.format(0.82), CUBE)) == 3 + 12


@pytest.mark.parametrize(
    "where, elements, nodes",
    [
        ("region(4)", [2], [3, 4, 6, 7]),
        ("region(2..5)", [2], [3, 4, 6, 7]),
        ("region(1)", [0, 1], [0, 1, 2, 3, 4, 5]),
        ("region(1, 7)", [0, 1, 3], [0, 1, 2, 3, 4, 5, 7, 8]),
        ("region(left_atrium)", [2], [3, 4, 6, 7]),
        ("region('crista terminalis', left_atrium)", [2, 3], [3, 4, 5, 6, 7, 8]),
        ("region(4) and not region(7)", [2], [3, 6]),
        ("set(pacing_site)", [3], [4, 5, 7, 8]),
        ('set("pacing_site")', [3], [4, 5, 7, 8]),
        ("nodes(0, 1, 3..5)", [0], [0, 1, 3, 4, 5]),
        ("x < 1", [0, 2], [0, 3, 6]),
        ("x == 0.5", [0, 2], []),  # centres, not nodes
        ("surface", [], [0, 1, 2, 3, 5, 6, 7, 8]),
        ("surface and region(7)", [], [5, 7, 8]),
        ("fibrosis", [1], [1, 2, 5]),
        ("not fibrosis", [0, 2, 3], [0, 3, 4, 6, 7, 8]),
        ("all", [0, 1, 2, 3], list(range(9))),
    ],
)
def test_regions_of_elements_and_of_nodes(where, elements, nodes):
    mesh = replace(SQUARES, fibrotic=np.array([False, True, False, False]))
    chosen = select_elements(where, mesh)
    assert chosen.dtype == bool
    np.testing.assert_array_equal(np.flatnonzero(chosen), elements)
    np.testing.assert_array_equal(select_nodes(where, mesh), nodes)


@pytest.mark.parametrize(
    "where, message",
    [
        ("region(left_atrum)", "left_atrum; did you mean left_atrium"),
        ("region(zzz)", "it has left_atrium, crista terminalis, lost"),
        ("region(2..3)", r"no element is in region\(2..3\); the mesh has 1, 4, 7"),
        (
            "region(lost)",
            r"no element is in region\(lost\), number 9; the mesh has 1, 4",
        ),
        ("set(pacingsite)", "did you mean pacing_site"),
    ],
)
def test_names_that_the_mesh_does_not_have(where, message):
    with pytest.raises(ValueError, match=message):
        select_nodes(where, SQUARES)


def test_regions_run_over_all_blocks_of_a_mesh():
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [2, 0, 0]], dtype=float)
    triangle = ElementBlock("triangle", np.array([[0, 1, 2]]))
    bundle = ElementBlock("line", np.array([[1, 3]]))
    mesh = Mesh("mesh", points, (triangle, bundle), regions=np.array([1, 2]))
    np.testing.assert_array_equal(select_elements("region(2)", mesh), [False, True])
    np.testing.assert_array_equal(select_nodes("region(2)", mesh), [1, 3])
    np.testing.assert_array_equal(select_elements("x > 1", mesh), [False, True])
    np.testing.assert_array_equal(select_elements("nodes(1, 3)", mesh), [False, True])


def test_nodes_listed_in_a_file(tmp_path):
    file = tmp_path / "it's a site.vtx"
    file.write_text("2\nintra\n8\n5\n")
    np.testing.assert_array_equal(select_nodes(f'vertices("{file}")', SQUARES), [5, 8])
    file.write_text("1\nintra\n9\n")
    with pytest.raises(ValueError, match=r"holds node 9, .* numbered 0\.\.8"):
        select_nodes(f'vertices("{file}")', SQUARES)
    with pytest.raises(ValueError, match="none.vtx is no file"):
        select_nodes("vertices('none.vtx')", SQUARES)


def test_files_of_a_region_lie_in_a_folder(tmp_path):
    where = """x < 1 or vertices('a.vtx') and not vertices("b/c.txt") or z > 2"""
    located = with_paths_from(tmp_path, where)
    assert located == (
        f"x < 1 or vertices('{tmp_path}/a.vtx') and not "
        f"""vertices("{tmp_path}/b/c.txt") or z > 2"""
    )
    assert with_paths_from(tmp_path / "other", located) == located
    assert with_paths_from(tmp_path, "vertices(") == "vertices("  # told when it is used
