"""A training case: which surrogate, of which cell, from what, how.

    kind = "fast_step"         # what is trained; decides the other tables
    name = "fast_step"         # of the checkpoint
    model = "skibsbye2016"
    seed = 0

The tables of each kind say what their keys are (`training_tables`); resolved.toml of a
training spells all of them out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from cardiosim.case.faults import first_fault
from cardiosim.case.read import CaseError, case_file, toml_content, with_overrides
from cardiosim.case.training_tables import TRAININGS, TrainingCase


def read_training(path: str | Path, overrides: Sequence[str] = ()) -> TrainingCase:
    """Read and check a training case.

    Args:
        path: a .toml file, or a folder that holds case.toml.
        overrides: "table.key=value" each, as of `read_case`.

    Raises:
        CaseError: anything that keeps it from being one.
    """
    file = case_file(path)
    content = toml_content(file, "a training case")
    content.pop("provenance", None)
    content = with_overrides(content, overrides)
    if "mesh" in content:
        raise CaseError(f"{file} is a case to run, not to train; use `cardiosim run`")
    try:
        return TypeAdapter(TrainingCase).validate_python(content)
    except ValidationError as error:
        raise CaseError(f"{file}: {first_fault(error, TRAININGS)}") from None


def training_document(case: TrainingCase, about: Mapping) -> dict:
    """The content of resolved.toml: the training case, and its provenance."""
    return case.model_dump() | {"provenance": dict(about)}
