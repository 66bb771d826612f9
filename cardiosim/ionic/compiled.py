"""Cells compiled from model text: `compile_cell` and what it returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
import numpy as np
from numba import types
from numpy.typing import ArrayLike, NDArray

from cardiosim.ionic import emit_numba, emit_scalar
from cardiosim.ionic.equations import CellEquations, dot, fingerprint, nearest
from cardiosim.ionic.expressions import ZERO
from cardiosim.ionic.kernel_cache import cached_kernel, generator_fingerprint
from cardiosim.ionic.library import ModelSource, model_source
from cardiosim.ionic.membrane_currents import membrane_currents
from cardiosim.ionic.parameters import Scale, no_parameter, own_parameters
from cardiosim.ionic.reaction import SCHEMES, Reaction, reaction
from cardiosim.ionic.strips import Padding

BACKENDS = ("numba", "scalar")

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
) -> CompiledCell:
    """Compile a cell, or load it from the cache.

    Args:
        model: name of a shipped cell or variant, or path of a .mmt or .toml file.
        scheme: "rush_larsen" or "multirate" (see `cardiosim.ionic.reaction`).
        substeps: substeps of the fast subsystem in one multirate step.
        fast: fast gates of multirate; None takes the model's own.
        parameters: overrides by qualified name; a value or a `Scale`, each either
            one number for all nodes or one per node, (n_nodes,).
        backend: "numba", or "scalar" for the oracle without vectorisation.
        clamped: hold V where the caller puts it, as a voltage clamp does; `observe`
            still gives the currents of the free cell.

    Returns:
        The cell.

    Raises:
        ValueError: unknown cell, parameter, scheme or backend; a model text with an
            error; a cell that the scheme cannot step.
    """
    if backend not in BACKENDS:
        raise ValueError(f"unknown backend {backend}; expected {' or '.join(BACKENDS)}")
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
    kernels = _Kernels(model_source(model), scheme, fast, free, backend, clamped)
    facts = kernels.facts()
    own = own_parameters(overrides, facts["parameters"])
    return CompiledCell(kernels, facts, own, substeps)


@dataclass(frozen=True)
class _Kernels:
    """Kernel modules of one cell, from the cache or generated."""

    source: ModelSource
    scheme: str
    fast: Sequence[str] | None
    free: tuple[str, ...]
    backend: str
    clamped: bool

    def facts(self) -> dict[str, Any]:
        """What the compiler found in the cell (`_describe`)."""
        key = ("facts", *self._step_key)
        return self._cached("facts", key, self._facts)[1]

    def react(self, strip: int) -> ModuleType:
        """Kernel of the reaction step with strips of so many nodes."""

        def generate() -> tuple[str, dict[str, Any]]:
            step = self._reaction()
            if self.backend == "scalar":
                return emit_scalar.scalar_module(step, cache=True), {}
            return emit_numba.strip_module(step, cache=True, strip=strip), {}

        shape = f"strip{strip}" if self.backend == "numba" else "scalar"
        key = (*self._step_key, shape)
        return self._cached(f"{self.scheme}_{shape}", key, generate)[0]

    def observe(self) -> ModuleType:
        """Kernel that evaluates every variable."""

        def generate() -> tuple[str, dict[str, Any]]:
            module = emit_scalar.observation_module(
                self.source.equations(), self.free, cache=True
            )
            return module, {}

        key = ("observe", *self.free)
        return self._cached("observe", key, generate)[0]

    @property
    def _step_key(self) -> tuple[object, ...]:
        fast = "model" if self.fast is None else ",".join(self.fast)
        return (self.scheme, fast, self.clamped, *self.free)

    def _cached(self, what, key, generate) -> tuple[ModuleType, dict[str, Any]]:
        name = self.source.name
        key = fingerprint(self.source.key, name, *key)
        return cached_kernel(f"{name}_{what}", key, generate)

    def _reaction(self) -> Reaction:
        cell = self.source.equations()
        if self.clamped:
            cell = _clamped(cell)
        return reaction(cell, self.scheme, self.free, self.fast)

    def _facts(self) -> tuple[str, dict[str, Any]]:
        cell = self.source.equations()
        for name in self.free:
            if name not in cell.parameters:
                raise ValueError(no_parameter(name, cell))
        return "", _describe(cell, self._reaction()) | {"clamped": self.clamped}


def _clamped(cell: CellEquations) -> CellEquations:
    """The same cell with dV/dt = 0."""
    held = {dot(cell.membrane_potential): ZERO}
    return dataclasses.replace(cell, definitions={**cell.definitions, **held})


class CompiledCell:
    """A cell whose equations run as compiled code; implements `IonicModel`.

    Attributes:
        name: of the cell.
        state_names: qualified names; row 0 is the membrane potential.
        variable_names: everything that `observe` knows.
        scheme: reaction scheme.
        facts: what the compiler found (gates, singularities, fast gates, ...).
    """

    def __init__(
        self,
        kernels: _Kernels,
        facts: Mapping[str, Any],
        own: Mapping[str, NDArray],
        substeps: int,
    ) -> None:
        self.facts = facts
        self.name: str = facts["name"]
        self.scheme: str = facts["scheme"]
        self.state_names: tuple[str, ...] = tuple(facts["states"])
        self.variable_names: tuple[str, ...] = tuple(facts["variables"])
        self.substeps = substeps
        self._kernels = kernels
        self._own = own
        self._step: tuple[int, ModuleType] | None = None
        self._parameters = np.empty((len(own), 0))  # for the nodes asked for last

    @property
    def n_own_nodes(self) -> int | None:
        """Number of nodes the per-node parameters were given for, or None."""
        sizes = {values.size for values in self._own.values()} - {1}
        return sizes.pop() if sizes else None

    @property
    def equations_fingerprint(self) -> str:
        """Hash of the model text and the parameter overrides."""
        values = [f"{name}={v.tolist()}" for name, v in self._own.items()]
        return fingerprint(self._kernels.source.key, *values)

    @property
    def fingerprint(self) -> str:
        """Hash of equations, parameters, reaction scheme and this compiler."""
        scheme = (self.scheme, self.substeps, self.facts["fast"])
        own = (self.equations_fingerprint, generator_fingerprint())
        kernels = self._kernels
        return fingerprint(*own, *scheme, kernels.backend, kernels.clamped)

    def unit_of(self, name: str) -> str:
        """Unit of a variable, as text."""
        self._require(name)
        return self.facts["units"].get(name, "1")

    def initial_states(self, n_nodes: int) -> NDArray:
        """The model's initial state at every node, (n_states, n_nodes)."""
        return np.repeat(np.array(self.facts["initial"])[:, None], n_nodes, axis=1)

    def react(
        self, states: NDArray, i_stim: NDArray, dt: float, n_steps: int = 1
    ) -> None:
        """Advance all nodes in place; see `IonicModel.react`."""
        self._require_shapes(states, i_stim)
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
        """States and intermediates by name, (len(names), n_nodes).

        Args:
            states: (n_states, n_nodes).
            names: qualified names; "dot(ina.m)" is the derivative of a state, per ms.
            i_stim: stimulus, A/F, (n_nodes,); None is zero.

        Raises:
            ValueError: a name the cell does not have; names the nearest.
        """
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

    def at(self, nodes: ArrayLike) -> CompiledCell:
        """The same cells at a subset of the nodes."""
        nodes = np.asarray(nodes)
        own = {n: v if v.size == 1 else v[nodes] for n, v in self._own.items()}
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
        return Path(self._kernels.react(_strip_length(n_nodes)).__file__).read_text()

    def _parameters_of(self, n_nodes: int) -> NDArray:
        """Overridden parameters at every node, (n_overridden, n_nodes)."""
        if self._parameters.shape[1] != n_nodes:
            if self.n_own_nodes not in (None, n_nodes):
                raise ValueError(
                    f"{self.name} has parameters for {self.n_own_nodes} nodes but is "
                    f"asked for {n_nodes}; give one value per node"
                )
            columns = [np.broadcast_to(v, n_nodes) for v in self._own.values()]
            self._parameters = np.array(columns).reshape(len(columns), n_nodes)
        return self._parameters

    def _require_shapes(self, states: NDArray, i_stim: NDArray) -> None:
        # The kernels check no bounds.
        n_states, n_nodes = len(self.state_names), states.shape[-1]
        if states.shape != (n_states, n_nodes) or i_stim.shape != (n_nodes,):
            raise ValueError(
                f"states have shape {states.shape} and i_stim {i_stim.shape}; "
                f"{self.name} expects ({n_states}, n_nodes) and (n_nodes,)"
            )

    def _require(self, name: str) -> None:
        if name not in self.variable_names:
            raise ValueError(
                f"{self.name} has no variable {name}; "
                f"{nearest(name, self.variable_names)}"
            )


def _strip_length(n_nodes: int) -> int:
    """Narrow strips up to a few thousand nodes, wide ones beyond."""
    narrow, wide = emit_numba.NARROW_STRIP, emit_numba.WIDE_STRIP
    return narrow if n_nodes < _WIDE_FROM else wide


def _chunks(n_nodes: int) -> int:
    """How many threads share so many nodes."""
    return min(numba.get_num_threads(), n_nodes // _NODES_PER_THREAD)


def _describe(cell: CellEquations, step: Reaction) -> dict[str, Any]:
    """What a later start needs to know of the cell, as JSON."""
    substep = step.substep
    return {
        "name": cell.name,
        "scheme": step.scheme,
        "states": cell.states,
        "initial": cell.initial,
        "variables": cell.variables,
        "units": dict(cell.units),
        "parameters": {n: cell.definitions[n].value for n in cell.parameters},
        "stimulus": cell.stimulus,
        "gates": list(step.gates),
        "fast": list(substep.fast) if substep else [],
        "model_fast": list(cell.fast),
        "title": cell.title,
        "membrane_currents": membrane_currents(cell),
        "cytosolic_calcium": cell.cytosolic_calcium,
        "singularities": step.n_singularities,
    }
