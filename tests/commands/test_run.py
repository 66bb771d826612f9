"""`run` leaves numbers, recordings and pictures, whatever stops it."""

import json
import math
import os
import signal
import subprocess
import sys
import time
import tomllib
from contextlib import nullcontext, suppress
from types import SimpleNamespace

import numpy as np
import pytest

from cardiosim import open_results, read_fields
from cardiosim.commands import _terminated_in_order
from cardiosim.commands.run import _warn_of_traffic
from cardiosim.output.results import ResultsFolder
from cardiosim.simulation import run as march

REMODELLED = """
[mesh]
kind = "sheet"
size = [5.0, 4.0]
dx = 0.5
[tissue]
D_l = 0.1
D_t = 0.02
fibres = { angle = 30.0 }
[[tissue.region]]
where = "x > 2.5"
D_l = 0.2
D_t = 0.04
[[tissue.fibrosis]]
kind = "diffuse"
fraction = 0.3
scale = 0.5
[cell]
model = "nagumo"
[time]
dt = 0.02
end = 1.0
"""

# sqrt(D k/2) (1 - 2 a) with D 0.1, k 8, a 0.25 (header of nagumo.mmt)
FRONT_SPEED = math.sqrt(0.1 * 8.0 / 2.0) * 0.5


def test_a_cable_gives_its_front_speed_and_everything_beside_it(
    cardiosim, front, tmp_path
):
    out = tmp_path / "out"
    code, stdout, _ = cardiosim("run", front, "--out", out)
    assert code == 0
    summary = json.loads((out / "summary.json").read_text())
    # dx is a third of the front's width sqrt(2 D/k): 1 % is what is left of its error.
    assert summary["conduction_velocity"]["value"] == pytest.approx(
        FRONT_SPEED, rel=0.01
    )
    assert summary["conduction_velocity"]["unit"] == "m/s"
    for phase in ("mesh", "compile", "react", "diffuse", "record"):
        assert phase in stdout
        assert summary[f"wall_{phase}"]["unit"] == "s"
    assert f"{summary['conduction_velocity']['value']:.6g}" in stdout
    for picture in ("space_time.png", "traces.png"):
        assert (out / picture).read_bytes().startswith(b"\x89PNG")
    assert len(read_fields(out).times) > 50
    assert open_results(out).activation.shape == (1, 101)


def test_durations_at_potentials_alone_are_measured_on_a_cable(
    cardiosim, front, tmp_path
):
    """All of it is put to rest at 20 ms, so that its durations end there."""
    reset = '{where = "all", start = 20.0, duration = 0.5, amplitude = -240.0}'
    changes = {
        "time.end": "24.0",
        "stimulus.1": reset,
        "record.trace.0": "{at = [4.0]}",
        "measure.apd_at": "[50.0]",
    }
    sets = [
        item for key, value in changes.items() for item in ("--set", f"{key}={value}")
    ]
    out = tmp_path / "out"
    assert cardiosim("run", front, "--out", out, *sets)[0] == 0
    results = open_results(out)
    passed = results.activation[0, 80]  # x = 4 mm, at 50 mV
    duration = results.summary["apd_at_50mV"]["value"]
    # The reset takes 0.5 ms; it is half down some 0.2 ms after it began.
    assert passed + duration == pytest.approx(20.25, abs=0.25)


def test_resolved_case_spells_everything_out_and_runs_to_the_same_numbers(
    cardiosim, front, tmp_path
):
    first, second = tmp_path / "first", tmp_path / "second"
    cardiosim("run", front, "--out", first, "--set", "tissue.D=0.2")
    resolved = tomllib.loads((first / "resolved.toml").read_text())
    assert resolved["tissue"] == {"D": 0.2}
    assert resolved["diffusion"] == {
        "theta": 0.5,
        "mass": 0.5,
        "solver": "auto",
    }
    assert resolved["provenance"]["diffusion"] == {"solver": "direct"}
    assert resolved["time"]["reaction_dt"] == resolved["time"]["dt"]
    assert resolved["record"]["trace"][0]["at"] == [0.0, 1.25, 2.5, 3.75, 5.0]
    assert resolved["record"]["snapshot"]["interval"] == pytest.approx(0.16)
    assert resolved["measure"]["cv"] == {"start": 0.25, "stop": 0.75}
    assert {"date", "versions", "device"} <= resolved["provenance"].keys()
    cardiosim("run", first / "resolved.toml", "--out", second)
    key = "conduction_velocity"
    assert open_results(first).summary[key] == open_results(second).summary[key]


