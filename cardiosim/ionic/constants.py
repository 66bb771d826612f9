"""Constant folding: what no state, stimulus or free parameter reaches is a number."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from cardiosim.ionic.equations import CellEquations
from cardiosim.ionic.expressions import (
    Apply,
    Expression,
    Name,
    Number,
    fold,
    transform,
    walk,
)
from cardiosim.ionic.ordering import schedule


def fold_constants(equations: CellEquations, free: Collection[str]) -> CellEquations:
    """Replace every constant by its value and fold what becomes constant.

    Args:
        equations: of the cell.
        free: parameters that stay variables because each node may have its own.

    Returns:
        The same cell; constants keep their definition (a number) so that they can
        still be recorded, and no equation refers to them any more.

    Raises:
        ValueError: a constant that has no value (1/0), named.
    """
    inputs = {*equations.states, *free, equations.stimulus}
    folded: dict[str, Expression] = {}

    def substitute(node: Expression) -> Expression:
        if isinstance(node, Name) and isinstance(folded.get(node.name), Number):
            return folded[node.name]
        try:
            return fold(node)
        except ValueError:
            return node  # it may stand in the arm of a select that is never taken

    everything = [Name(name) for name in equations.definitions]
    for name in schedule(everything, equations.definitions, inputs):
        folded[name] = transform(equations.definitions[name], substitute)
        try:
            for node in walk(folded[name]):
                if isinstance(node, Apply):
                    fold(node)
        except ValueError as error:
            raise ValueError(f"{equations.name}: {name}: {error}") from error
    kept = {n: e for n, e in equations.definitions.items() if n in inputs}
    return dataclasses.replace(equations, definitions=kept | folded)
