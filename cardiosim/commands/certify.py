"""`cardiosim certify`: what a surrogate keeps of its promises, as a report."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cardiosim.commands.progress import progress


def certify(
    checkpoint: Annotated[
        str, typer.Argument(help="A surrogate that ships, or its .json file.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the report; certificates/NAME by default."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A few beats and cables: under a minute.")
    ] = False,
    spiral: Annotated[
        bool, typer.Option(help="Run the spiral wave, minutes of the whole.")
    ] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an earlier report.")
    ] = False,
) -> None:
    """Run the fixed battery on a surrogate and write an HTML and a JSON report."""
    # Numba's thread pool and the kernels are slow to import; --help need not wait.
    from cardiosim.case.resolve import provenance
    from cardiosim.commands.certificate_report import certificate_report
    from cardiosim.experiments.certification import certify as run_battery
    from cardiosim.experiments.certification_bench import FULL, QUICK, candidate_of
    from cardiosim.experiments.certification_rows import FAIL, NOT_APPLICABLE, PASS
    from cardiosim.output.report import HTML, write_report
    from cardiosim.surrogates.checkpoint import (
        checkpoint_path,
        load_surrogate,
        read_description,
    )

    surrogate = load_surrogate(checkpoint)
    folder = out or Path("certificates") / surrogate.name
    if (folder / HTML).exists() and not force:
        raise FileExistsError(
            f"{folder / HTML} exists; name another folder, or write --force"
        )
    description = read_description(checkpoint_path(checkpoint))
    # What is too long for a reader: weights by shape, and the probe of the equations.
    facts = {k: v for k, v in description.items() if k not in ("networks", "equations")}
    candidate = candidate_of(surrogate, facts)
    battery = QUICK if quick else replace(FULL, spiral=spiral)
    certificate = run_battery(candidate, battery, _watch, _begin)
    folder.mkdir(parents=True, exist_ok=True)
    about = provenance(candidate.contender.cell(candidate.model))
    page, _ = write_report(certificate_report(certificate, about, folder), folder)
    marks = certificate.marks()
    for part in certificate.parts:
        for row in part.rows:
            if row.mark == FAIL:
                reached = (
                    f"{row.value:.4g} {row.unit}" if row.value == row.value else ""
                )
                typer.echo(f"fails: {row.quantity}  {reached}  {row.note}".rstrip())
    typer.echo(
        f"{marks[PASS]} pass, {marks[FAIL]} fail, {marks[NOT_APPLICABLE]} do not "
        f"apply; {page}"
    )


def _watch(label: str) -> AbstractContextManager:
    return progress(label)


def _begin(label: str) -> None:
    typer.echo(label, err=True)
