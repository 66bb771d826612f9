"""What a reaction step consists of: stages of assignments, before any target language.

    hoisted       what dt alone decides
    main          the plain step, at the start-of-step state
    alternatives  other values of some states where a condition holds
    substep       V and the fast gates at nodes in their upstroke

reaction.py derives them from a cell; the emitters write them, each in its language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cardiosim.ionic.equations import CellEquations
from cardiosim.ionic.expressions import Expression
from cardiosim.ionic.gates import Gate
from cardiosim.ionic.network import Network

Assignment = tuple[str, Expression]


def new_value(state: str) -> str:
    """Name of a state's value after the plain step."""
    return f"new({state})"


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
        instead: (state, or another name that a later stage reads; name that holds its
            value instead).
    """

    taken: str
    frozen: tuple[str, ...]
    assignments: tuple[Assignment, ...]
    instead: tuple[tuple[str, str], ...]


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

    @property
    def read_later(self) -> tuple[str, ...]:
        """Names that `main` assigns and a later stage reads."""
        stages = (*self.alternatives, *([self.substep] if self.substep else []))
        names = (n for stage in stages for n in (*stage.frozen, stage.taken))
        new = {name for _, name in self.new_states}  # which have rows anyway
        return tuple(n for n in dict.fromkeys(names) if n not in new)
