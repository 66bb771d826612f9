"""Gates of V alone at work in their cell, claim by claim of Sanchez & Loewe 2025.

The paper paces one cell a hundred times at 1 Hz and compares the last beat, then its
duration at other rates. Both are done here for the equations, for the network, and for
the exact steady states, which no network of V can surpass; and both go along a cable,
which the paper does not show. Its stimulus is not printed: several are tried.

Reference: Sanchez, Loewe 2025, Computing in Cardiology, Table 1, Figures 3 and 4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.steady_gates_tables import SteadyGatesAssessmentTable
from cardiosim.experiments.benchmark import node_rate
from cardiosim.experiments.certification_bench import Contender, microseconds
from cardiosim.experiments.paced_beat import PacedBeat, paced_beat
from cardiosim.experiments.restitution import dynamic_restitution
from cardiosim.experiments.single_cells import Progress, Pulse
from cardiosim.measure.conduction_velocity import NoConduction, conduction_velocity
from cardiosim.simulation.monodomain import Monodomain, uniform_states
from cardiosim.simulation.potential_trace import PotentialTrace
from cardiosim.simulation.recorders import ActivationRecorder
from cardiosim.simulation.run import march
from cardiosim.surrogates.interface import TrainedSurrogate
from cardiosim.surrogates.steady_gates import SteadyGates
from cardiosim.tissue.diffusion import ThetaRule
from cardiosim.tissue.discretisation import discretise, isotropic
from cardiosim.tissue.mesh import cable
from cardiosim.tissue.stimulus import Stimulus

Begin = Callable[[str, str], Progress]

LENGTH, DX, D = 20.0, 0.1, 0.15  # mm, mm, mm2/ms, of the cable
EXCITED, CABLE_TIME, SAMPLE = 2.0, 120.0, 0.1  # mm, ms, ms
THRESHOLD = -20.0  # mV, that a wave passes
NODES = 2000  # of which a step is timed, beside one cell alone

EQUATIONS, STEADY = "equations", "exact steady states"


@dataclass(frozen=True)
class Wave:
    """What became of a stimulus at the end of a cable.

    Attributes:
        velocity: m/s; NaN where none crosses it.
        reached: last position whose V passed the threshold, mm.
        peaks: of V at 5 and 10 mm, mV.
    """

    velocity: float
    reached: float
    peaks: tuple[float, float]


class SteadyGatesCell:
    """A cell with gates of V, and those that it is compared with.

    Attributes:
        contenders: by (name, step in ms): the equations at the reference step, and
            everyone at the steps of the assessment.
        beats: last beats by (name, step, amplitude of the stimulus).
    """

    def __init__(
        self, surrogate: TrainedSurrogate, how: SteadyGatesAssessmentTable, begin: Begin
    ) -> None:
        """Measure nothing yet.

        Args:
            surrogate: of kind `steady_gates`.
            how: what is measured.
            begin: see `experiments.training.Trainer`.
        """
        self.name, self.model = surrogate.name, surrogate.model
        self._how, self._begin = how, begin
        exact = SteadyGates(STEADY, self.model, surrogate.replaces)
        makes = {EQUATIONS: None, surrogate.name: surrogate, STEADY: exact}
        self.contenders = {
            (name, dt): Contender(
                f"{name}, {microseconds(dt)}", "rush_larsen", dt, surrogate=made
            )
            for name, made in makes.items()
            for dt in how.steps
        }
        dt = how.reference_step
        self.reference = (EQUATIONS, dt)
        self.contenders[self.reference] = Contender(
            f"{EQUATIONS}, {microseconds(dt)}", "rush_larsen", dt
        )
        self.beats: dict[tuple[str, float, float], PacedBeat] = {}

    def beat(self, name: str, dt: float, amplitude: float) -> PacedBeat:
        """The last of the paced beats, computed when it is asked for first."""
        key = (name, dt, amplitude)
        if key not in self.beats:
            contender = self._contender(name, dt)
            progress = self._begin(f"{contender.label}, {amplitude:g} A/F", "ms")
            self.beats[key] = paced_beat(
                contender.cell(self.model, backend="scalar"),
                Pulse(amplitude, self._how.duration),
                self._how.bcl,
                self._how.beats,
                dt,
                progress,
            )
        return self.beats[key]

    def reference_beat(self, amplitude: float) -> PacedBeat:
        """The last beat of the equations at the reference step."""
        return self.beat(*self.reference, amplitude)

    def restitution(self, name: str, dt: float, amplitude: float) -> NDArray:
        """APD90 at each cycle length, ms, (n,); NaN where not all are answered."""
        contender, how = self._contender(name, dt), self._how
        state = self.beat(name, dt, amplitude).state
        progress = self._begin(f"restitution: {contender.label}, {amplitude:g}", "ms")
        found = dynamic_restitution(
            contender.cell(self.model),
            state,
            Pulse(amplitude, how.duration),
            how.cycle_lengths,
            how.restitution_beats,
            dt,
            progress=progress,
        )
        return found.last["apd90"]

    def wave(self, name: str, dt: float, amplitude: float) -> Wave:
        """S1 at the end of a cable of cells paced as `beat` has them."""
        mesh = cable(LENGTH, DX)
        x = mesh.points[:, 0]
        stimulus = Stimulus(
            np.flatnonzero(x <= EXCITED + 1e-9), 1.0, self._how.duration, amplitude
        )
        state = self.beat(name, dt, amplitude).state
        problem = Monodomain(
            mesh,
            self._contender(name, dt).cell(self.model),
            ThetaRule(discretise(mesh, isotropic(mesh, D), 0.5)),
            (stimulus,),
            uniform_states(state, mesh.n_nodes),
        )
        trace, activation = PotentialTrace(SAMPLE), ActivationRecorder(THRESHOLD)
        progress = self._begin(f"cable: {name}, {microseconds(dt)}", "ms")
        recorders = (trace, activation)
        march(problem, dt, CABLE_TIME, recorders=recorders, progress=progress)
        peaks = trace.V.max(axis=0)
        at = np.interp((5.0, 10.0), x, peaks)
        reached = x[peaks > THRESHOLD].max(initial=0.0)
        return Wave(_velocity(x, activation), float(reached), tuple(map(float, at)))

    def costs(self) -> list[tuple[str, str, int, float]]:
        """Name, backend, nodes and ns of a node-step, all in this run on one thread."""
        dt = self._how.steps[0]
        progress = self._begin("cost of a step", "kernels")
        rows = []
        ways = [("scalar", 1), ("numba", NODES), ("torch", NODES)]
        names = list(dict.fromkeys(name for name, _ in self.contenders))
        for backend, nodes in ways:
            for name in names:
                more = {"torch_compile": False} if backend == "torch" else {}
                contender = self._contender(name, dt)
                cell = contender.cell(self.model, backend=backend, **more)
                rows.append((name, backend, nodes, 1e3 / node_rate(cell, nodes, dt)))
                progress(len(rows), len(ways) * len(names))
        return rows

    def _contender(self, name: str, dt: float) -> Contender:
        known = self.contenders.get((name, dt))
        return known or self.contenders[name, self._how.steps[0]].at(dt)


def _velocity(x: NDArray, activation: ActivationRecorder) -> float:
    try:
        return conduction_velocity(x, activation.times[0])
    except (NoConduction, IndexError):
        return math.nan
