"""A squid axon as CellML 1.0, 1.1 or 2.0 text, in units that are not the project's.

Hodgkin & Huxley 1952, J Physiol 117:500-544, doi 10.1113/jphysiol.1952.sp004764, with
V the potential itself (rest -65 mV) and 100 pF of membrane: V in volt, time in second,
currents in pA, conductances in pS, so that no unit agrees with ms, mV and A/F. The
stimulus is a train of pulses in pA whose negative values depolarise, the gates of
sodium are encapsulated in its channel, and K_i takes up what the currents carry.
"""

from __future__ import annotations

import ast

MATHML = "http://www.w3.org/1998/Math/MathML"

_UNITS = {
    "per_second": [("second", "", -1)],
    "per_volt_second": [("volt", "", -1), ("second", "", -1)],
    "picoA": [("ampere", "pico", 1)],
    "picoF": [("farad", "pico", 1)],
    "picoS": [("siemens", "pico", 1)],
    "mM": [("mole", "milli", 1), ("litre", "", -1)],
    "picoC_per_mM": [("coulomb", "pico", 1), ("mM", "", -1)],
}

# Component: variable -> (unit, initial value, public interface, private interface).
_COMPONENTS = {
    "environment": ({"time": ("second", None, "out", None)}, []),
    "stimulus": (
        {
            "time": ("second", None, "in", None),
            "I_stim": ("picoA", None, "out", None),
            "stim_start": ("second", "0.01", None, None),
            "stim_period": ("second", "1", None, None),
            "stim_duration": ("second", "0.0005", None, None),
            "stim_amplitude": ("picoA", "-2000", None, None),
        },
        [
            "I_stim = stim_amplitude if time >= stim_start and time - stim_start"
            " - floor((time - stim_start) / stim_period) * stim_period"
            " <= stim_duration else 0['picoA']"
        ],
    ),
    "membrane": (
        {
            "time": ("second", None, "in", None),
            "V": ("volt", "-0.065", "out", None),
            "C_m": ("picoF", "100", None, None),
            "I_stim": ("picoA", None, "in", None),
            "i_Na": ("picoA", None, "in", None),
            "i_K": ("picoA", None, "in", None),
            "i_L": ("picoA", None, None, None),
            "g_L": ("picoS", "30000", None, None),
            "E_L": ("volt", "-0.0544", None, None),
            "K_i": ("mM", "140", None, None),
            "charge": ("picoC_per_mM", "1e6", None, None),
        },
        [
            "i_L = g_L * (V - E_L)",
            "dot(V) = -(I_stim + i_Na + i_K + i_L) / C_m",
            "dot(K_i) = -(I_stim + i_K) / charge",
        ],
    ),
    "sodium": (
        {
            "time": ("second", None, "in", "out"),
            "V": ("volt", None, "in", "out"),
            "i_Na": ("picoA", None, "out", None),
            "m": ("dimensionless", None, None, "in"),
            "h": ("dimensionless", None, None, "in"),
            "g_Na": ("picoS", "12000000", None, None),
            "E_Na": ("volt", "0.05", None, None),
        },
        ["i_Na = g_Na * m**3['dimensionless'] * h * (V - E_Na)"],
    ),
    "activation": (
        {
            "time": ("second", None, "in", None),
            "V": ("volt", None, "in", None),
            "m": ("dimensionless", "0.053", "out", None),
            "alpha": ("per_second", None, None, None),
            "beta": ("per_second", None, None, None),
        },
        [
            "alpha = 100000['per_volt_second'] * (V + 0.04['volt'])"
            " / (1['dimensionless'] - exp(-(V + 0.04['volt']) / 0.01['volt']))",
            "beta = 4000['per_second'] * exp(-(V + 0.065['volt']) / 0.018['volt'])",
            "dot(m) = alpha * (1['dimensionless'] - m) - beta * m",
        ],
    ),
    "inactivation": (
        {
            "time": ("second", None, "in", None),
            "V": ("volt", None, "in", None),
            "h": ("dimensionless", "0.6", "out", None),
            "alpha": ("per_second", None, None, None),
            "beta": ("per_second", None, None, None),
        },
        [
            "alpha = 70['per_second'] * exp(-(V + 0.065['volt']) / 0.02['volt'])",
            "beta = 1000['per_second']"
            " / (1['dimensionless'] + exp(-(V + 0.035['volt']) / 0.01['volt']))",
            "dot(h) = alpha * (1['dimensionless'] - h) - beta * h",
        ],
    ),
    "potassium": (
        {
            "time": ("second", None, "in", None),
            "V": ("volt", None, "in", None),
            "i_K": ("picoA", None, "out", None),
            "n": ("dimensionless", "0.32", None, None),
            "n_inf": ("dimensionless", None, None, None),
            "tau_n": ("second", None, None, None),
            "alpha": ("per_second", None, None, None),
            "beta": ("per_second", None, None, None),
            "g_K": ("picoS", "3600000", None, None),
            "E_K": ("volt", "-0.077", None, None),
        },
        [
            "i_K = g_K * n**4['dimensionless'] * (V - E_K)",
            "alpha = 10000['per_volt_second'] * (V + 0.055['volt'])"
            " / (1['dimensionless'] - exp(-(V + 0.055['volt']) / 0.01['volt']))",
            "beta = 125['per_second'] * exp(-(V + 0.065['volt']) / 0.08['volt'])",
            "tau_n = 1['dimensionless'] / (alpha + beta)",
            "n_inf = alpha * tau_n",
            "dot(n) = (n_inf - n) / tau_n",
        ],
    ),
}
_INSIDE = {"activation": "sodium", "inactivation": "sodium"}
_CONNECTIONS = [
    ("environment", "stimulus", ["time"]),
    ("environment", "membrane", ["time"]),
    ("environment", "sodium", ["time"]),
    ("environment", "potassium", ["time"]),
    ("stimulus", "membrane", ["I_stim"]),
    ("membrane", "sodium", ["V", "i_Na"]),
    ("membrane", "potassium", ["V", "i_K"]),
    ("sodium", "activation", ["time", "V", "m"]),
    ("sodium", "inactivation", ["time", "V", "h"]),
]


