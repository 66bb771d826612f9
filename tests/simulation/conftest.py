"""Small cells in plain Python for tests of the loop."""

from dataclasses import dataclass, field

import numpy as np
import pytest


@dataclass
class CubicCell:
    """Excitable cell with a linear recovery; only + and *, hence the same bits for a
    node wherever it stands in the array. `gain` differs per node."""

    gain: np.ndarray | float = 1.0
    name: str = "cubic"
    state_names: tuple[str, ...] = ("membrane.V", "recovery.w")
    fingerprint: str = "cubic 1"
    calls: list = field(default_factory=list)  # (n_nodes, dt, n_steps)

    def initial_states(self, n_nodes):
        return np.array([[-80.0], [0.0]]).repeat(n_nodes, axis=1)

    def react(self, states, i_stim, dt, n_steps=1):
        assert states.flags.c_contiguous
        assert i_stim.shape == (states.shape[1],)
        self.calls.append((states.shape[1], dt, n_steps))
        V, w = states
        for _ in range(n_steps):
            V += dt * (self._cubic(V) - w + i_stim)
            w += dt * 0.01 * (0.2 * (V + 80.0) - w)

    def _cubic(self, V):
        return self.gain * -2e-3 * (V + 80.0) * (V + 60.0) * (V - 30.0)

    def observe(self, states, names, i_stim=None):
        known = {
            "membrane.V": states[0],
            "recovery.w": states[1],
            "cubic.i": self._cubic(states[0]),
            "stimulus.i": i_stim,
        }
        return np.array([known[name] for name in names])

    def at(self, nodes):
        gain = self.gain if np.isscalar(self.gain) else self.gain[nodes]
        return CubicCell(gain, calls=self.calls)


@dataclass
class ChargeCell:
    """V is the charge received, and every call is logged; `burst` makes V infinite."""

    burst: float = np.inf  # mV at which V becomes NaN
    name: str = "charge"
    state_names: tuple[str, ...] = ("membrane.V",)
    fingerprint: str = "charge 1"
    calls: list = field(default_factory=list)

    def initial_states(self, n_nodes):
        return np.zeros((1, n_nodes))

    def react(self, states, i_stim, dt, n_steps=1):
        self.calls.append((states.shape[1], dt, n_steps))
        for _ in range(n_steps):
            states[0] += dt * i_stim
            states[0][states[0] > self.burst] = np.nan

    def observe(self, states, names, i_stim=None):
        return np.array([states[0] for _ in names])

    def at(self, nodes):
        return self


@pytest.fixture
def cubic_cell():
    return CubicCell


@pytest.fixture
def charge_cell():
    return ChargeCell
