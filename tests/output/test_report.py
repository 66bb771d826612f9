"""One file that holds all, says what it was told, and the same as JSON."""

import math
from html.parser import HTMLParser

import numpy as np
import pytest

from cardiosim.output.report import (
    Column,
    Mark,
    Picture,
    Report,
    Section,
    Table,
    read_report,
    report_html,
    shown,
    write_report,
)
from cardiosim.output.style import picture

EMPTY = {"meta", "img", "link", "br", "hr", "input"}


class Page(HTMLParser):
    """Tags in order, their attributes, the text of table cells; checks nesting."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.cells = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in EMPTY:
            self.open.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open:
            self.cells[-1] += data


@pytest.fixture
def drawing(tmp_path):
    path = tmp_path / "line.png"
    with picture(path, 2.0, 1.0) as figure:
        figure.add_subplot().plot([0, 1], [0, 1])
    return Picture.of(path, "a line < a curve")


@pytest.fixture
def report(drawing):
    table = Table(
        "Numbers & marks",
        ("quantity", Column("value", "ms"), Column("paper", "ms", 5), "mark"),
        [
            ("APD90", 236.81234, 283.8, Mark.PASS),
            ("<script>alert(1)</script>", np.float64("nan"), None, Mark.FAIL),
            ("beats", np.int64(100), None, Mark.NOT_APPLICABLE),
        ],
        note="no < yes",
    )
    inner = Section("inside", tables=[Table("none", ("a",), [(Mark.PASS,)])])
    return Report(
        "A < B & C",
        "what it is",
        [Section("first", ("one", "two"), [table], [drawing], [inner])],
        {"cell": {"name": "x", "commit": None, "size": np.float64(1.5)}},
        {"resolved case": '[mesh]\nkind = "cable"'},
    )


def test_page_is_well_formed_and_needs_nothing_else(report):
    page = Page(report_html(report))
    assert "script" not in page.tags and "link" not in page.tags
    # Whatever is referred to lies in the page itself.
    addresses = [v for k, v in page.attributes if k in ("src", "href")]
    assert all(a.startswith(("data:image/png;base64,", "#")) for a in addresses)
    assert any(a.startswith("data:") for a in addresses)


def test_texts_are_escaped(report):
    html = report_html(report)
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert "A &lt; B &amp; C" in html


def test_cells_show_numbers_and_marks(report):
    cells = Page(report_html(report)).cells
    assert cells[:4] == ["APD90", "236.8", "283.8", "pass"]
    assert cells[5:8] == ["none", "", "fail"]
    assert cells[9:12] == ["100", "", "does not apply"]


def test_marks_are_counted_in_all_depths(report):
    assert report.marks()[Mark.PASS] == 2
    assert report.marks()[Mark.FAIL] == report.marks()[Mark.NOT_APPLICABLE] == 1


def test_json_holds_what_the_page_shows(report, tmp_path):
    html, json = write_report(report, tmp_path / "folder")
    assert html.is_file() and json.is_file()
    found = read_report(tmp_path / "folder")
    (section,) = found["sections"]
    rows = section["tables"][0]["rows"]
    assert rows[0] == ["APD90", 236.81234, 283.8, "pass"]
    assert math.isnan(rows[1][1]) and rows[1][3] == "fail"
    assert section["tables"][0]["columns"][1] == {"name": "value", "unit": "ms"}
    assert section["pictures"] == ["a line < a curve"]
    assert section["sections"][0]["title"] == "inside"
    assert found["marks"] == {"pass": 2, "fail": 1, "does not apply": 1}
    assert found["provenance"] == {"cell": {"name": "x", "size": 1.5}}
    assert found["documents"]["resolved case"].startswith("[mesh]")


def test_a_report_of_nothing_is_a_page():
    assert Page(report_html(Report("empty"))).tags[0] == "html"


def test_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="row 1 of table 't' has 1 cells; it has 2"):
        Table("t", ("a", "b"), [(1, 2), (1,)])


def test_picture_of_an_unknown_kind_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"unknown kind; expected \.png"):
        Picture.of(tmp_path / "film.mp4", "")


def test_no_report_is_told_by_its_path(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no report"):
        read_report(tmp_path)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.00012345, "0.0001234"),
        (123456.7, "123457"),
        (-75.9, "\N{MINUS SIGN}75.9"),
        (1e-9, "1e-09"),
        (0.0, "0"),
        (True, "yes"),
        (7, "7"),
        (None, ""),
    ],
)
def test_numbers_are_shown_as_a_reader_wants_them(value, text):
    assert shown(value) == text
