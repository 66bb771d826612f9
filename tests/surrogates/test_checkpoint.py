"""Trained surrogates on disk: the same after reading, refused where they do not fit."""

import ast
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from cardiosim.ionic.compiled import compile_cell
from cardiosim.surrogates import checkpoint
from cardiosim.surrogates.checkpoint import (
    checkpoint_path,
    load_surrogate,
    save_surrogate,
    shipped_surrogates,
)
from cardiosim.surrogates.strang_step import StrangStep
from tests.surrogates.toy_surrogates import CELL, LARGE, SMALL, Gates

RANGES = {"membrane.V": (-100.0, 60.0), "ik.n_inf": (0.0, 1.0)}


@pytest.fixture(autouse=True)
def toys_are_known(monkeypatch):
    kinds = {**checkpoint.KINDS, Gates.kind: Gates}
    monkeypatch.setattr(checkpoint, "KINDS", kinds)


@pytest.fixture
def gates(toy_cell):
    return Gates("toy", toy_cell, [SMALL, LARGE], RANGES, (0.01, 0.1))


@pytest.fixture
def saved(gates, tmp_path):
    """Path of a checkpoint."""
    return save_surrogate(gates, tmp_path / "toy.json", {"seed": 3})


def test_a_surrogate_is_the_same_after_reading(gates, saved, stepped, toy_cell):
    again = load_surrogate(saved)
    assert again.key == gates.key
    assert (again.name, again.ranges, again.dt_range) == ("toy", RANGES, (0.01, 0.1))
    how = {"backend": "scalar", "surrogate": gates}
    before = stepped(compile_cell(toy_cell, **how), 0.02, 5)
    after = stepped(compile_cell(toy_cell, **how | {"surrogate": again}), 0.02, 5)
    np.testing.assert_array_equal(before, after)


def test_settings_of_a_kind_are_kept(toy_cell, tmp_path):
    strang = StrangStep("strang", toy_cell, ("ina.g",), substeps=3)
    again = load_surrogate(save_surrogate(strang, tmp_path / "strang", {}))
    assert (again.substeps, again.parameters) == (3, ("ina.g",))
    assert again.key == strang.key


def test_a_checkpoint_says_what_it_is(saved):
    said = json.loads(saved.read_text())
    assert said["kind"] == "toy_gates" and said["training"] == {"seed": 3}
    assert said["replaces"] == said["carries"] == ["ina.m", "ina.h"]
    assert said["multiply_adds"] == SMALL.multiply_adds + LARGE.multiply_adds


def test_a_name_may_hold_a_point(gates, tmp_path):
    path = save_surrogate(gates, tmp_path / "toy_v1.2", {})
    assert path == tmp_path / "toy_v1.2.json"
    for name in ("toy_v1.2", "toy_v1.2.json", "toy_v1.2.safetensors"):
        assert checkpoint_path(tmp_path / name) == path


def test_what_ships_can_be_read():
    for name in shipped_surrogates():
        assert load_surrogate(name).name == name


def test_reading_executes_nothing():
    # Weights are safetensors, everything else JSON.
    source = ast.parse(Path(checkpoint.__file__).read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(source)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None) or node.names[0].name]
    }
    assert imported.isdisjoint({"pickle", "torch", "shelve", "importlib"})


def change(path, **entries):
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def without(path, entry):
    content = json.loads(path.read_text())
    del content[entry]
    path.write_text(json.dumps(content))


def tamper(path):
    weights = path.with_suffix(".safetensors")
    packed = bytearray(weights.read_bytes())
    packed[-1] ^= 1
    weights.write_bytes(packed)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (tamper, "the weights in .* are not those that toy.json was saved with"),
        (lambda p: change(p, format=99), "has format 99, expected 1"),
        (lambda p: change(p, kind="oracle"), "kind 'oracle'; expected one of .*toy_ga"),
        (lambda p: p.with_suffix(".safetensors").unlink(), "has no weights beside it"),
        (lambda p: p.write_text("no json"), "is no checkpoint"),
        (lambda p: p.write_text("[1]"), "has format \\[1\\]"),
        (lambda p: without(p, "weights_sha256"), "are not those"),
        (lambda p: without(p, "ranges"), "does not describe a surrogate .*ranges"),
        (lambda p: change(p, equations={"around": {}, "values": []}), "not describe"),
        (lambda p: change(p, settings={"size": 3}), "does not describe a surrogate"),
        (lambda p: p.unlink(), "there is no surrogate .*: no file"),
    ],
)
def test_a_broken_checkpoint_is_told_in_one_line(saved, spoil, says):
    spoil(saved)
    with pytest.raises(ValueError, match=says) as error:
        load_surrogate(saved)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["oracle", "oracle.json", ""])
def test_a_surrogate_that_is_not_there(name):
    with pytest.raises(ValueError, match="there is no surrogate"):
        load_surrogate(name)


@pytest.fixture
def changed_cell(tmp_path):
    """Path of the small cell with one line of its text another."""

    def write(old, new):
        assert old in CELL
        path = tmp_path / "changed.mmt"
        path.write_text(CELL.replace(old, new))
        return str(path)

    return write


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("0.05 [ms] +", "0.06 [ms] +", r"other equations: dot\(ina.m\) of .* by up to"),
        ("a * (1 - h)", "a * (1.001 - h)", r"other equations: dot\(ina.h\)"),
    ],
)
def test_changed_equations_are_refused(saved, changed_cell, old, new, says):
    with pytest.raises(ValueError, match=says) as error:
        compile_cell(changed_cell(old, new), surrogate=load_surrogate(saved))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ik.n = 0.02", "ik.n = 0.03"),  # another initial state
        ("g = 0.1 [1/ms]", "g = 0.2 [1/ms]"),  # another current
        ("0.05 [ms] + 0.1 [ms] /", "0.1 [ms] / 2 + 0.1 [ms] /"),  # the same, reworded
    ],
)
def test_a_cell_with_the_same_equations_is_welcome(saved, changed_cell, old, new):
    cell = compile_cell(changed_cell(old, new), surrogate=load_surrogate(saved))
    assert cell.surrogate.name == "toy"


def test_another_cell_is_refused(saved):
    surrogate = load_surrogate(saved)
    with pytest.raises(ValueError, match="was made for .*does not have; train one for"):
        compile_cell("nagumo", surrogate=surrogate)


def test_a_parameter_that_its_equations_depend_on_is_refused(toy_cell, tmp_path):
    strang = StrangStep("strang", toy_cell, substeps=3)
    again = load_surrogate(save_surrogate(strang, tmp_path / "strang", {}))
    how = {"scheme": "multirate", "surrogate": again}
    with pytest.raises(ValueError, match="one value of ina.g, on which the fast curr"):
        compile_cell(toy_cell, parameters={"ina.g": 10.0}, **how)
    cell = compile_cell(toy_cell, parameters={"ik.g": 0.2}, **how)
    assert cell.surrogate is again


def test_both_files_move_together(saved, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for suffix in (".json", ".safetensors"):
        shutil.copy(saved.with_suffix(suffix), elsewhere)
    assert load_surrogate(elsewhere / saved.name).key == load_surrogate(saved).key
