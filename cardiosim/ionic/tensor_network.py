"""Networks on torch tensors: one product of matrices a layer, all nodes at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cardiosim.ionic.network import Layer, Network


def _cubic(z: Tensor) -> Tensor:
    u = torch.clamp(z, -1.0, 1.0)
    return u * (1.5 - 0.5 * u * u)


#: The activations of `network.ACTIVATIONS` in torch's own functions.
TENSOR_ACTIVATIONS = {
    "linear": lambda z: z,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus5": lambda z: nn.functional.softplus(z, beta=5.0),
    "cubic": _cubic,
}


class TensorNetwork(nn.Module):
    """A network on tensors; its weights can be trained.

    Attributes:
        data: what it was made of; `frozen` gives what it has become.
    """

    def __init__(self, data: Network, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        self.data = data
        self.arrays = nn.ParameterDict(
            {
                f"{k}_{name}": nn.Parameter(torch.as_tensor(array, dtype=dtype))
                for k, layer in enumerate(data.layers)
                for name, array in layer.arrays.items()
            }
        )

    def forward(self, rows: Tensor) -> Tensor:
        """Outputs, (n_outputs, n_nodes), of inputs, (n_inputs, n_nodes)."""
        for k, layer in enumerate(self.data.layers):
            own = {name: self.arrays[f"{k}_{name}"] for name in layer.arrays}
            new = torch.addmm(own["bias"][:, None], own["weights"], rows)
            new = TENSOR_ACTIVATIONS[layer.activation](new)
            if layer.skip:
                new = new + rows
            if "scale" in own:
                new = own["scale"][:, None] * new + own["shift"][:, None]
            rows = new
        return rows

    def frozen(self) -> Network:
        """The network with its present weights, as data."""
        layers = []
        for k, layer in enumerate(self.data.layers):
            own = {
                name: self.arrays[f"{k}_{name}"].detach().cpu().float().numpy().copy()
                for name in layer.arrays
            }
            layers.append(Layer(activation=layer.activation, skip=layer.skip, **own))
        return Network(tuple(layers))
