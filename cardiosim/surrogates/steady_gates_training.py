"""The network of Sanchez & Loewe 2025, its loss and its training.

    V -> Dense 64 -> 4 x [h <- BatchNorm(h + softplus_5(Dense 64 h))] -> Dense 3

    L       = L_data + lambda_phys L_phys + lambda_grad L_grad                    (4)
    L_data  = || I(gates) - I(steady states) ||_2^2                               (5)
    L_phys  = sum over the gates of || R_x ||_eps^eps                            (10)
    R_x     = dx/dV - (x_inf(V) - x)/tau_x(V)                                  (7-9)
    L_grad  = sum over the gates of || dx/dV ||_2                                (11)
    lambda_phys = min(0.1, L_data/100),  lambda_grad = 0.01                      (12)

at potentials that are evenly spaced, all of them in every step. What the paper leaves
open is a choice of `PrintedLoss`; docs/surrogates_paper.md says what each does.

Derivatives by V are carried forward with the values. Automatic differentiation of the
sum over a batch is no substitute: what leaves a batch norm has a mean that no input
moves, so that the sum of what a last layer makes of it has the derivative zero.

Reference: Sanchez, Loewe 2025, Computing in Cardiology, Figure 1, equations 1-12.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cardiosim.ionic.cell_library import model_source
from cardiosim.ionic.constants import fold_constants
from cardiosim.ionic.equations import nearest
from cardiosim.ionic.evaluation import evaluate
from cardiosim.ionic.expressions import Name, Number
from cardiosim.ionic.gates import find_gates
from cardiosim.ionic.network import Layer, Network
from cardiosim.ionic.singularities import remove_singularities
from cardiosim.ionic.tensor_network import TENSOR_ACTIVATIONS

SHARPNESS = 5.0  # beta of the softplus


class ResidualBlock(nn.Module):
    """Dense, softplus, skip, batch norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, h: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
        """Values and their derivatives by V, both (n, width)."""
        z = self.dense(h)
        z_slope = slope @ self.dense.weight.T
        h = h + TENSOR_ACTIVATIONS["softplus5"](z)
        slope = slope + torch.sigmoid(SHARPNESS * z) * z_slope
        # Statistics of the batch are constants of the map, as they are in use: one
        # potential moves no mean. Taken before the norm updates its own.
        norm = self.norm
        variance = h.var(0, unbiased=False) if self.training else norm.running_var
        return norm(h), slope * (norm.weight / torch.sqrt(variance + norm.eps))

    def frozen(self) -> Layer:
        """The block in use, its norm folded."""
        norm = self.norm
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        shift = norm.bias - norm.running_mean * scale
        dense = _array(self.dense.weight), _array(self.dense.bias)
        return Layer(*dense, "softplus5", True, _array(scale), _array(shift))


class SteadyGatesNetwork(nn.Module):
    """Gates and their derivatives by V.

    Attributes:
        outputs: "linear" as printed, or "sigmoid", the ablation the paper names.
    """

    def __init__(
        self,
        n_gates: int = 3,
        width: int = 64,
        blocks: int = 4,
        outputs: str = "linear",
        input_scale: float = 100.0,
    ) -> None:
        """Args:
        n_gates: outputs.
        width: of the layers.
        blocks: residual ones.
        outputs: see the class.
        input_scale: mV; the network reads V over it.
        """
        super().__init__()
        self.outputs, self.input_scale = outputs, input_scale
        self.first = nn.Linear(1, width)
        self.blocks = nn.ModuleList(ResidualBlock(width) for _ in range(blocks))
        self.last = nn.Linear(width, n_gates)

    def forward(self, V: Tensor) -> tuple[Tensor, Tensor]:
        """Gates and their derivatives by V (1/mV), both (n, n_gates), of V (mV)."""
        h = self.first((V / self.input_scale)[:, None])
        slope = (self.first.weight.T / self.input_scale).expand_as(h)
        for block in self.blocks:
            h, slope = block(h, slope)
        x, x_slope = self.last(h), slope @ self.last.weight.T
        if self.outputs == "sigmoid":
            x = torch.sigmoid(x)
            x_slope = x_slope * x * (1.0 - x)
        return x, x_slope

    def frozen(self) -> Network:
        """The network in use as data, of V in mV."""
        first = _array(self.first.weight / self.input_scale), _array(self.first.bias)
        last = _array(self.last.weight), _array(self.last.bias)
        blocks = (block.frozen() for block in self.blocks)
        return Network((Layer(*first), *blocks, Layer(*last, self.outputs)))


@dataclass(frozen=True)
class GateTargets:
    """What the cell's own equations say at some potentials.

    Attributes:
        V: mV, shape (n,).
        steady: steady states, shape (n, n_gates).
        tau: time constants, ms, shape (n, n_gates).
        current: of gates, (n, n_gates), in pA, (n,); of arrays or tensors.
    """

    V: NDArray[np.float64]
    steady: NDArray[np.float64]
    tau: NDArray[np.float64]
    current: Callable


