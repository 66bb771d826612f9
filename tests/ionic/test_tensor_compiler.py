"""Compiled steps: against the oracle, kept on disk, refused with a reason."""

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cardiosim.ionic import tensor_compiler  # noqa: E402
from cardiosim.ionic.compiled import compile_cell  # noqa: E402
from cardiosim.ionic.torch_cell import Steps  # noqa: E402


def against_the_oracle(name, scheme, n_nodes, dt=0.02):
    oracle = compile_cell(name, scheme=scheme, backend="scalar")
    cell = compile_cell(name, scheme=scheme, backend="torch", torch_compile=True)
    random = np.random.default_rng(3)
    # One step sums some hundred roundings, a hundred amplify them in the upstroke.
    for n_steps, rtol in ((1, 1e-11), (100, 1e-9)):
        states = oracle.initial_states(n_nodes)
        states[1:] *= random.uniform(0.9, 1.0, states[1:].shape)
        states[0] = np.linspace(-85.0, 30.0, n_nodes)
        i_stim = np.where(np.arange(n_nodes) % 2, 20.0, 0.0)
        expected = states.copy()
        oracle.react(expected, i_stim, dt, n_steps)
        cell.react(states, i_stim, dt, n_steps)
        np.testing.assert_allclose(states, expected, rtol=rtol, atol=rtol * 1e-12)
    assert cell.facts["torch_compile"] == cell.placement["steps"] == "compiled"


@pytest.mark.parametrize("n_nodes", [1, 7, 161])
def test_compiled_steps_agree_with_the_oracle(n_nodes):
    """For one node (stepped as two), few and many, from one compilation."""
    against_the_oracle("mitchell_schaeffer2003", "rush_larsen", n_nodes)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["rush_larsen", "multirate"])
def test_compiled_steps_of_a_large_cell_agree_with_the_oracle(scheme):
    for n_nodes in (1, 7, 161):
        against_the_oracle("skibsbye2016", scheme, n_nodes)


def test_every_cell_of_a_process_is_compiled():
    """torch.compile refuses the ninth version of one code object."""
    x = torch.ones(1, 4)
    for k in range(12):

        def react(states, parameters, i_stim, dt, substeps, networks, k=k):
            return states * (k + 1.0) + i_stim

        steps = Steps(SimpleNamespace(react=react), f"cell{k}", 1)
        arguments = x, x, x[0], x[0, 0]
        step = tensor_compiler.just_in_time(steps.plain, arguments, backend="eager")
        assert torch.equal(step(*arguments), steps.plain(*arguments))


@pytest.fixture
def doubled(monkeypatch, tmp_path):
    """A compiled function, its package and a count of how often it was made."""
    monkeypatch.setenv("CARDIOSIM_CACHE", str(tmp_path))
    made = []

    def make():
        made.append(1)
        return lambda x: 2.0 * x

    def take():
        x = torch.ones(1, 8, dtype=torch.float64)
        function = tensor_compiler.compile_function(make, [x], [1], "doubled\0it")
        return function(torch.full((1, 3), 4.0, dtype=torch.float64)).tolist()

    return SimpleNamespace(take=take, made=made, folder=tmp_path / "kernels")


@pytest.mark.slow
def test_a_spoiled_package_is_made_anew(doubled, caplog):
    assert doubled.take() == [[8.0, 8.0, 8.0]]
    (package,) = doubled.folder.glob("doubled_*.pt2")
    assert doubled.take() == [[8.0, 8.0, 8.0]]
    assert len(doubled.made) == 1  # the second time it was on disk
    package.write_bytes(package.read_bytes()[:500])
    assert doubled.take() == [[8.0, 8.0, 8.0]]
    assert len(doubled.made) == 2
    assert "cannot be loaded, compiling anew" in caplog.text


def test_packages_are_of_a_processor_as_it_is_shown(monkeypatch, doubled):
    """Two virtual machines of one name need not have the same instructions."""
    one = tensor_compiler._host()
    features = tensor_compiler.llvmlite.binding.get_host_cpu_features()
    assert features
    name = next(iter(features))
    features[name] = not features[name]
    monkeypatch.setattr(
        tensor_compiler.llvmlite.binding, "get_host_cpu_features", lambda: features
    )
    assert tensor_compiler._host() != one


def test_without_a_compiler_nothing_is_exported(monkeypatch, doubled):
    from torch._inductor import config

    monkeypatch.setattr(config.cpp, "cxx", (None, "no-such-compiler"))
    with pytest.raises(tensor_compiler.CannotCompile, match="No working C.. compiler"):
        doubled.take()
    assert not doubled.made


def test_missing_compiler_leaves_steps_as_they_are(monkeypatch, caplog):
    from cardiosim.ionic import torch_cell as module

    def no_compiler(*arguments):
        raise tensor_compiler.CannotCompile("InvalidCxxCompiler: no g++")

    monkeypatch.setattr(module, "compile_function", no_compiler)
    cell = compile_cell("nagumo", backend="torch", torch_compile=True)
    states = cell.initial_states(3)
    cell.react(states, np.zeros(3), 0.02)
    assert "no g++" in cell.facts["torch_compile"]
    assert "operation by operation" in caplog.text
