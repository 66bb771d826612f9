"""One reaction step of a cell as stages of assignments, before any target language.

rush_larsen: gates by their exact exponential, all other states by forward Euler,

    x <- x_inf + (x - x_inf) exp(-dt/tau_x)       y <- y + dt f(y)

with every right-hand side taken at the start of the step.

multirate: the same, except that at a node in its upstroke V and the fast gates take n
Strang substeps of h = dt/n instead, with everything else frozen at its new value
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

from cardiosim.ionic.constants import fold_constants
from cardiosim.ionic.equations import CellEquations, dot
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
    minus,
    negative,
    over,
    plus,
    references,
    times,
    walk,
)
from cardiosim.ionic.fast_subsystem import FastSubsystem, fast_subsystem
from cardiosim.ionic.frozen_variables import frozen_later
from cardiosim.ionic.gates import Gate, find_gates
from cardiosim.ionic.ordering import schedule
from cardiosim.ionic.singularities import remove_singularities
from cardiosim.ionic.stages import (
    Alternative,
    Assignment,
    Reaction,
    Substep,
    new_value,
)
from cardiosim.ionic.surrogate_step import (
    OUTSIDE,
    REST,
    SurrogateStep,
    hybrid_equations,
    require_fit,
    with_constants,
)

SCHEMES = ("rush_larsen", "multirate")

# A node whose plain step changes V or a fast gate faster is in its upstroke. The bounds
# cost at most 0.005 % of CV at dt 20 to 100 us and D 0.05 to 0.3 mm2/ms against
# substepping every node (docs/verification.md).
UPSTROKE_POTENTIAL_RATE = 5.0  # mV/ms
UPSTROKE_GATE_RATE = 0.2  # 1/ms

DT = Name("dt")


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
        require_fit(surrogate, equations, scheme, fast)
        equations = hybrid_equations(equations, surrogate)
    equations, _ = remove_singularities(equations, free)
    equations = fold_constants(equations, free)
    n_singularities = _count_singularities(equations, free)
    gates = find_gates(equations)
    subsystem = None
    if scheme == "multirate":
        names = equations.fast if fast is None else tuple(fast)
        subsystem = fast_subsystem(equations, names, gates)
    return _Derivation(equations, tuple(free), gates, subsystem, surrogate).reaction(
        scheme, n_singularities
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
        self.surrogate = surrogate and with_constants(surrogate, equations, self.inputs)

    def reaction(self, scheme: str, n_singularities: int) -> Reaction:
        equations, subsystem = self.equations, self.subsystem
        own = dict(self._plain_step(state) for state in equations.states)
        substep, alternatives = None, ()
        if subsystem:
            substep, at_start = self._substep(subsystem)
            own |= at_start
        if self.surrogate:
            substep, alternatives = self._hybrid(self.surrogate, own, substep)
        frozen = self._frozen_in_upstroke(substep, alternatives)
        if frozen:
            later = frozen_later(equations, subsystem, frozen, self._ordered)
            alternatives = (later, *alternatives)
        kept = [n for part in (*alternatives, substep) if part for n in part.frozen]
        return Reaction(
            equations=equations,
            scheme=scheme,
            free=self.free,
            gates=self.gates,
            n_singularities=n_singularities,
            hoisted=tuple(self.hoisted),
            main=tuple(self._ordered(own.items(), also=dict.fromkeys(kept))),
            new_states=tuple((s, new_value(s)) for s in equations.states),
            fast=tuple(g.state for g in subsystem.gates) if subsystem else (),
            substep=substep,
            alternatives=alternatives,
            networks=self.surrogate.networks if self.surrogate else (),
        )

    def _plain_step(self, state: str) -> Assignment:
        if state in self.gates:
            return new_value(state), self._gate_step(self.gates[state], Name(state), DT)
        return new_value(state), plus(Name(state), times(DT, Name(dot(state))))

    def _hybrid(
        self,
        surrogate: SurrogateStep,
        own: dict[str, Expression],
        substep: Substep | None,
    ) -> tuple[Substep | None, tuple[Alternative, ...]]:
        """Let a surrogate take over states; changes the assignments `own` in place."""
        results = {new_value(s): surrogate.results[s] for s in surrogate.carries}
        new_states = tuple((s, new_value(s)) for s in surrogate.carries)
        inside = surrogate.inside
        alternatives = []
        if surrogate.moment == "upstroke":
            up: Expression = Apply(">", (Name("upstroke"), Number(0.5)))
            own["surrogate.taken"] = _flag(both(inside, up))
            own["substeps.taken"] = outside = _flag(both(_not(inside), up))
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
            outside = _flag(_not(inside))
            if surrogate.ranges and surrogate.carries_what_it_replaces:
                own["equations.taken"] = outside
                plain = {name: own[name] for _, name in new_states}
                assignments = tuple(self._ordered(plain.items()))
                alternatives.append(
                    Alternative("equations.taken", (), assignments, new_states)
                )
            own |= results | surrogate.definitions
        if surrogate.ranges:
            own[new_value(OUTSIDE)] = plus(Name(OUTSIDE), outside)
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
            (new_value(g.state), self._gate_step(g, Name(g.state), Name("h_gate")))
            for g in subsystem.gates
        ]
        slope = Name("slope")
        total = plus(Name(REST), subsystem.current)
        phi = Apply("x_over_expm1", (times(slope, Name("h")),))
        step = plus(potential, over(times(total, Name("h")), phi))
        potential_step = [("slope", subsystem.slope), (new_value(potential.name), step)]
        frozen = {REST} | self._frozen([*potential_step, *gate_step], moving)

        rest = minus(Name(dot(potential.name)), subsystem.current)
        at_start = {REST: rest, "upstroke": _upstroke(potential, subsystem)}
        substep = Substep(
            fast=tuple(g.state for g in subsystem.gates),
            frozen=tuple(sorted(frozen)),
            gate_step=tuple(self._ordered(gate_step, frozen)),
            potential_step=tuple(self._ordered(potential_step, frozen)),
            taken="upstroke",
        )
        return substep, at_start

    def _frozen_in_upstroke(
        self, substep: Substep | None, alternatives: Sequence[Alternative]
    ) -> list[str]:
        """What nodes in their upstroke hold frozen over a step."""
        parts = [a for a in alternatives if a.taken == "surrogate.taken"]
        names = {
            n for part in (*parts, *([substep] if substep else ())) for n in part.frozen
        }
        new = {new_value(s) for s in self.equations.states}
        return sorted(names - new)

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


def _upstroke(potential: Name, subsystem: FastSubsystem) -> Expression:
    """1 where the plain step changes V or the fast gates too fast, else 0."""
    bounds = {potential.name: UPSTROKE_POTENTIAL_RATE}
    bounds |= {g.state: UPSTROKE_GATE_RATE for g in subsystem.gates}
    changes: Expression = ZERO
    for state, bound in bounds.items():
        change = Apply("abs", (minus(Name(new_value(state)), Name(state)),))
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
