"""Cycle lengths at named positions, of activations that are known."""

import json

import numpy as np
import pytest

from cardiosim.case.read import read_case
from cardiosim.commands.activation_summary import activation_numbers
from cardiosim.commands.mesh_to_keep import arrays_of
from cardiosim.output.results import ResultsFolder, open_results
from cardiosim.tissue.mesh import sheet

SHEET = """
[mesh]
kind = "sheet"
size = [2.0, 1.0]
dx = 0.5
[tissue]
D = 0.1
[cell]
model = "nagumo"
[[stimulus]]
where = "x <= 1"
start = 0.0
duration = 0.2
amplitude = 100.0
[time]
dt = 0.02
end = 1.0
[record]
activation_threshold = 50.0
[measure.cycle_length]
last = 500.0
at = { left = [0.0, 0.0], right = [2.0, 1.0] }
"""


@pytest.fixture
def numbers(cardiosim, tmp_path):
    """Summary of a folder with given activations, (n_beats, n_nodes)."""
    (tmp_path / "case.toml").write_text(SHEET)
    out = tmp_path / "out"
    assert cardiosim("run", tmp_path / "case.toml", "--out", out)[0] == 0
    resolved = open_results(out).resolved
    resolved["time"]["end"] = 1000.0

    def _numbers(activation):
        folder = ResultsFolder.create(tmp_path / "made", force=True)
        folder.write_resolved(resolved)
        folder.write_mesh(arrays_of(sheet((2.0, 1.0), 0.5)))
        folder.write_activation(activation, threshold=50.0)
        measure = read_case(tmp_path / "case.toml").measure
        found = activation_numbers(open_results(folder.path), measure, 0.5)
        return {name: entry["value"] for name, entry in found.items()}

    return _numbers, json.loads((out / "summary.json").read_text())


def test_a_position_that_falls_silent_is_seen(numbers):
    made, _ = numbers
    activation = np.full((8, 15), np.nan)
    activation[:, :] = 100.0 * np.arange(1, 9)[:, np.newaxis]
    activation[6:, -1] = np.nan  # the upper right corner, after 600 ms
    found = made(activation)
    assert (found["activations_left"], found["activations_right"]) == (4, 2)
    assert found["cycle_length_left"] == pytest.approx(100.0)
    assert found["cycle_length_deviation_left"] == pytest.approx(0.0, abs=1e-9)
    assert np.isnan(found["cycle_length_deviation_right"])
    assert found["active_until"] == 600.0


def test_positions_that_get_other_waves_differ(numbers):
    made, _ = numbers
    activation = 100.0 * np.arange(1, 11)[:, np.newaxis] * np.ones(15)
    activation[:, -1] *= 0.9
    found = made(activation)
    assert found["cycle_length_range"] == pytest.approx(10.0)


def test_one_wave_has_no_cycle_length(numbers):
    """The run of a millisecond itself."""
    _, summary = numbers
    assert summary["activations_right"]["value"] == 0
    assert summary["cycle_length_right"]["value"] is None
    assert summary["cycle_length_range"]["value"] is None
    assert summary["active_until"]["value"] is None
