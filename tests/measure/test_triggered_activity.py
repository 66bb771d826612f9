"""Afterdepolarisations put into action potentials of straight lines."""

import numpy as np
import pytest

from cardiosim.measure.triggered_activity import rises

TIMES = np.arange(0.0, 3000.0, 0.5)


def trace(*corners):
    """V through (ms, mV), straight between, after a beat at 10 ms of some 300 ms."""
    beat = [(0, -80), (10, -80), (11, 30), (15, 10), (40, 15), (200, -10)]
    t, V = zip(*beat, *corners, strict=True)
    return np.interp(TIMES, t, V)[:, None]


NORMAL = ((300, -78), (350, -80))
EAD = ((230, -22), (260, -10), (330, -78), (380, -80))
DAD = ((300, -78), (350, -80), (600, -80), (650, -71), (720, -80))
TRIGGERED = ((300, -78), (350, -80), (600, -80), (650, -65), (652, 30), (900, -80))
FROM_EAD = ((230, -30), (240, 20), (400, -78), (420, -80))


def found(corners, **options):
    return rises(TIMES, trace(*corners), [10.0], 1.0, **options)


def kinds(rise):
    return [str(kind) for kind in rise.kind if kind]


def test_normal_beat_with_its_dome_has_nothing():
    assert kinds(found(NORMAL)) == ["response"]


@pytest.mark.parametrize(
    ("corners", "kind"),
    [(EAD, "EAD"), (DAD, "DAD"), (TRIGGERED, "triggered"), (FROM_EAD, "EAD")],
)
def test_each_is_what_it_is(corners, kind):
    rise = found(corners)
    assert kinds(rise) == ["response", kind]
    assert rise.count(kind).tolist() == [1]


def test_take_off_and_peak_are_where_they_were_put():
    early, late = found(EAD), found(DAD)
    (k,) = np.flatnonzero(early.kind == "EAD")
    assert (early.takeoff[k], early.peak[k]) == (230.0, 260.0)
    assert early.size[k] == pytest.approx(12.0)
    assert early.beat[k] == 1
    (k,) = np.flatnonzero(late.kind == "DAD")
    assert late.peak[k] == 650.0
    assert late.takeoff_potential[k] == pytest.approx(-80.0)
    assert late.size[k] == pytest.approx(9.0)


def test_smaller_wobbles_than_the_rise_do_not_count():
    assert kinds(found(EAD, rise=11.9)) == ["response", "EAD"]
    assert kinds(found(EAD, rise=12.1)) == ["response"]
    assert kinds(found(DAD, rise=9.1)) == ["response"]


def test_rise_before_the_earliest_time_is_a_dome():
    # The upstroke crosses the threshold at 10.5 ms; the take-off is 219.5 ms later.
    assert kinds(found(EAD, earliest=219.0)) == ["response", "EAD"]
    assert kinds(found(EAD, earliest=221.0)) == ["response"]


def test_what_a_stimulus_does_is_no_afterdepolarisation():
    V = trace(*DAD)
    assert kinds(rises(TIMES, V, [10.0, 602.0], 2.0)) == ["response"]
    V = trace(*EAD)
    assert kinds(rises(TIMES, V, [10.0, 232.0], 2.0)) == ["response"]
    V = trace(*TRIGGERED)
    answered = rises(TIMES, V, [10.0, 640.0], 2.0)
    assert kinds(answered) == ["response", "response"]
    assert answered.beat.max() == 2


def test_nodes_do_not_influence_each_other():
    several = [NORMAL, EAD, DAD, TRIGGERED, NORMAL]
    V = np.hstack([trace(*corners) for corners in several])
    together = rises(TIMES, V, [10.0], 1.0)
    for node, corners in enumerate(several):
        alone = found(corners)
        mine = together.node == node
        for name in ("kind", "beat", "takeoff", "peak_potential"):
            assert np.array_equal(getattr(together, name)[mine], getattr(alone, name))
    assert together.count("EAD").tolist() == [0, 1, 0, 0, 0]
    with pytest.raises(ValueError, match='"dad" is no kind'):
        together.count("dad")


def test_depolarised_at_the_end_is_told():
    V = np.hstack([trace(*NORMAL), trace((3000, -10))])
    assert rises(TIMES, V, [10.0], 1.0).unrepolarised.tolist() == [False, True]


def test_triggered_beat_that_the_end_cuts_off_counts():
    V = trace((300, -78), (350, -80), (2900, -80), (2950, -60), (2952, 30), (3000, 31))
    assert kinds(rises(TIMES, V, [10.0], 1.0)) == ["response", "triggered"]


def test_faults_are_named():
    with pytest.raises(ValueError, match="must be positive"):
        found(NORMAL, rise=0.0)
    with pytest.raises(ValueError, match="not finite"):
        rises(TIMES, np.full((TIMES.size, 1), np.nan))
