"""What a surrogate is to the cell compiler: a step of named states, as equations.

A surrogate takes over some states of a cell, `replaces`, keeps some in their place,
`carries`, and gives these their values after a step. The equations of the states it
replaces are dropped, and whatever only they used. From here on nothing knows whether a
value comes from an equation or from a network.

Where a value leaves the range that the surrogate was made for, a node takes the
equations for that step if the surrogate carries what it replaces. Otherwise its inputs
are held to the range (`SurrogateStep.definitions` see to that). Either way a state that
every hybrid cell has beside its own, `OUTSIDE`, counts the steps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cardiosim.ionic.equations import CellEquations, dot, nearest
from cardiosim.ionic.evaluation import evaluate
from cardiosim.ionic.expressions import (
    ONE,
    ZERO,
    Apply,
    Expression,
    Name,
    Number,
    both,
    depends_on,
    fold,
    references,
    transform,
)
from cardiosim.ionic.network import Network
from cardiosim.ionic.stages import new_value

#: State that counts a node's steps outside the surrogate's range.
OUTSIDE = "surrogate.steps_outside"

#: dV/dt without the part through the fast gates, an input under multirate.
REST = "rest"

#: When a surrogate is evaluated: at every node in every step, or at those in their
#: upstroke, where multirate would take substeps.
MOMENTS = ("every step", "upstroke")


@dataclass(frozen=True)
class SurrogateStep:
    """A surrogate's step as equations of one cell.

    Attributes:
        name: of the surrogate.
        replaces: states of the cell that it takes over.
        carries: states that it keeps in their place.
        moment: one of `MOMENTS`.
        inputs: variables it reads at the start of the step: states, intermediates,
            parameters; "rest" is dV/dt without the part through the fast gates; and
            "new(membrane.V)", the potential after the plain step.
        results: value of each carried state after the step, by name.
        provided: value of variables that the remaining equations read and that are no
            states any more, from the present states.
        definitions: of its own intermediates; their names begin with "surrogate.".
        start: of each carried state that the cell does not have: its value, from the
            full state.
        ranges: lowest and highest value that it was made for, by name.
        networks: called as `Apply("network:0", arguments)`.
        units: of the carried states that the cell does not have.
        numbers: trained numbers by name ("surrogate." leads it); parameters of the
            hybrid cell, which may be given node by node.
    """

    name: str
    replaces: tuple[str, ...]
    carries: tuple[str, ...]
    moment: str
    inputs: tuple[str, ...]
    results: Mapping[str, Expression]
    provided: Mapping[str, Expression] = field(default_factory=dict)
    definitions: Mapping[str, Expression] = field(default_factory=dict)
    start: Mapping[str, Expression] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    networks: tuple[Network, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def carries_what_it_replaces(self) -> bool:
        """Whether a node can take the equations for a step instead."""
        return set(self.carries) == set(self.replaces)

    @property
    def inside(self) -> Expression:
        """Whether all that has a range is in it."""
        condition: Expression = ONE
        for name, (low, high) in self.ranges.items():
            above = Apply(">=", (Name(name), Number(low)))
            below = Apply("<=", (Name(name), Number(high)))
            condition = both(condition, both(above, below))
        return condition


class Surrogate(Protocol):
    """What `compile_cell` takes; `cardiosim.surrogates` holds those there are.

    Attributes:
        name: of the surrogate.
        key: hash of everything that its step depends on.
        dt_range: shortest and longest step it was made for, ms.
    """

    name: str
    key: str
    dt_range: tuple[float, float]

    def equations(self, cell: CellEquations, free: Sequence[str]) -> SurrogateStep:
        """Its step as equations of a cell.

        Args:
            cell: as read.
            free: parameters that each node may have its own value of.

        Raises:
            ValueError: it was made for another cell, or other equations.
        """

    def tensor_networks(self, like: Any) -> tuple[Any, ...]:
        """Its networks as functions of tensors of the precision and device of one."""


def require_fit(
    step: SurrogateStep, cell: CellEquations, scheme: str, fast: Sequence[str] | None
) -> None:
    """Refuse a surrogate that a reaction scheme has no place for.

    Args:
        step: of the surrogate.
        cell: as read.
        scheme: "rush_larsen" or "multirate".
        fast: fast gates of multirate; None takes the cell's own.

    Raises:
        ValueError: no such moment; it needs what only multirate has; or its states are
            those that multirate substeps.
    """
    name, potential = step.name, cell.membrane_potential
    if step.moment not in MOMENTS:
        raise ValueError(
            f"{name} is evaluated at moment {step.moment!r}; expected "
            f"{' or '.join(map(repr, MOMENTS))}"
        )
    in_upstroke, has_substeps = step.moment == "upstroke", scheme == "multirate"
    if in_upstroke and not has_substeps:
        raise ValueError(
            f"{name} stands in the place of multirate's substeps; came scheme "
            f"{scheme}, use multirate"
        )
    if (
        in_upstroke
        and potential in step.carries
        and new_value(potential) in step.inputs
    ):
        raise ValueError(
            f"{name} steps {potential} and reads it after the plain step, as "
            f"{new_value(potential)}; one of the two"
        )
    if REST in step.inputs and not has_substeps:
        raise ValueError(
            f"{name} reads {REST}, dV/dt without the part through the fast gates, "
            f"which scheme {scheme} does not have; use multirate"
        )
    moved = (potential, *(cell.fast if fast is None else fast)) if has_substeps else ()
    twice = [state for state in moved if state in step.replaces]
    if twice and not in_upstroke:
        raise ValueError(
            f"{name} replaces {', '.join(twice)} in every step, which multirate would "
            f"substep; use scheme rush_larsen"
        )


def hybrid_equations(cell: CellEquations, step: SurrogateStep) -> CellEquations:
    """The cell with the replaced states taken out and the carried ones put in.

    Raises:
        ValueError: the surrogate replaces what the cell does not have, or the remaining
            equations read what the surrogate neither carries nor provides.
    """
    _require_known(cell, step)
    counter = (OUTSIDE,) if step.ranges else ()
    added = tuple(s for s in step.carries if s not in cell.states)
    gone = set(step.replaces) - set(step.carries)
    states = (*(s for s in cell.states if s not in gone), *added, *counter)
    definitions = {n: e for n, e in cell.definitions.items() if n not in map(dot, gone)}
    definitions |= _own_of_provided(step)
    definitions |= {name: Number(value) for name, value in step.numbers.items()}
    definitions = _without_readers(definitions, gone)
    for state in states:
        if dot(state) in definitions:
            continue
        if state not in (*step.carries, *counter):
            reads = _first_read(cell, state, gone)
            raise ValueError(
                f"the equation of {state} reads {reads}, which {step.name} replaces "
                f"and neither carries nor provides"
            )
        definitions[dot(state)] = ZERO  # what it does is the surrogate's alone
    calcium = cell.cytosolic_calcium
    return dataclasses.replace(
        cell,
        states=states,
        initial=_initial(cell, step, states),
        definitions=definitions,
        units={**cell.units, **step.units, OUTSIDE: "1"},
        fast=tuple(s for s in cell.fast if s in states),
        cytosolic_calcium=calcium if calcium in {*states, *definitions} else None,
        not_gates=(*cell.not_gates, *added, *counter),
    )


def _initial(
    cell: CellEquations, step: SurrogateStep, states: Sequence[str]
) -> tuple[float, ...]:
    full = dict(zip(cell.states, cell.initial, strict=True))
    numbers = {name: Number(value) for name, value in step.numbers.items()}
    definitions = {**cell.definitions, **step.definitions, **numbers}
    start = {
        n: evaluate(e, definitions, full, networks=step.networks)
        for n, e in step.start.items()
    }
    return tuple(float((full | {OUTSIDE: 0.0} | start)[s]) for s in states)


def _first_read(cell: CellEquations, state: str, gone: Collection[str]) -> str:
    rate = Name(dot(state))
    return next(g for g in sorted(gone) if depends_on(rate, g, cell.definitions))


def _require_known(cell: CellEquations, step: SurrogateStep) -> None:
    missing = [s for s in step.replaces if s not in cell.states]
    if missing:
        raise ValueError(
            f"{step.name} replaces {', '.join(missing)}, which {cell.name} does not "
            f"have; {nearest(missing[0], cell.states)}"
        )
    own = {*step.carries, REST, new_value(cell.membrane_potential)}
    known = (*cell.states, *cell.definitions)
    unknown = [n for n in (*step.inputs, *step.ranges) if n not in {*own, *known}]
    if unknown:
        raise ValueError(
            f"{step.name} reads {unknown[0]}, which {cell.name} does not have; "
            f"{nearest(unknown[0], known)}"
        )
    unset = [s for s in step.carries if s not in {*cell.states, *step.start}]
    if unset:
        raise ValueError(
            f"{step.name} carries {unset[0]}, which {cell.name} does not have, and "
            f"gives it no value to start from"
        )


def _own_of_provided(step: SurrogateStep) -> dict[str, Expression]:
    """What the surrogate provides, and its own definitions that this needs."""
    own = {
        name: e
        for name, e in step.definitions.items()
        if any(depends_on(p, name, step.definitions) for p in step.provided.values())
    }
    return own | dict(step.provided)


def _without_readers(
    definitions: Mapping[str, Expression], gone: Collection[str]
) -> dict[str, Expression]:
    """Definitions that need none of the states that are gone, directly or not."""
    lost = set(gone) - definitions.keys()
    while True:
        more = {
            n for n, e in definitions.items() if n not in lost and references(e) & lost
        }
        if not more:
            return {n: e for n, e in definitions.items() if n not in lost}
        lost |= more


def with_constants(
    step: SurrogateStep, folded: CellEquations, given: Collection[str]
) -> SurrogateStep:
    """The same step with the constants of the cell put in.

    Args:
        step: as the surrogate wrote it.
        folded: the hybrid cell after constant folding.
        given: what has a value at every node, although its definition is a number:
            free parameters, the stimulus.
    """
    values: dict[str, Number] = {
        n: e
        for n, e in folded.definitions.items()
        if isinstance(e, Number) and n not in given
    }

    def put(expressions: Mapping[str, Expression]) -> dict[str, Expression]:
        def change(node: Expression) -> Expression:
            if isinstance(node, Name) and node.name in values:
                return values[node.name]
            return fold(node)

        return {n: transform(e, change) for n, e in expressions.items()}

    return dataclasses.replace(
        step,
        inputs=tuple(n for n in step.inputs if n not in values),
        results=put(step.results),
        definitions=put(step.definitions),
        ranges=_varying(step, values),
    )


def _varying(
    step: SurrogateStep, values: Mapping[str, Number]
) -> dict[str, tuple[float, float]]:
    """Ranges of what varies; a constant outside its range is refused."""
    for name, (low, high) in step.ranges.items():
        if name in values and not low <= values[name].value <= high:
            raise ValueError(
                f"{name} is {values[name].value:g}; {step.name} was made for {low:g} "
                f"to {high:g}; leave it inside, or train one for this value"
            )
    return {n: r for n, r in step.ranges.items() if n not in values}
