"""Learned steady states and rates of gates of V alone: one network of V for all.

    x_inf, 1/tau = network(V at the start of the step), between the equations' bounds
    new x = x + (x_inf - x) (1 - exp(-dt/tau))

The step is exact in dt, as the Rush-Larsen step it stands for is, and x stays between
the bounds of x_inf whatever the weights are. 1 - exp(-z) is its series, cut below the
rounding of the weights: z is small, since 1/tau and dt have largest values.

What a gate's rates may depend on is V alone; that is what makes one small network of
one input enough for any number of gates of any cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cardiosim.ionic.cell_library import model_source
from cardiosim.ionic.constants import fold_constants
from cardiosim.ionic.equations import CellEquations, nearest
from cardiosim.ionic.evaluation import evaluate
from cardiosim.ionic.expressions import ONE, Expression, depends_on, over
from cardiosim.ionic.gates import find_gates
from cardiosim.ionic.network import Network
from cardiosim.ionic.singularities import remove_singularities
from cardiosim.surrogates.algebra import Algebra, Row
from cardiosim.surrogates.interface import TrainedSurrogate

Bounds = tuple[float, float]

#: Activations whose outputs stay between -1 and 1.
BOUNDED = ("cubic", "tanh")

_SHARE_ACCURACY = 1e-8  # of the series; weights have float32's 6e-8
_LONGEST_SERIES = 8  # terms; an exponential is cheaper than more
_GRID = 0.05  # mV, at which bounds are found


class VoltageGates(TrainedSurrogate):
    """Gates that relax to what a network of V says, as fast as it says.

    Without a network they do what the cell's own equations say.

    Attributes:
        steady_bounds: lowest and highest x_inf of each gate, in the gates' order.
        rate_bounds: lowest and highest 1/tau, 1/ms.
    """

    kind = "voltage_gates"

    def __init__(
        self,
        name: str,
        model: str,
        gates: Sequence[str],
        steady_bounds: Sequence[Bounds],
        rate_bounds: Sequence[Bounds],
        networks: Sequence[Network] = (),
        ranges: Mapping[str, Bounds] | None = None,
        dt_range: Bounds = (1e-6, 0.1),
    ) -> None:
        """Args:
        name: of the surrogate.
        model: name of the cell.
        gates: that it takes over.
        steady_bounds: see the class; `gate_bounds` finds them.
        rate_bounds: likewise, positive.
        networks: one of V, mV, whose outputs are x_inf of all gates, then 1/tau of
            all, -1 for the lower bound to 1 for the higher; its last activation holds
            them there. None for the equations themselves.
        ranges: of V, in which the network was trained.
        dt_range: see `TrainedSurrogate`.

        Raises:
            ValueError: a state that is no gate, or no gate of V alone; bounds that are
                none; a network of another shape.
        """
        super().__init__(name, model, networks, ranges, dt_range)
        cell = folded_cell(model)
        self.functions = voltage_functions(cell, gates)
        self.potential = cell.membrane_potential
        self.replaces = self.carries = tuple(gates)
        self.inputs = (self.potential,)
        self.steady_bounds = tuple((float(a), float(b)) for a, b in steady_bounds)
        self.rate_bounds = tuple((float(a), float(b)) for a, b in rate_bounds)
        _require_bounds(self)

    def step(
        self,
        algebra: Algebra,
        carried: Mapping[str, Row],
        x: Mapping[str, Row],
        dt: Row,
    ) -> Mapping[str, Row]:
        """See `TrainedSurrogate.step`."""
        steady, rates = self.steady_and_rates(algebra, x[self.potential])
        return {
            gate: value + (towards - value) * self._share(algebra, dt * rate, bounds[1])
            for (gate, value), towards, rate, bounds in zip(
                carried.items(), steady, rates, self.rate_bounds, strict=True
            )
        }

    def steady_and_rates(self, algebra: Algebra, V: Row) -> tuple[list, list]:
        """x_inf and 1/tau (1/ms) of each gate at V, mV, within their bounds."""
        n = len(self.carries)
        if self.networks:
            outputs = algebra.network(0, [V])  # between -1 and 1
            bounds = (*self.steady_bounds, *self.rate_bounds)
            rows = [
                0.5 * (high + low) + (0.5 * (high - low)) * y
                for y, (low, high) in zip(outputs, bounds, strict=True)
            ]
        else:
            parts = [e for pair in zip(*self.functions, strict=True) for e in pair]
            rows = list(algebra.cell(parts, {self.potential: V}))
        return rows[:n], rows[n:]

    def _share(self, algebra: Algebra, z: Row, highest_rate: float) -> Row:
        """1 - exp(-z), for z up to the longest step times the highest rate."""
        terms = series_terms(self.dt_range[1] * highest_rate)
        if terms > _LONGEST_SERIES:
            return 1.0 - algebra.exp(-z)
        # z (1 - z/2 (1 - z/3 (...)))
        z = algebra.keep("z", z)
        share = 1.0
        for k in range(terms, 1, -1):
            share = 1.0 - (z * (1.0 / k)) * share
        return z * share

    @property
    def settings(self) -> Mapping[str, Any]:
        """See `TrainedSurrogate.settings`."""
        return {
            "gates": self.carries,
            "steady_bounds": self.steady_bounds,
            "rate_bounds": self.rate_bounds,
        }


def series_terms(largest: float) -> int:
    """Terms of 1 - exp(-z) = z - z^2/2 + ... that make it exact up to a largest z."""
    terms, rest = 1, largest / 2.0
    while rest > _SHARE_ACCURACY and terms <= _LONGEST_SERIES:
        terms += 1
        rest *= largest / (terms + 1.0)
    return terms


def folded_cell(model: str) -> CellEquations:
    """The cell's equations, with its constants as numbers."""
    return fold_constants(remove_singularities(model_source(model).equations())[0], ())


