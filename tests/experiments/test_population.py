"""Cells as nodes of one run give the numbers that each gives alone."""

import math

import numpy as np
import pytest

from cardiosim.case.build import build
from cardiosim.case.read import read_case
from cardiosim.experiments.population import can_run_together, run_population
from cardiosim.ionic.compiled import CompiledCell
from cardiosim.measure.action_potential import action_potentials
from cardiosim.simulation.recorders import TraceRecorder
from cardiosim.simulation.run import march

CASE = """
[mesh]
kind = "point"
[cell]
model = "skibsbye2016"
scheme = "multirate"
[[stimulus]]
start = 2.0
duration = 2.0
amplitude = 20.0
period = 400.0
count = 2
[time]
dt = 0.05
end = 802.0
"""
SCALES = (0.5, 1.0, 1.6)


@pytest.fixture
def cases(tmp_path):
    """Cases that differ in one value each; an override of all of them may follow."""

    def make(key, values, *overrides):
        path = tmp_path / "case.toml"
        path.write_text(CASE)
        return [read_case(path, (*overrides, f"{key}={value}")) for value in values]

    return make


def alone(case, potentials=()):
    """Last beat of one cell, by the loop and the measurement that `run` uses."""
    resolved, problem = build(case)
    trace = TraceRecorder(np.array([0]), ["membrane.V"], case.time.dt)
    march(problem, case.time.dt, case.time.end, recorders=(trace,))
    stimulus = resolved.stimulus[0]
    starts = stimulus.start + stimulus.period * np.arange(stimulus.count or 2)
    return action_potentials(
        trace.times,
        trace.values["membrane.V"][:, 0],
        starts,
        np.full(starts.size, stimulus.duration),
        (50.0, 90.0),
        potentials=potentials,
    )


def assert_as_alone(found, cases):
    for k, case in enumerate(cases):
        last = alone(case)[-1]
        numbers = {name: values[k] for name, values in found.numbers.items()}
        exact = ("resting_potential", "peak", "amplitude", "dvdt_max")
        for name in exact:
            # The same samples of the same run; threads and strips change no bit.
            assert numbers[name] == pytest.approx(getattr(last, name), rel=1e-9)
        for percent, apd in last.apd.items():
            # A population is sampled every 0.1 ms after the upstroke, a run every
            # step: what linear interpolation makes of the curvature between.
            assert numbers[f"apd{percent:g}"] == pytest.approx(apd, abs=1e-3)
        assert numbers["triangulation"] == pytest.approx(last.triangulation, abs=2e-3)


def test_a_population_has_the_numbers_of_its_cells_alone(cases):
    chosen = cases("cell.parameters.ical.g_CaL.scale", SCALES)
    found = run_population(chosen)
    assert_as_alone(found, chosen)
    assert found.errors == {}
    assert found.units["apd90"] == "ms"
    assert found.units["dvdt_max"] == "V/s"
    assert found.units["calcium_amplitude"] == "mM"
    assert np.all(found.numbers["calcium_amplitude"] > 0.0)
    assert found.V.shape == (len(found.times), 3)
    # More calcium current, a longer beat.
    assert np.all(np.diff(found.numbers["apd90"]) > 0.0)


def test_each_cell_has_its_own_stimuli(cases):
    chosen = cases("stimulus.0.start", (0.0, 1.0, 2.0), "time.end=804")
    found = run_population(chosen)
    assert_as_alone(found, chosen)
    # The kept beats begin with their stimuli: the same beat, seen from its begin.
    assert np.abs(found.V[:, 0] - found.V[:, 2]).max() < 0.5
    weak = run_population(cases("stimulus.0.amplitude", (20.0, 1.0)))
    assert math.isnan(weak.numbers["apd90"][1])
    assert weak.numbers["apd90"][0] > 100.0
    told = "the last stimulus is not answered: V stays below -20 mV"
    assert weak.notes == {1: told}


def test_the_charge_of_a_stimulus_alone_has_no_duration(cases):
    """Without sodium and calcium current, 40 A/F for 2 ms lift V by 80 mV."""
    inexcitable = ("cell.parameters.ina.g_Na.scale=0", "time.end=500")
    key, once = "cell.parameters.ical.g_CaL.scale", "stimulus.0.count=1"
    (case,) = cases(key, (0.0,), *inexcitable, once, "stimulus.0.amplitude=60")
    (alive,) = cases(key, (1.0,), "time.end=500", once, "stimulus.0.amplitude=60")
    found = run_population([case, alive])
    assert found.numbers["peak"][0] > -20.0  # the threshold, which is no answer
    for name in ("apd50", "apd90", "triangulation"):
        assert np.isnan(found.numbers[name][0]) and found.numbers[name][1] > 0.0
    told = "the last stimulus is not answered: V shows its charge alone"
    assert found.notes == {0: told}


def test_a_run_that_ends_too_early_is_told(cases):
    chosen = cases("time.end", (440.0,))
    found = run_population(chosen)
    assert math.isnan(found.numbers["apd90"][0])
    (note,) = found.notes.values()
    assert note.startswith("V does not repolarise by")
    assert note.endswith("90 % before the run ends")


def test_a_region_of_the_point_reaches_every_cell(cases):
    values, where = (1.0, 1.0), 'stimulus.0.where="nodes(0)"'
    chosen = cases("cell.parameters.ina.g_Na.scale", values, where)
    found = run_population(chosen)
    assert found.numbers["apd90"][0] == found.numbers["apd90"][1] > 100.0


