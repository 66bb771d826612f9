"""The files that a case names beside its own."""

from __future__ import annotations

from cardiosim.case.schema import Case


def models_of(case: Case) -> list[str]:
    """Every cell of a case, by name or file."""
    regions = [region.model for region in case.cell.region or () if region.model]
    return [case.cell.model, *regions]


def files_of(case: Case) -> list[str]:
    """Files with numbers: meshes, fibres, fields, recordings."""
    tissue = case.tissue
    named = [case.mesh.file, getattr(case.protocol, "recording", None)]
    named += [entry.file for entry in case.cell.field or ()]
    if tissue is not None:
        named += [tissue.fibres.file] if tissue.fibres else []
        named += [entry.file for entry in tissue.field or ()]
    return [path for path in named if path]
