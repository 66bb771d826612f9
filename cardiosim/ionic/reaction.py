"""One reaction step of a cell as stages of assignments, before any target language.

rush_larsen: gates by their exact exponential, all other states by forward Euler,

    x <- x_inf + (x - x_inf) exp(-dt/tau_x)       y <- y + dt f(y)

with every right-hand side taken at the start of the step.

multirate: the same, except that at a node in its upstroke V and the fast gates take n
Strang substeps of h = dt/n instead, with the rest of the membrane current frozen
(fast_subsystem.py): half a gate step, V by its exponential

    V <- V + (rest + f(V)) h phi(b h),     phi(z) = (exp(z) - 1)/z,     b = df/dV

and half a gate step; adjacent half gate steps share V and merge. A node is in its
upstroke where the plain step changes V or a fast gate faster than the bounds below;
docs/verification.md shows what they cost in conduction velocity. They are rates, not
changes in one step: those would let short steps turn into plain ones, and with them
into their sixteen times larger error.

A surrogate (surrogate_step.py) takes over some of the new states. One that is evaluated
at nodes in their upstroke stands in the place of the substeps; where a value is outside
its range, the substeps or the plain step do what they would do without it.

References: Rush & Larsen 1978, doi 10.1109/TBME.1978.326270; Strang 1968, SIAM J
Numer Anal 5:506-517, doi 10.1137/0705041.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cardiosim.ionic.constants import fold_constants
from cardiosim.ionic.equations import CellEquations, dot
from cardiosim.ionic.expressions import (
    ONE,
    ZERO,
    Apply,
    Expression,
    Name,
    Number,
    depends_on,
    fold,
    minus,
    negative,
    over,
    plus,
    references,
    times,
    walk,
)
from cardiosim.ionic.fast_subsystem import FastSubsystem, fast_subsystem
from cardiosim.ionic.gates import Gate, find_gates
from cardiosim.ionic.network import Network
from cardiosim.ionic.ordering import schedule
from cardiosim.ionic.singularities import remove_singularities
from cardiosim.ionic.surrogate_step import (
    OUTSIDE,
    SurrogateStep,
    hybrid_equations,
    with_constants,
)

SCHEMES = ("rush_larsen", "multirate")

# A node whose plain step changes V or a fast gate faster is in its upstroke. The bounds
# cost at most 0.005 % of CV at dt 20 to 100 us and D 0.05 to 0.3 mm2/ms against
# substepping every node (docs/verification.md).
UPSTROKE_POTENTIAL_RATE = 5.0  # mV/ms
UPSTROKE_GATE_RATE = 0.2  # 1/ms

DT = Name("dt")
Assignment = tuple[str, Expression]


@dataclass(frozen=True)
class Substep:
    """The fast subsystem's part of a multirate step.

    Attributes:
        fast: the fast gates.
        frozen: names the substeps read that stay as they were at the step's start.
        gate_step: assignments of the gates' step of length `h_gate` at the present V.
        potential_step: assignments of the V step of length `h`.
        taken: name that is above 0.5 at a node that takes the substeps.
    """

    fast: tuple[str, ...]
    frozen: tuple[str, ...]
    gate_step: tuple[Assignment, ...]
    potential_step: tuple[Assignment, ...]
    taken: str


@dataclass(frozen=True)
class Alternative:
    """Another value of some states for the nodes at which a condition holds.

    Attributes:
        taken: name, assigned in `main`, that is above 0.5 at such a node.
        frozen: other names of `main` that the assignments read.
        assignments: at the start-of-step state.
        new_states: (state, name that holds its value instead).
    """

    taken: str
    frozen: tuple[str, ...]
    assignments: tuple[Assignment, ...]
    new_states: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Reaction:
    """A reaction step, ready to be written in a target language.

    Attributes:
        equations: of the cell, singularities removed, constants folded.
        scheme: "rush_larsen" or "multirate".
        free: parameters that each node may have its own value of.
        gates: gates of the cell by state.
        n_singularities: removable singularities that were rewritten and that a step
            meets: not those in branches that constants rule out.
        hoisted: assignments that depend on dt alone.
        main: assignments at the start-of-step state.
        new_states: (state, name that holds its value after the plain step).
        fast: fast gates of multirate; none for rush_larsen.
        substep: what a node in its upstroke does instead; None for rush_larsen, and
            where a surrogate without a range does it.
        alternatives: what nodes do instead of the plain step because of a surrogate;
            they come before the substeps.
        networks: called as `network:0`, `network:1`, ...
    """

    equations: CellEquations
    scheme: str
    free: tuple[str, ...]
    gates: Mapping[str, Gate]
    n_singularities: int
    hoisted: tuple[Assignment, ...]
    main: tuple[Assignment, ...]
    new_states: tuple[tuple[str, str], ...]
    fast: tuple[str, ...]
    substep: Substep | None
    alternatives: tuple[Alternative, ...] = ()
    networks: tuple[Network, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Rows that a step reads: states, free parameters, stimulus."""
        stimulus = (self.equations.stimulus,) if self.equations.stimulus else ()
        return (*self.equations.states, *self.free, *stimulus)


