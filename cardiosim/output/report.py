"""Reports: sections of text, tables and pictures, as one HTML file and as JSON.

The HTML file holds everything it shows, pictures included, and needs neither other
files nor scripts: it can be mailed, archived and printed. The JSON file has the same
texts and numbers for programs. What is told is handed in as data; every text is
escaped, so that a title with a "<" in it is a title.
"""

from __future__ import annotations

import base64
import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import tomli_w

from cardiosim.output.documents import read_json, replace_text, write_json

HTML, JSON = "report.html", "report.json"
_TYPES = {".png": "image/png", ".svg": "image/svg+xml", ".jpg": "image/jpeg"}


class Mark(Enum):
    """Whether a number is what it should be."""

    PASS = "pass"
    FAIL = "fail"
    NOT_APPLICABLE = "does not apply"
    NONE = ""  # told for information


Value = str | float | int | bool | Mark | None


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: what stands above it.
        unit: "" without.
        digits: significant ones of its numbers.
    """

    name: str
    unit: str = ""
    digits: int = 4


@dataclass(frozen=True)
class Table:
    """Numbers, texts and marks in rows.

    Attributes:
        title: what it shows.
        columns: their names and units, shape (n_columns,); a text is a name.
        rows: shape (n_rows, n_columns); None is an empty cell, NaN is "none".
        note: what the reader has to know of it.
    """

    title: str
    columns: Sequence[Column | str]
    rows: Sequence[Sequence[Value]]
    note: str = ""

    def __post_init__(self) -> None:
        columns = tuple(Column(c) if isinstance(c, str) else c for c in self.columns)
        rows = tuple(tuple(map(_plain, row)) for row in self.rows)
        for number, row in enumerate(rows):
            if len(row) != len(columns):
                raise ValueError(
                    f"row {number} of table {self.title!r} has {len(row)} cells; it "
                    f"has {len(columns)} columns"
                )
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "rows", rows)


@dataclass(frozen=True)
class Picture:
    """A picture that the report holds.

    Attributes:
        content: of the file.
        caption: what it shows.
        media_type: such as "image/png".
    """

    content: bytes
    caption: str
    media_type: str = "image/png"

    @classmethod
    def of(cls, path: str | Path, caption: str) -> Picture:
        """Read a PNG, SVG or JPEG file.

        Raises:
            ValueError: a file of another kind.
        """
        path = Path(path)
        if path.suffix.lower() not in _TYPES:
            raise ValueError(
                f"picture {path} is of an unknown kind; expected {', '.join(_TYPES)}"
            )
        return cls(path.read_bytes(), caption, _TYPES[path.suffix.lower()])

    @property
    def source(self) -> str:
        """The picture as the address that stands for its content."""
        content = base64.b64encode(self.content).decode("ascii")
        return f"data:{self.media_type};base64,{content}"


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes:
        title: of the part.
        text: paragraphs before the tables.
        tables: in their order.
        pictures: below the tables.
        sections: parts of this part.
    """

    title: str
    text: Sequence[str] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    sections: Sequence[Section] = ()

    def __post_init__(self) -> None:
        if isinstance(self.text, str):
            object.__setattr__(self, "text", (self.text,))


@dataclass(frozen=True)
class Report:
    """A document.

    Attributes:
        title: of the document.
        text: paragraphs below the title.
        sections: its parts.
        provenance: what ran, on what, when: nested tables of numbers and texts.
        documents: texts to print at the end by name, such as the resolved case.
    """

    title: str
    text: Sequence[str] = ()
    sections: Sequence[Section] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    documents: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.text, str):
            object.__setattr__(self, "text", (self.text,))

    def marks(self) -> dict[Mark, int]:
        """How many cells of all tables bear each mark."""
        counts = dict.fromkeys(Mark, 0)
        for section in _all_sections(self.sections):
            for mark in _marks(section):
                counts[mark] += 1
        return counts


def write_report(
    report: Report, folder: str | Path, name: str = HTML
) -> tuple[Path, Path]:
    """Write a report and its JSON into a folder, which is made if need be.

    Args:
        report: to be written.
        folder: where.
        name: of the page; the JSON has the same with another ending.

    Returns:
        Both paths. Each file is there as a whole or not at all.
    """
    page = Path(folder) / name
    page.parent.mkdir(parents=True, exist_ok=True)
    document = page.with_suffix(".json")
    write_json(document, report_document(report))
    replace_text(page, report_html(report))
    return page, document


