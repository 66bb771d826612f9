"""Write networks into Numba kernels.

A small network is written out neuron by neuron, so that the loop over the nodes holds
it in registers and vectorises over nodes. A large one becomes a function of its own,
called node by node, which vectorises over neurons.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np

from cardiosim.ionic.expressions import Name
from cardiosim.ionic.network import ACTIVATIONS, Layer, Network

# Written out, so many multiplications still compile in seconds and fit the cache of
# instructions; the printed network of Sanchez & Loewe 2025 has 16 640.
LARGEST_WRITTEN_OUT = 2500


_FUNCTION = '''

{constants}


@njit(error_model="numpy", fastmath={{"contract", "reassoc", "arcp"}}, cache={cache})
def {name}({arguments}):
    """Network of {multiply_adds} multiply-adds at one node."""
    a = stack_rows(2, {width})
{body}
    return {outputs}
'''


def is_written_out(network: Network) -> bool:
    """Whether the emitters write a network neuron by neuron."""
    return network.multiply_adds <= LARGEST_WRITTEN_OUT


def neuron_lines(code, network: Network, inputs: Sequence[str], stem: str) -> list[str]:
    """Lines that assign outputs `stem_0`, `stem_1`, ... of a network.

    Args:
        code: writer of expressions (`CodeLines`).
        network: small enough (`is_written_out`).
        inputs: identifiers.
        stem: beginning of all names that are assigned.
    """
    lines: list[str] = []
    rows = list(inputs)
    last = len(network.layers) - 1
    for k, layer in enumerate(network.layers):
        new = []
        for o in range(layer.weights.shape[0]):
            name = f"{stem}_{o}" if k == last else f"{stem}_{k}_{o}"
            products = [f"{float(layer.bias[o])!r}"]
            products += [
                f"{float(w)!r} * {row}"
                for w, row in zip(layer.weights[o], rows, strict=True)
                if w
            ]
            lines.append(f"{name} = " + " + ".join(products))
            lines += _finish(code, layer, name, rows[o] if layer.skip else "", o)
            new.append(name)
        rows = new
    return lines


def _finish(code, layer: Layer, name: str, skipped: str, o: int) -> list[str]:
    """Lines that turn a neuron's sum into its output."""
    lines = []
    if layer.activation != "linear":
        code.identifiers[name] = name
        text = code.text(ACTIVATIONS[layer.activation](Name(name)))
        lines += [*code.lines, f"{name} = {text}"]
        code.lines.clear()
    if skipped:
        lines.append(f"{name} = {name} + {skipped}")
    if layer.scale is not None:
        scale, shift = float(layer.scale[o]), float(layer.shift[o])
        lines.append(f"{name} = {scale!r} * {name} + {shift!r}")
    return lines


def large_networks(code, cache: bool) -> str:
    """Source of the networks of a step that are functions of their own."""
    return "".join(
        network_function(code, network, f"network_{number}", cache)
        for number, network in enumerate(code.networks)
        if not is_written_out(network)
    )


def network_function(code, network: Network, name: str, cache: bool) -> str:
    """Source of a large network as a function of one node's inputs."""
    width = max(max(layer.weights.shape) for layer in network.layers)
    arguments = [f"x{i}" for i in range(network.n_inputs)]
    constants = []
    body = [f"a[0, {i}] = {x}" for i, x in enumerate(arguments)]
    here = 0
    for k, layer in enumerate(network.layers):
        stem = f"{name.upper()}_{k}"
        for what, array in layer.arrays.items():
            # Transposed, so that the loop over the outputs runs along the memory.
            stored = array.T if what == "weights" else array
            constants.append(f"{stem}_{what.upper()} = {_literal(stored)}")
        n_out, n_in = layer.weights.shape
        there = 1 - here
        body += [
            f"for o in range({n_out}):",
            f"    a[{there}, o] = {stem}_BIAS[o]",
            f"for i in range({n_in}):",
            f"    z = a[{here}, i]",
            f"    for o in range({n_out}):",
            f"        a[{there}, o] += {stem}_WEIGHTS[i, o] * z",
        ]
        code.identifiers["z"] = "z"
        lines = [f"z = a[{there}, o]"]
        if layer.activation != "linear":
            text = code.text(ACTIVATIONS[layer.activation](Name("z")))
            lines += [*code.lines, f"z = {text}"]
            code.lines.clear()
        if layer.skip:
            lines.append(f"z = z + a[{here}, o]")
        if layer.scale is not None:
            lines.append(f"z = {stem}_SCALE[o] * z + {stem}_SHIFT[o]")
        lines.append(f"a[{there}, o] = z")
        if len(lines) > 2:
            body += [f"for o in range({n_out}):", *("    " + x for x in lines)]
        here = there
    outputs = ", ".join(f"a[{here}, {o}]" for o in range(network.n_outputs))
    return _FUNCTION.format(
        constants="\n".join(constants),
        name=name,
        arguments=", ".join(arguments),
        multiply_adds=network.multiply_adds,
        width=width,
        cache=cache,
        body="\n".join("    " + line for line in body),
        outputs=f"({outputs},)",
    )


def _literal(array: np.ndarray) -> str:
    """An array as text that Numba takes for a constant."""
    text = base64.b64encode(np.ascontiguousarray(array, dtype="<f4").tobytes())
    return (
        f'np.frombuffer(b64decode("{text.decode()}"), np.float32)'
        f".reshape({array.shape!r})"
    )
