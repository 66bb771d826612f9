import math

import numpy as np
import pytest

from cardiosim.output.tables import read_table, write_table

COLUMNS = {"interval": [300.0, 1000.0], "apd90": [math.nan, 1 / 3], "answered": [0, 1]}
UNITS = {"interval": "ms", "apd90": "ms", "answered": "1"}


def test_a_table_comes_back_with_its_units(tmp_path):
    write_table(tmp_path / "t.csv", COLUMNS, UNITS)
    values, units = read_table(tmp_path / "t.csv")
    assert units == UNITS and list(values) == list(COLUMNS)
    np.testing.assert_array_equal(values["interval"], [300.0, 1000.0])
    np.testing.assert_array_equal(values["answered"], [0.0, 1.0])
    # Ten digits.
    np.testing.assert_allclose(values["apd90"], [math.nan, 1 / 3], rtol=2e-10)


def test_nothing_stands_for_nan_and_units_stand_in_the_heading(tmp_path):
    write_table(tmp_path / "t.csv", COLUMNS, UNITS)
    text = (tmp_path / "t.csv").read_text()
    assert text.splitlines()[:2] == ["interval (ms),apd90 (ms),answered", "300,,0"]


def test_text_stays_text(tmp_path):
    write_table(tmp_path / "t.csv", {"cell": ["a,b", "c"], "x": [1.0, 2.0]}, {})
    values, units = read_table(tmp_path / "t.csv")
    assert values["cell"].tolist() == ["a,b", "c"] and units["x"] == "1"


def test_a_table_without_rows_has_its_columns(tmp_path):
    write_table(tmp_path / "t.csv", {"x": [], "y": []}, {"x": "mV"})
    values, units = read_table(tmp_path / "t.csv")
    assert [v.size for v in values.values()] == [0, 0] and units["x"] == "mV"


def test_columns_of_different_length_are_an_error_and_leave_no_file(tmp_path):
    with pytest.raises(ValueError, match="differ in length"):
        write_table(tmp_path / "t.csv", {"x": [1.0], "y": [1.0, 2.0]}, {})
    assert not list(tmp_path.iterdir())


def test_a_table_replaces_another(tmp_path):
    write_table(tmp_path / "t.csv", COLUMNS, UNITS)
    write_table(tmp_path / "t.csv", {"x": np.array([1.5])}, {})
    assert read_table(tmp_path / "t.csv")[0]["x"] == [1.5]
    assert [file.name for file in tmp_path.iterdir()] == ["t.csv"]
