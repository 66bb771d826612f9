"""`cardiosim report`: what results folders hold, as one page and as JSON."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cardiosim.commands.report_contents import Contents
    from cardiosim.output.report import Report

PAGE = "report.html"


def report(
    results: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of results, of any command; two of one mesh are compared "
            "node by node, others by their numbers."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Page to write, a name.html, and name.json beside it; report.html in "
            "the last folder by default."
        ),
    ] = None,
    names: Annotated[
        str | None, typer.Option(help="What to call the folders: first,second.")
    ] = None,
    title: Annotated[str, typer.Option(help="Title of the page.")] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Replace an earlier report.")
    ] = False,
) -> None:
    """Write one self-contained HTML page of results, or of two side by side.

    Of a run: what was run, its numbers with unit, resolution and definition, expected
    numbers with verdicts, activation (LAT) with isochrones, beats and traces of V,
    phase, wall times. Of two on one mesh: both values and the second less the first,
    in percent where the quantity has a natural zero (velocities, durations), maps of
    both and of their difference.
    """
    from cardiosim.commands.report_contents import open_contents

    opened = [open_contents(path) for path in results]
    called = names_of(names, results)
    page = _page(out, opened)
    _check(page, force)
    # Drawing takes long to import, which what is refused above need not wait for.
    from cardiosim.output.report import Mark, write_report

    with tempfile.TemporaryDirectory(prefix="cardiosim-") as folder:
        told = _report(opened, called if names or len(opened) > 1 else [""], folder)
        told = _titled(told, title)
        html, json = write_report(told, page.parent, page.name)
    marks = told.marks()
    if marks[Mark.PASS] or marks[Mark.FAIL]:
        typer.echo(f"{marks[Mark.PASS]} pass, {marks[Mark.FAIL]} fail")
    typer.echo(f"report: {html} ({1e-6 * html.stat().st_size:.2g} MB), {json}")


def names_of(names: str | None, paths: Sequence[Path]) -> list[str]:
    """What to call some folders: as asked, or as their paths differ.

    Raises:
        ValueError: not as many names as folders.
    """
    if names is not None:
        called = [name.strip() for name in names.split(",")]
        if len(called) != len(paths) or not all(called):
            expected = "first,second" if len(paths) == 2 else f"{len(paths)} names"
            raise ValueError(f'--names came {names!r}, expected "{expected}"')
        return called
    parts = [path.resolve().parts for path in paths]
    for depth in range(1, max(map(len, parts)) + 1):
        called = ["/".join(own[-depth:]) for own in parts]
        if len(set(called)) == len(called):
            return called
    return [f"{own[-1]} ({k})" for k, own in enumerate(parts, start=1)]


def _report(opened: list[Contents], called: Sequence[str], folder: str) -> Report:
    from cardiosim.commands.report_pair import pair_report
    from cardiosim.commands.report_single import single_report

    if len(opened) == 1:
        return single_report(opened[0], called[0], Path(folder))
    return pair_report(opened, called, Path(folder))


def _titled(told: Report, title: str) -> Report:
    from dataclasses import replace

    return replace(told, title=title) if title else told


def _page(out: Path | None, opened: Sequence[Contents]) -> Path:
    """Where the report goes; ValueError where that would be no page."""
    if out is None:
        last = opened[-1]
        if last.certificate:
            raise ValueError(
                f"{last.path} holds the report of a certificate, which stays as it is; "
                "name another page with --out"
            )
        return last.path / PAGE
    if out.suffix.lower() != ".html":
        raise ValueError(f'report "{out}"; expected a name ending in .html')
    if out.is_dir():
        raise ValueError(f'report "{out}" is a folder; expected a name.html')
    return out


def _check(page: Path, force: bool) -> None:
    """Refuse to replace what is there, unless asked to and if it is a report."""
    from cardiosim.output.documents import read_json

    document = page.with_suffix(".json")
    there = [path for path in (page, document) if path.exists()]
    if there and not force:
        raise FileExistsError(
            f"{there[0]} exists; name another page with --out, or write --force"
        )
    if document.exists() and "sections" not in read_json(document):
        raise FileExistsError(
            f"{document} is no report; it is left as it is: name another page with "
            "--out"
        )
    if not there and not page.parent.exists():
        page.parent.mkdir(parents=True)
