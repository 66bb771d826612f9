"""Observed orders in time of the splittings on a smooth reaction-diffusion problem.

FitzHugh and Nagumo's cell from a cosine on a no-flux cable. Its reaction is integrated
by Runge and Kutta's fourth-order rule, so that the error is that of the splitting and
of Crank-Nicolson.
"""

import numpy as np
import pytest

from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.run import march
from cardiosim.simulation.schedule import Schedule
from cardiosim.tissue.diffusion import ThetaRule
from cardiosim.tissue.discretisation import discretise, isotropic
from cardiosim.tissue.mesh import cable
from tests.convergence.orders import observed_order

MESH = cable(10.0, 0.5)
END = 4.0  # ms
STEPS = [20, 40, 80, 160]


class FitzHughNagumo:
    name = "fitzhugh-nagumo"
    state_names = ("V", "w")

    def initial_states(self, n_nodes):
        x = np.linspace(0.0, 1.0, n_nodes)
        V = 0.4 + 0.4 * np.cos(np.pi * x)
        return np.array([V, 0.1 * x * x * (3 - 2 * x)])

    def rates(self, states):
        V, w = states
        return np.array([4 * V * (1 - V) * (V - 0.2) - w, 0.2 * (V - w)])

    def react(self, states, i_stim, dt, n_steps=1):
        for _ in range(n_steps):
            k1 = self.rates(states)
            k2 = self.rates(states + dt / 2 * k1)
            k3 = self.rates(states + dt / 2 * k2)
            k4 = self.rates(states + dt * k3)
            states += dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


class PotentialAt:
    """V at one time, as recorders of the potential get it."""

    def __init__(self, t):
        self.t = t

    def begin(self, problem, dt, n_steps):
        self.schedule = Schedule(0, 1, n_steps)

    def record_potential(self, t, V):
        if np.isclose(t, self.t):
            self.V = V.copy()

    def finish(self):
        pass


def crank_nicolson() -> ThetaRule:
    return ThetaRule(discretise(MESH, isotropic(MESH, 0.8)))


def solve(splitting: str, n_steps: int, recorders=()) -> np.ndarray:
    problem = Monodomain(MESH, FitzHughNagumo(), crank_nicolson())
    march(problem, END / n_steps, END, splitting, recorders)
    return problem.states


@pytest.fixture(scope="module")
def reference():
    """64 times finer than the finest: its error is 1/4000 of the smallest here."""
    at_half = PotentialAt(END / 2)
    return solve("strang", 64 * STEPS[-1], [at_half]), at_half.V


def slope(errors) -> float:
    return observed_order([END / n for n in STEPS], errors)


@pytest.mark.parametrize(
    "splitting, order, tolerance",
    [
        # Corrections to the leading term are of relative size dt^2 in the symmetric
        # splittings and dt in Godunov's, and dt is 0.2 ms at most on rates of order 1.
        ("strang", 2.0, 0.05),
        ("strang_diffusion_first", 2.0, 0.05),
        ("godunov", 1.0, 0.1),
    ],
)
def test_order_of_the_splitting(reference, splitting, order, tolerance):
    errors = [np.abs(solve(splitting, n) - reference[0]).max() for n in STEPS]
    assert slope(errors) == pytest.approx(order, abs=tolerance)


def test_potential_between_merged_halves_is_second_order(reference):
    errors = []
    for n_steps in STEPS:
        recorder = PotentialAt(END / 2)
        solve("strang", n_steps, [recorder])
        errors.append(np.abs(recorder.V - reference[1]).max())
    assert slope(errors) == pytest.approx(2.0, abs=0.05)


def test_merging_halves_changes_nothing_but_rounding():
    """Against the textbook step; Runge-Kutta makes halves and wholes agree to dt^5."""
    cell, n_steps = FitzHughNagumo(), 40
    diffusion = crank_nicolson()
    states, dt = cell.initial_states(MESH.n_nodes), END / n_steps
    for _ in range(n_steps):
        cell.react(states, None, dt / 2)
        diffusion.advance(states[0], dt)
        cell.react(states, None, dt / 2)
    # 40 steps of (0.1 ms)^5 / 120 and a ninth order of magnitude for the rates.
    np.testing.assert_allclose(solve("strang", n_steps), states, rtol=0, atol=1e-6)
