"""The XDMF files in ParaView itself, by both of its readers."""

import meshio
import numpy as np
import pytest


@pytest.mark.parametrize("reader", ["Xdmf3ReaderS", "XDMFReader"])
def test_paraview_plays_the_series(recorded_run, reader, in_paraview, check):
    folder, mesh = recorded_run
    check.series(in_paraview(reader, folder / "fields.xdmf"), mesh)


@pytest.mark.parametrize("reader", ["Xdmf3ReaderS", "XDMFReader"])
def test_paraview_shows_activation(recorded_run, reader, in_paraview, check):
    folder, mesh = recorded_run
    (found,) = in_paraview(reader, folder / "activation.xdmf")
    check.mesh(found, mesh)
    check.activation(found["arrays"], mesh)


def test_another_program_reads_mixed_elements(recorded_run, check):
    folder, mesh = recorded_run
    read = meshio.read(folder / "activation.xdmf")
    np.testing.assert_array_equal(read.points, mesh.points)
    assert [block.type for block in read.cells] == [shape for shape, _ in mesh.blocks]
    for block, (_, nodes) in zip(read.cells, mesh.blocks, strict=True):
        np.testing.assert_array_equal(block.data, nodes)
    np.testing.assert_array_equal(
        np.concatenate(read.cell_data["regions"]), mesh.element_data["regions"]
    )
    check.activation(read.point_data, mesh)
