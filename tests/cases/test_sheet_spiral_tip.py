"""The tip of the spiral of human atrial cells, traced for more than a second."""

from pathlib import Path

import pytest

from cardiosim import open_results
from cardiosim.commands.run import run_case
from cardiosim.commands.wave_numbers import wave_numbers
from cardiosim.commands.wave_recordings import WaveOptions

CASE = Path(__file__).parents[2] / "cases" / "sheet_spiral"


@pytest.mark.slow
def test_its_rotation_period_is_the_cycle_length_of_the_tissue(tmp_path):
    """One to two minutes on two cores."""
    run_case(CASE, tmp_path / "out", ["record.snapshot.interval=5"], pictures=False)
    numbers = wave_numbers(open_results(tmp_path / "out"), WaveOptions(begin=200.0))
    value = {name: entry["value"] for name, entry in numbers.items()}
    assert value["tips"] == value["rotors"] == value["singularities_most"] == 1.0
    assert value["rotor_lifetime_longest"] > 1000.0
    assert value["rotation_period"] == pytest.approx(
        value["cycle_length_during_rotor"], rel=0.01
    )
    # What the nodes with fewer activations leave out: "about 12 mm x 14 mm".
    assert value["tip_core_length"] == pytest.approx(14.0, abs=2.0)
