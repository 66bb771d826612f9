"""`cardiosim convergence`: tables of numerical error, from studies beside the cases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cardiosim.commands.progress import progress
from cardiosim.commands.table import show_table

if TYPE_CHECKING:
    from cardiosim.experiments.convergence import ConvergenceTable


def convergence(
    studies: Annotated[list[Path], typer.Argument(help="Study files (.toml).")],
) -> None:
    """Run the tables of numerical error that studies describe."""
    # What runs a case is slow to import; --help need not wait.
    from cardiosim.case.read import CaseError
    from cardiosim.experiments.convergence import read_study, run_study

    read = [read_study(path) for path in studies]
    for path, study in zip(studies, read, strict=True):
        try:
            with progress(path.stem, unit="runs") as show:
                table = run_study(study, path.parent, show)
        except CaseError as error:
            raise CaseError(f"{path}: {error}") from error
        _show(table)
        typer.echo()


def _show(table: ConvergenceTable) -> None:
    import numpy as np

    from cardiosim.experiments.convergence import table_cells

    study = table.study
    typer.echo(f"{study.title} (in {table.unit})")
    header = ("", *(column.name for column in study.column))
    rows = [
        (row.name, *cells)
        for row, cells in zip(study.row, table_cells(table), strict=True)
    ]
    show_table(header, rows, numbers=range(1, len(header)))
    limits = table.limits[~np.isnan(table.limits)]
    if len(limits) == 1:
        text = f"limit {limits[0]:.4f} m/s"
        if study.expected is not None:
            off = 100.0 * (limits[0] / study.expected - 1.0)
            text += f"; independent {study.expected:.4f} m/s ({off:+.2f} %)"
        typer.echo(text)
