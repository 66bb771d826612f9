"""Cycle lengths at named positions, of activations that are known."""

import json

import numpy as np
import pytest

from cardiosim.case.read import read_case
from cardiosim.case.schema import CycleLengthTable
from cardiosim.commands.activation_summary import activation_numbers
from cardiosim.commands.mesh_to_keep import arrays_of
from cardiosim.commands.recorded import case_of
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
last = 1.0
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
    resolved["measure"]["cycle_length"]["last"] = 500.0

    def _numbers(activation):
        folder = ResultsFolder.create(tmp_path / "made", force=True)
        folder.write_resolved(resolved)
        folder.write_mesh(arrays_of(sheet((2.0, 1.0), 0.5)))
        folder.write_activation(activation, threshold=50.0)
        measure = case_of(open_results(folder.path)).measure
        found = activation_numbers(open_results(folder.path), measure)
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
    assert found["cycle_length_left_deviation"] == pytest.approx(0.0, abs=1e-9)
    assert np.isnan(found["cycle_length_right_deviation"])
    assert found["active_until"] == 600.0


def test_positions_that_get_other_waves_differ(numbers):
    made, _ = numbers
    activation = 100.0 * np.arange(1, 11)[:, np.newaxis] * np.ones(15)
    activation[:, -1] *= 0.9
    found = made(activation)
    assert found["cycle_length_spread"] == pytest.approx(10.0)


def test_one_wave_has_no_cycle_length(numbers):
    """The run of a millisecond itself."""
    _, summary = numbers
    assert summary["activations_right"]["value"] == 0
    assert summary["cycle_length_right"]["value"] is None
    assert summary["cycle_length_spread"]["value"] is None
    assert summary["active_until"]["value"] is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("measure.cycle_length.at={spread=[0, 0]}", "would make cycle_length_spread"),
        ("measure.cycle_length.at={a=[0, 0], a_deviation=[1, 1]}", "choose another"),
        ("measure.cycle_length.at={'a b'=[0, 0]}", "use letters, digits and _"),
        ("measure.lat={'a.b'=[0, 0]}", "use letters, digits and _"),
        ("measure.cycle_length.last=2", "longer than the run of 1 ms"),
    ],
)
def test_names_and_times_that_cannot_be(tmp_path, change, says):
    (tmp_path / "case.toml").write_text(SHEET)
    with pytest.raises(ValueError, match=says):
        read_case(tmp_path / "case.toml", [change])


def test_names_of_numbers_never_meet():
    """Whatever positions are called, their numbers are told apart."""
    names = ("a", "length_a", "cycle_length_a", "a_spread", "until")
    position = {name: (0.0, 0.0) for name in names}
    table = CycleLengthTable(last=1.0, at=position)
    made = [f"activations_{name}" for name in table.at]
    made += [f"cycle_length_{name}" for name in table.at]
    made += [f"cycle_length_{name}_deviation" for name in table.at]
    made += ["cycle_length_spread", "active_until", "first_activation"]
    assert len(set(made)) == len(made)


@pytest.mark.parametrize("ends", ["[[1, 0], [2, 0]]", "[[2, 0], [1, 0]]"])
def test_the_velocity_between_positions_has_no_sign(cardiosim, tmp_path, ends):
    (tmp_path / "case.toml").write_text(SHEET)
    out = tmp_path / "out"
    # The front of D = 1 mm2/ms is as wide as dx, and runs at 1 m/s.
    sets = (
        f"measure.cv={{between={ends}}}",
        "tissue.D=1.0",
        "stimulus.0.duration=1.0",
        "time.end=6",
    )
    arguments = [word for item in sets for word in ("--set", item)]
    code, stdout, _ = cardiosim("run", tmp_path, "--out", out, *arguments)
    assert code == 0
    results = open_results(out)
    lat = results.activation[0]
    number = results.summary["conduction_velocity"]
    assert number["value"] == pytest.approx(1.0 / (lat[4] - lat[2]))
    assert "whichever comes first" in number["definition"]
    definition = results.summary["total_activation_time"]["definition"]
    assert "each node's first activation" in definition
    # What is resolved can be read and measured again.
    assert cardiosim("measure", "cv", out)[1].split()[:1] == ["quantity"]


def test_fractions_beside_positions_are_refused(tmp_path):
    (tmp_path / "case.toml").write_text(SHEET)
    with pytest.raises(ValueError, match="remove either"):
        read_case(
            tmp_path / "case.toml",
            ["measure.cv={between=[[0, 0], [1, 0]], start=0.2}"],
        )
