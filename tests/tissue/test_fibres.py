import numpy as np
import pytest

from cardiosim.tissue.fibres import (
    by_angle,
    by_direction,
    by_rotation,
    fit_sheets,
    fit_to_elements,
    is_uniform,
    normalised,
    read_fibres,
)
from cardiosim.tissue.mesh import ElementBlock, Mesh, cable, sheet, slab


def tilted_triangles() -> Mesh:
    """Two triangles in the plane z = x."""
    points = np.array([[0, 0, 0], [1, 0, 1], [1, 1, 1], [0, 1, 0.0]])
    return Mesh(
        "mesh", points, (ElementBlock("triangle", np.array([[0, 1, 2], [0, 2, 3]])),)
    )


def test_an_angle_turns_from_x_to_y():
    fibres = by_angle(sheet((1.0, 1.0), 0.5), 30.0)
    assert fibres.shape == (4, 3) and is_uniform(fibres)
    # Rounding of the sine and cosine.
    np.testing.assert_allclose(fibres[0], [np.sqrt(0.75), 0.5, 0.0], atol=1e-15)


def test_fibres_turn_linearly_through_the_slab():
    mesh = slab((1.0, 1.0, 2.0), 0.5)
    fibres = by_rotation(mesh, -60.0, 60.0)
    angles = np.degrees(np.arctan2(fibres[:, 1], fibres[:, 0]))
    # Centres lie at 1/8, 3/8, ... of the thickness; 1e-12: rounding.
    expected = -60.0 + 120.0 * mesh.centroids[:, 2] / 2.0
    np.testing.assert_allclose(angles, expected, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(fibres, axis=1), 1.0, atol=1e-15)


def test_a_rotation_needs_a_thickness():
    with pytest.raises(ValueError, match="only z = 0 mm; give one angle"):
        by_rotation(sheet((1.0, 1.0), 0.5), 0.0, 90.0)


@pytest.mark.parametrize("direction", [(0, 0, 0), (1, 0), (np.nan, 0, 0)])
def test_a_direction_has_to_point_somewhere(direction):
    with pytest.raises(ValueError, match="expected three numbers"):
        by_direction(sheet((1.0, 1.0), 0.5), direction)


def test_fibres_are_laid_into_the_plane_of_their_triangles():
    mesh = tilted_triangles()
    fibres = fit_to_elements(mesh, by_direction(mesh, (1, 0, 0))).fibres
    np.testing.assert_allclose(
        fibres, np.tile([1, 0, 1], (2, 1)) / np.sqrt(2), atol=1e-15
    )


def test_fibres_on_end_are_counted():
    mesh = tilted_triangles()
    found = fit_to_elements(mesh, by_direction(mesh, (-1, 0.05, 1)))
    assert found.n_nearly_normal == 2 and found.n_missing == 0
    exactly = fit_to_elements(mesh, by_direction(mesh, (-1, 0, 1)))
    assert exactly.n_nearly_normal == 2 and exactly.n_missing == 2


def test_a_line_runs_along_its_fibres():
    points = np.array([[0, 0, 0], [0, 3, 4.0]])
    mesh = Mesh("mesh", points, (ElementBlock("line", np.array([[0, 1]])),))
    fibres = fit_to_elements(mesh, by_direction(mesh, (1, 0, 0))).fibres
    np.testing.assert_allclose(fibres, [[0, 0.6, 0.8]], atol=1e-15)
    along = fit_to_elements(cable(1.0, 0.5), np.zeros((2, 3))).fibres
    np.testing.assert_array_equal(along, [[1, 0, 0], [1, 0, 0]])


def test_the_fibres_of_the_mesh_are_not_written_to():
    mesh = tilted_triangles()
    fibres = np.tile([1.0, 0, 0], (2, 1))
    fit_to_elements(mesh, fibres)
    np.testing.assert_array_equal(fibres, [[1, 0, 0], [1, 0, 0]])


def test_sheets_are_made_perpendicular_to_fibres():
    fibres = np.array([[1.0, 0, 0], [1, 0, 0], [0, 0, 0]])
    sheets = fit_sheets(
        normalised(np.array([[1.0, 1, 0], [2, 0, 0], [0, 1, 0]])), fibres
    )
    np.testing.assert_allclose(sheets, [[0, 1, 0], [0, 0, 0], [0, 0, 0]], atol=1e-15)


ROWS = [[2.0, 0, 0], [0, 3, 0], [0, 0, 0], [1, 1, 0]]
UNIT = [[1, 0, 0], [0, 1, 0], [0, 0, 0], [np.sqrt(0.5), np.sqrt(0.5), 0]]


@pytest.mark.parametrize("suffix", ["lon", "npy", "npz", "csv", "txt"])
def test_fibres_are_read_and_normalised(suffix, tmp_path):
    path = tmp_path / f"fibres.{suffix}"
    if suffix == "npy":
        np.save(path, ROWS)
    elif suffix == "npz":
        np.savez(path, fibres=ROWS, other=1)
    else:
        header = {"lon": "1", "csv": "x,y,z"}.get(suffix, "")
        separator = "," if suffix == "csv" else " "
        np.savetxt(path, ROWS, delimiter=separator, header=header, comments="")
    fibres, sheets = read_fibres(path, sheet((1.0, 1.0), 0.5))
    np.testing.assert_allclose(fibres, UNIT, atol=1e-15)
    assert sheets is None


def test_sheets_come_behind_the_fibres(tmp_path):
    path = tmp_path / "fibres.lon"
    path.write_text("2\n1 0 0 0 2 0\n0 1 0 0 0 1\n")
    fibres, sheets = read_fibres(path, cable(1.0, 0.5))
    np.testing.assert_array_equal(fibres, [[1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(sheets, [[0, 1, 0], [0, 0, 1]])


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("f.lon", "1 0 0\n0 1 0\n", "expected 1 .fibres. or 2"),
        ("f.lon", "2\n1 0 0\n0 1 0\n", "3 columns; expected 6"),
        ("f.lon", "1\n1 0 0\n", "for each of 2 elements"),
        ("f.csv", "1,0,0\n0,nan,0\n", "not finite in row 1"),
        ("f.csv", "1,0,0\n0,one,0\n", "does not hold numbers"),
        ("f.vtk", "", "expected one of .npy"),
        ("f.csv", "1,0\n0,1\n", "of shape .2, 2."),
    ],
)
def test_a_wrong_file_is_told(name, content, says, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=says):
        read_fibres(tmp_path / name, cable(1.0, 0.5))


def test_a_pickle_is_not_opened(tmp_path):
    np.save(tmp_path / "f.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="does not hold numbers"):
        read_fibres(tmp_path / "f.npy", cable(1.0, 0.5))
