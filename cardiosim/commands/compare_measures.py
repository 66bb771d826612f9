"""`cardiosim compare-measures`: every measure by several ways to step, in one table.

    OUT/<measure>/<contender>/      results folder of the command
    OUT/<measure>/<contender>.json  its command line, how long it took, what went wrong
    OUT/<measure>/<contender>.txt   what it printed
    OUT/measures.html, .json, .csv  all numbers side by side, differences, pictures

What is done is not done again, unless its command line or its case has changed: a
comparison that was stopped goes on where it was.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from hashlib import sha256
from io import StringIO
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from cardiosim.case.measures_file import MeasuresFile, MeasureTable, read_measures
from cardiosim.case.read import read_case
from cardiosim.commands.compare import difference_text
from cardiosim.commands.table import number, show_table
from cardiosim.output.documents import read_json, replace_text, write_json

if TYPE_CHECKING:
    from cardiosim.commands.report_contents import Contents
    from cardiosim.output.report import Column, Section

PAGE = "measures.html"
INTERRUPTED = 130  # exit code of a command that Ctrl-C has stopped


@dataclass(frozen=True)
class Done:
    """One measure by one contender.

    Attributes:
        arguments: the command line, without "cardiosim".
        seconds: wall time; NaN if it was not run.
        failed: why it has no results, "" otherwise.
        contents: its results folder.
    """

    arguments: tuple[str, ...]
    seconds: float
    failed: str = ""
    contents: Contents | None = field(default=None, repr=False)


Found = dict[str, dict[str, Done]]  # by measure, by contender


def compare_measures(
    file: Annotated[
        Path,
        typer.Argument(help="measures.toml: which commands, and ways to step."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of all results; results/<name of the file>."),
    ] = None,
    only: Annotated[
        str | None, typer.Option(help="Run these measures: first,second. Others stay.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="table.key=value, in all cases, after theirs."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Run again what has been run.")
    ] = False,
) -> None:
    """Run a list of measuring commands for each of several ways to step a cell.

    The table has every number of every measure by all of them, and of each but the
    first the difference from the first, in percent where the quantity has a natural
    zero.
    """
    described = read_measures(file)
    chosen = _chosen(described, only)
    folder = out or Path("results") / file.stem
    found: Found = {}
    for name, measure in described.measure.items():
        found[name] = {
            contender: _measured(
                _arguments(described, name, contender, folder, set_ or ()),
                folder / name / contender,
                name in chosen,
                force,
                f"{measure.title or name}, {contender}",
                _source(described, name, contender, folder, set_ or ()),
            )
            for contender in described.contender
        }
    rows = overview(described, found)
    _show(described, rows)
    page = _write(described, found, rows, folder)
    typer.echo(f"\nreport: {page}")


def _chosen(described: MeasuresFile, only: str | None) -> set[str]:
    """Names of the measures that are to be run."""
    if only is None:
        return set(described.measure)
    names = {name.strip() for name in only.split(",")}
    unknown = names - set(described.measure)
    if unknown:
        raise ValueError(
            f"--only came {', '.join(sorted(unknown))}; the measures are "
            f"{', '.join(described.measure)}"
        )
    return names


def _arguments(
    described: MeasuresFile,
    name: str,
    contender: str,
    folder: Path,
    overrides: Sequence[str],
) -> tuple[str, ...]:
    """The command line of a measure for a contender."""
    measure = described.measure[name]
    out = ("--out", str(folder / name / contender))
    verb = tuple(measure.command.split())
    if measure.of is not None:
        results = str(folder / measure.of / contender)
        return (*verb, results, *measure.arguments, *out)
    entries = _entries(described, measure, contender, overrides)
    said = [part for entry in entries for part in ("--set", entry)]
    return (*verb, measure.case, *measure.arguments, *said, *out)


def _entries(
    described: MeasuresFile,
    measure: MeasureTable,
    contender: str,
    overrides: Sequence[str],
) -> tuple[str, ...]:
    """What is set in the case of a measure for a contender."""
    own = measure.set_for.get(contender, described.contender[contender].set)
    return (*own, *measure.set, *overrides)


def _source(
    described: MeasuresFile,
    name: str,
    contender: str,
    folder: Path,
    overrides: Sequence[str],
) -> str:
    """What tells whether a measure is still of the same: its case, or its results.

    A hash of the case as it is read, or when the results were made; "" if never, and
    of a case that cannot be read, which its command tells.
    """
    measure = described.measure[name]
    if measure.of is not None:
        return read_json(folder / measure.of / f"{contender}.json").get("finished", "")
    try:
        case = read_case(
            Path(measure.case), _entries(described, measure, contender, overrides)
        )
    except ValueError:
        return ""
    return sha256(case.model_dump_json().encode()).hexdigest()


def _measured(
    arguments: tuple[str, ...],
    folder: Path,
    wanted: bool,
    force: bool,
    label: str,
    source: str,
) -> Done:
    """What a command line gives, or has given before, of the same results."""
    record = folder.with_suffix(".json")
    known = read_json(record)
    same = (
        known.get("arguments") == list(arguments) and known.get("source", "") == source
    )
    if wanted and (force or not same or known.get("failed")):
        typer.echo(label, err=True)
        record.unlink(missing_ok=True)  # what is stopped now is not done
        known = _run(arguments, folder) | {"source": source}
        write_json(record, known)
    elif not known:
        return Done(arguments, math.nan, "not run yet")
    failed = str(known.get("failed", ""))
    contents = None if failed else _contents(folder)
    return Done(tuple(known["arguments"]), float(known["seconds"]), failed, contents)


def _run(arguments: tuple[str, ...], folder: Path) -> dict:
    """Run a command line of this program in this process; its output into a file."""
    from typer.main import get_command

    from cardiosim.commands import _application

    folder.parent.mkdir(parents=True, exist_ok=True)
    told, failed, began = StringIO(), "", perf_counter()
    try:
        with redirect_stdout(told):
            code = get_command(_application()).main(
                [*arguments, "--force"], "cardiosim", standalone_mode=False
            )
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        failed = f"exit code {code}" if isinstance(code, int) and code else ""
    except typer.Abort:
        raise KeyboardInterrupt from None
    except Exception as error:  # the other measures are still to be run
        failed = " ".join(str(error).split()) or type(error).__name__
        typer.echo(f"cardiosim {' '.join(arguments)}: {failed}", err=True)
    finally:
        replace_text(folder.with_suffix(".txt"), told.getvalue())
    return {
        "arguments": list(arguments),
        "seconds": perf_counter() - began,
        "finished": datetime.now(UTC).isoformat(),
        "failed": failed,
    }


def _contents(folder: Path) -> Contents:
    from cardiosim.commands.report_contents import open_contents

    return open_contents(folder)


def overview(described: MeasuresFile, found: Found) -> list[tuple]:
    """Rows of the table: measure, quantity, unit, a value each, and what it is.

    Between the values and the last stand the difference of each contender but the first
    from the first, and the relative one, in percent; None where there is none.
    """
    from cardiosim.commands.report_numbers import (
        compared_cells,
        definition_of,
        unit_text,
    )

    rows: list[tuple] = []
    for name, measure in described.measure.items():
        runs = list(found[name].values())
        opened = [run.contents for run in runs]
        numbers = [contents.numbers if contents else {} for contents in opened]
        shown = [q for own in numbers for q in own if _is_wanted(q, measure)]
        for quantity in dict.fromkeys(shown):
            values = [own.get(quantity) for own in numbers]
            k = next(k for k, value in enumerate(values) if value is not None)
            what = definition_of(quantity, values[k], opened[k])
            unit = unit_text(values[k].unit)
            pairs = [compared_cells(quantity, (values[0], v)) for v in values[1:]]
            cells = [pairs[0][0], *(pair[1] for pair in pairs)]
            cells += [cell for pair in pairs for cell in pair[2:]]
            rows.append((measure.title or name, quantity, unit, *cells, what))
        if not shown:
            why = "; ".join(dict.fromkeys(run.failed for run in runs if run.failed))
            none = [None] * (3 * len(runs) - 2)
            rows.append((measure.title or name, None, None, *none, why))
    return rows


def _is_wanted(quantity: str, measure: MeasureTable) -> bool:
    return any(fnmatchcase(quantity, pattern) for pattern in measure.numbers)


def _show(described: MeasuresFile, rows: Sequence[tuple]) -> None:
    called = tuple(described.contender)
    n = len(called)
    lines = []
    for title, quantity, unit, *cells in rows:
        values = cells[:n]
        away = [
            difference_text(quantity, unit or "1", values[0], value)
            if None not in (values[0], value)
            else ""
            for value in values[1:]
        ]
        lines.append((title, quantity or "", unit or "", *map(_text, values), *away))
    apart = [f"{name} - {called[0]}" for name in called[1:]]
    header = ("measure", "quantity", "unit", *called, *apart)
    show_table(header, lines, numbers=range(3, len(header)))


def _text(cell: object) -> str:
    if cell is None:
        return ""
    is_known = isinstance(cell, float) and math.isfinite(cell)
    return f"{cell:.5g}" if is_known else number(cell)


def _write(
    described: MeasuresFile, found: Found, rows: Sequence[tuple], folder: Path
) -> Path:
    from cardiosim.case.resolve import run_provenance
    from cardiosim.output.report import Column, Report, Section, Table, write_report
    from cardiosim.output.tables import write_table

    called = tuple(described.contender)
    columns = [Column("measure"), Column("quantity"), Column("unit")]
    columns += [Column(name, digits=6) for name in called]
    for name in called[1:]:
        what = f"{name} less {called[0]}"
        columns += [Column(what, digits=3), Column("relative", "%", 3)]
    columns.append(Column("what it is"))
    by_name = zip(*rows, strict=True)
    write_table(
        folder / "measures.csv",
        {
            name: ["" if cell is None else cell for cell in cells]
            for name, cells in zip(_names(columns), by_name, strict=True)
        },
        {},
    )
    steps = [
        (name, ", ".join(table.set)) for name, table in described.contender.items()
    ]
    sections = [
        Section(
            "All measures",
            tables=[
                Table("Ways to step", ("name", "what it sets in the cases"), steps),
                Table("Every number", columns, rows),
                _wall_times(described, found),
            ],
        ),
        *(_section(described, name, found[name]) for name in described.measure),
    ]
    title = described.title or " against ".join(called)
    told = Report(title, (), sections, run_provenance())
    page, _ = write_report(told, folder, PAGE)
    return page


def _names(columns: Sequence[Column]) -> list[str]:
    """One for each column: "relative" with the one it stands behind."""
    names = [column.name for column in columns]
    for k, name in enumerate(names):
        if name == "relative":
            names[k] = f"{names[k - 1]}, percent"
    return names


def _wall_times(described: MeasuresFile, found: Found):
    from cardiosim.output.report import Column, Table

    rows = [
        (measure.title or name, *(run.seconds for run in found[name].values()))
        for name, measure in described.measure.items()
    ]
    columns = [Column("measure"), *(Column(c, "s", 3) for c in described.contender)]
    note = "Of the whole command: compiling, pacing, measuring and drawing are in it."
    return Table("Wall time", columns, rows, note)


def _section(described: MeasuresFile, name: str, runs: dict[str, Done]) -> Section:
    """Command lines, what its tables differ by, and pictures of one measure."""
    from cardiosim.commands.report_tables import compared_tables
    from cardiosim.output.report import Picture, Section

    measure, text, pictures = described.measure[name], [], []
    for contender, run in runs.items():
        text.append(f"{contender}: cardiosim {' '.join(run.arguments)}")
        if run.failed:
            text.append(f"{contender} has no results: {run.failed}.")
        for file in measure.pictures if run.contents else ():
            path = run.contents.path / file
            if path.is_file():
                pictures.append(Picture.of(path, f"{path.stem}, {contender}"))
    called, opened = list(runs), [run.contents for run in runs.values()]
    tables = [
        compared_tables((called[0], other), (opened[0], contents))
        for other, contents in zip(called[1:], opened[1:], strict=True)
        if opened[0] and contents
    ]
    tables = [table for table in tables if table is not None]
    return Section(measure.title or name, text, tables, pictures)
