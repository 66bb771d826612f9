"""Expression trees of the cell compiler: small, immutable, target-neutral.

A tree has three kinds of node. Operators and functions are all `Apply`, so that a
pass is one `match` statement and a traversal is one line.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Number:
    """A literal."""

    value: float


@dataclass(frozen=True, slots=True)
class Name:
    """A variable by its qualified name ("ina.m"), or a derivative, "dot(ina.m)"."""

    name: str


@dataclass(frozen=True, slots=True)
class Apply:
    """An operator or function on its arguments; `FUNCTIONS` lists them all."""

    function: str
    arguments: tuple[Expression, ...]


Expression = Number | Name | Apply

ZERO = Number(0.0)
ONE = Number(1.0)


def _x_over_expm1(u: float) -> float:
    return u / math.expm1(u) if u != 0.0 else 1.0


#: Meaning of every function of `Apply` on numbers (constant folding).
FUNCTIONS: Mapping[str, Callable[..., float]] = {
    "neg": operator.neg,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "exp": math.exp,
    "exp_within": lambda x, limit: math.exp(min(max(x, -limit), limit)),
    "log": math.log,
    "sqrt": math.sqrt,
    "abs": abs,
    "floor": math.floor,
    "ceil": math.ceil,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "x_over_expm1": _x_over_expm1,
    "select": lambda condition, a, b: a if condition else b,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "not": operator.not_,
}


#: Apply("network:0", arguments) calls network number 0 of a surrogate, and
#: Apply("item", (call, Number(k))) is its output number k.
NETWORK = "network:"


def calls_network(expression: Expression) -> bool:
    """Whether an expression is the call of a network, which has several outputs."""
    return isinstance(expression, Apply) and expression.function.startswith(NETWORK)


def walk(expression: Expression) -> Iterator[Expression]:
    """Every node of the tree, parents first."""
    yield expression
    if isinstance(expression, Apply):
        for argument in expression.arguments:
            yield from walk(argument)


def references(expression: Expression) -> set[str]:
    """Names that the expression reads."""
    return {node.name for node in walk(expression) if isinstance(node, Name)}


def transform(
    expression: Expression, change: Callable[[Expression], Expression]
) -> Expression:
    """Rebuild the tree from its leaves, applying `change` to every node."""
    if isinstance(expression, Apply):
        arguments = tuple(transform(a, change) for a in expression.arguments)
        expression = Apply(expression.function, arguments)
    return change(expression)


def fold(expression: Expression) -> Expression:
    """Evaluate what is constant and drop neutral elements (one node).

    Raises:
        ValueError: a constant part of the equation has no value (1/0, log(-1)).
    """
    match expression:
        case Apply(function, arguments) if function in FUNCTIONS and all(
            isinstance(a, Number) for a in arguments
        ):
            values = [a.value for a in arguments]
            try:
                return Number(float(FUNCTIONS[function](*values)))
            except (ArithmeticError, ValueError, TypeError) as error:
                raise ValueError(
                    f"constant expression {function}{tuple(values)} has no value: "
                    f"{error}"
                ) from error
        case Apply("select", (Number(condition), a, b)):
            return a if condition else b
        case Apply("and", (Number(known), x)) | Apply("and", (x, Number(known))):
            return x if known else ZERO
        case Apply("or", (Number(known), x)) | Apply("or", (x, Number(known))):
            return ONE if known else x
        case Apply("+", (Number(0.0), x)) | Apply("+", (x, Number(0.0))):
            return x
        case Apply("-", (x, Number(0.0))):
            return x
        case Apply("-", (Number(0.0), x)):
            return negative(x)
        case Apply("*", (Number(0.0), _)) | Apply("*", (_, Number(0.0))):
            return ZERO
        case Apply("*", (Number(1.0), x)) | Apply("*", (x, Number(1.0))):
            return x
        case Apply("/", (Number(0.0), _)):
            return ZERO
        case Apply("/", (x, Number(1.0))):
            return x
        case Apply("**", (x, Number(1.0))):
            return x
        case Apply("neg", (Apply("neg", (x,)),)):
            return x
    return expression


def simplify(expression: Expression) -> Expression:
    """`fold` on every node, leaves first."""
    return transform(expression, fold)


def plus(a: Expression, b: Expression) -> Expression:
    """Sum a + b, folded."""
    return fold(Apply("+", (a, b)))


def minus(a: Expression, b: Expression) -> Expression:
    """Difference a - b, folded."""
    return fold(Apply("-", (a, b)))


def times(a: Expression, b: Expression) -> Expression:
    """Product a * b, folded."""
    return fold(Apply("*", (a, b)))


def over(a: Expression, b: Expression) -> Expression:
    """Quotient a / b, folded."""
    return fold(Apply("/", (a, b)))


def negative(a: Expression) -> Expression:
    """Negative -a, folded."""
    return fold(Apply("neg", (a,)))


def both(a: Expression, b: Expression) -> Expression:
    """Whether two conditions hold, folded."""
    return fold(Apply("and", (a, b)))


def linear_in(
    expression: Expression, name: str, definitions: Mapping[str, Expression]
) -> tuple[Expression, Expression] | None:
    """Write an expression as A + B x with A and B free of x.

    Intermediates that depend on x are looked through.

    Args:
        expression: the tree to take apart.
        name: qualified name of x.
        definitions: right-hand sides of the intermediates, by qualified name.

    Returns:
        (A, B), or None where the expression is not linear in x.
    """
    if not depends_on(expression, name, definitions):
        return expression, ZERO

    def part(e: Expression) -> tuple[Expression, Expression] | None:
        return linear_in(e, name, definitions)

    match expression:
        case Name(n):
            return (ZERO, ONE) if n == name else part(definitions[n])
        case Apply("neg", (a,)):
            if p := part(a):
                return negative(p[0]), negative(p[1])
        case Apply(("+" | "-") as sign, (a, b)):
            p, q = part(a), part(b)
            if p and q:
                join = plus if sign == "+" else minus
                return join(p[0], q[0]), join(p[1], q[1])
        case Apply("*", (a, b)):
            if depends_on(b, name, definitions):
                a, b = b, a
            if not depends_on(b, name, definitions) and (p := part(a)):
                return times(p[0], b), times(p[1], b)
        case Apply("/", (a, b)):
            if not depends_on(b, name, definitions) and (p := part(a)):
                return over(p[0], b), over(p[1], b)
        case Apply("select", (condition, a, b)):
            p, q = part(a), part(b)
            if p and q and not depends_on(condition, name, definitions):
                return tuple(
                    Apply("select", (condition, p[i], q[i])) if p[i] != q[i] else p[i]
                    for i in range(2)
                )
    return None


def depends_on(
    expression: Expression, name: str, definitions: Mapping[str, Expression]
) -> bool:
    """Whether an expression reads `name`, directly or through intermediates."""
    seen: set[str] = set()
    pending = [expression]
    while pending:
        for reference in references(pending.pop()):
            if reference == name:
                return True
            if reference in definitions and reference not in seen:
                seen.add(reference)
                pending.append(definitions[reference])
    return False