def reaction(
    equations: CellEquations,
    scheme: str,
    free: Sequence[str] = (),
    fast: Sequence[str] | None = None,
    surrogate: SurrogateStep | None = None,
) -> Reaction:
    """Derive the reaction step of a cell.

    Args:
        equations: as read.
        scheme: one of `SCHEMES`.
        free: parameters that stay variables.
        fast: fast gates of multirate; None takes the model's own.
        surrogate: takes over some states of the cell; None for none.

    Raises:
        ValueError: unknown scheme, or a cell that the scheme cannot step, or a
            surrogate that does not fit the cell or the scheme.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"unknown scheme {scheme}; expected {' or '.join(SCHEMES)}")
    if surrogate is not None:
        if surrogate.moment == "upstroke" and scheme != "multirate":
            raise ValueError(
                f"{surrogate.name} stands in the place of multirate's substeps; came "
                f"scheme {scheme}, use multirate"
            )
        equations = hybrid_equations(equations, surrogate)
    equations, _ = remove_singularities(equations, free)
    equations = fold_constants(equations, free)
    n_singularities = _count_singularities(equations, free)
    gates = find_gates(equations)
    subsystem = None
    if scheme == "multirate":
        names = equations.fast if fast is None else tuple(fast)
        if surrogate is not None:
            _require_substeps_of_its_own(surrogate, names)
        subsystem = fast_subsystem(equations, names, gates)
    return _Derivation(equations, tuple(free), gates, subsystem, surrogate).reaction(
        scheme, n_singularities
    )


def _require_substeps_of_its_own(surrogate: SurrogateStep, fast: Sequence[str]) -> None:
    """The substeps would undo what a surrogate does to their gates in every step."""
    both = [s for s in fast if s in surrogate.replaces]
    if both and surrogate.moment == "every step":
        raise ValueError(
            f"{surrogate.name} replaces {', '.join(both)} in every step, which "
            f"multirate would substep; use scheme rush_larsen"
        )


def _count_singularities(equations: CellEquations, free: Sequence[str]) -> int:
    """Rewritten quotients in what the derivatives need."""
    definitions = equations.definitions
    stimulus = (equations.stimulus,) if equations.stimulus else ()
    inputs = {*equations.states, *free, *stimulus}
    rates = [Name(dot(state)) for state in equations.states]
    return sum(
        isinstance(node, Apply) and node.function == "x_over_expm1"
        for name in schedule(rates, definitions, inputs)
        for node in walk(definitions[name])
    )


class _Derivation:
    """Collects the assignments of one reaction step."""

    def __init__(
        self,
        equations: CellEquations,
        free: tuple[str, ...],
        gates: Mapping[str, Gate],
        subsystem: FastSubsystem | None,
        surrogate: SurrogateStep | None,
    ) -> None:
        self.equations = equations
        self.free = free
        self.gates = gates
        self.subsystem = subsystem
        self.hoisted: list[Assignment] = []
        stimulus = {equations.stimulus} if equations.stimulus else set()
        self.inputs = {*equations.states, *free, *stimulus}
        self.surrogate = surrogate and with_constants(surrogate, equations)

    def reaction(self, scheme: str, n_singularities: int) -> Reaction:
        equations, subsystem = self.equations, self.subsystem
        own = dict(self._plain_step(state) for state in equations.states)
        substep, alternatives = None, ()
        if subsystem:
            substep, at_start = self._substep(subsystem)
            own |= at_start
        if self.surrogate:
            substep, alternatives = self._hybrid(self.surrogate, own, substep)
        kept = [n for part in (*alternatives, substep) if part for n in part.frozen]
        return Reaction(
            equations=equations,
            scheme=scheme,
            free=self.free,
            gates=self.gates,
            n_singularities=n_singularities,
            hoisted=tuple(self.hoisted),
            main=tuple(self._ordered(own.items(), also=dict.fromkeys(kept))),
            new_states=tuple((s, _new(s)) for s in equations.states),
            fast=tuple(g.state for g in subsystem.gates) if subsystem else (),
            substep=substep,
            alternatives=alternatives,
            networks=self.surrogate.networks if self.surrogate else (),
        )

    def _plain_step(self, state: str) -> Assignment:
        if state in self.gates:
            return _new(state), self._gate_step(self.gates[state], Name(state), DT)
        return _new(state), plus(Name(state), times(DT, Name(dot(state))))

    def _hybrid(
        self,
        surrogate: SurrogateStep,
        own: dict[str, Expression],
        substep: Substep | None,
    ) -> tuple[Substep | None, tuple[Alternative, ...]]:
        """Let a surrogate take over states; changes the assignments `own` in place."""
        results = {_new(s): surrogate.results[s] for s in surrogate.carries}
        new_states = tuple((s, _new(s)) for s in surrogate.carries)
        inside = surrogate.inside
        alternatives = []
        if surrogate.moment == "upstroke":
            up: Expression = Apply(">", (Name("upstroke"), Number(0.5)))
            own["surrogate.taken"] = _flag(_both(inside, up))
            own["substeps.taken"] = outside = _flag(_both(_not(inside), up))
            known = {n for n in surrogate.inputs if n not in self.inputs}
            assignments = self._ordered(results.items(), known, own=surrogate)
            taken = "surrogate.taken"
            alternatives.append(
                Alternative(taken, tuple(sorted(known)), tuple(assignments), new_states)
            )
            substep = dataclasses.replace(substep, taken="substeps.taken")
            if not surrogate.ranges:
                substep = None
        else:
            own["equations.taken"] = outside = _flag(_not(inside))
            if surrogate.ranges and surrogate.carries_what_it_replaces:
                plain = [self._plain_step(s) for s in surrogate.carries]
                assignments = tuple(self._ordered(plain))
                alternatives.append(
                    Alternative("equations.taken", (), assignments, new_states)
                )
            own |= results | surrogate.definitions
        if surrogate.ranges:
            own[_new(OUTSIDE)] = plus(Name(OUTSIDE), outside)
        return substep, tuple(alternatives)

    def _ordered(
        self,
        assignments: Iterable[Assignment],
        known: Iterable[str] = (),
        also: Iterable[str] = (),
        own: SurrogateStep | None = None,
    ) -> list[Assignment]:
        """The assignments, and the names in `also`, after what they need."""
        assignments = dict(assignments)
        definitions = dict(self.equations.definitions) | assignments
        definitions |= own.definitions if own else {}
        hoisted = {name for name, _ in self.hoisted}
        done = {*self.inputs, *hoisted, *known, "dt", "h", "h_gate"}
        targets = [Name(n) for n in (*assignments, *also)]
        order = schedule(targets, definitions, done)
        return [(name, definitions[name]) for name in order]

    def _gate_step(self, gate: Gate, x: Expression, dt: Expression) -> Expression:
        """x_inf + (x - x_inf) exp(-dt/tau); what dt alone decides is hoisted."""
        decay = Apply("exp", (_exponent(gate, dt),))
        if references(decay) == {"dt"}:
            name = f"decay({gate.state})"
            self.hoisted.append((name, decay))
            decay = Name(name)
        steady = gate.steady_state
        return plus(steady, times(minus(x, steady), decay))

    def _substep(self, subsystem: FastSubsystem) -> tuple[Substep, dict]:
        """The substeps, and what has to be assigned for them at the step's start."""
        equations = self.equations
        potential = Name(equations.membrane_potential)
        moving = {potential.name, *(g.state for g in subsystem.gates)}

        gate_step = [
            (_new(g.state), self._gate_step(g, Name(g.state), Name("h_gate")))
            for g in subsystem.gates
        ]
        slope = Name("slope")
        total = plus(Name("rest"), subsystem.current)
        phi = Apply("x_over_expm1", (times(slope, Name("h")),))
        step = plus(potential, over(times(total, Name("h")), phi))
        potential_step = [("slope", subsystem.slope), (_new(potential.name), step)]
        frozen = {"rest"} | self._frozen([*potential_step, *gate_step], moving)

        rest = minus(Name(dot(potential.name)), subsystem.current)
        at_start = {"rest": rest, "upstroke": _upstroke(potential, subsystem)}
        substep = Substep(
            fast=tuple(g.state for g in subsystem.gates),
            frozen=tuple(sorted(frozen)),
            gate_step=tuple(self._ordered(gate_step, frozen)),
            potential_step=tuple(self._ordered(potential_step, frozen)),
            taken="upstroke",
        )
        return substep, at_start

    def _frozen(self, assignments: Sequence[Assignment], moving: set[str]) -> set[str]:
        """Names the assignments need that no moving state reaches."""
        definitions = self.equations.definitions
        not_frozen = {n for n, _ in assignments} | moving | {"h", "h_gate", "dt"}
        found: set[str] = set()
        pending = [expression for _, expression in assignments]
        while pending:
            for name in references(pending.pop()) - not_frozen:
                if any(depends_on(Name(name), m, definitions) for m in moving):
                    pending.append(definitions[name])
                else:
                    found.add(name)
        return found


