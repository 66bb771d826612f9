"""Voltage clamp: V follows a command, the currents are read.

The cell's own dV/dt is switched off; every other state moves as it does in the free
cell. Within a time step V is the command at the middle of the step. Gates are taken by
their exact exponential: under a step of the command that falls between two time steps
they are exact, and under a ramp or a recorded action potential of second order in dt.
Other states (concentrations) are of first order, as in `rush_larsen`. Several commands
are several cells of one run: the family of an I-V curve.

The current that holds V is no ion's: concentrations drift as the membrane currents of
the commanded potential make them, which is what a long `settle` far from rest does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.experiments.single_cells import Progress
from cardiosim.ionic.cell import Cell
from cardiosim.simulation.monodomain import uniform_states
from cardiosim.simulation.run import NonFinitePotential
from cardiosim.simulation.schedule import whole_steps

LONGEST_CALL = 1024  # steps of constant V between two looks at the progress


class Command(Protocol):
    """Potential that the cells are held at, over time."""

    end: float  # ms
    n_cells: int
    holding: float  # mV, before it begins

    def at(self, t: float) -> NDArray[np.float64]:
        """Potential at time t, mV, shape (n_cells,); at a jump, that after it."""

    def constant_until(self, t: float) -> float:
        """End of the stretch of constant potential that t lies in, ms; t if none."""


@dataclass(frozen=True)
class Segment:
    """A stretch of a command: a step, or a ramp from where the command stands.

    Attributes:
        duration: ms.
        potential: mV at its end, shape (n_cells,) or one for all.
        is_ramp: whether V moves there linearly instead of jumping.
    """

    duration: float
    potential: ArrayLike
    is_ramp: bool = False


class StepsAndRamps:
    """A command of segments, one after the other."""

    def __init__(self, holding: float, segments: Sequence[Segment]) -> None:
        """Begin at the holding potential, mV.

        Raises:
            ValueError: no segments; one without duration; families of different sizes.
        """
        if not segments:
            raise ValueError("a voltage clamp without segments; give one or more")
        for segment in segments:
            if not 0.0 < segment.duration < math.inf:
                raise ValueError(
                    f"a segment lasts {segment.duration:g} ms; expected a positive, "
                    "finite duration"
                )
        sizes = {np.size(segment.potential) for segment in segments} - {1}
        if len(sizes) > 1:
            raise ValueError(
                f"families of {', '.join(map(str, sorted(sizes)))} potentials in one "
                "command; give lists of one length"
            )
        self.n_cells = sizes.pop() if sizes else 1
        self._ends = np.cumsum([segment.duration for segment in segments])
        self._is_ramp = [segment.is_ramp for segment in segments]
        self.holding = float(holding)
        targets = [np.broadcast_to(s.potential, self.n_cells) for s in segments]
        self._targets = np.array(
            [np.full(self.n_cells, float(holding)), *targets], dtype=float
        )
        self.end = float(self._ends[-1])

    @property
    def edges(self) -> NDArray[np.float64]:
        """Ends of the segments, ms."""
        return self._ends

    def at(self, t: float) -> NDArray[np.float64]:
        """See `Command`."""
        k = self._segment(t)
        if not self._is_ramp[k]:
            return self._targets[k + 1]
        begin = self._ends[k - 1] if k else 0.0
        done = min(1.0, (t - begin) / (self._ends[k] - begin))
        return (1.0 - done) * self._targets[k] + done * self._targets[k + 1]

    def constant_until(self, t: float) -> float:
        """See `Command`."""
        k = self._segment(t)
        return t if self._is_ramp[k] else float(self._ends[k])

    def _segment(self, t: float) -> int:
        # A time computed as i*dt may miss the edge it is meant to be by rounding.
        past = np.searchsorted(self._ends, t + 1e-9 * max(1.0, t), side="right")
        return min(int(past), len(self._ends) - 1)


class RecordedPotential:
    """A recorded action potential as the command; linear between its samples."""

    n_cells = 1

    def __init__(self, times: ArrayLike, V: ArrayLike) -> None:
        """Play samples, ms and mV, shape (n_times,) each; it begins at the first.

        Raises:
            ValueError: fewer than two samples, or times that do not increase.
        """
        times, V = np.asarray(times, dtype=float), np.asarray(V, dtype=float)
        if times.ndim != 1 or times.shape != V.shape or times.size < 2:
            raise ValueError(
                f"recorded potential has {times.size} times and {V.size} values; "
                "expected the same number, at least two"
            )
        if np.any(np.diff(times) <= 0.0) or not np.isfinite(V).all():
            raise ValueError(
                "times of a recorded potential must increase and V be finite; sort "
                "the samples and drop repeated ones"
            )
        self._times, self._V = times - times[0], V
        self.holding = float(V[0])
        self.end = float(self._times[-1])

    def at(self, t: float) -> NDArray[np.float64]:
        """See `Command`."""
        return np.array([np.interp(t, self._times, self._V)])

    def constant_until(self, t: float) -> float:
        """See `Command`."""
        return t


@dataclass(frozen=True)
class ClampRecording:
    """What a voltage clamp shows.

    Attributes:
        times: ms, shape (n_times,).
        command: mV, shape (n_times, n_cells).
        values: by variable, shape (n_times, n_cells).
    """

    times: NDArray[np.float64]
    command: NDArray[np.float64]
    values: dict[str, NDArray[np.float64]]


def clamp(
    cell: Cell,
    state: NDArray[np.float64],
    command: Command,
    variables: Sequence[str],
    dt: float,
    *,
    interval: float | None = None,
    settle: float = 0.0,
    progress: Progress | None = None,
) -> ClampRecording:
    """Hold cells at a command and record.

    Args:
        cell: compiled with `clamped=True`.
        state: to begin with, (n_states,).
        command: potential over time.
        variables: names to record: currents, gates, concentrations.
        dt: ms.
        interval: between samples, ms, a whole number of steps; every step if None.
        settle: time at the holding potential before the command begins, ms, a whole
            number of steps.
        progress: called with the time done and the end, ms.

    Returns:
        The recording, which begins with the command.

    Raises:
        ValueError: the cell is not clamped; it has no such variable; dt does not
            divide the interval or the time to settle.
        NonFinitePotential: a state left the finite numbers.
    """
    if not cell.facts["clamped"]:
        raise ValueError(
            f"{cell.name} is free; compile it with clamped=True for a voltage clamp"
        )
    every = 1 if interval is None else whole_steps(interval, dt, "interval", least=1)
    cell.compile(command.n_cells)
    states = uniform_states(state, command.n_cells)
    i_stim = np.zeros(command.n_cells)
    states[0] = command.holding
    n_settle = whole_steps(settle, dt, "settle")
    total = settle + command.end
    for begin in range(0, n_settle, LONGEST_CALL):
        cell.react(states, i_stim, dt, min(LONGEST_CALL, n_settle - begin))
        _report(progress, begin * dt, total)
    n_steps = math.floor(command.end / dt * (1.0 + 1e-9))
    times, commands, values = [], [], []
    step = 0
    while True:
        if step % every == 0 or step == n_steps:
            t = step * dt
            states[0] = command.at(t)
            times.append(t)
            commands.append(states[0].copy())
            values.append(cell.observe(states, variables))
            _check_finite(cell, states, t)
            _report(progress, settle + t, total)
        if step == n_steps:
            break
        step += _advance(cell, states, i_stim, command, step, every, n_steps, dt)
    gathered = np.array(values).transpose(1, 0, 2)
    return ClampRecording(
        np.array(times),
        np.array(commands),
        dict(zip(variables, gathered, strict=True)),
    )


def _advance(
    cell: Cell,
    states: NDArray[np.float64],
    i_stim: NDArray[np.float64],
    command: Command,
    step: int,
    every: int,
    n_steps: int,
    dt: float,
) -> int:
    """Step to the next sample or the next change of the command; steps taken."""
    to_sample = min(every - step % every, n_steps - step)
    middle = (step + 0.5) * dt
    constant = math.floor((command.constant_until(middle) - step * dt) / dt + 1e-6)
    count = max(1, min(to_sample, constant))
    states[0] = command.at(middle)
    cell.react(states, i_stim, dt, count)
    return count


def _report(progress: Progress | None, t: float, end: float) -> None:
    if progress is not None:
        progress(t, end)


def _check_finite(cell: Cell, states: NDArray[np.float64], t: float) -> None:
    bad = ~np.isfinite(states).all(axis=1)
    if bad.any():
        lost = [n for n, b in zip(cell.state_names, bad, strict=True) if b]
        raise NonFinitePotential(
            f"{', '.join(lost[:4])} of {cell.name} became non-finite by t {t:.6g} ms "
            "of the voltage clamp; use a smaller dt, or a command within the range of "
            "the equations"
        )
