"""Kernel modules of a cell: generated from its equations, or taken from the cache."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cardiosim.ionic import emit_numba, emit_scalar, emit_torch
from cardiosim.ionic.cell_library import ModelSource
from cardiosim.ionic.equations import CellEquations, dot, fingerprint
from cardiosim.ionic.evaluation import evaluate
from cardiosim.ionic.expressions import ZERO, Number
from cardiosim.ionic.kernel_cache import cached_kernel
from cardiosim.ionic.membrane_currents import membrane_currents
from cardiosim.ionic.parameters import no_parameter
from cardiosim.ionic.reaction import reaction
from cardiosim.ionic.stages import Reaction
from cardiosim.ionic.surrogate_step import (
    OUTSIDE,
    Surrogate,
    SurrogateStep,
    hybrid_equations,
)


@dataclass(frozen=True)
class Kernels:
    """Kernel modules of one cell, from the cache or generated.

    Attributes:
        source: of the equations.
        scheme: reaction scheme.
        fast: fast gates of multirate; None takes the model's own.
        free: parameters that each node may have its own value of, sorted.
        backend: "numba", "scalar" or "torch".
        clamped: whether V is held.
        surrogate: takes over some states; None for none.
    """

    source: ModelSource
    scheme: str
    fast: Sequence[str] | None
    free: tuple[str, ...]
    backend: str
    clamped: bool
    surrogate: Surrogate | None = None

    def facts(self) -> dict[str, Any]:
        """What the compiler found in the cell (`_describe`)."""
        key = ("facts", *self._step_key)
        return self._cached("facts", key, self._facts)[1]

    def react(self, strip: int = 0) -> ModuleType:
        """Module of the reaction step; of numba with strips of so many nodes."""

        def generate() -> tuple[str, dict[str, Any]]:
            step = self._reaction()
            if self.backend == "scalar":
                return emit_scalar.scalar_module(step, cache=True), {}
            if self.backend == "torch":
                return emit_torch.tensor_module(step), {}
            return emit_numba.strip_module(step, cache=True, strip=strip), {}

        shape = f"strip{strip}" if self.backend == "numba" else self.backend
        key = (*self._step_key, shape)
        return self._cached(f"{self.scheme}_{shape}", key, generate)[0]

    def observe(self) -> ModuleType:
        """Module that evaluates every variable."""

        def generate() -> tuple[str, dict[str, Any]]:
            cell, step = self._hybrid(self.source.equations())
            cell = hybrid_equations(cell, step) if step else cell
            networks = step.networks if step else ()
            emit = emit_scalar.observation_module
            if self.backend == "torch":
                emit = emit_torch.observation_tensor_module
            return emit(cell, self.free, networks), {}

        what = "observe_torch" if self.backend == "torch" else "observe"
        key = (what, self._surrogate_key, *self.free)
        return self._cached(what, key, generate)[0]

    def start_from(self, full: NDArray, parameters: Mapping[str, NDArray]) -> NDArray:
        """States of the hybrid cell that follow from states of the full cell.

        Args:
            full: (n_states of the full cell, n_nodes).
            parameters: values of the free parameters, each (n_nodes,) or (1,).
        """
        cell, step = self._hybrid(self.source.equations())
        if step is None:
            return full
        values = dict(zip(cell.states, full, strict=True)) | dict(parameters)
        numbers = {n: Number(value) for n, value in step.numbers.items()}
        definitions = {**cell.definitions, **step.definitions, **numbers}
        values[OUTSIDE] = 0.0
        values |= {
            n: evaluate(e, definitions, values, networks=step.networks)
            for n, e in step.start.items()
        }
        rows = [values[name] for name in hybrid_equations(cell, step).states]
        return np.array([np.broadcast_to(row, full.shape[1]) for row in rows])

    @property
    def _step_key(self) -> tuple[object, ...]:
        fast = "model" if self.fast is None else ",".join(self.fast)
        return (self.scheme, fast, self.clamped, self._surrogate_key, *self.free)

    @property
    def _surrogate_key(self) -> str:
        return self.surrogate.key if self.surrogate else ""

    def _hybrid(
        self, cell: CellEquations
    ) -> tuple[CellEquations, SurrogateStep | None]:
        """The cell, and the surrogate's step on it."""
        if self.surrogate is None:
            return cell, None
        return cell, self.surrogate.equations(cell, self.free)

    def _cached(self, what, key, generate) -> tuple[ModuleType, dict[str, Any]]:
        name = self.source.name
        key = fingerprint(self.source.key, name, *key)
        return cached_kernel(f"{name}_{what}", key, generate)

    def _reaction(self) -> Reaction:
        cell, step = self._hybrid(self.source.equations())
        if self.clamped:
            if step and cell.membrane_potential in step.carries:
                raise ValueError(
                    f"{step.name} steps {cell.membrane_potential}, which a clamped "
                    f'cell holds; take the equations (surrogate = "none")'
                )
            cell = _clamped(cell)
        return reaction(cell, self.scheme, self.free, self.fast, step)

    def _facts(self) -> tuple[str, dict[str, Any]]:
        cell, step = self._hybrid(self.source.equations())
        hybrid = hybrid_equations(cell, step) if step else cell
        for name in self.free:
            if name not in hybrid.parameters:
                raise ValueError(no_parameter(name, hybrid))
        facts: dict[str, Any] = {"clamped": self.clamped}
        if step is not None:
            facts["surrogate"] = {
                "name": step.name,
                "replaces": step.replaces,
                "carries": step.carries,
                "ranges": dict(step.ranges),
                "full_states": cell.states,
            }
        return "", _describe(hybrid, self._reaction()) | facts


def _clamped(cell: CellEquations) -> CellEquations:
    """The same cell with dV/dt = 0."""
    held = {dot(cell.membrane_potential): ZERO}
    return dataclasses.replace(cell, definitions={**cell.definitions, **held})


def _describe(cell: CellEquations, step: Reaction) -> dict[str, Any]:
    """What a later start needs to know of the cell, as JSON."""
    return {
        "name": cell.name,
        "scheme": step.scheme,
        "states": cell.states,
        "initial": cell.initial,
        "variables": cell.variables,
        "units": dict(cell.units),
        "parameters": {n: cell.definitions[n].value for n in cell.parameters},
        "stimulus": cell.stimulus,
        "gates": [gate for gate in step.gates if gate not in cell.not_gates],
        "fast": list(step.fast),
        "model_fast": list(cell.fast),
        "title": cell.title,
        "membrane_currents": membrane_currents(cell),
        "cytosolic_calcium": cell.cytosolic_calcium,
        "unit_complaint": cell.unit_complaint,
        "singularities": step.n_singularities,
    }