def voltage_functions(
    cell: CellEquations, gates: Sequence[str]
) -> tuple[tuple[Expression, Expression], ...]:
    """x_inf and 1/tau (1/ms) of gates as expressions of V.

    Args:
        cell: constants folded.
        gates: names of states.

    Raises:
        ValueError: a state that is no gate, or whose rates depend on more than V.
    """
    known = find_gates(cell)
    found = []
    for name in gates:
        if name not in known:
            raise ValueError(f"{cell.name} has no gate {name}; {nearest(name, known)}")
        gate = known[name]
        rate = gate.rate if gate.rate is not None else over(ONE, gate.time_constant)
        also = _read_beside_potential(cell, (gate.steady_state, rate))
        if also:
            fitting = [
                n
                for n, g in known.items()
                if not _read_beside_potential(
                    cell, (g.steady_state, g.rate or g.time_constant)
                )
            ]
            raise ValueError(
                f"{name} of {cell.name} depends on {also}, not on "
                f"{cell.membrane_potential} alone; voltage_gates takes of its gates "
                f"{', '.join(fitting) or 'none'}"
            )
        found.append((gate.steady_state, rate))
    return tuple(found)


def _read_beside_potential(cell: CellEquations, parts: Sequence[Expression]) -> str:
    """First state but V, or the stimulus, that expressions depend on; "" for none."""
    others = [s for s in cell.states if s != cell.membrane_potential]
    others += [cell.stimulus] if cell.stimulus else []
    return next(
        (s for s in others for e in parts if depends_on(e, s, cell.definitions)), ""
    )


def tabulate_gates(
    model: str, gates: Sequence[str], V: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x_inf and 1/tau (1/ms) of the cell's own equations, both (n_gates, n_potentials).

    Args:
        model: name of the cell.
        gates: of V alone.
        V: mV, (n_potentials,).
    """
    cell = folded_cell(model)
    functions = voltage_functions(cell, gates)
    values, known = {cell.membrane_potential: V}, {}
    steady, rates = (
        np.array(
            [V * 0.0 + evaluate(e, cell.definitions, values, np, known) for e in c]
        )
        for c in zip(*functions, strict=True)
    )
    return steady, rates


def gate_bounds(
    model: str, gates: Sequence[str], potentials: Bounds
) -> tuple[tuple[Bounds, ...], tuple[Bounds, ...]]:
    """Lowest and highest x_inf, and 1/tau (1/ms), of each gate between potentials."""
    low, high = potentials
    V = np.linspace(low, high, round((high - low) / _GRID) + 1)
    return tuple(
        tuple((float(row.min()), float(row.max())) for row in rows)
        for rows in tabulate_gates(model, gates, V)
    )


def _require_bounds(surrogate: VoltageGates) -> None:
    name, n = surrogate.name, len(surrogate.carries)
    if not n:
        raise ValueError(f"{name} has no gates; name one or more")
    for what, bounds in (
        ("steady_bounds", surrogate.steady_bounds),
        ("rate_bounds", surrogate.rate_bounds),
    ):
        if len(bounds) != n or any(not low <= high for low, high in bounds):
            raise ValueError(
                f"{name} has {n} gates and {what} {bounds}; expected lowest and "
                f"highest of each"
            )
    if any(low <= 0.0 for low, _ in surrogate.rate_bounds):
        raise ValueError(f"{name} has a rate bound of 0 or less; rates are positive")
    for network in surrogate.networks:
        if (network.n_inputs, network.n_outputs) != (1, 2 * n):
            raise ValueError(
                f"the network of {name} has {network.n_inputs} inputs and "
                f"{network.n_outputs} outputs; {n} gates of V take 1 and {2 * n}"
            )
        last = network.layers[-1]
        if last.activation not in BOUNDED or last.skip or last.scale is not None:
            raise ValueError(
                f"the network of {name} ends with {last.activation}; expected a layer "
                f"of outputs between -1 and 1: {' or '.join(BOUNDED)}"
            )
