import numpy as np
import pytest

from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.potential_trace import PotentialTrace
from cardiosim.simulation.run import march
from cardiosim.tissue.mesh import point
from cardiosim.tissue.stimulus import Stimulus

DT = 0.1


@pytest.fixture
def traced(charge_cell):
    """March two cells under a steady current of 1 A/F, so that V is the time."""

    def run(trace, end=10.0, others=()):
        stimulus = Stimulus([0, 1], 0.0, 100.0, 1.0)
        problem = Monodomain(point(2), charge_cell(), stimuli=(stimulus,))
        march(problem, DT, end, recorders=(trace, *others))
        return problem

    return run


def test_every_step_inside_windows_and_intervals_elsewhere(traced):
    trace = PotentialTrace(2.0, windows=[(3.1, 3.5)])
    traced(trace)
    expected = [0.0, 2.0, 3.1, 3.2, 3.3, 3.4, 3.5, 4.0, 6.0, 8.0, 10.0]
    assert trace.times == pytest.approx(expected)
    assert trace.V.shape == (len(expected), 2)
    np.testing.assert_allclose(trace.V[:, 0], trace.times, atol=1e-9)


def test_times_increase_whatever_the_windows(traced):
    windows = [(5.0, 6.0), (1.0, 2.0), (1.5, 3.0), (3.1, 3.2), (9.5, 20.0)]
    trace = PotentialTrace(0.7, windows)
    traced(trace)
    assert (np.diff(trace.times) > 0.0).all()
    fine = np.arange(1.0, 3.25, DT)
    assert np.isin(np.round(fine, 6), np.round(trace.times, 6)).all()


def test_recording_begins_at_its_start_and_holds_the_end(traced):
    trace = PotentialTrace(3.0, windows=[(0.0, 1.0)], start=4.0)
    traced(trace)
    assert trace.times == pytest.approx([4.0, 7.0, 10.0])
    trace = PotentialTrace(3.0, start=10.0)
    traced(trace)
    assert trace.times == pytest.approx([10.0])


def test_a_start_beyond_the_end_records_nothing(traced):
    trace = PotentialTrace(1.0, start=11.0)
    traced(trace)
    assert trace.times.size == 0 and trace.V.size == 0


def test_an_interval_below_the_step_is_every_step(traced):
    trace = PotentialTrace(0.01)
    traced(trace, end=1.0)
    assert trace.times == pytest.approx(np.arange(0.0, 1.05, DT))


def test_nodes_can_be_chosen(traced):
    trace = PotentialTrace(1.0, nodes=np.array([1]))
    traced(trace)
    assert trace.V.shape == (11, 1)


def test_recording_leaves_the_run_as_it_is(traced):
    watched = traced(PotentialTrace(0.3, [(1.0, 4.0)])).states
    np.testing.assert_array_equal(watched, traced(PotentialTrace(100.0)).states)


def test_a_second_run_forgets_the_first(traced):
    trace = PotentialTrace(1.0)
    traced(trace)
    traced(trace, end=5.0)
    assert trace.times[-1] == pytest.approx(5.0) and len(trace.times) == 6
