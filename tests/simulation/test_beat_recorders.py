"""What the recorders of activation and repolarisation say of V(t) that is known."""

import numpy as np
import pytest

from cardiosim.measure.action_potential import propagated_action_potentials
from cardiosim.measure.activation import activation_times, crossings
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.recorders import ActivationRecorder
from cardiosim.simulation.repolarisation_recorder import RepolarisationRecorder
from cardiosim.tissue.mesh import point


@pytest.fixture
def watched(charge_cell):
    """Feed a recorder V(t) of n nodes, one column each; returns what it found."""

    def feed(recorder, times, V):
        recorder.begin(Monodomain(point(V.shape[1]), charge_cell()), 0.1, len(times))
        for t, row in zip(times, V, strict=True):
            recorder.record_potential(t, row)
        recorder.finish()
        return recorder.times

    return feed


def restless_traces(seed, n_times=400, n_nodes=50):
    """V that wanders through all levels, back and forth, at samples a ms apart."""
    random = np.random.default_rng(seed)
    steps = random.normal(0.0, 25.0, (n_times, n_nodes))
    V = np.empty_like(steps)
    V[0] = random.uniform(-90.0, 40.0, n_nodes)
    for k in range(1, n_times):
        V[k] = V[k - 1] + steps[k]
        V[k] = np.where(V[k] > 40.0, 80.0 - V[k], V[k])
        V[k] = np.where(V[k] < -90.0, -180.0 - V[k], V[k])
    return np.arange(float(n_times)), V


def action_potentials(times, starts, seed, n_nodes=20):
    """Beats with a spike, a notch, a dome that may be higher, and a slow fall.

    The later ones meet tissue that has not repolarised yet.
    """
    random = np.random.default_rng(seed)
    V = np.full((len(times), n_nodes), -80.0)
    for start in starts:
        t = times[:, None] - start - random.uniform(0.0, 9.0, n_nodes)
        spike = random.uniform(95.0, 120.0, n_nodes) * np.exp(-t / 8.0)
        dome = random.uniform(60.0, 110.0, n_nodes) / (
            (1.0 + np.exp((t - 120.0) / 15.0)) * (1.0 + np.exp(-(t - 25.0) / 5.0))
        )
        V += np.where(t > 0.0, (1.0 - np.exp(-t / 0.5)) * (spike + dome), 0.0)
    return V


def test_recorder_and_trace_count_the_same_activations(watched):
    times, V = restless_traces(seed=1)
    recorded = watched(ActivationRecorder(), times, V)
    counts = [crossings(trace).size for trace in V.T]
    assert min(counts) > 5, "the traces cross the threshold many times"
    assert np.isfinite(recorded).sum(axis=0).tolist() == counts
    for trace, lat in zip(V.T, recorded.T, strict=True):
        before = crossings(trace)
        fraction = (-20.0 - trace[before]) / (trace[before + 1] - trace[before])
        np.testing.assert_allclose(lat[: before.size], before + fraction)
    # Equal but for the rounding of two orders of the same interpolation.
    np.testing.assert_allclose(activation_times(V, times), recorded[0], rtol=1e-12)


def test_largest_slope_is_that_of_a_parabola_through_three(watched):
    """V = tanh((t - t0)/w) is steepest at t0, wherever t0 lies between the samples."""
    middle = 5.0 + np.linspace(0.0, 1.0, 21) * 0.1
    errors = []
    for dt in (0.1, 0.05):
        times = np.arange(0.0, 10.0, dt)
        V = -30.0 + 50.0 * np.tanh((times[:, None] - middle) / 0.4)
        lat = watched(ActivationRecorder(method="dvdt_max"), times, V)
        assert lat.shape == (1, 21)
        errors.append(np.abs(lat[0] - middle).max())
    # A sech^2 is no parabola: (dt/w)^2/3 of a dt/2 at most, 1 us here, and third
    # order; the middle of the steepest step alone would be 50 us off.
    assert errors[0] < 1.0e-3
    assert errors[0] / errors[1] == pytest.approx(8.0, rel=0.25)


