"""The loop over time steps, from the states as they are to the end of the run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.recorders import Recorder
from cardiosim.simulation.schedule import NEVER, whole_steps
from cardiosim.simulation.splitting import SPLITTINGS, reaction_only
from cardiosim.tissue.conjugate_gradients import NoConvergence
from cardiosim.tissue.stimulus import AppliedCurrent

REPORT_EVERY = 0.1  # s of wall time between calls of the progress callback
EDGE_TOLERANCE = 1e-6  # steps; rounding of i * dt against the edges of a pulse


@dataclass
class Timing:
    """Wall time of a run by phase, s."""

    react: float = 0.0
    diffuse: float = 0.0
    record: float = 0.0


class RunStopped(RuntimeError):
    """A step has no result: the run cannot go on."""


class DiffusionUnsolved(RunStopped):
    """The linear solver did not converge."""


class NonFinitePotential(RunStopped):
    """V became infinite or not a number: the run cannot go on."""


def march(
    problem: Monodomain,
    dt: float,
    end: float,
    splitting: str = "strang",
    recorders: Sequence[Recorder] = (),
    progress: Callable[[float, float], None] | None = None,
    reaction_steps: int = 1,
) -> Timing:
    """Step the problem from t = 0 to `end`; its states are those of the end.

    Args:
        problem: its states are changed in place.
        dt: ms.
        end: ms, a whole number of steps.
        splitting: "strang", "strang_diffusion_first" or "godunov"; of no effect
            without diffusion.
        recorders: what is kept of the run; recording does not change it.
        progress: called with the time done and the end, ms, some ten times a second.
        reaction_steps: steps in which each reaction is taken; many of them make the
            reaction exact and leave the error of the splitting.

    Returns:
        Wall time by phase.

    Raises:
        NonFinitePotential: V left the finite numbers; recorders keep what they have,
            the states are of no further use.
        DiffusionUnsolved: so did the solver of a diffusion step; likewise.
    """
    if splitting not in SPLITTINGS:
        raise ValueError(
            f'unknown splitting "{splitting}"; choose from {", ".join(SPLITTINGS)}'
        )
    if reaction_steps < 1:
        raise ValueError(f"reaction_steps {reaction_steps}; give one or more")
    n_steps = whole_steps(end, dt, "end", least=1)
    if problem.diffusion is not None:
        longest = dt if splitting != "strang_diffusion_first" else 0.5 * dt
        problem.diffusion.check_stability(longest)
    for recorder in recorders:
        recorder.begin(problem, dt, n_steps)
    steps = _Steps(problem, dt, n_steps, recorders, progress, reaction_steps)
    advance = reaction_only if problem.diffusion is None else SPLITTINGS[splitting]
    try:
        # V beyond the finite numbers is reported by react, with its place.
        with np.errstate(invalid="ignore", over="ignore"):
            steps.observe(0)
            advance(steps)
    finally:
        for recorder in recorders:
            recorder.finish()
    return steps.timing


class _Diary:
    """Which recorder is due at which step."""

    def __init__(self, recorders: Sequence[Recorder], method: str):
        """Enter the recorders that have the method."""
        self._entries = [
            [recorder.schedule.due(0), recorder.schedule, getattr(recorder, method)]
            for recorder in recorders
            if hasattr(recorder, method)
        ]
        self.next_step = min((entry[0] for entry in self._entries), default=NEVER)

    def record(self, step: int, *moment) -> None:
        """Call those that are due at this step."""
        self.next_step = NEVER
        for entry in self._entries:
            due, schedule, take = entry
            if due == step:
                take(*moment)
                due = entry[0] = schedule.due(step + 1)
            if due < self.next_step:
                self.next_step = due


class _Steps:
    """The parts of a step that splitting.py puts in order, timed and checked."""

    def __init__(
        self,
        problem: Monodomain,
        dt: float,
        n_steps: int,
        recorders: Sequence[Recorder],
        progress: Callable[[float, float], None] | None,
        reaction_steps: int,
    ):
        self.problem, self.dt, self.n_steps = problem, dt, n_steps
        self.reaction_steps = reaction_steps
        self.timing = Timing()
        self._t = 0.0  # up to which the cells have acted, ms
        self._states, self._V = problem.states, problem.states[0]
        self._current = AppliedCurrent(problem.stimuli, problem.mesh.n_nodes)
        self._V_before = self._V.copy()
        self._V_midpoint = np.empty_like(self._V)
        self._of_states = _Diary(recorders, "record_states")
        self._of_potential = _Diary(recorders, "record_potential")
        self._progress = progress
        self._next_report = perf_counter() + REPORT_EVERY
        self._longest_call = NEVER if progress is None else 1024

    def react(self, t: float, tau: float, count: int = 1) -> None:
        begun = perf_counter()
        self._t = t + tau * count
        i_stim = self._current.over(t, self._t)
        np.copyto(self._V_before, self._V)
        before = self._states.copy() if count > 1 else None
        self._react(i_stim, tau, count)
        if not self._is_finite():
            if before is not None:
                t, count = self._return_to_last_finite(before, i_stim, t, tau, count)
            raise NonFinitePotential(self._describe_non_finite(t, tau * count))
        now = perf_counter()
        self.timing.react += now - begun
        if self._progress is not None:
            if count == self._longest_call and now - begun < 0.5 * REPORT_EVERY:
                self._longest_call *= 2
            done, end = t + tau * count, self.n_steps * self.dt
            if now > self._next_report and done < end:
                self._next_report = now + REPORT_EVERY
                self._progress(done, end)

    def diffuse(self, tau: float) -> None:
        begun = perf_counter()
        try:
            self.problem.diffusion.advance(self._V, tau)
        except NoConvergence as error:
            raise DiffusionUnsolved(
                f"diffusion after t {self._t:.6g} ms: {error}"
            ) from None
        self.timing.diffuse += perf_counter() - begun

    def observe(self, step: int) -> None:
        self.observe_states(step)
        self.observe_potential(step)
        if step == self.n_steps and self._progress is not None:
            self._progress(step * self.dt, step * self.dt)

    def observe_states(self, step: int, pending: float = 0.0) -> None:
        if step != self._of_states.next_step:
            return
        begun = perf_counter()
        t = step * self.dt
        if pending:
            i_stim = self._current.over(t - pending, t)
            tau, count = pending / self.reaction_steps, self.reaction_steps
        else:
            half = 0.5 * self.dt
            i_stim = self._current.over(max(t - half, 0.0), max(t, half))
            tau, count = 0.0, 0
        self._of_states.record(step, t, self._states, i_stim, tau, count)
        self.timing.record += perf_counter() - begun

    def observe_potential(self, step: int, midpoint: bool = False) -> None:
        if step != self._of_potential.next_step:
            return
        begun = perf_counter()
        V = self._V
        if midpoint:
            V = np.add(self._V_before, self._V, out=self._V_midpoint)
            V *= 0.5
        self._of_potential.record(step, step * self.dt, V)
        self.timing.record += perf_counter() - begun

    def quiet_until(self, step: int) -> int:
        until = min(
            self.n_steps,
            step + self._longest_call,
            self._of_states.next_step,
            self._of_potential.next_step,
        )
        edge = self._current.next_edge((step + EDGE_TOLERANCE) * self.dt)
        if edge < until * self.dt:
            # A step with an edge inside is taken alone, with its mean current.
            until = max(math.floor(edge / self.dt + EDGE_TOLERANCE), step + 1)
        return until

    def _react(self, i_stim: NDArray[np.float64], tau: float, count: int) -> None:
        self.problem.cell.react(
            self._states,
            i_stim,
            tau / self.reaction_steps,
            count * self.reaction_steps,
        )

    def _is_finite(self) -> bool:
        # One pass without a temporary; no sum of finite potentials overflows.
        return math.isfinite(np.add.reduce(self._V))

    def _return_to_last_finite(
        self,
        before: NDArray[np.float64],
        i_stim: NDArray[np.float64],
        t: float,
        tau: float,
        count: int,
    ) -> tuple[float, int]:
        """Find the first bad step of a call of many by halving; redo it.

        Returns:
            The time at which that step begins, ms, and 1, its number of steps.
        """
        while count > 1:
            half = count // 2
            np.copyto(self._states, before)
            self._react(i_stim, tau, half)
            if self._is_finite():
                np.copyto(before, self._states)
                t, count = t + half * tau, count - half
            else:
                count = half
        np.copyto(self._states, before)
        np.copyto(self._V_before, self._V)
        self._react(i_stim, tau, 1)
        return t, 1

    def _describe_non_finite(self, t: float, tau: float) -> str:
        bad = np.flatnonzero(~np.isfinite(self._V))
        node = bad[0]
        x, y, z = self.problem.mesh.points[node]
        others = f" and {bad.size - 1} more" if bad.size > 1 else ""
        last = self._V_before[node]
        before = (
            f"its last finite value is {last:.6g} mV"
            if math.isfinite(last)
            else "it was not finite before that either: look at the initial states"
        )
        cell = self.problem.cell
        lost = [
            name
            for name, value in zip(cell.state_names, self._states[:, node], strict=True)
            if not math.isfinite(value) and name != cell.state_names[0]
        ]
        with_it = f", and with it {', '.join(lost[:4])}" if lost else ""
        with_it += f" and {len(lost) - 4} more states" if len(lost) > 4 else ""
        other = (
            ", the multirate scheme"
            if getattr(cell, "scheme", None) == "rush_larsen"
            else ""
        )
        return (
            f"V became non-finite at node {node}{others} (x {x:g}, y {y:g}, z {z:g} "
            f"mm) between t {t:.6g} and {t + tau:.6g} ms{with_it}; "
            f"{before}; use a smaller dt than {self.dt:g} ms{other} or a weaker "
            "stimulus; if that does not help, the cell's equations end here"
        )
