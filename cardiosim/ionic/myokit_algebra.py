"""Derivatives and quotients of Myokit's expressions, as a person would write them."""

from __future__ import annotations

import myokit


def derivative(expression: myokit.Expression, name: myokit.Name) -> myokit.Expression:
    """Derivative by a variable, seen through the variables that depend on it.

    Args:
        expression: what is derived; states in it count as constant.
        name: of the variable, a `myokit.Name`.
    """
    slope = expression.diff(name)
    inner = {}
    for partial in slope.walk(myokit.PartialDerivative):
        dependent = partial.dependent_expression()
        inner[partial] = derivative(dependent.var().rhs(), name)
    slope = slope.clone(subst=inner)
    # What is nested in another variable can only be read there.
    while nested := [r for r in slope.references() if r.var().is_nested()]:
        slope = slope.clone(subst={r: r.var().rhs() for r in nested})
    return slope


def quotient(a: myokit.Expression, b: myokit.Expression) -> myokit.Expression:
    """Write a / b without fractions in b: pace / (-1 / C_m) is -pace * C_m."""
    match b:
        case myokit.Number() if b.eval() == 1.0 and not _has_unit(b):
            return a
        case myokit.PrefixMinus():
            negative = quotient(a, b[0])
            if isinstance(negative, myokit.Multiply | myokit.Divide):
                first, second = negative
                return type(negative)(myokit.PrefixMinus(first), second)
            return myokit.PrefixMinus(negative)
        case myokit.Divide():
            return myokit.Multiply(quotient(a, b[0]), b[1])
        case myokit.Multiply():
            return quotient(quotient(a, b[0]), b[1])
    return myokit.Divide(a, b)


def _has_unit(number) -> bool:
    return number.unit() not in (None, myokit.units.dimensionless)


def without_factor_of_time(rate: myokit.Expression) -> myokit.Expression:
    """The rate x/n without the factor n of time where that has its place elsewhere.

    (x_inf - x)/tau/n is (x_inf - x)/(tau n), so that a gate keeps its shape, and
    x n/n is x.
    """
    if not isinstance(rate, myokit.Divide):
        return rate
    inner, n = rate
    if isinstance(inner, myokit.Multiply) and inner[1] == n:
        return inner[0]
    if not isinstance(inner, myokit.Divide) or not isinstance(n, myokit.Number):
        return rate
    x, tau = inner
    if not isinstance(tau, myokit.Number):
        return myokit.Divide(x, myokit.Multiply(tau, n))
    # x/m/n, as of a file that was converted before; the factors may cancel.
    one = myokit.units.dimensionless
    both = myokit.Number(tau.eval() * n.eval(), (tau.unit() or one) * (n.unit() or one))
    if both.eval() == 1.0 and not _has_unit(both):
        return x
    return without_factor_of_time(myokit.Divide(x, both))


def without_settled_choices(
    expression: myokit.Expression, time: myokit.Variable
) -> myokit.Expression:
    """Take the arm that constants decide on, where another arm reads the time.

    if(clamp_mode > 0, V_command(t), V_cell) with clamp_mode = 0 is V_cell.
    """
    for choice in expression.walk((myokit.If, myokit.Piecewise)):
        if not choice.depends_on(myokit.Name(time), deep=True):
            continue
        *pairs, otherwise = choice
        conditions, arms = pairs[::2], pairs[1::2]
        if all(condition.is_constant() for condition in conditions):
            taken = (a for c, a in zip(conditions, arms, strict=True) if c.eval())
            chosen = expression.clone(subst={choice: next(taken, otherwise)})
            return without_settled_choices(chosen, time)
    return expression
