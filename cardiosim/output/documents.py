"""Small documents beside the arrays: TOML and JSON files that are never half written.

Each is written aside and renamed over the old one, so that a reader, or a run that
is killed, finds the former text or the new one.
"""

from __future__ import annotations

import json
import math
import numbers
import tomllib
from collections.abc import Mapping
from datetime import date, time
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from cardiosim.whole_file import whole_file


def write_toml(path: Path, table: Mapping[str, Any]) -> None:
    """Write a table; a key that is None is left out, TOML has no null."""
    replace_text(path, tomli_w.dumps(_toml_value(table, "")))


def read_toml(path: Path) -> dict[str, Any]:
    """Read a table; an empty one if there is no such file."""
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def write_json(path: Path, table: Mapping[str, Any]) -> None:
    """Write a table of numbers, texts, truth values and lists; NaN becomes null."""
    plain = _json_value(table, "")
    text = json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False)
    replace_text(path, text + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a table, null as NaN; an empty one if there is no such file."""
    if not path.is_file():
        return {}
    return _nan_for_null(json.loads(path.read_text(encoding="utf-8")))


def _toml_value(value: Any, where: str) -> Any:
    """The value as tomli_w takes it; numpy and pathlib types become plain ones."""
    if isinstance(value, Mapping):
        return {
            str(key): _toml_value(item, f"{where}.{key}".lstrip("."))
            for key, item in value.items()
            if item is not None
        }
    if isinstance(value, list | tuple | np.ndarray):
        return [_toml_value(item, f"{where}.{i}") for i, item in enumerate(value)]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, str | bool | numbers.Real | date | time):
        return value
    raise TypeError(
        f"{where} is {value!r} of type {type(value).__name__}, which TOML cannot "
        "hold; give a number, text, date, list or table"
    )


def _json_value(value: Any, where: str) -> Any:
    if isinstance(value, Mapping):
        return {
            str(key): _json_value(item, f"{where}.{key}".lstrip("."))
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | np.ndarray):
        return [_json_value(item, f"{where}.{i}") for i, item in enumerate(value)]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, float) and math.isinf(value):
        raise ValueError(f"{where} is {value}; report NaN for what does not exist")
    if isinstance(value, str | bool | int | float):
        return value
    raise TypeError(
        f"{where} is {value!r} of type {type(value).__name__}; expected a number, a "
        "text, a truth value, or a list or table of those"
    )


def _nan_for_null(value: Any) -> Any:
    if value is None:
        return math.nan
    if isinstance(value, dict):
        return {key: _nan_for_null(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_nan_for_null(item) for item in value]
    return value


def replace_text(path: Path, text: str) -> None:
    """Write a whole file at once: readers see the old one or the new one."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")
