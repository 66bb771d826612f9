"""Fewer exponentials and divisions in a list of assignments, for the fast kernels.

Exponentials and divisions are most of a step's time. Three rewritings, exact but for
rounding:

shared exponentials: exp(a) and exp(b) with a = p b + c for a small whole p become one
exponential and a product, exp(a) = exp(b)^p e^c.

merged quotients: a quotient whose divisor holds quotients, x/(a + b/c), becomes
x c/(a c + b), one division for two. Intermediates used once are looked through, so that
dt/tau with tau = a + b/(1 + exp(u)) takes one division.

logarithms of quotients: log(c/x) with a constant c becomes log(c) - log(x).

The scalar oracle is written without them, which is how they are tested.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from cardiosim.ionic.expressions import (
    ONE,
    Apply,
    Expression,
    Name,
    Number,
    fold,
    minus,
    negative,
    over,
    plus,
    references,
    times,
    transform,
    walk,
)

Assignment = tuple[str, Expression]
LinearForm = tuple[Mapping[str, float], float]

# exp(b)^p loses p rounding errors; more than this is not worth an exponential.
_LARGEST_POWER = 4
# e^c with a larger |c| would leave no room for exp(b)^p.
_LARGEST_SHIFT = 200.0
# Exponents, and p b of exp(b)^p, are kept below this: beside 1 it is saturated, and a
# merged quotient may still multiply three such exponentials.
_LARGEST_EXPONENT = 200.0


def economise(
    assignments: Sequence[Assignment], keep: Collection[str]
) -> tuple[Assignment, ...]:
    """Rewrite assignments with fewer exponentials and divisions.

    Args:
        assignments: in evaluation order.
        keep: names that are read elsewhere.

    Returns:
        Assignments in evaluation order; names in `keep` have the same values.
    """
    fewer = _merge_quotients(_share_exponentials(assignments), keep)
    return tuple((name, transform(e, _within_bounds)) for name, e in fewer)


def _within_bounds(node: Expression) -> Expression:
    match node:
        case Apply("exp", (argument,)):
            return Apply("exp_within", (argument, Number(_LARGEST_EXPONENT)))
    return node


def _share_exponentials(assignments: Sequence[Assignment]) -> list[Assignment]:
    """One exponential for all whose arguments are multiples of each other."""
    forms: dict[Expression, LinearForm] = {}
    for _, expression in assignments:
        for node in walk(expression):
            match node:
                case Apply("exp", (argument,)) if node not in forms:
                    form = _linear_form(argument)
                    if form is not None and form[0]:
                        forms[node] = form

    replacement: dict[Expression, Expression] = {}
    bases: dict[str, Expression] = {}
    ascending = sorted(forms, key=lambda e: max(map(abs, forms[e][0].values())))
    for node in ascending:
        if node in replacement:
            continue
        shared = {other: _multiple(forms[other], forms[node]) for other in ascending}
        users = [o for o in ascending if shared[o] and o not in replacement]
        if len(users) < 2:
            continue
        name = f"exponential({len(bases) + 1})"
        limit = _LARGEST_EXPONENT / max(abs(shared[other][0]) for other in users)
        bases[name] = Apply("exp_within", (*node.arguments, Number(limit)))
        for other in users:
            power, shift = shared[other]
            replacement[other] = _power(Name(name), power, shift)

    result: list[Assignment] = []
    assigned: set[str] = set()
    for name, expression in assignments:
        changed = transform(expression, lambda e: replacement.get(e, e))
        for base in sorted(references(changed) & bases.keys() - assigned):
            assigned.add(base)
            result.append((base, bases[base]))
        result.append((name, changed))
    return result


def _power(base: Expression, power: int, shift: float) -> Expression:
    """The product base^power e^shift."""
    product = base
    for _ in range(abs(power) - 1):
        product = times(product, base)
    if power < 0:
        product = over(ONE, product)
    return times(Number(math.exp(shift)), product) if shift else product


def _linear_form(expression: Expression) -> LinearForm | None:
    """Coefficients and constant of an expression that is linear in names."""
    match expression:
        case Number(value):
            return {}, value
        case Name(name):
            return {name: 1.0}, 0.0
        case Apply("neg", (a,)):
            return _scaled(_linear_form(a), -1.0)
        case Apply("+" | "-" as sign, (a, b)):
            p, q = _linear_form(a), _linear_form(b)
            q = _scaled(q, 1.0 if sign == "+" else -1.0)
            if p is None or q is None:
                return None
            names = {*p[0], *q[0]}
            sums = {n: p[0].get(n, 0.0) + q[0].get(n, 0.0) for n in names}
            return {n: c for n, c in sums.items() if c}, p[1] + q[1]
        case Apply("*", (Number(factor), a)) | Apply("*", (a, Number(factor))):
            return _scaled(_linear_form(a), factor)
        case Apply("/", (a, Number(divisor))):
            return _scaled(_linear_form(a), 1.0 / divisor)
    return None


def _scaled(form: LinearForm | None, factor: float) -> LinearForm | None:
    if form is None:
        return None
    return {n: factor * c for n, c in form[0].items()}, factor * form[1]


def _multiple(form: LinearForm, base: LinearForm) -> tuple[int, float] | None:
    """(p, c) with form = p base + c, or None."""
    if form[0].keys() != base[0].keys():
        return None
    ratios = [form[0][n] / base[0][n] for n in base[0]]
    power = round(ratios[0])
    # The printed constants' quotient is whole but for rounding.
    is_whole = all(abs(ratio - power) < 1e-12 * abs(power) for ratio in ratios)
    shift = form[1] - power * base[1]
    if power == 0 or abs(power) > _LARGEST_POWER or not is_whole:
        return None
    return (power, shift) if abs(shift) < _LARGEST_SHIFT else None


def _merge_quotients(
    assignments: Sequence[Assignment], keep: Collection[str]
) -> list[Assignment]:
    """One division for a quotient whose divisor holds quotients."""
    uses = Counter(
        node.name
        for _, expression in assignments
        for node in walk(expression)
        if isinstance(node, Name)
    )
    once = {n: e for n, e in assignments if uses[n] == 1 and n not in keep}

    def merge(node: Expression) -> Expression:
        match node:
            case Apply("/", (a, b)):
                top, bottom = _fraction(b, once)
                return node if bottom == ONE else over(times(a, bottom), top)
            case Apply("log", (Apply("/", (Number(c), x)),)) if c > 0.0:
                return minus(Number(math.log(c)), Apply("log", (x,)))
        return node

    merged = {name: transform(e, merge) for name, e in assignments}
    needed = set(keep)
    result = []
    for name, _ in reversed(assignments):
        if name in needed:
            needed |= references(merged[name])
            result.append((name, merged[name]))
    return result[::-1]


def _fraction(
    expression: Expression, once: Mapping[str, Expression]
) -> tuple[Expression, Expression]:
    """Numerator and denominator; the denominator is 1 where there is no quotient."""
    match expression:
        case Name(name) if name in once:
            top, bottom = _fraction(once[name], once)
            return (expression, ONE) if bottom == ONE else (top, bottom)
        case Apply("neg", (a,)):
            top, bottom = _fraction(a, once)
            return negative(top), bottom
        case Apply("/", (a, Number() as divisor)):
            top, bottom = _fraction(a, once)
            return fold(Apply("/", (top, divisor))), bottom
        case Apply("/", (a, b)):
            (p, q), (r, s) = _fraction(a, once), _fraction(b, once)
            return times(p, s), times(q, r)
        case Apply("*", (a, b)):
            (p, q), (r, s) = _fraction(a, once), _fraction(b, once)
            return times(p, r), times(q, s)
        case Apply("+" | "-" as sign, (a, b)):
            join = plus if sign == "+" else minus
            (p, q), (r, s) = _fraction(a, once), _fraction(b, once)
            if q == s:
                return join(p, r), q
            return join(times(p, s), times(r, q)), times(q, s)
    return expression, ONE


def count_operations(assignments: Sequence[Assignment]) -> dict[str, int]:
    """How many exponentials, logarithms and divisions assignments take.

    Divisions by a number do not count: they become products.
    """
    counts = Counter({"exp": 0, "log": 0, "/": 0})
    for _, expression in assignments:
        for node in walk(expression):
            match node:
                case Apply("exp" | "exp_within" | "x_over_expm1", _):
                    counts["exp"] += 1
                case Apply("log", _):
                    counts["log"] += 1
                case Apply("/", (_, divisor)) if not isinstance(divisor, Number):
                    counts["/"] += 1
    return dict(counts)
