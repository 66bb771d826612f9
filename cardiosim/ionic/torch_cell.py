"""Cells on torch: any device, float32 or float64, differentiable.

`react` steps in place without gradients, as every `IonicModel` does; `step` is the pure
function behind it, through which gradients flow.

Steps are compiled to machine code (tensor_compiler.py) where that pays. One step of
`skibsbye2016` written operation by operation costs 2 ms for a single cell and 17 ms for
1000 nodes, compiled 0.04 and 0.17 ms; compiling takes half a minute to a minute, once.
Left to itself a cell therefore compiles on a GPU, for 1000 nodes or more, and where it
is asked to by `compile`, which whoever starts a long run calls. What is fast at the
moment does not enter, so that a run can be repeated to the bit on a machine with the
same compiler; compiled and plain steps differ in the last bits.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from cardiosim.ionic import tensor_math
from cardiosim.ionic.cell import Cell
from cardiosim.ionic.equations import fingerprint, nearest
from cardiosim.ionic.kernels import Kernels
from cardiosim.ionic.tensor_compiler import CannotCompile, compile_function
from cardiosim.ionic.tensor_network import TensorNetwork

logger = logging.getLogger(__name__)

DTYPES = {"float64": torch.float64, "float32": torch.float32}

_COMPILED_FROM = 1000  # nodes; beyond, compiling pays after a thousand steps
_NODES_PER_THREAD = 2000
_EXAMPLE_NODES = 20_000  # what a compiled step is laid out for; any number may come


class TorchCell(Cell):
    """A cell whose equations run as tensor operations; implements `IonicModel`.

    States may be NumPy arrays, as everywhere, or tensors on the cell's device, which
    stay there: a step then moves nothing between host and device.

    Attributes:
        device: where it computes.
        dtype: in which precision.
    """

    def __init__(
        self,
        kernels: Kernels,
        facts: Mapping[str, Any],
        own: Mapping[str, NDArray],
        substeps: int,
        device: str | torch.device = "cpu",
        dtype: str = "float64",
        torch_compile: bool | None = None,
    ) -> None:
        super().__init__(kernels, facts, own, substeps)
        if dtype not in DTYPES:
            raise ValueError(f"unknown dtype {dtype}; expected {' or '.join(DTYPES)}")
        self.device = _device(device, dtype)
        self.dtype = DTYPES[dtype]
        self.torch_compile = torch_compile
        self.networks = ()
        if self.surrogate is not None:
            self.networks = self.surrogate.tensor_networks(self.tensor(0.0))
        module = self._kernels.react()
        self.steps = Steps(module, facts["name"], substeps, self.networks)
        self._asked_to_compile = False
        self._cached: dict[Any, Tensor] = {}  # on the device
        self._stimulus: tuple[NDArray, Tensor] | None = None

    @property
    def fingerprint(self) -> str:
        """Hash of equations, parameters, scheme, compilers, device and precision.

        Of compiling it holds what was asked for; see `facts` for what came of it.
        """
        compilers = torch.__version__, self.torch_compile
        return fingerprint(
            super().fingerprint, self.device.type, self.dtype, *compilers
        )

    @property
    def placement(self) -> dict[str, str]:
        """Where and in which precision it computes, and what came of compiling."""
        found = {
            "device": self.device.type,
            "dtype": str(self.dtype).removeprefix("torch."),
            "steps": self.facts.get("torch_compile", "not compiled"),
        }
        if self.device.type == "cuda":
            found["accelerator"] = torch.cuda.get_device_name(self.device)
        return super().placement | found

    @property
    def free(self) -> tuple[str, ...]:
        """Parameters that may be given to `step`: those overridden at the start."""
        return tuple(self._own)

    def tensor(self, values: ArrayLike | Tensor) -> Tensor:
        """Values on the cell's device in its precision."""
        if isinstance(values, np.ndarray):
            values = np.asarray(values, order="C")  # torch knows no negative strides
        return torch.as_tensor(values, dtype=self.dtype, device=self.device)

    def step(
        self,
        states: Tensor,
        i_stim: Tensor | float,
        dt: Tensor | float,
        parameters: Mapping[str, Tensor | float] | None = None,
    ) -> Tensor:
        """States after one step: pure, and differentiable in every tensor.

        Args:
            states: (n_states, n_nodes).
            i_stim: stimulus, A/F, (n_nodes,) or one number.
            dt: step, ms.
            parameters: other values of free parameters, by name; each (n_nodes,) or
                one number. They must have been named at `compile_cell`.

        Returns:
            New states, (n_states, n_nodes).

        Raises:
            ValueError: a parameter that is not free; tensors of another device, or
                states of another precision.
        """
        states, n = self._in(states), states.shape[1]
        i_stim = self._stimulus_in(i_stim).expand(n)
        own = self._parameter_rows(n, parameters)
        return self.steps.plain(states, own, i_stim, self.tensor(dt))

    def react(
        self,
        states: NDArray | Tensor,
        i_stim: NDArray | Tensor,
        dt: float,
        n_steps: int = 1,
    ) -> None:
        """Advance all nodes in place; see `IonicModel.react`.

        Tensors have the cell's device and dtype. NumPy arrays are shared where the cell
        computes on the CPU in float64, else moved there and back, once a call.
        """
        self._require_shapes(states, i_stim)
        self._require_step(dt)
        if n_steps < 1:
            return  # not even rounded to the cell's precision
        n = states.shape[1]
        step = self._step_for(n)
        with torch.no_grad(), _threads_for(n):
            y = self._in(states)
            inputs = (
                self._parameter_rows(n),
                self._stimulus_in(i_stim),
                self._rows("dt", float(dt), lambda: float(dt)),
            )
            for _ in range(n_steps):
                y = step(y, *inputs)
            if isinstance(states, Tensor):
                states.copy_(y)
            else:
                states[...] = y.cpu().numpy()

    def observe(
        self,
        states: NDArray | Tensor,
        names: Sequence[str],
        i_stim: NDArray | Tensor | None = None,
    ) -> NDArray | Tensor:
        """States and intermediates by name, (len(names), n_nodes); see `Cell.observe`.

        Tensors give a tensor, with gradients; arrays an array.
        """
        for name in names:
            self._require(name)
        known = self.state_names
        if not all(name in known for name in names):
            known = self.variable_names
        which = [known.index(name) for name in names]
        if known is self.state_names:
            return states[which]
        n = states.shape[1]
        i_stim = np.zeros(n) if i_stim is None else i_stim
        self._require_shapes(states, i_stim)
        kernel = self._kernels.observe().observe
        y = self._in(states)
        inputs = (self._parameter_rows(n), self._stimulus_in(i_stim))
        if isinstance(states, Tensor):
            return kernel(y, *inputs, self.networks)[which]
        with torch.no_grad():
            return kernel(y, *inputs, self.networks)[which].cpu().numpy()

    def compile(self, n_nodes: int) -> None:
        """Compile (or load) the step now, unless compiling was ruled out."""
        self._asked_to_compile = True
        self._step_for(n_nodes)

    def kernel_source(self) -> str:
        """Generated source of the reaction step."""
        return self._source_of(self.steps.module)

    def parameter_rows(
        self, n_nodes: int, parameters: Mapping[str, Tensor | float] | None = None
    ) -> Tensor:
        """Free parameters at every node, (n_free, n_nodes); those given instead."""
        return self._parameter_rows(n_nodes, parameters).clone()

    def _parameter_rows(
        self, n_nodes: int, parameters: Mapping[str, Tensor | float] | None = None
    ) -> Tensor:
        """`parameter_rows`, perhaps those of the next steps: not to be changed."""
        own = self._rows("parameters", n_nodes, lambda: self._parameters_of(n_nodes))
        if not parameters:
            return own
        for name in parameters:
            if name not in self._own:
                raise ValueError(
                    f"{name} is not a free parameter of this {self.name}; "
                    f"{nearest(name, self._own)}; name it in compile_cell(parameters=)"
                )
        rows = [
            self.tensor(parameters[name]).expand(n_nodes) if name in parameters else row
            for name, row in zip(self._own, own, strict=True)
        ]
        return torch.stack(rows)

    def _with(self, own: Mapping[str, NDArray]) -> TorchCell:
        dtype = str(self.dtype).removeprefix("torch.")
        more = (self.device, dtype, self.torch_compile)
        cell = TorchCell(self._kernels, self.facts, own, self.substeps, *more)
        cell.steps = self.steps  # and with it what has been compiled
        cell._asked_to_compile = self._asked_to_compile
        return cell

    def _step_for(self, n_nodes: int) -> Callable[..., Tensor]:
        """The step, compiled if that pays for so many nodes."""
        is_wanted = self.torch_compile
        if is_wanted is None:
            is_large = n_nodes >= _COMPILED_FROM or self.device.type != "cpu"
            is_wanted = is_large or self._asked_to_compile
        if not is_wanted:
            return self.steps.plain
        step = self.steps.compiled(self._example)
        self.facts = {**self.facts, "torch_compile": self.steps.says}
        return step if n_nodes > 1 else _two_for_one(step)

    def _example(self) -> tuple[Tensor, ...]:
        """Arguments of a step."""
        n = _EXAMPLE_NODES
        own = np.ones((len(self._own), n))
        return tuple(map(self.tensor, (self.initial_states(n), own, np.zeros(n), 0.01)))

    def _in(self, states: NDArray | Tensor) -> Tensor:
        """States where the cell computes."""
        if not isinstance(states, Tensor):
            return self.tensor(states)
        if states.device != self.device or states.dtype != self.dtype:
            raise ValueError(
                f"states are {states.dtype} on {states.device}; this {self.name} "
                f"computes in {self.dtype} on {self.device}; move them there first"
            )
        return states

    def _rows(self, what: str, key: Any, make: Callable[[], ArrayLike]) -> Tensor:
        """A tensor on the device, made once for each of the last keys."""
        if (what, key) not in self._cached:
            if len(self._cached) > 16:
                self._cached.clear()
            self._cached[what, key] = self.tensor(make())
        return self._cached[what, key]

    def _stimulus_in(self, i_stim: NDArray | Tensor | float) -> Tensor:
        """The stimulus on the device, moved there only if it is another one."""
        if isinstance(i_stim, Tensor) and i_stim.device != self.device:
            raise ValueError(
                f"i_stim is on {i_stim.device}; this {self.name} computes on "
                f"{self.device}; move it there first"
            )
        shared = self.device.type == "cpu" and self.dtype == torch.float64
        if shared or not isinstance(i_stim, np.ndarray):
            return self.tensor(i_stim)
        known = self._stimulus
        if known is None or not np.array_equal(known[0], i_stim):
            self._stimulus = known = i_stim.copy(), self.tensor(i_stim)
        return known[1]


