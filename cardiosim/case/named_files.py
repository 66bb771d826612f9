"""The files that a case names beside its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cardiosim.case.schema import Case
from cardiosim.tissue.region_language import paths_in

# Keys whose texts are regions, which may name lists of nodes.
REGION_KEYS = ("where", "holes", "start", "end", "wall")


def models_of(case: Case) -> list[str]:
    """Every cell of a case, by name or file."""
    regions = [region.model for region in case.cell.region or () if region.model]
    return [case.cell.model, *regions]


def files_of(case: Case) -> list[Path]:
    """Files with numbers: meshes, fibres, fields, lists of nodes, recordings.

    A mesh in several files is all of them.
    """
    # What reads meshes is slow to import: only who asks for the files needs it.
    from cardiosim.tissue.mesh_io import files_of_mesh

    tissue = case.tissue
    named = [getattr(case.protocol, "recording", None)]
    named += [entry.file for entry in case.cell.field or ()]
    if tissue is not None:
        named += [tissue.fibres.file] if tissue.fibres else []
        named += [entry.file for entry in tissue.field or ()]
    named += _lists_of_nodes(case.model_dump())
    files = [Path(path) for path in named if path]
    if case.mesh.file:
        files += files_of_mesh(case.mesh.file)
    return list(dict.fromkeys(files))


def _lists_of_nodes(place: Any, key: str | None = None) -> Iterator[str]:
    """Files that regions name, anywhere in a table."""
    if isinstance(place, dict):
        for name, entry in place.items():
            yield from _lists_of_nodes(entry, name)
    elif isinstance(place, list | tuple):
        for entry in place:
            yield from _lists_of_nodes(entry, key)
    elif isinstance(place, str) and key in REGION_KEYS:
        yield from paths_in(place)
