"""`cardiosim mesh`: what a file holds is told, and written in another format."""

import pytest

from cardiosim.tissue.mesh_io import read_mesh


@pytest.fixture
def opencarp(tmp_path):
    """Two tetrahedra in um, with a node too many."""
    texts = {
        "pts": "6\n0 0 0\n6000 0 0\n0 5000 0\n0 0 4000\n5000 5000 5000\n9 9 9\n",
        "elem": "2\nTt 0 1 2 3 1\nTt 1 2 3 4 7\n",
        "lon": "1\n1 0 0\n0 0 0\n",
        "tip.vtx": "1\nintra\n4\n",
    }
    for ending, text in texts.items():
        (tmp_path / f"a.{ending}").write_text(text)
    return tmp_path / "a.elem"


def rows(stdout):
    return [line.split() for line in stdout.splitlines()]


def test_info_tells_what_a_mesh_holds(cardiosim, opencarp):
    code, stdout, _ = cardiosim("mesh", "info", opencarp)
    assert code == 0
    told = rows(stdout)
    assert ["nodes", "5"] in told
    assert ["tetra", "elements", "2"] in told
    assert ["extent", "6", "x", "5", "x", "5", "mm"] in told
    assert ["shortest", "edge", "4", "mm"] in told
    assert ["fibres", "1", "elements"] in told
    assert ["1", "1"] in told and ["7", "1"] in told  # regions
    assert ["tip", "1"] in told
    assert "warning: 1 node of 6 dropped" in stdout
    assert "warning: 1 element of 2 without a fibre" in stdout


def test_info_takes_another_unit(cardiosim, opencarp):
    code, stdout, _ = cardiosim("mesh", "info", opencarp, "--unit", "mm")
    assert code == 0
    assert 'the unit may be "um" (6 mm)' in stdout


def test_convert_writes_a_mesh_that_reads_back_the_same(cardiosim, opencarp, tmp_path):
    out = tmp_path / "b.vtu"
    code, stdout, stderr = cardiosim("mesh", "convert", opencarp, out)
    assert code == 0
    assert f"5 nodes, 2 elements written to {out}" in stdout
    assert "1 node of 6 dropped" in stderr
    mesh, _ = read_mesh(out)
    assert mesh.regions.tolist() == [1, 7]
    code, _, stderr = cardiosim("mesh", "convert", opencarp, out)
    assert code == 1
    assert "is there already" in stderr
    code, _, _ = cardiosim("mesh", "convert", opencarp, out, "--force", "--refine", "2")
    assert code == 0
    assert read_mesh(out)[0].n_elements == 2 * 64


def test_convert_to_opencarp_says_that_names_are_lost(cardiosim, opencarp, tmp_path):
    vtu = tmp_path / "b.vtu"
    cardiosim("mesh", "convert", opencarp, vtu)
    import meshio

    mesh = meshio.read(vtu)
    mesh.cell_data["region:septum"] = [(mesh.cell_data["regions"][0] == 7).astype(int)]
    meshio.write(vtu, mesh)
    code, _, stderr = cardiosim("mesh", "convert", vtu, tmp_path / "c.elem")
    assert code == 0
    assert "no names of regions: 7 septum" in stderr


def test_a_mesh_is_refined_six_times_at_most(cardiosim, opencarp, tmp_path):
    """As in a case: each time takes eight times the memory."""
    out = tmp_path / "b.vtu"
    code, _, _ = cardiosim("mesh", "convert", opencarp, out, "--refine", "7")
    assert code == 2
    assert not out.exists()


def test_an_unusable_mesh_is_one_line(cardiosim, opencarp):
    opencarp.write_text("1\nTt 0 1 2 2 1\n")
    opencarp.with_suffix(".lon").unlink()
    code, _, stderr = cardiosim("mesh", "info", opencarp)
    assert code == 1
    assert stderr.count("\n") == 1
    assert "without volume" in stderr
