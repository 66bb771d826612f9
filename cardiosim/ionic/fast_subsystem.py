"""The fast subsystem of a cell: V and named gates, for the multirate scheme.

Over one step everything but V and the fast gates is frozen. What the potential's
equation owes to the fast gates is split off,

    dV/dt = rest + f(V, gates)

where `rest` is the frozen remainder at the start of the step, stimulus included. With
the gates frozen V advances by the exponential Rosenbrock-Euler formula

    V <- V + (rest + f(V)) h phi(b h),    phi(z) = (exp(z) - 1)/z,    b = df/dV

which is exact where f is linear in V (an ohmic sodium current) and second order where
it is not (a Goldman-Hodgkin-Katz one). The gates have their exact exponential while V
is frozen.

Reference: Hochbruck & Ostermann 2010, Acta Numerica 19:209-286, section 2.4,
doi 10.1017/S0962492910000048.
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
    Number,
    depends_on,
    linear_in,
    minus,
    negative,
    over,
    plus,
    times,
    transform,
)
from cardiosim.ionic.gates import Gate

# Half width of the central difference that stands for df/dV of a nonlinear f, mV: its
# error, (0.01 mV)^2/6 f''', is below 1e-7 of df/dV, and so is what rounding does.
_DIFFERENCE = 0.01


@dataclass(frozen=True)
class FastSubsystem:
    """V and its fast gates.

    Attributes:
        gates: the fast gates.
        current: f, what the fast gates contribute to dV/dt, mV/ms.
        slope: b = df/dV, 1/ms.
    """

    gates: tuple[Gate, ...]
    current: Expression
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
        ValueError: no fast gates are named, or one of them is no gate.
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
    if split is not None:
        constant, slope = split
        current = plus(constant, times(slope, Name(potential)))
    else:
        slope = _difference(current, potential, equations.definitions)
    return FastSubsystem(tuple(gates[s] for s in fast), current, slope)


def _difference(
    expression: Expression, name: str, definitions: Mapping[str, Expression]
) -> Expression:
    """Central difference quotient of an expression; intermediates are opened."""

    def at(shift: float) -> Expression:
        def substitute(node: Expression) -> Expression:
            if node == Name(name):
                return plus(node, Number(shift))
            if isinstance(node, Name) and depends_on(node, name, definitions):
                return transform(definitions[node.name], substitute)
            return node

        return transform(expression, substitute)

    change = minus(at(_DIFFERENCE), at(-_DIFFERENCE))
    return over(change, Number(2.0 * _DIFFERENCE))


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