def _flag(condition: Expression) -> Expression:
    return fold(Apply("select", (condition, ONE, ZERO)))


def _not(condition: Expression) -> Expression:
    return fold(Apply("not", (condition,)))


def _both(a: Expression, b: Expression) -> Expression:
    return fold(Apply("and", (a, b)))


def _new(state: str) -> str:
    """Name of a state's value after the step."""
    return f"new({state})"


def _upstroke(potential: Name, subsystem: FastSubsystem) -> Expression:
    """1 where the plain step changes V or the fast gates too fast, else 0."""
    bounds = {potential.name: UPSTROKE_POTENTIAL_RATE}
    bounds |= {g.state: UPSTROKE_GATE_RATE for g in subsystem.gates}
    changes: Expression = ZERO
    for state, bound in bounds.items():
        change = Apply("abs", (minus(Name(_new(state)), Name(state)),))
        changes = plus(changes, times(change, Number(1.0 / bound)))
    return Apply("select", (Apply(">", (changes, DT)), ONE, ZERO))


def _exponent(gate: Gate, dt: Expression) -> Expression:
    if gate.rate is not None:
        return negative(times(dt, gate.rate))
    return negative(over(dt, gate.time_constant))


def observation(equations: CellEquations, free: Sequence[str]) -> list[Assignment]:
    """Assignments of every variable of the cell, for recording.

    Args:
        equations: as read.
        free: parameters that each node may have its own value of.
    """
    equations, _ = remove_singularities(equations, free)
    equations = fold_constants(equations, free)
    names = [n for n in equations.definitions if n not in free]
    names = [n for n in names if n != equations.stimulus]
    stimulus = {equations.stimulus} if equations.stimulus else set()
    order = schedule(
        [Name(n) for n in names],
        equations.definitions,
        {*equations.states, *free, *stimulus},
    )
    return [(name, equations.definitions[name]) for name in order]
