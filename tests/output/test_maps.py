import numpy as np
import pytest

from cardiosim.output.maps import (
    activation_map,
    isochrone_interval,
    isochrone_levels,
    potential_frames,
)
from cardiosim.output.mesh_arrays import RegularGrid, mesh_arrays
from cardiosim.output.panels import panels_of

from .conftest import mixed_mesh


def grid_of(*shape):
    """A grid with nodes 1 mm apart; elements do not matter to pictures."""
    axes = [np.arange(n, dtype=float) for n in shape]
    points = np.zeros((int(np.prod(shape)), 3))
    for axis, along in enumerate(np.meshgrid(*axes, indexing="ij")):
        points[:, axis] = along.ravel(order="F")
    kind = {1: "cable", 2: "sheet", 3: "slab"}[len(shape)]
    size = tuple(float(n - 1) for n in shape)
    return mesh_arrays(points, [], kind, grid=RegularGrid(shape, size))


def flat_mesh():
    """The unit square times ten in two triangles, in the plane x = 3."""
    points = [[3, 0, 0], [3, 10, 0], [3, 10, 10], [3, 0, 10]]
    return mesh_arrays(points, [("triangle", [[0, 1, 2], [0, 2, 3]])], "mesh")


@pytest.mark.parametrize(
    ("span", "interval"), [(0.0, 5.0), (60.0, 5.0), (600.0, 20.0), (10.0, 1.0)]
)
def test_isochrones_are_5_ms_apart_where_that_suits(span, interval):
    lat = np.array([3.0, np.nan, 3.0 + span])
    assert isochrone_interval(lat) == interval
    levels = isochrone_levels(lat, interval)
    assert levels[0] <= 3.0 <= 3.0 + span <= levels[-1]
    np.testing.assert_allclose(np.diff(levels), interval)
    np.testing.assert_allclose(levels / interval, np.round(levels / interval))
    assert len(levels) <= 32


def test_panels_show_the_nodes_where_they_are():
    (sheet,) = panels_of(grid_of(4, 3))
    assert sheet.grid.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    slab = grid_of(5, 4, 3)
    top, along, across = panels_of(slab)
    assert (slab.points[top.grid, 2] == 2.0).all()
    assert (slab.points[along.grid, 1] == 2.0).all()
    assert (slab.points[across.grid, 0] == 2.0).all()
    assert across.grid.shape == (4, 3), "rows along y, columns along z"
    for panel in (top, along, across):
        x, y = (panel.positions[panel.grid, axis] for axis in (0, 1))
        assert (np.diff(x, axis=1) == 1.0).all()
        assert (np.diff(y, axis=0) == 1.0).all()


def test_flat_meshes_are_one_panel_and_others_two():
    (flat,) = panels_of(flat_mesh())
    assert flat.labels == ("y (mm)", "z (mm)")
    front, back = panels_of(mixed_mesh())
    # Each tetrahedron has one face in common with the other, three outside.
    assert len(front.triangles) == len(back.triangles) == 2 + 6
    mesh = mixed_mesh()
    depth = mesh.points[front.triangles, 1].mean(axis=1)
    assert (np.diff(depth) <= 0.0).all(), "those behind are drawn first"
    depth = mesh.points[back.triangles, 1].mean(axis=1)
    assert (np.diff(depth) >= 0.0).all()


@pytest.mark.parametrize("mesh", [grid_of(40, 30), grid_of(20, 10, 6), flat_mesh()])
def test_activation_is_drawn_with_isochrones(
    mesh, tmp_path, drawn, texts, check_picture
):
    lat = 2.0 * mesh.points.sum(axis=1)
    path = tmp_path / "activation.png"
    assert activation_map(mesh, lat, path, title="a wave")
    check_picture(path)
    (figure,) = drawn
    found = " ".join(texts(figure))
    assert "a wave\nisochrones every 5 ms" in found
    assert "activation time (ms)" in found
    assert "grey" not in found


def test_isochrones_lie_where_activation_passes(tmp_path, drawn):
    mesh = grid_of(41, 11)
    activation_map(mesh, mesh.points[:, 0], tmp_path / "a.png")
    (figure,) = drawn
    (contours,) = (
        found for found in figure.axes[0].collections if hasattr(found, "levels")
    )
    for level, path in zip(contours.levels, contours.get_paths(), strict=True):
        np.testing.assert_allclose(path.vertices[:, 0], level, atol=1e-9)
    assert list(contours.levels) == [5, 10, 15, 20, 25, 30, 35]


def test_what_did_not_activate_is_grey_and_a_hole_is_empty(tmp_path, drawn, texts):
    whole = grid_of(10, 8)
    kept = np.flatnonzero(whole.points[:, 0] < 7.0)
    mesh = mesh_arrays(
        whole.points[kept], [], "sheet", grid=RegularGrid((10, 8), (9.0, 7.0), kept)
    )
    lat = mesh.points[:, 0].copy()
    lat[lat < 2.0] = np.nan
    activation_map(mesh, lat, tmp_path / "a.png")
    (figure,) = drawn
    image = figure.axes[0].images[0].get_array()
    grey = image[:, :2, :3]
    assert np.ptp(grey) < 0.05
    assert (image[:, :7, 3] == 1.0).all()
    assert (image[:, 7:, 3] == 0.0).all()
    assert "grey: not activated (29 % of the nodes)" in " ".join(texts(figure))


def test_nothing_to_map_is_no_picture(tmp_path):
    path = tmp_path / "a.png"
    assert not activation_map(grid_of(10), np.arange(10.0), path)
    assert not activation_map(grid_of(4, 3), np.full(12, np.nan), path)
    assert not potential_frames(grid_of(4, 3), [], [], path)
    assert not path.exists()


@pytest.mark.parametrize("mesh", [grid_of(40, 30), flat_mesh(), mixed_mesh()])
def test_frames_say_their_times(mesh, tmp_path, drawn, texts, check_picture):
    times = [0.0, 10.0, 20.5, 30.0]
    V = [mesh.points[:, 1] - t for t in times]
    assert potential_frames(mesh, times, V, tmp_path / "frames.png", title="a wave")
    check_picture(tmp_path / "frames.png")
    found = texts(drawn[0])
    assert [text for text in found if text.startswith("t =")] == [
        "t = 0 ms", "t = 10 ms", "t = 20.5 ms", "t = 30 ms",
    ]  # fmt: skip
    assert "membrane potential V (mV)" in found
