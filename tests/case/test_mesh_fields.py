"""Numbers in a file find the nodes or elements that they are for."""

import numpy as np
import pytest

from cardiosim.case.mesh_fields import read_field
from cardiosim.case.read import CaseError
from cardiosim.tissue.mesh import ElementBlock, Mesh, sheet
from cardiosim.tissue.mesh_io import read_mesh
from cardiosim.tissue.refinement import refine

SHEET = sheet((2.0, 1.0), 0.5)  # 15 nodes, 8 elements


@pytest.fixture
def field(tmp_path):
    def _field(values, mesh=SHEET, per=None):
        np.save(tmp_path / "f.npy", values)
        return read_field(str(tmp_path / "f.npy"), "f", per, mesh, "a.field.0")

    return _field


def test_the_length_tells_what_a_field_is_for(field):
    assert field(np.arange(15.0))[0] == "node"
    per, values = field(np.arange(8.0)[:, np.newaxis])
    assert per == "element"
    np.testing.assert_array_equal(values, np.arange(8.0))


@pytest.mark.parametrize(
    ("values", "per", "says"),
    [
        (
            np.ones(7),
            None,
            r"shape \(7,\), expected 15 \(one a node\) or 8 \(one an el",
        ),
        (np.ones(15), "element", r"shape \(15,\), expected 8 \(one an element\)"),
        (np.ones((8, 2)), None, r"shape \(8, 2\)"),
    ],
)
def test_another_length_is_named(field, values, per, says):
    with pytest.raises(CaseError, match=f"a.field.0: .*{says}"):
        field(values, per=per)


def test_where_both_fit_the_case_has_to_say(field):
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    lines = ElementBlock("line", np.array([[0, 1], [1, 2], [2, 0]]))
    ring = Mesh("mesh", points, (lines,))
    with pytest.raises(CaseError, match='write per = "node" or per = "element"'):
        field(np.ones(3), ring)
    assert field(np.ones(3), ring, "node")[0] == "node"


@pytest.fixture
def dropped(tmp_path):
    """A mesh whose file has a node too many, in front, and an element twice."""
    (tmp_path / "a.pts").write_text("5\n9 9 9\n0 0 0\n6 0 0\n0 6 0\n6 6 0\n")
    (tmp_path / "a.elem").write_text("3\nTr 1 2 3\nTr 3 2 1\nTr 2 3 4\n")
    return read_mesh(tmp_path / "a", "mm")[0]


def test_fields_of_the_file_skip_what_was_dropped(field, dropped):
    np.testing.assert_array_equal(
        field(np.arange(5.0), dropped)[1], [1.0, 2.0, 3.0, 4.0]
    )
    np.testing.assert_array_equal(
        field(np.array([10.0, 20.0, 30.0]), dropped)[1], [10.0, 30.0]
    )
    assert field(np.array([10.0, 30.0]), dropped)[0] == "element"  # of the mesh itself


def test_fields_of_the_file_are_refined(field, dropped):
    fine = refine(dropped)
    _, values = field(np.array([10.0, 20.0, 30.0]), fine)
    np.testing.assert_array_equal(values, np.repeat([10.0, 30.0], 4))
    _, values = field(np.arange(5.0), fine)
    middle = np.flatnonzero((fine.points == [3.0, 0.0, 0.0]).all(axis=1))
    assert values[middle] == 1.5  # between nodes 1 and 2 of the file
