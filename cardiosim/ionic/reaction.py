"""One reaction step of a cell as stages of assignments, before any target language.

rush_larsen: gates by their exact exponential, all other states by forward Euler,

    x <- x_inf + (x - x_inf) exp(-dt/tau_x)       y <- y + dt f(y)

with every right-hand side taken at the start of the step.

multirate: the same for all states but V and the fast gates, which then take n Strang
substeps of h = dt/n with the rest of the membrane current frozen (fast_subsystem.py):
half a gate step, V by its exact exponential

    V <- V + (rest + a + b V) h phi(b h),     phi(z) = (exp(z) - 1)/z

and half a gate step; adjacent half gate steps share V and merge. A node that is not
in its upstroke, |dV/dt| dt < 0.5 mV and fast gates that change by less than 0.02,
takes one substep: the bound adds less than 0.02 % to the conduction velocity
(docs/verification.md).

References: Rush & Larsen 1978, doi 10.1109/TBME.1978.326270; Strang 1968, SIAM J
Numer Anal 5:506-517, doi 10.1137/0705041.
"""

from __future__ import annotations

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
    minus,
    negative,
    over,
    plus,
    references,
    times,
)
from cardiosim.ionic.fast_subsystem import FastSubsystem, fast_subsystem
from cardiosim.ionic.gates import Gate, find_gates
from cardiosim.ionic.ordering import schedule
from cardiosim.ionic.singularities import remove_singularities

SCHEMES = ("rush_larsen", "multirate")

UPSTROKE_POTENTIAL_CHANGE = 0.5  # mV in one step
UPSTROKE_GATE_CHANGE = 0.02  # in one step

DT = Name("dt")
Assignment = tuple[str, Expression]


@dataclass(frozen=True)
class Substep:
    """The fast subsystem's part of a multirate step.

    Attributes:
        fast: the fast gates.
        kinetics: names of x_inf and tau (or rate) of the fast gates.
        frozen: names the substeps read that stay as they were at the step's start.
        gate_step: assignments of the gates' step of length `h_gate`.
        potential_step: assignments of the V step of length `h`.
        rates: assignments of x_inf and tau of the fast gates at the present V.
    """

    fast: tuple[str, ...]
    kinetics: tuple[str, ...]
    frozen: tuple[str, ...]
    gate_step: tuple[Assignment, ...]
    potential_step: tuple[Assignment, ...]
    rates: tuple[Assignment, ...]