class Steps:
    """The step function of a generated module, as written and compiled.

    Attributes:
        module: generated by emit_torch.
        networks: that its step calls.
        says: what came of compiling.
    """

    def __init__(
        self,
        module: ModuleType,
        name: str,
        substeps: int,
        networks: tuple[TensorNetwork, ...] = (),
    ) -> None:
        self.module = module
        self.networks = networks
        self.says = "not compiled"
        self._name, self._substeps = name, substeps
        self._compiled: Callable[..., Tensor] | None = None

    def plain(
        self, states: Tensor, parameters: Tensor, i_stim: Tensor, dt: Tensor
    ) -> Tensor:
        """One step, operation by operation."""
        own = (self._substeps, self.networks)
        return self.module.react(states, parameters, i_stim, dt, *own)

    def compiled(
        self, make_example: Callable[[], Sequence[Tensor]]
    ) -> Callable[..., Tensor]:
        """The compiled step, or the plain one where there is no compiler."""
        if self._compiled is None:
            example = make_example()
            dtype = str(example[0].dtype).removeprefix("torch.")
            name = f"{self._name}_{dtype}\0{self.source()}"
            try:
                lanes = (1, 1, 0, None)
                made = compile_function(lambda: self.plain, example, lanes, name)
                self._compiled, self.says = made, "compiled"
            except CannotCompile as error:
                self._compiled, self.says = self.plain, f"not compiled: {error}"
                logger.warning(
                    "steps of %s run operation by operation, which is slow: %s",
                    self._name,
                    error,
                )
        return self._compiled

    def source(self) -> str:
        """Everything that the step depends on."""
        parts = map(inspect.getsource, (self.module, tensor_math))
        keys = (network.data.key for network in self.networks)
        return "\0".join((*parts, str(self._substeps), *keys))


def _two_for_one(step: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A step of one node by one of two equal nodes, so that one kernel serves all."""

    def take(states: Tensor, parameters: Tensor, i_stim: Tensor, dt: Tensor) -> Tensor:
        twice = (x.repeat_interleave(2, -1) for x in (states, parameters, i_stim))
        return step(*twice, dt)[:, :1]

    return take


@contextmanager
def _threads_for(n_nodes: int) -> Iterator[None]:
    """As many threads of torch on the CPU as have enough to do with so many nodes.

    One step of few nodes is over before a second thread is awake: four of them make a
    single cell ten times slower.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, min(before, n_nodes // _NODES_PER_THREAD)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _device(name: str | torch.device, dtype: str) -> torch.device:
    """The device, with its number, if it is there and knows the precision."""
    try:
        device = torch.empty(0, dtype=DTYPES[dtype], device=name).device
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ValueError(
            f"torch has no device {name} here that holds {dtype}; expected cpu, or "
            f"cuda with a GPU and a torch built for it"
        ) from error
    return device
