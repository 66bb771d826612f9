"""The voltage clamp of a case: what is read off it, recordings, mistakes."""

import math

import numpy as np
import pytest

from cardiosim.case.build import build
from cardiosim.case.read import CaseError, read_case
from cardiosim.commands.clamp_picture import draw_voltage_clamp
from cardiosim.experiments.clamp_protocol import clamp_findings
from cardiosim.experiments.laboratory import Bench

CASE = """
[mesh]
kind = "point"
[cell]
model = "skibsbye2016"
[protocol]
kind = "voltage_clamp"
settle = 0.0
variables = ["ina.h1", "ina.i_Na"]
{protocol}
[time]
dt = 0.02
"""
FAMILY = """
segments = [
    { step_to = [-120.0, -90.0, -60.0], duration = 300.0 },
    { step_to = -20.0, duration = 5.0 },
]
"""
BRIEF = """
interval = 4.0
segments = [
    { step_to = -80.0, duration = 1.0 },
    { step_to = [-40.0, 0.0], duration = 1.0 },
    { step_to = -80.0, duration = 10.0 },
]
"""


@pytest.fixture
def read(tmp_path):
    def write(protocol, *overrides):
        (tmp_path / "case.toml").write_text(CASE.replace("{protocol}", protocol))
        return read_case(tmp_path, overrides)

    return write


def findings(case):
    case, problem = build(case)
    bench = Bench(case, problem.cell, problem.states[:, 0].copy())
    return case, clamp_findings(bench, case.protocol)


def h_inf(V):
    return 1.0 / (1.0 + np.exp((V + 67.0) / 5.6))


def test_the_segment_of_the_family_is_read_unless_told(read, tmp_path):
    case, found = findings(read(FAMILY, "protocol.interval=0.1"))
    table = found.tables["clamp"]
    V = np.array([-120.0, -90.0, -60.0])
    np.testing.assert_array_equal(table["potential"].values, V)
    # 300 ms are 20 time constants of h1 at -60 mV.
    np.testing.assert_allclose(table["last_ina.h1"].values, h_inf(V), rtol=1e-6)
    assert table["peak_ina.i_Na"].unit == "A/F"
    traces = found.traces["clamp"]
    assert traces.labels == ("-120 mV", "-90 mV", "-60 mV")
    np.testing.assert_array_equal(traces.values["membrane.V"][0], V)
    files = draw_voltage_clamp(case, found, tmp_path)
    assert files == ["clamp.png", "clamp1.png"]
    assert all((tmp_path / file).is_file() for file in files)


def test_steady_state_inactivation_is_read_in_the_test_step(read):
    _, found = findings(read(FAMILY, "protocol.read=1", "protocol.interval=0.02"))
    table = found.tables["clamp"]
    V = np.array([-120.0, -90.0, -60.0])
    # h1 is largest where the test step begins: what the step before it has left.
    np.testing.assert_allclose(table["peak_ina.h1"].values, h_inf(V), rtol=1e-6)
    peaks = np.array(table["peak_ina.i_Na"].values)
    least = found.numbers["least_ina.i_Na"]
    assert least["value"] == peaks.min()
    assert least["definition"].endswith("and -20 mV")
    assert abs(peaks[2]) < 0.1 * abs(peaks[0])  # most channels are inactivated


def test_a_recording_is_a_command_without_a_table(read, tmp_path):
    times = np.arange(0.0, 3.01, 0.5)
    V = -80.0 + 20.0 * times
    rows = "\n".join(f"{t},{x}" for t, x in zip(times, V, strict=True))
    (tmp_path / "ap.csv").write_text(f"time (ms),V (mV)\n{rows}\n")
    case, found = findings(read('recording = "ap.csv"', "protocol.interval=0.5"))
    assert found.tables == {}
    traces = found.traces["clamp"]
    np.testing.assert_allclose(traces.values["membrane.V"][:, 0], V)
    files = draw_voltage_clamp(case, found, tmp_path)
    assert files == ["currents.png", "gates.png"]


def test_a_recording_in_another_unit_is_no_command(read, tmp_path):
    (tmp_path / "ap.csv").write_text("time (s),V (mV)\n0,-80\n0.001,-70\n")
    with pytest.raises(CaseError, match=r"columns time \(s\), V \(mV\)"):
        findings(read('recording = "ap.csv"'))


def test_without_variables_all_membrane_currents_are_recorded(read):
    case = read("segments = [{ step_to = -40.0, duration = 0.1 }]")
    all_of_them = case.protocol.model_copy(update={"variables": None})
    _, found = findings(case.model_copy(update={"protocol": all_of_them}))
    names = [name for name in found.numbers if name.startswith("least_")]
    assert {"least_ina.i_Na", "least_ik1.i_K1", "least_inaca.i_NaCa"} <= set(names)
    assert all(math.isfinite(number["value"]) for number in found.numbers.values())


@pytest.mark.parametrize(
    ("protocol", "overrides", "says"),
    [
        (FAMILY, ["protocol.variables=['ina.h3']"], "no variable 'ina.h3'; did you"),
        (FAMILY, ["protocol.read=2"], "there are 2 segments"),
        (FAMILY, ["protocol.segments.1.step_to=[0.0, 1.0]"], "families of"),
        (FAMILY, ["protocol.segments.1.ramp_to=0.0"], "either step_to or ramp_to"),
        (FAMILY, ["protocol.recording=ap.csv"], "either segments"),
        (BRIEF, [], "interval is longer than the segment from 1 to 2 ms"),
        ("", [], "either segments"),
        ('recording = "none.csv"', [], "protocol.recording: .*none.csv cannot be read"),
        ('recording = "case.toml"', [], "expected time .ms. and V .mV."),
        (FAMILY, ["protocol.settle=0.03"], "settle 0.03 ms is no whole number"),
        (
            FAMILY,
            ["protocol.segments.1.duration=0.01"],
            "segments.1.duration 0.01 ms is no whole number of steps of dt 0.02 ms, at",
        ),
        (FAMILY, ["protocol.segments.0.duration=1.03"], "segments.0.duration 1.03 ms"),
        (FAMILY, ["time.end=10.0"], "remove time.end"),
    ],
)
def test_a_mistake_is_one_line(read, protocol, overrides, says):
    with pytest.raises(ValueError, match=says):
        findings(read(protocol, *overrides))


def test_potentials_may_be_a_range_with_units(read):
    case = read(
        "segments = [{ step_to = { from = -80, to = 40, step = 40 }, duration = 1.0 }]"
    )
    assert case.protocol.family() == (-80.0, -40.0, 0.0, 40.0)
    assert case.protocol.stretch() == (0.0, 1.0)
    case = read('segments = [{ step_to = "-0.08 V", duration = "1 s" }]')
    assert case.protocol.segments[0].potentials == (-80.0,)
    assert case.protocol.segments[0].duration == 1000.0
    assert case.protocol.family() == ()
