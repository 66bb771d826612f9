"""`cardiosim erp`: as a user calls it."""

import csv
import json
import tomllib

import pytest
from typer.testing import CliRunner

from cardiosim.commands import _application

CABLE = """
[mesh]
kind = "cable"
length = 5.0
dx = 0.1
[tissue]
D = 0.1
[cell]
model = "mitchell_schaeffer2003"
[[stimulus]]
where = "x <= 0.5"
start = 0.0
duration = 2.0
amplitude = 60.0
[time]
dt = 0.05
end = 20.0
"""
CELL = """
[mesh]
kind = "point"
[cell]
model = "mitchell_schaeffer2003"
[[stimulus]]
start = 0.0
duration = 2.0
amplitude = 60.0
period = 500.0
[time]
dt = 0.05
end = 600.0
"""
COARSE = ("--threshold-resolution", 0.1, "--resolution", 10.0, "--shortest", 250.0)


@pytest.fixture(scope="module")
def command():
    app = _application()

    def run(*arguments):
        return CliRunner().invoke(app, [str(a) for a in arguments])

    return run


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cases")
    for name, text in {"cable": CABLE, "cell": CELL}.items():
        (folder / name).mkdir()
        (folder / name / "case.toml").write_text(text)
    return folder


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def one_rate(command, cases):
    out = cases / "one"
    done = command(
        *("erp", cases / "cable", "--bcl", 450, "--s1-beats", 2, *COARSE),
        *("--premature", 420, "--out", out),
    )
    assert done.exit_code == 0, done.output
    return out, done.stdout


def test_table_tells_both_ends_of_both_brackets(one_rate):
    out, said = one_rate
    numbers = json.loads((out / "summary.json").read_text())
    value = {name: entry["value"] for name, entry in numbers.items()}
    assert value["erp_answered"] - value["erp"] == 10.0
    assert numbers["erp"]["resolution"] == "10 ms"
    low, high = value["diastolic_threshold_fails"], value["diastolic_threshold"]
    assert 0.0 < high - low <= 0.1 * high
    assert value["s2_amplitude"] == pytest.approx(2.0 * high)
    for shown in (value["erp"], value["erp_answered"], low, high):
        assert f"{shown:.5g}" in said
    assert "remote site (3.7, 0, 0) mm" in said


def test_the_more_premature_the_slower(one_rate):
    out, _ = one_rate
    numbers = json.loads((out / "summary.json").read_text())
    at_420 = numbers["conduction_velocity_at_420"]["value"]
    at_end = numbers["conduction_velocity_s2"]["value"]
    assert at_end < at_420
    table = rows(out / "premature.csv")
    assert [row["answered"] for row in table] == ["0", "1", "1"]


def test_results_folder_holds_what_was_done(one_rate):
    out, _ = one_rate
    names = {path.name for path in out.iterdir()}
    assert names >= {
        *("erp.csv", "trials.csv", "premature.csv", "responses.csv", "erp.png"),
        *("resolved.toml", "summary.json"),
    }
    resolved = tomllib.loads((out / "resolved.toml").read_text())
    assert resolved["erp"]["strength"] == 2.0
    assert (resolved["erp"]["bcl"], resolved["erp"]["beats"]) == ([450.0], [2])
    assert resolved["provenance"]["versions"]["cardiosim"]


def test_earlier_results_are_not_replaced(command, cases, one_rate):
    done = command("erp", cases / "cable", "--bcl", 450, "--out", one_rate[0])
    assert done.exit_code == 1
    assert "--force" in str(done.exception)


def test_refractory_period_at_several_rates(command, cases):
    out = cases / "several"
    done = command(
        *("erp", cases / "cable", "--bcl", 420, "--bcl", 600, "--amplitude", 60),
        *("--s1-beats", 2, *COARSE, "--longest", 410, "--out", out),
    )
    assert done.exit_code == 0, done.output
    table = rows(out / "erp.csv")
    assert [float(row["bcl (ms)"]) for row in table] == [600.0, 420.0]
    slow, fast = (float(row["erp (ms)"]) for row in table)
    assert fast < slow
    # No threshold was looked for.
    assert "diastolic_threshold (A/F)" not in table[0]
    assert (out / "erp_restitution.png").is_file()


def test_single_cell_goes_through_the_same_verb(command, cases):
    out = cases / "of_cell"
    done = command(
        *("erp", cases / "cell", "--s1-beats", 2, "--amplitude", 60, "--out", out)
    )
    assert done.exit_code == 0, done.output
    numbers = json.loads((out / "summary.json").read_text())
    assert numbers["erp_answered"]["value"] - numbers["erp"]["value"] == 1.0
    assert "conduction_velocity" not in numbers


@pytest.mark.parametrize(
    ("case", "options", "line"),
    [
        ("cable", [], "no cycle length for S1"),
        ("cable", ["--bcl", -1], "--bcl -1; expected a positive number"),
        ("cable", ["--bcl", 450, "--strength", 0], "--strength 0; expected a positive"),
        ("cable", ["--bcl", 450, "--remote", "far"], '--remote "far"; expected a'),
        ("cable", ["--bcl", 450, "--remote", "70"], "70 mm is outside the mesh"),
        ("cable", ["--bcl", 450, "--stimulus", 2], "from stimulus 2, and the case has"),
        ("cell", ["--remote", "3"], 'are of tissue, and mesh.kind is "point"'),
    ],
)
def test_a_mistake_is_one_line(command, cases, tmp_path, case, options, line):
    done = command("erp", cases / case, *options, "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert line in " ".join(str(done.exception).split())
    assert not (tmp_path / "out").exists()
