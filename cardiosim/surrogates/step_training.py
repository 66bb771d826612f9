"""Train the network of a learned step: labels, and the residual in time.

    labels    (x(dt) - x exact(dt)) w                     of V and the gates
    physics   (dx/dt of the map - f(x(t))) dt w           at points inside the step

with dx/dt by automatic differentiation through the step itself. The weights w are

    V      1/(0.1 mV + 0.02 |dV|)          gates   1/(0.02 (x + 0.01))

times (0.1 ms/dt)^2 up to 20: what counts is the error per time. Residuals r enter as
sqrt(1 + r^2) - 1, so that a few large ones do not rule.

References: Raissi, Perdikaris, Karniadakis 2019, J Comput Phys 378:686-707,
doi 10.1016/j.jcp.2018.10.045; the loss by Charbonnier et al. 1997, IEEE Trans Image
Process 6:298-311, doi 10.1109/83.551699.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import jvp, vmap

from cardiosim.ionic.network import Layer, Network
from cardiosim.ionic.tensor_network import TENSOR_ACTIVATIONS
from cardiosim.surrogates.algebra import TensorAlgebra
from cardiosim.surrogates.fast_step import LONGEST
from cardiosim.surrogates.interface import TrainedSurrogate
from cardiosim.surrogates.levenberg_marquardt import LeastSquares

Array = NDArray[np.float64]

_COLUMNS = 64  # of the Jacobian at a time; more take more memory than they save time
_SAMPLES = 4000  # at a time, likewise
_LARGEST_WEIGHT = 20.0  # of short steps
_LAST_LAYER = 0.1  # how large its weights begin


@dataclass(frozen=True)
class StepSamples:
    """States to step from.

    Attributes:
        carried: (n_carried, n_samples).
        inputs: (n_inputs, n_samples).
        dt: ms, (n_samples,).
    """

    carried: Array
    inputs: Array
    dt: Array

    def chosen(self, which: Any) -> StepSamples:
        """Some of them, by index or slice."""
        return StepSamples(
            self.carried[:, which], self.inputs[:, which], self.dt[which]
        )

    def __len__(self) -> int:
        return self.dt.size

    def parts(self) -> Iterator[slice]:
        """Slices of as many as are taken at a time."""
        for first in range(0, len(self), _SAMPLES):
            yield slice(first, first + _SAMPLES)


@dataclass(frozen=True)
class StepNetwork:
    """Shape of a network of scaled inputs, and where its weights are in one vector.

    Attributes:
        sizes: of all layers, inputs and outputs too.
        activation: of the hidden layers.
        mean: of the inputs, (n_inputs,).
        scale: of the inputs, (n_inputs,), positive.
    """

    sizes: tuple[int, ...]
    activation: str
    mean: Array
    scale: Array

    def start(self, seed: int) -> Array:
        """Weights to begin with; those of the last layer are small."""
        random = np.random.default_rng(seed)
        parts = []
        for k, (n_in, n_out) in enumerate(itertools.pairwise(self.sizes)):
            last = k == len(self.sizes) - 2
            weights = random.uniform(-1.0, 1.0, (n_out, n_in)) / np.sqrt(n_in)
            bias = random.uniform(-1.0, 1.0, n_out) / np.sqrt(n_in)
            parts += [weights.ravel() * (_LAST_LAYER if last else 1.0)]
            parts += [np.zeros(n_out) if last else bias]
        return np.concatenate(parts)

    def layers(self, p: Any) -> list[tuple]:
        """(weights, bias) of each layer, for scaled inputs."""
        found, at = [], 0
        for n_in, n_out in itertools.pairwise(self.sizes):
            weights = p[at : at + n_out * n_in].reshape(n_out, n_in)
            at += n_out * n_in
            found.append((weights, p[at : at + n_out]))
            at += n_out
        return found

    @property
    def last_layer(self) -> slice:
        """Where weights and bias of the last layer stand."""
        n = sum((a + 1) * b for a, b in itertools.pairwise(self.sizes))
        return slice(n - (self.sizes[-2] + 1) * self.sizes[-1], n)

    def function(self, p: Tensor) -> Callable[[Tensor], Tensor]:
        """The network with these weights, on tensors."""
        *hidden, (weights, bias) = self.layers(p)
        mean = torch.as_tensor(self.mean)[:, None]
        scale = torch.as_tensor(self.scale)[:, None]

        def network(rows: Tensor) -> Tensor:
            rows = (rows - mean) / scale
            for w, b in hidden:
                rows = TENSOR_ACTIVATIONS[self.activation](w @ rows + b[:, None])
            return weights @ rows + bias[:, None]

        return network

    def jacobian(self, p: Tensor, rows: Tensor) -> Tensor:
        """Derivatives of the outputs, (n_weights, n_outputs, n_samples)."""
        layers, activation = self.layers(p), TENSOR_ACTIVATIONS[self.activation]
        mean, scale = (torch.as_tensor(a)[:, None] for a in (self.mean, self.scale))
        inputs, slopes = [(rows - mean) / scale], []
        for w, b in layers[:-1]:
            z = (w @ inputs[-1] + b[:, None]).detach().requires_grad_(True)
            h = activation(z)
            slopes.append(torch.autograd.grad(h.sum(), z)[0])
            inputs.append(h.detach())
        found = []
        for k in range(self.sizes[-1]):
            error = rows.new_zeros((self.sizes[-1], rows.shape[1]))
            error[k] = 1.0
            parts = []
            for layer in reversed(range(len(layers))):
                weights = error[:, None] * inputs[layer][None]
                parts = [weights.flatten(0, 1), error, *parts]
                if layer:
                    error = (layers[layer][0].T @ error) * slopes[layer - 1]
            found.append(torch.cat(parts))
        return torch.stack(found, dim=1)

    def network(self, p: Array, n_layers: int | None = None) -> Network:
        """The network with these weights as data, or its first layers."""
        layers = []
        for k, (weights, bias) in enumerate(self.layers(p)[:n_layers]):
            if k == 0:
                weights = weights / self.scale
                bias = bias - weights @ self.mean
            hidden = k < len(self.sizes) - 2
            activation = self.activation if hidden else "linear"
            layers.append(Layer(weights, bias, activation))
        return Network(tuple(layers))


def network_shape(
    surrogate: TrainedSurrogate,
    samples: StepSamples,
    hidden: Sequence[int],
    activation: str,
) -> StepNetwork:
    """A network whose inputs are scaled by what they are at the samples.

    Args:
        surrogate: with any network of its shape.
        samples: states it will be trained at.
        hidden: sizes of the layers between.
        activation: of these.
    """
    seen: list[Tensor] = []
    n_outputs = len(surrogate.carries)
    zeros = _zeros(n_outputs)

    def watch(rows: Tensor) -> Tensor:
        seen.append(rows)
        return zeros(rows)

    with torch.no_grad():
        _advance(surrogate, samples, watch)
    rows = seen[0].numpy()
    sizes = (len(rows), *hidden, n_outputs)
    return StepNetwork(sizes, activation, rows.mean(axis=1), rows.std(axis=1) + 1e-9)


def exact_step(exact: TrainedSurrogate, samples: StepSamples) -> Array:
    """What an exact map makes of the samples, (n_carried, n_samples)."""
    found = [np.empty((len(exact.carries), 0))]
    with torch.no_grad():
        for part in samples.parts():
            found.append(_advance(exact, samples.chosen(part), None).numpy())
    return np.concatenate(found, axis=1)


@dataclass(frozen=True)
class StepTraining:
    """What a network is trained on.

    Attributes:
        surrogate: whose step is trained.
        shape: of its network.
        labelled: samples with a label.
        labels: states after the step, (n_carried, n_labelled).
        collocation: samples at which the residual in time is taken.
        physics: weight of that beside the labels.
    """

    surrogate: Any
    shape: StepNetwork
    labelled: StepSamples
    labels: Array
    collocation: StepSamples
    physics: float

    def problem(self) -> LeastSquares:
        """What is minimised, as Levenberg and Marquardt take it."""
        terms = [term for term in (self._labels(), self._physics()) if term]

        def normal(p: Array) -> tuple[Array, Array, float]:
            at = torch.as_tensor(p)
            A, g, loss = np.zeros((p.size, p.size)), np.zeros(p.size), 0.0
            for term in terms:
                for part in term.samples.parts():
                    J, r = term.jacobian(at, part)
                    root = np.sqrt(1.0 + r * r)
                    J /= np.sqrt(root)
                    A += term.weight * (J @ J.T)
                    g += term.weight * (J @ (r / np.sqrt(root)))
                    loss += term.weight * float((root - 1.0).sum())
            return A, g, loss

        def loss(p: Array) -> float:
            at, total = torch.as_tensor(p), 0.0
            for term in terms:
                for part in term.samples.parts():
                    with torch.no_grad():
                        r = term.residual(at, part)
                    total += term.weight * float((torch.sqrt(1.0 + r * r) - 1.0).sum())
            return total

        return LeastSquares(normal, loss)

    def _labels(self) -> _Labels | None:
        if not len(self.labelled):
            return None
        weights = error_weights(self.surrogate, self.labelled, self.labels)
        share = 1.0 / self.labels.size
        own = (self.surrogate, self.shape, self.labelled, weights, share)
        return _Labels(*own, self.labels)

    def _physics(self) -> _Physics | None:
        if not len(self.collocation) or self.physics == 0.0:
            return None
        # No label stands behind the weights: what the base makes of the states does.
        n_outputs = self.shape.sizes[-1]
        with torch.no_grad():
            about = _advance(self.surrogate, self.collocation, _zeros(n_outputs))
        weights = error_weights(self.surrogate, self.collocation, about.numpy())
        weights = weights * self.collocation.dt
        share = self.physics / weights.size
        return _Physics(self.surrogate, self.shape, self.collocation, weights, share)


@dataclass(frozen=True)
class _Term:
    """A sum of squares at samples; `weight` is that of one residual."""

    surrogate: Any
    shape: StepNetwork
    samples: StepSamples
    weights: Array
    weight: float


@dataclass(frozen=True)
class _Labels(_Term):
    """States after the step against those of the exact map."""

    labels: Array

    def residual(self, p: Tensor, part: slice) -> Tensor:
        """Flat, (n_carried * n,)."""
        new = _advance(
            self.surrogate, self.samples.chosen(part), self.shape.function(p)
        )
        return self._of(new, part).ravel()

    def jacobian(self, p: Tensor, part: slice) -> tuple[Array, Array]:
        """Its transpose, and the residual: each output moves its own state alone."""
        samples, seen = self.samples.chosen(part), []
        network = self.shape.function(p)

        def watched(rows: Tensor) -> Tensor:
            seen.append(rows)
            seen.append(network(rows).detach().requires_grad_(True))
            return seen[1]

        r = self._of(_advance(self.surrogate, samples, watched), part)
        rows, outputs = seen
        (slopes,) = torch.autograd.grad(r.sum(), outputs)
        J = self.shape.jacobian(p, rows) * slopes
        return J.flatten(1).numpy(), r.detach().ravel().numpy()

    def _of(self, new: Tensor, part: slice) -> Tensor:
        target, w = self.labels[:, part], self.weights[:, part]
        return (new - torch.as_tensor(target)) * torch.as_tensor(w)


@dataclass(frozen=True)
class _Physics(_Term):
    """Time derivative of the map against the equations at its states."""

    def residual(self, p: Tensor, part: slice) -> Tensor:
        """Flat, (n_carried * n,)."""
        samples, network = self.samples.chosen(part), self.shape.function(p)
        dt = torch.as_tensor(samples.dt)

        def after(t: Tensor) -> Tensor:
            return _advance(self.surrogate, replace(samples, dt=t), network)

        new, slope = jvp(after, (dt,), (torch.ones_like(dt),))
        error = slope - rates(self.surrogate, samples, new)
        return (error * torch.as_tensor(self.weights[:, part])).ravel()

    def jacobian(self, p: Tensor, part: slice) -> tuple[Array, Array]:
        """Its transpose, and the residual."""
        return _jacobian(lambda at: self.residual(at, part), p)


def _jacobian(residual: Callable[[Tensor], Tensor], at: Tensor) -> tuple[Array, Array]:
    """Its transpose, (n_parameters, n_residuals), and the residual."""
    every = torch.eye(at.numel(), dtype=at.dtype)

    def column(direction: Tensor) -> Tensor:
        return jvp(residual, (at,), (direction,))[1]

    with torch.no_grad():
        J = vmap(column, chunk_size=_COLUMNS)(every)
        return J.numpy(), residual(at).numpy()


def _zeros(n_outputs: int) -> Callable[[Tensor], Tensor]:
    """A network that corrects nothing."""
    return lambda rows: rows.new_zeros((n_outputs, rows.shape[1]))


def rates(surrogate: Any, samples: StepSamples, new: Tensor) -> Tensor:
    """d/dt of the carried states by the equations, at states inside the step."""
    own = dict(zip(surrogate.carries, new, strict=True))
    inputs = map(torch.as_tensor, samples.inputs)
    x = dict(zip(surrogate.inputs, inputs, strict=True))
    algebra = TensorAlgebra(surrogate.cell_equations, (), {**x, **own})
    found: Mapping = surrogate.rates(algebra, own, x, torch.as_tensor(samples.dt))
    return torch.stack([found[name] for name in surrogate.carries])


def error_weights(surrogate: Any, samples: StepSamples, new: Array) -> Array:
    """Weights w of the module, (n_carried, n_samples), at states after the step."""
    rows = []
    for name, old, now in zip(surrogate.carries, samples.carried, new, strict=True):
        if name == surrogate.potential:
            rows.append(1.0 / (0.1 + 0.02 * np.abs(now - old)))
        else:
            rows.append(1.0 / (0.02 * (now + 0.01)))
    short = np.minimum((LONGEST / samples.dt) ** 2, _LARGEST_WEIGHT)
    return np.array(rows) * short


def _advance(surrogate: Any, samples: StepSamples, network: Any) -> Tensor:
    carried, inputs = map(torch.as_tensor, (samples.carried, samples.inputs))
    networks = None if network is None else [network]  # None: its own
    return surrogate.advance(carried, inputs, samples.dt, networks)
