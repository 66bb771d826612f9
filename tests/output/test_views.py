"""Pictures in space, drawn off screen; skipped where that is not possible."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from cardiosim.output.films import write_film, write_picture
from cardiosim.output.mesh_arrays import mesh_arrays
from cardiosim.output.rendering import check_rendering

from .conftest import grid_mesh, mixed_mesh


@pytest.fixture(scope="module", autouse=True)
def views():
    # In another process first: VTK without libraries ends this one.
    try:
        check_rendering()
    except RuntimeError as error:
        pytest.skip(str(error))
    from cardiosim.output import views

    return views


def plate():
    """A flat plate of 20 x 10 mm in triangles of 0.5 mm."""
    x, y = np.meshgrid(0.5 * np.arange(41), 0.5 * np.arange(21))
    first = (np.arange(40) + 41 * np.arange(20)[:, None]).ravel()
    corners = np.concatenate(
        [first[:, None] + [0, 1, 42], first[:, None] + [0, 42, 41]]
    )
    return mesh_arrays(
        np.column_stack([x.ravel(), y.ravel(), 0 * x.ravel()]),
        [("triangle", corners)],
        "mesh",
    )


def tissue(image):
    """Pixels that are not white, without the bar and the axes below."""
    above = image[: int(0.78 * image.shape[0])]
    return above[(above < 250).any(axis=2)]


def test_isochrones_lie_where_activation_passes(views):
    mesh = plate()
    view = views.View(mesh)
    lat = 2.0 * mesh.points[:, 0]
    lat[mesh.points[:, 0] < 6.0] = np.nan
    view.add_activation(lat, interval=10.0)
    lines = views._isochrones(view._surface, np.array([10.0, 20.0, 30.0]))
    view.close()
    # The one at 10 ms would be at 5 mm, where nothing has activated.
    np.testing.assert_allclose(np.unique(lines.points[:, 0].round(4)), [10.0, 15.0])
    assert np.ptp(lines.points[:, 1]) == 10.0


def test_nodes_in_the_same_place_keep_their_own_values(views):
    # Two layers of tissue on each other, as bilayer models have them.
    one = plate()
    n = one.n_nodes
    mesh = mesh_arrays(
        np.concatenate([one.points, one.points]),
        [("triangle", np.concatenate([one.blocks[0][1], one.blocks[0][1] + n]))],
    )
    view = views.View(mesh)
    view.add_values(np.arange(2.0 * n), "V (mV)")
    shown = view._surface.point_data["shown"]
    view.close()
    np.testing.assert_array_equal(np.sort(shown), np.arange(2 * n))


def test_values_become_colours_and_missing_ones_grey(views):
    mesh = plate()
    images = {}
    for name, values in (
        ("rest", np.full(mesh.n_nodes, -80.0)),
        ("peak", np.full(mesh.n_nodes, 20.0)),
        ("missing", np.full(mesh.n_nodes, np.nan)),
    ):
        view = views.View(mesh)
        view.add_values(values, "V (mV)", (-80.0, 20.0))
        images[name] = view.image()
        view.close()
    median = {name: np.median(tissue(image), axis=0) for name, image in images.items()}
    assert median["rest"].mean() + 80 < median["peak"].mean()
    assert median["rest"][2] > median["rest"][0] + 10, "dark blue"
    assert np.ptp(median["missing"]) < 25
    assert images["rest"].shape == (850, 1100, 3)


@pytest.mark.parametrize("mesh", [mixed_mesh(), grid_mesh()], ids=["mixed", "grid"])
def test_regions_and_fibres_are_drawn(views, mesh, tmp_path):
    for what in ("add_regions", "add_fibres"):
        view = views.View(mesh)
        getattr(view, what)()
        write_picture(tmp_path / "a.png", view.image())
        view.close()
        image = np.asarray(Image.open(tmp_path / "a.png"))
        assert len(np.unique(tissue(image), axis=0)) > 5


def test_films_have_their_frames(views, tmp_path):
    mesh = plate()
    view = views.View(mesh)
    view.add_values(np.zeros(mesh.n_nodes), "V (mV)", (0.0, 20.0))
    waves = [
        (f"t = {t}", np.where(mesh.points[:, 0] < t, 20.0, 0.0)) for t in (4, 8, 16)
    ]
    write_film(tmp_path / "a.gif", view.film(iter(waves)), 10.0)
    with Image.open(tmp_path / "a.gif") as film:
        assert film.n_frames == 3
        assert film.info["duration"] == 100.0
        light = []
        for frame in range(3):
            film.seek(frame)
            light.append(tissue(np.asarray(film.convert("RGB"))).mean())
    view.close()
    assert light[0] < light[1] < light[2]


def test_mp4_has_its_frames(tmp_path):
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    frames = [np.full((51, 81, 3), level, dtype=np.uint8) for level in (0, 100, 200)]
    write_film(tmp_path / "a.mp4", frames, 5.0)
    reader = imageio_ffmpeg.read_frames(str(tmp_path / "a.mp4"))
    about = next(reader)
    assert about["size"] == (80, 50)
    assert about["fps"] == 5.0
    levels = [np.frombuffer(frame, dtype=np.uint8).mean() for frame in reader]
    np.testing.assert_allclose(levels, [0, 100, 200], atol=4)  # the codec is lossy


def test_what_cannot_be_drawn_is_said(views):
    with pytest.raises(ValueError, match='camera "above"; expected one of auto'):
        views.View(plate(), camera="above")
    view = views.View(plate())
    with pytest.raises(ValueError, match="no fibres"):
        view.add_fibres()
    with pytest.raises(ValueError, match="no node has activated"):
        view.add_activation(np.full(plate().n_nodes, np.nan))
    view.close()


def test_fibrosis_and_conductivity_have_their_colours(views):
    """Half of a plate is fibrotic and conducts less."""
    mesh = plate()
    left = mesh.points[mesh.blocks[0][1]].mean(axis=1)[:, 0] < 8.0
    data = {
        "fibrosis": left.astype(np.int32),
        "D_along": np.where(left, 0.1, 0.2).astype(np.float32),
    }
    mesh = replace(mesh, element_data=data)
    for draw in (
        lambda view: view.add_fibrosis(),
        lambda view: view.add_element_values("D_along", "D"),
    ):
        view = views.View(mesh)
        draw(view)
        shown = view._surface.cell_data["shown"]
        image = tissue(view.image())
        view.close()
        assert len(np.unique(shown)) == 2
        assert np.ptp(image[:, 0].astype(int)) > 40
