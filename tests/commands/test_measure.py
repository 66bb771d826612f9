"""`measure` reads numbers out of a results folder."""

import pytest


@pytest.fixture
def results(cardiosim, front, tmp_path):
    """A finished run."""
    out = tmp_path / "out"
    assert cardiosim("run", front, "--out", out)[0] == 0
    return out


def test_cv_is_that_of_the_run_unless_told_otherwise(cardiosim, results):
    code, stdout, _ = cardiosim("measure", "cv", results)
    assert code == 0
    assert "between 25% and 75% of the cable" in stdout
    code, stdout, _ = cardiosim("measure", "cv", results, "--start", "0.4")
    assert "between 40% and 75% of the cable" in stdout


def test_a_beat_that_is_not_there_is_an_error(cardiosim, results):
    code, _, stderr = cardiosim("measure", "cv", results, "--beat", "2")
    assert code == 1
    assert "holds 1 activations, expected at least 2" in stderr


def test_apd_shows_every_traced_node(cardiosim, results):
    code, stdout, _ = cardiosim("measure", "apd", results, "--percent", "30")
    assert code == 0
    assert "apd30 ms" in stdout
    assert [line.split()[0] for line in stdout.splitlines()[1:]] == [
        "0",
        "25",
        "50",
        "75",
        "100",
    ]


def test_a_point_has_no_conduction_velocity(cardiosim, cell, tmp_path):
    cardiosim("run", cell, "--out", tmp_path / "out")
    code, _, stderr = cardiosim("measure", "cv", tmp_path / "out")
    assert code == 1
    assert "no run of a cable" in stderr


def test_a_folder_of_something_else_is_an_error(cardiosim, tmp_path):
    code, _, stderr = cardiosim("measure", "cv", tmp_path)
    assert code == 1
    assert "is no results folder" in stderr
