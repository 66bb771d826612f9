"""A small cell in numpy, and what can be wrong with one, a fault to a class."""

import numpy as np


class Leak:
    """dV/dt = i_stim - g (V + 80 mV), with a gate m that nothing depends on."""

    name = "leak"
    state_names = ("V", "m")
    variable_names = ("V", "m", "i_leak", "g")
    facts = {"gates": ["m"], "parameters": {"g": 0.1}}
    g = 0.1  # 1/ms

    def initial_states(self, n_nodes):
        return np.repeat([[-80.0], [0.25]], n_nodes, axis=1)

    def react(self, states, i_stim, dt, n_steps=1):
        for _ in range(n_steps):
            self.step(states, i_stim, dt)

    def step(self, states, i_stim, dt):
        V, m = states
        m_inf = self.steady_state(V)
        m[:] = m_inf + (m - m_inf) * np.exp(-dt / 5.0)
        V += dt * (i_stim - self.current(V))

    def steady_state(self, V):
        # No exp: numpy's may differ in the last bit from node to node.
        x = (V + 40.0) / 10.0
        return 0.5 + 0.5 * x / (1.0 + np.abs(x))

    def current(self, V):
        return self.g * (V + 80.0)

    def observe(self, states, names, i_stim=None):
        return np.array([self.value(states, name) for name in names])

    def value(self, states, name):
        V, m = states
        g = np.full_like(V, self.g)
        return {"V": V, "m": m, "i_leak": self.current(V), "g": g}[name]

    def at(self, nodes):
        return self


class OnlyWhatTheProtocolAsks(Leak):
    facts = property()
    variable_names = property()


class WithoutInitialState(Leak):
    def initial_states(self, n_nodes):
        states = super().initial_states(n_nodes)
        states[1, -1] += 0.1
        return states


class Coupled(Leak):
    def step(self, states, i_stim, dt):
        super().step(states, i_stim, dt)
        states[0] += 1e-12 * (states[0].mean() - states[0])


class ByPosition(Leak):
    def step(self, states, i_stim, dt):
        super().step(states, i_stim, dt)
        states[0, 3::4] *= 1.0 + 1e-15  # as a kernel with two ways to compute exp


class Remembering(Leak):
    """Of three steps it remembers that it took them."""

    memory = 1.0

    def react(self, states, i_stim, dt, n_steps=1):
        super().react(states, self.memory * i_stim, dt, n_steps)
        if n_steps == 3:
            self.memory *= 1.0 + 1e-12


class OneStepOnly(Leak):
    def react(self, states, i_stim, dt, n_steps=1):
        if n_steps:
            super().step(states, i_stim, dt * n_steps)


class ObservingChanges(Leak):
    def value(self, states, name):
        np.clip(states[1], 0.1, 0.9, out=states[1])
        return super().value(states, name)


class HandingOutStates(Leak):
    def observe(self, states, names, i_stim=None):
        if tuple(names) == self.state_names:
            return states
        return super().observe(states, names, i_stim)


class TakingAtLeastOneStep(Leak):
    def react(self, states, i_stim, dt, n_steps=1):
        super().react(states, i_stim, dt, max(n_steps, 1))


class UsingUpTheStimulus(Leak):
    def react(self, states, i_stim, dt, n_steps=1):
        super().react(states, i_stim, dt, n_steps)
        i_stim *= 1.0 - 1e-15  # in the last bit


class WearingOut(Leak):
    """Its parameter changes, and what it does does not."""

    worn = 0.0

    def react(self, states, i_stim, dt, n_steps=1):
        super().react(states, i_stim, dt, n_steps)
        self.worn += 1e-6

    def value(self, states, name):
        return super().value(states, name) + (self.worn if name == "g" else 0.0)


class ForgettingItsStart(Leak):
    """What a step leaves at node 0 is the next initial state."""

    start = np.array([[-80.0], [0.25]])

    def initial_states(self, n_nodes):
        return np.repeat(self.start, n_nodes, axis=1)

    def react(self, states, i_stim, dt, n_steps=1):
        super().react(states, i_stim, dt, n_steps)
        if n_steps == 2:
            self.start = self.start + [[0.0], [1e-3]]


class OvershootingGate(Leak):
    """Euler's step, which is too long when longer than the time constant."""

    def step(self, states, i_stim, dt):
        V, m = states
        m += dt / 0.9 * (self.steady_state(V) - m)
        V += dt * (i_stim - self.current(V))


class GateAboveOne(Leak):
    def steady_state(self, V):
        return 0.1 + super().steady_state(V)


class SingularVariable(Leak):
    """0/0 at -30 mV, in what is only observed."""

    def value(self, states, name):
        value = super().value(states, name)
        with np.errstate(invalid="ignore"):
            u = states[0] + 30.0
            return value * (u / u) if name == "i_leak" else value


class SingularStep(Leak):
    """1/0 at 79.5 mV, in what is only computed in a step."""

    def step(self, states, i_stim, dt):
        with np.errstate(divide="ignore"):
            beyond = np.where(states[0] == 79.5, np.log(states[0] - 79.5), 0.0)
        super().step(states, i_stim + beyond, dt)


class Unrecordable(Leak):
    """Has a name that `observe` does not know, but not in company."""

    variable_names = (*Leak.variable_names, "i_lost")

    def value(self, states, name):
        if name == "i_lost" and states.shape[1] == 1:
            raise KeyError(name)
        return super().value(states, "i_leak" if name == "i_lost" else name)


class UndefinedAtTheStart(Leak):
    """log of a state whose initial value is 0 in one cell and not in many."""

    def value(self, states, name):
        value = super().value(states, name)
        return np.log(value - value) if self.asked_at_start(states, name) else value

    def asked_at_start(self, states, name):
        return states.shape[1] == 1 and name == "i_leak"


class Drifting(Leak):
    rate = 1.1e-4  # mV/ms

    def current(self, V):
        return np.full_like(V, -self.rate)


class DriftingLittle(Drifting):
    rate = 0.9e-4


class LosingItself(Leak):
    """Grows without bound, but too slowly for a few steps to show it."""

    def current(self, V):
        return -(V + 79.999)


class Pacemaker(Leak):
    """From -80 mV by 0.1 mV/ms, and back at 0 mV: 800 ms."""

    def step(self, states, i_stim, dt):
        super().step(states, i_stim, dt)
        states[0, (states[0] > 0.0) & (states[0] < 1.0)] = -80.0

    def current(self, V):
        return np.full_like(V, -0.1)
