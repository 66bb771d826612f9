"""Measuring speed leaves the process as it was."""

import numba
import pytest

from cardiosim.experiments import benchmark


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="there is one core")
def test_threads_are_those_of_before(monkeypatch):
    monkeypatch.setattr(benchmark, "_SECONDS", 1e-4)
    monkeypatch.setattr(benchmark, "_REPEATS", 1)
    seen = []
    kept = benchmark._best

    def best(run):
        seen.append(numba.get_num_threads())
        return kept(run)

    monkeypatch.setattr(benchmark, "_best", best)
    rates = benchmark.MachineRates(1.0, 1.0, 1.0)
    before = numba.get_num_threads()
    numba.set_num_threads(2)
    try:
        list(
            benchmark.kernel_rates(["nagumo"], ["rush_larsen"], 0.02, [64], [1], rates)
        )
        assert (seen, numba.get_num_threads()) == ([1], 2)
    finally:
        numba.set_num_threads(before)
