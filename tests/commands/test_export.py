import h5py
import meshio
import numpy as np
import pytest

from cardiosim import open_results, read_fields
from cardiosim.tissue.finite_element import element_sizes
from cardiosim.tissue.mesh_io import read_mesh

SHEET = """
[mesh]
kind = "sheet"
size = [2.0, 1.5]
dx = 0.5
holes = "x > 1 and y > 1"
[tissue]
D = 0.1
[cell]
model = "nagumo"
[time]
dt = 0.02
end = 0.1
"""
SNAPSHOTS = ("--set", "record.snapshot={interval = 2.0}")


def test_a_run_is_exported_beside_its_folder(cardiosim, front, tmp_path):
    out = tmp_path / "results" / "front"
    assert cardiosim("run", front, "--out", out, *SNAPSHOTS)[0] == 0
    code, said, _ = cardiosim("export", out)
    path = tmp_path / "results" / "front.vtkhdf"
    assert (code, said) == (0, f"wrote {path}\n")
    fields = read_fields(out)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["VTKHDF/Steps/Values"][:], fields.times)
        np.testing.assert_array_equal(
            file["VTKHDF/PointData/membrane.V"][:], fields.values["membrane.V"].ravel()
        )
        np.testing.assert_array_equal(
            file["VTKHDF/PointData/lat_1"][:], open_results(out).activation[0]
        )
    code, _, error = cardiosim("export", out)
    assert code == 1
    assert "--force" in error
    assert cardiosim("export", out, "--force")[0] == 0
    # A results folder with a folder in it could not be replaced by the next run.
    assert cardiosim("export", out, "--format", "pvd")[0] == 0
    assert cardiosim("run", front, "--out", out, "--force")[0] == 0


def test_igb_comes_with_its_mesh(cardiosim, front, tmp_path):
    out = tmp_path / "out"
    assert cardiosim("run", front, "--out", out, *SNAPSHOTS)[0] == 0
    code, said, _ = cardiosim(
        "export", out, "--format", "igb", "--out", tmp_path / "carp" / "vm.igb"
    )
    assert code == 0
    names = ["vm.elem", "vm.igb", "vm.lon", "vm.pts", "vm_lat_1.dat"]
    assert sorted(path.name for path in (tmp_path / "carp").iterdir()) == names
    assert all(name in said for name in names)
    points = np.loadtxt(tmp_path / "carp" / "vm.pts", skiprows=1)
    np.testing.assert_allclose(points, 1000.0 * open_results(out).mesh_points)  # um


def test_pvd_of_some_variables(cardiosim, front, tmp_path):
    out = tmp_path / "out"
    two = "record.snapshot={interval = 8.0, variables = ['membrane.V', 'membrane.u']}"
    assert cardiosim("run", front, "--out", out, "--set", two)[0] == 0
    path = tmp_path / "u.pvd"
    code, *_ = cardiosim(
        "export", out, "--format", "pvd", "--out", path, "--variables", "membrane.u"
    )
    assert code == 0
    first = sorted((tmp_path / "u_steps").iterdir())[0]
    assert set(meshio.read(first).point_data) == {"membrane.u", "lat_1"}
    code, _, error = cardiosim("export", out, "--variables", "membrane.w")
    assert code == 1
    assert "membrane.w; they hold" in error


def test_runs_that_did_not_finish_are_exported_with_a_word(cardiosim, front, tmp_path):
    out = tmp_path / "out"
    assert cardiosim("run", front, "--out", out, *SNAPSHOTS)[0] == 0
    (out / "summary.json").unlink()
    code, _, error = cardiosim("export", out)
    assert code == 0
    assert "has not finished" in error


@pytest.mark.parametrize("fibres", [None, 90.0])
def test_igb_of_a_grid_comes_with_its_simplices(cardiosim, tmp_path, fibres):
    """Nodes are those of the values; squares are two triangles each."""
    (tmp_path / "case.toml").write_text(SHEET)
    angle = () if fibres is None else ("--set", f"tissue.fibres={{angle={fibres}}}")
    out = tmp_path / "out"
    assert cardiosim("run", tmp_path, "--out", out, *angle)[0] == 0
    path = tmp_path / "vm.igb"
    assert cardiosim("export", out, "--format", "igb", "--out", path)[0] == 0
    mesh, report = read_mesh(tmp_path / "vm.pts")
    points = open_results(out).mesh_points
    np.testing.assert_allclose(mesh.points, points, atol=1e-12)
    (block,) = mesh.blocks
    assert block.shape == "triangle"
    # The hole takes two of the 4 x 3 squares.
    assert element_sizes(mesh).sum() == pytest.approx(10 * 0.5**2)
    # Without fibres they are along x.
    expected = [1.0, 0.0, 0.0] if fibres is None else [0.0, 1.0, 0.0]
    np.testing.assert_allclose(mesh.fibres, np.tile(expected, (20, 1)), atol=1e-7)


def test_exports_hold_what_the_tissue_is(cardiosim, tmp_path):
    (tmp_path / "case.toml").write_text(SHEET)
    out = tmp_path / "out"
    fibrosis = "tissue.fibrosis=[{kind='diffuse', fraction=0.5, scale=0.5}]"
    assert cardiosim("run", tmp_path, "--out", out, "--set", fibrosis)[0] == 0
    path = tmp_path / "a.vtkhdf"
    assert cardiosim("export", out, "--out", path)[0] == 0
    with h5py.File(path) as file:
        fibrotic = file["VTKHDF/CellData/fibrosis"][:]
        D = file["VTKHDF/CellData/D_along"][:]
    assert 0 < fibrotic.sum() < 10
    np.testing.assert_allclose(D, np.where(fibrotic == 1, 0.05, 0.1), rtol=1e-6)
