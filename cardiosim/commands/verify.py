"""`cardiosim verify`: run cases, compare with numbers this program did not make."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from cardiosim.case.read import case_file
from cardiosim.commands.expected import compare, read_expected
from cardiosim.commands.run import run_case


def verify(
    cases: Annotated[list[Path], typer.Argument(help="Folders of cases.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Keep the results, one folder a case, in this one."),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="table.key=value, for all cases.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace earlier results in --out.")
    ] = False,
) -> None:
    """Run cases and compare with their expected.toml; exit code 1 on a miss."""
    cases = [case for case in cases if not _is_of_trainings(case)]
    expected = {case: read_expected(case) for case in cases}
    missed = 0
    with tempfile.TemporaryDirectory(prefix="cardiosim-") as temporary:
        for case in cases:
            name = case_file(case).parent.resolve().name
            typer.echo(f"{name}")
            folder = (out or Path(temporary)) / name
            finished = run_case(case, folder, set_ or (), force or out is None)
            missed += compare(expected[case], finished.summary)
            for warning in finished.warnings:
                typer.echo(f"warning: {warning}", err=True)
            typer.echo()
    count = sum(len(entries) for entries in expected.values())
    typer.echo(f"{count - missed} of {count} numbers are as expected")
    if missed:
        raise typer.Exit(1)


def _is_of_trainings(folder: Path) -> bool:
    """Whether a folder that `cases/*` names only holds folders of training cases."""
    return not (folder / "case.toml").is_file() and any(folder.glob("*/case.toml"))
