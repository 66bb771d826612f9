"""Operator splitting: how reaction and diffusion take turns.

R(tau) is the reaction and D(tau) the diffusion over tau. One step of dt is

    strang                   R(dt/2) D(dt) R(dt/2)     second order; the default
    strang_diffusion_first   D(dt/2) R(dt) D(dt/2)     second order
    godunov                  R(dt) D(dt), R first      first order

In "strang" the second half reaction of a step and the first of the next are one R(dt),
so that a step costs one reaction. The state between the two is needed only by who
records it: recorders get a copy of their columns with dt/2 of reaction still pending,
and V at the time of a step is the mean of V before and after the merged reaction
(second order). Recording therefore never changes the run.

Reference: Strang 1968, doi:10.1137/0705041.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Steps(Protocol):
    """The parts of a step that a splitting puts in order."""

    dt: float
    n_steps: int

    def react(self, t: float, tau: float, count: int = 1) -> None:
        """Cells act over [t, t + count tau] in `count` steps of tau."""

    def diffuse(self, tau: float) -> None:
        """Nodes exchange over tau."""

    def observe(self, step: int) -> None:
        """Tell all recorders that the states are those of time step * dt."""

    def observe_states(self, step: int, pending: float = 0.0) -> None:
        """Tell recorders of states; `pending` ms of reaction are still to come."""

    def observe_potential(self, step: int, midpoint: bool = False) -> None:
        """Tell recorders of V: as it is, or the mean around the last reaction."""

    def quiet_until(self, step: int) -> int:
        """Return the last step up to which i_stim is constant, nothing recorded."""


def strang(steps: Steps) -> None:
    """Half reaction, diffusion, half reaction; adjacent halves merged."""
    dt, half = steps.dt, 0.5 * steps.dt
    steps.react(0.0, half)
    for step in range(1, steps.n_steps):
        steps.diffuse(dt)
        steps.observe_states(step, pending=half)
        steps.react(step * dt - half, dt)
        steps.observe_potential(step, midpoint=True)
    steps.diffuse(dt)
    steps.react(steps.n_steps * dt - half, half)
    steps.observe(steps.n_steps)


def strang_diffusion_first(steps: Steps) -> None:
    """Half diffusion, reaction, half diffusion."""
    dt, half = steps.dt, 0.5 * steps.dt
    for step in range(1, steps.n_steps + 1):
        steps.diffuse(half)
        steps.react((step - 1) * dt, dt)
        steps.diffuse(half)
        steps.observe(step)


def godunov(steps: Steps) -> None:
    """Reaction, diffusion."""
    dt = steps.dt
    for step in range(1, steps.n_steps + 1):
        steps.react((step - 1) * dt, dt)
        steps.diffuse(dt)
        steps.observe(step)


def reaction_only(steps: Steps) -> None:
    """Uncoupled nodes need no splitting; quiet stretches go down in one call."""
    step = 0
    while step < steps.n_steps:
        until = steps.quiet_until(step)
        steps.react(step * steps.dt, steps.dt, until - step)
        steps.observe(until)
        step = until


SPLITTINGS: dict[str, Callable[[Steps], None]] = {
    "strang": strang,
    "strang_diffusion_first": strang_diffusion_first,
    "godunov": godunov,
}
