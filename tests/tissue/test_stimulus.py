import math

import numpy as np
import pytest

from cardiosim.tissue.stimulus import AppliedCurrent, Stimulus, stimulus_current


def train(**changes) -> Stimulus:
    given = dict(nodes=[0], start=1.0, duration=2.0, amplitude=40.0)
    return Stimulus(**(given | changes))


def test_mean_over_a_step_is_exact():
    pulse = train()
    assert pulse.mean_current(0.0, 0.5) == 0.0
    assert pulse.mean_current(0.5, 1.5) == 20.0
    assert pulse.mean_current(1.1, 1.3) == 40.0  # exactly the amplitude inside
    assert pulse.mean_current(2.9, 3.3) == pytest.approx(10.0)
    assert pulse.mean_current(0.0, 10.0) == 8.0  # the whole pulse inside one step
    assert pulse.mean_current(3.0, 4.0) == 0.0


@pytest.mark.parametrize("dt", [0.005, 0.1, 0.3, 0.7, 3.1, 50.0])
@pytest.mark.parametrize("count", [None, 3])
def test_charge_does_not_depend_on_dt(dt, count):
    pulses = train(start=0.123, period=10.0, count=count)
    n_steps = math.ceil(100.0 / dt)
    charge = sum(pulses.mean_current(i * dt, (i + 1) * dt) * dt for i in range(n_steps))
    n_pulses = count or math.ceil((n_steps * dt - 0.123) / 10.0)
    last_begin = 0.123 + 10.0 * (n_pulses - 1)
    cut = max(0.0, last_begin + 2.0 - n_steps * dt)  # of the last pulse by the end
    # Rounding of i * dt at 100 ms, once per edge.
    assert charge == pytest.approx(40.0 * (2.0 * n_pulses - cut), rel=1e-11)


def test_train_ends_after_its_count():
    pulses = train(period=10.0, count=2)
    assert pulses.last_end == 13.0
    assert pulses.mean_current(11.0, 13.0) == 40.0
    assert pulses.mean_current(21.0, 23.0) == 0.0
    assert train().last_end == 3.0
    assert train(period=10.0).last_end == math.inf


def test_endless_train_is_still_exact_late():
    pulses = train(start=0.0, period=1000.0)
    assert pulses.mean_current(1e6, 1e6 + 1.0) == 40.0
    assert pulses.mean_current(1e6 + 1.0, 1e6 + 3.0) == 20.0


def test_edges_follow_one_another():
    edges, t = [], -math.inf
    pulses = train(period=10.0, count=2)
    while (t := pulses.next_edge(t)) < math.inf:
        edges.append(t)
    assert edges == [1.0, 3.0, 11.0, 13.0]


S1S2 = dict(period=10.0, count=3, further=(130.0, 134.5, 160.0))


@pytest.mark.parametrize("dt", [0.005, 0.3, 0.7, 3.1, 50.0])
def test_charge_of_pulses_at_any_times_does_not_depend_on_dt(dt):
    pulses = train(**S1S2)
    n_steps = math.ceil(200.0 / dt)
    charge = sum(pulses.mean_current(i * dt, (i + 1) * dt) * dt for i in range(n_steps))
    # Rounding of i * dt at 200 ms, once per edge.
    assert charge == pytest.approx(40.0 * 2.0 * 6, rel=1e-11)


def test_further_pulses_follow_a_train():
    pulses = train(**S1S2)
    assert pulses.n_pulses == 6
    assert pulses.last_end == 162.0
    assert pulses.begins(150.0) == [1.0, 11.0, 21.0, 130.0, 134.5]
    edges, t = [], -math.inf
    while (t := pulses.next_edge(t)) < math.inf:
        edges.append(t)
    begins = np.array([1.0, 11.0, 21.0, 130.0, 134.5, 160.0])
    assert edges == np.sort(np.concatenate([begins, begins + 2.0])).tolist()
    # Asked anywhere in between, not only at the edge before.
    for t in np.arange(0.0, 170.0, 0.25):
        assert pulses.next_edge(t) == min((e for e in edges if e > t), default=math.inf)


