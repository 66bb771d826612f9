"""Kernel modules of a cell: generated from its equations, or taken from the cache."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from cardiosim.ionic import emit_numba, emit_scalar, emit_torch
from cardiosim.ionic.cell_library import ModelSource
from cardiosim.ionic.equations import CellEquations, dot, fingerprint
from cardiosim.ionic.expressions import ZERO
from cardiosim.ionic.kernel_cache import cached_kernel
from cardiosim.ionic.membrane_currents import membrane_currents
from cardiosim.ionic.parameters import no_parameter
from cardiosim.ionic.reaction import Reaction, reaction


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
    """

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
            cell = self.source.equations()
            if self.backend == "torch":
                return emit_torch.observation_tensor_module(cell, self.free), {}
            return emit_scalar.observation_module(cell, self.free, cache=True), {}

        what = "observe_torch" if self.backend == "torch" else "observe"
        return self._cached(what, (what, *self.free), generate)[0]

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
        "gates": [gate for gate in step.gates if gate not in cell.not_gates],
        "fast": list(substep.fast) if substep else [],
        "model_fast": list(cell.fast),
        "title": cell.title,
        "membrane_currents": membrane_currents(cell),
        "cytosolic_calcium": cell.cytosolic_calcium,
        "unit_complaint": cell.unit_complaint,
        "singularities": step.n_singularities,
    }
