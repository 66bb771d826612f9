"""`cardiosim compare-measures`: command lines for each of several ways to step."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from cardiosim.case.measures_file import read_measures
from cardiosim.case.read import CaseError
from cardiosim.commands import compare_measures

FILE = """
title = "a front, coarse and fine"

[contender.coarse]
set = ["mesh.dx=0.1"]

[contender.fine]
set = ["mesh.dx=0.05"]

[measure.front]
title = "the front"
command = "run"
case = "front"
set = ["time.end=12"]
numbers = ["conduction_velocity", "*residual"]
pictures = ["space_time.png"]

[measure.short]
command = "run"
case = "front"
set = ["time.end=-1"]
"""


@pytest.fixture
def measures(front, tmp_path):
    path = tmp_path / "measures.toml"
    path.write_text(FILE)
    return path


@pytest.fixture
def done(cardiosim, measures, tmp_path):
    code, stdout, stderr = cardiosim(
        "compare-measures", measures, "--out", tmp_path / "out"
    )
    assert code == 0, stderr
    return tmp_path / "out", stdout, stderr


def test_every_number_stands_beside_the_other(done):
    folder, stdout, _ = done
    with open(folder / "measures.csv", newline="") as file:
        rows = {row["quantity"]: row for row in csv.DictReader(file)}
    velocity = rows["conduction_velocity"]
    coarse, fine = float(velocity["coarse"]), float(velocity["fine"])
    for name, value in (("coarse", coarse), ("fine", fine)):
        summary = json.loads((folder / "front" / name / "summary.json").read_text())
        # Of a table of ten digits.
        assert value == pytest.approx(summary["conduction_velocity"]["value"], rel=1e-9)
    assert float(velocity["fine less coarse, percent"]) == pytest.approx(
        100.0 * (fine / coarse - 1.0)
    )
    assert rows["conduction_fit_residual"]["fine less coarse, percent"] == ""
    assert "conduction_velocity_fit" not in rows  # was not asked for
    assert "the front" in stdout and "conduction_velocity" in stdout


def test_a_measure_that_fails_is_told_and_does_not_stop_the_others(done):
    folder, _, stderr = done
    assert "time.end" in stderr
    page = (folder / "measures.html").read_text(encoding="utf-8")
    assert "coarse has no results: " in page and "data:image/png" in page
    document = json.loads((folder / "measures.json").read_text())
    assert document["title"] == "a front, coarse and fine"
    (row,) = [
        r for r in document["sections"][0]["tables"][1]["rows"] if r[0] == "short"
    ]
    assert row[1] == "" and "time.end" in row[-1]


def test_what_is_done_is_not_done_again(cardiosim, measures, done):
    folder, _, _ = done
    times = {p: p.stat().st_mtime_ns for p in folder.glob("front/*/summary.json")}
    code, stdout, stderr = cardiosim("compare-measures", measures, "--out", folder)
    assert code == 0 and "conduction_velocity" in stdout
    assert {p: p.stat().st_mtime_ns for p in times} == times
    assert "the front, coarse" not in stderr and "short, coarse" in stderr
    code, _, stderr = cardiosim(
        *("compare-measures", measures, "--out", folder, "--force", "--only", "front")
    )
    assert code == 0 and "the front, coarse" in stderr and "short" not in stderr
    assert {p: p.stat().st_mtime_ns for p in times} != times


def test_ctrl_c_stops_all_of_it(cardiosim, measures, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("cardiosim.commands.run.run_case", interrupted)
    code, _, stderr = cardiosim("compare-measures", measures, "--out", tmp_path / "out")
    assert code != 0
    assert "the front, coarse" in stderr and "the front, fine" not in stderr
    assert not list(tmp_path.glob("out/front/*.json"))


def test_what_is_of_results_is_measured_again_with_them(
    front, measures, tmp_path, monkeypatch
):
    ran = []

    def run(arguments, folder):
        ran.append(f"{folder.parent.name} {folder.name}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        return {
            "arguments": list(arguments),
            "seconds": 1.0,
            "finished": str(len(ran)),
            "failed": "",
        }

    empty = SimpleNamespace(numbers={}, tables={}, path=tmp_path)
    monkeypatch.setattr(compare_measures, "_run", run)
    monkeypatch.setattr(compare_measures, "_contents", lambda folder: empty)
    later = '[measure.short]\ncommand = "measure cv"\nof = "front"\n'
    measures.write_text(FILE[: FILE.index("[measure.short]")] + later)
    ask = {"out": tmp_path / "out", "only": None, "set_": None, "force": False}
    compare_measures.compare_measures(measures, **ask)
    assert ran == ["front coarse", "front fine", "short coarse", "short fine"]
    compare_measures.compare_measures(measures, **ask)
    assert len(ran) == 4  # nothing has changed
    compare_measures.compare_measures(
        measures, **ask | {"only": "front", "force": True}
    )
    compare_measures.compare_measures(measures, **ask)
    assert ran[4:] == ["front coarse", "front fine", "short coarse", "short fine"]


def test_a_case_that_has_changed_is_measured_again(
    front, measures, tmp_path, monkeypatch
):
    ran = []

    def run(arguments, folder):
        ran.append(f"{folder.parent.name} {folder.name}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        return {"arguments": list(arguments), "seconds": 1.0, "failed": ""}

    empty = SimpleNamespace(numbers={}, tables={}, path=tmp_path)
    monkeypatch.setattr(compare_measures, "_run", run)
    monkeypatch.setattr(compare_measures, "_contents", lambda folder: empty)
    measures.write_text(FILE[: FILE.index("[measure.short]")])
    ask = {"out": tmp_path / "out", "only": None, "set_": None, "force": False}
    compare_measures.compare_measures(measures, **ask)
    compare_measures.compare_measures(measures, **ask)
    assert ran == ["front coarse", "front fine"]
    case = front / "case.toml"
    text = case.read_text()
    case.write_text(text + "[diffusion]\nmass = 1.0\n")
    compare_measures.compare_measures(measures, **ask)
    assert ran[2:] == ["front coarse", "front fine"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('case = "front"', 'case = "none"'), "holds no case"),
        (("[measure.short]", "[measure.a b]"), "TOML"),
        (('command = "run"', "#"), "command"),
        (('case = "front"', 'of = "later"'), "expected one that comes before it"),
        (('case = "front"', ""), "give either a case"),
        (("[contender.fine]", "[contender.coarse.x]"), "contender"),
        (('set = ["time.end=12"]', "set_for = { best = [] }"), "are coarse, fine"),
    ],
)
def test_a_file_that_says_nothing_sensible_is_refused(measures, change, says):
    text = FILE.replace(*change)
    if "of =" in text:
        text = text.replace('set = ["time.end=12"]', "").replace(
            'set = ["time.end=-1"]', ""
        )
    measures.write_text(text)
    with pytest.raises(CaseError, match=says):
        read_measures(measures)


def test_an_unknown_measure_is_refused(cardiosim, measures):
    code, _, stderr = cardiosim("compare-measures", measures, "--only", "erp")
    assert code == 1 and "the measures are front, short" in stderr


def test_the_measures_that_ship_can_be_read():
    shipped = Path(__file__).parents[2] / "cases" / "surrogates" / "measures.toml"
    file = read_measures(shipped)
    assert set(file.contender) == {"equations", "equations_100us", "hybrid"}
    assert {"cable", "cell_erp"} <= set(file.measure)
