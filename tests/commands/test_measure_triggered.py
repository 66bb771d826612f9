"""`cardiosim measure triggered` on cells that are known to do it."""

import json

import pytest

from cardiosim.output.tables import read_table

# Calcium overload of the remodelled cell: fast beats in much calcium, and a pause in
# which its sarcoplasmic reticulum lets go by itself.
OVERLOADED = """
title = "a pause after fast beats in much calcium"

[mesh]
kind = "point"

[cell]
model = "koivumaki2014_af"
parameters = {{ "extracellular.Ca_o" = {calcium} }}

[[stimulus]]
start = 10.0
duration = 2.0
amplitude = 40.0
period = 400.0
count = {beats}

[time]
dt = 0.04
end = {end}

[[record.trace]]
variables = ["membrane.V"]
interval = 0.4
"""


@pytest.fixture
def overloaded(tmp_path, cardiosim):
    """Results of so many beats in so much calcium, and of 2 s after them."""

    def _overloaded(calcium, beats=15):
        folder = tmp_path / "cell"
        folder.mkdir()
        end = 400.0 * beats + 2000.0
        text = OVERLOADED.format(calcium=calcium, beats=beats, end=end)
        (folder / "case.toml").write_text(text)
        assert cardiosim("run", folder, "--out", tmp_path / "out")[0] == 0
        return tmp_path / "out"

    return _overloaded


def test_overload_gives_one_delayed_afterdepolarisation(overloaded, cardiosim):
    results = overloaded(8.0)
    code, said, err = cardiosim("measure", "triggered", results)
    assert code == 0, err
    assert "dad_count: 1" in said and "triggered_count: 0" in said
    folder = results.parent / "out_triggered"
    columns, units = read_table(folder / "triggered.csv")
    assert list(columns["kind"]) == ["DAD"]
    assert columns["beat"] == [15]
    # After the last stimulus at 5610 ms, from rest, below the threshold.
    assert 300.0 < columns["takeoff"][0] - 5610.0 < 1500.0
    assert 2.0 < columns["size"][0] < 20.0
    assert units["size"] == "mV"
    assert (folder / "triggered.png").stat().st_size > 5000
    assert json.loads((folder / "summary.json").read_text())["ead_count"]["value"] == 0


def test_normal_calcium_has_none(overloaded, cardiosim):
    _, said, _ = cardiosim("measure", "triggered", overloaded(1.8))
    for kind in ("dad", "ead", "triggered"):
        assert f"{kind}_count: 0" in said


def test_tissue_has_no_triggered_beats_and_can_be_searched_whole(
    front, cardiosim, tmp_path
):
    """A front of two states never repolarises, and has no afterdepolarisations."""
    assert cardiosim("run", front, "--out", tmp_path / "out")[0] == 0
    code, said, err = cardiosim("measure", "triggered", tmp_path / "out")
    assert code == 0, err
    assert "ead_count: 0" in said and "triggered_count" not in said
    out = ("--everywhere", "--out", tmp_path / "all")
    code, said, _ = cardiosim("measure", "triggered", tmp_path / "out", *out)
    assert code == 0
    assert "unrepolarised: 101 " in said


def test_faults_are_one_line(overloaded, cardiosim):
    results = overloaded(1.8, beats=1)
    code, _, err = cardiosim("measure", "triggered", results, "--everywhere")
    assert code == 1 and "holds no snapshots of membrane.V" in err
    code, _, err = cardiosim("measure", "triggered", results, "--rise", 0)
    assert code == 1 and "must be positive" in err
