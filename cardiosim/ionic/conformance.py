"""What every cell must do, whoever wrote it and whatever computes it.

`check_ionic_model` needs no more of a cell than `IonicModel` says. A cell that tells
more is checked more closely: `variable_names` (what `observe` knows), and `facts` with
its "gates" and "parameters", as compiled cells have them.

    report = check_ionic_model(cell)
    print(report)      # each check with its verdict and number
    report.require()   # ValueError that names what fails
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.ionic.equations import nearest
from cardiosim.ionic.interface import IonicModel
from cardiosim.ionic.resting_state import RESTING_RATE, Rest, rest

POTENTIALS = np.arange(-240, 161) / 2.0  # mV; every multiple of 0.5 in [-120, 80]
GATE_STEPS = (0.01, 0.1, 1.0)  # ms

# A published steady state may exceed 1: f of I_CaL in Grandi et al. 2011 has one of
# 1 + 6.6e-5. The step itself rounds to a few 1e-16.
_OVERSHOOT = 1e-4

_AFTER_HANDOVER = 20.0  # ms, to see whether a state handed over stays
_FLOOR = 1e-12  # of what a difference is relative to


@dataclass(frozen=True)
class Check:
    """One check of a cell.

    Attributes:
        name: of the check.
        passed: its verdict.
        measured: the number that decided it; NaN if the cell raised an error.
        bound: what the number may be at most.
        finding: in words.
    """

    name: str
    passed: bool
    measured: float
    bound: float
    finding: str

    def __str__(self) -> str:
        return f"{'pass' if self.passed else 'FAIL'}  {self.name}: {self.finding}"


@dataclass(frozen=True)
class ConformanceReport:
    """Verdict on a cell, by check.

    Attributes:
        cell: its name.
        checks: all that were made.
        rest: what it does without stimulus; None if it raised an error instead.
    """

    cell: str
    checks: tuple[Check, ...]
    rest: Rest | None

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def passed(self) -> bool:
        """Whether all checks did."""
        return not self.failures

    def __getitem__(self, name: str) -> Check:
        return {check.name: check for check in self.checks}[name]

    def __str__(self) -> str:
        return "\n".join([self.cell, *(f"  {check}" for check in self.checks)])

    def require(self) -> None:
        """Do nothing if all checks passed.

        Raises:
            ValueError: names each check that did not, and what was found.
        """
        if not self.passed:
            found = "; ".join(f"{c.name}: {c.finding}" for c in self.failures)
            raise ValueError(f"{self.cell} does not conform: {found}")


def check_ionic_model(
    cell: IonicModel,
    *,
    gates: Sequence[str] | None = None,
    resting_states: ArrayLike | None = None,
    rounding: float = 0.0,
    gate_rounding: float = _OVERSHOOT,
    dt: float = 0.02,
    resting_dt: float = 0.05,
    resting_duration: float = 60_000.0,
) -> ConformanceReport:
    """Check a cell against what the rest of the program relies on.

    Args:
        cell: any `IonicModel`. With parameters of its own at each node, the cell of
            node 0 is checked.
        gates: states that belong in [0, 1]; None takes what the compiler found.
        resting_states: state after `resting_duration` without stimulus, computed by a
            faster backend, (n_states,); the cell then only has to stay there.
        rounding: relative difference allowed between what is the same but for the
            number of nodes or calls; 0 asks for the same bits. A backend whose vector
            and scalar functions differ in the last bit (torch) needs more.
        gate_rounding: how far outside of [0, 1] a gate may go; 1e-12 for cells whose
            steady states stay inside.
        dt: step of all checks but two, ms.
        resting_dt: step of the time without stimulus, ms.
        resting_duration: of that time, ms.

    Returns:
        The report; a check during which the cell raises an error is one that failed.

    Raises:
        ValueError: `gates` names what is no state.
    """
    subject = _Subject(cell, gates)
    checks = [
        _checked("initial state", functools.partial(_initial_state, subject)),
        _checked("nodes are independent", lambda: _nodes(subject, dt, rounding)),
        _checked("steps have no memory", lambda: _memory(subject, dt, rounding)),
        _checked("nothing else is changed", lambda: _left_alone(subject, dt)),
        _checked("gates stay in [0, 1]", lambda: _gates(subject, gate_rounding)),
        _checked("finite at every half millivolt", lambda: _finite(subject, dt)),
        _checked("every name can be recorded", lambda: _recordable(subject)),
    ]
    found: list[Rest] = []

    def without_stimulus() -> _Finding:
        duration = resting_duration if resting_states is None else _AFTER_HANDOVER
        found.append(rest(subject.one, duration, resting_dt, resting_states))
        return _said_of_rest(found[0])

    checks.append(_checked("rests without stimulus", without_stimulus))
    return ConformanceReport(cell.name, tuple(checks), found[0] if found else None)


_Finding = tuple[float, float, str]  # measured, bound, in words


def _checked(name: str, measure: Callable[[], _Finding]) -> Check:
    try:
        measured, bound, finding = measure()
    except Exception as error:  # a cell of someone else may raise anything
        said = " ".join(str(error).split())
        return Check(name, False, np.nan, np.nan, f"{type(error).__name__}: {said}")
    return Check(name, bool(measured <= bound), float(measured), bound, finding)


class _Subject:
    """A cell and states to try it on."""

    def __init__(self, cell: IonicModel, gates: Sequence[str] | None) -> None:
        self.cell = cell
        self.facts: Mapping = getattr(cell, "facts", {})
        named = self.facts.get("gates", ()) if gates is None else gates
        for name in named:
            if name not in cell.state_names:
                advice = nearest(name, cell.state_names)
                raise ValueError(f"{cell.name} has no state {name}; {advice}")
        self.gates = [list(cell.state_names).index(name) for name in named]  # rows
        self.names: Sequence[str] = getattr(cell, "variable_names", cell.state_names)

    @functools.cached_property
    def one(self) -> IonicModel:
        """The cell at a single node."""
        return self.cell.at(np.zeros(1, dtype=np.intp))

    @functools.cached_property
    def ramp(self) -> IonicModel:
        """The cell of node 0 at as many nodes as there are potentials."""
        return self.cell.at(np.zeros(POTENTIALS.size, dtype=np.intp))

    def ramp_states(self, gates: float | None = None) -> NDArray:
        """Initial state at every potential of the ramp; gates as given, if given."""
        states = self.ramp.initial_states(POTENTIALS.size)
        states[0] = POTENTIALS
        if gates is not None:
            states[self.gates] = gates
        return states

    def varied(self) -> tuple[NDArray, NDArray]:
        """States that differ in more than V from node to node, and a stimulus."""
        generator = np.random.default_rng(1)
        states = self.ramp_states()
        states[self.gates] = generator.random((len(self.gates), POTENTIALS.size))
        return states, np.where(np.arange(POTENTIALS.size) % 2, 20.0, 0.0)


def _initial_state(subject: _Subject) -> _Finding:
    states, n_states = subject.ramp_states(), len(subject.cell.state_names)
    if states.shape != (n_states, POTENTIALS.size) or not states.flags.c_contiguous:
        return 1, 0, f"has shape {states.shape}, expected ({n_states}, n_nodes), in C"
    again = subject.ramp.initial_states(POTENTIALS.size)
    wrong = ~np.isfinite(again).all(axis=1) | (again != again[:, :1]).any(axis=1)
    if wrong.any():
        named = subject.cell.state_names[int(np.argmax(wrong))]
        return wrong.sum(), 0, f"{named} is not finite, or not the same at every node"
    return 0, 0, f"{n_states} finite states"


def _nodes(subject: _Subject, dt: float, rounding: float) -> _Finding:
    before, i_stim = subject.varied()
    together = before.copy()
    subject.ramp.react(together, i_stim.copy(), dt, 2)
    reversed_ = np.ascontiguousarray(before[:, ::-1])
    subject.ramp.react(reversed_, i_stim[::-1].copy(), dt, 2)
    errors = _difference(reversed_[:, ::-1], together)
    for node in range(0, POTENTIALS.size, 16):
        alone = before[:, node : node + 1].copy()
        subject.one.react(alone, i_stim[node : node + 1].copy(), dt, 2)
        error = _difference(alone, together[:, node : node + 1])
        errors[:, node] = np.maximum(errors[:, node], error[:, 0])
    return _worst(subject, errors, rounding, "one node alone or in another place")


def _memory(subject: _Subject, dt: float, rounding: float) -> _Finding:
    before, i_stim = subject.varied()
    once, again, in_calls = before.copy(), before.copy(), before.copy()
    subject.ramp.react(once, i_stim.copy(), dt, 3)
    subject.ramp.react(again, i_stim.copy(), dt, 3)
    for _ in range(3):
        subject.ramp.react(in_calls, i_stim.copy(), dt)
    repeated = _difference(again, once)
    if repeated.max() > 0.0:
        return _worst(subject, repeated, 0.0, "the same step taken twice")
    errors = _difference(in_calls, once)
    return _worst(subject, errors, rounding, "three steps in one call or in three")


def _left_alone(subject: _Subject, dt: float) -> _Finding:
    cell, states, i_stim = subject.ramp, *subject.varied()
    kept, kept_stimulus = states.copy(), i_stim.copy()
    start = cell.initial_states(1)
    parameters = list(subject.facts.get("parameters", ())) or [cell.state_names[0]]
    values = cell.observe(kept.copy(), parameters, kept_stimulus.copy())
    changed = []
    for names in (list(cell.state_names), list(subject.names)):
        observed = cell.observe(states, names, i_stim)
        if not _same(states, kept) or np.shares_memory(observed, states):
            changed.append("observe changes or hands out the states")
            states = kept.copy()
    cell.react(states, i_stim, dt, 0)
    if not _same(states, kept):
        changed.append("react changes the states in no step")
    cell.react(states, i_stim, dt, 2)
    if not _same(i_stim, kept_stimulus):
        changed.append("the stimulus is changed")
    if not _same(cell.observe(kept.copy(), parameters, kept_stimulus), values):
        changed.append("parameters are changed")
    if not _same(cell.initial_states(1), start):
        changed.append("the initial state is changed")
    return len(changed), 0, "; ".join(changed) or "states, stimulus, parameters kept"


def _gates(subject: _Subject, rounding: float) -> _Finding:
    rows = subject.gates
    if not rows:
        return 0.0, rounding, "it has none"
    excursion = np.full((len(rows), POTENTIALS.size), -np.inf)
    none = np.zeros(POTENTIALS.size)
    random = subject.varied()[0][rows]
    for start in (0.0, 1.0, random):
        for dt in GATE_STEPS:
            states = subject.ramp_states(start)
            subject.ramp.react(states, none, dt)
            x = states[rows]
            outside = np.where(np.isnan(x), np.inf, np.maximum(-x, x - 1.0))
            excursion = np.maximum(excursion, outside)
    row, node = np.unravel_index(np.argmax(excursion), excursion.shape)
    worst = float(excursion[row, node])
    if worst <= 0.0:
        return 0.0, rounding, f"{len(rows)} gates"
    where = f"{subject.cell.state_names[rows[row]]} from {POTENTIALS[node]:g} mV"
    advice = "; if it is no gate, name it under not_gates in the header"
    return worst, rounding, f"{where} leaves by {worst:.3g}{advice}"


def _finite(subject: _Subject, dt: float) -> _Finding:
    states, none = subject.ramp_states(), np.zeros(POTENTIALS.size)
    values = subject.ramp.observe(states, list(subject.names), none)
    subject.ramp.react(states, none, dt)
    names = [*subject.names, *(f"{s} a step on" for s in subject.cell.state_names)]
    bad = ~np.isfinite(np.concatenate([values, states]))
    if not bad.any():
        return 0, 0, f"{len(names)} values at {POTENTIALS.size} potentials"
    row, node = np.argwhere(bad)[0]
    where = f"{names[row]} at {POTENTIALS[node]:g} mV"
    return bad.sum(), 0, f"{bad.sum()} values are not finite, first {where}"


def _recordable(subject: _Subject) -> _Finding:
    states = subject.one.initial_states(1)
    failed = []
    for name in subject.names:
        try:
            value = np.asarray(subject.one.observe(states, [name]))
        except Exception as error:  # counted, so that all names are tried
            failed.append(f"{name} ({type(error).__name__}: {error})")
            continue
        if value.shape != (1, 1) or not np.isfinite(value).all():
            failed.append(f"{name} ({value})")
    if failed:
        return len(failed), 0, f"{len(failed)} cannot, first {failed[0]}"
    return 0, 0, f"{len(subject.names)} names"


def _said_of_rest(found: Rest) -> _Finding:
    rate = 0.0 if found.verdict == "pacemaking" else found.rate
    # One that just reaches the bound is not below it.
    return rate, float(np.nextafter(RESTING_RATE, 0.0)), str(found)


def _same(a: NDArray, b: NDArray) -> bool:
    return np.array_equal(a, b, equal_nan=True)


def _difference(a: NDArray, b: NDArray) -> NDArray:
    """Relative, element by element; where both are NaN there is none."""
    with np.errstate(invalid="ignore"):  # inf - inf, and NaN, are sorted out below
        difference = np.abs(a - b) / np.maximum(np.abs(b), _FLOOR)
    difference[a == b] = 0.0
    difference[np.isnan(a) & np.isnan(b)] = 0.0
    return np.where(np.isnan(difference), np.inf, difference)


def _worst(subject: _Subject, errors: NDArray, bound: float, what: str) -> _Finding:
    row, node = np.unravel_index(np.argmax(errors), errors.shape)
    worst = float(errors[row, node])
    if worst == 0.0:
        return 0.0, bound, f"{what}: the same bits"
    where = f"{subject.cell.state_names[row]} at {POTENTIALS[node]:g} mV"
    return worst, bound, f"{what}: {where} differs by a relative {worst:.3g}"