def test_each_cell_is_paced_before_as_it_would_be_alone(cases):
    prepace = "cell.prepace={ bcl = 500.0, beats = 2, dt = 0.05 }"
    chosen = cases("cell.parameters.ik1.g_K1.scale", SCALES, prepace)
    said = []
    found = run_population(chosen, lambda done, end: said.append(done / end))
    assert_as_alone(found, chosen)
    assert said == sorted(said)
    assert said[-1] == 1.0


def test_a_cell_that_diverges_has_an_error_and_the_others_their_numbers(cases):
    values = (1.0, 1e6, 1.2, 0.9, 1.0)
    chosen = cases("cell.parameters.ical.g_CaL.scale", values)
    found = run_population(chosen)
    assert list(found.errors) == [1]
    assert "non-finite" in found.errors[1]
    assert math.isnan(found.numbers["apd90"][1])
    assert np.isnan(found.V[:, 1]).all()
    kept = run_population([chosen[k] for k in (0, 2, 3, 4)])
    for name, values in kept.numbers.items():
        np.testing.assert_array_equal(found.numbers[name][[0, 2, 3, 4]], values)
    nothing = run_population([chosen[1]])
    assert (list(nothing.errors), nothing.numbers) == ([0], {})


def test_whatever_fails_in_one_cell_is_its_own_error(cases, monkeypatch):
    """Such as a device without memory, or a trace that cannot be measured."""
    from cardiosim.experiments import population

    measure = population.train_biomarkers

    def fails(times, V, *arguments):
        if np.ptp(V, axis=0).min() < 40.0:  # one does not fire
            raise ValueError("this trace cannot be measured")
        return measure(times, V, *arguments)

    monkeypatch.setattr(population, "train_biomarkers", fails)
    found = run_population(cases("stimulus.0.amplitude", (20.0, 21.0, 1.0, 22.0)))
    assert found.errors == {2: "this trace cannot be measured"}
    assert np.isnan(found.numbers["apd90"]).tolist() == [False, False, True, False]


def test_durations_at_a_potential_are_those_of_the_cells_alone(cases):
    chosen = cases("stimulus.0.amplitude", (20.0, 30.0), "measure.apd_at=[-60.0]")
    found = run_population(chosen)
    assert found.units["apd_at_-60mV"] == "ms"
    for value, case in zip(found.numbers["apd_at_-60mV"], chosen, strict=True):
        # As of the percentages: sampled every 0.1 ms after the upstroke.
        expected = alone(case, (-60.0,))[-1].apd_at[-60.0]
        assert value == pytest.approx(expected, abs=1e-3)


def test_the_kernel_is_compiled_for_the_number_of_cells(cases, monkeypatch):
    """Before the first step: the torch backend runs uncompiled where nobody asks."""
    from cardiosim.experiments import population

    asked, before = [], []
    compile_, run = CompiledCell.compile, population.run_cells

    def compiling(self, n_nodes):
        asked.append(n_nodes)
        compile_(self, n_nodes)

    def running(*arguments, **options):
        before.extend(asked)
        return run(*arguments, **options)

    monkeypatch.setattr(CompiledCell, "compile", compiling)
    monkeypatch.setattr(population, "run_cells", running)
    run_population(cases("stimulus.0.amplitude", (20.0, 30.0, 40.0)))
    assert before == [3]


def test_a_stimulus_that_does_not_fit_is_the_error_of_its_cell(cases):
    found = run_population(cases("stimulus.0.start", (2.0, 401.0)))
    assert "before stimulus.0 ends" in found.errors[1]
    assert found.numbers["apd90"][0] > 100.0


@pytest.mark.parametrize(
    ("key", "values", "together"),
    [
        ("cell.parameters.ical.g_CaL.scale", (0.5, 1.0), True),
        ("cell.drug", ("[{blocks.ikr.g_Kr.block=0.1}]",) * 2, True),
        ("stimulus.0.amplitude", (20.0, 30.0), True),
        ("stimulus.0.period", (300.0, 400.0), True),
        # As many beats are needed of each; without a count the period makes them.
        ("stimulus.0.count", (1, 2), False),
        (
            "stimulus.0",
            [f"{{start=0,duration=1,amplitude=9,period={p}}}" for p in (200.0, 400.0)],
            False,
        ),
        ("stimulus", ("[]", "[]"), False),
        ("cell.parameters.ical.g_CaL", ("{scale=0.5}", "7.0"), False),
        ("cell.model", ("skibsbye2016", "courtemanche1998"), False),
        ("cell.prepace", ("{bcl=300,beats=1}", "{bcl=400,beats=1}"), False),
        ("time.dt", (0.05, 0.02), False),
        ("time.reaction_dt", (0.025, 0.025), False),
        ("measure.apd", ("[50]", "[80]"), False),
        ("initial", ("[{V=-60.0}]", "[{V=-60.0}]"), False),
    ],
)
def test_which_cases_can_be_nodes_of_one_run(cases, key, values, together):
    assert can_run_together(cases(key, values)) is together


def test_a_protocol_and_tissue_run_one_by_one(tmp_path):
    head, _, rest = CASE.partition("[[stimulus]]")
    clamp = """
    [protocol]
    kind = "voltage_clamp"
    segments = [{ step_to = 0.0, duration = 1.0 }]
    [time]
    dt = 0.05
    """
    cable = head.replace('"point"', '"cable"\nlength = 1.0\ndx = 0.1')
    cable += "[tissue]\nD = 0.1\n[[stimulus]]\nwhere = 'all'" + rest
    for text in (head + clamp, cable):
        (tmp_path / "case.toml").write_text(text)
        assert not can_run_together([read_case(tmp_path)])
