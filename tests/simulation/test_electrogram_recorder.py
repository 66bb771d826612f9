import numpy as np
import pytest

from cardiosim.simulation.electrogram_recorder import ElectrogramRecorder
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.run import march
from cardiosim.tissue.diffusion import ThetaRule
from cardiosim.tissue.discretisation import discretise, isotropic
from cardiosim.tissue.mesh import point, sheet
from cardiosim.tissue.stimulus import Stimulus
from cardiosim.tissue.volume_conductor import VolumeConductor

ELECTRODES = [[1.0, 0.5, 0.5], [2.0, 0.5, 0.5]]


def problem_of(cell):
    mesh = sheet((3.0, 1.0), 0.1)
    diffusion = ThetaRule(discretise(mesh, isotropic(mesh, 0.1)))
    left = np.flatnonzero(mesh.points[:, 0] < 0.55)
    stimulus = Stimulus(left, start=0.0, duration=1.0, amplitude=60.0)
    return Monodomain(mesh, cell, diffusion, (stimulus,))


class Potentials:
    """Keeps V itself, at the same times."""

    def __init__(self, interval):
        self.recorder = ElectrogramRecorder(ELECTRODES, 0.6, 1.4, interval=interval)

    def begin(self, problem, dt, n_steps):
        self.recorder.begin(problem, dt, n_steps)
        self.schedule, self.V = self.recorder.schedule, []

    def record_potential(self, t, V):
        self.V.append(V.copy())

    def finish(self):
        pass


def test_samples_are_those_of_v_at_the_same_times(cubic_cell):
    problem = problem_of(cubic_cell())
    recorder = ElectrogramRecorder(ELECTRODES, 0.6, 1.4, 0.7, interval=0.5)
    kept = Potentials(0.5)
    march(problem, 0.05, 5.2, recorders=(recorder, kept))
    assert recorder.times == pytest.approx([*np.arange(0.0, 5.2, 0.5), 5.2])
    conductor = VolumeConductor(
        problem.mesh, problem.diffusion.operator, ELECTRODES, 0.6, 1.4, 0.7
    )
    again = np.array([conductor.potentials(V) for V in kept.V])
    assert np.array_equal(recorder.potentials, again)
    assert np.abs(recorder.potentials).max() > 0.1


def test_recording_changes_nothing(cubic_cell):
    alone, watched = problem_of(cubic_cell()), problem_of(cubic_cell())
    march(alone, 0.05, 3.0)
    recorder = ElectrogramRecorder(ELECTRODES, 0.6, 1.4, interval=0.1)
    march(watched, 0.05, 3.0, recorders=(recorder,))
    assert np.array_equal(alone.states, watched.states)


def test_what_there_is_can_be_had_before_the_end(cubic_cell):
    recorder = ElectrogramRecorder(ELECTRODES, 0.6, 1.4)
    problem = problem_of(cubic_cell())
    recorder.begin(problem, 0.05, 10)
    times, potentials = recorder.so_far()
    assert times.shape == (0,) and potentials.shape == (0, 2)
    recorder.record_potential(0.0, problem.V)
    times, potentials = recorder.so_far()
    assert times.tolist() == [0.0] and potentials.tolist() == [[0.0, 0.0]]


def test_faults_are_named(cubic_cell):
    with pytest.raises(ValueError, match=r"expected \(n_electrodes, 3\)"):
        ElectrogramRecorder([1.0, 2.0], 0.6, 1.4)
    recorder = ElectrogramRecorder(ELECTRODES, 0.6, 1.4)
    with pytest.raises(ValueError, match="need tissue"):
        recorder.begin(Monodomain(point(), cubic_cell()), 0.1, 10)
