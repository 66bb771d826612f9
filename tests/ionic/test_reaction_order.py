"""Convergence of the reaction schemes in time, over the first 50 ms of a beat."""

import numpy as np
import pytest

from cardiosim.ionic.compiled import compile_cell
from cardiosim.ionic.reaction import SCHEMES

EVERY = 0.4  # ms between the samples of V; five of them under the stimulus
END = 50.0  # ms


def potential(scheme, steps_per_sample):
    """V of one cell, 20 A/F for the first 2 ms, at all multiples of EVERY, mV."""
    cell = compile_cell("skibsbye2016", scheme=scheme)
    state = cell.initial_states(1)
    samples = []
    for i in range(round(END / EVERY)):
        i_stim = np.full(1, 20.0 if i < 5 else 0.0)
        cell.react(state, i_stim, EVERY / steps_per_sample, steps_per_sample)
        samples.append(state[0, 0])
    return np.array(samples)


def rms(values):
    return float(np.sqrt(np.mean(values**2)))


@pytest.fixture(scope="module")
def exact():
    """Rush-Larsen at 0.1 and 0.05 us, extrapolated; right to 2e-5 mV."""
    return 2.0 * potential("rush_larsen", 8192) - potential("rush_larsen", 4096)


@pytest.fixture(scope="module")
def errors(exact):
    """RMS error of V, mV, by scheme and dt in us."""
    return {
        scheme: {
            1000.0 * EVERY / n: rms(potential(scheme, n) - exact)
            for n in (4, 8, 16, 32, 64, 256)
        }
        for scheme in SCHEMES
    }


def order(errors, *dts):
    return np.polyfit(np.log(dts), np.log([errors[dt] for dt in dts]), 1)[0]


def test_reference_is_far_better_than_what_is_compared_with_it(exact, errors):
    better = 2.0 * potential("rush_larsen", 16384) - potential("rush_larsen", 8192)
    assert rms(better - exact) < min(errors["multirate"].values()) / 100


def test_cell_fires_in_what_is_compared(exact):
    assert exact[0] < -60.0 and exact.max() > 40.0


def test_rush_larsen_is_of_first_order_once_it_resolves_the_upstroke(errors):
    # tau_m is down to 20 us; above that the error is not asymptotic (0.6 at 100 us).
    assert order(errors["rush_larsen"], 12.5, 6.25, 1.5625) == pytest.approx(
        1.0, abs=0.1
    )


def test_multirate_is_of_first_order_at_every_step(errors):
    """Also where each step alone is so short that it changes V but little."""
    dts = (100.0, 50.0, 25.0, 12.5, 6.25, 1.5625)
    assert order(errors["multirate"], *dts) == pytest.approx(1.0, abs=0.03)
    for coarse, fine in zip(dts[:-2], dts[1:-1], strict=True):
        ratio = errors["multirate"][coarse] / errors["multirate"][fine]
        assert ratio == pytest.approx(2.0, abs=0.05)


def test_constant_of_multirate_is_small(errors):
    plain, multirate = errors["rush_larsen"], errors["multirate"]
    # Measured 14.9, 19.5, 19.1, 17.5, 16.7, 16.0 from 100 us down.
    for dt in plain:
        assert multirate[dt] < plain[dt] / 12
    # The error at 100 us, mostly of the peak's height and delay, is that of
    # rush_larsen at 6 us.
    assert multirate[100.0] < plain[6.25]
    assert multirate[100.0] < 0.35  # mV; 4.3 mV with rush_larsen
