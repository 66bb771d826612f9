"""Lists and fields of a mesh file find their nodes and elements in the mesh."""

import numpy as np
import pytest

from cardiosim.tissue.fibres import read_fibres
from cardiosim.tissue.mesh_io import read_mesh
from cardiosim.tissue.refinement import refine
from cardiosim.tissue.regions import select_nodes

# Node 0 belongs to nothing, element 2 is element 1 again, and a triangle stands first.
POINTS = [[9, 9, 9], [0, 0, 0], [6, 0, 0], [0, 5, 0], [0, 0, 4], [5, 5, 5], [20, 1, 1]]
ELEMENTS = ["Tr 5 6 2", "Tt 1 2 3 4", "Tt 4 3 2 1", "Tt 2 3 4 5", "Tr 6 5 4"]


@pytest.fixture
def read(tmp_path):
    def _read(points=POINTS, elements=ELEMENTS):
        rows = {"pts": [" ".join(map(str, p)) for p in points], "elem": elements}
        for ending, lines in rows.items():
            text = "\n".join([str(len(lines)), *lines, ""])
            (tmp_path / f"a.{ending}").write_text(text)
        return read_mesh(tmp_path / "a", "mm")[0]

    return _read


@pytest.fixture
def listed(tmp_path):
    def _listed(mesh, *nodes):
        path = tmp_path / "nodes.txt"
        path.write_text(" ".join(map(str, nodes)))
        return select_nodes(f'vertices("{path}")', mesh)

    return _listed


def test_a_mesh_that_is_as_its_file_has_no_numbering_of_its_own(read):
    assert read(POINTS[1:6], ["Tt 0 1 2 3", "Tt 1 2 3 4"]).numbering is None


def test_a_list_goes_by_the_numbers_of_the_file(read, listed):
    mesh = read()
    np.testing.assert_array_equal(
        mesh.points[listed(mesh, 1, 6)], [POINTS[1], POINTS[6]]
    )
    assert listed(mesh, 0).size == 0  # which no element has
    with pytest.raises(ValueError, match=r"no part of the mesh file.*0\.\.6"):
        listed(mesh, 7)


def test_a_list_is_refined_with_its_mesh(read, listed):
    fine = refine(read(), 2)
    chosen = fine.points[listed(fine, 1, 2)]
    # Two ends of 6 mm along x, halved twice.
    np.testing.assert_allclose(
        chosen[np.argsort(chosen[:, 0])], [[x, 0, 0] for x in (0, 1.5, 3, 4.5, 6)]
    )


@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_linear_field_stays_the_same_field(read, times):
    mesh = refine(read(), times)
    field = np.array(POINTS) @ [1.0, 2.0, -0.5] + 3.0
    expected = mesh.points @ [1.0, 2.0, -0.5] + 3.0
    np.testing.assert_allclose(mesh.numbering.at_nodes(field), expected, rtol=1e-14)


@pytest.mark.parametrize("times", [0, 1])
def test_fibres_go_by_the_numbers_of_the_file(read, tmp_path, times):
    mesh = refine(read(), times)
    rows = np.eye(3)[[0, 1, 2, 2, 0]]
    np.savetxt(tmp_path / "f.csv", rows, delimiter=",")
    fibres, _ = read_fibres(tmp_path / "f.csv", mesh)
    # Triangles come first, as in the file; element 2 is the one left out.
    own = rows[[0, 4, 1, 3]]
    counts = [4**times, 4**times, 8**times, 8**times]
    np.testing.assert_array_equal(fibres, np.repeat(own, counts, axis=0))
    np.savetxt(tmp_path / "f.csv", rows[:3], delimiter=",")
    with pytest.raises(ValueError, match=r"for each of \d+ or 5 elements"):
        read_fibres(tmp_path / "f.csv", mesh)


def test_a_mesh_made_here_is_refined_with_its_own_numbers(read, listed):
    mesh = read(POINTS[1:6], ["Tt 0 1 2 3", "Tt 1 2 3 4"])
    fine = refine(mesh)
    assert listed(fine, 0, 1).tolist() == [0, 1, 5]
    np.testing.assert_array_equal(fine.numbering.elements, np.repeat([0, 1], 8))
