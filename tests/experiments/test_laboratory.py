"""Protocols of a case: what is found, and what the user is told."""

import math

import numpy as np
import pytest

from cardiosim.case.build import build
from cardiosim.case.read import CaseError, read_case
from cardiosim.experiments.laboratory import Bench, run_protocol
from cardiosim.ionic.cell_library import model_path

CASE = """
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
[time]
dt = 0.01
"""


@pytest.fixture
def found(tmp_path):
    """Findings of a protocol, by the lines of its table and overrides of the case."""

    def run(protocol, *overrides, text=CASE):
        file = tmp_path / "case.toml"
        file.write_text(f"{text}\n[protocol]\n{protocol}")
        case, problem = build(read_case(file, overrides))
        return run_protocol(Bench(case, problem.cell, problem.states[:, 0].copy()))

    return run


UNPACED = CASE[: CASE.index("[cell.prepace]")] + "[time]\ndt = 0.01\n"
PACING = 'kind = "pacing"\nbcl = 500\n'


def test_pacing_tells_the_last_beat_and_lists_all(found):
    paced = found(PACING, "measure.apd_at=[-60]")
    beats, numbers = paced.tables["beats"], paced.numbers
    assert numbers["beats"]["value"] == len(beats["beat"].values) < 10
    for name in ("apd50", "apd90", "apd_at_-60mV", "resting_potential", "change"):
        assert numbers[name]["value"] == beats[name].values[-1]
        assert numbers[name]["unit"] == beats[name].unit
    V = paced.traces["beats"].values["membrane.V"]
    assert V.shape == (paced.traces["beats"].times.size, 2)
    assert not paced.notes


def test_pacing_without_a_steady_state_is_told(found):
    paced = found(PACING + "beats = 2\ntolerance = 1e-12")
    assert any("no steady state within 2 beats" in note for note in paced.notes)
    assert not found(PACING + "beats = 2\ntolerance = 0").notes


def test_pacing_that_the_cell_does_not_follow_is_told(found):
    paced = found('kind = "pacing"\nbcl = 180\nbeats = 20')
    assert any("were not answered" in note for note in paced.notes)


def test_pacing_that_only_charges_the_cell_is_told(found):
    """80 mV a pulse exceed the threshold whatever the cell does."""
    paced = found(
        'kind = "pacing"\nbcl = 60\nbeats = 12\npulse = { amplitude = 40, '
        "duration = 2 }",
        "cell.scheme=multirate",
        "time.dt=0.02",
        text=UNPACED.replace("mitchell_schaeffer2003", "courtemanche1998"),
    )
    assert paced.numbers["peak"]["value"] > -20.0
    assert any("5 of the last 5 stimuli were not" in note for note in paced.notes)


def test_pacing_lists_all_biomarkers_of_each_beat(found):
    paced = found(
        'kind = "pacing"\nbcl = 400\nbeats = 4\ntolerance = 0',
        "cell.scheme=multirate",
        "time.dt=0.05",
        "measure.apd=[20, 50, 95]",
        text=UNPACED.replace("mitchell_schaeffer2003", "skibsbye2016"),
    )
    beats, numbers = paced.tables["beats"], paced.numbers
    units = {
        "peak": "mV",
        "amplitude": "mV",
        "dvdt_max_during_stimulus": "V/s",
        "dvdt_max_after_stimulus": "V/s",
        "apd20": "ms",
        "apd95": "ms",
        "triangulation": "ms",
        "apd95_change": "ms",
        "calcium_amplitude": "mM",
        "calcium_time_to_peak": "ms",
    }
    assert {name: beats[name].unit for name in units} == units
    assert all(len(column.values) == 4 for column in beats.values())
    height = beats["peak"].values - beats["resting_potential"].values
    np.testing.assert_allclose(beats["amplitude"].values, height)
    apd = beats["apd95"].values
    np.testing.assert_allclose(beats["apd95_change"].values[1:], np.diff(apd))
    d = np.diff(apd)
    alternating = abs(d[0] - d[1] + d[2]) / 3.0  # the definition, of three changes
    assert numbers["apd95_alternans"]["value"] == pytest.approx(alternating)
    assert (beats["calcium_amplitude"].values > 1e-5).all()
    for name in ("triangulation", "dvdt_max_after_stimulus", "calcium_amplitude"):
        assert numbers[name]["value"] == beats[name].values[-1]


