import numpy as np
import pytest

from cardiosim.tissue.regions import select_nodes

LINE = np.column_stack([np.arange(11) * 0.1, np.zeros(11), np.zeros(11)])
CUBE = np.stack(np.meshgrid(*[np.arange(3.0)] * 3, indexing="ij"), axis=-1).reshape(
    -1, 3
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
    np.testing.assert_array_equal(select_nodes("x <= 0", np.zeros((1, 3))), [0])


@pytest.mark.parametrize(
    "where, message",
    [
        ("", "found the end at column 1, expected"),
        ("x <=", "found the end at column 5, expected a number or x, y or z"),
        ("x < 2 mm", r"found 'm' at column 7, expected '\)', 'and', 'or'"),
        ("radius < 3", "found 'r' at column 1"),
        ("nodes(1.5)", r"found '\.5' at column 8, expected '\)', ',' or '\.\.'"),
        ("xy < 2", "found 'x' at column 1"),
        ("notx < 2", "found 'n' at column 1"),
        ("x = 5", "found '=' at column 3"),
        ("1 < 2", "compare x, y or z"),
        ("box(1)", r"box\(\) got 1 numbers"),
        ("box(2, 1)", "minimum 2 above maximum 1 in x"),
        ("sphere(1, 2, 3)", "centre and a radius"),
        ("sphere(1, 2, 3, -1)", "centre and a radius"),
        ("nodes(11)", r"nodes\(11\) is no part of the mesh.*0\.\.10"),
        ("nodes(5..2)", "from low to high"),
        ("__import__('os')", "found '_' at column 1"),
    ],
)
def test_what_is_no_region_says_so_in_one_line(where, message):
    with pytest.raises(ValueError, match=message) as caught:
        select_nodes(where, LINE)
    assert "\n" not in str(caught.value)
