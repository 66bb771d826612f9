"""What a [protocol] table may say."""

import pytest

from cardiosim.case.protocols import spread
from cardiosim.case.read import CaseError, read_case

CASE = """
[mesh]
kind = "point"
[cell]
model = "mitchell_schaeffer2003"
[protocol]
{protocol}
[time]
dt = 0.02
"""


@pytest.fixture
def protocol(tmp_path):
    """Read the protocol of a case with these lines in its table."""

    def read(*lines):
        file = tmp_path / "case.toml"
        file.write_text(CASE.format(protocol="\n".join(lines)))
        return read_case(file).protocol

    return read


@pytest.mark.parametrize(
    "entry, values",
    [
        ([1.0, 2.0], [1.0, 2.0]),
        ({"from": 300, "to": 400, "step": 50}, [300.0, 350.0, 400.0]),
        ({"from": 0.1, "to": 0.3, "step": 0.1}, [0.1, 0.2, 0.3]),
        ({"from": 300, "to": 390, "step": 50}, [300.0, 350.0]),
        ({"from": 1, "to": 2, "count": 5}, [1.0, 1.25, 1.5, 1.75, 2.0]),
    ],
)
def test_a_range_stands_for_a_list(entry, values):
    assert spread(entry) == values


@pytest.mark.parametrize(
    "entry, says",
    [
        ("{ from = 300, to = 200, step = 10 }", "from <= to"),
        ("{ from = 100, to = 200, step = 0 }", "positive step"),
        ("{ from = 100, to = 200 }", "from, to and step"),
        ('{ from = "a", to = 200, step = 10 }', "expected a number"),
        (
            "{ from = 100, to = 200, count = 0 }",
            "came 0, expected a whole number from 1",
        ),
        ("[]", "at least 1"),
        ("{ from = 100, to = 200, count = 2.7 }", "count: came 2.7, expected a whole"),
        ("{ from = 100, to = 200, count = true }", "count: came True"),
        ("{ from = 1, to = nan, step = 1 }", "came nan in .* a finite number"),
        ("{ from = 1, to = inf, count = 3 }", "came inf in .* a finite number"),
        ("{ from = 1, to = 1e9, step = 1e-3 }", "range of 1e.12 .* at most 100000"),
        ("{ from = 1, to = 2, count = 1_000_000_000 }", "range of 1e.09 values"),
        ('{ from = "1 mV", to = 2, count = 2 }', "from: came '1 mV', which is no"),
        ("[300.0, 400.0, 300]", "intervals: 300 ms came twice"),
        ('[300.0, "0.3 s"]', "intervals: 300 ms came twice"),
        ("[-5.0]", "greater than 0"),
        ("[nan]", "came nan"),
    ],
)
def test_a_range_that_is_none_is_an_error(protocol, entry, says):
    with pytest.raises(CaseError, match=says):
        protocol('kind = "s1s2_restitution"', f"intervals = {entry}")


def test_a_list_may_have_units(protocol):
    read = protocol('kind = "s1s2_restitution"', 'intervals = ["0.3 s", 400]')
    assert read.intervals == (300.0, 400.0)
    units = '{ from = "0.3 s", to = 0.5e3, step = "100 ms" }'
    read = protocol('kind = "s1s2_restitution"', f"intervals = {units}")
    assert read.intervals == (300.0, 400.0, 500.0)
    potentials = '{ from = "-0.08 V", to = "-60 mV", count = 3 }'
    segments = f"segments = [{{ step_to = {potentials}, duration = 5 }}]"
    read = protocol('kind = "voltage_clamp"', segments)
    assert read.family() == (-80.0, -70.0, -60.0)


def test_kind_and_intervals_are_enough(protocol):
    read = protocol('kind = "s1s2_restitution"', "intervals = [300]")
    assert read.intervals == (300.0,)
    read = protocol('kind = "dynamic_restitution"', "cycle_lengths = [300]")
    assert read.beats == 50
    read = protocol('kind = "refractory_period"')
    assert (read.resolution, read.response, read.longest) == (1.0, 0.8, None)
    assert protocol('kind = "threshold"').resolution == 1e-3
    assert protocol('kind = "strength_duration"', "durations = [1]").largest == 2000.0
    assert protocol('kind = "pacing"', "bcl = 1000").tolerance == 1e-5


