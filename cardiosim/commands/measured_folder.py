"""A folder with what was measured in a results folder, and how."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cardiosim.output.results import Results, ResultsFolder


def folder_beside(results: Results, what: str) -> Path:
    """Where results go that nobody named a folder for: RESULTS_<what>."""
    return results.path.parent / f"{results.path.resolve().name}_{what}"


def write_measured(
    folder: ResultsFolder,
    results: Results,
    numbers: Mapping[str, Mapping[str, Any]],
    options: Mapping[str, Any],
) -> None:
    """The summary, last; and beside it the case, what was measured, by what, and how.

    Args:
        folder: to write into.
        results: that were measured.
        numbers: entries of a summary.
        options: of the command; None is left out.
    """
    from cardiosim.case.resolve import run_provenance

    about = {"results": str(results.path.resolve()), "options": dict(options)}
    about |= run_provenance()
    provenance = dict(results.resolved["provenance"]) | {"measured": about}
    folder.write_resolved(dict(results.resolved) | {"provenance": provenance})
    folder.write_summary(numbers)
