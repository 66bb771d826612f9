"""Gates, found by the shape of their equation, for the Rush-Larsen step.

A gate is a dimensionless state whose equation is linear in itself,

    dx/dt = (x_inf - x)/tau_x    or    dx/dt = alpha (1 - x) - beta x    or any A + B x

with x_inf, tau_x, alpha, beta free of x, whatever else they depend on (potential,
calcium, fluxes). With these frozen over a step the exact solution is

    x(t + dt) = x_inf + (x(t) - x_inf) exp(-dt/tau_x)

An equation that is written (x_inf - x)/tau_x is a gate even if x comes back through an
intermediate: the release gates of Courtemanche et al. 1998 depend on the release flux,
which they gate. Freezing that too is first order in dt, as the whole step is.

Reference: Rush & Larsen 1978, IEEE Trans Biomed Eng 25:389-392,
doi 10.1109/TBME.1978.326270.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cardiosim.ionic.equations import CellEquations
from cardiosim.ionic.expressions import (
    ZERO,
    Apply,
    Expression,
    Name,
    linear_in,
    negative,
    over,
    references,
)


@dataclass(frozen=True)
class Gate:
    """Steady state and decay rate of a gate.

    Attributes:
        state: qualified name.
        steady_state: x_inf.
        time_constant: tau_x in ms, or None where the equation is written with rates.
        rate: 1/tau_x in 1/ms, or None where it is written with a time constant.
    """

    state: str
    steady_state: Expression
    time_constant: Expression | None
    rate: Expression | None


def find_gates(equations: CellEquations) -> Mapping[str, Gate]:
    """All gates of the cell, by state name, in state order.

    Concentrations may be linear in themselves too; they keep their Euler step, so
    that what leaves one compartment arrives in the next.
    """
    gates = {}
    for state in equations.states[1:]:
        is_dimensionless = equations.units.get(state, "1") == "1"
        gate = _as_gate(state, equations) if is_dimensionless else None
        if gate is not None:
            gates[state] = gate
    return gates


def _as_gate(state: str, equations: CellEquations) -> Gate | None:
    definitions = equations.definitions
    rate = equations.rate(state)
    match rate:
        case Apply("/", (Apply("-", (steady_state, Name(name))), time_constant)) if (
            name == state
            and state not in references(steady_state) | references(time_constant)
        ):
            return Gate(state, steady_state, time_constant, None)
    split = linear_in(rate, state, definitions)
    if split is None or split[1] == ZERO:
        return None
    steady_state = _steady_state(*split)
    if steady_state is None:
        return None
    return Gate(state, steady_state, None, negative(split[1]))


def _steady_state(constant: Expression, slope: Expression) -> Expression | None:
    """-A/B of dx/dt = A + B x; None where an arm has A without B, so is no gate."""
    if slope == ZERO:
        # A gate that rests while its condition holds is at any steady state.
        return ZERO if constant == ZERO else None
    if isinstance(slope, Apply) and slope.function == "select":
        condition, *slopes = slope.arguments
        parts = [constant, constant]
        match constant:
            case Apply("select", (same, a, b)) if same == condition:
                parts = [a, b]
        arms = [_steady_state(a, b) for a, b in zip(parts, slopes, strict=True)]
        if None in arms:
            return None
        return Apply("select", (condition, *arms))
    return over(constant, negative(slope))
