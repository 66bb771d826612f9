"""S1: a tissue paced at one site, its state before the last beat, and what follows it.

The state before the last beat depends on the tissue and the train only: it is computed
once and kept in the user's cache. The last beat is followed once more in each program,
and its states are kept in memory for what begins from them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cardiosim.experiments.single_cells import Progress, Pulse, round_down
from cardiosim.simulation.kept_states import read_states, states_file, write_states
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.recorders import ActivationRecorder, Recorder
from cardiosim.simulation.run import march
from cardiosim.simulation.schedule import Schedule, whole_steps
from cardiosim.tissue.stimulus import Stimulus

Array = NDArray[np.float64]

CACHE_VERSION = 1  # raise when the train or the layout of the files changes
KEPT = 256e6  # bytes of states of S1 that are kept


@dataclass(frozen=True)
class Train:
    """S1: pulses at one site and rate.

    Attributes:
        nodes: that are stimulated, shape (n_stimulated,).
        pulse: its shape.
        bcl: from pulse to pulse, ms.
        beats: how many the tissue is given, with the last, from which trials count.
    """

    nodes: NDArray[np.intp]
    pulse: Pulse
    bcl: float
    beats: int

    def stimulus(self, start: float = 0.0, beats: int = 1) -> Stimulus:
        """Pulses of the train from `start`, ms, on."""
        return Stimulus(
            self.nodes,
            start,
            self.pulse.duration,
            self.pulse.amplitude,
            self.bcl,
            beats,
        )


@dataclass(frozen=True)
class Marching:
    """How a tissue is stepped.

    Attributes:
        dt: ms.
        splitting: of `march`.
        reaction_steps: likewise.
        threshold: whose upward crossing is an activation, mV.
    """

    dt: float
    splitting: str = "strang"
    reaction_steps: int = 1
    threshold: float = -20.0

    def march(
        self,
        problem: Monodomain,
        end: float,
        recorders: Sequence[Recorder] = (),
        progress: Progress | None = None,
    ) -> None:
        """March a problem to `end`, ms; see `simulation.run.march`."""
        march(
            problem,
            self.dt,
            end,
            self.splitting,
            recorders,
            progress,
            self.reaction_steps,
        )


def trained_states(
    problem: Monodomain,
    train: Train,
    marching: Marching,
    progress: Progress | None = None,
) -> Array:
    """States after all beats of a train but the last; kept in the user's cache.

    Args:
        problem: in the state that it begins from; left as it is.
        train: of two beats or more.
        marching: bcl is a whole number of its steps.
        progress: called with (done, end), ms; never for what is found in the cache.

    Returns:
        Shape (n_states, n_nodes).
    """
    cell, beats = problem.cell, train.beats - 1
    key = _fingerprint(problem, train, marching)
    path = states_file(cell.name, CACHE_VERSION, "tissue", key)
    kept = read_states(path, cell.state_names, problem.states.shape)
    if kept is None:
        stimulus = train.stimulus(beats=beats)
        own = replace_states(problem, problem.states.copy(), (stimulus,))
        marching.march(own, beats * train.bcl, progress=progress)
        kept = own.states
        said = {"bcl": train.bcl, "beats": beats, "nodes": int(train.nodes.size)}
        write_states(path, kept, cell.state_names, cell.fingerprint, said)
    return kept


def replace_states(
    problem: Monodomain, states: Array, stimuli: Sequence[Stimulus] = ()
) -> Monodomain:
    """The same tissue in another state and under other stimuli."""
    return Monodomain(
        problem.mesh, problem.cell, problem.diffusion, tuple(stimuli), states
    )


class AfterS1:
    """The last S1, followed once: its activations, and states to begin from.

    Attributes:
        activations: ms after S1 begins, shape (n_beats, n_nodes).
    """

    def __init__(
        self,
        problem: Monodomain,
        train: Train,
        marching: Marching,
        longest: float,
        progress: Progress | None = None,
    ) -> None:
        """Follow it.

        Args:
            problem: in the state that the last S1 finds; left as it is.
            train: S1.
            marching: how the tissue is stepped.
            longest: how long it is followed, ms.
            progress: called with (done, end), ms.
        """
        self._problem, self._train, self._marching = problem, train, marching
        dt, states = marching.dt, problem.states
        n_steps = whole_steps(round_down(longest, dt), dt, "longest", least=1)
        most = max(1, int(KEPT // states.nbytes))
        # Whole milliseconds, if that is a number of steps: there intervals end.
        unit = max(1, round(1.0 / dt))
        self._every = unit * max(1, math.ceil(n_steps / unit / most))
        self._n_steps = n_steps
        keeper = _StateKeeper(self._every)
        activation = ActivationRecorder(marching.threshold)
        own = replace_states(problem, states.copy(), (train.stimulus(),))
        marching.march(own, n_steps * dt, (activation, keeper), progress)
        self.activations = activation.times
        self._kept = keeper.states

    def states_at(self, time: float) -> Array:
        """States some time after S1 begins, (n_states, n_nodes); a copy.

        Args:
            time: ms, a whole number of steps, at most `longest`.

        Raises:
            ValueError: it is no such time.
        """
        dt = self._marching.dt
        step = whole_steps(time, dt, "interval")
        if step > self._n_steps:
            raise ValueError(
                f"a trial begins {time:g} ms after S1, which is followed for "
                f"{self._n_steps * dt:g} ms; begin earlier, or follow it longer"
            )
        before = step // self._every
        states = self._kept[before].copy()
        more = step - before * self._every
        if more:
            s1 = self._train.stimulus(-before * self._every * dt)
            self._marching.march(
                replace_states(self._problem, states, (s1,)), more * dt
            )
        return states


class _StateKeeper:
    """All states at every so many steps."""

    def __init__(self, every: int) -> None:
        self._every = every

    def begin(self, problem: Monodomain, dt: float, n_steps: int) -> None:
        self.schedule = Schedule(0, self._every, n_steps)
        self._cell = problem.cell
        self.states: list[Array] = []

    def record_states(
        self, t: float, states: Array, i_stim: Array, tau: float, count: int
    ) -> None:
        states = states.copy()
        if count:
            self._cell.react(states, i_stim, tau, count)
        self.states.append(states)

    def finish(self) -> None:
        """Nothing is buffered."""


def _fingerprint(problem: Monodomain, train: Train, marching: Marching) -> str:
    """Hash of all that the state after a train depends on."""
    digest = hashlib.sha256(problem.cell.fingerprint.encode())
    mesh, diffusion = problem.mesh, problem.diffusion
    said = [train.pulse, train.bcl, train.beats, replace(marching, threshold=0.0)]
    arrays = [problem.states, mesh.points, train.nodes]
    if diffusion is not None:
        operator = diffusion.operator
        # What the nodes exchange, and how: tensors and mass by what they do to V.
        probe = np.sin(1.0 + np.arange(operator.n_nodes) ** 1.5)
        vector = operator.expand(probe)
        for mass, stiffness in ((1.0, 0.0), (0.0, 1.0)):
            out = np.empty_like(vector)
            arrays.append(operator.apply(mass, stiffness, vector, out))
        said += [type(diffusion).__name__, getattr(diffusion, "theta", None)]
        said += [getattr(diffusion, "tolerance", None)]
        said += [getattr(diffusion, "solver", None)]
    digest.update(repr(said).encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
