"""What is an answer to a stimulus, and what is said of beats that are none."""

import math

import numpy as np
import pytest

from cardiosim.measure.action_potential import action_potentials
from cardiosim.measure.answers import why_no_durations, with_answers

AMPLITUDE, DURATION = 40.0, 2.0  # A/F, ms
t = np.arange(0.0, 1200.0, 0.1)


def charged(start, own=0.0):
    """V that a pulse lifts from -80 mV, then `own` mV by the cell; decays by 100 ms."""
    since = t - start
    up = AMPLITUDE * np.clip(since, 0.0, DURATION)
    more = own * np.clip((since - DURATION) / 2.0, 0.0, 1.0)
    fall = np.where(since > 4.0, np.exp(-(since - 4.0) / 100.0), 1.0)
    leak = np.where(since > DURATION, 1.0 - 1e-3 * np.clip(since - DURATION, 0, 2), 1.0)
    return (up * leak + more) * fall


def beats(*V):
    found = action_potentials(t, -80.0 + sum(V), [0.0, 600.0], DURATION)
    return with_answers(found, AMPLITUDE)


def test_only_an_answer_has_durations():
    first, second = beats(charged(0.0, own=30.0), charged(600.0))
    assert first.answered and first.apd[90] > 200.0
    assert not second.answered and second.charge_alone
    assert second.peak > -20.0
    assert np.isnan([*second.apd.values(), second.triangulation]).all()


def test_a_beat_of_less_than_half_the_amplitude_is_no_answer():
    small = 0.3 * charged(600.0, own=30.0)
    first, second = beats(charged(0.0, own=30.0), small + 1e-9)
    assert first.answered and not second.answered


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((-80.0, 10.0, {"90 %": 200.0}, -20.0), ""),
        ((-80.0, -30.0, {"90 %": math.nan}, -20.0, False), "V stays below -20 mV"),
        (
            (-80.0, 0.0, {"90 %": math.nan}, -20.0, False, True),
            "V shows its charge alone",
        ),
        (
            (-80.0, 0.0, {"90 %": math.nan}, -20.0, False),
            "by less than 50 % of a full beat",
        ),
        (
            (0.0, 90.0, {"90 %": math.nan}, -20.0, False),
            "V begins above -20 mV, record.activation_threshold, and does not rise "
            "through it",
        ),
        (
            (-80.0, 0.0, {"50 %": 90.0, "90 %": math.nan}, -20.0),
            "V does not repolarise by 90 % before the run ends",
        ),
        (
            (-80.0, 0.0, {"90 %": 90.0, "-60 mV": math.nan}, -20.0),
            "V does not rise through and fall below -60 mV before the run ends",
        ),
        (
            (math.nan, math.nan, {"90 %": math.nan}, -20.0),
            "the last beat is not recorded",
        ),
    ],
)
def test_why_a_beat_has_no_durations(arguments, says):
    found = why_no_durations(*arguments)
    assert found.endswith(says) and bool(found) == bool(says)
