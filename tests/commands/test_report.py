"""`cardiosim report`: one page and its JSON of any results, and of two side by side."""

import json
import math
import shutil
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from cardiosim.commands import _application
from cardiosim.commands.report import names_of
from cardiosim.commands.report_numbers import grouped
from cardiosim.commands.report_pictures import wave_pictures
from cardiosim.output import rendering
from cardiosim.output.report import Mark, Report, Section, Table, write_report
from cardiosim.output.results import Activation, ResultsFolder, open_results
from cardiosim.output.tables import write_table

# V_rest 0 mV, excited 100 mV; nothing repolarises.
CASE = """
title = "{title}"
[mesh]
{mesh}
dx = 0.1
[tissue]
D = {D}
[cell]
model = "nagumo"
[[stimulus]]
where = "x <= 0.5"
start = 0.0
duration = 1.0
amplitude = 100.0
[time]
dt = 0.02
end = 12.0
[record]
activation_threshold = 50.0
[record.snapshot]
interval = 2.0
"""
EXPECTED = """
[conduction_velocity]
value = 0.3162278
rtol = 0.05
source = "sqrt(D k / 2) (1 - 2 a) <in the limit>"
"""
CABLE, SHEET = 'kind = "cable"\nlength = 3.0', 'kind = "sheet"\nsize = [3.0, 2.0]'
RUNS = {
    "one": ("a < b & c", CABLE, 0.1),
    "two": ("slower", CABLE, 0.08),
    "longer": ("longer", CABLE.replace("3.0", "4.0"), 0.1),
    "sheet": ("sheet", SHEET, 0.1),
    "slow_sheet": ("slow sheet", SHEET, 0.08),
}


