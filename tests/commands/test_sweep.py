"""`cardiosim sweep`: tables, folders that are gone on with, mistakes."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from cardiosim import open_results
from cardiosim.ionic.cell_library import model_path
from cardiosim.output.sweep_folder import SampleRow, SweepFolder

FOUR = "[grid]\nstimulus.0.amplitude = [40.0, 60.0, 80.0, 100.0]\n"


@pytest.fixture
def sweep_file(tmp_path):
    def write(text):
        path = tmp_path / "sweep.toml"
        path.write_text(text)
        return path

    return write


def table(folder):
    with open(folder / "samples.csv", newline="") as file:
        return list(csv.DictReader(file))


def other_than_progress(stderr):
    """Lines that tell no progress, which comes where the machine is slow."""
    quiet = ("sweep: ", "preparing the samples")
    return [line for line in stderr.splitlines() if not line.startswith(quiet)]


def test_single_cells_are_one_batch_and_one_table(
    cardiosim, cell, sweep_file, tmp_path
):
    out = tmp_path / "out"
    file = sweep_file(FOUR)
    code, stdout, stderr = cardiosim("sweep", cell, file, "--out", out)
    # The cell rests at 0 mV, above the threshold that a beat would have to cross.
    (told,) = other_than_progress(stderr)
    assert code == 0 and "4 samples have a note in the table; sample 0: " in told
    assert "V begins above -20 mV" in told
    assert "4 samples, in batches of 4 cells, on one process" in stdout
    rows = table(out)
    assert [row["sample"] for row in rows] == ["0", "1", "2", "3"]
    amplitudes = [float(row["stimulus.0.amplitude"]) for row in rows]
    assert amplitudes == [40.0, 60.0, 80.0, 100.0]
    assert all(row["note"] and row["apd90 (ms)"] == "" for row in rows)
    single = tmp_path / "single"
    override = ("--set", "stimulus.0.amplitude=60")
    cardiosim("run", cell, "--out", single, *override)
    summary = json.loads((single / "summary.json").read_text())
    for name, unit in (("peak", "mV"), ("amplitude", "mV"), ("dvdt_max", "V/s")):
        # Ten digits are written.
        alone = summary[name]["value"]
        assert float(rows[1][f"{name} ({unit})"]) == pytest.approx(alone, rel=2e-9)
        assert name in stdout
    assert json.loads((out / "summary.json").read_text())["peak"]["unit"] == "mV"
    assert (out / "numbers.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "last_beats.png").read_bytes().startswith(b"\x89PNG")
    beats = open_results(out).traces["last_beat"]
    assert beats.values["V"].shape == (len(beats.times), 4)
    left = {path.name for path in out.iterdir()}
    assert not {name for name in left if "journal" in name or name.endswith(".npz")}
    assert open_results(out).resolved["provenance"]["sweep"]["samples"] == 4


ATRIAL_TRAIN = """
[mesh]
kind = "point"
[cell]
model = "skibsbye2016"
scheme = "multirate"
[[stimulus]]
start = 2.0
duration = 2.0
amplitude = 20.0
period = 240.1
[time]
dt = 0.05
end = 1442.6
[[record.trace]]
variables = ["membrane.V", "calcium.Ca_i"]
[measure]
apd = [50.0, 80.0]
apd_at = [-60.0]
"""


def test_a_population_tells_what_a_run_of_the_same_case_tells(
    cardiosim, sweep_file, tmp_path
):
    """6 beats, of which the last ends with the run: no seventh begins there."""
    file = tmp_path / "train.toml"
    file.write_text(ATRIAL_TRAIN)
    out, single = tmp_path / "out", tmp_path / "single"
    varied = sweep_file("[grid]\nstimulus.0.amplitude = [20.0, 30.0]\n")
    assert cardiosim("sweep", file, varied, "--out", out, "--workers", "1")[0] == 0
    assert cardiosim("run", file, "--out", single)[0] == 0
    summary = json.loads((single / "summary.json").read_text())
    found = table(out)[0]
    names = {"diastolic_interval", "apd80_change", "apd80_alternans", "apd_at_-60mV"}
    assert names <= set(summary)
    told = {name: e for name, e in summary.items() if not name.startswith("wall_")}
    for name, e in told.items():
        value = float(found[f"{name} ({e['unit']})"])
        # Samples every 0.2 ms after the upstroke, of calcium every 0.5 ms.
        within = 0.5 if name.startswith("calcium") else 5e-3
        assert value == pytest.approx(e["value"], abs=within, rel=1e-6), name


def test_a_sweep_does_not_go_on_with_another_text_of_a_cell(
    cardiosim, cell, sweep_file, tmp_path
):
    """Of a later sample's cell too, and of the files of a recording."""
    text = model_path("nagumo").read_text()
    other, trace = cell / "other.mmt", cell / "ap.csv"
    other.write_text(text)
    trace.write_text("time (ms),V (mV)\n0,-80\n0.1,-70\n")
    models = sweep_file('[grid]\ncell.model = ["nagumo", "other.mmt"]\n')
    clamp = cell / "clamp.toml"
    clamp.write_text(
        '[mesh]\nkind = "point"\n[cell]\nmodel = "nagumo"\n[time]\ndt = 0.05\n'
        '[protocol]\nkind = "voltage_clamp"\nrecording = "ap.csv"\nsettle = 0.0\n'
        'variables = ["membrane.i_ion"]\n'
    )
    steps = tmp_path / "steps.toml"
    steps.write_text("[grid]\ntime.dt = [0.05, 0.02]\n")
    for case, file, changed in ((cell, models, other), (clamp, steps, trace)):
        out = tmp_path / f"out_{changed.stem}"
        arguments = ("sweep", case, file, "--out", out, "--workers", "1")
        assert cardiosim(*arguments)[0] == 0
        (out / "summary.json").unlink()  # as if it had been stopped before its end
        assert cardiosim(*arguments)[0] == 0
        (out / "summary.json").unlink()
        changed.write_text(changed.read_text() + "\n")
        code, _, stderr = cardiosim(*arguments)
        assert code == 1
        assert "an unfinished sweep of another case" in stderr


