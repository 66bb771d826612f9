"""What the cells of all backends have in common: names, parameters, fingerprints."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.ionic.equations import fingerprint, nearest
from cardiosim.ionic.kernel_cache import generator_fingerprint
from cardiosim.ionic.kernels import Kernels
from cardiosim.ionic.surrogate_step import Surrogate


class Cell(ABC):
    """A cell whose equations were compiled from model text; see `IonicModel`.

    Attributes:
        name: of the cell.
        state_names: qualified names; row 0 is the membrane potential.
        variable_names: everything that `observe` knows.
        scheme: reaction scheme.
        facts: what the compiler found (gates, singularities, fast gates, ...).
    """

    def __init__(
        self,
        kernels: Kernels,
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
        by = kernels.surrogate.key if kernels.surrogate else ""
        return fingerprint(*own, *scheme, kernels.backend, kernels.clamped, by)

    @property
    def placement(self) -> dict[str, str]:
        """Backend, device and precision, for the records."""
        backend = self._kernels.backend
        return {"backend": backend, "device": "cpu", "dtype": "float64"}

    def unit_of(self, name: str) -> str:
        """Unit of a variable, as text."""
        self._require(name)
        return self.facts["units"].get(name, "1")

    def initial_states(self, n_nodes: int) -> NDArray:
        """The model's initial state at every node, (n_states, n_nodes)."""
        return np.repeat(np.array(self.facts["initial"])[:, None], n_nodes, axis=1)

    @property
    def surrogate(self) -> Surrogate | None:
        """What takes over some of the states; None in a cell of equations alone."""
        return self._kernels.surrogate

    def start_from(self, full: NDArray) -> NDArray:
        """States of this cell that follow from those of the cell without a surrogate.

        Args:
            full: in the order of the model text, (n_full_states, n_nodes).

        Returns:
            (n_states, n_nodes); no step outside the surrogate's range is counted yet.
        """
        if self.surrogate is None:
            return full
        n = full.shape[1]
        own = dict(zip(self._own, self._parameters_of(n), strict=True))
        return np.ascontiguousarray(self._kernels.start_from(full, own))

    @abstractmethod
    def react(
        self, states: NDArray, i_stim: NDArray, dt: float, n_steps: int = 1
    ) -> None:
        """Advance all nodes in place; see `IonicModel.react`."""

    @abstractmethod
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

    def at(self, nodes: ArrayLike) -> Cell:
        """The same cells at a subset of the nodes."""
        nodes = np.asarray(nodes)
        own = {n: v if v.size == 1 else v[nodes] for n, v in self._own.items()}
        return self._with(own)

    @abstractmethod
    def _with(self, own: Mapping[str, NDArray]) -> Cell:
        """The same cell with other values of its free parameters."""

    @abstractmethod
    def compile(self, n_nodes: int) -> None:
        """Compile (or load) the kernel for so many nodes now, not at the first step."""

    @abstractmethod
    def kernel_source(self) -> str:
        """Generated source of the reaction step."""

    @staticmethod
    def _source_of(module: Any) -> str:
        return Path(module.__file__).read_text()

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
                f"states have shape {tuple(states.shape)} and i_stim "
                f"{tuple(i_stim.shape)}; {self.name} expects ({n_states}, n_nodes) "
                f"and (n_nodes,)"
            )

    def _require_step(self, dt: float) -> None:
        surrogate = self.surrogate
        if surrogate is None:
            return
        low, high = surrogate.dt_range
        # Half a unit of rounding more: 0.1 is also written as 0.30000000000000004/3.
        if not low * (1.0 - 1e-12) <= dt <= high * (1.0 + 1e-12):
            raise ValueError(
                f"a reaction step takes {float(dt):g} ms; {surrogate.name} was made "
                f"for {low:g} to {high:g} ms; change time.dt, or take the equations "
                f'(surrogate = "none")'
            )

    def _require(self, name: str) -> None:
        if name not in self.variable_names:
            raise ValueError(
                f"{self.name} has no variable {name}; "
                f"{nearest(name, self.variable_names)}"
            )