@dataclass(frozen=True)
class Reaction:
    """A reaction step, ready to be written in a target language.

    Attributes:
        equations: of the cell, singularities removed, constants folded.
        scheme: "rush_larsen" or "multirate".
        free: parameters that each node may have its own value of.
        gates: gates of the cell by state.
        n_singularities: removable singularities that were rewritten.
        hoisted: assignments that depend on dt alone.
        main: assignments at the start-of-step state.
        new_states: (state, name that holds its value after the step), without the
            fast subsystem's.
        substep: the fast subsystem's part, None for rush_larsen.
    """

    equations: CellEquations
    scheme: str
    free: tuple[str, ...]
    gates: Mapping[str, Gate]
    n_singularities: int
    hoisted: tuple[Assignment, ...]
    main: tuple[Assignment, ...]
    new_states: tuple[tuple[str, str], ...]
    substep: Substep | None

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
) -> Reaction:
    """Derive the reaction step of a cell.

    Args:
        equations: as read.
        scheme: one of `SCHEMES`.
        free: parameters that stay variables.
        fast: fast gates of multirate; None takes the model's own.

    Raises:
        ValueError: unknown scheme, or a cell that the scheme cannot step.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"unknown scheme {scheme}; expected {' or '.join(SCHEMES)}")
    equations, n_singularities = remove_singularities(equations)
    equations = fold_constants(equations, free)
    gates = find_gates(equations)
    subsystem = None
    if scheme == "multirate":
        names = equations.fast if fast is None else tuple(fast)
        subsystem = fast_subsystem(equations, names, gates)
    return _Derivation(equations, tuple(free), gates, subsystem).reaction(
        scheme, n_singularities
    )


class _Derivation:
    """Collects the assignments of one reaction step."""

    def __init__(
        self,
        equations: CellEquations,
        free: tuple[str, ...],
        gates: Mapping[str, Gate],
        subsystem: FastSubsystem | None,
    ) -> None:
        self.equations = equations
        self.free = free
        self.gates = gates
        self.subsystem = subsystem
        self.hoisted: list[Assignment] = []
        stimulus = {equations.stimulus} if equations.stimulus else set()
        self.inputs = {*equations.states, *free, *stimulus}

    def reaction(self, scheme: str, n_singularities: int) -> Reaction:
        equations, subsystem = self.equations, self.subsystem
        potential = equations.membrane_potential
        own: list[Assignment] = []
        new_states = []
        fast = {g.state for g in subsystem.gates} if subsystem else set()
        for state in equations.states:
            if subsystem and state in {potential, *fast}:
                continue
            if state in self.gates:
                value = self._gate_step(self.gates[state], Name(state), DT)
            else:
                value = plus(Name(state), times(DT, Name(dot(state))))
            own.append((f"new({state})", value))
            new_states.append((state, f"new({state})"))
        substep = None
        if subsystem:
            substep, at_start = self._substep(subsystem)
            own += at_start
        return Reaction(
            equations=equations,
            scheme=scheme,
            free=self.free,
            gates=self.gates,
            n_singularities=n_singularities,
            hoisted=tuple(self.hoisted),
            main=tuple(self._ordered(own, also=substep.frozen if substep else ())),
            new_states=tuple(new_states),
            substep=substep,
        )

    def _ordered(
        self,
        assignments: Iterable[Assignment],
        known: Iterable[str] = (),
        also: Iterable[str] = (),
    ) -> list[Assignment]:
        """The assignments, and the names in `also`, after what they need."""
        definitions = dict(self.equations.definitions) | dict(assignments)
        hoisted = {name for name, _ in self.hoisted}
        done = {*self.inputs, *hoisted, *known, "dt", "h", "h_gate"}
        targets = [Name(n) for n in (*dict(assignments), *also)]
        order = schedule(targets, definitions, done)
        return [(name, definitions[name]) for name in order]

    def _gate_step(self, gate: Gate, x: Expression, dt: Expression) -> Expression:
        """x_inf + (x - x_inf) exp(-dt/tau); what dt alone decides is hoisted."""
        decay = Apply("exp", (_exponent(gate, dt),))
        if references(decay) <= {"dt"}:
            name = f"decay({gate.state})"
            self.hoisted.append((name, decay))
            decay = Name(name)
        steady = gate.steady_state
        return plus(steady, times(minus(x, steady), decay))

    def _substep(self, subsystem: FastSubsystem) -> tuple[Substep, list[Assignment]]:
        """The substeps, and what has to be assigned for them at the step's start."""
        equations = self.equations
        potential = Name(equations.membrane_potential)
        moving = {equations.membrane_potential, *(g.state for g in subsystem.gates)}

        rates: list[Assignment] = []
        gate_step: list[Assignment] = []
        change: Expression = ZERO
        for gate in subsystem.gates:
            steady, speed = f"steady({gate.state})", f"speed({gate.state})"
            speed_value = gate.rate or gate.time_constant
            rates += [(steady, gate.steady_state), (speed, speed_value)]
            is_rate = gate.rate is not None
            named = Gate(
                gate.state,
                Name(steady),
                None if is_rate else Name(speed),
                Name(speed) if is_rate else None,
            )
            x = Name(gate.state)
            # x + (x_inf - x) (1 - exp(-h/tau)) leaves x untouched where h = 0.
            gain = minus(ONE, Apply("exp", (_exponent(named, Name("h_gate")),)))
            step = plus(x, times(minus(Name(steady), x), gain))
            gate_step.append((f"new({gate.state})", step))
            fraction = (
                over(times(DT, Name(speed)), plus(ONE, times(DT, Name(speed))))
                if is_rate
                else over(DT, plus(DT, Name(speed)))
            )
            distance = Apply("abs", (minus(Name(steady), x),))
            change = plus(change, times(distance, fraction))

        current = plus(subsystem.constant, times(subsystem.slope, potential))
        rate = Name(dot(potential.name))
        rest = minus(rate, current)
        voltage = over(
            Apply("abs", (times(DT, rate),)), Number(UPSTROKE_POTENTIAL_CHANGE)
        )
        upstroke = Apply(
            "select",
            (
                Apply(
                    ">",
                    (plus(voltage, over(change, Number(UPSTROKE_GATE_CHANGE))), ONE),
                ),
                ONE,
                ZERO,
            ),
        )
        at_start = [*rates, ("rest", rest), ("upstroke", upstroke)]

        slope = Name("slope")
        total = plus(Name("rest"), plus(subsystem.constant, times(slope, potential)))
        phi = Apply("x_over_expm1", (times(slope, Name("h")),))
        step = plus(potential, over(times(total, Name("h")), phi))
        potential_step = [("slope", subsystem.slope), (f"new({potential.name})", step)]

        frozen = {"rest"} | self._frozen([*potential_step, *rates], moving)
        return (
            Substep(
                fast=tuple(g.state for g in subsystem.gates),
                kinetics=tuple(name for name, _ in rates),
                frozen=tuple(sorted(frozen)),
                gate_step=tuple(self._ordered(gate_step, dict(rates))),
                potential_step=tuple(self._ordered(potential_step, frozen)),
                rates=tuple(self._ordered(rates, frozen)),
            ),
            at_start,
        )

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
    equations, _ = remove_singularities(equations)
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
