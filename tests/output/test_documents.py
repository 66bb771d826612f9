import json
import math
import tomllib
from pathlib import Path

import numpy as np
import pytest

from cardiosim.output.documents import read_json, read_toml, write_json, write_toml


def test_toml_reads_back_with_plain_types(tmp_path):
    path = tmp_path / "a.toml"
    write_toml(
        path,
        {
            "mesh": {"dx": np.float64(0.1), "n": np.int64(3), "file": Path("a/b")},
            "end": math.inf,
            "at": (5.0, 10.0),
            "unset": None,
            "stimulus": [{"nodes": np.array([1, 2])}],
        },
    )
    assert tomllib.loads(path.read_text()) == {
        "mesh": {"dx": 0.1, "n": 3, "file": "a/b"},
        "end": math.inf,
        "at": [5.0, 10.0],
        "stimulus": [{"nodes": [1, 2]}],
    }
    assert read_toml(path)["mesh"]["dx"] == 0.1


def test_what_toml_cannot_hold_is_named(tmp_path):
    with pytest.raises(TypeError, match=r"cell\.parameters\.0 is None"):
        write_toml(tmp_path / "a.toml", {"cell": {"parameters": [None]}})


def test_json_is_valid_and_keeps_nan(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"apd": {"value": [np.float64(200.5), math.nan]}, "n": 3})
    text = path.read_text()
    assert json.loads(text, parse_constant=lambda name: pytest.fail(name))
    back = read_json(path)
    assert back["apd"]["value"][0] == 200.5
    assert math.isnan(back["apd"]["value"][1])


def test_infinite_and_foreign_values_are_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"cv\.value is inf"):
        write_json(tmp_path / "a.json", {"cv": {"value": math.inf}})
    with pytest.raises(TypeError, match=r"cv\.value is .* of type object"):
        write_json(tmp_path / "a.json", {"cv": {"value": object()}})


def test_missing_documents_are_empty(tmp_path):
    assert read_toml(tmp_path / "no.toml") == read_json(tmp_path / "no.json") == {}


def test_failed_write_leaves_the_old_document(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert read_json(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
