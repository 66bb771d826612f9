"""What a surrogate is: a learned or exact step of named states of a cell.

    carried, x, dt  ->  carried after dt

Its step is written once (`TrainedSurrogate.step`) against an algebra. `advance` runs it
on torch tensors: for training, and as the plain path. `equations` runs it on symbols
and gives the cell compiler equations, which end in the fused kernel. Both are the same
arithmetic; tests/surrogates compare them.
"""

from __future__ import annotations

import functools
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from cardiosim.ionic.cell_library import model_source
from cardiosim.ionic.constants import fold_constants
from cardiosim.ionic.equations import CellEquations, dot, fingerprint
from cardiosim.ionic.expressions import Expression, Name
from cardiosim.ionic.network import Network
from cardiosim.ionic.singularities import remove_singularities
from cardiosim.ionic.surrogate_step import REST as REST
from cardiosim.ionic.surrogate_step import SurrogateStep
from cardiosim.surrogates.algebra import (
    Algebra,
    Row,
    SymbolAlgebra,
    TensorAlgebra,
    expression_of,
)
from cardiosim.surrogates.equation_probe import EquationProbe, require_same, take_probe

#: The potential after the plain step, as an input of a surrogate of every step.
NEW_POTENTIAL = "new(membrane.V)"


class TrainedSurrogate(ABC):
    """A step of named states of one cell; a subclass writes it.

    Attributes:
        kind: name of the class in checkpoints.
        moment: when it is evaluated, one of `surrogate_step.MOMENTS`.
        name: of this surrogate.
        model: name of the cell it was made for.
        replaces: states that it takes over.
        carries: states it keeps in their place: the same, or fewer of its own.
        inputs: variables it reads at the start of the step.
        provides: variables that the remaining equations read from it and that are no
            states any more.
        networks: as data.
        ranges: lowest and highest value it was made for, of inputs and carried states.
        dt_range: shortest and longest step, ms.
        units: of carried states that the cell does not have.
        numbers: trained numbers by name, beside the networks.
    """

    kind: ClassVar[str]
    moment: ClassVar[str] = "every step"

    replaces: tuple[str, ...]
    carries: tuple[str, ...]
    inputs: tuple[str, ...]
    provides: tuple[str, ...] = ()
    units: Mapping[str, str] = {}

    def __init__(
        self,
        name: str,
        model: str,
        networks: Sequence[Network] = (),
        ranges: Mapping[str, tuple[float, float]] | None = None,
        dt_range: tuple[float, float] = (1e-6, 1e3),
        numbers: Mapping[str, float] | None = None,
    ) -> None:
        self.name, self.model = name, model
        self.numbers = {n: float(value) for n, value in (numbers or {}).items()}
        self.networks = tuple(networks)
        self.ranges = {n: (float(a), float(b)) for n, (a, b) in (ranges or {}).items()}
        self.dt_range = (float(dt_range[0]), float(dt_range[1]))
        self.probe: EquationProbe | None = None  # what a checkpoint says

    @abstractmethod
    def step(
        self,
        algebra: Algebra,
        carried: Mapping[str, Row],
        x: Mapping[str, Row],
        dt: Row,
    ) -> Mapping[str, Row]:
        """Carried states after dt.

        Args:
            algebra: functions of rows.
            carried: at the start of the step, by name.
            x: inputs at the start of the step, by name.
            dt: ms.
        """

    def provide(
        self, algebra: Algebra, carried: Mapping[str, Row], x: Mapping[str, Row]
    ) -> Mapping[str, Row]:
        """The variables it `provides`, from the present carried states and inputs."""
        return {}

    def start(self, algebra: Algebra, full: Callable[[str], Row]) -> Mapping[str, Row]:
        """Carried states that the cell does not have, from the full state.

        Args:
            algebra: functions of rows.
            full: row of a state or intermediate of the full cell, by name.
        """
        return {}

    @property
    def settings(self) -> Mapping[str, Any]:
        """What beside networks and ranges the step depends on, as JSON."""
        return {}

    @property
    def key(self) -> str:
        """Hash of everything the step depends on, the program's text included."""
        text = (model_source(self.model).key, _program(type(self)))
        own = (self.kind, self.name, self.moment, *text)
        names = (self.replaces, self.carries, self.inputs, self.provides)
        parts = (
            sorted(self.ranges.items()),
            self.dt_range,
            sorted(self.settings.items()),
            sorted(self.numbers.items()),
        )
        return fingerprint(*own, *names, *parts, *(n.key for n in self.networks))

    @property
    def carries_what_it_replaces(self) -> bool:
        """Whether a node outside the range can take the equations for a step."""
        return set(self.carries) == set(self.replaces)

    def equations(self, cell: CellEquations, free: Sequence[str]) -> SurrogateStep:
        """The step as equations of a cell; see `surrogate_step.Surrogate`."""
        self._require_cell(cell, free)
        own = [n for n in free if n in cell.definitions]  # not a trained number
        algebra = SymbolAlgebra(remove_singularities(cell, own)[0], self.networks)
        row = algebra.row
        carried, x = self._held(
            algebra,
            {n: row(n) for n in self.carries},
            {n: row(n) for n in self.inputs},
        )
        provided = self.provide(algebra, carried, x)
        results = self.step(algebra, carried, x, row("dt"))
        start = self.start(algebra, row)
        return SurrogateStep(
            name=self.name,
            replaces=self.replaces,
            carries=self.carries,
            moment=self.moment,
            inputs=self.inputs,
            results={n: expression_of(results[n]) for n in self.carries},
            provided={n: expression_of(provided[n]) for n in self.provides},
            definitions=algebra.definitions,
            start={n: expression_of(r) for n, r in start.items()},
            ranges=self.ranges,
            networks=self.networks,
            units=self.units,
            numbers=algebra.numbers,
        )

    def advance(
        self, carried: Any, x: Any, dt: Any, networks: Sequence[Any] | None = None
    ) -> Any:
        """Carried states after dt, on tensors.

        Args:
            carried: (n_carried, n_nodes).
            x: inputs, (n_inputs, n_nodes).
            dt: ms, a number or a tensor, (n_nodes,).
            networks: other networks than its own, as functions of tensors (those that
                are being trained).

        Returns:
            (n_carried, n_nodes).
        """
        import torch

        from cardiosim.ionic import tensor_math

        networks = self.tensor_networks(carried) if networks is None else networks
        dt = torch.as_tensor(dt, dtype=carried.dtype, device=carried.device)
        own = dict(zip(self.carries, carried, strict=True))
        inputs = dict(zip(self.inputs, x, strict=True))
        algebra = TensorAlgebra(self.cell_equations, networks, {**inputs, **own})
        own, inputs = self._held(algebra, own, inputs)
        results = self.step(algebra, own, inputs, dt)
        rows = (tensor_math.row(results[name], carried[0]) for name in self.carries)
        return torch.stack(tuple(rows))

    def tensor_networks(self, like: Any) -> tuple[Any, ...]:
        """Its networks as functions of tensors of the precision and device of one."""
        from cardiosim.ionic.tensor_network import TensorNetwork

        key = (like.dtype, like.device)
        if key not in self._tensor_networks:
            self._tensor_networks[key] = tuple(
                TensorNetwork(n, like.dtype).to(like.device).requires_grad_(False)
                for n in self.networks
            )
        return self._tensor_networks[key]

    def stands_for(self, cell: CellEquations) -> Mapping[str, Expression]:
        """The equations of the cell that it was made for, by name."""
        return {dot(s): Name(dot(s)) for s in self.replaces}

    def take_probe(self) -> EquationProbe:
        """Values of the equations it stands for, to know them by."""
        cell = model_source(self.model).equations()
        return take_probe(cell, self.stands_for(cell), self._given)

    @property
    def _given(self) -> dict[str, tuple[float, float]]:
        """Inputs, and the values they may have."""
        return {n: self.ranges.get(n, (0.1, 0.9)) for n in self.inputs}

    def _require_cell(self, cell: CellEquations, free: Sequence[str]) -> None:
        missing = [s for s in self.replaces if s not in cell.states]
        if missing:
            raise ValueError(
                f"{self.name} was made for {self.model} and replaces {missing[0]}, "
                f"which {cell.name} does not have; train one for {cell.name}"
            )
        if self.probe is not None:
            known = (free, self.probe, self.name)
            require_same(cell, self.stands_for(cell), self._given, *known)

    @functools.cached_property
    def _tensor_networks(self) -> dict[Any, tuple[Any, ...]]:
        return {}

    @functools.cached_property
    def cell_equations(self) -> CellEquations:
        """Equations of the cell it was made for; the inputs stay variables."""
        cell = model_source(self.model).equations()
        free = tuple(n for n in self.inputs if n in cell.parameters)
        return fold_constants(remove_singularities(cell, free)[0], free)

    def _held(
        self, algebra: Algebra, carried: dict[str, Row], x: dict[str, Row]
    ) -> tuple[dict[str, Row], dict[str, Row]]:
        """Rows held to their ranges where no equations can step in."""
        if self.carries_what_it_replaces:
            return carried, x

        def held(rows: dict[str, Row]) -> dict[str, Row]:
            return {
                n: algebra.clamp(r, *self.ranges[n]) if n in self.ranges else r
                for n, r in rows.items()
            }

        return held(carried), held(x)


@functools.cache
def _program(kind: type[TrainedSurrogate]) -> str:
    """Hash of the text in which a kind of surrogate is written.

    Kernels are kept on disk; those of a step that has been rewritten since are others.
    It is the modules of the class and its parents, and what these take from here.
    """
    own = {p.__module__ for p in kind.__mro__ if issubclass(p, TrainedSurrogate)}
    modules = [sys.modules[name] for name in own]
    package = __name__.rpartition(".")[0]
    for module in tuple(modules):
        used = {getattr(value, "__module__", None) for value in vars(module).values()}
        modules += [sys.modules[n] for n in used if str(n).startswith(package)]
    files = {module.__file__ for module in modules if hasattr(module, "__file__")}
    return fingerprint(*(Path(file).read_text() for file in sorted(files)))