def test_a_finished_batch_is_on_the_disk(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("os.fsync", lambda number: synced.append(os.fstat(number)))
    folder = SweepFolder.open(tmp_path / "out", "digest", ("x",), [(1,)], 1, False)
    synced.clear()
    folder.add([SampleRow(0, {"apd90": 200.0})], {"apd90": "ms"})
    journal = (tmp_path / "out" / "journal.jsonl").stat()
    assert [s.st_ino for s in synced if s.st_size == journal.st_size][0] == (
        journal.st_ino
    )


def test_tissue_runs_in_processes(cardiosim, front, sweep_file, tmp_path):
    out = tmp_path / "out"
    file = sweep_file("[grid]\ntissue.D = [0.05, 0.1, 0.001]\n")
    code, stdout, stderr = cardiosim(
        "sweep", front, file, "--out", out, "--workers", "2"
    )
    assert code == 0
    (warning,) = other_than_progress(stderr)
    assert "one sample has a note in the table; sample 2: no conduction" in warning
    assert "3 samples, one by one, on 2 processes" in stdout
    *arrived, blocked = (row["conduction_velocity (m/s)"] for row in table(out))
    slow, fast = map(float, arrived)
    assert blocked == ""
    # Speed goes with the root of D, but for what dx is to the narrower front: 2 %.
    assert fast / slow == pytest.approx(np.sqrt(2.0), rel=0.02)
    assert (out / "numbers.png").is_file()


def test_folders_are_gone_on_with_or_left_alone(cardiosim, cell, sweep_file, tmp_path):
    out = tmp_path / "out"
    file = sweep_file(FOUR)
    arguments = ("sweep", cell, file, "--out", out, "--workers", "1")
    assert cardiosim(*arguments)[0] == 0
    before = (out / "samples.csv").read_bytes()
    code, _, stderr = cardiosim(*arguments)  # it is done
    assert code == 1
    assert "--force" in stderr
    (out / "summary.json").unlink()  # as if it had been stopped before its end
    code, _, stderr = cardiosim(*arguments, "--set", "time.end=6.0")
    assert code == 1
    assert "an unfinished sweep of another case" in stderr
    assert (out / "samples.csv").read_bytes() == before
    code, stdout, _ = cardiosim(*arguments, "--force")
    assert code == 0
    assert "4 samples, in batches" in stdout
    assert (out / "samples.csv").read_bytes() == before


def start(arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "cardiosim", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in the background ignores Ctrl-C, and so would this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def journal_of(out, process):
    """Wait for the first finished samples; the process goes on."""
    deadline = time.monotonic() + 120.0
    journal = out / "journal.jsonl"
    while not (journal.is_file() and journal.read_text().endswith("\n")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return journal


def test_a_killed_sweep_goes_on_where_it_was(front, sweep_file, tmp_path):
    file = sweep_file("[grid]\ntissue.D = { from = 0.05, to = 0.08, step = 0.01 }\n")
    out, whole = tmp_path / "out", tmp_path / "whole"
    arguments = ("sweep", front, file, "--workers", "1", "--out")
    process = start((*arguments, out))
    journal = journal_of(out, process)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    gone, alive = psutil.wait_procs(workers, timeout=30.0)
    assert gone
    assert not alive
    with open(journal, "a") as file:
        file.write('{"rows": [{"sam')  # what a kill may leave of a line
    lines = journal.read_text().splitlines()[:-1]
    n_done = len([row for line in lines for row in json.loads(line)["rows"]])
    assert 1 <= n_done < 4
    finished = start((*arguments, out))
    stdout, stderr = finished.communicate(timeout=120.0)
    assert finished.returncode == 0, stderr
    assert f"going on: {n_done} of 4 samples are done" in stdout
    left = "one sample" if n_done == 3 else f"{4 - n_done} samples"
    assert f"{left}, one by one" in stdout
    start((*arguments, whole)).communicate(timeout=120.0)
    assert (out / "samples.csv").read_bytes() == (whole / "samples.csv").read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_an_interrupted_sweep_keeps_its_samples_and_ends_its_workers(
    front, sweep_file, tmp_path
):
    file = sweep_file("[grid]\ntissue.D = { from = 0.05, to = 0.1, step = 0.002 }\n")
    out = tmp_path / "out"
    process = start(("sweep", front, file, "--workers", "2", "--out", out))
    journal_of(out, process)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60.0)
    assert process.returncode == 130
    (line,) = other_than_progress(stderr)
    assert f"samples are in {out}; the same command goes on" in line
    _, alive = psutil.wait_procs(workers, timeout=30.0)
    assert not alive
    assert 1 <= len(table(out)) < 26


def test_a_sample_that_fails_is_a_row_with_a_reason(
    cardiosim, cell, front, sweep_file, tmp_path
):
    file = sweep_file("[grid]\nstimulus.0.amplitude = [100.0, 1e200, 50.0]\n")
    for case in (cell, front):
        out = tmp_path / f"out_{case.name}"
        code, _, stderr = cardiosim("sweep", case, file, "--out", out)
        assert code == 0
        # The two others of the cell, which has no durations, have a note as well.
        assert "a note in the table; sample 1: V became non-finite" in stderr
        good, bad, other = table(out)
        assert "non-finite" in bad["note"]
        assert not any("non-finite" in row["note"] for row in (good, other))
        numbers = [n for n in good if "(m" in n]
        assert all(bad[name] == "" for name in numbers)
        assert any(good[name] for name in numbers)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[grid]\nstimulus.0.amplitud = [1.0]", "did you mean 'amplitude'?"),
        ("[grid]\ncell.parameters.membrane.kk = [1.0]", "did you mean membrane.k"),
        ("[grid]\ntime.dt = [0.02, -1.0]", "sample 1 (time.dt=-1.0)"),
        (
            "[grid]\ncell.parameters = [{}, { membrane.kk = { scale = 2.0 } }]",
            "sample 1 (cell.parameters=",
        ),
        ("[grid]\ntime.dt = [0.02, -1.0]", "came -1.0, expected a number greater"),
        ("[grid]", "names no value of the case"),
        (
            "samples = 2\n[latin_hypercube]\nstimulus.0.count = { low = 1, high = 9 }",
            "expected a whole number",
        ),
    ],
)
def test_a_mistake_is_one_line_before_anything_runs(
    cardiosim, cell, sweep_file, tmp_path, text, says
):
    out = tmp_path / "out"
    code, stdout, stderr = cardiosim("sweep", cell, sweep_file(text), "--out", out)
    assert (code, stdout) == (1, "")
    assert says in stderr
    assert len(other_than_progress(stderr)) == 1
    assert not out.exists()