def test_results_are_replaced_only_when_forced(cardiosim, front, tmp_path):
    out = tmp_path / "out"
    assert cardiosim("run", front, "--out", out)[0] == 0
    before = (out / "summary.json").read_bytes()
    code, stdout, stderr = cardiosim("run", front, "--out", out)
    assert (code, stdout) == (1, "")
    assert "--force" in stderr
    assert (out / "summary.json").read_bytes() == before
    assert cardiosim("run", front, "--out", out, "--force")[0] == 0


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("mesh.lenght=1", "did you mean 'length'?"),
        ("mesh.dx=0.03", "no whole multiple of dx"),
        ("stimulus.0.where=x > 7", '"x > 7" reaches no node; the mesh has 101 nodes'),
        ("stimulus.0.where=x >", "stimulus.0.where: region"),
        ("time.end=0.5", "before stimulus.0 ends at 1 ms"),
        ("diffusion={theta = 0.0, mass = 0.0}", "is unstable with theta 0"),
        ("cell.model=nagumi", "nagumo"),
        ("cell.parameters.membrane.kk=1", "nagumo has no parameter membrane.kk"),
        ("cell.parameters.membrane.k=8 mV", "no quantity in 1/ms"),
        ("record.trace.0.variables=['membrane.W']", "no variable 'membrane.W'"),
        ("record.trace.0.at=[7.0]", "record.trace.0.at: 7 mm is outside the mesh"),
        ("record.trace.0.interval=0.03", "record.trace.0.interval 0.03 ms is no whole"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    cardiosim, front, tmp_path, override, says
):
    out = tmp_path / "out"
    code, stdout, stderr = cardiosim("run", front, "--out", out, "--set", override)
    assert (code, stdout) == (1, "")
    assert says in stderr
    assert stderr.startswith("cardiosim: ")
    assert stderr.count("\n") == 1
    assert not out.exists()


def test_parameters_take_units_and_scales(cardiosim, front, tmp_path):
    speeds = []
    for number, value in enumerate(["32.0", '"32 1/ms"', "{scale = 4.0}"]):
        out = tmp_path / str(number)
        override = f'cell.parameters."membrane.k"={value}'
        fine = "mesh.dx=0.025"
        cardiosim("run", front, "--out", out, "--set", override, "--set", fine)
        speeds.append(open_results(out).summary["conduction_velocity"]["value"])
    assert speeds[0] == speeds[1] == speeds[2]
    # Four times the rate is twice the speed; dx is as fine for the front as before.
    assert speeds[0] == pytest.approx(2.0 * FRONT_SPEED, rel=0.02)


def test_what_a_diverging_run_recorded_is_kept(cardiosim, front, tmp_path):
    out = tmp_path / "out"
    code, _, stderr = cardiosim(
        "run", front, "--out", out, "--set", "stimulus.0.amplitude=1e6"
    )
    assert code == 1
    assert "V became non-finite at node" in stderr
    assert f"is in {out}" in stderr
    assert stderr.count("\n") == 1
    kept = open_results(out).traces["trace0"]
    assert 0 < len(kept.times) < 800


def test_a_blocked_wave_is_a_warning_not_a_number(cardiosim, front, tmp_path):
    out = tmp_path / "out"
    code, stdout, stderr = cardiosim(
        "run", front, "--out", out, "--set", "stimulus.0.amplitude=5"
    )
    assert code == 0
    assert "warning: no conduction velocity" in stderr
    entry = json.loads((out / "summary.json").read_text())["conduction_velocity"]
    assert entry == {
        "value": None,
        "unit": "m/s",
        "definition": "no single wave between 1.25 and 3.75 mm",
    }
    row = next(r for r in stdout.splitlines() if r.startswith("conduction_velocity"))
    assert row.split()[1] == "none"
    assert (out / "space_time.png").is_file()


