"""Read a cell from Myokit's model language (.mmt) into `CellEquations`.

Reference: Clerx et al. 2016, Prog Biophys Mol Biol 120:100-114,
doi 10.1016/j.pbiomolbio.2015.12.008.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from cardiosim.ionic.equations import CellEquations, dot, nearest
from cardiosim.ionic.expressions import Apply, Expression, Name, Number

if TYPE_CHECKING:
    import myokit


_OPERATORS = {
    "PrefixMinus": "neg",
    "Plus": "+",
    "Minus": "-",
    "Multiply": "*",
    "Divide": "/",
    "Quotient": "//",
    "Remainder": "%",
    "Power": "**",
    "Exp": "exp",
    "Sqrt": "sqrt",
    "Abs": "abs",
    "Floor": "floor",
    "Ceil": "ceil",
    "Sin": "sin",
    "Cos": "cos",
    "Tan": "tan",
    "ASin": "asin",
    "ACos": "acos",
    "ATan": "atan",
    "If": "select",
    "Less": "<",
    "LessEqual": "<=",
    "More": ">",
    "MoreEqual": ">=",
    "Equal": "==",
    "NotEqual": "!=",
    "And": "and",
    "Or": "or",
    "Not": "not",
}

_FAMILIAR_UNITS = {"[mS/uF]": "1/ms", "[1]": "1"}


UNIT_CHECKS = ("strict", "tolerant", "unchecked")


def read_mmt(text: str, name: str, origin: str | None = None) -> CellEquations:
    """Parse model text, check its units, return its equations.

    The membrane potential is the state labelled `membrane_potential`, or
    `membrane.V`; the stimulus is the variable bound to `pace`. The model's meta
    entry `fast` names the states of the multirate scheme's fast subsystem, `not_gates`
    those that have the shape of a gate and are none.

    Units are checked strictly. A text of a user, known by its `origin`, may leave units
    out, which is logged as a warning; one that says of itself `units: tolerant` or
    `units: unchecked` in its meta, as imported ones may, is taken at its word.

    Args:
        text: model text in Myokit's language; time in ms, potential in mV,
            stimulus in A/F.
        name: of the cell, used in messages and file names.
        origin: opens the messages of what is wrong; the name by default.

    Returns:
        The equations, membrane potential first.

    Raises:
        ValueError: syntax error, unit error, no membrane potential, or units of
            time, potential or stimulus that are not the project's.
    """
    import myokit  # slow to import, and not needed when the kernel is cached

    is_own = origin not in (None, name)
    origin = origin or name
    model = parse_model(text, origin)
    complaint = _check_units(model, origin, is_own)

    states = {state.qname(): state for state in model.states()}
    potential = _membrane_potential(model, states, origin)
    order = (potential, *(s for s in states if s != potential))
    time, stimulus = model.binding("time"), model.binding("pace")
    _require_unit(time, myokit.units.ms, origin, "time")
    _require_unit(states[potential], myokit.units.mV, origin, "the membrane potential")
    _require_unit(stimulus, myokit.units.A / myokit.units.F, origin, "the stimulus")

    everything = list(model.variables(deep=True, sort=True))
    if any(time in v.refs_to() for v in everything):
        raise ValueError(
            f"{origin}: an equation reads {time.qname()}; a cell's equations may "
            f"depend on time only through its states and stimulus"
        )
    variables = [v for v in everything if not v.is_state() and v is not time]
    calcium = model.label("cytosolic_calcium")
    fast = _states_in_meta(model, "fast", states, origin)
    return CellEquations(
        name=name,
        states=order,
        initial=tuple(float(states[s].initial_value(True)) for s in order),
        definitions={v.qname(): _convert(v.rhs()) for v in variables}
        | {dot(s): _convert(states[s].rhs()) for s in order},
        units={v.qname(): _unit(v.unit()) for v in (*states.values(), *variables)}
        | {dot(s): f"{_unit(states[s].unit())}/ms" for s in order},
        stimulus=stimulus.qname() if stimulus is not None else None,
        fast=fast,
        title=model.meta.get("display_name", ""),
        cytosolic_calcium=calcium.qname() if calcium is not None else None,
        not_gates=_states_in_meta(model, "not_gates", states, origin),
        unit_complaint=complaint,
    )


def _states_in_meta(model, key: str, states, origin: str) -> tuple[str, ...]:
    """Names of states that the header lists under a key."""
    listed = (name.strip() for name in model.meta.get(key, "").split(","))
    names = tuple(name for name in listed if name)
    for unknown in set(names) - set(states):
        raise ValueError(
            f"{origin}: meta entry {key} names {unknown}, which is no state; "
            f"{nearest(unknown, states)}"
        )
    return names


def parse_model(text: str, origin: str) -> myokit.Model:
    """Model of Myokit, complete but with units unchecked.

    Sections beside the model (protocol, script) are passed over.

    Raises:
        ValueError: syntax error, no model, or one that cannot be solved.
    """
    import myokit

    try:
        model, _, _ = myokit.parse(text)
        if model is None:
            raise ValueError(f"{origin}: model text: it has no section [[model]]")
        model.validate()
    except myokit.ParseError as error:
        line = f", line {error.line}" if error.line else ""
        raise ValueError(
            f"{origin}: model text{line}: {_said_once(error.desc or error.name)}"
        ) from error
    except myokit.MyokitError as error:
        raise ValueError(f"{origin}: {_one_line(error)}") from error
    return model


def unit_consistency(model: myokit.Model) -> tuple[str, str]:
    """How far the units agree, one of `UNIT_CHECKS`, and the first place they do not.

    A tolerant check takes a number or variable without unit for whatever fits.
    """
    import myokit

    complaint = ""
    for level, mode in (
        ("strict", myokit.UNIT_STRICT),
        ("tolerant", myokit.UNIT_TOLERANT),
    ):
        try:
            model.check_units(mode)
        except myokit.IncompatibleUnitError as error:
            complaint = _one_line(error).rstrip(".")
        else:
            return level, complaint
    return "unchecked", complaint


def model_text(path: Path) -> str:
    """Content of a .mmt file.

    Raises:
        ValueError: it is no text.
        FileNotFoundError: there is no such file.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no UTF-8 text: {error}") from None


