import h5py
import numpy as np
import pytest

from cardiosim.output.exports import export
from cardiosim.output.results import open_results


def contents_by_vtk(path):
    """What VTK's own reader of VTKHDF finds, at each time."""
    io_hdf = pytest.importorskip("vtkmodules.vtkIOHDF")
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline

    reader = io_hdf.vtkHDFReader()
    reader.SetFileName(str(path))
    reader.UpdateInformation()
    steps = vtkStreamingDemandDrivenPipeline.TIME_STEPS()
    information = reader.GetOutputInformation(0)
    times = information.Get(steps) if information.Has(steps) else [0.0]
    found = []
    for t in times:
        reader.UpdateTimeStep(t)
        data = reader.GetOutputDataObject(0)
        arrays = {}
        for where in (data.GetPointData(), data.GetCellData()):
            for i in range(where.GetNumberOfArrays()):
                array = vtk_to_numpy(where.GetArray(i)).tolist()
                arrays[where.GetArrayName(i)] = array
        cells = []
        for i in range(data.GetNumberOfCells()):
            nodes = data.GetCell(i).GetPointIds()
            nodes = [nodes.GetId(k) for k in range(nodes.GetNumberOfIds())]
            cells.append([data.GetCellType(i), *nodes])
        points = [data.GetPoint(i) for i in range(data.GetNumberOfPoints())]
        found.append({"t": t, "arrays": arrays, "cells": cells, "points": points})
    return found


def read_igb(path):
    """Keys of the head and values (n_times, n_nodes) of an IGB file, by its manual."""
    raw = path.read_bytes()
    head = raw[:1024]
    assert head.endswith(b"\r\n\f")
    lines = head[:-1].decode("ascii").split("\r\n")
    assert max(map(len, lines)) < 80
    keys = dict(pair.split(":", 1) for line in lines for pair in line.split())
    values = np.frombuffer(raw[1024:], dtype="<f4")
    return keys, values.reshape(int(keys["t"]), -1)


def test_vtk_plays_vtkhdf(recorded_run, tmp_path, check):
    folder, mesh = recorded_run
    path = tmp_path / "new" / "run.vtkhdf"
    counts = []
    written = export(
        open_results(folder), "vtkhdf", path, show=lambda *count: counts.append(count)
    )
    assert written == [path]
    assert counts == [(i, 5) for i in range(1, 6)]
    found = contents_by_vtk(path)
    check.series(found, mesh)
    check.activation(found[3]["arrays"], mesh)


def test_vtkhdf_arrays_are_as_long_as_the_steps(recorded_run, tmp_path):
    # VTK ends the whole process where they are longer than NSteps.
    folder, mesh = recorded_run
    path = tmp_path / "run.vtkhdf"
    export(open_results(folder), "vtkhdf", path, ["ina.m"])
    with h5py.File(path) as file:
        root = file["VTKHDF"]
        steps = root["Steps"]
        assert steps.attrs["NSteps"] == 5
        lengths = []
        steps.visititems(
            lambda _, data: (
                lengths.append(len(data)) if isinstance(data, h5py.Dataset) else None
            )
        )
        assert set(lengths) == {5}
        assert "membrane.V" not in root["PointData"]
        assert root["PointData/ina.m"].shape == (5 * mesh.n_nodes,)


def test_paraview_plays_pvd(recorded_run, tmp_path, check, in_paraview):
    pytest.importorskip("meshio")
    folder, mesh = recorded_run
    path = tmp_path / "run.pvd"
    export(open_results(folder), "pvd", path)
    found = in_paraview("PVDReader", path)
    check.series(found, mesh)
    check.activation(found[3]["arrays"], mesh)


def test_another_program_reads_the_vtu_files(recorded_run, tmp_path, check):
    meshio = pytest.importorskip("meshio")
    folder, mesh = recorded_run
    export(open_results(folder), "pvd", tmp_path / "run.pvd")
    files = sorted((tmp_path / "run_steps").iterdir())
    assert len(files) == 5
    read = meshio.read(files[2])
    assert [block.type for block in read.cells] == [shape for shape, _ in mesh.blocks]
    V = 100.0 + np.arange(mesh.n_nodes)
    np.testing.assert_array_equal(read.point_data["membrane.V"], V)
    check.activation(read.point_data, mesh)


