"""Write a step once: on tensors it is computed, on symbols it becomes equations.

The step of a surrogate is a Python function of rows, one number a node. Rows of
`TensorAlgebra` are torch tensors, through which gradients flow; rows of
`SymbolAlgebra` are `Symbol`s, and what comes out are the equations that the cell
compiler writes into its kernels. Both know + - * / and ** between rows and numbers,
comparisons, and the functions of `Algebra`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from cardiosim.ionic.equations import CellEquations
from cardiosim.ionic.evaluation import evaluate
from cardiosim.ionic.expressions import (
    NETWORK,
    Apply,
    Expression,
    Name,
    Number,
    depends_on,
    fold,
    transform,
)
from cardiosim.ionic.network import Network

Row = Any  # a Symbol or a Tensor, (n_nodes,)


class Algebra(Protocol):
    """Functions of rows, of either kind."""

    def exp(self, x: Row) -> Row:
        """e^x, held within the range of the precision."""

    def log(self, x: Row) -> Row:
        """Natural logarithm of x > 0."""

    def sqrt(self, x: Row) -> Row:
        """Square root of x >= 0."""

    def select(self, condition: Row, a: Row, b: Row) -> Row:
        """The first where the condition holds, else the second; both are computed."""

    def clamp(self, x: Row, low: float, high: float) -> Row:
        """x, held between two numbers."""

    def x_over_expm1(self, x: Row) -> Row:
        """x/(exp(x) - 1), 1 at x = 0."""

    def network(self, number: int, rows: Sequence[Row]) -> Sequence[Row]:
        """Outputs of one of the surrogate's networks."""

    def cell(
        self, equations: Sequence[str | Expression], values: Mapping[str, Row]
    ) -> Sequence[Row]:
        """Equations of the cell, with other values of what they read.

        Args:
            equations: names of intermediates, "dot(x)" too, or expressions.
            values: by name; what has none here is what it is at the step's start, or
                follows from the equations.
        """

    def number(self, name: str, value: float) -> Row:
        """A trained number.

        On symbols it is the parameter "surrogate.NAME" of the hybrid cell, which may
        have another value at each node: so a fit tries many at once.
        """

    def keep(self, name: str, x: Row) -> Row:
        """The row, by a name of its own, so that it is computed once."""


class Symbol:
    """A row that is an expression."""

    __slots__ = ("expression",)
    __hash__ = None

    def __init__(self, expression: Expression) -> None:
        self.expression = expression

    def _with(self, sign: str, other: Row, *, turned: bool = False) -> Symbol:
        pair = (self.expression, expression_of(other))
        return Symbol(fold(Apply(sign, pair[::-1] if turned else pair)))

    def __add__(self, other: Row) -> Symbol:
        return self._with("+", other)

    def __radd__(self, other: Row) -> Symbol:
        return self._with("+", other, turned=True)

    def __sub__(self, other: Row) -> Symbol:
        return self._with("-", other)

    def __rsub__(self, other: Row) -> Symbol:
        return self._with("-", other, turned=True)

    def __mul__(self, other: Row) -> Symbol:
        return self._with("*", other)

    def __rmul__(self, other: Row) -> Symbol:
        return self._with("*", other, turned=True)

    def __truediv__(self, other: Row) -> Symbol:
        return self._with("/", other)

    def __rtruediv__(self, other: Row) -> Symbol:
        return self._with("/", other, turned=True)

    def __pow__(self, other: Row) -> Symbol:
        return self._with("**", other)

    def __neg__(self) -> Symbol:
        return Symbol(fold(Apply("neg", (self.expression,))))

    def __abs__(self) -> Symbol:
        return Symbol(Apply("abs", (self.expression,)))

    def __lt__(self, other: Row) -> Symbol:
        return self._with("<", other)

    def __le__(self, other: Row) -> Symbol:
        return self._with("<=", other)

    def __gt__(self, other: Row) -> Symbol:
        return self._with(">", other)

    def __ge__(self, other: Row) -> Symbol:
        return self._with(">=", other)

    def __bool__(self) -> bool:
        raise TypeError("a row has no truth of its own; use algebra.select")


def expression_of(row: Row) -> Expression:
    """The expression of a symbol or a number."""
    return row.expression if isinstance(row, Symbol) else Number(float(row))


def _equation(equation: str | Expression) -> Expression:
    return Name(equation) if isinstance(equation, str) else equation


