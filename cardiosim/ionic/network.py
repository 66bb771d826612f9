"""A trained network as data: layers, weights, activations; no library needed.

Each layer maps a to

    y = act(W a + b)  [+ a, a skip]  [then scale * y + shift, a folded batch norm]

The kernels' emitters write it out (emit_network.py), tensors run it as products of
matrices (tensor_network.py). Weights have the precision in which they are kept on
disk, float32; arithmetic is that of the cell.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cardiosim.ionic.expressions import ONE, Apply, Expression, Number


def _tanh(z: Expression) -> Expression:
    # tanh(z) = 1 - 2/(exp(2z) + 1)
    e = Apply("exp", (Apply("*", (Number(2.0), z)),))
    return Apply("-", (ONE, Apply("/", (Number(2.0), Apply("+", (e, ONE))))))


def _sigmoid(z: Expression) -> Expression:
    return Apply("/", (ONE, Apply("+", (ONE, Apply("exp", (Apply("neg", (z,)),))))))


def _softplus5(z: Expression) -> Expression:
    # log(1 + exp(5z))/5, written so that neither exponential overflows
    size = Apply("abs", (z,))
    tail = Apply("exp", (Apply("*", (Number(-5.0), size)),))
    tail = Apply("*", (Number(0.2), Apply("log", (Apply("+", (ONE, tail)),))))
    return Apply("+", (Apply("*", (Number(0.5), Apply("+", (z, size)))), tail))


def _cubic(z: Expression) -> Expression:
    # u (3 - u^2)/2 with u = z clamped to [-1, 1]: smooth, without exp or division
    above = Apply("abs", (Apply("+", (z, ONE)),))
    below = Apply("abs", (Apply("-", (z, ONE)),))
    u = Apply("*", (Number(0.5), Apply("-", (above, below))))
    square = Apply("*", (u, u))
    return Apply("*", (u, Apply("-", (Number(1.5), Apply("*", (Number(0.5), square))))))


#: Meaning of every activation but "linear".
ACTIVATIONS: Mapping[str, Callable[[Expression], Expression]] = {
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "softplus5": _softplus5,
    "cubic": _cubic,
}


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of a network.

    Attributes:
        weights: float32, shape (n_out, n_in).
        bias: float32, shape (n_out,).
        activation: "linear" or one of `ACTIVATIONS`.
        skip: whether the layer's input is added to its output; n_out is then n_in.
        scale: float32, (n_out,), applied last with `shift`; None for neither.
        shift: likewise.
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    activation: str = "linear"
    skip: bool = False
    scale: NDArray[np.float32] | None = None
    shift: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        for name, array in self.arrays.items():
            # One precision, so that all faces and the copy on disk are the same.
            array = np.ascontiguousarray(array, dtype=np.float32)
            if not np.isfinite(array).all():
                raise ValueError(f"{name} of a layer are not finite; train it anew")
            object.__setattr__(self, name, array)
        n_out, n_in = self.weights.shape
        own = [self.bias, self.scale, self.shift]
        if any(a is not None and a.shape != (n_out,) for a in own):
            raise ValueError(
                f"a layer of weights ({n_out}, {n_in}) has bias, scale or shift of "
                f"another length than {n_out}"
            )
        if (self.scale is None) != (self.shift is None):
            raise ValueError("a layer has scale without shift, or shift without scale")
        if self.skip and n_out != n_in:
            raise ValueError(
                f"a layer of weights ({n_out}, {n_in}) cannot skip; it takes a square"
            )
        if self.activation != "linear" and self.activation not in ACTIVATIONS:
            raise ValueError(
                f"unknown activation {self.activation}; expected linear, "
                f"{', '.join(ACTIVATIONS)}"
            )

    @property
    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Everything trained, by name."""
        named = {"weights": self.weights, "bias": self.bias}
        named |= {"scale": self.scale, "shift": self.shift}
        return {name: array for name, array in named.items() if array is not None}


@dataclass(frozen=True, eq=False)
class Network:
    """Layers, one behind the other."""

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("a network has no layers; at least one is needed")
        for before, after in zip(self.layers, self.layers[1:], strict=False):
            if after.weights.shape[1] != before.weights.shape[0]:
                raise ValueError(
                    f"a layer of {before.weights.shape[0]} outputs is followed by one "
                    f"of {after.weights.shape[1]} inputs"
                )

    @property
    def n_inputs(self) -> int:
        """Number of inputs."""
        return self.layers[0].weights.shape[1]

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return self.layers[-1].weights.shape[0]

    @property
    def multiply_adds(self) -> int:
        """Multiplications of one evaluation, those of the matrices."""
        return sum(layer.weights.size for layer in self.layers)

    @functools.cached_property
    def key(self) -> str:
        """SHA-256 of all layers."""
        digest = hashlib.sha256()
        for layer in self.layers:
            digest.update(f"{layer.activation} {layer.skip}".encode())
            for name, array in layer.arrays.items():
                digest.update(f"{name} {array.shape}".encode())
                digest.update(np.ascontiguousarray(array, dtype="<f4").tobytes())
        return digest.hexdigest()
