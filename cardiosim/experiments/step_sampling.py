"""Samples of a learned step beside those that are visited: other dt, other states.

Half of the visited again with another dt, a third with all that they are perturbed, a
tenth from gates at their steady states of one V to another V, as after a clamp step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cardiosim.ionic.equations import dot
from cardiosim.ionic.evaluation import evaluate
from cardiosim.surrogates.interface import REST
from cardiosim.surrogates.step_training import StepSamples
from cardiosim.surrogates.strang_step import StrangStep

Array = NDArray[np.float64]
Bounds = tuple[float, float]

TRAINED_STEPS = (0.002, 0.115)  # ms: a little beyond what is promised
_NOISE_OF_V, _NOISE_OF_LOGIT = 5.0, 0.5  # mV and 1, standard deviations
_NOISE_OF_INPUT = 0.1  # of the width of its range
_NOISE_OF_REST = 1.0  # mV/ms
_NOISE_OF_RATE, _RATES = 5.0, 40.0  # mV/ms, of dV/dt about a state, and anywhere


def spread_samples(
    surrogate: StrangStep, visited: StepSamples, ranges: dict[str, Bounds], seed: int
) -> StepSamples:
    """The visited samples and as many others again, in one.

    Args:
        surrogate: fast or gates step.
        visited: of `visited_states.step_samples`.
        ranges: that the surrogate will promise, of carried states and inputs.
        seed: of what is drawn.
    """
    random = np.random.default_rng(seed)
    n = len(visited)
    others = visited.chosen(random.permutation(n)[: n // 2])
    others = StepSamples(others.carried, others.inputs, _steps(random, n // 2))
    perturbed = _perturbed(
        surrogate, visited.chosen(random.permutation(n)[: n // 3]), ranges, random
    )
    clamped = _clamped(surrogate, ranges, n // 10, random)
    groups = (visited, others, perturbed, clamped)
    return StepSamples(
        np.concatenate([s.carried for s in groups], axis=1),
        np.concatenate([s.inputs for s in groups], axis=1),
        np.concatenate([s.dt for s in groups]),
    ).chosen(random.permutation(sum(map(len, groups))))


def _steps(random: np.random.Generator, n: int) -> Array:
    """Half of them evenly over long steps, half over the logarithm of all."""
    shortest, longest = TRAINED_STEPS
    long = random.uniform(0.5 * longest, longest, n)
    every = np.exp(random.uniform(np.log(shortest), np.log(longest), n))
    return np.where(random.random(n) < 0.5, long, every)


def _perturbed(
    surrogate: StrangStep,
    samples: StepSamples,
    ranges: dict[str, Bounds],
    random: np.random.Generator,
) -> StepSamples:
    n = len(samples)

    def moved(name: str, values: Array) -> Array:
        if name == surrogate.potential:
            new = values + random.normal(0.0, _NOISE_OF_V, n)
        elif name in surrogate.gates:
            x = np.clip(values, 1e-6, 1.0 - 1e-6)
            logit = np.log(x / (1.0 - x)) + random.normal(0.0, _NOISE_OF_LOGIT, n)
            new = 1.0 / (1.0 + np.exp(-logit))
        elif name == REST:
            new = values + random.normal(0.0, _NOISE_OF_REST, n)
        elif name == dot(surrogate.potential):
            new = values + random.normal(0.0, _NOISE_OF_RATE, n)
        else:
            width = ranges[name][1] - ranges[name][0]
            new = values + random.normal(0.0, _NOISE_OF_INPUT * width, n)
        return np.clip(new, *ranges[name])

    return StepSamples(
        np.array(list(map(moved, surrogate.carries, samples.carried))),
        np.array(list(map(moved, surrogate.inputs, samples.inputs))),
        samples.dt,
    )


def _clamped(
    surrogate: StrangStep,
    ranges: dict[str, Bounds],
    n: int,
    random: np.random.Generator,
) -> StepSamples:
    """Gates at their steady states of one potential, V at another, inputs anywhere."""
    V = surrogate.potential
    held = {V: random.uniform(ranges[V][0], 20.0, n)}
    definitions = surrogate.cell_equations.definitions
    own = {
        gate.state: evaluate(gate.steady_state, definitions, held)
        for gate in surrogate.subsystem.gates
    }
    own[V] = random.uniform(*ranges[V], n)
    for name in surrogate.inputs:
        if name in own:
            continue
        low, high = ranges[name]
        own[name] = random.uniform(low, high, n)
        if name in surrogate.parameters:
            own[name] = np.exp(random.uniform(np.log(low), np.log(high), n))
        if name == REST:  # most of the time there is no stimulus
            quiet = random.normal(0.0, _NOISE_OF_REST, n)
            own[name] = np.where(random.random(n) < 0.7, quiet, own[name])
        if name == dot(V):
            own[name] = np.clip(random.normal(0.0, _RATES, n), low, high)
    return StepSamples(
        np.array([own[name] for name in surrogate.carries]),
        np.array([own[name] for name in surrogate.inputs]),
        np.exp(random.uniform(*np.log(TRAINED_STEPS), n)),
    )
