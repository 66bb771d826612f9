"""Every surrogate that ships: it loads, runs on every backend alike, and is small."""

import json

import numpy as np
import pytest

from cardiosim.ionic.compiled import compile_cell
from cardiosim.ionic.network import Network
from cardiosim.surrogates.checkpoint import (
    checkpoint_path,
    load_surrogate,
    shipped_surrogates,
)

NAMES = shipped_surrogates()
DT = 0.05
I_STIM = 25.0  # A/F


def hybrid(name, backend):
    surrogate = load_surrogate(name)
    scheme = "multirate"
    try:
        return compile_cell(
            surrogate.model, scheme=scheme, backend=backend, surrogate=surrogate
        )
    except ValueError as error:
        assert "use scheme rush_larsen" in str(error)
        return compile_cell(surrogate.model, backend=backend, surrogate=surrogate)


def after_an_upstroke(name, backend):
    """States of some cells 4 ms after a stimulus of 2 ms begins."""
    cell = hybrid(name, backend)
    states = cell.initial_states(9)
    states[0] += np.linspace(-4.0, 4.0, 9)
    i_stim = np.full(9, I_STIM)
    for step in range(80):
        cell.react(states, i_stim if step < 40 else np.zeros(9), DT)
    return states


def test_those_the_project_promises_ship():
    assert {"fast_step", "gates_step", "paper_gates", "calcium_step"} <= set(NAMES)
    assert {"ical_step", "ikr_step"} & set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_is_small_and_says_how_it_was_trained(name):
    path = checkpoint_path(name)
    content = json.loads(path.read_text())
    # The largest, the printed network of 16 640 weights, is 70 kB in float32.
    assert path.with_suffix(".safetensors").stat().st_size < 100_000
    assert path.stat().st_size < 60_000
    assert content["training"]["case"]["name"] == content["name"] == name
    assert "versions" in content["training"]["provenance"]


@pytest.mark.parametrize("name", NAMES)
def test_numba_and_the_oracle_agree(name):
    oracle = after_an_upstroke(name, "scalar")
    assert np.isfinite(oracle).all()
    # The kernels differ in rounding; the upstroke multiplies a difference by 1e3.
    fused = after_an_upstroke(name, "numba")
    np.testing.assert_allclose(fused, oracle, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_torch_and_the_oracle_agree(name):
    pytest.importorskip("torch")
    oracle = after_an_upstroke(name, "scalar")
    plain = after_an_upstroke(name, "torch")
    np.testing.assert_allclose(plain, oracle, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_single_precision(name):
    for network in load_surrogate(name).networks:
        assert isinstance(network, Network)
        for layer in network.layers:
            assert all(array.dtype == np.float32 for array in layer.arrays.values())


@pytest.mark.parametrize("name", NAMES)
def test_refuses_another_cell(name):
    surrogate = load_surrogate(name)
    with pytest.raises(ValueError, match=surrogate.name):
        compile_cell("courtemanche1998", scheme="multirate", surrogate=surrogate)
