"""A learned step of V and the fast gates: one Strang step, corrected by a network.

    base    half a gate step at V, V by its exponential, half a gate step at the new V
    k       s (dt/0.1 ms)^2,  s = q/(1 + q),  q = dV^2 + (dm/0.05)^2  of the base
    V       the base's exponential with the fast current times exp(2 k o_0)
    gates   x e/((1 - x) + x e),  e = exp(k o_i):  the logit of the base's x moved

o are the outputs of the network. A gate stays in [0, 1] whatever they are, V between
its old value and where the frozen current drives it, and where the base does nothing so
does the correction: rest stays rest. k falls with dt as the error of the base does, so
that short steps keep their order. With all weights zero this is StrangStep.

Reference: Strang 1968, SIAM J Numer Anal 5:506-517, doi 10.1137/0705041.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cardiosim.ionic.network import Network
from cardiosim.surrogates.algebra import Algebra, Row
from cardiosim.surrogates.interface import REST
from cardiosim.surrogates.strang_step import StrangStep

LONGEST = 0.1  # ms, at which the correction has its full size
ACTIVATION_CHANGE = 0.05  # of the first gate in one step, with which s is a half
# Under the logarithms of the features: what is smaller makes no difference.
LEAST_GATE, LEAST_CHANGE = 1e-9, 1e-4


class FastStep(StrangStep):
    """See the module; without networks it is the base alone."""

    kind = "fast_step"

    def __init__(
        self,
        name: str,
        model: str,
        parameters: Sequence[str] = ("ina.g_Na",),
        networks: Sequence[Network] = (),
        ranges: Mapping[str, tuple[float, float]] | None = None,
        dt_range: tuple[float, float] = (0.002, LONGEST),
    ) -> None:
        """Args:
        name: of the surrogate.
        model: name of the cell, which names its fast gates; the first activates.
        parameters: of the fast current that may differ from node to node.
        networks: one, of `n_features` inputs and an output for V and each gate; none
            for the base alone.
        ranges: see `TrainedSurrogate`.
        dt_range: see `TrainedSurrogate`.

        Raises:
            ValueError: a network of another shape.
        """
        super().__init__(name, model, parameters, 1, networks, ranges, dt_range)
        for network in self.networks:
            self._require_shape(network)

    def _require_shape(self, network: Network) -> None:
        require_shape(self.name, network, self.n_features, len(self.carries))

    @property
    def n_features(self) -> int:
        """Inputs of the network."""
        return 8 + 2 * len(self.gates) + len(self.parameters)

    def step(
        self,
        algebra: Algebra,
        carried: Mapping[str, Row],
        x: Mapping[str, Row],
        dt: Row,
    ) -> Mapping[str, Row]:
        """See `TrainedSurrogate.step`."""
        middle = dict(carried) | self.gates_after(algebra, carried, 0.5 * dt)
        V = self.potential_after(algebra, middle, x[REST], dt)
        base = middle | {self.potential: V}
        base |= self.gates_after(algebra, base, 0.5 * dt)
        if not self.networks:
            return base
        share = self._share(algebra, carried, base)
        rows = self._features(algebra, carried, middle, base, x, dt, share)
        size = algebra.keep("size", share * (dt / LONGEST) ** 2.0)
        of_V, *of_gates = self.outputs(algebra, rows)
        factor = algebra.keep("factor", algebra.exp(2.0 * size * of_V))
        new = {
            self.potential: self.potential_after(algebra, middle, x[REST], dt, factor)
        }
        for gate, output in zip(self.gates, of_gates, strict=True):
            new[gate] = moved_gate(algebra, base[gate], size * output)
        return new

    def outputs(self, algebra: Algebra, rows: Sequence[Row]) -> Sequence[Row]:
        """Of the network, of V and of each gate."""
        return algebra.network(0, rows)

    def _share(
        self, algebra: Algebra, old: Mapping[str, Row], base: Mapping[str, Row]
    ) -> Row:
        return moved_share(
            algebra,
            base[self.potential] - old[self.potential],
            base[self.gates[0]] - old[self.gates[0]],
        )

    def _features(
        self,
        algebra: Algebra,
        old: Mapping[str, Row],
        middle: Mapping[str, Row],
        base: Mapping[str, Row],
        x: Mapping[str, Row],
        dt: Row,
        share: Row,
    ) -> list[Row]:
        """Inputs of the network; it scales them itself."""
        V, first = self.potential, self.gates[0]
        (slope,) = algebra.cell((self.subsystem.slope,), middle)
        return [
            old[V],
            base[V],
            *(algebra.log(old[g] + LEAST_GATE) for g in self.gates),
            *(algebra.log(base[g] + LEAST_GATE) for g in self.gates),
            base[V] - old[V],
            x[REST] * dt,
            algebra.log(abs(slope) * dt + LEAST_CHANGE),
            base[first] - old[first],
            dt,
            *(algebra.log(x[name]) for name in self.parameters),
            share,
        ]

    def rates(
        self, algebra: Algebra, now: Mapping[str, Row], x: Mapping[str, Row], dt: Row
    ) -> Mapping[str, Row]:
        """d/dt of V and the gates by the equations, the rest frozen.

        Args:
            algebra: functions of rows.
            now: V and the gates, dt into the step.
            x: inputs.
            dt: ms.
        """
        (current,) = algebra.cell((self.subsystem.current,), now)
        V = self.potential
        return {V: x[REST] + current} | gate_rates(algebra, self, now, now[V])

    @property
    def settings(self) -> Mapping[str, Any]:
        """See `TrainedSurrogate.settings`."""
        return {"parameters": self.parameters}


def gate_rates(
    algebra: Algebra, surrogate: Any, now: Mapping[str, Row], V: Row
) -> dict[str, Row]:
    """dx/dt of the fast gates of a surrogate at a potential, 1/ms."""
    found = {}
    for gate in surrogate.subsystem.gates:
        is_rate = gate.rate is not None
        parts = (gate.steady_state, gate.rate if is_rate else gate.time_constant)
        steady, decay = algebra.cell(parts, {surrogate.potential: V})
        towards = steady - now[gate.state]
        found[gate.state] = towards * decay if is_rate else towards / decay
    return found


def moved_share(algebra: Algebra, change_of_V: Row, change_of_gate: Row) -> Row:
    """Share s of the module: 0 where nothing moves, 1 where much does."""
    change = change_of_gate / ACTIVATION_CHANGE
    q = algebra.keep("moved", change_of_V * change_of_V + change * change)
    return algebra.keep("share", q / (1.0 + q))


def moved_gate(algebra: Algebra, x: Row, by: Row) -> Row:
    """A gate in [0, 1] whose logit is moved; finite at 0 and 1, the same for by = 0."""
    opened = algebra.keep("opened", x * algebra.exp(by))
    return opened / ((1.0 - x) + opened)


def require_shape(name: str, network: Network, n_inputs: int, n_outputs: int) -> None:
    """Refuse a network of another shape.

    Raises:
        ValueError: with both shapes.
    """
    if (network.n_inputs, network.n_outputs) != (n_inputs, n_outputs):
        raise ValueError(
            f"the network of {name} has {network.n_inputs} inputs and "
            f"{network.n_outputs} outputs; expected {n_inputs} and {n_outputs}"
        )
