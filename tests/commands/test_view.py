import pytest
from PIL import Image

from cardiosim.output import rendering

SNAPSHOTS = ("--set", "record.snapshot={interval = 2.0}")


@pytest.fixture
def run(cardiosim, front, tmp_path):
    out = tmp_path / "out"
    assert cardiosim("run", front, "--out", out, *SNAPSHOTS)[0] == 0
    return out


@pytest.fixture
def drawable():
    try:
        rendering.check_rendering()
    except RuntimeError as error:
        pytest.skip(str(error))


def test_pictures_and_films_of_a_run(cardiosim, run, drawable, tmp_path):
    film = tmp_path / "film.gif"
    code, said, error = cardiosim("view", run, "--film", film, "--frames", 4)
    assert code == 0, error
    assert said == f"wrote {run / 'view_V.png'}\nwrote {film}\n"
    with Image.open(run / "view_V.png") as picture:
        assert picture.size == (1100, 850)
    with Image.open(film) as frames:
        assert frames.n_frames == 4
    path = tmp_path / "lat.png"
    assert cardiosim("view", run, "--what", "lat", "--out", path)[0] == 0
    assert path.is_file()
    code, _, error = cardiosim("view", run, "--what", "lat", "--beat", 7)
    assert code == 1
    assert "beat 7" in error


def test_what_cannot_be_drawn_is_a_line_on_stderr(cardiosim, run, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    for arguments, says in (
        (["--what", "membrane.w"], "hold no membrane.w; they hold membrane.V"),
        (["--what", "lat", "--film", "a.gif"], "does not change with time"),
        (["--film", "a.avi"], "ending in .gif or .mp4"),
        (["--window"], "no display"),
        (["--limits", 5, 1], "give the lower one first"),
        (["--limits", 1, 1], "give the lower one first"),
        (["--out", "a.jpg"], "expected a name ending in .png"),
    ):
        code, _, error = cardiosim("view", run, *arguments)
        assert (code, error.count("\n")) == (1, 1)
        assert says in error


def test_missing_package_is_named_instead_of_a_crash(cardiosim, run, monkeypatch):
    monkeypatch.setattr(rendering, "PROBE", "import os; os.abort()")
    monkeypatch.setattr(rendering, "find_spec", lambda name: object())
    monkeypatch.setattr(rendering, "find_library", lambda name: None)
    code, _, error = cardiosim("view", run)
    assert code == 1
    assert error == (
        "cardiosim: pictures in space need the Debian packages libegl1 libgl1: "
        "apt install libegl1 libgl1\n"
    )


def test_cells_have_no_place_in_space(cardiosim, cell, tmp_path):
    out = tmp_path / "out"
    assert cardiosim("run", cell, "--out", out)[0] == 0
    code, _, error = cardiosim("view", out)
    assert code == 1
    assert "no tissue" in error


def test_activation_of_a_run_that_was_stopped_is_told_as_such(cardiosim, run, drawable):
    (run / "recordings.h5").unlink()
    code, _, error = cardiosim("view", run, "--what", "lat")
    assert (code, error.count("\n")) == (1, 1)
    assert "stopped before it wrote any" in error


def test_a_folder_of_a_run_that_had_not_begun_is_told(cardiosim, run):
    for file in ("resolved.toml", "summary.json"):
        (run / file).unlink()
    for command in (["view"], ["measure", "cv"], ["measure", "apd"]):
        code, _, error = cardiosim(*command, run)
        assert (code, error.count("\n")) == (1, 1)
        assert "stopped before it began; run the case again" in error


def test_what_the_tissue_is_can_be_seen(cardiosim, front, drawable, tmp_path):
    out = tmp_path / "out"
    assert cardiosim("run", front, "--out", out)[0] == 0
    assert cardiosim("view", out, "--what", "D_along")[0] == 0
    assert (out / "view_D_along.png").is_file()
    code, _, error = cardiosim("view", out, "--what", "fibrosis")
    assert code == 1
    assert "no fibrosis; its elements have regions, fibres, D_along" in error
