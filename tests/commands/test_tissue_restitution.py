"""`cardiosim restitution`, `vulnerable-window`, `inducibility` as a user calls them."""

import json
import tomllib

import numpy as np
import pytest

from cardiosim.commands.interval_list import interval_list
from cardiosim.output.tables import read_table

CABLE = """
title = "a short cable"
[mesh]
kind = "cable"
length = 8.0
dx = 0.25
[tissue]
D = 0.1
[cell]
model = "mitchell_schaeffer2003"
scheme = "rush_larsen"
[[stimulus]]
where = "x <= 1"
start = 0.0
duration = 2.0
amplitude = 60.0
[time]
dt = 0.1
end = 50.0
[record.snapshot]
interval = 1.0
"""
SHEET = CABLE.replace('"cable"', '"sheet"').replace("length = 8.0", "size = [6.0, 6.0]")
TRIALS = """
[grid]
stimulus.1.start = [100.0, 450.0]
"""
S2 = """
[[stimulus]]
where = "x >= 5"
start = 450.0
duration = 2.0
amplitude = 60.0
"""


@pytest.fixture
def cases(tmp_path):
    for name, text in {"cable": CABLE, "sheet": SHEET + S2}.items():
        (tmp_path / name).mkdir()
        text = text.replace("end = 50.0", "end = 500.0") if name == "sheet" else text
        (tmp_path / name / "case.toml").write_text(text)
    (tmp_path / "trials.toml").write_text(TRIALS)
    return tmp_path


def test_restitution_writes_tables_and_a_picture(cardiosim, cases):
    out = cases / "out"
    command = ("restitution", cases / "cable", "--bcl", 600, "--s1-beats", 1)
    options = ("--s1s2", "300,450:600:150", "--dynamic", "500", "--beats", 3)
    code, said, error = cardiosim(
        *command, *options, "--refine", 0, "--at", 3, "--at", 6, "--out", out
    )
    assert code == 0, error
    table, units = read_table(out / "s1s2.csv")
    assert table["interval"].tolist() == [300.0, 450.0, 600.0]
    assert table["answered"].tolist() == [0.0, 1.0, 1.0]
    assert units["conduction_velocity"] == "m/s"
    # S2 comes to both places as late, and S1 did so as well.
    rests = table["diastolic_interval_at_3"] - table["diastolic_interval_at_6"]
    assert np.nanmax(np.abs(rests)) < 15.0
    assert (np.diff(table["apd90_at_3"][1:]) > 0.0).all()
    trains, _ = read_table(out / "dynamic.csv")
    assert trains["cycle_length"].tolist() == [500.0]
    summary = json.loads((out / "summary.json").read_text())
    assert summary["s1s2_block"]["value"] == 300.0
    assert summary["s1s2_block_above"]["value"] == 450.0
    assert summary["alternans_onset"]["value"] is None
    assert (out / "restitution.png").stat().st_size > 10_000
    resolved = tomllib.loads((out / "resolved.toml").read_text())
    assert resolved["restitution"]["bcl"] == 600.0
    assert resolved["provenance"]["commit"] is None or resolved["provenance"]["commit"]
    assert "largest_slope" in said and "(3) and (6)" in said
    code, _, error = cardiosim(*command, *options, "--out", out)
    assert code == 1 and "--force" in error


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "nothing is asked for"),
        (("--s1s2", "300:200:10"), "from:to:step"),
        (("--s1s2", "soon"), "expected times in ms"),
        (("--s1s2", "300", "--at", "here"), "expected a position"),
        (("--s1s2", "300", "--at", "99", "--bcl", "600"), "99"),
        (("--s1s2", "300"), "no cycle length for S1"),
        (("--s1s2", "300", "--set", "mesh={kind='point'}"), "no [tissue]"),
    ],
)
def test_restitution_says_what_is_wrong(cardiosim, cases, options, says):
    code, _, error = cardiosim("restitution", cases / "cable", *options)
    assert code == 1
    assert says in error and len(error.strip().splitlines()) == 1


def test_vulnerable_window_brackets_both_edges(cardiosim, cases):
    out = cases / "out"
    options = ("--bcl", 600, "--s1-beats", 1, "--shortest", 300, "--resolution", 2)
    case = cases / "cable"
    code, said, error = cardiosim(
        "vulnerable-window", case, *options, "--set", "mesh.length=16", "--out", out
    )
    assert code == 0, error
    summary = json.loads((out / "summary.json").read_text())
    value = {name: entry["value"] for name, entry in summary.items()}
    assert value["t_one_way"] - value["t_block"] == 2.0
    assert value["t_both"] - value["t_not_both"] == 2.0
    assert value["vulnerable_window"] == value["t_both"] - value["t_block"] > 0.0
    assert summary["t_block"]["resolution"] == "2 ms"
    table, _ = read_table(out / "trials.csv")
    between = (table["s2"] > value["t_one_way"]) & (table["s2"] < value["t_both"])
    assert (table["sides"][between] == 1.0).all() and between.any()
    assert (table["sides"][table["s2"] <= value["t_block"]] == 0.0).all()
    assert (table["sides"][table["s2"] >= value["t_both"]] == 2.0).all()
    assert (out / "vulnerable_window.png").stat().st_size > 10_000
    assert "resolution 2 ms" in said


def test_vulnerable_window_is_of_a_cable(cardiosim, cases):
    code, _, error = cardiosim("vulnerable-window", cases / "sheet")
    assert code == 1 and "is of a cable" in error


def test_inducibility_tells_what_became_of_each_trial(cardiosim, cases):
    out = cases / "out"
    command = ("inducibility", cases / "sheet", cases / "trials.toml", "--out", out)
    code, said, error = cardiosim(*command, "--watch", 200)
    assert code == 0, error
    table, units = read_table(out / "trials.csv")
    assert table["outcome"].tolist() == ["no response", "wave dies"]
    assert table["coupling"].tolist() == [100.0, 450.0]
    assert units["last_activation"] == "ms"
    # From x = 5 mm to the left edge at some 0.3 m/s.
    assert 10.0 < table["last_activation"][1] < 30.0
    assert (out / "inducibility.png").stat().st_size > 5_000
    assert not (out / "induced.png").exists()
    summary = json.loads((out / "summary.json").read_text())
    assert summary["trials"]["value"] == 2 and summary["sustained"]["value"] == 0
    assert "0 of 2 trials sustained" in said


def test_inducibility_refuses_what_never_ends(cardiosim, cases):
    endless = ("--set", "stimulus.0.period=300")
    code, _, error = cardiosim(
        "inducibility", cases / "sheet", cases / "trials.toml", *endless
    )
    assert code == 1 and "train without end" in error


def test_lists_of_times():
    assert interval_list("300,250:270:10,300", "--x") == [250.0, 260.0, 270.0, 300.0]
    for wrong in ("", "1:2", "-5", "nan", "0"):
        with pytest.raises(ValueError, match="expected times"):
            interval_list(wrong, "--x")