def test_a_killed_run_leaves_readable_fields(front, tmp_path):
    out = tmp_path / "out"
    arguments = ["run", front, "--out", out, "--set", "time.end=100000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cardiosim", *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60.0
    # The index follows the first snapshots; a fresh one is there after half a second.
    while not (out / "fields.xdmf").is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert len(read_fields(out).times) > 0
    assert open_results(out).resolved["time"]["end"] == 100000.0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_an_interrupted_run_keeps_its_recordings(front, tmp_path, number, code):
    out = tmp_path / "out"
    arguments = ["run", front, "--out", out, "--set", "time.end=100000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cardiosim", *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in the background ignores Ctrl-C, and so would this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60.0
    while not (out / "fields.xdmf").is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60.0)
    assert process.returncode == code
    assert f"interrupted; what was recorded is in {out}" in stderr
    assert "Traceback" not in stderr
    assert len(open_results(out).traces["trace0"].times) > 0


def test_a_folder_that_cannot_be_made_is_told_before_anything_runs(
    cardiosim, front, tmp_path
):
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "out"
    code, stdout, stderr = cardiosim("run", front, "--out", out)
    assert (code, stdout) == (1, "")
    assert stderr == (
        f"cardiosim: {out} cannot be written (Not a directory); choose another "
        "folder with --out\n"
    )


def test_a_cache_that_cannot_be_made_is_named(cardiosim, front, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CARDIOSIM_CACHE", str(tmp_path / "file"))
    code, _, stderr = cardiosim("run", front, "--out", tmp_path / "new" / "out")
    assert code == 1
    assert f"kept in {tmp_path / 'file' / 'kernels'}" in stderr
    assert "CARDIOSIM_CACHE" in stderr
    assert stderr.count("\n") == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("overrides", "warned"),
    [
        (["time.dt=0.1"], True),
        (["time.dt=0.1", "time.reaction_dt=0.02"], False),
        (["time.dt=0.02"], False),
        (["time.dt=0.1", "cell.scheme=multirate"], False),
        (["time.dt=0.1", "cell.model=nagumo"], False),  # it has no gates
    ],
)
def test_a_step_that_slows_the_wave_is_warned_of(
    cardiosim, front, tmp_path, overrides, warned
):
    base = ["cell.model=skibsbye2016", "time.end=1.0", "mesh.dx=0.5"]
    sets = [word for o in (*base, *overrides) for word in ("--set", o)]
    code, _, stderr = cardiosim("run", front, "--out", tmp_path / "out", *sets)
    assert code == 0
    line = (
        "warning: rush_larsen at dt 0.1 ms is about 10 % slow in conduction; use "
        "multirate or dt of 0.02 ms or less\n"
    )
    assert (line in stderr) == warned
    assert ("rush_larsen" in stderr) == warned


def test_one_cell_runs_through_the_same_loop(cardiosim, cell, tmp_path):
    out = tmp_path / "out"
    code, stdout, _ = cardiosim("run", cell, "--out", out)
    assert code == 0
    summary = open_results(out).summary
    assert summary["resting_potential"]["value"] == 0.0
    V = open_results(out).traces["trace0"].at("membrane.V", 0)
    assert V[-1] == pytest.approx(100.0, abs=0.1)  # switched on, for good
    assert math.isnan(summary["apd90"]["value"])  # this one never repolarises
    assert "apd90" in stdout
    assert (out / "action_potential.png").is_file()


@pytest.mark.parametrize(
    ("kind", "device", "warns"),
    [("cable", "cuda", True), ("cable", "cpu", False), ("point", "cuda", False)],
)
def test_tissue_with_its_cell_on_a_gpu_is_warned_of(capsys, kind, device, warns):
    case = SimpleNamespace(mesh=SimpleNamespace(is_tissue=kind != "point"))
    cell = SimpleNamespace(placement={"backend": "torch", "device": device})
    _warn_of_traffic(case, SimpleNamespace(cell=cell))
    told = capsys.readouterr().err
    assert told.count("\n") == warns
    assert ("between host and device every step" in told) == warns


DIES_AT_12_MS = """
import os, sys
from contextlib import contextmanager
from cardiosim.commands import keep_recordings, main, run
from cardiosim.simulation import run as march

keep_recordings.WRITE_INTERVAL, keep_recordings.WRITE_SHARE = 0.0, 1e9
march.REPORT_EVERY = 0.0

@contextmanager
def progress(label):
    yield lambda done, end: os._exit(9) if label != "pacing" and done > 12.0 else None

run.progress = progress
sys.argv = ["cardiosim", "run", *sys.argv[1:]]
main()
"""


def test_a_killed_run_leaves_what_was_activated_until_then(cardiosim, front, tmp_path):
    """The front passes 0.32 mm a ms; nothing of Python runs after os._exit."""
    out = tmp_path / "out"
    died = subprocess.run([sys.executable, "-c", DIES_AT_12_MS, front, "--out", out])
    assert died.returncode == 9
    results = open_results(out)
    assert not results.is_finished
    lat = results.activation[0]
    assert 11.5 < np.nanmax(lat) < 12.1
    assert np.isnan(lat[-1])
    assert results.traces["trace0"].times[-1] > 5.0  # batches of some 50 samples
    assert (out / "activation.xdmf").is_file()


def test_a_signal_that_a_library_has_lost_still_ends_the_run(
    cardiosim, front, tmp_path, monkeypatch
):
    """As finalisers of llvmlite do, in which Python ignores every error."""

    def lose(done, end):
        with suppress(SystemExit):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.1)

    monkeypatch.setattr(march, "REPORT_EVERY", 0.0)
    monkeypatch.setattr(
        sys.modules["cardiosim.commands.run"],
        "progress",
        lambda label: nullcontext(lose if label != "pacing" else None),
    )
    out = tmp_path / "out"
    code, _, said = cardiosim("run", front, "--out", out)
    assert code == 143
    assert "interrupted; what was recorded is in" in said
    assert not open_results(out).is_finished


