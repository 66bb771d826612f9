"""Electrodes of a case: where they are, what they are called, what is refused."""

import numpy as np
import pytest

from cardiosim.case.electrogram_tables import ElectrogramTable
from cardiosim.case.electrograms import (
    across_of,
    electrodes_of,
    resolved_electrograms,
    warnings_of_electrodes,
)
from cardiosim.case.read import CaseError, read_case
from cardiosim.case.resolve import resolve
from cardiosim.tissue.mesh import cable, sheet, slab
from cardiosim.tissue.simplices import simplices_of

SHEET = """
[mesh]
kind = "sheet"
size = [10.0, 10.0]
dx = 0.5
[tissue]
{tissue}
[cell]
model = "nagumo"
[time]
dt = 0.02
end = 10.0
{tables}
"""
GRID = "[[record.electrogram]]\ngrid = { centre = [5, 5] }\nheight = 1.0\n"


@pytest.fixture
def case_of(tmp_path):
    def _case_of(tables=GRID, tissue="D = 0.1"):
        (tmp_path / "case.toml").write_text(SHEET.format(tables=tables, tissue=tissue))
        return read_case(tmp_path)

    return _case_of


def test_grid_lies_above_its_centre_with_a_name_for_each_electrode():
    table = ElectrogramTable(
        grid={"centre": (5.0, 4.0), "rows": 2, "columns": 3, "spacing": (2.0, 3.0)},
        height=0.7,
    )
    found = electrodes_of(table)
    assert found.names == ("A1", "A2", "A3", "B1", "B2", "B3")
    assert found.positions == pytest.approx(
        np.array(
            [[3, 5.5, 0.7], [5, 5.5, 0.7], [7, 5.5, 0.7]]
            + [[3, 2.5, 0.7], [5, 2.5, 0.7], [7, 2.5, 0.7]]
        )
    )
    names = [(found.names[a], found.names[b]) for a, b in found.pairs]
    in_rows = [("A1", "A2"), ("A2", "A3"), ("B1", "B2"), ("B2", "B3")]
    assert names == [*in_rows, ("A1", "B1"), ("A2", "B2"), ("A3", "B3")]


def test_catheter_turns_with_its_normal():
    table = ElectrogramTable(
        grid={"centre": (1.0, 2.0, 3.0)}, normal=(1, 1, 0), along=(0, 1, 1), height=2.0
    )
    away = electrodes_of(table).positions - [1.0, 2.0, 3.0]
    normal = np.array([1.0, 1.0, 0.0]) / np.sqrt(2.0)
    assert away @ normal == pytest.approx(np.full(16, 2.0))
    a1, a2 = electrodes_of(table).positions[:2]
    assert np.linalg.norm(a2 - a1) == pytest.approx(3.0)


def test_ring_closes():
    table = ElectrogramTable(ring={"centre": (5.0, 5.0), "count": 8, "diameter": 12.0})
    found = electrodes_of(table)
    away = found.positions - [5.0, 5.0, 0.0]
    assert np.linalg.norm(away, axis=1) == pytest.approx(np.full(8, 6.0))
    assert found.positions[0] == pytest.approx([11.0, 5.0, 0.0])
    assert found.pairs[-1].tolist() == [7, 0]


def test_list_is_a_chain():
    found = electrodes_of(ElectrogramTable(electrodes=((1.0,), (2.0, 3.0))))
    assert found.positions.tolist() == [[1.0, 0.0, 0.0], [2.0, 3.0, 0.0]]
    assert found.pairs.tolist() == [[0, 1]]


def test_defaults_are_spelled_out(case_of):
    (table,) = resolve(case_of(), "membrane.V").record.electrogram
    assert (table.name, table.conductivity) == ("electrogram0", 0.6)
    assert table.interval == pytest.approx(0.5)  # 25 steps of 0.02 ms
    assert (table.chi, table.C_m) == (140.0, 0.01)
    ours = case_of(tissue="sigma_l = 0.1\nsigma_t = 0.1\nchi = 100.0")
    (table,) = resolved_electrograms(ours)
    assert (table.chi, table.C_m) == (100.0, 0.01)


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        ("[[record.electrogram]]\nheight = 1.0\n", "give one of electrodes"),
        (GRID + "ring = { centre = [5, 5] }\n", "grid and ring came"),
        (GRID + "normal = [0, 0, 0]\n", "normal: .* points nowhere"),
        (GRID + "along = [0, 0, 2]\n", "points where normal does"),
        (GRID + "cross_section = 2.0\n", "of a mesh of 1 dimension, and this one"),
        (2 * (GRID + 'name = "hd"\n'), '"hd" came before'),
        (GRID + 'name = "a b"\n', "becomes part of the name"),
        (GRID.replace("[5, 5]", "[5, 5], spacing = [1, 2, 3]"), "3 numbers came"),
    ],
)
def test_faults_are_named(case_of, tables, says):
    with pytest.raises(CaseError, match=says):
        case_of(tables)


def test_single_cells_have_no_electrograms(case_of, tmp_path):
    case_of()
    text = (tmp_path / "case.toml").read_text()
    sheet_of = 'kind = "sheet"\nsize = [10.0, 10.0]\ndx = 0.5\n[tissue]\nD = 0.1\n'
    (tmp_path / "case.toml").write_text(text.replace(sheet_of, 'kind = "point"\n'))
    with pytest.raises(CaseError, match="electrogram needs tissue"):
        read_case(tmp_path)


def test_membrane_of_the_source_is_that_of_the_tissue(case_of):
    sigma = "sigma_l = 0.1\nsigma_t = 0.1\n"
    with pytest.raises(CaseError, match="chi is 100 and tissue.chi 140"):
        resolved_electrograms(case_of(GRID + "chi = 100.0\n", sigma))
    own = sigma + '[[tissue.region]]\nwhere = "x <= 2"\nchi = 200.0\nsigma_l = 0.1\n'
    with pytest.raises(CaseError, match="has a chi of its own"):
        resolved_electrograms(case_of(tissue=own))


def test_size_across_makes_volumes():
    plain = ElectrogramTable(electrodes=((1.0,),))
    thick = ElectrogramTable(electrodes=((1.0,),), thickness=2.5)
    flat = sheet((2.0, 2.0), 0.5)
    assert across_of(plain, flat, "key") == 1.0
    assert across_of(thick, flat, "key") == 2.5
    assert across_of(plain, slab((1.0, 1.0, 1.0), 0.5), "key") == 1.0
    with pytest.raises(CaseError, match="have volumes already"):
        across_of(thick, slab((1.0, 1.0, 1.0), 0.5), "key")
    with pytest.raises(CaseError, match=r"key\.thickness: the mesh has dimension 1"):
        across_of(thick, cable(2.0, 0.5), "key")
    shell = simplices_of(flat)
    object.__setattr__(shell, "thickness", 2.0)  # which its masses hold
    assert across_of(plain, shell, "key") == 1.0
    assert across_of(thick, shell, "key") == 1.25


def test_electrodes_in_touch_with_the_nodes_are_warned_of(case_of):
    case = resolve(case_of(GRID.replace("1.0", "0.1")), "membrane.V")
    (line,) = warnings_of_electrodes(case, sheet((10.0, 10.0), 0.5))
    assert "16 of 16 electrodes are nearer" in line and "0.1 mm of 0.5 mm" in line
    fine = resolve(case_of(), "membrane.V")
    assert warnings_of_electrodes(fine, sheet((10.0, 10.0), 0.5)) == []
