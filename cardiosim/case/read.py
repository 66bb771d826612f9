"""case.toml and overrides -> a validated Case, or one line that says what is wrong."""

from __future__ import annotations

import copy
import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from cardiosim.case.cell_tables import ParameterTable
from cardiosim.case.quantities import BRANCHES
from cardiosim.case.schema import Case
from cardiosim.ionic.cell_library import SUFFIXES
from cardiosim.ionic.equations import nearest
from cardiosim.tissue.region_language import with_paths_from


class CaseError(ValueError):
    """A case that cannot be run, with one line for whoever wrote it."""


def read_case(
    path: str | Path, overrides: Sequence[str] | Mapping[str, Any] = ()
) -> Case:
    """Read a case.

    Args:
        path: a .toml file, or a folder that holds case.toml.
        overrides: "table.key=value" each, applied in order; the value in TOML, or bare
            text for a string. List items go by index: "stimulus.0.amplitude=30".
            Or a mapping of such keys to values, which may be lists and tables.

    Raises:
        CaseError: anything that keeps it from being a case.
    """
    file = case_file(path)
    content = toml_content(file, "a case.toml")
    content.pop("provenance", None)  # a resolved.toml is a case too
    if isinstance(overrides, Mapping):
        for key, value in overrides.items():
            names = _key_names(key)
            if not names:
                raise CaseError(
                    f"set {key!r} is no key; expected table.key, such as mesh.dx"
                )
            _apply(names, copy.deepcopy(value), f"set {key} = {value!r}", content)
    else:
        with_overrides(content, overrides)
    _locate_files(content, file.parent)
    try:
        return Case.model_validate(content)
    except ValidationError as error:
        raise CaseError(f"{file}: {_one_line(error)}") from None


