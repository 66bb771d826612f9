"""Removable singularities rewritten into a form that is smooth through them.

Rate equations and Goldman-Hodgkin-Katz currents hold quotients such as

    (V + 47.13)/(1 - exp(-0.1 (V + 47.13)))       0/0 at V = -47.13

whose limit is finite. With u the argument of the exponential and c u the factor that
vanishes with it, the quotient is c (or -c) times

    b(u) = u/(exp(u) - 1),     b(0) = 1

which every emitter evaluates smoothly (`x_over_expm1`). The inverse quotient,
(1 - exp(u))/(c u), becomes 1/b(u). One rewriting cures all cells and all backends.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from cardiosim.ionic.equations import CellEquations
from cardiosim.ionic.expressions import (
    ONE,
    Apply,
    Expression,
    Name,
    Number,
    linear_in,
    negative,
    over,
    references,
    simplify,
    times,
    transform,
)
from cardiosim.ionic.ordering import schedule

# Two coefficients of an equation that are meant to vanish together agree to
# rounding of the printed constants, not exactly (F/(R T) against 0.03742).
_SAME_ROOT = 1e-9


def remove_singularities(
    equations: CellEquations, free: Collection[str] = ()
) -> tuple[CellEquations, int]:
    """Rewrite every 0/0 of the cell.

    Args:
        equations: as read.
        free: parameters that may get other values; a quotient is only rewritten if
            its roots stay together whatever these are.

    Returns:
        The cell with safe quotients, and how many were rewritten.
    """
    moved = {
        name: Number(1.0625 * equations.definitions[name].value + 0.03125 * (i + 1))
        for i, name in enumerate(free)
    }
    values = [_constants(equations, {}), _constants(equations, moved)]
    definitions = {n: e for n, e in equations.definitions.items() if n not in moved}
    count = 0

    def rewrite(node: Expression) -> Expression:
        nonlocal count
        # V/(exp(u) - 1), but also V (a/(exp(u) - 1)) with the product outside.
        if isinstance(node, Apply) and node.function in ("/", "*"):
            safe = _safe_quotient(node, values, definitions)
            if safe is not None:
                count += 1
                return safe
        return node

    return equations.map(rewrite), count


def _safe_quotient(
    quotient: Expression,
    values: Sequence[Mapping[str, float]],
    definitions: Mapping[str, Expression],
) -> Expression | None:
    """The quotient with its first pair (c u, exp(u) - 1) replaced, or None."""
    above, below = _factors(quotient)
    sides = ((above, below, False), (below, above, True))
    for numerators, denominators, inverse in sides:
        for j, denominator in enumerate(denominators):
            found = _exp_minus_one(denominator, definitions)
            if found is None:
                continue
            u, sign = found
            for i, numerator in enumerate(numerators):
                c = _ratio(numerator, u, values, definitions)
                if c is None:
                    continue
                rest = [*numerators[:i], *numerators[i + 1 :]]
                others = [*denominators[:j], *denominators[j + 1 :]]
                smooth = Apply("x_over_expm1", (u,))
                scale = c if sign > 0 else negative(c)
                top = _product([scale, *rest, smooth])
                bottom = _product(others)
                top, bottom = (bottom, top) if inverse else (top, bottom)
                return over(top, bottom)
    return None


def _factors(expression: Expression) -> tuple[list[Expression], list[Expression]]:
    """Factors above and below the fraction bar."""
    match expression:
        case Apply("*", (a, b)):
            (p, q), (r, s) = _factors(a), _factors(b)
            return p + r, q + s
        case Apply("/", (a, b)):
            (p, q), (r, s) = _factors(a), _factors(b)
            return p + s, q + r
        case Apply("neg", (a,)):
            p, q = _factors(a)
            return [Number(-1.0), *p], q
    return [expression], []


def _product(factors: list[Expression]) -> Expression:
    result: Expression = ONE
    for factor in factors:
        result = times(result, factor)
    return result


def _exp_minus_one(
    expression: Expression, definitions: Mapping[str, Expression]
) -> tuple[Expression, int] | None:
    """(u, sign) of sign (exp(u) - 1); intermediates are looked through."""
    match expression:
        case Apply("-", (a, b)):
            a, b = (_behind_name(x, definitions) for x in (a, b))
            match a, b:
                case Apply("exp", (u,)), Number(1.0):
                    return u, 1
                case Number(1.0), Apply("exp", (u,)):
                    return u, -1
        case Apply("+", (Number(-1.0), Apply("exp", (u,)))):
            return u, 1
        case Name(name) if name in definitions:
            return _exp_minus_one(definitions[name], definitions)
    return None


def _behind_name(
    expression: Expression, definitions: Mapping[str, Expression]
) -> Expression:
    while isinstance(expression, Name) and expression.name in definitions:
        expression = definitions[expression.name]
    return expression


def _ratio(
    numerator: Expression,
    u: Expression,
    values: Sequence[Mapping[str, float]],
    definitions: Mapping[str, Expression],
) -> Expression | None:
    """The c of numerator = c u: both linear in one variable, with the same root."""
    for name in sorted(_variables(u, definitions) - values[0].keys()):
        p, q = (linear_in(e, name, definitions) for e in (numerator, u))
        if p and q and all(_share_root(p, q, v) for v in values):
            return over(p[1], q[1])
    return None


def _share_root(
    p: tuple[Expression, Expression],
    q: tuple[Expression, Expression],
    values: Mapping[str, float],
) -> bool:
    """Whether p0 + p1 x and q0 + q1 x vanish at the same x."""
    a0, a1, b0, b1 = (_value(e, values) for e in (*p, *q))
    if None in (a0, a1, b0, b1) or a1 == 0.0 or b1 == 0.0:
        return False
    return math.isclose(a0 / a1, b0 / b1, rel_tol=_SAME_ROOT, abs_tol=1e-12)


def _variables(
    expression: Expression, definitions: Mapping[str, Expression]
) -> set[str]:
    """What the expression depends on once all intermediates are looked through."""
    found: set[str] = set()
    pending = set(references(expression))
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            if name in definitions:
                pending |= references(definitions[name])
    return found


def _value(expression: Expression, values: Mapping[str, float]) -> float | None:
    """Number behind an expression of constants, None if it is not constant."""

    def substitute(node: Expression) -> Expression:
        if isinstance(node, Name) and node.name in values:
            return Number(values[node.name])
        return node

    try:
        folded = simplify(transform(expression, substitute))
    except ValueError:
        return None  # reported by fold_constants, if the equation is ever reached
    return folded.value if isinstance(folded, Number) else None


def _constants(
    equations: CellEquations, overrides: Mapping[str, Number]
) -> dict[str, float]:
    """Values of all constants, at the model's own parameters but for the overrides."""
    inputs = {*equations.states, equations.stimulus}
    definitions = {**equations.definitions, **overrides}
    values: dict[str, float] = {}
    everything = [Name(name) for name in definitions]
    for name in schedule(everything, definitions, inputs):
        value = _value(definitions[name], values)
        if value is not None:
            values[name] = value
    return values