def squid_axon(version: str = "1.0") -> str:
    """The cell as text of a CellML version."""
    namespace = f"http://www.cellml.org/cellml/{version}#"
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<model xmlns="{namespace}" xmlns:cellml="{namespace}" name="squid_axon">',
        *(_units(name, of) for name, of in _UNITS.items()),
        *(_component(name, *of, version) for name, of in _COMPONENTS.items()),
        _encapsulation(version),
        *(_connection(*between, version) for between in _CONNECTIONS),
        "</model>",
    ]
    return "\n".join(parts)


def _units(name: str, of: list[tuple[str, str, int]]) -> str:
    inner = "".join(
        f'<unit units="{unit}" exponent="{exponent}"'
        + (f' prefix="{prefix}"/>' if prefix else "/>")
        for unit, prefix, exponent in of
    )
    return f'<units name="{name}">{inner}</units>'


def _component(name: str, variables: dict, equations: list[str], version: str) -> str:
    lines = [f'<component name="{name}">']
    for variable, (unit, initial, public, private) in variables.items():
        attributes = f'name="{variable}" units="{unit}"'
        if initial is not None:
            attributes += f' initial_value="{initial}"'
        sides = {"public": public, "private": private}
        used = [side for side, direction in sides.items() if direction]
        if version == "2.0" and used:
            attributes += f' interface="{"_and_".join(used)}"'
        elif version != "2.0":
            for side in used:
                attributes += f' {side}_interface="{sides[side]}"'
        lines.append(f"<variable {attributes}/>")
    if equations:
        math = "".join(_equation(text) for text in equations)
        lines.append(f'<math xmlns="{MATHML}">{math}</math>')
    return "\n".join([*lines, "</component>"])


def _encapsulation(version: str) -> str:
    inside: dict[str, list[str]] = {}
    for child, parent in _INSIDE.items():
        inside.setdefault(parent, []).append(child)
    tree = "".join(
        f'<component_ref component="{parent}">'
        + "".join(f'<component_ref component="{c}"/>' for c in children)
        + "</component_ref>"
        for parent, children in inside.items()
    )
    if version == "2.0":
        return f"<encapsulation>{tree}</encapsulation>"
    return f'<group><relationship_ref relationship="encapsulation"/>{tree}</group>'


def _connection(first: str, second: str, variables: list[str], version: str) -> str:
    between = f'component_1="{first}" component_2="{second}"'
    maps = "".join(
        f'<map_variables variable_1="{v}" variable_2="{v}"/>' for v in variables
    )
    if version == "2.0":
        return f"<connection {between}>{maps}</connection>"
    return f"<connection><map_components {between}/>{maps}</connection>"


_OPERATORS = {
    ast.Add: "plus",
    ast.Sub: "minus",
    ast.Mult: "times",
    ast.Div: "divide",
    ast.Pow: "power",
    ast.GtE: "geq",
    ast.LtE: "leq",
}


def _equation(text: str) -> str:
    """MathML of `name = expression`; a number has its unit behind it, 2['volt']."""
    left, right = text.split(" = ", 1)
    sides = [ast.parse(side, mode="eval").body for side in (left, right)]
    return f"<apply><eq/>{_mathml(sides[0])}{_mathml(sides[1])}</apply>"


def _mathml(node: ast.expr) -> str:
    def apply(operator: str, *arguments: ast.expr) -> str:
        return f"<apply><{operator}/>{''.join(map(_mathml, arguments))}</apply>"

    match node:
        case ast.Name(id):
            return f"<ci>{id}</ci>"
        case ast.Subscript(ast.Constant(value), ast.Constant(unit)):
            return f'<cn cellml:units="{unit}">{value}</cn>'
        case ast.UnaryOp(ast.USub(), operand):
            return apply("minus", operand)
        case ast.BinOp(left, operator, right):
            return apply(_OPERATORS[type(operator)], left, right)
        case ast.Compare(left, [operator], [right]):
            return apply(_OPERATORS[type(operator)], left, right)
        case ast.BoolOp(ast.And(), values):
            return apply("and", *values)
        case ast.IfExp(test, body, orelse):
            piece = f"<piece>{_mathml(body)}{_mathml(test)}</piece>"
            other = f"<otherwise>{_mathml(orelse)}</otherwise>"
            return f"<piecewise>{piece}{other}</piecewise>"
        case ast.Call(ast.Name("dot"), [state]):
            by = "<bvar><ci>time</ci></bvar>"
            return f"<apply><diff/>{by}{_mathml(state)}</apply>"
        case ast.Call(ast.Name(function), arguments):
            return apply(function, *arguments)
    raise ValueError(ast.dump(node))
