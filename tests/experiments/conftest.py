"""The two equations of Mitchell and Schaeffer 2003, integrated by scipy: a second hand.

    dv/dt = h v^2 (1 - v)/tau_in - v/tau_out + J
    dh/dt = (1 - h)/tau_open    where v < v_gate,    -h/tau_close    elsewhere

V = -80 mV + 100 mV v. At rest h = 1 stays as it is, so that below v_gate the potential
alone decides: an equation of one variable, whose thresholds are integrals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq

TAU_IN, TAU_OUT, TAU_OPEN, TAU_CLOSE, V_GATE = 0.3, 6.0, 120.0, 150.0, 0.13
V_REST, V_AMPLITUDE = -80.0, 100.0  # mV


@dataclass
class SecondHand:
    """Responses to pulses, by an adaptive solver of order 8 (1e-9 relative)."""

    def trace(self, begins, amplitude, duration, end):
        """Times, ms, and V, mV, every 0.05 ms."""
        edges = sorted({0.0, end, *begins, *(b + duration for b in begins)})
        y, times, V = np.array([0.0, 1.0]), [], []
        for t0, t1 in zip(edges[:-1], edges[1:], strict=True):
            on = any(b <= t0 < b + duration for b in begins)
            J = amplitude / V_AMPLITUDE if on else 0.0
            t = np.append(np.arange(t0, t1 - 1e-9, 0.05), t1)
            part = solve_ivp(
                self._slopes, (t0, t1), y, "DOP853", t, args=(J,), rtol=1e-9, atol=1e-11
            )
            y = part.y[:, -1]
            times.append(part.t[:-1])
            V.append(V_REST + V_AMPLITUDE * part.y[0, :-1])
        return np.concatenate(times), np.concatenate(V)

    def time_above(self, level, times, V, start, end):
        """From the first rise after `start` through a level to the next fall, ms."""
        inside = (times >= start) & (times < end)
        t, v = times[inside], V[inside]
        up = np.flatnonzero((v[:-1] < level) & (v[1:] >= level))[0]
        falls = np.flatnonzero((v[:-1] > level) & (v[1:] <= level))
        between = [
            t[k] + (level - v[k]) / (v[k + 1] - v[k]) * (t[k + 1] - t[k])
            for k in (up, falls[falls > up][0])
        ]
        return between[1] - between[0]

    def threshold(self, duration):
        """Amplitude, A/F, that takes v to its unstable rest in just `duration`."""
        unstable = 0.5 * (1.0 - math.sqrt(1.0 - 4.0 * TAU_IN / TAU_OUT))

        def rate(v):
            return v * v * (1.0 - v) / TAU_IN - v / TAU_OUT

        v = np.linspace(0.0, unstable, 100_001)
        rheobase = -rate(v).min()

        def too_long(log_excess):
            J = rheobase + math.exp(log_excess)
            return quad(lambda v: 1.0 / (rate(v) + J), 0.0, unstable)[0] - duration

        excess = math.exp(brentq(too_long, math.log(1e-7), math.log(10.0)))
        return V_AMPLITUDE * (rheobase + excess)

    @staticmethod
    def _slopes(t, y, J):
        v, h = y
        dh = (1.0 - h) / TAU_OPEN if v < V_GATE else -h / TAU_CLOSE
        return [h * v * v * (1.0 - v) / TAU_IN - v / TAU_OUT + J, dh]


class Metronome:
    """A cell that fires every 300 ms, whatever is done to it."""

    name = "metronome"
    state_names = ("membrane.V", "clock.t")

    def initial_states(self, n_nodes):
        return np.array([[-80.0], [0.0]]).repeat(n_nodes, axis=1)

    def react(self, states, i_stim, dt, n_steps=1):
        states[1] += n_steps * dt
        since = states[1] % 300.0
        states[0] = -80.0 + 100.0 * np.minimum(since, 1.0) * np.exp(-since / 30.0)


@pytest.fixture
def metronome():
    cell = Metronome()
    return cell, cell.initial_states(1)[:, 0]


@pytest.fixture(scope="session")
def second_hand():
    return SecondHand()


@pytest.fixture(scope="session")
def two_variables():
    """The same cell as the program has it, and its state at rest."""
    from cardiosim.ionic.compiled import compile_cell

    cell = compile_cell("mitchell_schaeffer2003")
    return cell, cell.initial_states(1)[:, 0]
