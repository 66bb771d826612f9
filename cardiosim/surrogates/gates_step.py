"""A learned step of the fast gates alone, while V runs on at the rate it has.

    V(t)    V + t dV/dt of the step's start
    base    x by its exponential at V(dt/2)
    gates   x e/((1 - x) + x e),  e = exp(k o_i):  the logit of the base's x moved

with k as in fast_step.py, and o the outputs of the network. A gate stays in [0, 1]
whatever they are. V has its forward Euler step by all currents: this is the dynamic
successor of gates that are functions of V alone, and what it can gain is limited by V.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cardiosim.ionic.equations import CellEquations, dot
from cardiosim.ionic.expressions import Expression, Name
from cardiosim.ionic.network import Network
from cardiosim.surrogates.algebra import Algebra, Row
from cardiosim.surrogates.fast_step import (
    LEAST_GATE,
    LONGEST,
    gate_rates,
    moved_gate,
    moved_share,
    require_shape,
)
from cardiosim.surrogates.strang_step import StrangStep

LOWEST, HIGHEST = -120.0, 80.0  # mV; a wild rate takes V no further


class GatesStep(StrangStep):
    """See the module; without networks so many steps of the base."""

    kind = "gates_step"
    moment = "every step"

    def __init__(
        self,
        name: str,
        model: str,
        substeps: int = 1,
        networks: Sequence[Network] = (),
        ranges: Mapping[str, tuple[float, float]] | None = None,
        dt_range: tuple[float, float] = (0.002, LONGEST),
    ) -> None:
        """Args:
        name: of the surrogate.
        model: name of the cell, which names its fast gates; the first activates.
        substeps: of the base; a network corrects one.
        networks: one, of `n_features` inputs and an output for each gate; none for the
            base alone.
        ranges: see `TrainedSurrogate`.
        dt_range: see `TrainedSurrogate`.

        Raises:
            ValueError: a network of another shape, or of more than one substep.
        """
        super().__init__(name, model, (), substeps, networks, ranges, dt_range)
        self.replaces = self.carries = self.gates
        self.inputs = (self.potential, dot(self.potential))
        for network in self.networks:
            require_shape(name, network, self.n_features, len(self.gates))
        if self.networks and substeps != 1:
            raise ValueError(
                f"{name} has a network and {substeps} substeps; it corrects one step"
            )

    @property
    def n_features(self) -> int:
        """Inputs of the network."""
        return 6 + 2 * len(self.gates)

    def step(
        self,
        algebra: Algebra,
        carried: Mapping[str, Row],
        x: Mapping[str, Row],
        dt: Row,
    ) -> Mapping[str, Row]:
        """See `TrainedSurrogate.step`."""
        h = dt / float(self.substeps)
        now = dict(carried)
        for sub in range(self.substeps):
            V = algebra.keep("V", self._potential(algebra, x, h * (sub + 0.5)))
            now = self.gates_after(algebra, now | {self.potential: V}, h)
        if not self.networks:
            return now
        V, first = x[self.potential], self.gates[0]
        later = algebra.keep("V", self._potential(algebra, x, dt))
        share = moved_share(algebra, later - V, now[first] - carried[first])
        rows = [
            V,
            later,
            later - V,
            dt,
            *(algebra.log(carried[g] + LEAST_GATE) for g in self.gates),
            *(algebra.log(now[g] + LEAST_GATE) for g in self.gates),
            now[first] - carried[first],
            share,
        ]
        size = algebra.keep("size", share * (dt / LONGEST) ** 2.0)
        outputs = algebra.network(0, rows)
        return {
            gate: moved_gate(algebra, now[gate], size * output)
            for gate, output in zip(self.gates, outputs, strict=True)
        }

    def rates(
        self, algebra: Algebra, now: Mapping[str, Row], x: Mapping[str, Row], dt: Row
    ) -> Mapping[str, Row]:
        """d/dt of the gates by the equations, dt (ms) into the step."""
        return gate_rates(algebra, self, now, self._potential(algebra, x, dt))

    def _potential(self, algebra: Algebra, x: Mapping[str, Row], t: Row) -> Row:
        """V at a time since the step's start."""
        V, rate = (x[name] for name in self.inputs)
        return algebra.clamp(V + rate * t, LOWEST, HIGHEST)

    def stands_for(self, cell: CellEquations) -> Mapping[str, Expression]:
        """See `TrainedSurrogate.stands_for`: the gates, not their current."""
        return {dot(s): Name(dot(s)) for s in self.gates}

    @property
    def settings(self) -> Mapping[str, Any]:
        """See `TrainedSurrogate.settings`."""
        return {"substeps": self.substeps}
