"""The variant that was fitted to Table 1 of Sanchez & Loewe 2025 has those numbers."""

import pytest

from cardiosim.ionic.cell_library import model_source
from cardiosim.ionic.compiled import compile_cell
from cardiosim.measure.action_potential import action_potentials
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.potential_trace import PotentialTrace
from cardiosim.simulation.run import march
from cardiosim.tissue.mesh import point
from cardiosim.tissue.stimulus import Stimulus

NAME = "skibsbye2016_table1_fit"
# As the paper prints them: the tolerance is half of the last digit, and as much again
# for rounding the parameters to three digits.
TABLE_1 = {
    "apd90": (283.8, 0.1),
    "resting_potential": (-74.8, 0.1),
    "dvdt_max": (217.5, 0.1),
    "amplitude": (103.0, 0.1),
}


def test_title_says_that_it_is_no_published_cell():
    title = model_source(NAME).equations().title
    assert "fitted to Table 1" in title and "no published cell" in title


@pytest.mark.slow
def test_hundredth_beat_has_the_numbers_of_table_1():
    stimulus = Stimulus([0], 0.0, 2.0, 20.0, period=1000.0, count=100)
    cell = compile_cell(NAME)
    problem = Monodomain(point(), cell, stimuli=(stimulus,))
    trace = PotentialTrace(0.2, [(99_000.0, 99_020.0)], start=99_000.0)
    march(problem, 0.005, 100_000.0, recorders=(trace,))
    beat = action_potentials(trace.times, trace.V[:, 0], [99_000.0], 2.0, [90])[0]
    found = {
        "apd90": beat.apd[90],
        "resting_potential": beat.resting_potential,
        "dvdt_max": beat.dvdt_max,
        "amplitude": beat.amplitude,
    }
    for name, (value, atol) in TABLE_1.items():
        assert found[name] == pytest.approx(value, abs=atol), name
