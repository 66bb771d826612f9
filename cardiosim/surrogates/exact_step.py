"""The equations themselves, disguised as surrogates: the null test of the wiring.

Whatever the solver does with a surrogate, with these it must do what it does without
one: bit for bit on the plain scalar kernel, to rounding where a compiler is free to
contract products and sums differently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cardiosim.ionic.cell_library import model_source
from cardiosim.ionic.equations import dot
from cardiosim.ionic.expressions import Expression, depends_on
from cardiosim.ionic.gates import Gate, find_gates
from cardiosim.surrogates.algebra import Algebra, Row
from cardiosim.surrogates.interface import TrainedSurrogate


class ExactStep(TrainedSurrogate):
    """The reaction step of some states, from their own equations.

    Gates take their exact exponential, all others a forward Euler step.
    """

    kind = "exact_step"

    def __init__(
        self,
        model: str,
        states: Sequence[str],
        ranges: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        """Args:
        model: name of the cell.
        states: that it takes over.
        ranges: see `TrainedSurrogate`; none by default.
        """
        super().__init__("exact_step", model, ranges=ranges)
        cell = model_source(model).equations()
        known = set(cell.states)
        missing = [s for s in states if s not in known]
        if missing:
            raise ValueError(
                f"{model} has no state {missing[0]}; its states are "
                f"{', '.join(cell.states)}"
            )
        self.replaces = self.carries = tuple(states)
        self._gates = {s: g for s, g in find_gates(cell).items() if s in states}
        # What tensors need to know; the equations find their way by themselves.
        read = [e for g in self._gates.values() for e in _parts(g)]
        self.inputs = (
            *(dot(s) for s in states if s not in self._gates),
            *(
                s
                for s in cell.states
                if s not in states
                and any(depends_on(e, s, cell.definitions) for e in read)
            ),
        )

    def step(
        self,
        algebra: Algebra,
        carried: Mapping[str, Row],
        x: Mapping[str, Row],
        dt: Row,
    ) -> Mapping[str, Row]:
        """See `TrainedSurrogate.step`."""
        new = {}
        for state, value in carried.items():
            if state not in self._gates:
                new[state] = value + dt * x[dot(state)]
                continue
            steady, decay = algebra.cell(_parts(self._gates[state]), {})
            is_rate = self._gates[state].rate is not None
            exponent = -(dt * decay) if is_rate else -(dt / decay)
            new[state] = steady + (value - steady) * algebra.exp(exponent)
        return new


def _parts(gate: Gate) -> tuple[Expression, Expression]:
    """Steady state, and rate or time constant."""
    return gate.steady_state, gate.time_constant if gate.rate is None else gate.rate