def test_igb_holds_one_variable_a_file(recorded_run, tmp_path):
    folder, mesh = recorded_run
    written = export(open_results(folder), "igb", tmp_path / "run.igb")
    assert [path.name for path in written] == [
        "run_ina.m.igb",
        "run_membrane.V.igb",
        "run_lat_1.dat",
        "run_lat_2.dat",
    ]
    keys, V = read_igb(tmp_path / "run_membrane.V.igb")
    assert int(keys["x"]) == mesh.n_nodes
    assert keys["y"] == keys["z"] == "1"
    assert (keys["type"], keys["systeme"]) == ("float", "little_endian")
    assert float(keys["org_t"]) == 0.0
    assert float(keys["dim_t"]) == 2.0
    assert keys["unites"] == "mV"
    t = np.array([0.0, 0.5, 1.0, 1.5, 2.0])
    np.testing.assert_array_equal(V, 100.0 * t[:, None] + np.arange(mesh.n_nodes))
    lat = np.loadtxt(tmp_path / "run_lat_2.dat")
    expected = 10.0 + np.arange(mesh.n_nodes)
    expected[2] = np.nan
    np.testing.assert_array_equal(lat, expected)
    (one,) = [
        path
        for path in export(
            open_results(folder), "igb", tmp_path / "one.igb", ["membrane.V"]
        )
        if path.suffix == ".igb"
    ]
    assert one.name == "one.igb"
    np.testing.assert_array_equal(read_igb(one)[1], V)


def test_igb_wants_equal_steps(recorded_run, tmp_path):
    from cardiosim.output.fields import FieldWriter

    folder, mesh = recorded_run
    with FieldWriter(folder, {"V": "mV"}) as writer:
        for t in (0.0, 0.5, 1.5):
            writer.append(t, {"V": np.zeros(mesh.n_nodes)})
    with pytest.raises(ValueError, match=r"0.5 to 1 ms apart.*vtkhdf or pvd"):
        export(open_results(folder), "igb", tmp_path / "run.igb")
    assert not list(tmp_path.glob("*.igb*"))


def test_one_snapshot_is_no_division_by_zero(recorded_run, tmp_path):
    from cardiosim.output.fields import FieldWriter

    folder, mesh = recorded_run
    with FieldWriter(folder, {"V": "mV*ms, x"}) as writer:
        writer.append(3.0, {"V": np.ones(mesh.n_nodes)})
    export(open_results(folder), "igb", tmp_path / "run.igb")
    keys, V = read_igb(tmp_path / "run.igb")
    assert (keys["t"], keys["org_t"], keys["unites"]) == ("1", "3", "mV.ms..x")
    assert "dim_t" not in keys
    assert (V == 1.0).all()


def test_run_without_snapshots_has_its_activation(recorded_run, tmp_path, check):
    folder, mesh = recorded_run
    for path in folder.glob("fields*"):
        path.unlink()
    results = open_results(folder)
    export(results, "vtkhdf", tmp_path / "run.vtkhdf")
    (found,) = contents_by_vtk(tmp_path / "run.vtkhdf")
    check.mesh(found, mesh)
    check.activation(found["arrays"], mesh)
    export(results, "pvd", tmp_path / "run.pvd")
    assert len(list((tmp_path / "run_steps").iterdir())) == 1
    with pytest.raises(ValueError, match="no snapshots, of membrane.V"):
        export(results, "igb", tmp_path / "run.igb", ["membrane.V"])


@pytest.mark.parametrize("kind", ["vtkhdf", "pvd", "igb"])
def test_earlier_files_are_replaced_only_by_force(recorded_run, tmp_path, kind):
    folder, _ = recorded_run
    results, path = open_results(folder), tmp_path / f"run.{kind}"
    export(results, kind, path)
    before = {p: p.read_bytes() for p in tmp_path.glob(f"*.{kind}")}
    (tmp_path / "run_steps").mkdir(exist_ok=True)
    (tmp_path / "run_steps" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="--force"):
        export(results, kind, path)
    export(results, kind, path, force=True)
    assert {p: len(p.read_bytes()) for p in before} == {
        p: len(content) for p, content in before.items()
    }
    assert (tmp_path / "run_steps" / "notes.txt").exists()


def test_what_cannot_be_exported_is_named(recorded_run, tmp_path):
    results = open_results(recorded_run[0])
    with pytest.raises(ValueError, match="no ina.h; they hold"):
        export(results, "vtkhdf", tmp_path / "run.vtkhdf", ["ina.h"])
    with pytest.raises(ValueError, match='format "stl"'):
        export(results, "stl", tmp_path / "run.stl")
    assert not list(tmp_path.glob("run.*"))
