"""Train learned steady states and rates of gates: labels, and the residual in time.

    labels    x_inf(V) less that of the equations,  log 1/tau less theirs
    physics   (dx/dt of the map - (x_inf - x)/tau) tau  with the equations at its x

at potentials, and at points (V, x, t) inside the step; dx/dt by automatic
differentiation through the step itself. A point's physics residual counts by how much
its gate moves dV/dt there. Both sums of squares go to Levenberg and Marquardt.

Reference: Raissi, Perdikaris, Karniadakis 2019, J Comput Phys 378:686-707, section 3.2,
doi 10.1016/j.jcp.2018.10.045.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import jvp, vmap

from cardiosim.ionic.network import Layer, Network
from cardiosim.ionic.tensor_network import TENSOR_ACTIVATIONS
from cardiosim.surrogates.algebra import TensorAlgebra
from cardiosim.surrogates.levenberg_marquardt import LeastSquares
from cardiosim.surrogates.voltage_gates import VoltageGates, tabulate_gates

Array = NDArray[np.float64]

_SLOPES = (0.02, 0.09)  # 1/mV, of the first layer's units to begin with
_COLUMNS = 16  # of the Jacobian at a time; more take more memory than they save time


@dataclass(frozen=True)
class GateShape:
    """Shape of a network of V, and where its weights are in one vector.

    Attributes:
        sizes: of all layers, from the one input to the outputs.
        activation: of the hidden layers.
        last: activation of the outputs, one of `voltage_gates.BOUNDED`.
    """

    sizes: tuple[int, ...]
    activation: str
    last: str = "cubic"

    def start(self, potentials: tuple[float, float], seed: int) -> Array:
        """Weights whose first units have their middle spread over the potentials."""
        random = np.random.default_rng(seed)
        parts = []
        for k, (n_in, n_out) in enumerate(itertools.pairwise(self.sizes)):
            if k == 0:
                low, high = potentials
                place = (np.arange(n_out) + random.uniform(0.0, 1.0, n_out)) / n_out
                slope = random.uniform(*_SLOPES, n_out)
                parts += [slope, -slope * (low + (high - low) * place)]
            else:
                weights = random.normal(size=(n_out, n_in)) / np.sqrt(n_in)
                parts += [0.5 * weights.ravel(), np.zeros(n_out)]
        return np.concatenate(parts)

    def layers(self, p: Array | Tensor) -> list[tuple]:
        """(weights, bias, activation) of each layer."""
        found, at = [], 0
        last = len(self.sizes) - 2
        for k, (n_in, n_out) in enumerate(itertools.pairwise(self.sizes)):
            weights = p[at : at + n_out * n_in].reshape(n_out, n_in)
            at += n_out * n_in
            activation = self.last if k == last else self.activation
            found.append((weights, p[at : at + n_out], activation))
            at += n_out
        return found

    def function(self, p: Tensor) -> Callable[[Tensor], Tensor]:
        """The network with these weights, on tensors."""
        layers = self.layers(p)

        def network(rows: Tensor) -> Tensor:
            for weights, bias, activation in layers:
                rows = TENSOR_ACTIVATIONS[activation](weights @ rows + bias[:, None])
            return rows

        return network

    def network(self, p: Array) -> Network:
        """The network with these weights, as data."""
        return Network(
            tuple(
                Layer(weights.astype(np.float32), bias.astype(np.float32), activation)
                for weights, bias, activation in self.layers(p)
            )
        )


@dataclass(frozen=True)
class Collocation:
    """Points inside the step.

    Attributes:
        V: mV, (n_points,).
        gates: at the step's start, (n_gates, n_points).
        times: since the step's start, ms, (n_points,).
        weights: of the residual, (n_gates, n_points).
    """

    V: Array
    gates: Array
    times: Array
    weights: Array


def gates_problem(
    surrogate: VoltageGates,
    shape: GateShape,
    potentials: Array,
    points: Collocation,
    weights: tuple[float, float],
) -> LeastSquares:
    """What is minimised.

    Args:
        surrogate: whose step is trained.
        shape: of its network.
        potentials: of the labels, mV, (n_potentials,).
        points: of the physics residual.
        weights: of labels and physics, in the sum of squares; 0 leaves one out.
    """
    parts: list[Callable[[Tensor], Tensor]] = []
    if weights[0] > 0.0:
        labels = _labels(surrogate, shape, potentials)
        parts.append(lambda p: weights[0] ** 0.5 * labels(p))
    if weights[1] > 0.0:
        physics = _physics(surrogate, shape, points)
        parts.append(lambda p: weights[1] ** 0.5 * physics(p))

    def residual(p: Tensor) -> Tensor:
        # Each part by its own number, so that more points are no more weight.
        own = [part(p) for part in parts]
        return torch.cat([r / r.numel() ** 0.5 for r in own])

    def normal(p: Array) -> tuple[Array, Array, float]:
        at = torch.as_tensor(p)

        def column(direction: Tensor) -> Tensor:
            return jvp(residual, (at,), (direction,))[1]

        every = torch.eye(at.numel(), dtype=at.dtype)
        J, r = vmap(column, chunk_size=_COLUMNS)(every), residual(at)
        return (J @ J.T).numpy(), (J @ r).numpy(), float(r @ r)

    return LeastSquares(
        normal, lambda p: float(residual(torch.as_tensor(p)).square().sum())
    )


def _labels(
    surrogate: VoltageGates, shape: GateShape, V: Array
) -> Callable[[Tensor], Tensor]:
    """Errors of x_inf, over the width of its bounds, and of log 1/tau."""
    steady, rates = map(torch.as_tensor, _equations(surrogate, V))
    low, high = torch.as_tensor(np.array(surrogate.steady_bounds).T)
    potentials = torch.as_tensor(V)

    def residual(p: Tensor) -> Tensor:
        algebra = TensorAlgebra(
            None, [shape.function(p)], {surrogate.potential: potentials}
        )
        own = surrogate.steady_and_rates(algebra, potentials)
        own_steady, own_rates = (_stacked(rows, potentials) for rows in own)
        errors = (own_steady - steady) / (high - low)[:, None]
        return torch.cat([errors.ravel(), torch.log(own_rates / rates).ravel()])

    return residual


def _physics(
    surrogate: VoltageGates, shape: GateShape, points: Collocation
) -> Callable[[Tensor], Tensor]:
    """dx/dt of the map less that of the equations, times tau and the weights."""
    steady, rates = map(torch.as_tensor, _equations(surrogate, points.V))
    start, V, times, weights = map(
        torch.as_tensor,
        (points.gates, points.V[None], points.times, points.weights),
    )

    def residual(p: Tensor) -> Tensor:
        network = shape.function(p)

        def after(t: Tensor) -> Tensor:
            return surrogate.advance(start, V, t, networks=[network])

        x, slope = jvp(after, (times,), (torch.ones_like(times),))
        return (weights * (slope / rates - (steady - x))).ravel()

    return residual


def _equations(surrogate: VoltageGates, V: Array) -> tuple[Array, Array]:
    return tabulate_gates(surrogate.model, surrogate.carries, V)


def _stacked(rows: Sequence, like: Tensor) -> Tensor:
    return torch.stack([like * 0.0 + row for row in rows])
