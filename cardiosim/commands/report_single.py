"""The report of one folder: what was run, its numbers, pictures, time taken."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cardiosim.commands.report_beats import beats_table
from cardiosim.commands.report_contents import CERTIFICATE, Contents
from cardiosim.commands.report_facts import facts_table
from cardiosim.commands.report_numbers import (
    expected_table,
    number_tables,
    timing_table,
)
from cardiosim.commands.report_pictures import (
    CELLS,
    OTHER,
    PHASES,
    WAVES,
    placed,
    wave_pictures,
)
from cardiosim.commands.report_tables import kept_tables
from cardiosim.output.report import Picture, Report, Section, Table, section_of


def single_report(contents: Contents, called: str, folder: Path) -> Report:
    """Tell of one folder.

    Args:
        contents: of the folder.
        called: what to call it; "" for its title.
        folder: for pictures that are drawn now.
    """
    text = [f"{contents.kind[0].upper()}{contents.kind[1:]}, in {contents.path}."]
    if contents.complaint:
        text.append(f"This folder is not complete: {contents.complaint}.")
    if contents.certificate:
        text += contents.certificate["text"]
        sections = _of_certificate(contents)
    else:
        sections = _of_results(contents, folder)
    return Report(
        called or contents.title,
        text,
        [section for section in sections if not _is_empty(section)],
        contents.provenance,
        documents_of(contents),
    )


def documents_of(contents: Contents, name: str = "") -> dict[str, str]:
    """The resolved case as its file has it."""
    path = contents.path / "resolved.toml"
    if not path.is_file():
        return {}
    text = path.read_text(encoding="utf-8")
    case = text.partition("\n[provenance]")[0]  # which the report prints by itself
    return {f"Resolved case{f' of {name}' if name else ''}": case}


def _of_results(contents: Contents, folder: Path) -> list[Section]:
    notes: list[str] = []
    pictures = placed(contents, folder)
    waves = pictures[WAVES] + wave_pictures(contents, folder, notes.append)
    kept, others = kept_tables(contents), pictures[OTHER]
    return [
        Section("What was run", tables=[facts_table(("",), [contents])]),
        Section("Numbers", tables=_present([*_numbers(contents)])),
        Section("Activation", _sentences(notes), pictures=waves),
        Section("Phase", pictures=pictures[PHASES]),
        Section(
            "Action potentials",
            tables=_present([beats_table(contents)]),
            pictures=[] if kept else pictures[CELLS],
        ),
        Section("Pictures", pictures=[*(pictures[CELLS] if kept else ()), *others]),
        Section("Tables", tables=kept),
        Section("Time taken", tables=_present([timing_table(contents)])),
    ]


def _numbers(contents: Contents) -> list[Table | None]:
    return [*number_tables(contents), expected_table(contents)]


def _of_certificate(contents: Contents) -> list[Section]:
    """The sections of a certificate as its JSON has them; its pictures at the end."""
    sections = [section_of(part) for part in contents.certificate["sections"]]
    pictures = [
        Picture.of(path, f"{path.stem.replace('_', ' ')}.")
        for path in contents.pictures
    ]
    said = f"Its own report is {contents.path / CERTIFICATE.replace('json', 'html')}."
    return [*sections, Section("Pictures", said, pictures=pictures)]


def _present(tables: Sequence[Table | None]) -> list[Table]:
    return [table for table in tables if table is not None]


def _sentences(notes: Sequence[str]) -> list[str]:
    return [f"{note[0].upper()}{note[1:]}." for note in notes]


def _is_empty(section: Section) -> bool:
    return not (section.tables or section.pictures or section.sections)
