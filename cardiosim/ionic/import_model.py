"""Foreign cell models (Myokit, CellML) brought to the project's conventions.

    time in ms, potential in mV, stimulus in A/F, positive depolarises

The stimulus s of a foreign model has any sign and unit. As dV/dt = f + c s, it becomes

    s = pace / c        so that dV/dt = f + pace

whatever c is made of: a pace of 1 A/F always moves V by 1 mV/ms, and what else the
model does with s (the balance of potassium) keeps its share. The protocol that the
model came with goes.

Equations are changed nowhere else: a model keeps its own units for everything but time
and potential. What was guessed on the way is told, one sentence each.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import myokit

from cardiosim.ionic.equations import nearest
from cardiosim.ionic.gates import find_gates
from cardiosim.ionic.myokit_algebra import (
    derivative,
    quotient,
    without_factor_of_time,
    without_settled_choices,
)
from cardiosim.ionic.reaction import reaction
from cardiosim.ionic.read_cellml import read_cellml
from cardiosim.ionic.read_myokit import (
    model_text,
    parse_model,
    read_mmt,
    unit_consistency,
)
from cardiosim.ionic.variable_roles import (
    Role,
    find_calcium,
    find_potential,
    find_sodium_current,
    find_stimulus,
    is_read,
    only_used_by,
    states_read_by,
)

# The upstroke is over in a millisecond; a gate that takes longer at every potential is
# not what limits the step.
_FAST = 1.0  # ms


@dataclass(frozen=True)
class ImportedModel:
    """A foreign model as model text of the project.

    Attributes:
        name: from the name of the file.
        text: model text that `read_mmt` takes.
        guesses: what was taken for what, and what was changed, a sentence each.
        warnings: what may be wrong, a sentence each.
    """

    name: str
    text: str
    guesses: tuple[str, ...]
    warnings: tuple[str, ...]


def import_model(
    path: str | Path, potential: str | None = None, stimulus: str | None = None
) -> ImportedModel:
    """Read a .mmt or .cellml file and convert it.

    Args:
        path: of the file; .mmt is Myokit, anything else CellML 1.0, 1.1 or 2.0.
        potential: qualified name of the membrane potential; None guesses it.
        stimulus: qualified name of the stimulus current; None guesses it.

    Raises:
        ValueError: no such model; no potential to be recognised; an equation that
            reads the time; a stimulus that does not add to dV/dt.
        FileNotFoundError: there is no such file.
    """
    path = Path(path)
    if path.suffix == ".mmt":
        model, warnings = parse_model(model_text(path), str(path)), ()
    else:
        model, warnings = read_cellml(path)
    conversion = _Conversion(model, str(path), list(warnings))
    conversion.run(potential, stimulus)
    name = re.sub(r"[^A-Za-z0-9]+", "_", path.stem).strip("_") or "imported"
    model.meta["imported_from"] = path.name
    model.meta.setdefault("display_name", f"{name}, imported from {path.name}")
    conversion.check_units()
    text = conversion.text_with_fast_gates(name)
    return ImportedModel(
        name, text, tuple(conversion.guesses), tuple(conversion.warnings)
    )


class _Conversion:
    """One model on its way, and what is to be told of it."""

    def __init__(self, model: myokit.Model, origin: str, warnings: list[str]) -> None:
        self.model, self.origin = model, origin
        self.guesses: list[str] = []
        self.warnings = warnings

    def run(self, potential: str | None, stimulus: str | None) -> None:
        """Time, potential, stimulus, calcium."""
        self._give_literals_their_unit()
        time = self._time()
        self._settle_choices(time)
        if potential is None:
            V = find_potential(self.model, self.origin)
        else:
            V = Role(self._named(potential, of_states=True), "as asked")
        self._label(V, "membrane_potential", "membrane potential")
        if stimulus is None:
            s = find_stimulus(self.model, V.variable)
        else:
            s = Role(self._named(stimulus), "as asked")
        # In this order the factors of V/s to mV/ms meet in dV/dt, and cancel.
        self._in_unit(V.variable, myokit.units.mV, "the membrane potential")
        self._in_unit(time, myokit.units.ms, "the time")
        self._pace(V.variable, s, time)
        self._refuse_time(time)
        if (calcium := find_calcium(self.model)) is not None:
            self._label(calcium, "cytosolic_calcium", "cytosolic calcium")

    def check_units(self) -> None:
        """Note in the header how far the units agree, and warn where they do not."""
        level, complaint = unit_consistency(self.model)
        self.model.meta.pop("units", None)
        if level == "strict":
            self.guesses.append("units agree everywhere (strict check)")
            return
        self.model.meta["units"] = level
        loosely = "agree only loosely" if level == "tolerant" else "do not agree"
        self.warnings.append(f"units {loosely}; the first place: {complaint}")

    def text_with_fast_gates(self, name: str) -> str:
        """Model text, with the gates of the upstroke named for multirate."""
        self.model.meta.pop("fast", None)
        cell = read_mmt(self.model.code(), name, self.origin)
        fast = self._fast_gates(find_gates(cell))
        if fast:
            try:
                reaction(cell, "multirate", (), fast)
            except ValueError as error:
                self.warnings.append(f"multirate cannot step this cell: {error}")
                fast = []
        if fast:
            self.model.meta["fast"] = ", ".join(fast)
            self.guesses.append(
                f"fast gates of multirate: {', '.join(fast)}, those of the sodium "
                "current"
            )
        else:
            self.guesses.append(
                "no fast gates named (no sodium current with gates of its own): "
                "multirate needs cell.fast in the case, rush_larsen nothing"
            )
        return self.model.code()

    def _time(self) -> myokit.Variable:
        time = self.model.binding("time")
        if time is None:
            raise ValueError(
                f"{self.origin} has no equation with a time derivative; expected a "
                "cell with states"
            )
        self.guesses.append(f"time: {time.qname()} (the variable of integration)")
        return time

    def _give_literals_their_unit(self) -> None:
        """C = 1 of a variable in uF is 1 uF, which a strict check wants to be said."""
        for variable in self.model.variables(deep=True, state=False):
            rhs, unit = variable.rhs(), variable.unit()
            number = rhs[0] if isinstance(rhs, myokit.PrefixMinus) else rhs
            is_bare = isinstance(number, myokit.Number) and number.unit() is None
            if is_bare and unit is not None:
                variable.set_rhs(myokit.Number(rhs.eval(), unit))

    def _settle_choices(self, time: myokit.Variable) -> None:
        """Drop voltage clamps and the like, which a constant switches off."""
        for variable in self.model.variables(deep=True):
            settled = without_settled_choices(variable.rhs(), time)
            if settled != variable.rhs():
                variable.set_rhs(settled)
                self.guesses.append(
                    f"{variable.qname()}: what depends on time and is switched off "
                    "there is gone, and so is the switch"
                )

    def _named(self, name: str, of_states: bool = False) -> myokit.Variable:
        known = [
            v.qname()
            for v in self.model.variables(deep=True)
            if v.is_state() or not of_states
        ]
        if name not in known:
            what = "state" if of_states else "variable"
            raise ValueError(
                f"{self.origin} has no {what} {name}; {nearest(name, known)}"
            )
        return self.model.get(name)

    def _label(self, role: Role, label: str, what: str) -> None:
        before = self.model.label(label)
        if before is not role.variable:
            if before is not None:
                before.set_label(None)
            if role.variable.label() is not None:
                role.variable.set_label(None)
            role.variable.set_label(label)
        self.guesses.append(f"{what}: {role.variable.qname()} ({role.reason})")

    def _in_unit(self, variable: myokit.Variable, unit, what: str) -> None:
        """Convert, or assume where there is nothing to convert from."""
        own, name = variable.unit(), variable.qname()
        if own is not None and own == unit:
            return
        if own is None or not myokit.Unit.can_convert(own, unit):
            given = f"is in {own}" if own else "has no unit"
            if own == myokit.units.dimensionless:
                given = "is dimensionless"
            self.warnings.append(f"{what} ({name}) {given}; taken to be in {unit}")
            variable.set_unit(unit)
        else:
            variable.convert_unit(unit)
            self.guesses.append(f"{what} ({name}) converted from {own} to {unit}")
            if variable.binding() == "time":
                for state in self.model.states():
                    state.set_rhs(without_factor_of_time(state.rhs()))
        if variable.binding() == "time":
            variable.set_rhs(myokit.Number(0, unit))

    def _pace(
        self, V: myokit.Variable, role: Role | None, time: myokit.Variable
    ) -> None:
        """Let the pace of the project drive what the stimulus of the model drove."""
        unit = myokit.units.A / myokit.units.F
        if role is None:
            self._unbind_pace()
            pace = self._new_pace(V.parent(), unit)
            V.set_rhs(myokit.Plus(V.rhs(), myokit.Name(pace)))
            self.guesses.append(
                f"stimulus: none found; {pace.qname()} is added to dot({V.qname()})"
            )
            return
        s = role.variable
        slope = self._slope_of_stimulus(V, s)
        replaced, used = s.rhs(), self._read_by(s)
        self._unbind_pace()
        alone = len(slope.references()) == 0
        if alone and s.unit() == unit and slope.eval() == 1.0:
            s.set_rhs(myokit.Number(0, unit))
            s.set_binding("pace")
            how = "it carries the current as it is"
        else:
            pace = self._new_pace(s.parent(myokit.Component), unit)
            s.set_rhs(quotient(myokit.Name(pace), slope))
            how = f"now {s.qname()} = {s.rhs().code()}"
        self.guesses.append(
            f"stimulus: {s.qname()} ({role.reason}); {how}, so that 1 A/F is 1 mV/ms"
        )
        removed = []
        for variable in only_used_by(used, keep=(s, time)):
            if variable.is_literal():
                removed.append(f"{variable.qname()} = {variable.rhs().code()}")
            else:
                removed.append(variable.qname())
            variable.parent().remove_variable(variable, recursive=True)
        if removed:
            self.guesses.append(
                f"its protocol is gone, and what only that used: {', '.join(removed)}"
            )
        elif not replaced.is_literal():
            self.guesses.append(f"its protocol is gone: {_shortened(replaced.code())}")

    def _slope_of_stimulus(
        self, V: myokit.Variable, s: myokit.Variable
    ) -> myokit.Expression:
        """The coefficient of s in dV/dt."""
        try:
            slope = derivative(V.rhs(), myokit.Name(s))
            value = float(slope.eval())
        except (ArithmeticError, myokit.MyokitError, myokit.EvalError) as error:
            raise ValueError(
                f"{self.origin}: the share of {s.qname()} in dot({V.qname()}) has no "
                f"value ({' '.join(str(error).split())}); name another with --stimulus"
            ) from error
        if value == 0.0 or slope.depends_on(myokit.Name(s), deep=True):
            raise ValueError(
                f"{self.origin}: {s.qname()} does not simply add to dot({V.qname()}), "
                "so it cannot be the stimulus; name another with --stimulus"
            )
        return slope

    def _read_by(self, s: myokit.Variable) -> list[myokit.Variable]:
        """What the protocol is made of, variables inside s included."""
        inside = list(s.variables(deep=True))
        read = {v for at in (s, *inside) for v in at.refs_to()}
        return sorted({*inside, *read}, key=lambda v: v.qname())

    def _unbind_pace(self) -> None:
        if (bound := self.model.binding("pace")) is not None:
            bound.set_binding(None)

    def _new_pace(self, component: myokit.Component, unit) -> myokit.Variable:
        pace = component.add_variable_allow_renaming("pace")
        pace.set_unit(unit)
        pace.set_rhs(myokit.Number(0, unit))
        pace.set_binding("pace")
        pace.meta["desc"] = "Stimulus current; positive depolarises"
        return pace

    def _refuse_time(self, time: myokit.Variable) -> None:
        """Drop what only tells the time; refuse what makes the cell depend on it."""
        while idle := [
            v
            for v in self.model.variables(state=False, deep=True)
            if time in v.refs_to() and not is_read(v)
        ]:
            for variable in idle:
                self.guesses.append(
                    f"{variable.qname()} is gone: it reads the time, nothing reads it"
                )
                variable.parent().remove_variable(variable, recursive=True)
        for variable in self.model.variables(deep=True):
            if time in variable.refs_to():
                raise ValueError(
                    f"{self.origin}: the equation of {variable.qname()} reads the "
                    "time; a cell may depend on time only through its states and one "
                    "stimulus current (--stimulus names it)"
                )

    def _fast_gates(self, gates) -> list[str]:
        """Gates of the sodium current, where one of them is as fast as the upstroke."""
        current = find_sodium_current(
            self.model, self.model.label("membrane_potential")
        )
        if current is None:
            return []
        found = [s for s in states_read_by(current) if s.qname() in gates]
        if len(found) < 2:
            return []  # a Markov scheme, of which the current reads the open state
        shortest = min(self._shortest_time_constant(s) for s in found)
        return [s.qname() for s in found] if shortest < _FAST else []

    def _shortest_time_constant(self, gate: myokit.Variable) -> float:
        """Over the range of an action potential, ms; dx/dt = A + B x, tau = -1/B."""
        V = myokit.Name(self.model.label("membrane_potential"))
        x, rhs = myokit.Name(gate), gate.rhs()
        fastest = 0.0
        for potential in range(-97, 50, 10):
            try:
                at = [rhs.eval({V: float(potential), x: end}) for end in (0.0, 1.0)]
            except (myokit.NumericalError, ArithmeticError):
                continue  # where the equation is 0/0
            fastest = max(fastest, at[0] - at[1])
        return 1.0 / fastest if fastest > 0.0 else math.inf


def _shortened(code: str) -> str:
    return code if len(code) <= 80 else f"{code[:77]}..."
