"""`measure` reads numbers out of a results folder."""

import pytest

from cardiosim import open_results


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


def test_apd_of_a_cable_is_of_each_node_and_says_where(cardiosim, front, tmp_path):
    """The front is at x = 2.5 mm about 6 ms after the stimulus, and not at 5 mm yet."""
    out = tmp_path / "out"
    traces = "record.trace.0={at = [2.5, 5.0]}"
    cardiosim("run", front, "--out", out, "--set", "time.end=11.0", "--set", traces)
    code, stdout, _ = cardiosim("measure", "apd", out, "--percent", "50")
    assert code == 0
    header, near, far = (line.split() for line in stdout.splitlines())
    assert header[:5] == ["node", "x", "mm", "activation", "ms"]
    assert near[:2] == ["50", "2.5"]
    assert float(near[2]) == pytest.approx(2.0 / 0.316, abs=1.5)
    assert far == ["100", "5", *["none"] * 5]


def test_beats_of_a_cable_are_counted_and_end_where_they_are_ended(
    cardiosim, front, tmp_path
):
    """The front comes twice; 20 ms after it began all of the cable is put to rest."""
    out = tmp_path / "out"
    reset = '{where = "all", start = 20.0, duration = 0.5, amplitude = -240.0}'
    changes = {
        "time.end": "56.0",
        "stimulus.0.period": "28.0",
        "stimulus.1": reset.replace("0.5", "0.5, period = 28.0"),
        "record.trace.0": "{at = [4.0]}",
        "measure.apd": "[50]",
    }
    sets = [
        item for key, value in changes.items() for item in ("--set", key + "=" + value)
    ]
    code, stdout, _ = cardiosim("run", front, "--out", out, *sets)
    assert code == 0
    assert "between 25% and 75% of the cable, beat 1 of 2" in stdout
    assert "V crosses the threshold, beat 2 of 2" in stdout
    lat = open_results(out).activation[:, 80]
    _, stdout, _ = cardiosim("measure", "apd", out)
    rows = [list(map(float, row.split())) for row in stdout.splitlines()[1:]]
    for beat, (_, _, activation, apd50, rest, amplitude, _) in enumerate(rows):
        assert activation == pytest.approx(lat[beat], rel=1e-5)
        assert activation + apd50 == pytest.approx(28.0 * beat + 20.3, abs=0.3)
        assert -20.0 < rest < 0.1  # the reset may shoot over
        assert amplitude == pytest.approx(100.0 - rest, abs=1.0)
    assert len(rows) == 2


def test_a_point_has_no_conduction_velocity(cardiosim, cell, tmp_path):
    cardiosim("run", cell, "--out", tmp_path / "out")
    code, _, stderr = cardiosim("measure", "cv", tmp_path / "out")
    assert code == 1
    assert "no run of a cable" in stderr


def test_a_folder_of_something_else_is_an_error(cardiosim, tmp_path):
    code, _, stderr = cardiosim("measure", "cv", tmp_path)
    assert code == 1
    assert "is no results folder" in stderr
