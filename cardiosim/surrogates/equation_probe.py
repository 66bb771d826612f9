"""Whether a cell still has the equations that a surrogate was made for.

The equations that a surrogate stands for are evaluated at some states; their values are
kept with it and compared when it is to work in a cell. A changed constant shows, and
where; a renamed intermediate, a product written the other way round, and whatever the
surrogate takes as an input do not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cardiosim.ionic.equations import CellEquations
from cardiosim.ionic.evaluation import evaluate
from cardiosim.ionic.expressions import Expression, Name, references

_N_STATES = 8
_SEED = 20251  # of the states; the same for every surrogate

# Rounding of the same equations in another order, and of the values in JSON.
_SAME = 1e-9


@dataclass(frozen=True)
class EquationProbe:
    """Values of a surrogate's equations at some states of the cell.

    Attributes:
        around: state that the states are drawn around, by name.
        values: of each equation, shape (n_states,), by its name.
    """

    around: Mapping[str, float]
    values: Mapping[str, tuple[float, ...]]


def take_probe(
    cell: CellEquations,
    equations: Mapping[str, Expression],
    ranges: Mapping[str, tuple[float, float]],
) -> EquationProbe:
    """Evaluate equations of a cell.

    Args:
        cell: as read.
        equations: by name.
        ranges: of what the surrogate is given (its inputs), by name.
    """
    around = dict(zip(cell.states, cell.initial, strict=True))
    found = _evaluated(cell, equations, ranges, around)
    return EquationProbe(around, {n: tuple(v.tolist()) for n, v in found.items()})


def require_same(
    cell: CellEquations,
    equations: Mapping[str, Expression],
    ranges: Mapping[str, tuple[float, float]],
    free: Sequence[str],
    probe: EquationProbe,
    surrogate: str,
) -> None:
    """Refuse a cell with other equations.

    Args:
        cell: as read.
        equations: by name, of this cell.
        ranges: see `take_probe`.
        free: parameters that each node may have its own value of.
        probe: what the surrogate was made for.
        surrogate: its name, for messages.

    Raises:
        ValueError: with the equation that differs, and by how much.
    """
    missing = [s for s in probe.around if s not in cell.states]
    if missing:
        raise ValueError(
            f"{surrogate} was made for a cell with {missing[0]}, which {cell.name} "
            f"does not have; train one for {cell.name}"
        )
    for name, expression in equations.items():
        own = _reached(expression, cell, ranges) & set(free)
        if own:
            raise ValueError(
                f"{surrogate} was trained for one value of {min(own)}, on which "
                f"{name} depends; leave that as it is, or train one with it as input"
            )
    found = _evaluated(cell, equations, ranges, probe.around)
    for name, value in found.items():
        expected = np.array(probe.values[name])
        size = np.abs(expected).max()
        difference = np.abs(value - expected).max() / (size if size > 0.0 else 1.0)
        if not difference <= _SAME:
            raise ValueError(
                f"{surrogate} was made for other equations: {name} of {cell.name} "
                f"differs by up to {100.0 * difference:.3g} %; train one for this cell"
            )


def _evaluated(
    cell: CellEquations,
    equations: Mapping[str, Expression],
    ranges: Mapping[str, tuple[float, float]],
    around: Mapping[str, float],
) -> dict[str, NDArray[np.float64]]:
    random = np.random.Generator(np.random.PCG64(_SEED))
    values = {s: v * (0.7 + 0.6 * random.random(_N_STATES)) for s, v in around.items()}
    for name, (low, high) in sorted(ranges.items()):
        values[name] = low + (high - low) * random.random(_N_STATES)
    known: dict = {}
    return {
        name: np.broadcast_to(
            evaluate(e, cell.definitions, values, np, known), _N_STATES
        )
        for name, e in equations.items()
    }


def _reached(
    expression: Expression, cell: CellEquations, given: Mapping[str, object]
) -> set[str]:
    """Names that an expression depends on, not through what is given."""
    seen: set[str] = set()
    pending = [expression]
    while pending:
        for name in references(pending.pop()) - seen - given.keys():
            seen.add(name)
            if name in cell.definitions:
                pending.append(Name(name))
                pending.append(cell.definitions[name])
    return seen