def test_pulses_at_given_times():
    pulses = Stimulus.at([0], [5.0, 8.0, 300.0], 2.0, 40.0)
    assert (pulses.start, pulses.n_pulses, pulses.last_end) == (5.0, 3, 302.0)
    assert pulses.mean_current(0.0, 400.0) == pytest.approx(40.0 * 6.0 / 400.0)
    assert pulses.mean_current(301.0, 302.0) == 40.0
    assert pulses.mean_current(7.0, 8.0) == 0.0
    assert Stimulus.at([0], [5.0], 2.0, 40.0).last_end == 7.0


def test_pulses_back_to_back_may_be_rounded():
    pulses = Stimulus.at([0], 0.1 * np.arange(5), 0.1, 40.0)  # 0.3 - 0.2 is below 0.1
    assert pulses.mean_current(0.0, 0.5) == pytest.approx(40.0, rel=1e-14)


@pytest.mark.parametrize("start", [0.0, 0.1, 1.0 / 3.0])
@pytest.mark.parametrize("period", [0.3, 1.1, 1000.0])
def test_no_edge_of_an_endless_train_is_lost_to_rounding(start, period):
    pulses = train(start=start, duration=0.2, period=period)
    t = -1.0
    for pulse in range(2000):
        begin = start + pulse * period if pulse else start
        for expected in (begin, begin + 0.2):
            t = pulses.next_edge(t)
            assert t == expected


def test_back_to_back_pulses_are_a_constant_current():
    pulses = train(start=0.0, duration=1.0, period=1.0)
    assert pulses.mean_current(0.3, 7.7) == pytest.approx(40.0, rel=1e-14)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"duration": 0.0}, "positive"),
        ({"period": 1.0}, "may not overlap"),
        ({"period": math.nan}, "may not overlap"),
        ({"count": 0, "period": 10.0}, "one or more"),
        ({"count": 2}, "without a period"),
        ({"amplitude": math.nan}, "finite"),
        ({"start": math.inf}, "finite"),
        ({"period": 10.0, "further": (20.0,)}, "train without end; give the count"),
        ({"further": (2.5,)}, "pulse at 2.5 ms comes before the pulse at 1 ms has end"),
        ({"further": (9.0, 8.0)}, "pulse at 8 ms comes before the pulse at 9 ms"),
        ({"further": (9.0, math.nan)}, "pulse at nan ms"),
        ({"further": (math.inf,)}, "pulse at inf ms"),
    ],
)
def test_impossible_stimuli(changes, message):
    with pytest.raises(ValueError, match=message):
        train(**changes)


def test_a_stimulus_happens_at_least_once():
    with pytest.raises(ValueError, match="at no time"):
        Stimulus.at([0], [], 1.0, 1.0)


def test_currents_of_stimuli_add_up():
    stimuli = [train(nodes=[0, 1, 1]), train(nodes=[1, 2], amplitude=-10.0)]
    out = np.full(4, 7.0)
    i_stim = stimulus_current(stimuli, 1.0, 2.0, 4, out)
    assert i_stim is out
    np.testing.assert_array_equal(i_stim, [40.0, 30.0, -10.0, 0.0])
    np.testing.assert_array_equal(stimulus_current([], 0.0, 1.0, 2), [0.0, 0.0])


def test_applied_current_is_the_sum_at_every_step():
    stimuli = [
        train(start=0.33, period=4.0),
        train(nodes=[1], start=1.0, duration=0.05, count=1),
        train(duration=0.3, further=(1.4, 5.05)),
    ]
    applied, dt = AppliedCurrent(stimuli, 2), 0.1
    for begin in (0.0, 0.05):  # whole steps, and the steps of merged halves
        for i in range(100):
            t0 = begin + i * dt
            expected = stimulus_current(stimuli, t0, t0 + dt, 2)
            np.testing.assert_array_equal(applied.over(t0, t0 + dt), expected)


def test_applied_current_of_a_part_of_a_step_with_an_edge():
    """Recorders ask for the half of a step that was just taken whole."""
    applied = AppliedCurrent([train()], 1)
    for t0, t1, expected in ((0.5, 1.5, 20.0), (0.5, 1.0, 0.0), (1.0, 1.5, 40.0)):
        assert applied.over(t0, t1)[0] == expected


def test_nodes_of_a_stimulus_count_once():
    np.testing.assert_array_equal(train(nodes=[5, 3, 5]).nodes, [3, 5])


def test_applied_current_without_stimuli_has_no_edge():
    applied = AppliedCurrent([], 3)
    assert applied.next_edge(0.0) == math.inf
    np.testing.assert_array_equal(applied.over(0.0, 1e9), np.zeros(3))
