"""Forward Euler in the place of the exact exponential of gates.

    x(t + dt) = x(t) + dt dx/dt

What a cell does without the step of Rush and Larsen: the baseline that surrogates of
gates are often compared with, stable while dt < 2 tau of the fastest of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cardiosim.ionic.cell_library import model_source
from cardiosim.ionic.equations import dot
from cardiosim.ionic.gates import find_gates
from cardiosim.surrogates.algebra import Algebra, Row
from cardiosim.surrogates.interface import TrainedSurrogate


class EulerStep(TrainedSurrogate):
    """A forward Euler step of some states, from their own equations."""

    kind = "euler_step"

    def __init__(self, model: str, states: Sequence[str] | None = None) -> None:
        """Args:
        model: name of the cell.
        states: that take it; all gates of the cell by default.
        """
        super().__init__("euler_step", model)
        if states is None:
            states = tuple(find_gates(model_source(model).equations()))
        self.replaces = self.carries = tuple(states)
        self.inputs = tuple(dot(s) for s in self.carries)

    def step(
        self,
        algebra: Algebra,
        carried: Mapping[str, Row],
        x: Mapping[str, Row],
        dt: Row,
    ) -> Mapping[str, Row]:
        """See `TrainedSurrogate.step`."""
        return {s: value + dt * x[dot(s)] for s, value in carried.items()}
