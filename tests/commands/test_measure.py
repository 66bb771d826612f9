"""`measure` reads numbers out of a results folder."""

import shutil

import pytest

from cardiosim import open_results
from cardiosim.commands.run import run_case
from cardiosim.commands.summary import action_potential_numbers


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


def test_a_run_that_was_stopped_is_measured_and_warned_of(cardiosim, results):
    assert cardiosim("measure", "cv", results)[2] == ""
    (results / "summary.json").unlink()  # which comes last
    code, stdout, stderr = cardiosim("measure", "cv", results)
    assert code == 0 and "conduction_velocity" in stdout
    assert "has not finished; the numbers are of what was recorded" in stderr


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
    assert "without measure.cv" in stderr


def test_a_folder_of_something_else_is_an_error(cardiosim, tmp_path):
    code, _, stderr = cardiosim("measure", "cv", tmp_path)
    assert code == 1
    assert "is no results folder" in stderr


PACED_CELL = """
[mesh]
kind = "point"
[cell]
model = "mitchell_schaeffer2003"
[[stimulus]]
start = 5.0
duration = 2.0
amplitude = 20.0
period = 500.0
[time]
dt = 0.05
end = 2000.0
[[record.trace]]
variables = ["membrane.V", "membrane.v"]
interval = 0.1
[measure]
apd = [30, 90]
"""


@pytest.fixture(scope="module")
def paced(tmp_path_factory):
    """Results of one cell paced four times; v is V, from 0 at rest to 1."""
    folder = tmp_path_factory.mktemp("paced")
    (folder / "case.toml").write_text(PACED_CELL)
    return run_case(folder, folder / "out").folder


def rows(stdout):
    """Numbers of a printed table."""
    lines = [line.split() for line in stdout.splitlines()[1:]]
    return [[float(word.replace("none", "nan")) for word in line] for line in lines]


def test_summary_of_a_paced_cell_says_how_its_beats_follow_each_other(paced):
    summary = open_results(paced).summary
    value = {name: entry["value"] for name, entry in summary.items()}
    assert value["triangulation"] == pytest.approx(value["apd90"] - value["apd30"])
    # The train is nearly steady: interval and duration make up its cycle.
    assert value["diastolic_interval"] + value["apd90"] == pytest.approx(500.0, abs=1.0)
    assert abs(value["apd90_change"]) < 1.0
    # What alternates is the transient after the first beat, which dies out.
    assert value["apd90_alternans"] > 5.0
    said = summary["apd90_alternans"]["definition"]
    assert "APD90 of the last 4 beats does not alternate" in said


def test_apd_has_columns_for_what_is_asked(cardiosim, paced):
    code, stdout, _ = cardiosim("measure", "apd", paced)
    assert code == 0
    assert stdout.splitlines()[0].split("  ")[0] == "node"
    assert len(rows(stdout)) == 4
    plain = rows(stdout)
    options = ["--potential", "-60", "--triangulation", "--beat-to-beat", "--last", "2"]
    code, stdout, _ = cardiosim("measure", "apd", paced, *options)
    assert code == 0
    *table, said = stdout.splitlines()
    for column in ("apd at -60 mV ms", "triangulation ms", "DI ms", "change ms"):
        assert column in table[0]
    assert said.startswith("node 0: APD90 of the last 4 beats does not alternate")
    full = rows("\n".join(table))
    assert len(full) == 2
    for beat, more in zip(plain[-2:], full, strict=True):
        node, start, apd30, apd90, *shape = beat
        at_potential, triangulation, interval, change = more[4:8]
        assert more[:4] == [node, start, apd30, apd90]
        assert more[8:] == shape
        assert triangulation == pytest.approx(apd90 - apd30, abs=1e-2)
        # -60 mV is some 80 % down from the peak.
        assert apd30 < at_potential < apd90
    assert change == pytest.approx(plain[-1][3] - plain[-2][3], abs=1e-2)
    upstroke = 500.0 - plain[-2][3]
    assert interval == pytest.approx(upstroke, abs=1.0)


def test_calcium_needs_a_name_and_a_trace(cardiosim, paced):
    code, _, stderr = cardiosim("measure", "calcium", paced)
    assert code == 1
    assert "name it with --variable" in stderr
    code, _, stderr = cardiosim("measure", "calcium", paced, "--variable", "a.Ca")
    assert code == 1
    assert "holds no trace of a.Ca" in stderr
    assert '["membrane.V", "a.Ca"]' in stderr


def test_transient_of_the_variable_that_is_named(cardiosim, paced):
    """v is (V + 80)/100, so that its transient is known from V."""
    named = ["--variable", "membrane.v", "--decay", "90", "--last", "1"]
    code, stdout, _ = cardiosim("measure", "calcium", paced, *named)
    assert code == 0
    ((node, start, diastolic, peak, amplitude, to_peak, decay),) = rows(stdout)
    results = open_results(paced)
    value = {name: entry["value"] for name, entry in results.summary.items()}
    assert (node, start) == (0.0, 1505.0)
    assert diastolic == pytest.approx((value["resting_potential"] + 80.0) / 100.0)
    assert peak == pytest.approx((value["peak"] + 80.0) / 100.0, rel=1e-5)
    assert amplitude == pytest.approx(value["amplitude"] / 100.0, rel=1e-5)
    expected = value["apd90"] + value["dvdt_max_time"]
    assert to_peak + decay == pytest.approx(expected, rel=1e-5)


def test_transient_is_in_the_summary_where_the_cell_names_its_calcium(paced, tmp_path):
    copied = tmp_path / "copied"
    shutil.copytree(paced, copied)
    resolved = copied / "resolved.toml"
    named = 'membrane_potential = "membrane.V"\n'
    text = resolved.read_text()
    assert named in text
    resolved.write_text(
        text.replace(named, named + 'cytosolic_calcium = "membrane.v"\n')
    )
    numbers = action_potential_numbers(open_results(copied), (30.0, 90.0))
    amplitude = numbers["amplitude"]["value"] / 100.0
    assert numbers["calcium_amplitude"]["value"] == pytest.approx(amplitude)
    assert numbers["calcium_decay90"]["unit"] == "ms"


PROTOCOL = """
[mesh]
kind = "point"
[cell]
model = "mitchell_schaeffer2003"
[protocol]
kind = "pacing"
bcl = 500.0
beats = 2
[time]
dt = 0.02
"""


@pytest.mark.parametrize("what", ["apd", "calcium"])
def test_numbers_of_protocols_and_sweeps_are_in_their_tables(cardiosim, tmp_path, what):
    (tmp_path / "case.toml").write_text(PROTOCOL)
    sweep = tmp_path / "sweep.toml"
    sweep.write_text("[grid]\nprotocol.bcl = [500.0, 600.0]\n")
    one, many = tmp_path / "one", tmp_path / "many"
    assert cardiosim("run", tmp_path, "--out", one)[0] == 0
    code, _, stderr = cardiosim("measure", what, one)
    assert code == 1
    said = "is of protocol pacing, whose numbers are in summary.json and beats.csv"
    assert said in stderr
    assert cardiosim("sweep", tmp_path, sweep, "--workers", 1, "--out", many)[0] == 0
    code, _, stderr = cardiosim("measure", what, many)
    assert code == 1
    assert "is of a sweep, whose numbers are in summary.json and samples.csv" in stderr
    assert "record.trace" not in stderr and stderr.count("\n") == 1
