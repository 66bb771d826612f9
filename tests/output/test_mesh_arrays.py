import h5py
import numpy as np
import pytest

from cardiosim.output.mesh_arrays import (
    SHAPES,
    RegularGrid,
    mesh_arrays,
    read_mesh_file,
    write_mesh_file,
)
from cardiosim.tissue import mesh as tissue_mesh

from .conftest import grid_mesh, mixed_mesh


@pytest.mark.parametrize("mesh", [mixed_mesh(), grid_mesh()], ids=["mixed", "grid"])
def test_meshes_read_back(mesh, tmp_path):
    write_mesh_file(tmp_path, mesh)
    back = read_mesh_file(tmp_path)
    assert back.kind == mesh.kind
    assert back.region_names == mesh.region_names
    np.testing.assert_array_equal(back.points, mesh.points)
    for (shape, nodes), (shape_back, nodes_back) in zip(
        mesh.blocks, back.blocks, strict=True
    ):
        assert shape == shape_back
        np.testing.assert_array_equal(nodes, nodes_back)
    for name in ("regions", "fibres"):
        np.testing.assert_array_equal(back.element_data[name], mesh.element_data[name])
    if mesh.grid is None:
        assert back.grid is None
    else:
        assert (back.grid.shape, back.grid.size) == (mesh.grid.shape, mesh.grid.size)


def test_more_than_ten_blocks_stay_in_order(tmp_path):
    # "10_line" stands before "2_line" in the file.
    blocks = [("line", [[k, k + 1]]) for k in range(12)]
    write_mesh_file(tmp_path, mesh_arrays(np.zeros((13, 3)), blocks))
    back = read_mesh_file(tmp_path).blocks
    assert [int(nodes[0, 0]) for _, nodes in back] == list(range(12))


def test_mixed_elements_say_their_shape(tmp_path):
    write_mesh_file(tmp_path, mixed_mesh())
    with h5py.File(tmp_path / "mesh.h5") as file:
        mixed = file["mixed"][:].tolist()
    assert mixed[:8] == [2, 2, 6, 7, 2, 2, 7, 8], "lines: code, count, nodes"
    assert mixed[8:16] == [4, 1, 5, 4, 4, 5, 6, 4], "triangles: code, nodes"
    assert mixed[16:] == [6, 0, 1, 2, 3, 6, 1, 2, 3, 4], "tetrahedra: code, nodes"


def test_values_are_placed_on_their_grid():
    grid = RegularGrid((3, 2), (2.0, 1.0))
    assert grid.place(np.arange(6)).tolist() == [[0, 1, 2], [3, 4, 5]]
    holes = RegularGrid((3, 2), (2.0, 1.0), np.array([0, 1, 5]))
    placed = holes.place(np.array([[7.0, 8.0, 9.0]]))
    np.testing.assert_array_equal(placed, [[[7.0, 8.0, np.nan], [np.nan, np.nan, 9.0]]])


def test_shapes_are_those_of_the_tissue():
    counts = {name: entry[:2] for name, entry in SHAPES.items()}
    assert counts == tissue_mesh.SHAPES


def test_arrays_that_do_not_fit_are_refused():
    points = np.zeros((3, 3))
    with pytest.raises(ValueError, match=r"\(n_nodes, 3\)"):
        mesh_arrays(points[:, :2], [])
    with pytest.raises(ValueError, match='shape "wedge"; expected one of vertex'):
        mesh_arrays(points, [("wedge", [[0, 1, 2]])])
    with pytest.raises(ValueError, match="with 2 vertices"):
        mesh_arrays(points, [("line", [[0, 1, 2]])])
    line = [("line", [[0, 1], [1, 2]])]
    with pytest.raises(ValueError, match=r"regions has shape \(3,\).*\(2,\)"):
        mesh_arrays(points, line, element_data={"regions": [1, 2, 3]})
    with pytest.raises(ValueError, match=r"lat has shape \(2,\).*a node, \(3,\)"):
        mesh_arrays(points, line, node_data={"lat": [1.0, 2.0]})