def test_pacing_with_alternans_is_told(found):
    paced = found(
        'kind = "pacing"\nbcl = 200\nbeats = 40\npulse.amplitude = 40',
        'cell.parameters."outward.tau_out"=4.0',
    )
    assert any("APD90 alternates" in note for note in paced.notes)


def test_pulse_is_that_of_the_train_where_the_protocol_says_nothing(found):
    explicit = found(PACING + "pulse = { amplitude = 20, duration = 1 }")
    assert explicit.numbers == found(PACING).numbers
    stronger = found(PACING + "pulse.amplitude = 60")
    assert stronger.numbers["dvdt_max"]["value"] > explicit.numbers["dvdt_max"]["value"]


def test_pacing_needs_no_train(found):
    assert found(PACING, text=UNPACED).numbers["apd90"]["value"] > 200.0


S1S2 = 'kind = "s1s2_restitution"\nintervals = { from = 150, to = 750, step = 150 }\n'


def test_premature_beats_are_told_by_interval(found):
    premature = found(S1S2, "measure.apd_at=[-60]")
    table, numbers = premature.tables["restitution"], premature.numbers
    assert table["interval"].values.tolist() == [150.0, 300.0, 450.0, 600.0, 750.0]
    assert numbers["apd90_ci450"]["value"] == table["apd90"].values[2]
    assert numbers["apd_at_-60mV_ci600"]["value"] == table["apd_at_-60mV"].values[3]
    assert numbers["s1_apd50"]["value"] < numbers["s1_apd90"]["value"]
    assert "apd50_ci450" not in numbers and "apd50" in table
    traces = premature.traces["responses"]
    assert traces.labels[-1] == "S1 alone" and len(traces.labels) == 6
    assert traces.values["membrane.V"].shape == (traces.times.size, 6)


def test_a_premature_stimulus_that_comes_too_early_is_told(found):
    refractory, early = found(S1S2).notes
    assert refractory == "S2 at 300 ms is not answered"
    assert early.startswith("S2 at 150 ms comes before S1 has repolarised by 90 %")


def test_a_premature_stimulus_that_fails_is_told(found):
    notes = found(S1S2 + "pulse.amplitude = 1").notes
    assert any("300, 450, 600, 750 ms is not answered" in note for note in notes)


DYNAMIC = 'kind = "dynamic_restitution"\ncycle_lengths = [180, 400, 800]\nbeats = 6\n'


def test_trains_are_told_by_cycle_length(found):
    trains = found(DYNAMIC, "measure.apd=[30, 80]")
    table, numbers = trains.tables["restitution"], trains.numbers
    assert numbers["apd80_bcl400"]["value"] == table["apd80"].values[1]
    assert "apd30" in table and "apd90" not in table
    assert math.isnan(numbers["apd80_bcl180"]["value"])
    np.testing.assert_array_equal(table["answered"].values, [0.5, 1.0, 1.0])
    assert any("every 180 ms 2 of the last 4" in note for note in trains.notes)


def test_a_beat_that_the_next_cuts_off_is_told(found):
    """The atrial cell answers every 260 ms, and has not repolarised by then."""
    cut = found(
        'kind = "dynamic_restitution"\ncycle_lengths = [260]\nbeats = 3\n'
        "pulse = { amplitude = 40, duration = 2 }",
        "measure.apd=[98]",
        "measure.apd_at=[-60]",
        "cell.scheme=multirate",
        "time.dt=0.05",
        text=UNPACED.replace("mitchell_schaeffer2003", "skibsbye2016"),
    )
    assert math.isnan(cut.numbers["apd98_bcl260"]["value"])
    assert math.isfinite(cut.numbers["apd_at_-60mV_bcl260"]["value"])
    assert any("next stimulus comes before 98 %" in note for note in cut.notes)


ERP = 'kind = "refractory_period"\n'


def test_refractory_period_is_told_with_its_bracket(found):
    period = found(ERP + "resolution = 2")
    numbers, table = period.numbers, period.tables["responses"]
    assert numbers["erp_answered"]["value"] == numbers["erp"]["value"] + 2.0
    answered = dict(
        zip(table["interval"].values, table["answered"].values, strict=True)
    )
    assert answered[numbers["erp"]["value"]] == 0
    assert answered[numbers["erp_answered"]["value"]] == 1
    assert numbers["s2_amplitude"]["value"] == 20.0
    assert not period.notes