class SymbolAlgebra:
    """Rows are symbols; see `Algebra`.

    Attributes:
        definitions: what the step has named, in order.
        numbers: its trained numbers, by their name in the hybrid cell.
    """

    def __init__(self, cell: CellEquations, networks: Sequence[Network] = ()) -> None:
        self._cell = cell
        self._n_outputs = [network.n_outputs for network in networks]
        self.definitions: dict[str, Expression] = {}
        self.numbers: dict[str, float] = {}

    @staticmethod
    def row(name: str) -> Symbol:
        """The row of a variable."""
        return Symbol(Name(name))

    def exp(self, x: Row) -> Row:
        """See `Algebra.exp`."""
        return self._apply("exp", x)

    def log(self, x: Row) -> Row:
        """See `Algebra.log`."""
        return self._apply("log", x)

    def sqrt(self, x: Row) -> Row:
        """See `Algebra.sqrt`."""
        return self._apply("sqrt", x)

    def x_over_expm1(self, x: Row) -> Row:
        """See `Algebra.x_over_expm1`."""
        return self._apply("x_over_expm1", x)

    def select(self, condition: Row, a: Row, b: Row) -> Row:
        """See `Algebra.select`."""
        return self._apply("select", condition, a, b)

    def clamp(self, x: Row, low: float, high: float) -> Row:
        """See `Algebra.clamp`."""
        x = self.keep("held", x)
        return 0.5 * (abs(x - low) - abs(x - high) + (low + high))

    def network(self, number: int, rows: Sequence[Row]) -> Sequence[Row]:
        """See `Algebra.network`."""
        arguments = tuple(expression_of(row) for row in rows)
        called = self._named("network", Apply(f"{NETWORK}{number}", arguments))
        n = self._n_outputs[number]
        return [Symbol(Apply("item", (called, Number(float(i))))) for i in range(n)]

    def cell(
        self, equations: Sequence[str | Expression], values: Mapping[str, Row]
    ) -> Sequence[Row]:
        """See `Algebra.cell`."""
        own = {n: expression_of(row) for n, row in values.items()}
        definitions = self._cell.definitions
        made: dict[str, Expression] = {}

        def put(node: Expression) -> Expression:
            if not isinstance(node, Name):
                return node
            if node.name in own:
                return own[node.name]
            if node.name in made:
                return made[node.name]
            if not any(depends_on(node, n, definitions) for n in own):
                return node
            expression = transform(definitions[node.name], put)
            made[node.name] = self._named(node.name, expression)
            return made[node.name]

        return [Symbol(transform(_equation(e), put)) for e in equations]

    def number(self, name: str, value: float) -> Row:
        """See `Algebra.number`."""
        self.numbers[f"surrogate.{name}"] = value
        return Symbol(Name(f"surrogate.{name}"))

    def keep(self, name: str, x: Row) -> Row:
        """See `Algebra.keep`."""
        return Symbol(self._named(name, expression_of(x)))

    def _named(self, name: str, expression: Expression) -> Expression:
        if isinstance(expression, Name | Number):
            return expression
        own = f"surrogate.{len(self.definitions)}_{name}"
        self.definitions[own] = expression
        return Name(own)

    @staticmethod
    def _apply(function: str, *rows: Row) -> Symbol:
        return Symbol(Apply(function, tuple(expression_of(row) for row in rows)))


class TensorAlgebra:
    """Rows are torch tensors; see `Algebra`.

    Args:
        cell: of the equations that a step may ask for.
        networks: of the surrogate, as functions of (n_inputs, n_nodes).
        values: variables at the step's start, by name.
    """

    def __init__(
        self,
        cell: CellEquations | None,
        networks: Sequence[Any],
        values: Mapping[str, Row],
    ) -> None:
        import torch  # seconds; what only runs kernels never needs it

        from cardiosim.ionic import tensor_math

        self._torch, self._math = torch, tensor_math
        self._cell, self._networks, self._values = cell, networks, values

    def exp(self, x: Row) -> Row:
        """See `Algebra.exp`."""
        return self._math.exp(x)

    def log(self, x: Row) -> Row:
        """See `Algebra.log`."""
        return self._torch.log(x)

    def sqrt(self, x: Row) -> Row:
        """See `Algebra.sqrt`."""
        return self._torch.sqrt(x)

    def x_over_expm1(self, x: Row) -> Row:
        """See `Algebra.x_over_expm1`."""
        return self._math.x_over_expm1(x)

    def select(self, condition: Row, a: Row, b: Row) -> Row:
        """See `Algebra.select`."""
        # Two numbers would come out in torch's default precision.
        like = next(iter(self._values.values()))
        a, b = (x if self._torch.is_tensor(x) else like.new_tensor(x) for x in (a, b))
        return self._torch.where(condition, a, b)

    def clamp(self, x: Row, low: float, high: float) -> Row:
        """See `Algebra.clamp`."""
        return self._torch.clamp(x, low, high)

    def network(self, number: int, rows: Sequence[Row]) -> Sequence[Row]:
        """See `Algebra.network`."""
        like = next(row for row in self._values.values() if row.dim())
        stacked = self._torch.stack([self._math.row(row, like) for row in rows])
        return self._networks[number](stacked)

    def cell(
        self, equations: Sequence[str | Expression], values: Mapping[str, Row]
    ) -> Sequence[Row]:
        """See `Algebra.cell`."""
        definitions = self._cell.definitions

        def is_same(name: str) -> bool:
            # An intermediate at the step's start is another one at other values.
            return not any(depends_on(Name(name), n, definitions) for n in values)

        own = {n: row for n, row in self._values.items() if is_same(n)} | dict(values)
        known: dict[str, Row] = {}
        return [
            evaluate(_equation(e), definitions, own, self._torch, known)
            for e in equations
        ]

    def number(self, name: str, value: float) -> Row:
        """See `Algebra.number`."""
        return value

    def keep(self, name: str, x: Row) -> Row:
        """See `Algebra.keep`."""
        return x