def read_report(folder: str | Path) -> dict[str, Any]:
    """Content of report.json in a folder; a number that was NaN is NaN again.

    Raises:
        FileNotFoundError: there is none.
    """
    path = Path(folder) / JSON
    if not path.is_file():
        raise FileNotFoundError(f"there is no report {path}")
    return read_json(path)


def section_of(document: Mapping[str, Any]) -> Section:
    """A section as `read_report` gives it, again; pictures are not in the JSON."""
    return Section(
        document["title"],
        document["text"],
        [_table_of(table) for table in document["tables"]],
        sections=[section_of(part) for part in document["sections"]],
    )


def report_html(report: Report) -> str:
    """The report as one page of HTML."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("cardiosim.output"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = shown
    environment.tests["mark"] = lambda value: isinstance(value, Mark)
    environment.tests["figure"] = _is_number
    page = environment.get_template("report.html")
    counts = report.marks()
    return page.render(
        report=report,
        marks={m.value: n for m, n in counts.items() if m is not Mark.NONE and n},
        provenance=_as_toml(report.provenance),
    )


def report_document(report: Report) -> dict[str, Any]:
    """The report as a table for JSON: all texts and numbers, captions of pictures."""
    return {
        "title": report.title,
        "text": list(report.text),
        "marks": {mark.value: n for mark, n in report.marks().items() if mark.value},
        "sections": [_section_document(section) for section in report.sections],
        "provenance": _without_none(report.provenance),
        "documents": dict(report.documents),
    }


def shown(value: Value, digits: int = 4) -> str:
    """A cell of a table as text."""
    if value is None:
        return ""
    if isinstance(value, Mark):
        return value.value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value, digits)
    return str(value)


def _number(value: float, digits: int) -> str:
    if math.isnan(value):
        return "none"
    text = f"{value:.{digits}g}"
    if "e" in text and 1e-4 <= abs(value) < 1e7:  # 12346, not 1.235e+04
        text = f"{value:.0f}"
    return text.replace("-", "\N{MINUS SIGN}", 1) if value < 0.0 else text


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: Any) -> Value:
    """Numpy scalars as what they stand for."""
    return value.item() if isinstance(value, np.generic) else value


def _all_sections(sections: Iterable[Section]) -> Iterator[Section]:
    for section in sections:
        yield section
        yield from _all_sections(section.sections)


def _marks(section: Section) -> Iterator[Mark]:
    for table in section.tables:
        for row in table.rows:
            yield from (cell for cell in row if isinstance(cell, Mark))


def _section_document(section: Section) -> dict[str, Any]:
    return {
        "title": section.title,
        "text": list(section.text),
        "tables": [_table_document(table) for table in section.tables],
        "pictures": [picture.caption for picture in section.pictures],
        "sections": [_section_document(part) for part in section.sections],
    }


def _table_document(table: Table) -> dict[str, Any]:
    return {
        "title": table.title,
        "columns": [{"name": c.name, "unit": c.unit} for c in table.columns],
        "rows": [[_cell_document(cell) for cell in row] for row in table.rows],
        "note": table.note,
    }


def _table_of(document: Mapping[str, Any]) -> Table:
    marks = {mark.value: mark for mark in Mark if mark.value}
    columns = [Column(c["name"], c["unit"]) for c in document["columns"]]
    rows = [
        [marks.get(cell, cell) if isinstance(cell, str) else cell for cell in row]
        for row in document["rows"]
    ]
    return Table(document["title"], columns, rows, document["note"])


def _cell_document(cell: Value) -> str | float | int | bool:
    if isinstance(cell, Mark):
        return cell.value
    if cell is None:
        return ""
    if isinstance(cell, float) and math.isinf(cell):
        return str(cell)
    return cell


def _as_toml(table: Mapping[str, Any]) -> str:
    """Nested tables as a reader of resolved.toml knows them."""
    text = tomli_w.dumps(_without_none(table))
    tomllib.loads(text)  # what is printed can be read again
    return text


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            str(key): _without_none(item)
            for key, item in value.items()
            if item is not None
        }
    if isinstance(value, list | tuple):
        return [_without_none(item) for item in value]
    return str(value) if isinstance(value, Path) else _plain(value)
