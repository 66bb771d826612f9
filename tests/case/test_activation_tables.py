"""What a case may say about activation, repolarisation and velocity fields."""

import pytest

from cardiosim.case.read import CaseError, read_case

SHEET = """
[mesh]
kind = "sheet"
size = [1.0, 1.0]
dx = 0.5
[tissue]
D = 0.1
[cell]
model = "mitchell_schaeffer2003"
[time]
dt = 0.1
end = 1.0
"""


@pytest.fixture
def read(tmp_path):
    """Read a sheet with further lines, and overrides as of --set."""

    def _read(more="", *overrides, text=SHEET):
        (tmp_path / "case.toml").write_text(text + more)
        return read_case(tmp_path, overrides)

    return _read


def test_defaults_are_threshold_crossings_and_no_durations(read):
    record = read().record
    assert record.activation.method == "threshold"
    assert record.repolarisation is None


def test_a_table_without_levels_means_ninety_percent(read):
    assert read("[record.repolarisation]").record.repolarisation.percents == (90.0,)


def test_levels_have_units_and_can_be_set(read):
    record = read(
        "[record.repolarisation]\npotentials = ['-0.06 V']",
        "record.repolarisation.percents=[30, 80]",
        "record.activation.method=dvdt_max",
    ).record
    assert record.activation.method == "dvdt_max"
    assert record.repolarisation.percents == (30.0, 80.0)
    assert record.repolarisation.potentials == pytest.approx((-60.0,))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ('record.activation.method = "dvdt"', "record.activation.method"),
        ("record.repolarisation.percents = [100]", "record.repolarisation.percents"),
        ("record.repolarisation.percents = []", "name a level"),
        ("record.repolarisation.percents = [90, 90.0]", "names a level twice"),
        ("measure.cv_field.radius = 0.0", "measure.cv_field.radius"),
        ("measure.cv_field.beat = 0", "measure.cv_field.beat"),
    ],
)
def test_mistakes_are_named(read, more, says):
    with pytest.raises(CaseError, match=says):
        read(text=f"{more}\n{SHEET}")


def test_single_cells_have_no_maps(read):
    cell = SHEET.replace(
        'kind = "sheet"\nsize = [1.0, 1.0]\ndx = 0.5', 'kind = "point"'
    )
    cell = cell.replace("[tissue]\nD = 0.1\n", "")
    with pytest.raises(CaseError, match="measure.apd has durations of single cells"):
        read("[record.repolarisation]", text=cell)
    with pytest.raises(CaseError, match="measure.cv_field needs tissue"):
        read("[measure.cv_field]", text=cell)
