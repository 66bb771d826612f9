"""States of a cell and their derivatives by parameters, marched together.

With y' = R(y, p) one reaction step, the sensitivities s_k = dy/dp_k follow

    s_k' = (dR/dy) s_k + dR/dp_k

which is forward-mode differentiation (`torch.func.jvp`) of the step with the tangent
(s_k, e_k). Nodes do not influence each other, so that one such step does for all
parameters at once: each lane holds a copy of the cell and the tangent of one parameter.
Memory does not grow with the number of steps, and what comes out is the derivative of
the discrete run itself, to rounding.

The step and its tangent are traced once into a graph of some 3000 tensor operations and
compiled (tensor_compiler.py), which takes a minute or two for each set of parameter
names and is then kept on disk.

Reference: Griewank & Walther, Evaluating Derivatives, 2nd ed. 2008, section 3.1,
doi 10.1137/1.9780898717761.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from cardiosim.ionic.equations import nearest
from cardiosim.ionic.kernel_cache import generator_fingerprint
from cardiosim.ionic.tensor_compiler import CannotCompile, compile_function
from cardiosim.ionic.torch_cell import TorchCell

logger = logging.getLogger(__name__)

Linearised = Callable[..., tuple[Tensor, Tensor]]

_EXAMPLE_LANES = 16

# What moves no number where shape and precision stay: forward mode leaves many.
_COPIES = ("aten.alias.default", "aten.expand.default", "aten._to_copy.default")


class LinearisedCell:
    """A torch cell that carries the derivatives of its states along.

    Attributes:
        cell: on torch, with every named parameter free.
        names: of the parameters that are differentiated by, (n_parameters,).
    """

    def __init__(self, cell: TorchCell, names: Sequence[str]) -> None:
        """Trace and compile the step, or take it from the cache.

        Args:
            cell: from `compile_cell(..., backend="torch", parameters={...})`, where
                `parameters` names at least those here.
            names: qualified names of parameters.

        Raises:
            ValueError: no names, or one that is not a free parameter of the cell.
        """
        if not names:
            raise ValueError("no parameters to differentiate by; name at least one")
        for name in names:
            if name not in cell.free:
                raise ValueError(
                    f"{name} is not a free parameter of this {cell.name}; "
                    f"{nearest(name, cell.free)}; name it in compile_cell(parameters=)"
                )
        self.cell = cell
        self.names = tuple(names)
        self._step: Linearised | None = None

    def compile(self) -> None:
        """Compile (or load) the linearised step now, not at the first run."""
        if self._step is None:
            self._step = self._compiled()

    def run(
        self,
        states: Tensor,
        tangents: Tensor,
        i_stim: Tensor | float,
        dt: float,
        n_steps: int,
        parameters: Mapping[str, Tensor | float] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Advance states and sensitivities by n_steps of dt under constant i_stim.

        Args:
            states: of n_cells cells that share the parameters' names (one of each
                protocol, say), (n_states, n_cells).
            tangents: d states / d parameters, (n_states, n_cells, n_parameters); zeros
                where the initial states do not depend on the parameters.
            i_stim: stimulus, A/F, one number or (n_cells,).
            dt: ms.
            n_steps: how many steps to take.
            parameters: values by name, one number or (n_cells,); the cell's own where
                there is none.

        Returns:
            New states and new tangents, of the same shapes.

        Raises:
            ValueError: shapes that do not fit.
        """
        n_states, n_parameters = len(self.cell.state_names), len(self.names)
        n_cells = states.shape[-1]
        shape = (n_states, n_cells, n_parameters)
        if states.shape != shape[:2] or tangents.shape != shape:
            raise ValueError(
                f"states have shape {tuple(states.shape)} and tangents "
                f"{tuple(tangents.shape)}; expected (n_states, n_cells) and {shape}"
            )
        self.compile()
        cell = self.cell
        with torch.no_grad():
            own = _lanes(cell.parameter_rows(n_cells, parameters), n_parameters)
            seeds = self._seeds(n_cells)
            stimulus = _lanes(cell.tensor(i_stim).expand(1, n_cells), n_parameters)[0]
            y, s = (
                _lanes(cell.tensor(states), n_parameters),
                cell.tensor(tangents).reshape(n_states, n_cells * n_parameters),
            )
            alone = y.shape[1] == 1  # the kernel is made for two lanes or more
            if alone:
                y, s, own, seeds, stimulus = (
                    x.repeat_interleave(2, -1) for x in (y, s, own, seeds, stimulus)
                )
            tau = cell.tensor(dt)
            for _ in range(n_steps):
                y, s = self._step(y, s, own, seeds, stimulus, tau)
            if alone:
                y, s = y[:, :1], s[:, :1]
            # In no steps they would be the memory that was given.
            return y[:, ::n_parameters].clone(), s.reshape(shape).clone()

    def _seeds(self, n_cells: int) -> Tensor:
        """Tangents of the parameters, 1 where the lane is theirs, (n_free, n_lanes)."""
        seeds = np.zeros((len(self.cell.free), n_cells, len(self.names)))
        for k, name in enumerate(self.names):
            seeds[self.cell.free.index(name), :, k] = 1.0
        return self.cell.tensor(seeds.reshape(len(self.cell.free), -1))

    def _compiled(self) -> Linearised:
        cell = self.cell
        steps, n_free = cell.steps, len(cell.free)
        dtype = str(cell.dtype).removeprefix("torch.")
        stem = f"{cell.name}_linearised_{dtype}"
        name = f"{stem}\0{generator_fingerprint()}{steps.source()}"
        states = cell.tensor(cell.initial_states(_EXAMPLE_LANES))
        example = (
            states,
            torch.zeros_like(states),
            cell.parameter_rows(1).repeat(1, _EXAMPLE_LANES),
            torch.zeros_like(states)[:1].repeat(n_free, 1),
            torch.zeros_like(states[0]),
            cell.tensor(0.01),
        )
        lanes = (1, 1, 1, 1, 0, None)

        def graph() -> GraphModule:
            return _linearised(steps.plain, example)

        if cell.torch_compile is False:
            return graph()
        try:
            return compile_function(graph, example, lanes, name)
        except CannotCompile as error:
            logger.warning("%s linearised runs slowly: %s", cell.name, error)
            return graph()


def _linearised(step: Callable[..., Tensor], example: Sequence[Tensor]) -> GraphModule:
    """The step and its derivative along a tangent, as one graph of tensor operations.

    Args:
        step: function of states, parameters, i_stim and dt.
        example: states, their tangent, parameters, their tangent, i_stim and dt.
    """

    def take(y: Tensor, s: Tensor, own: Tensor, seeds: Tensor, *rest: Tensor):
        return torch.func.jvp(lambda a, b: step(a, b, *rest), (y, own), (s, seeds))

    traced = make_fx(take)(*example)
    graph = traced.graph
    graph.eliminate_dead_code()
    for node in list(graph.nodes):
        if str(node.target) in _COPIES:
            source = node.args[0]
            before, after = source.meta["tensor_meta"], node.meta["tensor_meta"]
            if before.shape == after.shape and before.dtype == after.dtype:
                node.replace_all_uses_with(source)
                graph.erase_node(node)
            elif after.shape:
                # The number of lanes of the example would stand in the graph.
                raise AssertionError(f"{node.format_node()} fixes the number of lanes")
    traced.recompile()
    return traced


def _lanes(rows: Tensor, n_parameters: int) -> Tensor:
    """(n, n_cells) as lanes, (n, n_cells * n_parameters), a cell's own side by side."""
    return rows.repeat_interleave(n_parameters, dim=-1)