def gate_targets(
    model: str,
    gates: Sequence[str],
    V: NDArray[np.float64],
    current: str,
    at: Mapping[str, float],
    capacitance: float,
) -> GateTargets:
    """Evaluate the equations of gates and of the current that they open.

    Args:
        model: name of the cell.
        gates: qualified names.
        V: mV, shape (n,).
        current: name of the current, A/F.
        at: values of states and parameters that it depends on beside V and the gates.
        capacitance: pF; A/F times pF is pA.

    Raises:
        ValueError: no such gate or current; a gate that V alone does not decide.
    """
    cell, _ = remove_singularities(model_source(model).equations(), ())
    found = find_gates(cell)
    unknown = [g for g in gates if g not in found]
    if unknown:
        raise ValueError(
            f"{model} has no gate {unknown[0]}; {nearest(unknown[0], found)}"
        )
    if current not in cell.definitions:
        raise ValueError(
            f"{model} has no current {current}; {nearest(current, cell.definitions)}"
        )
    given = {n: Number(float(v)) for n, v in at.items()}
    definitions = fold_constants(cell, tuple(at)).definitions
    definitions = {**definitions, **given}
    potential = cell.membrane_potential
    known: dict = {}

    def of_V(gate: str, expression) -> NDArray:
        try:
            value = evaluate(expression, definitions, {potential: V}, np, known)
        except KeyError as error:
            raise ValueError(
                f"{gate} of {model} depends on {error.args[0]} and not on V alone; "
                f"give that a value in loss.at"
            ) from None
        return np.broadcast_to(value, V.shape)

    chosen = [found[g] for g in gates]
    steady = [of_V(g.state, g.steady_state) for g in chosen]
    tau = [
        of_V(g.state, g.time_constant)
        if g.rate is None
        else 1.0 / of_V(g.state, g.rate)
        for g in chosen
    ]

    def flow(x):
        library = torch if torch.is_tensor(x) else np
        own = torch.as_tensor(V, dtype=x.dtype) if library is torch else V
        values = {potential: own, **dict(zip(gates, x.T, strict=True))}
        return capacitance * evaluate(Name(current), definitions, values, library)

    return GateTargets(V, np.stack(steady, 1), np.stack(tau, 1), flow)


@dataclass(frozen=True)
class PrintedLoss:
    """What equations 4 to 12 leave open, and their weights.

    Attributes:
        exponent: eps of equation 10, of the norm and of its power.
        rates: "1/ms" or "1/s": unit of (x_inf - x)/tau beside dx/dV in 1/mV.
        norm: "sum" or "mean" over the potentials.
        derivative: "map", the slope of the network in use; or "batch", automatic
            differentiation of the batch in training, which is zero (see above).
        gradient_weight: lambda_grad.
        largest_physics_weight: of lambda_phys.
        physics_weight_per_data: of lambda_phys, 1/pA2.
        differentiate_weight: whether lambda_phys is a function of the network, too.
    """

    exponent: float = 2.0
    rates: str = "1/ms"
    norm: str = "sum"
    derivative: str = "map"
    gradient_weight: float = 0.01
    largest_physics_weight: float = 0.1
    physics_weight_per_data: float = 0.01
    differentiate_weight: bool = False

    def terms(
        self, gates: Tensor, slope: Tensor, targets: GateTargets
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss; and L_data, L_phys, L_grad and lambda_phys, without weights.

        Args:
            gates: at the potentials of the targets, (n, n_gates).
            slope: their derivatives by V, 1/mV, (n, n_gates).
            targets: of the equations.
        """
        reduce = torch.mean if self.norm == "mean" else torch.sum
        steady, tau = (
            torch.as_tensor(a, dtype=gates.dtype) for a in (targets.steady, targets.tau)
        )
        missed = targets.current(gates) - targets.current(steady)
        data = reduce(missed**2)
        rate = (steady - gates) / tau * (1000.0 if self.rates == "1/s" else 1.0)
        residual = (slope - rate).abs() ** self.exponent
        phys = sum(reduce(column) for column in residual.T)
        grad = sum(torch.sqrt(reduce(column**2)) for column in slope.T)
        weight = self.physics_weight_per_data * data
        weight = torch.clamp(weight, max=self.largest_physics_weight)
        if not self.differentiate_weight:
            weight = weight.detach()
        total = data + weight * phys + self.gradient_weight * grad
        return total, {"data": data, "phys": phys, "grad": grad, "weight": weight}


def batch_loss(
    network: SteadyGatesNetwork, targets: GateTargets, loss: PrintedLoss
) -> Callable[[torch.Generator], tuple[Tensor, dict[str, float]]]:
    """The printed loss as `descent.descend` takes it: all potentials in every step.

    Its terms are those that add up to it, and lambda_phys.
    """
    V = torch.as_tensor(targets.V, dtype=torch.float32)

    def value(_: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        if loss.derivative == "batch":
            gates, slope = batch_slope(network, V)
        else:
            gates, slope = network(V)
        total, parts = loss.terms(gates, slope, targets)
        of = {name: float(part.detach()) for name, part in parts.items()}
        return total, {
            "L_data": of["data"],
            "lambda_phys_L_phys": of["weight"] * of["phys"],
            "lambda_grad_L_grad": loss.gradient_weight * of["grad"],
            "lambda_phys": of["weight"],
        }

    return value


def batch_slope(network: SteadyGatesNetwork, V: Tensor) -> tuple[Tensor, Tensor]:
    """Gates, and the derivatives by V of each gate's sum over the batch."""
    V = V.detach().clone().requires_grad_(True)
    gates, _ = network(V)
    slopes = [
        torch.autograd.grad(column.sum(), V, create_graph=True)[0] for column in gates.T
    ]
    return gates, torch.stack(slopes, 1)


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return tensor.detach().cpu().float().numpy().copy()
