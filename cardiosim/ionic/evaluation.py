"""Evaluate equations on arrays or tensors, without generating code.

For what is asked for now and then: the equations a surrogate is trained on or compared
with, and the states it begins from. A step of a cell is a kernel.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cardiosim.ionic.expressions import NETWORK, Apply, Expression, Name, Number
from cardiosim.ionic.network import ACTIVATIONS, Network

_OPERATORS = {
    "neg": operator.neg,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "//": operator.floordiv,
    "%": operator.mod,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "and": operator.and_,
    "or": operator.or_,
}
_OTHER_NAMES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}


def evaluate(
    expression: Expression,
    definitions: Mapping[str, Expression],
    values: Mapping[str, Any],
    library: Any = np,
    known: dict[str, Any] | None = None,
    networks: Sequence[Network] = (),
) -> Any:
    """Value of an expression.

    Args:
        expression: what to evaluate.
        definitions: right-hand sides of the names that have no value.
        values: arrays, tensors or numbers by name; they go before definitions.
        library: `numpy`, or `torch` for tensors (differentiable).
        known: intermediates already evaluated at these values; added to in place.
        networks: that expressions call by number; on arrays alone.

    Raises:
        KeyError: a name that has neither value nor definition.
    """
    known = {} if known is None else known

    def value(e: Expression) -> Any:
        match e:
            case Number(number):
                return number
            case Name(name) if name in values:
                return values[name]
            case Name(name):
                if name not in known:
                    known[name] = value(definitions[name])
                return known[name]
            case Apply("item", (outputs, Number(i))):
                return value(outputs)[int(i)]
            case Apply(function, arguments) if function.startswith(NETWORK):
                network = networks[int(function.removeprefix(NETWORK))]
                return _outputs(network, [value(a) for a in arguments])
            case Apply(function, arguments):
                return _apply(function, [value(a) for a in arguments], library)
        raise TypeError(f"not an expression: {e!r}")

    return value(expression)


def _apply(function: str, arguments: list[Any], library: Any) -> Any:
    if function in _OPERATORS:
        return _OPERATORS[function](*arguments)
    if function == "select":
        condition, a, b = arguments
        if isinstance(condition, bool):
            return a if condition else b
        return library.where(condition, a, b)
    if function == "x_over_expm1":
        (u,) = arguments
        is_small = abs(u) < 1e-5
        safe = library.where(is_small, u * 0 + 1.0, u)
        return library.where(is_small, 1.0 - 0.5 * u, safe / library.expm1(safe))
    if all(isinstance(a, float) for a in arguments):
        library = np
    name = _OTHER_NAMES.get(function, function) if library is np else function
    if function == "not":
        return library.logical_not(*arguments)
    return getattr(library, name)(*arguments)


def _outputs(network: Network, inputs: Sequence[Any]) -> np.ndarray:
    """Outputs of a network, (n_outputs, n_nodes), or (n_outputs,) of numbers."""
    rows = np.array(np.broadcast_arrays(*inputs), dtype=np.float64)
    for layer in network.layers:
        new = np.tensordot(layer.weights, rows, 1)
        new = (new.T + layer.bias).T
        if layer.activation != "linear":
            new = evaluate(ACTIVATIONS[layer.activation](Name("z")), {}, {"z": new})
        if layer.skip:
            new = new + rows
        if layer.scale is not None:
            new = (new.T * layer.scale + layer.shift).T
        rows = new
    return rows
