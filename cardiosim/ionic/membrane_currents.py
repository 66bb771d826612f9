"""The membrane currents of a cell, found by opening the sum in dV/dt.

    C_m dV/dt = -(I_Na + I_K1 + ...) + i_stim

The names that the sum is made of are the currents; a name that stands for nothing but a
sum of others (I_ion, I_tot) is opened in turn, unless all of them are of its own
component: the parts of one current (through junction and sarcolemma) are not currents.
"""

from __future__ import annotations

from cardiosim.ionic.equations import CellEquations
from cardiosim.ionic.expressions import (
    Apply,
    Expression,
    Name,
    Number,
    depends_on,
    references,
)


def membrane_currents(equations: CellEquations) -> tuple[str, ...]:
    """Qualified names of the currents in dV/dt, in the order of the sum.

    A cell whose potential equation names no currents (FitzHugh-Nagumo and its like
    write it as one polynomial) has none.
    """
    definitions, potential = equations.definitions, equations.membrane_potential
    found: dict[str, None] = {}

    def is_constant(e: Expression) -> bool:
        return not any(depends_on(e, s, definitions) for s in equations.states)

    def open_sum(e: Expression) -> None:
        match e:
            case Apply("neg", (a,)):
                open_sum(a)
            case Apply("+" | "-", (a, b)):
                open_sum(a)
                open_sum(b)
            case Apply("*" | "/", (a, b)) if is_constant(b):
                open_sum(a)
            case Apply("*", (a, b)) if is_constant(a):
                open_sum(b)
            case Name(name) if name in definitions and not is_constant(e):
                if is_sum(definitions[name]) and not is_of_parts(name):
                    open_sum(definitions[name])
                else:
                    found[name] = None

    def is_of_parts(name: str) -> bool:
        own = _component(name)
        if own == _component(potential):
            return False
        return all(_component(n) == own for n in references(definitions[name]))

    def is_sum(e: Expression) -> bool:
        """Whether an expression adds up names, each at most times a constant."""
        match e:
            case Apply("neg", (a,)):
                return is_sum(a)
            case Apply("+" | "-", (a, b)):
                return is_term(a) and is_term(b)
            case Apply("*" | "/", (a, b)) if is_constant(b):
                return is_sum(a)
            case Apply("*", (a, b)) if is_constant(a):
                return is_sum(b)
        return False

    def is_term(e: Expression) -> bool:
        # V - E is no sum of currents.
        if isinstance(e, Name):
            return e.name not in equations.states
        return isinstance(e, Number) or is_sum(e)

    open_sum(equations.rate(potential))
    found.pop(equations.stimulus, None)
    return tuple(found)


def _component(name: str) -> str:
    return name.rpartition(".")[0]
