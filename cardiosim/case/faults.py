"""The first thing wrong with a small file of data, in one line.

The full language of a case has more to say (read.py); this serves the files beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from cardiosim.ionic.equations import nearest


def first_fault(
    error: ValidationError, root: type[BaseModel] | Mapping[str, type[BaseModel]]
) -> str:
    """One line; a key that a table does not have goes before all others.

    Args:
        error: of validating the file.
        root: table of the whole file, or that of each kind, by kind.
    """
    found = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")[0]
    loc = tuple(map(str, found["loc"]))
    if isinstance(root, Mapping):
        if found["type"] == "union_tag_not_found":
            return f"kind is missing; expected {' or '.join(map(repr, root))}"
        if found["type"] == "union_tag_invalid":
            tag = str(found["ctx"]["tag"])
            return f"kind: came {tag!r}; {nearest(tag, root)}"
        root, loc = root[loc[0]], loc[1:]
    *tables, key = loc or ("",)
    where = ".".join(loc)
    if found["type"] == "extra_forbidden":
        known = _table_at(root, tables).model_fields
        place = f"[{'.'.join(tables)}]" if tables else "the file"
        return f"{place} has no key {key!r}; {nearest(key, known)}"
    if found["type"] == "missing":
        return f"{where} is missing"
    said = found["msg"].replace("Value error, ", "")
    if found["type"] == "value_error":
        return f"{where}: {said}" if where else said
    return f"{where}: came {found['input']!r}; {said[:1].lower()}{said[1:]}"


def _table_at(root: type[BaseModel], loc: list[str]) -> type[BaseModel]:
    """The table class at a place; a name of the user's own leads to its entries."""
    table = root
    for part in loc:
        field = table.model_fields.get(part)
        table = next(_tables_in(field.annotation), table) if field else table
    return table


def _tables_in(annotation: Any):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _tables_in(argument)
