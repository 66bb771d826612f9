"""Small surrogates of a small cell, for tests of the machinery."""

from __future__ import annotations

import numpy as np

from cardiosim.ionic.network import Layer, Network
from cardiosim.surrogates.interface import TrainedSurrogate

# Two fast gates, a slow one, and calcium in two compartments of equal volume.
CELL = """\
[[model]]
name: toy
fast: ina.m, ina.h
membrane.V = -80
ina.m = 0.01
ina.h = 0.95
ik.n = 0.02
ca.c = 0.2e-3
ca.s = 1e-3

[environment]
time = 0 [ms] bind time
    in [ms]

[stimulus]
i_stim = 0 [A/F] bind pace
    in [A/F]

[membrane]
dot(V) = stimulus.i_stim - (ina.i_Na + ik.i_K + ca.i_Ca)
    in [mV]

[ina]
use membrane.V
g = 15 [1/ms]
    in [1/ms]
E_Na = 50 [mV]
    in [mV]
i_Na = g * m^3 * h * (V - E_Na)
    in [A/F]
dot(m) = (m_inf - m) / tau
m_inf = 1 / (1 + exp(-(V + 40 [mV]) / 6 [mV]))
tau = 0.05 [ms] + 0.1 [ms] / (1 + exp((V + 40 [mV]) / 5 [mV]))
    in [ms]
dot(h) = a * (1 - h) - b * h
a = 0.1 [1/ms] * exp(-(V + 70 [mV]) / 20 [mV])
    in [1/ms]
b = 3 [1/ms] / (1 + exp(-(V + 40 [mV]) / 10 [mV]))
    in [1/ms]

[ik]
g = 0.1 [1/ms]
    in [1/ms]
i_K = g * n * (membrane.V + 80 [mV])
    in [A/F]
n_inf = 1 / (1 + exp(-(membrane.V + 20 [mV]) / 9 [mV]))
dot(n) = (n_inf - n) / 5 [ms]

[ca]
g = 200 [A/F/mM]
    in [A/F/mM]
i_Ca = g * (c - s)
    in [A/F]
dot(c) = flux
    in [mM]
dot(s) = -flux
    in [mM]
flux = (s - c) / 40 [ms] * ik.n
    in [mM/ms]
"""


class Gates(TrainedSurrogate):
    """The fast gates by a network, as sigmoids: any states, nothing else."""

    kind = "toy_gates"
    replaces = carries = ("ina.m", "ina.h")
    inputs = ("membrane.V", "ik.n_inf")

    def step(self, algebra, carried, x, dt):
        rows = [0.02 * x["membrane.V"], x["ik.n_inf"], *carried.values(), dt]
        out = algebra.network(0, rows)
        return {
            n: 1.0 / (1.0 + algebra.exp(-o))
            for n, o in zip(self.carries, out, strict=True)
        }


class Total(TrainedSurrogate):
    """Calcium by a state of its own, c - s, whose sum never changes.

    What the equations do, c - s = d and dd/dt = -2 flux, so that it can be compared.
    """

    kind = "toy_total"
    replaces = ("ca.c", "ca.s")
    carries = ("ca.difference", "ca.total")
    inputs = ("ik.n",)
    provides = ("ca.c", "ca.s")
    units = {"ca.difference": "mM", "ca.total": "mM"}

    def step(self, algebra, carried, x, dt):
        d = carried["ca.difference"]
        return {
            "ca.difference": d - dt * (2.0 * d / 40.0 * x["ik.n"]),
            "ca.total": carried["ca.total"],
        }

    def provide(self, algebra, carried, x):
        d, total = carried["ca.difference"], carried["ca.total"]
        return {"ca.c": 0.5 * (total + d), "ca.s": 0.5 * (total - d)}

    def start(self, algebra, full):
        c, s = full("ca.c"), full("ca.s")
        return {"ca.difference": c - s, "ca.total": c + s}


def network(sizes, activations, *, skip=False, seed=1) -> Network:
    """A network of random weights; hidden layers that can skip do, with a scale."""
    random = np.random.default_rng(seed)
    layers = []
    for n_in, n_out, activation in zip(sizes, sizes[1:], activations, strict=False):
        own = {}
        if skip and n_in == n_out:
            own["skip"] = True
            own["scale"] = random.uniform(0.5, 1.0, n_out)
            own["shift"] = 0.1 * random.normal(size=n_out)
        weights = random.normal(size=(n_out, n_in)) / np.sqrt(n_in)
        layers.append(
            Layer(weights, 0.3 * random.normal(size=n_out), activation, **own)
        )
    return Network(tuple(layers))


#: Every activation, a skip, a scale: written out neuron by neuron.
SMALL = network(
    (5, 6, 6, 6, 6, 2), ("tanh", "sigmoid", "softplus5", "cubic", "linear"), skip=True
)
#: The same, too large for that: a function of its own.
LARGE = network((5, 40, 40, 40, 2), ("tanh", "softplus5", "cubic", "linear"), skip=True)