def test_recordings_are_written_seldom(front, monkeypatch, cardiosim, tmp_path):
    """Once, at the end, of a run that is over within the minute."""
    written = []
    real = ResultsFolder.write_recordings
    monkeypatch.setattr(
        ResultsFolder,
        "write_recordings",
        lambda self, *rest: written.append(1) or real(self, *rest),
    )
    assert cardiosim("run", front, "--out", tmp_path / "out")[0] == 0
    assert len(written) == 1


def test_oddities_of_the_tissue_are_warnings_that_stay(cardiosim, front, tmp_path):
    out = tmp_path / "out"
    odd = "tissue.fibrosis=[{kind='diffuse', fraction=0.001, where='x > 4'}]"
    code, _, said = cardiosim("run", front, "--out", out, "--set", odd)
    assert code == 0
    (line,) = [line for line in said.splitlines() if "less than one" in line]
    assert line.startswith("warning: tissue.fibrosis.0: ")
    (kept,) = open_results(out).resolved["provenance"]["warnings"]
    assert line == f"warning: {kept}"


def test_large_snapshots_are_told(cardiosim, front, tmp_path, monkeypatch):
    monkeypatch.setattr(
        sys.modules["cardiosim.commands.run"], "SAID_SNAPSHOTS", 50_000.0
    )
    _, _, said = cardiosim("run", front, "--out", tmp_path / "out")
    # 101 of 101 nodes: 81.6 kB
    assert "snapshots every 0.16 ms will take 0 MB" in said


def test_fibres_fibrosis_and_conductivity_are_kept_as_used(cardiosim, tmp_path):
    """Whichever way the case gives them: here by angle, region and seed."""
    (tmp_path / "case.toml").write_text(REMODELLED)
    out = tmp_path / "out"
    assert cardiosim("run", tmp_path, "--out", out)[0] == 0
    data = open_results(out).mesh.element_data
    c, s = math.cos(math.radians(30.0)), math.sin(math.radians(30.0))
    np.testing.assert_allclose(data["fibres"], np.tile([c, s, 0.0], (80, 1)), atol=1e-7)
    assert set(np.unique(data["fibrosis"])) == {0, 1}
    right = np.arange(80) % 10 >= 5
    expected = np.where(right, 0.2, 0.1) * np.where(data["fibrosis"] == 1, 0.5, 1.0)
    np.testing.assert_allclose(data["D_along"], expected, rtol=1e-6)
    for file in ("fields.xdmf", "activation.xdmf"):
        text = (out / file).read_text()
        for name in ("fibres", "fibrosis", "D_along"):
            assert f'Name="{name}" Center="Cell"' in text


@pytest.mark.parametrize(
    ("number", "raised"), [(2, KeyboardInterrupt), (15, SystemExit)]
)
def test_a_signal_in_a_finaliser_comes_again_after_it(number, raised, capfd):
    """As those of llvmlite while kernels load; Python would print and ignore it."""
    reached = []

    class Loaded:
        def __del__(self):
            os.kill(os.getpid(), number)
            sum(range(1000))  # the handler is called between two instructions
            reached.append("the end of the finaliser")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(raised), _terminated_in_order():
            loaded = Loaded()
            del loaded
            time.sleep(5.0)
            reached.append("what comes after the signal")
    finally:
        signal.signal(signal.SIGINT, before)
    assert reached == ["the end of the finaliser"]
    assert "Traceback" not in capfd.readouterr().err
