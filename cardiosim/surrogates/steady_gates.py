"""Gates as functions of the potential alone: the surrogate of Sanchez & Loewe 2025.

    (m, h1, h2) = network(V at the start of the step)

The gates are no states any more; the remaining equations read what the network says. A
gate that follows V without delay opens and closes at once: with the window current of
the steady states there is no upstroke (docs/surrogates_paper.md).

Reference: Sanchez, Loewe 2025, Computing in Cardiology, Figure 1 and section 2.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cardiosim.ionic.cell_library import model_source
from cardiosim.ionic.equations import nearest
from cardiosim.ionic.gates import find_gates
from cardiosim.ionic.network import Network
from cardiosim.surrogates.algebra import Algebra, Row
from cardiosim.surrogates.interface import TrainedSurrogate


class SteadyGates(TrainedSurrogate):
    """Gates of V by a network, without memory.

    Without a network they are the steady states of the cell's own equations: the best
    that a function of V can learn from these.
    """

    kind = "steady_gates"
    carries = ()

    def __init__(
        self,
        name: str,
        model: str,
        gates: Sequence[str],
        networks: Sequence[Network] = (),
        ranges: Mapping[str, tuple[float, float]] | None = None,
        dt_range: tuple[float, float] = (1e-6, 1e3),
    ) -> None:
        """Args:
        name: of the surrogate.
        model: name of the cell.
        gates: that it replaces, in the order of the network's outputs.
        networks: one of V, mV; none for the steady states themselves.
        ranges: of V; beyond, the gates are those at the edge.
        dt_range: see `TrainedSurrogate`.

        Raises:
            ValueError: one of them is no gate of the cell.
        """
        super().__init__(name, model, networks, ranges, dt_range)
        cell = model_source(model).equations()
        self._gates = find_gates(cell)
        unknown = [g for g in gates if g not in self._gates]
        if unknown:
            raise ValueError(
                f"{model} has no gate {unknown[0]}; {nearest(unknown[0], self._gates)}"
            )
        self.replaces = self.provides = tuple(gates)
        self.inputs = (cell.membrane_potential,)

    def step(
        self,
        algebra: Algebra,
        carried: Mapping[str, Row],
        x: Mapping[str, Row],
        dt: Row,
    ) -> Mapping[str, Row]:
        """Nothing is carried; see `TrainedSurrogate.step`."""
        return {}

    def provide(
        self, algebra: Algebra, carried: Mapping[str, Row], x: Mapping[str, Row]
    ) -> Mapping[str, Row]:
        """See `TrainedSurrogate.provide`."""
        if self.networks:
            values = algebra.network(0, [x[name] for name in self.inputs])
        else:
            steady = [self._gates[g].steady_state for g in self.provides]
            values = algebra.cell(steady, x)
        return dict(zip(self.provides, values, strict=True))

    @property
    def settings(self) -> Mapping[str, Any]:
        """See `TrainedSurrogate.settings`."""
        return {"gates": self.provides}
