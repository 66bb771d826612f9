"""What a cell does without stimulus: whether it rests, fires by itself or drifts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.ionic.interface import IonicModel

RESTING_RATE = 1e-4  # mV/ms; a cell that changes more slowly rests

_SAMPLE = 1.0  # ms, between the potentials that are looked at
_LAST = 1000.0  # ms, in which the rates at the end are taken
_BEAT = 20.0  # mV; what moves less is no action potential
_FLOOR = 1e-12  # of what a change is relative to


@dataclass(frozen=True)
class Rest:
    """What a cell does without stimulus.

    Attributes:
        verdict: "steady", "pacemaking", or "drifting" if it is neither.
        rate: largest |dV/dt| in the last second, mV/ms.
        cycle_length: of the pacemaking, ms; NaN if there is none.
        settles_last: state, neither V nor a gate, that changes most in the last
            second, relative to itself; "" if there is none.
        settling_rate: by how much, 1/s.
        states: those at the end, (n_states,).
    """

    verdict: Literal["steady", "pacemaking", "drifting"]
    rate: float
    cycle_length: float
    settles_last: str
    settling_rate: float
    states: NDArray

    def __str__(self) -> str:
        if self.verdict == "pacemaking":
            return f"pacemaking, cycle length {self.cycle_length:.4g} ms"
        V, percent = self.states[0], 100.0 * self.settling_rate
        said = f"{self.verdict} at {V:.3f} mV, |dV/dt| {self.rate:.2g} mV/ms"
        if percent > 0.0:
            said += f"; {self.settles_last} still changes by {percent:.2g} % per s"
        return said


def rest(
    cell: IonicModel,
    duration: float = 60_000.0,
    dt: float = 0.05,
    states: ArrayLike | None = None,
) -> Rest:
    """Leave a cell without stimulus and see what it does.

    It is pacemaking if V crosses the middle of its range upwards three times or more in
    the second half of the time, by 20 mV or more; else steady if |dV/dt| stays below
    `RESTING_RATE` in the last second.

    Args:
        cell: at one node; `facts` with its "gates" is used if there is one.
        duration: ms.
        dt: step, ms.
        states: to begin with, (n_states,); None takes the initial state.

    Raises:
        ValueError: a state is not finite at the end.
    """
    now, none = cell.initial_states(1), np.zeros(1)
    if states is not None:
        now[:, 0] = np.asarray(states).reshape(len(now))
    per_sample = max(round(_SAMPLE / dt), 1)
    sample = per_sample * dt
    n_samples = max(round(duration / sample), 1)
    n_last = min(max(round(_LAST / sample), 1), n_samples)
    V = [float(now[0, 0])]
    for i in range(n_samples):
        if i == n_samples - n_last:
            before = now[:, 0].copy()
        cell.react(now, none, dt, per_sample)
        V.append(float(now[0, 0]))
    after = now[:, 0].copy()
    if not np.isfinite(after).all():
        lost = [cell.state_names[i] for i in np.flatnonzero(~np.isfinite(after))]
        raise ValueError(
            f"{cell.name} without stimulus at dt {dt:g} ms: {', '.join(lost)} not "
            f"finite after {duration:g} ms; a smaller dt may help"
        )
    V = np.array(V)
    rate = float(np.abs(np.diff(V))[-n_last:].max() / sample)
    cycle = _cycle_length(V[V.size // 2 :], sample)
    steady = "steady" if rate < RESTING_RATE else "drifting"
    verdict = steady if np.isnan(cycle) else "pacemaking"
    settling = _settling(cell, before, after, n_last * sample)
    return Rest(verdict, rate, cycle, *settling, after)


def _cycle_length(V: NDArray, sample: float) -> float:
    """Mean time between upward crossings of the middle of V, ms; NaN without beats."""
    middle = (V.max() + V.min()) / 2.0
    (upward,) = np.nonzero((V[:-1] < middle) & (V[1:] >= middle))
    if np.ptp(V) < _BEAT or upward.size < 3:
        return np.nan
    crossing = upward + (middle - V[upward]) / (V[upward + 1] - V[upward])
    return float(sample * (crossing[-1] - crossing[0]) / (crossing.size - 1))


def _settling(
    cell: IonicModel, before: NDArray, after: NDArray, duration: float
) -> tuple[str, float]:
    """State that changes most, relative to itself, and its rate, 1/s."""
    facts: Mapping = getattr(cell, "facts", {})
    skipped = {cell.state_names[0], *facts.get("gates", ())}
    rows = [i for i, name in enumerate(cell.state_names) if name not in skipped]
    if not rows:
        return "", 0.0
    change = np.abs(after - before)[rows] / np.maximum(np.abs(after[rows]), _FLOOR)
    last = int(np.argmax(change))
    return cell.state_names[rows[last]], float(change[last] / duration * 1000.0)