@pytest.mark.parametrize(
    "lines, says",
    [
        (['kind = "s1s2"'], "s1s2_restitution"),
        (['kind = "pacing"'], "bcl"),
        (['kind = "pacing"', "bcl = 1000", "tolerance = -1"], "tolerance"),
        (['kind = "dynamic_restitution"', "cycle_lengths = [300]", "beats = 1"], "2"),
        (['kind = "threshold"', "largest = 0"], "largest"),
        (['kind = "threshold"', "resolution = 1.0"], "resolution"),
        (['kind = "refractory_period"', "response = 1.5"], "response"),
        (
            ['kind = "refractory_period"', "strength = 2", "pulse.amplitude = 20"],
            "not both",
        ),
        (['kind = "threshold"', "intervals = [1]"], r"\[protocol\] has no key 'inter"),
        (['kind = "s1s2_restitution"', "interval = [1]"], "did you mean 'intervals'?"),
        (['kind = "s1s2_restitution"'], "protocol.intervals is missing; expected a l"),
        (['kind = "s1s2_restitution"', "intervals = []"], "protocol.intervals: came"),
        (['kind = "treshold"'], "protocol.kind: came 'treshold'; did you mean thresho"),
        (['kind = "s1s2"'], "protocol.kind: came 's1s2'; known are: pacing, s1s2_"),
        (["bcl = 500.0"], "protocol.kind is missing; expected 'pacing' or 's1s2_rest"),
        (['kind = "threshold"', "pulse.durations = 1"], r"\[protocol\] has no key"),
        (
            ['kind = "pacing"', "bcl = 500", "pulse.durations = 1"],
            r"\[protocol.pulse\] has no key 'durations'; did you mean 'duration'",
        ),
        (
            ['kind = "s1s2_restitution"', "intervals = [500]", "pulse.duration = 400"],
            "protocol.pulse.duration: came 400.0, expected a number not above 50",
        ),
        (
            ['kind = "pacing"', "bcl = 40", "pulse.duration = 40"],
            "protocol.bcl: 40 ms is not above the 40 ms of the pulse",
        ),
        (
            ['kind = "dynamic_restitution"', "cycle_lengths = [9, 1.5]"],
            "protocol.cycle_lengths: 1.5 ms is not above the 2 ms of the pulse",
        ),
    ],
)
def test_what_no_protocol_says_is_an_error(protocol, lines, says):
    with pytest.raises(CaseError, match=says) as error:
        protocol(*lines)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "override, key",
    [
        ("time.reaction_dt=0.01", "time.reaction_dt"),
        ("record.trace.0.interval=1.0", r"\[\[record.trace\]\]"),
        ("record.snapshot.interval=1.0", r"\[record.snapshot\]"),
        ("measure.apd=[50]", "measure.apd"),
        ("measure.apd_at=[-60]", "measure.apd_at"),
    ],
)
def test_what_a_protocol_would_not_heed_is_refused(tmp_path, override, key):
    file = tmp_path / "case.toml"
    file.write_text(CASE.format(protocol='kind = "threshold"'))
    with pytest.raises(CaseError, match=f"by itself; remove {key}$"):
        read_case(file, [override])


def test_durations_are_asked_for_in_one_place(tmp_path):
    file = tmp_path / "case.toml"
    file.write_text(CASE.format(protocol='kind = "pacing"\nbcl = 500'))
    case = read_case(file, ["measure.apd=[50]", "measure.apd_at=[-60]"])
    assert (case.measure.apd, case.measure.apd_at) == ((50.0,), (-60.0,))
    with pytest.raises(CaseError, match="has no key 'potentials'"):
        read_case(file, ["protocol.potentials=[-60]"])


@pytest.mark.parametrize(
    "prepace, says",
    [
        (
            "{ bcl = 300, beats = 2, duration = 300 }",
            "duration 300 ms is not below bcl",
        ),
        (
            "{ bcl = 300, beats = 2, dt = 0.07 }",
            "beats . bcl 600 ms is no whole number",
        ),
    ],
)
def test_a_train_that_does_not_fit_names_its_key(tmp_path, prepace, says):
    file = tmp_path / "case.toml"
    file.write_text(CASE.format(protocol='kind = "threshold"'))
    with pytest.raises(CaseError, match=f"cell.prepace: {says}"):
        read_case(file, [f"cell.prepace={prepace}"])


def test_a_tolerance_of_zero_paces_all_beats(protocol):
    read = protocol('kind = "pacing"', "bcl = 1000", "tolerance = 0", "beats = 3")
    assert read.tolerance == 0.0 and read.beats == 3
