"""`bench` takes shipped cells and model files, and says what it leaves out."""

import json
import shutil

import pytest

from cardiosim.experiments import benchmark
from cardiosim.ionic.cell_library import model_path


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Measure for a moment only: what it says is tested, not how fast this is."""
    monkeypatch.setattr(benchmark, "_SECONDS", 1e-4)
    monkeypatch.setattr(benchmark, "_REPEATS", 1)


def test_a_model_file_is_measured_and_a_scheme_it_cannot_take_is_said(
    cardiosim, tmp_path
):
    own = tmp_path / "own.mmt"
    shutil.copy(model_path("nagumo"), own)
    out = tmp_path / "bench.json"
    options = ("--nodes", 64, "--threads", 1, "--out", out)
    code, stdout, stderr = cardiosim("bench", own, *options)
    assert code == 0
    assert stderr.startswith(f"warning: {own} without multirate: own names no fast")
    assert stderr.count("\n") == 1
    (kernel,) = json.loads(out.read_text())["kernels"]
    assert (kernel["cell"], kernel["scheme"]) == ("own", "rush_larsen")
    assert kernel["node_steps"] > 0.0
    assert "own" in stdout.splitlines()[-1].split()


def test_a_model_in_error_is_an_error_and_no_empty_table(cardiosim, tmp_path):
    own = tmp_path / "own.mmt"
    own.write_text("[[model]]\nname: own\n")
    code, _, stderr = cardiosim("bench", own, "--nodes", 64, "--threads", 1)
    assert code == 1
    assert stderr.startswith(f"cardiosim: {own}: ")