def with_overrides(content: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Content of a TOML file, changed in place by "table.key=value" each."""
    for override in overrides:
        _apply(*_parse(override), f"--set {override}", content)
    return content


def toml_content(path: Path, expected: str) -> dict[str, Any]:
    """Content of a TOML file.

    Raises:
        CaseError: it is no file, or no TOML; says what was expected.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError):
        raise CaseError(f"{path} is no file; expected {expected}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CaseError(f"{path} is not TOML: {error}") from None


def case_file(path: str | Path) -> Path:
    """The .toml file that `path` (itself, or its folder) stands for."""
    path = Path(path)
    file = path / "case.toml" if path.is_dir() else path
    if not file.is_file():
        raise CaseError(
            f"{path} holds no case; expected a folder with case.toml, or a .toml file"
        )
    return file


def case_name(path: str | Path) -> str:
    """What a case is called: its folder, or its file without the suffix."""
    file = case_file(path)
    return file.parent.resolve().name if file.name == "case.toml" else file.stem


def _locate_files(content: dict[str, Any], folder: Path) -> None:
    """Files that a case names are looked for beside it, wherever the program runs."""
    _beside(content.get("cell"), "model", SUFFIXES, folder)
    _beside(content.get("cell"), "surrogate", (".json", ".safetensors"), folder)
    _beside(content.get("protocol"), "recording", ("",), folder)
    _beside(content.get("mesh"), "file", ("",), folder)
    tissue = content.get("tissue")
    if isinstance(tissue, dict) and isinstance(tissue.get("fibres"), dict):
        fibres = tissue["fibres"]
        _beside(fibres, "file", ("",), folder)
        _region_beside(fibres, ("start", "end"), folder)
        if isinstance(fibres.get("wall"), list):
            fibres["wall"] = [
                with_paths_from(folder, text) if isinstance(text, str) else text
                for text in fibres["wall"]
            ]
    for field in _tables_of(content, "tissue", "field"):
        _beside(field, "file", ("",), folder)
    _locate_regions(content, folder)
    for region in _tables_of(content, "cell", "region"):
        _beside(region, "model", SUFFIXES, folder)
    for field in _tables_of(content, "cell", "field"):
        _beside(field, "value", ("",), folder)
        _beside(field, "scale", ("",), folder)


def _locate_regions(place: Any, folder: Path) -> None:
    """Lists of nodes that a region names are files beside the case too."""
    if isinstance(place, dict):
        _region_beside(place, ("where", "holes"), folder)
        place = list(place.values())
    for entry in place if isinstance(place, list) else ():
        _locate_regions(entry, folder)


def _region_beside(table: dict[str, Any], keys: Sequence[str], folder: Path) -> None:
    for key in keys:
        if isinstance(table.get(key), str):
            table[key] = with_paths_from(folder, table[key])


def _tables_of(content: dict[str, Any], *keys: str) -> list[Any]:
    """The list of tables at a place, [] if there is none."""
    place: Any = content
    for key in keys:
        place = place.get(key) if isinstance(place, dict) else None
    return place if isinstance(place, list) else []


def _beside(table: Any, key: str, suffixes: tuple[str, ...], folder: Path) -> None:
    name = table.get(key) if isinstance(table, dict) else None
    if isinstance(name, str) and name.endswith(suffixes):
        table[key] = str((folder / name).resolve())


def _parse(override: str) -> tuple[list[str], Any]:
    """Names along the key, and the value, of "table.key=value"."""
    key, equals, text = override.partition("=")
    names = _key_names(key)
    if not equals or not names:
        raise CaseError(
            f"--set came {override!r}, expected table.key=value, "
            "such as --set mesh.dx=0.05"
        )
    return names, _value(text)


def _apply(names: list[str], value: Any, said: str, content: dict[str, Any]) -> None:
    """Set the entry that the names lead to, creating tables on the way.

    Args:
        names: along the key.
        value: of the entry.
        said: the override as it was written, which opens the message of an error.
        content: of the case; changed in place.
    """
    place: Any = content
    for depth, name in enumerate(names[:-1]):
        place, name = _enter(place, name, said, ".".join(names[:depth]))
        inside: Any = [] if names[depth + 1].isdecimal() else {}
        if isinstance(place, dict):
            place = place.setdefault(name, inside)
        else:
            place = place[name]
    place, name = _enter(place, names[-1], said, ".".join(names[:-1]))
    place[name] = value


def _enter(place: Any, name: str, said: str, where: str) -> tuple[Any, str | int]:
    """The table or list to write into, and the key or index in it."""
    if isinstance(place, dict):
        return place, name
    if not isinstance(place, list):
        raise CaseError(f"{said}: {where} is a value, not a table")
    if not name.isdecimal() or int(name) > len(place):
        raise CaseError(
            f"{said}: {where} is a list of {len(place)}; expected an index "
            f"from 0 to {len(place)}, came {name!r}"
        )
    if int(name) == len(place):
        place.append({})
    return place, int(name)


def _key_names(key: str) -> list[str]:
    """Names along a dotted key, [] if it is none: 'a."b.c"' -> ["a", "b.c"]."""
    try:
        table = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        return []
    names = []
    while isinstance(table, dict) and len(table) == 1:
        ((name, table),) = table.items()
        names.append(name)
    return names


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
    # Of what may be a number or a text, pydantic tells what each of them lacks.
    found = [problem for problem in found if problem["loc"][-1:] != ("str",)] or found
    # An unknown key explains the missing one that it was meant to be.
    found.sort(key=lambda problem: problem["type"] != "extra_forbidden")
    line = _describe(found[0])
    more = len(found) - 1
    return f"{line} (and {more} more to mend)" if more else line


def _describe(problem: dict[str, Any]) -> str:
    loc = tuple(part for part in problem["loc"] if part not in BRANCHES)
    if loc[-1:] == ("float",):  # what pydantic tried of a number or a text
        loc = loc[:-1]
    where = _spoken(loc)
    kind, limits = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(loc)
    if kind == "union_tag_not_found":
        kinds = " or ".join(map(repr, _kinds(loc)))
        return f"{where}.kind is missing; expected {kinds}"
    if kind == "union_tag_invalid":
        tag = str(limits["tag"])
        return f"{where}.kind: came {tag!r}; {nearest(tag, _kinds(loc))}"
    if kind == "missing":
        return f"{where} is missing; expected {_expected(loc)}"
    if kind == "value_error":  # raised by the schema, finished but for the place
        return f"{where}: {limits['error']}" if where else str(limits["error"])
    expected = {
        "literal_error": "{expected}",
        "greater_than": "a number greater than {gt:g}",
        "greater_than_equal": "a number not below {ge:g}",
        "less_than": "a number below {lt:g}",
        "less_than_equal": "a number not above {le:g}",
        "finite_number": "a finite number",
        "float_type": "a number",
        "int_type": "a whole number",
        "int_parsing": "a whole number",
        "int_from_float": "a whole number",
        "string_type": "a string",
        "tuple_type": "a list, as in [...]",
        "model_type": "a table",
        "model_attributes_type": "a table",
        "dict_type": "a table",
        "bool_type": "true or false",
        "bool_parsing": "true or false",
        "too_short": "at least {min_length} of them",
        "too_long": "at most {max_length} of them",
    }.get(kind, problem["msg"])
    return f"{where}: came {problem['input']!r}, expected {expected.format(**limits)}"


def _unknown_key(loc: tuple[str | int, ...]) -> str:
    """Name the nearest known key, first in the same table, then anywhere."""
    *tables, key = loc
    where = _spoken(tables)
    table = _table_at(tables)
    if table is ParameterTable:
        return (
            f"[{where}] has no key {key!r}; "
            f"{tables[-1]} takes a number or {{ scale = number }}"
        )
    known = sorted(table.model_fields)
    lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(str(key).lower(), lower, n=1, cutoff=0.5)
    title = f"[{where}]" if where else "the case"
    if near:
        return f"{title} has no key {key!r}; did you mean {lower[near[0]]!r}?"
    here = f"{where}.{key}"  # known to another kind of this table
    elsewhere = [n for n in _all_keys(Case) if n.endswith(f".{key}") and n != here]
    if elsewhere:
        return f"{title} has no key {key!r}; did you mean {elsewhere[0]}?"
    return f"{title} has no key {key!r}; it has {', '.join(known)}"


def _expected(loc: tuple[str | int, ...]) -> str:
    """What a mandatory key takes."""
    *tables, key = loc
    field = _table_at(tables).model_fields[str(key)]
    if get_origin(field.annotation) is Literal:
        return " or ".join(repr(choice) for choice in get_args(field.annotation))
    for table in _tables_in(field.annotation):
        mandatory = [name for name, f in table.model_fields.items() if f.is_required()]
        return f"a table [{key}] with {' and '.join(mandatory)}"
    return field.description or "a whole number"


def _spoken(loc: Sequence[str | int]) -> str:
    """A place as the user writes it: pydantic puts the kind behind a table of many."""
    parts = [
        part
        for depth, part in enumerate(loc)
        if not (depth and part in _kinds(loc[:depth]))
    ]
    return ".".join(map(str, parts))


def _table_at(loc: Iterable[str | int]) -> type[BaseModel]:
    """The table class at a place, of the kind that it names."""
    return _tables_at(loc)[0]


def _tables_at(loc: Iterable[str | int]) -> list[type[BaseModel]]:
    """The classes that a table may have, which differ in their kind."""
    tables: list[type[BaseModel]] = [Case]
    for part in loc:
        of_kind = [table for table in tables if part in _kinds_of(table)]
        if len(tables) > 1 and of_kind:
            tables = of_kind
        elif part in tables[0].model_fields:
            tables = list(_tables_in(tables[0].model_fields[part].annotation)) or tables
    return tables


def _kinds(loc: Iterable[str | int]) -> list[str]:
    """Kinds that the table at a place may be of; none if there is but one class."""
    tables = _tables_at(loc)
    if len(tables) < 2:
        return []
    return [kind for table in tables for kind in _kinds_of(table)]


def _kinds_of(table: type[BaseModel]) -> tuple[str, ...]:
    kind = table.model_fields.get("kind")
    return get_args(kind.annotation) if kind else ()


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
