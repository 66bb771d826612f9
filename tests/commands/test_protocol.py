"""Laboratory cases on the command line: numbers, tables, pictures."""

import contextlib
import json

import pytest

import cardiosim as package
from cardiosim.commands import protocol
from cardiosim.output.tables import read_table

CASE = """
title = "a cell on the bench"
[mesh]
kind = "point"
[cell]
model = "mitchell_schaeffer2003"
[cell.prepace]
bcl = 800.0
beats = 3
amplitude = 20.0
duration = 1.0
scheme = "rush_larsen"
[protocol]
{protocol}
[time]
dt = 0.02
"""
KINDS = {
    "pacing": ("bcl = 500", ["beats.csv", "beats.png"]),
    "s1s2_restitution": (
        "intervals = [200, 400, 600]",
        ["restitution.csv", "restitution.png", "responses.png"],
    ),
    "dynamic_restitution": (
        "cycle_lengths = [180, 400, 600]\nbeats = 5",
        ["restitution.csv", "restitution.png", "last_beats.png"],
    ),
    "refractory_period": ("", ["responses.csv", "responses.png"]),
    "threshold": ("", ["bracket.csv", "responses.png"]),
    "strength_duration": (
        "durations = [1, 2, 5]",
        ["strength_duration.csv", "strength_duration.png"],
    ),
}


@pytest.fixture
def bench(tmp_path):
    """Folder with the case of a protocol."""

    def write(kind, lines):
        (tmp_path / "case").mkdir()
        text = CASE.format(protocol=f'kind = "{kind}"\n{lines}')
        (tmp_path / "case" / "case.toml").write_text(text)
        return tmp_path / "case"

    return write


@pytest.mark.parametrize("kind", KINDS)
def test_a_protocol_leaves_numbers_tables_and_pictures(
    cardiosim, bench, tmp_path, kind
):
    lines, files = KINDS[kind]
    code, out, err = cardiosim("run", bench(kind, lines), "--out", tmp_path / "out")
    assert code == 0, err
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    numbers = {name for name in summary if not name.startswith("wall_")}
    assert numbers and all(name in out for name in numbers)
    for file in files:
        assert (tmp_path / "out" / file).stat().st_size > 0
    table, _ = read_table(tmp_path / "out" / files[0])
    assert all(column.size for column in table.values())
    if kind != "strength_duration":
        traces = package.open_results(tmp_path / "out").traces
        assert "membrane.V" in next(iter(traces.values())).values


def test_what_was_resolved_is_a_case_with_the_same_numbers(cardiosim, bench, tmp_path):
    case = bench("threshold", "")
    assert cardiosim("run", case, "--out", tmp_path / "one")[0] == 0
    again = tmp_path / "one" / "resolved.toml"
    assert cardiosim("run", again, "--out", tmp_path / "two")[0] == 0
    first, second = (
        json.loads((tmp_path / name / "summary.json").read_text())
        for name in ("one", "two")
    )
    assert first["diastolic_threshold"] == second["diastolic_threshold"]


def test_what_the_user_should_know_is_said(cardiosim, bench, tmp_path):
    case = bench("refractory_period", "longest = 100")
    code, out, err = cardiosim("run", case, "--out", tmp_path / "out")
    assert code == 0
    assert "warning: S2 at 100 ms, the longest interval, is not answered" in err


def test_a_protocol_is_verified_as_any_case(cardiosim, bench):
    case = bench("threshold", "")
    (case / "expected.toml").write_text(
        '[diastolic_threshold]\nvalue = 5.6\nrtol = 0.2\nsource = "charge of 5.28 mV"'
    )
    code, out, _ = cardiosim("verify", case)
    assert code == 0 and "1 of 1 numbers" in out


def test_mistakes_are_one_line(cardiosim, bench):
    code, _, err = cardiosim("run", bench("threshold", "amplitude = 3"))
    assert code == 1 and "protocol" in err and len(err.splitlines()) == 1


def test_progress_counts_what_the_protocol_reports(cardiosim, bench, monkeypatch):
    """Beats of pacing, ms of a restitution, rounds where a border is narrowed."""
    counted = []

    @contextlib.contextmanager
    def progress(label, unit="ms"):
        yield lambda done, end: counted.append((unit, end))

    monkeypatch.setattr(protocol, "progress", progress)
    case = bench("pacing", "bcl = 500\nbeats = 3\ntolerance = 0")
    assert cardiosim("run", case, "--out", case / "one")[0] == 0
    assert set(counted) == {("beats", 3)}
    counted.clear()
    threshold = ["--set", "protocol={kind = 'threshold'}", "--out", case / "two"]
    assert cardiosim("run", case, *threshold)[0] == 0
    assert {unit for unit, _ in counted} == {"rounds"}
