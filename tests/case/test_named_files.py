"""What a case reads is every file that its results depend on."""

import pytest

from cardiosim.case.named_files import files_of
from cardiosim.case.read import read_case
from cardiosim.tissue.mesh import sheet
from cardiosim.tissue.mesh_io import write_mesh
from cardiosim.tissue.simplices import simplices_of

CASE = """
[mesh]
kind = "file"
file = "%s"
[tissue]
D = 0.1
[cell]
model = "nagumo"
[[stimulus]]
where = 'vertices("site.vtx") or x < 1'
start = 0.0
duration = 1.0
amplitude = 100.0
[time]
dt = 0.1
end = 2.0
"""


@pytest.fixture
def files(tmp_path):
    def _files(mesh, more=""):
        (tmp_path / "case.toml").write_text(CASE % mesh + more)
        found = files_of(read_case(tmp_path))
        return sorted(str(path.relative_to(tmp_path)) for path in found)

    return _files


@pytest.mark.parametrize("name", ["a", "a.pts", "a.elem"])
def test_a_mesh_of_opencarp_is_all_of_its_files(files, tmp_path, name):
    mesh = simplices_of(sheet((2.0, 1.0), 0.5))
    write_mesh(mesh, tmp_path / "a.pts")
    (tmp_path / "a.lon").write_text("1\n" + "1 0 0\n" * mesh.n_elements)
    (tmp_path / "a.pacing.vtx").write_text("1\nintra\n0\n")
    (tmp_path / "b.pts").write_text("")
    assert files(name) == ["a.elem", "a.lon", "a.pacing.vtx", "a.pts", "site.vtx"]


def test_xdmf_keeps_its_numbers_beside_it(files, tmp_path):
    write_mesh(simplices_of(sheet((2.0, 1.0), 0.5)), tmp_path / "a.xdmf")
    assert files("a.xdmf") == ["a.h5", "a.xdmf", "site.vtx"]


def test_regions_of_every_table_are_looked_through(files, tmp_path):
    (tmp_path / "a.vtu").write_text("")
    rule = """
[tissue.fibres]
rule = "circumferential"
start = 'vertices("start.txt")'
end = "a set of the mesh"
wall = ['vertices("in.txt")', "outside"]
[[tissue.region]]
where = 'region(1) and not vertices("scar.txt")'
scale = 0.0
"""
    expected = ["a.vtu", "in.txt", "scar.txt", "site.vtx", "start.txt"]
    assert files("a.vtu", rule) == expected
