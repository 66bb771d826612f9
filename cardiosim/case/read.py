"""case.toml and overrides -> a validated Case, or one line that says what is wrong."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from cardiosim.case.schema import Case


class CaseError(ValueError):
    """A case that cannot be run, with one line for whoever wrote it."""


def read_case(path: str | Path, overrides: Sequence[str] = ()) -> Case:
    """Read a case.

    Args:
        path: a .toml file, or a folder that holds case.toml.
        overrides: "table.key=value" each, applied in order; the value in TOML, or bare
            text for a string. List items go by index: "stimulus.0.amplitude=30".

    Raises:
        CaseError: anything that keeps it from being a case.
    """
    file = case_file(path)
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CaseError(f"{file} is not TOML: {error}") from None
    content.pop("provenance", None)  # a resolved.toml is a case too
    for override in overrides:
        _apply(override, content)
    _locate_model(content, file.parent)
    try:
        return Case.model_validate(content)
    except ValidationError as error:
        raise CaseError(f"{file}: {_one_line(error)}") from None


def case_file(path: str | Path) -> Path:
    """The .toml file that `path` (itself, or its folder) stands for."""
    path = Path(path)
    file = path / "case.toml" if path.is_dir() else path
    if not file.is_file():
        raise CaseError(
            f"{path} holds no case; expected a folder with case.toml, or a .toml file"
        )
    return file


def _locate_model(content: dict[str, Any], folder: Path) -> None:
    """A model file is looked for beside the case, wherever the program runs."""
    cell = content.get("cell")
    model = cell.get("model") if isinstance(cell, dict) else None
    if isinstance(model, str) and model.endswith(".mmt"):
        cell["model"] = str((folder / model).resolve())


def _apply(override: str, content: dict[str, Any]) -> None:
    """Set what "table.key=value" names, creating tables on the way."""
    key, equals, text = override.partition("=")
    try:
        names = _key_names(tomllib.loads(f"{key} = 0"))
    except tomllib.TOMLDecodeError:
        names = []
    if not equals or not names:
        raise CaseError(
            f"--set came {override!r}, expected table.key=value, "
            "such as --set mesh.dx=0.05"
        )
    place: Any = content
    for depth, name in enumerate(names[:-1]):
        place, name = _enter(place, name, override, ".".join(names[:depth]))
        inside: Any = [] if names[depth + 1].isdecimal() else {}
        if isinstance(place, dict):
            place = place.setdefault(name, inside)
        else:
            place = place[name]
    place, name = _enter(place, names[-1], override, ".".join(names[:-1]))
    place[name] = _value(text)


def _enter(place: Any, name: str, override: str, where: str) -> tuple[Any, str | int]:
    """The table or list to write into, and the key or index in it."""
    if isinstance(place, dict):
        return place, name
    if not isinstance(place, list):
        raise CaseError(f"--set {override}: {where} is a value, not a table")
    if not name.isdecimal() or int(name) > len(place):
        raise CaseError(
            f"--set {override}: {where} is a list of {len(place)}; expected an index "
            f"from 0 to {len(place)}, came {name!r}"
        )
    if int(name) == len(place):
        place.append({})
    return place, int(name)


def _key_names(table: Any) -> list[str]:
    """Names along a table of one key: {"a": {"b": 0}} -> ["a", "b"]."""
    if not isinstance(table, dict):
        return []
    ((name, inner),) = table.items()
    return [name, *_key_names(inner)]


def _value(text: str) -> Any:
    """TOML if it is that, else the text itself: shells eat the quotes of a string."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text.strip()
    return parsed["value"] if parsed.keys() == {"value"} else text.strip()


def _one_line(error: ValidationError) -> str:
    """The first thing wrong, in the project's words; how many more there are."""
    found = error.errors()
    # An unknown key explains the missing one that it was meant to be.
    found.sort(key=lambda problem: problem["type"] != "extra_forbidden")
    line = _describe(found[0])
    more = len(found) - 1
    return f"{line} (and {more} more to mend)" if more else line


def _describe(problem: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    kind, limits = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(problem["loc"])
    if kind == "missing":
        return f"{where} is missing"
    if kind == "value_error":  # raised by the schema, finished but for the place
        return f"{where}: {limits['error']}" if where else str(limits["error"])
    expected = {
        "literal_error": "{expected}",
        "greater_than": "a number greater than {gt:g}",
        "greater_than_equal": "a number not below {ge:g}",
        "less_than": "a number below {lt:g}",
        "less_than_equal": "a number not above {le:g}",
        "finite_number": "a finite number",
        "int_type": "a whole number",
        "int_from_float": "a whole number",
        "string_type": "a string",
        "tuple_type": "a list, as in [...]",
        "model_type": "a table",
        "model_attributes_type": "a table",
        "dict_type": "a table",
    }.get(kind, problem["msg"])
    return f"{where}: came {problem['input']!r}, expected {expected.format(**limits)}"


def _unknown_key(loc: tuple[str | int, ...]) -> str:
    """Name the nearest known key, first in the same table, then anywhere."""
    *tables, key = loc
    where = ".".join(str(part) for part in tables)
    known = sorted(_table_at(tables).model_fields)
    near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
    title = f"[{where}]" if where else "the case"
    if near:
        return f"{title} has no key {key!r}; did you mean {near[0]!r}?"
    elsewhere = [name for name in _all_keys(Case) if name.endswith(f".{key}")]
    if elsewhere:
        return f"{title} has no key {key!r}; did you mean {elsewhere[0]}?"
    return f"{title} has no key {key!r}; it has {', '.join(known)}"


def _table_at(loc: Iterable[str | int]) -> type[BaseModel]:
    table: type[BaseModel] = Case
    for part in loc:
        if part in table.model_fields:
            table = next(_tables_in(table.model_fields[part].annotation))
    return table


def _tables_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The table classes in an annotation such as `tuple[TraceTable, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _tables_in(argument)


def _all_keys(table: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in table.model_fields.items():
        yield prefix + name
        for inner in _tables_in(field.annotation):
            yield from _all_keys(inner, f"{prefix}{name}.")
