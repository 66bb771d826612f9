"""Electrograms of a front of known speed, from the case to the tables."""

import json

import numpy as np
import pytest

from cardiosim.output.results import open_results
from cardiosim.output.tables import read_table

# The front of conftest.py on a sheet: sqrt(D k/2) (1 - 2 a), V from 0 to 100 mV.
CASE = """
title = "a front under a catheter"

[mesh]
kind = "sheet"
size = [8.0, 6.0]
dx = 0.1

[tissue]
D = 0.1

[cell]
model = "nagumo"

[[stimulus]]
where = "x <= 0.5"
start = 0.0
duration = 1.0
amplitude = 100.0

[time]
dt = 0.04
end = 26.0

[record]
activation_threshold = 50.0
trace = []

[[record.electrogram]]
name = "catheter"
grid = { centre = [4.0, 3.0], rows = 2, columns = 3, spacing = 1.5 }
height = 0.5

[[record.electrogram]]
name = "ends"
electrodes = [[0.0, 3.0], [8.0, 3.0]]
height = 0.5
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from cardiosim.commands.run import run_case

    home = tmp_path_factory.mktemp("front")
    (home / "case.toml").write_text(CASE)
    run_case(home, home / "out")
    return home / "out"


def test_catheter_sees_the_front_when_it_is_below(folder):
    summary = open_results(folder).summary
    late = summary["catheter_activation_after_lat"]
    # A front of 1 mm is not sharp 0.5 mm below: its middle is, where V is 50 mV.
    assert abs(late["value"]) < 0.25


def test_velocity_under_the_catheter_is_that_of_the_front(folder):
    """The front passes 3 mm in what the nodes say, within a tenth of a sample."""
    results = open_results(folder)
    x, y = results.mesh_points[:, 0], results.mesh_points[:, 1]
    line = np.flatnonzero((abs(y - 3.0) < 1e-9) & (abs(x - 4.0) <= 1.5 + 1e-9))
    slope = np.polyfit(x[line], results.activation[0, line], 1)[0]
    found = results.summary["catheter_velocity"]["value"]
    assert found == pytest.approx(1.0 / slope, rel=0.02)


def test_start_is_qs_end_is_r_and_between_is_rs(folder):
    results = open_results(folder)
    ends = results.electrograms["ends"]
    begin, end = ends.potentials[ends.times > 2.0].T  # after the stimulus
    assert begin.max() < 0.1 * -begin.min()
    last = results.electrograms["ends"].potentials[:, 1]
    assert -last.min() < 0.25 * last.max()
    assert end.max() == last.max()
    middle = results.electrograms["catheter"].potentials[:, 1]
    assert 0.5 < middle.max() / -middle.min() < 2.0


def test_bipolar_across_the_wave_is_silent(folder):
    catheter = open_results(folder).electrograms["catheter"]
    size = dict(zip(catheter.pair_names, np.ptp(catheter.bipolar, axis=0), strict=True))
    assert size["A2-B2"] < 1e-6 * size["A1-A2"]
    assert size["A1-A2"] == pytest.approx(size["B1-B2"], rel=1e-6)


def test_command_writes_tables_numbers_and_pictures(folder, cardiosim, tmp_path):
    out = tmp_path / "measured"
    code, said, err = cardiosim("measure", "electrograms", folder, "--out", out)
    assert code == 0, err
    assert "catheter: 6 electrodes, a sample every 0.48 ms; beats: 1" in said
    assert "plane wave through all electrodes" in said
    columns, units = read_table(out / "catheter_unipolar.csv")
    assert list(columns["electrode"]) == ["A1", "A2", "A3", "B1", "B2", "B3"]
    assert units["slope"] == "mV/ms"
    assert columns["amplitude"] == pytest.approx(columns["R"] - columns["S"])
    assert (out / "electrograms_catheter.png").stat().st_size > 5000
    assert (folder / "electrograms_ends.png").is_file()
    numbers = json.loads((out / "summary.json").read_text())
    assert numbers["catheter_velocity"]["unit"] == "m/s"
    again = cardiosim("measure", "electrograms", folder, "--out", out)
    assert again[0] == 1 and "--force" in again[2]


def test_faults_are_one_line(folder, cardiosim, tmp_path):
    wrong = cardiosim("measure", "electrograms", folder, "--recording", "hd")
    assert wrong[0] == 1 and "it has catheter, ends" in wrong[2]
    late = cardiosim("measure", "electrograms", folder, "--beat", 3)
    assert late[0] == 1 and "have beats 1 to 1; --beat came 3" in late[2]
    coarse = cardiosim("measure", "electrograms", folder, "--band", 30, 2000)
    assert coarse[0] == 1 and "record more often" in coarse[2]


def test_a_run_without_electrodes_says_so(front, cardiosim, tmp_path):
    assert cardiosim("run", front, "--out", tmp_path / "out")[0] == 0
    code, _, err = cardiosim("measure", "electrograms", tmp_path / "out")
    assert code == 1 and "[[record.electrogram]]" in err


def test_stopped_run_leaves_its_electrograms(tmp_path, monkeypatch):
    from cardiosim.commands import keep_recordings, run

    (tmp_path / "case.toml").write_text(CASE)
    calls = []

    def stop():
        calls.append(0)
        if len(calls) > 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(run, "stop_if_asked", stop)
    monkeypatch.setattr(keep_recordings, "WRITE_INTERVAL", 0.0)
    monkeypatch.setattr("cardiosim.simulation.run.REPORT_EVERY", 0.01)
    with pytest.raises(KeyboardInterrupt):
        run.run_case(tmp_path, tmp_path / "out")
    stopped = open_results(tmp_path / "out")
    assert not stopped.is_finished
    catheter = stopped.electrograms["catheter"]
    assert 1 <= len(catheter.times) < 50
    assert catheter.potentials.shape == (len(catheter.times), 6)
