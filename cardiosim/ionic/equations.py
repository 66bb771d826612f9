"""A cell as data: states, their time derivatives, intermediates, units.

`CellEquations` is what every reader produces and every emitter consumes; it knows
neither Myokit nor Numba.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from cardiosim.ionic.expressions import (
    Expression,
    Number,
    calls_network,
    transform,
)


@dataclass(frozen=True)
class CellEquations:
    """Equations of one cell, dx/dt = f(states, stimulus).

    Attributes:
        name: of the cell.
        states: qualified names; the membrane potential comes first.
        initial: initial value of each state, in its unit.
        definitions: right-hand side of every other variable: constants,
            parameters, intermediates, and `dot(x)` for each state x.
        units: unit of every variable, as text ("mV", "1" without dimension).
        stimulus: name of the variable that carries the stimulus, A/F, positive
            depolarises; None if the cell takes none.
        fast: states that the multirate scheme advances together with V.
        title: one line on what the cell is, from the model's header.
        cytosolic_calcium: name of the calcium that twitches the cell; None if the
            text labels none.
        not_gates: states written in a gate's shape for its exact step that are none,
            such as a concentration that fast buffers bind.
        unit_complaint: what is loose in the units of a user's text; "" if nothing is.
    """

    name: str
    states: tuple[str, ...]
    initial: tuple[float, ...]
    definitions: Mapping[str, Expression]
    units: Mapping[str, str]
    stimulus: str | None
    fast: tuple[str, ...]
    title: str = ""
    cytosolic_calcium: str | None = None
    not_gates: tuple[str, ...] = ()
    unit_complaint: str = ""

    @property
    def membrane_potential(self) -> str:
        """Name of row 0."""
        return self.states[0]

    def rate(self, state: str) -> Expression:
        """Right-hand side dx/dt of a state, per ms."""
        return self.definitions[dot(state)]

    @property
    def variables(self) -> tuple[str, ...]:
        """Every recordable name: states first, then all other variables.

        A network is none: it has several outputs.
        """
        values = (n for n, e in self.definitions.items() if not calls_network(e))
        return (*self.states, *values)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names whose right-hand side is a literal: what a user may override."""
        return tuple(
            name
            for name, expression in self.definitions.items()
            if isinstance(expression, Number)
            and name != self.stimulus
            and not name.startswith("dot(")
        )

    def map(self, change: Callable[[Expression], Expression]) -> CellEquations:
        """The same cell with `change` applied to every node of every equation."""
        return dataclasses.replace(
            self,
            definitions={n: transform(e, change) for n, e in self.definitions.items()},
        )


def dot(state: str) -> str:
    """Name of a state's time derivative."""
    return f"dot({state})"


def fingerprint(*parts: object) -> str:
    """SHA-256 of the parts' text, for cache keys and compatibility checks."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def nearest(name: str, known: Iterable[str]) -> str:
    """Advice on a misspelt name: ", did you mean ...?" or the list of known ones."""
    known = list(known)
    short = {k.rsplit(".", 1)[-1]: k for k in known}
    close = difflib.get_close_matches(name, known, n=1) or [
        short[s] for s in difflib.get_close_matches(name.rsplit(".", 1)[-1], short, n=1)
    ]
    if close:
        return f"did you mean {close[0]}?"
    listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return f"known are: {listed}"
