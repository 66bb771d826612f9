"""Pictures of velocity fields."""

import numpy as np
import pytest
from matplotlib.image import imread

from cardiosim.measure.fibre_velocities import fibre_velocities
from cardiosim.measure.line_samples import line_velocity
from cardiosim.measure.velocity_field import REASONS, VelocityField, velocity_field
from cardiosim.output.mesh_arrays import RegularGrid, mesh_arrays
from cardiosim.output.velocity_plots import (
    MEASURED,
    REASON_COLOURS,
    angle_figure,
    line_figure,
    mask_map,
    speed_map,
)


@pytest.fixture(scope="module")
def sheet():
    """A sheet as it is kept in a results folder."""
    x, y = np.meshgrid(np.arange(0.0, 3.01, 0.1), np.arange(0.0, 2.01, 0.1))
    points = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
    corner = (np.arange(20)[:, None] * 31 + np.arange(30)).ravel()
    quads = np.column_stack([corner, corner + 1, corner + 32, corner + 31])
    grid = RegularGrid((31, 21), (3.0, 2.0))
    return mesh_arrays(points, [("quad", quads)], "sheet", grid=grid)


@pytest.fixture(scope="module")
def field(sheet):
    lat = np.minimum(sheet.points[:, 0], 3.0 - sheet.points[:, 0]) / 0.5
    return velocity_field(sheet.points, sheet.blocks, lat)


def has_colour(path, colour):
    """Whether some pixels of a picture are of a colour."""
    wanted = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    pixels = np.round(imread(path)[..., :3] * 255)
    return (np.abs(pixels - wanted).max(axis=2) <= 1).sum() > 50


def test_every_reason_has_a_colour():
    assert set(REASON_COLOURS) == set(REASONS)
    assert len(set(REASON_COLOURS.values())) == len(REASONS)


def test_mask_shows_the_reasons_that_hold_and_no_others(sheet, field, tmp_path):
    assert mask_map(sheet, field, tmp_path / "mask.png")
    for name in ("collision", "boundary"):
        assert has_colour(tmp_path / "mask.png", REASON_COLOURS[name]), name
    assert has_colour(tmp_path / "mask.png", MEASURED)
    for name in ("block", "stimulus", "misfit"):
        assert not has_colour(tmp_path / "mask.png", REASON_COLOURS[name]), name


def test_a_triangle_has_the_kind_of_one_of_its_nodes(sheet, tmp_path):
    """Between nodes of the first and of the third kind lies none of the second."""
    quads = sheet.blocks[0][1]
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    mesh = mesh_arrays(sheet.points, [("triangle", triangles)], "mesh")
    x = sheet.points[:, 0]
    mask = np.where(x < 1.0, REASONS["stimulus"], 0).astype(np.uint8)
    mask[x > 2.0] = REASONS["collision"]
    mask[0] = REASONS["boundary"]  # which lies between the two
    n = np.full(len(x), np.nan)
    made = VelocityField(np.full((len(x), 3), np.nan), n, n, n, mask, 0.4)
    assert mask_map(mesh, made, tmp_path / "mask.png")
    picture = imread(tmp_path / "mask.png")[:, :780]  # without the bar of colours
    wanted = np.array([0x8F, 0xB0, 0xB8]) / 255.0
    assert (np.abs(picture[..., :3] - wanted).max(axis=2) < 0.01).sum() < 600


def test_speed_is_drawn_where_there_is_one(sheet, field, tmp_path):
    assert speed_map(sheet, field, tmp_path / "speed.png")
    cable = mesh_arrays(sheet.points[:31], [("line", np.array([[0, 1]]))], "cable")
    nothing = np.full(31, np.nan)
    silent = VelocityField(
        np.full((31, 3), np.nan), nothing, nothing, nothing, np.ones(31, np.uint8), 0.4
    )
    assert not speed_map(cable, silent, tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_a_cable_has_a_profile(tmp_path):
    x = np.linspace(0.0, 5.0, 51)
    lines = np.column_stack([np.arange(50), np.arange(1, 51)])
    points = np.column_stack([x, 0.0 * x, 0.0 * x])
    cable = mesh_arrays(points, [("line", lines)], "cable")
    found = velocity_field(points, cable.blocks, x / 0.5)
    assert speed_map(cable, found, tmp_path / "speed.png")
    assert not mask_map(cable, found, tmp_path / "mask.png")


def test_angles_and_lines_are_drawn(sheet, field, tmp_path):
    cosines = np.linspace(0.0, 1.0, sheet.n_nodes)
    speed = np.sqrt(0.1 + 0.3 * cosines)
    fitted = fibre_velocities(speed, cosines)
    assert angle_figure(speed, cosines, fitted, tmp_path / "angles.png")
    assert not angle_figure(speed * np.nan, cosines, fitted, tmp_path / "none.png")
    lat = sheet.points[:, 0] / 0.5
    found = line_velocity(sheet.points, sheet.blocks, lat, (0.5, 1.0), (2.5, 1.0))
    line_figure(found, tmp_path / "line.png")
    assert (tmp_path / "line.png").stat().st_size > 1000
