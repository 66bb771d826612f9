"""Strang steps of the fast subsystem {V, fast gates}, as a surrogate.

    half a Rush-Larsen step of the gates, V by its exponential with the conductance
    frozen, half a step of the gates at the new V

with everything else frozen in dV/dt = rest + f(V, gates). With as many substeps as
multirate takes it is multirate, which proves the wiring of what stands in the place of
the substeps. With one substep it is what `fast_step` corrects by a network.

Reference: Strang 1968, SIAM J Numer Anal 5:506-517, doi 10.1137/0705041; the potential
by Hochbruck & Ostermann 2010, Acta Numerica 19:209-286, doi 10.1017/S0962492910000048.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cardiosim.ionic.cell_library import model_source
from cardiosim.ionic.constants import fold_constants
from cardiosim.ionic.equations import CellEquations, dot
from cardiosim.ionic.expressions import Expression, Name, depends_on, references
from cardiosim.ionic.fast_subsystem import FastSubsystem, fast_subsystem
from cardiosim.ionic.gates import find_gates
from cardiosim.ionic.network import Network
from cardiosim.ionic.singularities import remove_singularities
from cardiosim.surrogates.algebra import Algebra, Row
from cardiosim.surrogates.interface import REST, TrainedSurrogate


class StrangStep(TrainedSurrogate):
    """Strang substeps of V and the fast gates at nodes in their upstroke.

    Attributes:
        substeps: how many.
        subsystem: the fast gates and the current they carry.
        gates: names of the fast gates.
        potential: name of V.
    """

    kind = "strang_step"
    moment = "upstroke"

    def __init__(
        self,
        name: str,
        model: str,
        parameters: Sequence[str] = (),
        substeps: int = 1,
        networks: Sequence[Network] = (),
        ranges: Mapping[str, tuple[float, float]] | None = None,
        dt_range: tuple[float, float] = (1e-6, 1e3),
    ) -> None:
        """Args:
        name: of the surrogate.
        model: name of the cell.
        parameters: of the fast current that may differ from node to node; they become
            inputs.
        substeps: of one step.
        networks: see `TrainedSurrogate`.
        ranges: see `TrainedSurrogate`.
        dt_range: see `TrainedSurrogate`.
        """
        super().__init__(name, model, networks, ranges, dt_range)
        self.substeps = substeps
        self.parameters = tuple(parameters)
        cell, _ = remove_singularities(model_source(model).equations(), parameters)
        cell = fold_constants(cell, parameters)
        self.potential = cell.membrane_potential
        self.subsystem: FastSubsystem = fast_subsystem(
            cell, cell.fast, find_gates(cell)
        )
        self.gates = tuple(gate.state for gate in self.subsystem.gates)
        self.replaces = self.carries = (self.potential, *self.gates)
        self.inputs = (REST, *self.parameters, *self._frozen(cell))

    def _frozen(self, cell: CellEquations) -> tuple[str, ...]:
        """Intermediates of the fast current and gates that nothing fast reaches."""
        read = [self.subsystem.current, self.subsystem.slope]
        read += [g.steady_state for g in self.subsystem.gates]
        read += [g.time_constant or g.rate for g in self.subsystem.gates]
        definitions = cell.definitions
        found: dict[str, None] = {}

        def visit(e: Expression) -> None:
            for name in sorted(references(e)):
                if name in self.carries or name in self.parameters:
                    continue
                moves = any(
                    depends_on(Name(name), n, definitions) for n in self.carries
                )
                if not moves:
                    found[name] = None
                elif name in definitions:
                    visit(definitions[name])

        for e in read:
            visit(e)
        return tuple(found)

    def step(
        self,
        algebra: Algebra,
        carried: Mapping[str, Row],
        x: Mapping[str, Row],
        dt: Row,
    ) -> Mapping[str, Row]:
        """See `TrainedSurrogate.step`."""
        h = dt / float(self.substeps)
        half = 0.5 * h
        now = dict(carried)
        now |= self.gates_after(algebra, now, half)
        for sub in range(self.substeps):
            now[self.potential] = self.potential_after(algebra, now, x[REST], h)
            gate_step = h if sub < self.substeps - 1 else half
            now |= self.gates_after(algebra, now, gate_step)
        return now

    def gates_after(
        self, algebra: Algebra, now: Mapping[str, Row], h: Row
    ) -> dict[str, Row]:
        """Fast gates after h at the present V, by their exact exponential."""
        at_V = {self.potential: now[self.potential]}
        new = {}
        for gate in self.subsystem.gates:
            is_rate = gate.rate is not None
            parts = (gate.steady_state, gate.rate if is_rate else gate.time_constant)
            steady, decay = algebra.cell(parts, at_V)
            exponent = -(h * decay) if is_rate else -(h / decay)
            value = steady + (now[gate.state] - steady) * algebra.exp(exponent)
            new[gate.state] = algebra.keep(gate.state, value)
        return new

    def potential_after(
        self,
        algebra: Algebra,
        now: Mapping[str, Row],
        rest: Row,
        h: Row,
        conductance: Row = 1.0,
    ) -> Row:
        """V after h with the gates frozen.

        Args:
            algebra: functions of rows.
            now: V and the fast gates.
            rest: the frozen part of dV/dt, mV/ms.
            h: ms.
            conductance: factor of the fast current.
        """
        parts = (self.subsystem.current, self.subsystem.slope)
        current, slope = algebra.cell(parts, now)
        total = rest + conductance * current
        phi = algebra.x_over_expm1(conductance * slope * h)
        V = now[self.potential] + total * h / phi
        return algebra.keep(self.potential, V)

    def stands_for(self, cell: CellEquations) -> Mapping[str, Expression]:
        """See `TrainedSurrogate.stands_for`; V has the part through the fast gates."""
        subsystem = fast_subsystem(cell, self.gates, find_gates(cell))
        own = {dot(s): Name(dot(s)) for s in self.gates}
        return own | {"the fast current": subsystem.current}

    @property
    def settings(self) -> Mapping[str, Any]:
        """See `TrainedSurrogate.settings`."""
        return {"substeps": self.substeps, "parameters": self.parameters}