class Page(HTMLParser):
    """Tags, addresses and the text outside of styles."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.text, self._open = [], [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [v for k, v in attrs if k in ("src", "href")]
        self._open.append(tag)

    def handle_endtag(self, tag):
        while self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if self._open[-1:] != ["style"]:
            self.text += data


@pytest.fixture(scope="module")
def command():
    app = _application()

    def run(*arguments):
        return CliRunner().invoke(app, [str(a) for a in arguments])

    return run


@pytest.fixture(scope="module")
def runs(command, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name, (title, mesh, D) in RUNS.items():
        case = folder / f"case_{name}"
        case.mkdir()
        (case / "case.toml").write_text(CASE.format(title=title, mesh=mesh, D=D))
        if name == "one":
            (case / "expected.toml").write_text(EXPECTED)
        done = command("run", case, "--out", folder / name)
        assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def report(command, tmp_path):
    """Write a report; returns the page and the JSON."""

    def write(*arguments):
        page = tmp_path / "page.html"
        done = command("report", *arguments, "--out", page)
        assert done.exit_code == 0, (done.output, done.exception)
        text = page.read_text(encoding="utf-8")
        return Page(text), json.loads(page.with_suffix(".json").read_text())

    return write


def tables_of(document):
    return {
        table["title"]: table
        for section in document["sections"]
        for table in section["tables"]
    }


def rows_of(document, title):
    """Rows of a table by their first cell, as name of the column -> cell."""
    table = tables_of(document)[title]
    names = [column["name"] for column in table["columns"]]
    return {row[0]: dict(zip(names, row, strict=True)) for row in table["rows"]}


def pictures_of(document):
    return [caption for part in document["sections"] for caption in part["pictures"]]


def test_page_holds_all_it_shows_and_is_small(report, runs):
    page, _ = report(runs / "sheet")
    assert "script" not in page.tags and "link" not in page.tags
    assert all(a.startswith(("data:image/png;base64,", "#")) for a in page.addresses)
    assert page.tags.count("img") == 3  # activation, frames, traces
    assert sum(map(len, page.addresses)) < 3e6  # characters of pictures


def test_numbers_come_with_unit_resolution_and_definition(report, runs):
    _, document = report(runs / "one")
    summary = json.loads((runs / "one" / "summary.json").read_text())
    row = rows_of(document, "Conduction velocity")["conduction_velocity"]
    assert row["value"] == summary["conduction_velocity"]["value"]
    assert row["unit"] == "m/s"
    assert row["resolution"] == "steps of 0.02 ms, interpolated"
    assert row["what it is"] == "between 25% and 75% of the cable"
    assert "wall_react" not in str(tables_of(document)["Conduction velocity"])


def test_expected_numbers_have_verdicts(report, runs):
    page, document = report(runs / "one")
    row = rows_of(document, "Expected numbers (expected.toml)")["conduction_velocity"]
    assert (row["verdict"], row["expected"], row["tolerance"]) == (
        *("pass", 0.3162278),
        "5 %",
    )
    assert document["marks"] == {"pass": 1, "fail": 0, "does not apply": 0}
    assert "<in the limit>" in page.text


def test_what_ran_is_told(report, runs):
    page, document = report(runs / "one")
    facts = rows_of(document, "Case, mesh and machine")
    assert facts["cell"]["what"] == "nagumo"
    assert facts["size"]["what"] == "3 mm, dx 0.1 mm"
    assert facts["seed"]["what"] == "0"
    assert {"versions", "commit", "machine", "device", "date"} <= set(facts)
    assert document["provenance"]["versions"]["numpy"] == np.__version__
    (case,) = document["documents"].values()
    assert 'model = "nagumo"' in case and "provenance" not in case


def test_titles_are_escaped(report, runs):
    page, _ = report(runs / "one")
    assert "a < b & c" in page.text and "b" not in page.tags


def test_speed_is_nodes_times_steps_over_the_time_of_the_steps(report, runs):
    _, document = report(runs / "one")
    table = tables_of(document)["Wall time"]
    wall = {row[0]: row[1] for row in table["rows"]}
    expected = 31 * 600 / (wall["react"] + wall["diffuse"])
    assert table["note"].startswith(f"{expected:.3g} node-steps per second: 1.86e+04")


def test_two_runs_have_their_differences_beside_them(report, runs):
    _, document = report(runs / "one", runs / "two", "--names", "fast,slow")
    assert document["title"] == "fast against slow"
    rows = rows_of(document, "Conduction velocity")
    velocity = rows["conduction_velocity"]
    assert velocity["difference"] == velocity["slow"] - velocity["fast"] < 0.0
    assert velocity["relative"] == pytest.approx(
        100.0 * (velocity["slow"] / velocity["fast"] - 1.0)
    )
    # The velocity goes with the square root of D; 2 %: of this grid.
    assert velocity["relative"] == pytest.approx(
        100.0 * (math.sqrt(0.8) - 1.0), abs=2.0
    )
    assert rows["conduction_fit_residual"]["relative"] == ""  # an error
    differing = rows_of(document, "In what the runs differ")
    assert set(differing) == {"title", "tissue.D"}
    assert (differing["tissue.D"]["fast"], differing["tissue.D"]["slow"]) == (
        *("0.1", "0.08"),
    )


def test_activation_is_compared_node_by_node(report, runs):
    _, document = report(runs / "sheet", runs / "slow_sheet")
    (row,) = tables_of(document)["Activation (LAT) of slow_sheet less that of sheet"][
        "rows"
    ]
    first, second = (open_results(runs / n) for n in ("sheet", "slow_sheet"))
    later = second.activation[0] - first.activation[0]
    assert row[:4] == [1, later.size, 0, 0]
    assert row[4:7] == pytest.approx(
        [later.mean(), np.sqrt((later**2).mean()), later.max()]
    )
    captions = pictures_of(document)
    assert any("LAT" in caption and "less the first" in caption for caption in captions)
    assert any(caption.startswith("V where both") for caption in captions)


def test_recorded_durations_are_mapped_too(report, runs, tmp_path):
    for name, longer in (("sheet", 0.0), ("slow_sheet", 3.0)):
        copy = shutil.copytree(runs / name, tmp_path / name)
        results = open_results(copy)
        times = results.activation
        ends = {"apd90": times + 200.0 + longer}
        found = Activation(times, 50.0, repolarisation=ends)
        ResultsFolder(copy).write_recordings(list(results.traces.values()), found)
    _, document = report(tmp_path / "sheet", tmp_path / "slow_sheet")
    (row,) = tables_of(document)["From activation to repolarisation"]["rows"]
    assert row[:2] == ["apd90", 1]
    assert row[3:6] == pytest.approx([200.0, 203.0, 3.0])
    assert any(
        caption.startswith("APD90 of the first") for caption in pictures_of(document)
    )


def test_different_meshes_are_compared_by_numbers_alone(report, runs):
    page, document = report(runs / "one", runs / "longer")
    assert "The meshes differ (31 and 41 nodes)" in page.text
    assert "Conduction velocity" in tables_of(document)
    assert not any(
        title.startswith("Activation (LAT)") for title in tables_of(document)
    )


def test_several_runs_are_a_table(report, runs):
    _, document = report(runs / "one", runs / "two", runs / "sheet")
    row = rows_of(document, "Conduction velocity")["conduction_velocity"]
    assert "difference" not in row
    assert row["one"] > row["two"] and row["sheet"] == ""


def test_an_unfinished_run_is_told_and_left_as_it_is(report, runs, tmp_path):
    stopped = shutil.copytree(runs / "sheet", tmp_path / "stopped")
    for path in (stopped / "summary.json", *stopped.glob("*.png")):
        path.unlink()
    before = sorted(path.name for path in stopped.iterdir())
    page, document = report(stopped)
    assert "This folder is not complete: it has no summary.json" in page.text
    assert len(pictures_of(document)) == 3
    assert sorted(path.name for path in stopped.iterdir()) == before


@pytest.fixture
def certificates(tmp_path):
    """Folders with the reports of two certificates."""
    columns = ("quantity", "surrogate", "unit", "mark")
    for name, apd in (("a", 200.0), ("b", 202.0)):
        table = Table("Pass marks", columns, [("APD90", apd, "ms", Mark.PASS)])
        told = Report(f"Certificate of {name}", "it", [Section("part", (), [table])])
        write_report(told, tmp_path / name)
    return tmp_path / "a", tmp_path / "b"


def test_a_certificate_is_shown(report, certificates):
    page, document = report(certificates[0])
    assert "Certificate of a" in page.text
    assert document["marks"]["pass"] == 1


def test_two_certificates_are_compared_by_their_rows(report, certificates):
    _, document = report(*certificates)
    row = rows_of(document, "Action potential")["APD90"]
    assert (row["difference"], row["relative"]) == (2.0, 1.0)


def test_the_default_page_lies_in_the_last_folder(command, runs, tmp_path):
    copy = shutil.copytree(runs / "one", tmp_path / "copy")
    assert command("report", copy).exit_code == 0
    assert (copy / "report.html").is_file() and (copy / "report.json").is_file()
    again = command("report", copy)
    assert again.exit_code != 0 and "write --force" in str(again.exception)
    assert command("report", copy, "--force").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("{runs}/none",), "is no results folder of cardiosim"),
        (("{runs}/one", "--out", "{tmp}/page.pdf"), "expected a name ending in .html"),
        (("{runs}/one", "{runs}/two", "--names", "one"), 'expected "first,second"'),
        (("{broken}",), "damaged (JSONDecodeError"),
        (("{old}",), "is of format 1, of another version"),
        (("{cut}",), "cannot be read"),
        (("{certificate}",), "name another page with --out"),
    ],
)
def test_says_in_one_line_what_is_wrong(command, runs, tmp_path, arguments, says):
    places = {name: tmp_path / name for name in ("broken", "old", "cut")}
    for path in places.values():
        shutil.copytree(runs / "one", path)
    (places["broken"] / "summary.json").write_text('{"half')
    (places["old"] / ".cardiosim-results").write_text("format 1\n")
    (places["cut"] / "recordings.h5").write_bytes(b"not HDF5")
    write_report(Report("Certificate of x"), tmp_path / "certificate")
    places |= {"certificate": tmp_path / "certificate", "runs": runs, "tmp": tmp_path}
    done = command("report", *(a.format(**places) for a in arguments))
    assert done.exit_code != 0
    assert says in str(done.exception) and "\n" not in str(done.exception)


def test_results_are_never_replaced_by_a_report(command, runs, tmp_path):
    copy = shutil.copytree(runs / "one", tmp_path / "copy")
    before = (copy / "summary.json").read_bytes()
    done = command("report", copy, "--out", copy / "summary.html", "--force")
    assert done.exit_code != 0 and "is no report" in str(done.exception)
    assert (copy / "summary.json").read_bytes() == before


@pytest.mark.parametrize(
    ("paths", "called"),
    [
        (("r/one", "r/two"), ["one", "two"]),
        (("a/run", "b/run"), ["a/run", "b/run"]),
        (("a/run", "a/run"), ["run (1)", "run (2)"]),
    ],
)
def test_folders_are_called_by_what_tells_them_apart(paths, called):
    assert names_of(None, [Path(path) for path in paths]) == called


def test_without_opengl_a_surface_goes_without_a_picture_in_space(
    tmp_path, monkeypatch
):
    def missing():
        raise RuntimeError("pictures in space need the Debian package libegl1")

    monkeypatch.setattr(rendering, "check_rendering", missing)
    results = SimpleNamespace(
        activation=np.zeros((1, 4)),
        mesh_kind="mesh",
        mesh_points=np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]]),
    )
    said = []
    contents = SimpleNamespace(marched=results, results=results, title="")
    assert wave_pictures(contents, tmp_path, said.append) == []
    assert said == [
        "no picture in space: pictures in space need the Debian package libegl1"
    ]


def test_numbers_stand_with_their_kind():
    names = (
        *("lat_tip", "apd90_node3", "conduction_velocity", "erp", "wavelength"),
        *("cycle_length_NW", "total_activation_time", "surrogate_steps_outside"),
    )
    assert grouped(dict.fromkeys(names)) == {
        "Waves": ["wavelength"],
        "Conduction velocity": ["conduction_velocity"],
        "Refractoriness and excitability": ["erp"],
        "Action potential": ["apd90_node3"],
        "Activation": ["lat_tip", "cycle_length_NW", "total_activation_time"],
        "Other numbers": ["surrogate_steps_outside"],
    }


def test_tables_of_one_name_are_compared_row_by_row(report, runs, tmp_path):
    columns = {
        "one": {"interval": [300, 400, 500], "apd90": [200.0, 210.0, 220.0]},
        "two": {"interval": [300, 500, 600], "apd90": [201.0, 230.0, 208.0]},
    }
    for name, values in columns.items():
        copy = shutil.copytree(runs / name, tmp_path / name)
        (copy / "recordings.h5").unlink()  # as of a protocol without traces
        values = values | {"note": ["a", "b", "c"]}
        units = {"interval": "ms", "apd90": "ms"}
        write_table(copy / "restitution.csv", values, units)
        (copy / "notes.csv").write_text("")  # someone's own
    _, document = report(tmp_path / "one", tmp_path / "two")
    (row,) = tables_of(document)["Tables: two less one"]["rows"]
    assert row[:4] == ["restitution.csv", "apd90", "ms", 2]
    assert row[4:] == [5.5, pytest.approx(math.sqrt(50.5)), 10.0, "interval 500 ms"]