def test_a_multiple_of_the_threshold_is_a_strength(found):
    period = found(ERP + "strength = 2\npulse.duration = 2")
    threshold = found('kind = "threshold"\nduration = 2')
    amplitude = period.numbers["s2_amplitude"]["value"]
    assert amplitude == 2.0 * threshold.numbers["diastolic_threshold"]["value"]
    assert period.numbers["diastolic_threshold"]["value"] == amplitude / 2.0


@pytest.mark.parametrize(
    "lines, says",
    [
        ("longest = 100", "S2 at 100 ms, the longest interval, is not answered"),
        ("shortest = 600", "S2 at 600 ms, the shortest interval, is answered"),
    ],
)
def test_a_period_outside_the_intervals_is_told(found, lines, says):
    period = found(ERP + lines)
    assert any(says in note for note in period.notes)
    assert math.isnan(period.numbers["erp"]["value"])
    assert math.isnan(period.numbers["erp_answered"]["value"])


def test_threshold_is_told_with_its_bracket(found):
    threshold = found('kind = "threshold"\nresolution = 1e-2')
    upper = threshold.numbers["diastolic_threshold"]["value"]
    lower = threshold.numbers["diastolic_threshold_fails"]["value"]
    assert 0.99 * upper <= lower < upper
    assert threshold.numbers["threshold_charge"]["value"] == upper  # 1 ms, the train's
    V = threshold.traces["responses"].values["membrane.V"]
    assert V[:, 0].max() < -20.0 < V[:, 1].max()


def test_a_threshold_beyond_the_largest_amplitude_is_told(found):
    threshold = found('kind = "threshold"\nlargest = 2')
    assert any("2 A/F for 1 ms, the largest" in note for note in threshold.notes)
    assert math.isnan(threshold.numbers["diastolic_threshold"]["value"])
    assert not threshold.traces


@pytest.mark.parametrize(
    "protocol", ["threshold", 'strength_duration"\ndurations = [0.5, 1.0]#']
)
def test_a_cell_that_is_not_excitable_has_no_action_potential(found, protocol):
    """tau_in > tau_out/4 leaves rest as the only state of rest."""
    dead = found(f'kind = "{protocol}"', 'cell.parameters."inward.tau_in"=100.0')
    assert any("that is no action potential" in note for note in dead.notes)
    assert not found(f'kind = "{protocol}"').notes


def test_thresholds_are_told_by_duration_with_both_laws(found):
    curve = found('kind = "strength_duration"\ndurations = [0.5, 1, 2, 5]')
    table, numbers = curve.tables["strength_duration"], curve.numbers
    assert numbers["threshold_2ms"]["value"] == table["threshold"].values[2]
    for law in ("weiss", "lapicque"):
        misfit = table[law].values / table["threshold"].values - 1.0
        residual = math.sqrt(np.mean(misfit**2))
        assert numbers[f"residual_{law}"]["value"] == pytest.approx(residual)
        assert numbers[f"rheobase_{law}"]["value"] > 0.0


@pytest.mark.parametrize("protocol", [S1S2, ERP])
def test_a_protocol_of_premature_beats_needs_a_train(found, protocol):
    with pytest.raises(CaseError, match="begins from an S1 train.*cell.prepace"):
        found(protocol, text=UNPACED)


def test_a_step_too_long_for_rush_larsen_is_told(found):
    text = UNPACED.replace("mitchell_schaeffer2003", "skibsbye2016")
    protocol = 'kind = "pacing"\nbcl = 400\nbeats = 1\ntolerance = 0'
    (note,) = found(protocol, "time.dt=0.05", text=text).notes
    assert "rush_larsen at dt 0.05 ms" in note and "multirate" in note
    assert not found(protocol, "time.dt=0.02", text=text).notes


def test_an_s1_that_fails_is_an_error(found):
    with pytest.raises(ValueError, match="S1 of 1 A/F for 1 ms is not answered"):
        found(S1S2, "cell.prepace.amplitude=1.0")


def test_a_cell_without_a_stimulus_cannot_be_paced(found, tmp_path):
    """It has no variable that the pulses could be."""
    text = model_path("nagumo").read_text()
    (tmp_path / "deaf.mmt").write_text(text.replace("bind pace", ""))
    deaf = UNPACED.replace("mitchell_schaeffer2003", "deaf.mmt")
    with pytest.raises(CaseError, match="deaf.mmt binds no variable to pace"):
        found(PACING, text=deaf)
