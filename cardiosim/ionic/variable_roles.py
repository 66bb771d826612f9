"""Which variable of a foreign model is the potential, the stimulus, the calcium.

Each is looked for by what the model says of itself (bindings and labels of Myokit, the
oxmeta annotations of CellML files), then by name and unit, last by its part in the
equations. What cannot be told is refused: the user names it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import myokit

# u before v, as simplified cells call the potential u, and v what recovers.
_POTENTIAL = tuple(
    "V Vm V_m vm v_m E Em E_m Vmem V_membrane V_ode voltage Voltage "
    "membrane_potential membrane_voltage phi u v".split()
)
_STIMULUS = re.compile(
    r"[ij]?(st|stim|stimulus|stimulation|app|applied|inj|ext|pulse)(tot)?"
)
_CALCIUM = ("cai", "cacyt", "cacytosol", "caibulk", "camyo", "ca")
_SODIUM_CURRENT = re.compile(r"ina(f|fast|t)?")


@dataclass(frozen=True)
class Role:
    """A variable and how it was recognised."""

    variable: myokit.Variable
    reason: str


def find_potential(model: myokit.Model, origin: str) -> Role:
    """The membrane potential, a state.

    Raises:
        ValueError: no state, or more than one, looks like it.
    """
    states = list(model.states())
    said = _annotated(model, "membrane_potential", "membrane_voltage")
    if said is not None and said.variable.is_state():
        return said
    volts = [s for s in states if _is_voltage(s.unit())]
    if len(volts) == 1:
        return Role(volts[0], "the only state that is a voltage")
    candidates = volts or states
    for name in _POTENTIAL:
        named = [s for s in candidates if s.name() == name]
        # Other compartments have potentials too; the membrane's is meant.
        at_home = [s for s in named if "membrane" in s.parent().name().lower()]
        for found in (named, at_home):
            if len(found) == 1:
                return Role(found[0], "by its name")
        if named:
            break
    raise ValueError(_ambiguous(candidates, origin))


def find_stimulus(model: myokit.Model, potential: myokit.Variable) -> Role | None:
    """The variable that carries the stimulus into dV/dt; None where there is none.

    Without it nothing that moves the states may depend on time or pace, and it
    depends on no state itself.
    """
    time, pace = model.binding("time"), model.binding("pace")
    clocks = {v for v in (time, pace) if v is not None}
    behind = {v for v in _behind(potential) if not v.is_state() and v is not time}

    def carries(variable: myokit.Variable) -> bool:
        inputs = {variable, *_behind(variable)}
        moved = {v for s in model.states() for v in _behind(s, without=variable)}
        return not any(v.is_state() for v in inputs) and not moved & clocks

    said = _annotated(model, "stimulus_current", "membrane_stimulus_current")
    if said is not None and said.variable in behind and carries(said.variable):
        return said
    named = [v for v in behind if _STIMULUS.fullmatch(_plain(v)) and carries(v)]
    for variable in _sources_first(named):
        return Role(variable, "by its name, as dV/dt reads it")
    driven = [v for v in behind if clocks & _behind(v) and carries(v)]
    for variable in reversed(_sources_first(driven)):
        return Role(variable, "what of dV/dt depends on time or pace goes through it")
    if pace in behind and carries(pace):
        return Role(pace, "bound to pace")
    return None


def find_calcium(model: myokit.Model) -> Role | None:
    """The cytosolic calcium concentration, a state; None where none looks like it."""
    said = _annotated(model, "cytosolic_calcium", "cytosolic_calcium_concentration")
    if said is not None:
        return said
    for name in _CALCIUM:
        for state in model.states():
            if _plain(state) == name:
                return Role(state, "by its name")
    return None


def find_sodium_current(
    model: myokit.Model, potential: myokit.Variable
) -> myokit.Variable | None:
    """The fast sodium current, read by dV/dt; None where no variable looks like it."""
    found = [
        v
        for v in _behind(potential)
        if not v.is_state() and not v.is_constant()
        if _SODIUM_CURRENT.fullmatch(_plain(v))
        or v.meta.get("oxmeta") == "membrane_fast_sodium_current"
    ]
    return next(iter(_sources_first(found)), None)


def states_read_by(variable: myokit.Variable) -> list[myokit.Variable]:
    """States that a variable is computed from, in state order."""
    found = {v for v in _behind(variable) if v.is_state()}
    return sorted(found, key=lambda v: v.index())


def only_used_by(
    used: Iterable[myokit.Variable], keep: Iterable[myokit.Variable]
) -> Iterator[myokit.Variable]:
    """Variables that nothing reads any more, users before what they use.

    The caller removes each before it asks for the next.
    """
    kept, pending = set(keep), list(used)
    while pending:
        variable = pending.pop(0)
        if variable in kept or variable.is_state() or is_read(variable):
            continue
        kept.add(variable)
        pending += variable.refs_to()
        yield variable


def is_read(variable: myokit.Variable) -> bool:
    """Whether any equation reads a variable that is no state."""
    return len(list(variable.refs_by())) > 0


def _annotated(model: myokit.Model, label: str, oxmeta: str) -> Role | None:
    """By label, or by the annotation that CellML files of the Web Lab carry."""
    if (labelled := model.label(label)) is not None:
        return Role(labelled, f"labelled {label}")
    for variable in model.variables(deep=True):
        if variable.meta.get("oxmeta") == oxmeta:
            return Role(variable, f"annotated {oxmeta}")
    return None


def _behind(
    variable: myokit.Variable, without: myokit.Variable | None = None
) -> set[myokit.Variable]:
    """What a right-hand side depends on; states end the search, and `without` too."""
    found: set[myokit.Variable] = set()
    pending = [variable]
    while pending:
        at = pending.pop()
        for read in (*at.refs_to(), *at.refs_to(state_refs=True)):
            if read not in found and read is not without:
                found.add(read)
                if not read.is_state():
                    pending.append(read)
    return found


def _sources_first(variables: Iterable[myokit.Variable]) -> list[myokit.Variable]:
    """Sorted so that each stands before those that are computed from it."""
    variables = sorted(variables, key=lambda v: v.qname())
    depth: Callable = lambda v: len(_behind(v) & set(variables))  # noqa: E731
    return sorted(variables, key=depth)


def _plain(variable: myokit.Variable) -> str:
    return variable.name().lower().replace("_", "")


def _is_voltage(unit) -> bool:
    return unit is not None and myokit.Unit.can_convert(unit, myokit.units.V)


def _ambiguous(states: Iterable[myokit.Variable], origin: str) -> str:
    names = ", ".join(s.qname() for s in states) or "no states at all"
    return (
        f"{origin}: which state is the membrane potential cannot be told from "
        f"{names}; name it with --potential"
    )