def test_every_beat_has_its_largest_slope_and_failed_pulses_have_none(watched):
    times = np.arange(0.0, 100.0, 0.1)

    def rise(start, height, width=0.2):
        return height / (1.0 + np.exp(-(times - start) / width))

    def fall(start, height):
        return -height / (1.0 + np.exp(-(times - start) / 2.0))

    # Steep, but too low to cross the threshold, and then a slower beat.
    failed = rise(10.0, 50.0, 0.05) + fall(15.0, 50.0)
    V = -80.0 + failed + rise(30.0, 100.0) + fall(60.0, 100.0) + rise(80.0, 90.0)
    lat = watched(ActivationRecorder(method="dvdt_max"), times, V[:, None])
    # The second beat is still on at the end; it counts as it does by its threshold.
    np.testing.assert_allclose(lat[:, 0], [30.0, 80.0], atol=2e-3)
    by_threshold = watched(ActivationRecorder(), times, V[:, None])
    assert by_threshold.shape == lat.shape


def test_activation_while_the_run_goes_on_is_what_it_will_be(watched, charge_cell):
    times, V = restless_traces(seed=3)
    for method in ("threshold", "dvdt_max"):
        recorder = ActivationRecorder(method=method)
        half = watched(recorder, times[:200], V[:200]).copy()
        whole = watched(recorder, times, V)
        settled = np.isfinite(half[:-1]) & np.isfinite(half[1:])
        np.testing.assert_array_equal(
            half[:-1][settled], whole[: len(half) - 1][settled]
        )


@pytest.mark.parametrize("starts", [(10.0, 310.0), (10.0, 130.0, 260.0)])
def test_durations_are_those_of_traces(watched, starts):
    """At every node and in every beat, also where the next comes early."""
    times = np.arange(0.0, 500.0, 0.1)
    V = action_potentials(times, starts, seed=4)
    percents, potentials = (20.0, 50.0, 90.0), (-60.0, 15.0)
    repolarisation = RepolarisationRecorder(percents, potentials)
    ends = watched(repolarisation, times, V)
    steepest = watched(ActivationRecorder(method="dvdt_max"), times, V)
    for node in range(V.shape[1]):
        beats = propagated_action_potentials(
            times, V[:, node], percents, potentials=potentials
        )
        # At least: a deep notch makes one of spike and dome each.
        assert len(beats) == np.isfinite(steepest[:, node]).sum() >= len(starts)
        for k, beat in enumerate(beats):
            np.testing.assert_allclose(
                steepest[k, node], beat.dvdt_max_time, atol=0.05
            )  # the middle of the step of 0.1 ms
            for percent in percents:
                expected = beat.dvdt_max_time + beat.apd[percent]
                np.testing.assert_allclose(
                    ends[f"apd{percent:g}"][k, node], expected, rtol=1e-12
                )
            for level in potentials:
                seen = np.isfinite(ends[f"apd_to_{level:g}mV"][k, node])
                # That of a trace is from the rise through the same level, which a
                # beat that begins above it has not.
                assert seen or not np.isfinite(beat.apd_at[level])
    assert all(np.isfinite(times).any() for times in ends.values())
    assert all(times.shape == steepest.shape for times in ends.values())


def test_fixed_potential_is_crossed_after_the_peak(watched):
    V = np.array([-80.0, -70.0, 0.0, 20.0, 0.0, -50.0, -70.0, -80.0])[:, None]
    ends = watched(RepolarisationRecorder((), (-60.0, 30.0)), np.arange(8.0), V)
    np.testing.assert_allclose(ends["apd_to_-60mV"], [[5.5]])
    assert np.isnan(ends["apd_to_30mV"]).all(), "the peak is below it"


def test_beat_that_is_not_over_has_no_end(watched):
    V = np.array([-80.0, 20.0, 0.0, -10.0])[:, None]
    ends = watched(RepolarisationRecorder((20.0, 90.0)), np.arange(4.0), V)
    np.testing.assert_allclose(ends["apd20"], [[2.0]])
    assert np.isnan(ends["apd90"]).all()
    assert ends["apd90"].shape == (1, 1), "a row a beat"


def test_wrong_levels_and_methods_are_refused():
    with pytest.raises(ValueError, match="above 0 and below 100"):
        RepolarisationRecorder((100.0,))
    with pytest.raises(ValueError, match="no percent"):
        RepolarisationRecorder(())
    with pytest.raises(ValueError, match="lower it"):
        RepolarisationRecorder(threshold=-60.0, repolarised=-40.0)
    with pytest.raises(ValueError, match='choose "threshold" or "dvdt_max"'):
        ActivationRecorder(method="steepest")
