"""Small cells in the model language, and their equations evaluated one by one."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from cardiosim.ionic.equations import CellEquations
from cardiosim.ionic.expressions import FUNCTIONS, Apply, Expression, Name, Number
from cardiosim.ionic.reaction import reaction
from cardiosim.ionic.read_myokit import read_mmt

# What fails there shows its values, as in a test file.
pytest.register_assert_rewrite("tests.ionic.published_cell")
pytest.register_assert_rewrite("tests.ionic.nygren_family")

HEADER = """\
[[model]]
name: small
{meta}
{states}

[environment]
time = 0 [ms] bind time
    in [ms]

[stimulus]
i_stim = 0 [A/F] bind pace
    in [A/F]

"""

LEAK = """\
[membrane]
dot(V) = stimulus.i_stim - i_leak
    in [mV]
i_leak = 0.1 [1/ms] * (V - E)
    in [A/F]
E = -80 [mV]
    in [mV]
"""


def small_model(
    body: str = "", meta: str = "", V: float = -80.0, **states: float
) -> str:
    """Model text with time, stimulus and, unless the body has its own, a membrane.

    Args:
        body: components; a state "x" lives in a component of its own name.
        meta: lines of the header.
        V: initial membrane potential, mV.
        states: initial values by name, component and variable joined by "_".
    """
    body = textwrap.dedent(body)
    values = {"membrane_V": V} | states
    lines = "\n".join(f"{n.replace('_', '.', 1)} = {v!r}" for n, v in values.items())
    membrane = "" if "[membrane]" in body else LEAK
    return HEADER.format(meta=meta, states=lines) + membrane + body


# A fast gate written with rates, one with a time constant, a conditional gate,
# parameters in all of them.
SMALL_CELL = """\
[membrane]
dot(V) = stimulus.i_stim - (ina.i_Na + ik.i_K)
    in [mV]
[ina]
use membrane.V
g = 15 [1/ms]
    in [1/ms]
shift = -40 [mV]
    in [mV]
i_Na = g * m^3 * h * (V - 50 [mV])
    in [A/F]
dot(m) = (1 / (1 + exp(-(V - shift) / 6 [mV])) - m) / tau
tau = 0.05 [ms] + 0.1 [ms] / (1 + exp((V - shift) / 5 [mV]))
    in [ms]
dot(h) = a * (1 - h) - b * h
a = 0.1 [1/ms] * exp(-(V + 70 [mV]) / 20 [mV])
    in [1/ms]
b = if(V > -60 [mV], 3, 0.5) * 1 [1/ms] / (1 + exp(-(V + 40 [mV]) / 10 [mV]))
    in [1/ms]
[ik]
i_K = g * n * (membrane.V + 80 [mV])
    in [A/F]
g = 0.1 [1/ms]
    in [1/ms]
n_inf = 1 / (1 + exp(-(membrane.V + 20 [mV]) / 9 [mV]))
dot(n) = if(membrane.V > -70 [mV], (n_inf - n) / 5 [ms], 0 [1/ms])
"""
SMALL_STATES = {"V": -80.0, "ina_m": 0.01, "ina_h": 0.95, "ik_n": 0.02}


def voltage_ramp(cell, n_nodes: int):
    """States with V from -100 to 60 mV, and a stimulus at every other node."""
    states = cell.initial_states(n_nodes)
    states[0] = np.linspace(-100.0, 60.0, n_nodes)
    return states, np.where(np.arange(n_nodes) % 2, 20.0, 0.0)


def evaluate(
    expression: Expression, definitions: Mapping[str, Expression], known: dict
) -> float:
    """Value of an expression; what it needs is entered into `known` on the way."""
    match expression:
        case Number(value):
            return value
        case Name(name):
            if name not in known:
                known[name] = evaluate(definitions[name], definitions, known)
            return known[name]
        case Apply("select", (condition, a, b)):
            chosen = a if evaluate(condition, definitions, known) else b
            return evaluate(chosen, definitions, known)
        case Apply(function, arguments):
            values = [evaluate(a, definitions, known) for a in arguments]
            return FUNCTIONS[function](*values)
    raise TypeError(expression)


@pytest.fixture(scope="session")
def text() -> Callable[..., str]:
    """See `small_model`."""
    return small_model


@pytest.fixture(scope="session")
def read() -> Callable[..., CellEquations]:
    """Equations of a small cell; arguments as those of `small_model`."""
    return lambda *args, **more: read_mmt(small_model(*args, **more), "small")


@pytest.fixture(scope="session")
def value_of() -> Callable[..., float]:
    """Value of a variable of a cell at states by name (the rest initial)."""

    def value(equations: CellEquations, name: str, **states: float) -> float:
        known = dict(zip(equations.states, equations.initial, strict=True))
        known |= {n.replace("_", ".", 1): v for n, v in states.items()}
        return evaluate(Name(name), equations.definitions, known)

    return value


@pytest.fixture(scope="session")
def step() -> Callable[..., dict[str, float]]:
    """States after one rush_larsen step, straight from the derived assignments."""

    def take(equations: CellEquations, dt: float, **states: float) -> dict[str, float]:
        derived = reaction(equations, "rush_larsen")
        known = dict(zip(equations.states, equations.initial, strict=True))
        known |= {n.replace("_", ".", 1): v for n, v in states.items()}
        known |= {"dt": dt, equations.stimulus: 0.0}
        for name, expression in (*derived.hoisted, *derived.main):
            # No definitions: each assignment may only read what stands before it.
            known[name] = evaluate(expression, {}, known)
        return {state: known[new] for state, new in derived.new_states}

    return take


@pytest.fixture
def model_file(tmp_path) -> Callable[..., Path]:
    """File with a small cell; arguments as those of `small_model`."""

    def write(*args, **more) -> Path:
        path = tmp_path / "small.mmt"
        path.write_text(small_model(*args, **more))
        return path

    return write


@pytest.fixture(scope="session")
def ramp() -> Callable:
    """States of a cell with V from -100 to 60 mV, and a stimulus to go with them."""
    return voltage_ramp


@pytest.fixture
def small_cell_file(model_file) -> Path:
    """File of a cell with gates of all kinds, ina.m and ina.h fast."""
    return model_file(SMALL_CELL, meta="fast: ina.m, ina.h", **SMALL_STATES)
