"""The fast subsystem of a cell: V and named gates, for the multirate scheme.

Over one step everything but V and the fast gates is frozen. What the potential's
equation owes to the fast gates is split off and written linear in V,

    dV/dt = rest + a(gates) + b(gates) V

so that V has an exact exponential solution while the gates are frozen, and the gates
have theirs while V is frozen. `rest` is the frozen remainder at the start of the step,
stimulus included.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from cardiosim.ionic.equations import CellEquations
from cardiosim.ionic.expressions import (
    ZERO,
    Apply,
    Expression,
    Name,
    depends_on,
    linear_in,
    minus,
    negative,
    over,
    plus,
    times,
)
from cardiosim.ionic.gates import Gate


@dataclass(frozen=True)
class FastSubsystem:
    """V and its fast gates, a + b V being the fast part of dV/dt.

    Attributes:
        gates: the fast gates.
        constant: a, mV/ms.
        slope: b, 1/ms.
    """

    gates: tuple[Gate, ...]
    constant: Expression
    slope: Expression


def fast_subsystem(
    equations: CellEquations, fast: Collection[str], gates: Mapping[str, Gate]
) -> FastSubsystem:
    """Split the named fast gates and the current they carry from the cell.

    Args:
        equations: of the cell, constants folded.
        fast: qualified names of the fast gates.
        gates: all gates of the cell.

    Raises:
        ValueError: no fast gates are named, one of them is no gate, or the current
            through them is not linear in V.
    """
    if not fast:
        raise ValueError(
            f"{equations.name} names no fast gates, which the multirate scheme needs; "
            f"add `fast: ina.m, ...` to the model's header or cell.fast to the case, "
            f"or use scheme rush_larsen"
        )
    for state in fast:
        if state not in gates:
            raise ValueError(
                f"{equations.name}: fast state {state} is no gate; "
                f"its gates are {', '.join(gates)}"
            )
    potential = equations.membrane_potential
    current = _part_through(
        equations.rate(potential), set(fast), potential, equations.definitions
    )
    split = linear_in(current, potential, equations.definitions)
    if split is None:
        raise ValueError(
            f"{equations.name}: the current through {', '.join(fast)} is not linear "
            f"in {potential}, which the multirate scheme needs; use rush_larsen"
        )
    return FastSubsystem(tuple(gates[s] for s in fast), *split)


def _part_through(
    expression: Expression,
    fast: set[str],
    potential: str,
    definitions: Mapping[str, Expression],
) -> Expression:
    """The terms of a sum that depend on the fast gates; intermediates are opened."""

    def is_fast(e: Expression, names: set[str] = fast) -> bool:
        return any(depends_on(e, name, definitions) for name in names)

    def part(e: Expression) -> Expression:
        if not is_fast(e):
            return ZERO
        match e:
            case Name(name) if name in definitions:
                return part(definitions[name])
            case Apply("neg", (a,)):
                return negative(part(a))
            case Apply("+", (a, b)):
                return plus(part(a), part(b))
            case Apply("-", (a, b)):
                return minus(part(a), part(b))
            case Apply("*", (a, b)) if not is_fast(b, fast | {potential}):
                return times(part(a), b)
            case Apply("*", (a, b)) if not is_fast(a, fast | {potential}):
                return times(a, part(b))
            case Apply("/", (a, b)) if not is_fast(b, fast | {potential}):
                return over(part(a), b)
        return e

    return part(expression)
