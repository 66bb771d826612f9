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
        ("{ from = 100, to = 200, count = 0 }", "at least 1"),
        ("[]", "at least 1"),
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


def test_kind_and_intervals_are_enough(protocol):
    assert protocol('kind = "s1s2_restitution"', "intervals = [300]").potentials == ()
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
        (['kind = "threshold"', "intervals = [1]"], "intervals"),
    ],
)
def test_what_no_protocol_says_is_an_error(protocol, lines, says):
    with pytest.raises(CaseError, match=says):
        protocol(*lines)


def test_a_tolerance_of_zero_paces_all_beats(protocol):
    read = protocol('kind = "pacing"', "bcl = 1000", "tolerance = 0", "beats = 3")
    assert read.tolerance == 0.0 and read.beats == 3