def _check_units(model: myokit.Model, origin: str, is_own: bool) -> str:
    """Refuse units that do not agree as far as the text says or has to.

    Returns:
        What is loose in a user's text that does not say so itself; "" if nothing is.
    """
    said = model.meta.get("units", "strict").strip()
    if said not in UNIT_CHECKS:
        raise ValueError(
            f"{origin}: meta entry units is {said!r}; expected one of "
            f"{', '.join(UNIT_CHECKS)}"
        )
    level, complaint = unit_consistency(model)
    if UNIT_CHECKS.index(level) <= UNIT_CHECKS.index(said):
        return ""
    if is_own and level == "tolerant":
        return complaint
    hint = "; time is in ms; is a rate given in 1/s?" if _by_1000(complaint) else ""
    raise ValueError(f"{origin}: units do not agree: {complaint}{hint}")


def _membrane_potential(model, states, origin: str) -> str:
    labelled = model.label("membrane_potential")
    if labelled is not None:
        if labelled.qname() not in states:
            raise ValueError(
                f"{origin}: {labelled.qname()} is labelled membrane_potential but is "
                f"no state; put the label behind dot(V)"
            )
        return labelled.qname()
    if "membrane.V" in states:
        return "membrane.V"
    raise ValueError(
        f"{origin}: no state is labelled membrane_potential and there is no "
        f"membrane.V; write `label membrane_potential` behind dot(V)"
    )


def _require_unit(variable, unit, origin: str, role: str) -> None:
    if variable is not None and variable.unit() != unit:
        given = "has no unit" if variable.unit() is None else f"is in {variable.unit()}"
        raise ValueError(
            f"{origin}: {role} ({variable.qname()}) {given}, expected {unit}; "
            f"convert the model to ms, mV and A/F, as cardiosim cells import does"
        )


def _one_line(error: Exception) -> str:
    """Myokit's message without the line that underlines the expression."""
    lines = (line.strip() for line in str(error).splitlines())
    return " ".join(line for line in lines if line.strip("~"))


def _said_once(message: str) -> str:
    """Myokit's message without the first sentence it says twice."""
    return re.sub(r"^(.+?\.)(?: \1)+", r"\1", message)


def _by_1000(message: str) -> bool:
    """Whether the two units of Myokit's message differ by 1000, as ms and s do."""
    import myokit

    found = re.findall(r"(?:unit|got|and) \[([^\]]*)\]", message)
    if len(found) != 2:
        return False
    ratio = myokit.parse_unit(found[0]) / myokit.parse_unit(found[1])
    return ratio.exponents() == [0.0] * 7 and abs(ratio.multiplier_log_10()) == 3.0


def _unit(unit) -> str:
    if unit is None:
        return "1"
    # Myokit would call a rate per millisecond mS/uF, which is the same thing.
    return _FAMILIAR_UNITS.get(str(unit), str(unit).strip("[]"))


def _convert(expression) -> Expression:
    """Myokit's tree to ours."""
    kind = type(expression).__name__
    if kind == "Number":
        return Number(float(expression.eval()))
    if kind == "Name":
        return Name(expression.var().qname())
    if kind == "Derivative":
        return Name(dot(expression.var().qname()))
    arguments = tuple(_convert(operand) for operand in expression)
    if kind == "PrefixPlus":
        return arguments[0]
    if kind == "PrefixMinus" and isinstance(arguments[0], Number):
        return Number(-arguments[0].value)  # a literal, and so a parameter
    if kind in ("Log", "Log10"):
        base = Number(10.0) if kind == "Log10" else (*arguments, None)[1]
        logarithm = Apply("log", arguments[:1])
        if base is None:
            return logarithm
        return Apply("/", (logarithm, Apply("log", (base,))))
    if kind == "Piecewise":
        result = arguments[-1]
        for i in range(len(arguments) - 3, -1, -2):
            result = Apply("select", (arguments[i], arguments[i + 1], result))
        return result
    if kind in _OPERATORS:
        return Apply(_OPERATORS[kind], arguments)
    raise ValueError(f"{kind} in {expression.code()} is not supported")
