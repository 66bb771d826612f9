import numpy as np
import pytest

from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.recorders import (
    ActivationRecorder,
    SnapshotRecorder,
    TraceRecorder,
)
from cardiosim.simulation.run import march
from cardiosim.tissue.mesh import point
from cardiosim.tissue.stimulus import Stimulus


@pytest.fixture
def watched(charge_cell):
    """Feed an activation recorder V(t) of n nodes, one column each."""

    def feed(recorder, times, V):
        recorder.begin(Monodomain(point(V.shape[1]), charge_cell()), 0.1, len(times))
        for t, row in zip(times, V, strict=True):
            recorder.record_potential(t, row)
        recorder.finish()
        return recorder.times

    return feed


def test_activation_is_interpolated_and_every_beat_counts(watched):
    times = np.arange(0.0, 20.0, 0.1)
    phase = 2 * np.pi * (times[:, np.newaxis] - [0.0, 1.234, 15.0]) / 10.0
    V = np.where(phase > 0.0, -30.0 - 50.0 * np.cos(phase), -80.0)
    lat = watched(ActivationRecorder(threshold=-30.0), times, V)
    # cos crosses zero upwards a quarter period after the start of each beat; linear
    # interpolation of a sine over 0.1 ms is good to (0.1 pi / 10)^2 / 8 of a step.
    expected = [[2.5, 3.734, 17.5], [12.5, 13.734, np.nan]]
    np.testing.assert_allclose(lat, expected, rtol=0, atol=1e-4)


def test_a_wobble_around_the_threshold_is_one_beat(watched):
    V = np.array([[-80.0, 0.0, -30.0, 0.0, -39.0, 0.0, -41.0, 0.0]]).T
    lat = watched(ActivationRecorder(), np.arange(8.0), V)
    np.testing.assert_allclose(lat[:, 0], [0.75, 6.0 + 21.0 / 41.0])


def test_a_node_that_starts_above_must_fall_first(watched):
    V = np.array([[0.0, 10.0, -30.0, 0.0, -60.0, 20.0]]).T
    lat = watched(ActivationRecorder(), np.arange(6.0), V)
    np.testing.assert_allclose(lat[:, 0], [4.5])


def test_nothing_activated_is_no_beat(watched):
    lat = watched(ActivationRecorder(), np.arange(3.0), np.full((3, 4), -80.0))
    assert lat.shape == (0, 4)


def test_activation_thresholds_are_ordered():
    with pytest.raises(ValueError, match="lower it"):
        ActivationRecorder(threshold=-60.0, repolarised=-40.0)


def test_activation_on_one_node_with_an_interval(charge_cell):
    problem = Monodomain(point(), charge_cell(), stimuli=(Stimulus([0], 1, 4, 30.0),))
    recorder = ActivationRecorder(threshold=45.0, interval=0.5, start=1.0)
    march(problem, 0.01, 6.0, recorders=[recorder])
    np.testing.assert_allclose(recorder.times, [[2.5]])
    assert len(problem.cell.calls) == 11  # 1 to 1.0, then one per 0.5 ms


def test_trace_spans_many_batches(charge_cell):
    problem = Monodomain(
        point(3), charge_cell(), stimuli=(Stimulus([1, 2], 0.0, 60.0, 2.0),)
    )
    trace = TraceRecorder([1, 0], ["membrane.V"], interval=0.02)
    march(problem, 0.02, 60.0, recorders=[trace])
    assert trace.times.shape == (3001,)
    V = trace.values["membrane.V"]
    assert V.shape == (3001, 2)
    np.testing.assert_allclose(V[:, 0], 2.0 * trace.times, rtol=1e-10)
    assert not V[:, 1].any()


def test_trace_sees_the_stimulus_that_led_to_the_state(cubic_cell):
    problem = Monodomain(
        point(), cubic_cell(), stimuli=(Stimulus([0], 0.2, 0.3, 40.0),)
    )
    trace = TraceRecorder([0], ["stimulus.i"])
    march(problem, 0.1, 0.8, recorders=[trace])
    given = trace.values["stimulus.i"][:, 0]
    np.testing.assert_allclose(given, [0, 0, 0, 40, 40, 40, 0, 0, 0])


def test_trace_uses_the_parameters_of_its_nodes(cubic_cell):
    gain = np.array([1.0, 2.0, 3.0])
    problem = Monodomain(point(3), cubic_cell(gain))
    problem.states[0] = -50.0
    trace = TraceRecorder([2, 0], ["cubic.i"])
    march(problem, 0.1, 0.2, recorders=[trace])
    np.testing.assert_allclose(
        trace.values["cubic.i"][0], -2e-3 * 30 * 10 * -80 * gain[[2, 0]]
    )


def test_recorder_that_never_starts_is_empty(charge_cell):
    trace = TraceRecorder([0], ["membrane.V"], start=5.0)
    march(Monodomain(point(), charge_cell()), 0.1, 1.0, recorders=[trace])
    assert trace.times.shape == (0,)
    assert trace.values["membrane.V"].shape == (0, 1)


@pytest.mark.parametrize("nodes", [[], [3], [-1]])
def test_trace_needs_nodes_of_the_mesh(charge_cell, nodes):
    with pytest.raises(ValueError, match="nodes 0 to 2"):
        march(
            Monodomain(point(3), charge_cell()),
            0.1,
            1.0,
            recorders=[TraceRecorder(nodes, ["membrane.V"])],
        )


def test_unknown_variable_fails_before_the_run(cubic_cell):
    problem = Monodomain(point(), cubic_cell())
    with pytest.raises(KeyError):
        march(problem, 0.1, 1.0, recorders=[TraceRecorder([0], ["no"], start=1.0)])
    assert problem.cell.calls == []


def test_interval_between_steps_is_an_error(charge_cell):
    with pytest.raises(ValueError, match="interval 0.25 ms .* nearest are 0.2 and 0.3"):
        march(
            Monodomain(point(), charge_cell()),
            0.1,
            1.0,
            recorders=[SnapshotRecorder(["membrane.V"], 0.25, None)],
        )


def test_a_trace_so_far_is_what_it_will_be(charge_cell):
    """While the run goes on: whole batches, in step with their times."""
    problem = Monodomain(point(), charge_cell(), stimuli=(Stimulus([0], 0, 60, 2.0),))
    trace = TraceRecorder([0], ["membrane.V"])
    seen = []
    march(
        problem,
        0.02,
        60.0,
        recorders=[trace],
        progress=lambda done, end: seen.append(trace.so_far()),
    )
    for times, values in seen:
        np.testing.assert_array_equal(times, trace.times[: times.size])
        np.testing.assert_array_equal(
            values["membrane.V"], trace.values["membrane.V"][: times.size]
        )
    assert seen
