"""A report tells of electrograms and durations at nodes how finely they were taken."""

import json

import pytest
from typer.testing import CliRunner

from cardiosim.commands import _application

CASE = """
title = "electrodes, and no trace of V"
[mesh]
kind = "cable"
length = 8.0
dx = 0.2
[tissue]
D = 0.15
[cell]
model = "mitchell_schaeffer2003"
scheme = "rush_larsen"
[[stimulus]]
where = "x <= 1.0"
start = 0.0
duration = 2.0
amplitude = 40.0
[time]
dt = 0.1
end = 450.0
[record.repolarisation]
percents = [90]
[[record.electrogram]]
name = "probe"
electrodes = [[4.0, 1.0, 0.0], [6.0, 1.0, 0.0]]
interval = 0.5
"""


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    folder = tmp_path_factory.mktemp("electrodes")
    (folder / "case.toml").write_text(CASE)
    for arguments in (
        ("run", folder, "--out", folder / "results"),
        ("report", folder / "results", "--out", folder / "page.html"),
    ):
        done = CliRunner().invoke(_application(), list(map(str, arguments)))
        assert done.exit_code == 0, (done.output, done.exception)
    return json.loads((folder / "page.json").read_text())


@pytest.mark.parametrize(
    ("name", "resolution"),
    [
        ("probe_amplitude", "samples every 0.5 ms"),
        ("probe_bipolar_amplitude", "samples every 0.5 ms"),
        ("apd90_median", "steps of 0.1 ms, interpolated"),
        ("apd90_dispersion", "steps of 0.1 ms, interpolated"),
    ],
)
def test_resolution_is_that_of_what_was_recorded(document, name, resolution):
    (row,) = (
        dict(zip([column["name"] for column in table["columns"]], row, strict=True))
        for section in document["sections"]
        for table in section["tables"]
        for row in table["rows"]
        if row[0] == name
    )
    assert row["resolution"] == resolution
