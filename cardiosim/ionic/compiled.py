"""Cells compiled from model text: `compile_cell` and what it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
import numpy as np
from numba import types
from numpy.typing import ArrayLike, NDArray

from cardiosim.ionic import emit_numba
from cardiosim.ionic.cell import Cell
from cardiosim.ionic.cell_library import model_source
from cardiosim.ionic.kernels import Kernels
from cardiosim.ionic.parameters import Scale, own_parameters
from cardiosim.ionic.reaction import SCHEMES
from cardiosim.ionic.strips import Padding
from cardiosim.ionic.surrogate_step import Surrogate

BACKENDS = ("numba", "scalar", "torch")

# Fewer nodes than this are stepped in narrow strips, which are as fast while the states
# fit a core's cache; wide ones read far memory in longer stretches.
_WIDE_FROM = 3000

# Below this a thread has too little to do to be worth waking: some 150 us.
_NODES_PER_THREAD = 2000


def compile_cell(
    model: str | Path,
    *,
    scheme: str = "rush_larsen",
    substeps: int = 4,
    fast: Sequence[str] | None = None,
    parameters: Mapping[str, ArrayLike | Scale] | None = None,
    backend: str = "numba",
    clamped: bool = False,
    surrogate: Surrogate | None = None,
    device: str = "cpu",
    dtype: str = "float64",
    torch_compile: bool | None = None,
) -> Cell:
    """Compile a cell, or load it from the cache.

    Args:
        model: name of a shipped cell or variant, or path of a .mmt or .toml file.
        scheme: "rush_larsen" or "multirate" (see `cardiosim.ionic.reaction`).
        substeps: substeps of the fast subsystem in one multirate step.
        fast: fast gates of multirate; None takes the model's own.
        parameters: overrides by qualified name; a value or a `Scale`, each either
            one number for all nodes or one per node, (n_nodes,).
        backend: "numba"; "torch" for a GPU, float32 and gradients; or "scalar" for
            the oracle without vectorisation.
        clamped: hold V where the caller puts it, as a voltage clamp does; `observe`
            still gives the currents of the free cell.
        surrogate: takes over some states of the cell; None for none.
        device: of torch: "cpu", "cuda", "cuda:1", ...
        dtype: of torch: "float64" or "float32".
        torch_compile: of torch: whether steps are compiled to machine code; None
            decides by measured benefit (see `cardiosim.ionic.torch_cell`).

    Returns:
        The cell: a `CompiledCell`, or a `TorchCell` with backend "torch".

    Raises:
        ValueError: unknown cell, parameter, scheme or backend; a model text with an
            error; a cell that the scheme cannot step; a device that is not there; a
            surrogate of another cell.
    """
    if backend not in BACKENDS:
        raise ValueError(
            f"unknown backend {backend}; "
            f"expected {', '.join(BACKENDS[:-1])} or {BACKENDS[-1]}"
        )
    if backend != "torch" and (device, dtype, torch_compile) != (
        "cpu",
        "float64",
        None,
    ):
        raise ValueError(
            f"device, dtype and torch_compile came with backend {backend}, which runs "
            f'on the CPU in float64; leave them out, or use backend "torch"'
        )
    if scheme not in SCHEMES:
        raise ValueError(f"unknown scheme {scheme}; expected {' or '.join(SCHEMES)}")
    if substeps < 1:
        raise ValueError(f"substeps is {substeps}; at least 1 is needed")
    if clamped and scheme != "rush_larsen":
        raise ValueError(
            f"scheme {scheme} substeps V, which a clamped cell holds; use rush_larsen"
        )
    overrides = dict(parameters or {})
    free = tuple(sorted(overrides))
    source = model_source(model)
    kernels = Kernels(source, scheme, fast, free, backend, clamped, surrogate)
    facts = kernels.facts()
    own = own_parameters(overrides, facts["parameters"])
    if backend == "torch":
        return _torch_cell_class()(
            kernels, facts, own, substeps, device, dtype, torch_compile
        )
    return CompiledCell(kernels, facts, own, substeps)


def _torch_cell_class() -> type[Cell]:
    """`TorchCell`; torch takes seconds to import and is only asked for where needed."""
    try:
        from cardiosim.ionic.torch_cell import TorchCell
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ValueError(
            "backend torch needs PyTorch, which is not installed; "
            "pip install 'cardiosim[torch]'"
        ) from None
    except (ImportError, OSError) as error:  # a library of torch that does not load
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"backend torch needs PyTorch, which cannot be imported: {reason}; "
            f"install it anew with pip install 'cardiosim[torch]'"
        ) from error
    return TorchCell


class CompiledCell(Cell):
    """A cell whose equations run as compiled Numba code; implements `IonicModel`."""

    def __init__(
        self,
        kernels: Kernels,
        facts: Mapping[str, Any],
        own: Mapping[str, NDArray],
        substeps: int,
    ) -> None:
        super().__init__(kernels, facts, own, substeps)
        self._step: tuple[int, ModuleType] | None = None

    def react(
        self, states: NDArray, i_stim: NDArray, dt: float, n_steps: int = 1
    ) -> None:
        """Advance all nodes in place; see `IonicModel.react`."""
        self._require_shapes(states, i_stim)
        self._require_step(dt)
        n = states.shape[1]
        own = self._parameters_of(n)
        dt, n_steps = float(dt), int(n_steps)  # a type more is a kernel more
        if self._step is None or self._step[0] != _strip_length(n):
            self.compile(n)
        strip, module = self._step
        if self._kernels.backend == "scalar":
            module.react_nodes(states, own, i_stim, dt, n_steps, self.substeps)
            return
        whole = n // strip
        steps = (dt, n_steps, self.substeps)
        chunks = _chunks(n)
        if chunks > 1:
            module.react_parallel(states, own, i_stim, *steps, chunks)
        elif whole:
            module.react_strips(states, own, i_stim, 0, whole, *steps)
        if n > whole * strip:
            rest = self._padding
            rest.fill(states, own, i_stim, whole * strip)
            module.react_strips(rest.states, rest.parameters, rest.i_stim, 0, 1, *steps)
            rest.write_back(states, whole * strip)

    def observe(
        self, states: NDArray, names: Sequence[str], i_stim: NDArray | None = None
    ) -> NDArray:
        """See `Cell.observe`."""
        for name in names:
            self._require(name)
        if all(name in self.state_names for name in names):
            return states[[self.state_names.index(name) for name in names]]
        which = np.array([self.variable_names.index(name) for name in names])
        out = np.empty((len(names), states.shape[1]))
        i_stim = np.zeros(states.shape[1]) if i_stim is None else i_stim
        self._require_shapes(states, i_stim)
        states = np.ascontiguousarray(states)
        kernel = self._kernels.observe().observe_nodes
        kernel(states, self._parameters_of(states.shape[1]), i_stim, which, out)
        return out

    def _with(self, own: Mapping[str, NDArray]) -> CompiledCell:
        return CompiledCell(self._kernels, self.facts, own, self.substeps)

    def compile(self, n_nodes: int) -> None:
        """Compile (or load) the kernel for so many nodes now, not at the first step."""
        strip = _strip_length(n_nodes)
        module = self._kernels.react(strip)
        matrix, vector = types.float64[:, ::1], types.float64[::1]
        integer, real = types.int64, types.float64
        steps = (real, integer, integer)
        if self._kernels.backend == "scalar":
            module.react_nodes.compile((matrix, matrix, vector, *steps))
        else:
            rows = (matrix, matrix, vector, integer, integer)
            module.react_strips.compile((*rows, *steps))
            if _chunks(n_nodes) > 1:
                module.react_parallel.compile((matrix, matrix, vector, *steps, integer))
            self._padding = Padding(len(self.state_names), len(self._own), strip)
        self._step = (strip, module)

    def kernel_source(self, n_nodes: int = _WIDE_FROM) -> str:
        """Generated source of the kernel that steps so many nodes."""
        return self._source_of(self._kernels.react(_strip_length(n_nodes)))


def _strip_length(n_nodes: int) -> int:
    """Narrow strips up to a few thousand nodes, wide ones beyond."""
    narrow, wide = emit_numba.NARROW_STRIP, emit_numba.WIDE_STRIP
    return narrow if n_nodes < _WIDE_FROM else wide


def _chunks(n_nodes: int) -> int:
    """How many threads share so many nodes."""
    return min(numba.get_num_threads(), n_nodes // _NODES_PER_THREAD)
