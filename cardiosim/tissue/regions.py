"""The closed language that names a set of nodes: `x <= 2.0 and not nodes(0..4)`.

    comparison   x <= 2.0    1 < x < 3    x == 5    (x, y, z and numbers, mm)
    shape        box(xmin, xmax [, ymin, ymax [, zmin, zmax]])
                 sphere(x, y, z, radius)            both closed
    list         nodes(0, 5, 10..20)                both ends of a range included
    everything   all
    combined by  not, and, or, parentheses

Text is parsed by the grammar below and never evaluated as Python.
"""

from __future__ import annotations

import operator
from functools import cache, reduce

import numpy as np
from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, VisitError
from numpy.typing import NDArray

GRAMMAR = r"""
?start: disjunction
?disjunction: conjunction (_OR conjunction)*
?conjunction: negation (_AND negation)*
?negation: _NOT negation -> complement
         | atom
?atom: comparison | box | sphere | nodes | everything
     | _OPEN disjunction _CLOSE
comparison: operand (RELATION operand)+
?operand: AXIS -> coordinate
        | NUMBER -> constant
box: _BOX _OPEN NUMBER (_COMMA NUMBER)* _CLOSE
sphere: _SPHERE _OPEN NUMBER (_COMMA NUMBER)* _CLOSE
nodes: _NODES _OPEN span (_COMMA span)* _CLOSE
span: INDEX [_DOTS INDEX]
everything: _ALL

AXIS: /[xyz]\b/
RELATION: "<=" | ">=" | "==" | "<" | ">"
NUMBER: /[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?/
INDEX: /\d+/
_OR: /or\b/
_AND: /and\b/
_NOT: /not\b/
_ALL: /all\b/
_BOX: /box\b/
_SPHERE: /sphere\b/
_NODES: /nodes\b/
_OPEN: "("
_CLOSE: ")"
_COMMA: ","
_DOTS: ".."
%ignore /\s+/
"""

READABLE = {
    "AXIS": "x, y or z",
    "RELATION": "<, <=, ==, >= or >",
    "NUMBER": "a number",
    "INDEX": "a node number",
    "_AND": "'and'",
    "_OR": "'or'",
    "_OPEN": "'('",
    "_CLOSE": "')'",
    "_COMMA": "','",
    "_DOTS": "'..'",
    "$END": "the end",
}

RELATIVE_TOLERANCE = 1e-9  # of the mesh extent: rounding of node positions


def select_nodes(where: str, points: NDArray[np.float64]) -> NDArray[np.intp]:
    """Numbers of the nodes inside the region `where`.

    Comparisons forgive rounding of the positions: `x <= 2.0` includes a node at
    2.0000000000000004 and `x < 2.0` excludes one at 1.9999999999999998.

    Args:
        where: text in the language of this module.
        points: node positions, mm, shape (n_nodes, 3).

    Returns:
        Increasing node numbers, shape (n_selected,); empty if none is inside.
    """
    try:
        tree = _parser().parse(where)
    except UnexpectedInput as error:
        raise ValueError(_syntax_message(where, error)) from None
    try:
        inside = _Membership(np.asarray(points, dtype=float)).transform(tree)
    except VisitError as error:
        raise ValueError(f'region "{where}": {error.orig_exc}') from None
    return np.flatnonzero(inside)


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr")


def _syntax_message(where: str, error: UnexpectedInput) -> str:
    if isinstance(error, UnexpectedCharacters):
        found, column, expected = repr(error.char), error.column, error.allowed
    else:
        at_end = error.token.type == "$END"
        found = "the end" if at_end else repr(str(error.token))
        column = len(where) + 1 if at_end else error.column
        expected = error.expected
    names = sorted({READABLE.get(name, name.lower().strip("_")) for name in expected})
    return (
        f'region "{where}": found {found} at column {column}, '
        f"expected {', '.join(names[:-1])}{' or ' if names[1:] else ''}{names[-1]}"
    )


@v_args(inline=True)
class _Membership(Transformer):
    """Turns the parsed region into a mask over nodes, shape (n_nodes,)."""

    def __init__(self, points: NDArray[np.float64]):
        super().__init__()
        self.points = points
        extent = np.ptp(points, axis=0).max() if len(points) else 0.0
        self.tolerance = RELATIVE_TOLERANCE * extent

    def disjunction(self, *masks):
        return reduce(operator.or_, masks)

    def conjunction(self, *masks):
        return reduce(operator.and_, masks)

    def complement(self, mask):
        return ~mask

    def everything(self):
        return np.ones(len(self.points), dtype=bool)

    def coordinate(self, axis: Token):
        return self.points[:, "xyz".index(axis)]

    def constant(self, number: Token):
        return float(number)

    def comparison(self, *terms):
        operands, relations = terms[::2], terms[1::2]
        if not any(isinstance(operand, np.ndarray) for operand in operands):
            raise ValueError("a comparison of numbers only; compare x, y or z")
        inside = self.everything()
        for left, relation, right in zip(
            operands[:-1], relations, operands[1:], strict=True
        ):
            inside &= self._holds(left, str(relation), right)
        return inside

    def _holds(self, left, relation: str, right):
        excess = np.subtract(left, right)
        return {
            "<": excess < -self.tolerance,
            "<=": excess <= self.tolerance,
            "==": np.abs(excess) <= self.tolerance,
            ">=": excess >= -self.tolerance,
            ">": excess > self.tolerance,
        }[relation]

    def box(self, *bounds: Token):
        limits = [float(bound) for bound in bounds]
        if len(limits) not in (2, 4, 6):
            raise ValueError(
                f"box() got {len(limits)} numbers; it takes a minimum and a maximum "
                "for x, for x and y, or for x, y and z"
            )
        inside = self.everything()
        for axis, (low, high) in enumerate(zip(limits[::2], limits[1::2], strict=True)):
            if low > high:
                raise ValueError(
                    f"box() minimum {low:g} above maximum {high:g} in {'xyz'[axis]}; "
                    "swap them"
                )
            position = self.points[:, axis]
            inside &= self._holds(position, ">=", low)
            inside &= self._holds(position, "<=", high)
        return inside

    def sphere(self, *numbers: Token):
        values = [float(number) for number in numbers]
        if len(values) != 4 or values[-1] < 0.0:
            raise ValueError(
                f"sphere({', '.join(numbers)}) is not x, y, z of the centre "
                "and a radius of zero or more"
            )
        distance = np.linalg.norm(self.points - values[:3], axis=1)
        return self._holds(distance, "<=", values[3])

    def nodes(self, *masks):
        return reduce(operator.or_, masks)

    def span(self, first: Token, last: Token | None):
        low = int(first)
        high = low if last is None else int(last)
        if low > high or high >= len(self.points):
            text = f"{low}" if last is None else f"{low}..{high}"
            raise ValueError(
                f"nodes({text}) is no part of the mesh; its nodes are numbered "
                f"0..{len(self.points) - 1}, a range runs from low to high"
            )
        inside = ~self.everything()
        inside[low : high + 1] = True
        return inside
