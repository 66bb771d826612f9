import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import h5py
import meshio
import numpy as np
import pytest

from cardiosim.output import fields
from cardiosim.output.fields import FieldWriter, open_fields, read_fields
from cardiosim.output.mesh_arrays import mesh_arrays, write_mesh_file

X = np.linspace(0.0, 2.0, 21)
POINTS = np.column_stack([X, 0 * X, 0 * X])
LINES = np.column_stack([np.arange(20), np.arange(1, 21)])
UNITS = {"membrane.V": "mV", "ina.m": "1"}

# Starts a writer in folder after folder and kills it, each a little later in its work.
# It does nothing but write, the files anew at every step: it dies in the middle of it.
KILLER = """
import os, signal, sys, time
from pathlib import Path
import numpy as np
from cardiosim.output import fields
from cardiosim.output.mesh_arrays import mesh_arrays, write_mesh_file

fields.WRITE_INTERVAL, fields.WRITE_SHARE, fields.BLOCK_DATASETS = 0.0, 1e9, 16

def write(folder):
    mesh = mesh_arrays(np.zeros((21, 3)), [("vertex", np.arange(21)[:, None])])
    write_mesh_file(folder, mesh)
    writer = fields.FieldWriter(folder, {"V": "mV", "m": "1"})
    for i in range(1_000_000):
        writer.append(0.5 * i, {"V": np.full(21, float(i)), "m": np.full(21, i / 10)})

for n in range(int(sys.argv[2])):
    folder = Path(sys.argv[1]) / f"{n:03d}"
    folder.mkdir()
    child = os.fork()
    if child == 0:
        write(folder)
        os._exit(1)
    deadline = time.monotonic() + 60.0
    while not (folder / "fields.xdmf").exists() and time.monotonic() < deadline:
        pass
    time.sleep(0.05 * (n * 0.618 % 1.0))
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
"""
N_KILLS = 60


def begin(folder, elements=LINES, shape="line", units=UNITS):
    write_mesh_file(folder, mesh_arrays(POINTS, [(shape, elements)]))
    return FieldWriter(folder, units)


def append_three(folder, elements=LINES, shape="line"):
    with begin(folder, elements, shape) as writer:
        for t in (0.0, 0.1, 0.2):
            writer.append(t, {"membrane.V": X + t, "ina.m": X * t})


def indexed(folder):
    """What the index promises: list of (t, {name: array}), read from the HDF5 file."""
    steps = []
    root = ElementTree.parse(folder / "fields.xdmf").getroot()
    for grid in root.iterfind("./Domain/Grid/Grid"):
        values = {}
        for attribute in grid.iterfind("Attribute"):
            item = attribute.find("DataItem")
            file, dataset = item.text.split(":")
            with h5py.File(folder / file, "r", locking=False) as source:
                values[attribute.get("Name")] = source[dataset][:]
            shape = tuple(int(n) for n in item.get("Dimensions").split())
            assert values[attribute.get("Name")].shape == shape
        steps.append((float(grid.find("Time").get("Value")), values))
    return steps


def test_snapshots_read_back(tmp_path):
    append_three(tmp_path)
    back = read_fields(tmp_path)
    np.testing.assert_array_equal(back.times, [0.0, 0.1, 0.2])
    np.testing.assert_array_equal(back.mesh.points, POINTS)
    ((shape, elements),) = back.mesh.blocks
    assert shape == "line"
    np.testing.assert_array_equal(elements, LINES)
    np.testing.assert_array_equal(back.values["membrane.V"][1], X + 0.1)
    np.testing.assert_array_equal(back.values["ina.m"][2], X * 0.2)
    assert back.units == UNITS


@pytest.mark.parametrize(
    ("elements", "kind"), [(LINES, "line"), (np.arange(21)[:, None], "vertex")]
)
def test_another_program_reads_the_series(tmp_path, elements, kind):
    append_three(tmp_path, elements, kind)
    with meshio.xdmf.TimeSeriesReader(tmp_path / "fields.xdmf") as reader:
        points, cells = reader.read_points_cells()
        assert reader.num_steps == 3
        t, point_data, _ = reader.read_data(2)
    np.testing.assert_array_equal(points, POINTS)
    assert cells[0].type == kind
    np.testing.assert_array_equal(cells[0].data, elements)
    assert t == 0.2
    np.testing.assert_array_equal(point_data["membrane.V"], X + 0.2)


def test_index_appears_with_the_first_snapshot(tmp_path):
    writer = begin(tmp_path)
    assert not (tmp_path / "fields.xdmf").exists()
    writer.append(0.0, {"membrane.V": X})
    ((t, values),) = indexed(tmp_path)
    assert t == 0.0
    np.testing.assert_array_equal(values["membrane.V"], X)
    writer.close()


def test_files_are_not_rewritten_at_every_snapshot(tmp_path, monkeypatch):
    clock = iter(np.arange(0.0, 100.0, 0.01))  # a look a snapshot, two with writing
    monkeypatch.setattr(fields.time, "monotonic", lambda: next(clock))
    replaced = []
    replace = os.replace

    def replace_and_note(partial, path):
        replaced.append(Path(path).name)
        replace(partial, path)

    monkeypatch.setattr(os, "replace", replace_and_note)
    with begin(tmp_path) as writer:
        for i in range(200):
            writer.append(i, {"membrane.V": X})
    # 200 snapshots in about 2 s: block and index each half second and at close
    assert replaced[0] == "mesh.h5"
    n = len(replaced) // 2
    assert replaced[1:] == n * ["fields_0000.h5", "fields.xdmf"]
    assert 4 <= n <= 6
    assert len(indexed(tmp_path)) == len(read_fields(tmp_path).times) == 200


def test_many_snapshots_make_few_files(tmp_path, monkeypatch):
    monkeypatch.setattr(fields, "BLOCK_DATASETS", 20)
    with begin(tmp_path) as writer:
        for i in range(25):
            writer.append(i, {"membrane.V": X + i, "ina.m": X * i})
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "fields.xdmf",
        "fields_0000.h5",
        "fields_0001.h5",
        "fields_0002.h5",
        "mesh.h5",
    ]
    back = read_fields(tmp_path)
    np.testing.assert_array_equal(back.times, np.arange(25))
    for i, (t, values) in enumerate(indexed(tmp_path)):
        assert t == i
        np.testing.assert_array_equal(values["membrane.V"], X + i)
        np.testing.assert_array_equal(back.values["ina.m"][i], X * i)


def test_large_snapshots_are_not_kept_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(fields, "BLOCK_BYTES", 2 * X.nbytes)
    writer = begin(tmp_path)
    for i in range(6):
        writer.append(i, {"membrane.V": X + i})
    assert (tmp_path / "fields_0002.h5").exists()
    np.testing.assert_array_equal(read_fields(tmp_path).times, np.arange(6))
    writer.close()


def test_snapshots_are_copied(tmp_path):
    V = X.copy()
    with begin(tmp_path) as writer:
        for t in (0.0, 0.1, 0.2):
            writer.append(t, {"membrane.V": V})
            V += 1.0
    np.testing.assert_array_equal(
        read_fields(tmp_path).values["membrane.V"], [X, X + 1.0, X + 1.0 + 1.0]
    )


def test_killed_runs_leave_folders_that_open(tmp_path):
    subprocess.run(
        [sys.executable, "-c", KILLER, str(tmp_path), str(N_KILLS)],
        cwd=Path(__file__).parents[2],
        check=True,
    )
    folders = sorted(tmp_path.iterdir())
    assert len(folders) == N_KILLS
    # Otherwise no kill has hit the writing, and this test decides nothing.
    assert any(True for folder in folders for _ in folder.glob("*.partial"))
    for folder in folders:
        steps = indexed(folder)
        assert steps
        for i, (t, values) in enumerate(steps):
            assert t == 0.5 * i
            assert (values["V"] == i).all()
            assert (values["m"] == i / 10).all()
        with meshio.xdmf.TimeSeriesReader(folder / "fields.xdmf") as reader:
            reader.read_points_cells()
            assert reader.num_steps == len(steps)
        back = read_fields(folder)
        n = len(back.times)
        assert n in (len(steps), len(steps) + 1)
        np.testing.assert_array_equal(back.times, 0.5 * np.arange(n))
        for name, factor in (("V", 1), ("m", 10)):
            expected = np.repeat(np.arange(n)[:, None] / factor, 21, axis=1)
            np.testing.assert_array_equal(back.values[name], expected)


def test_reading_while_writing(tmp_path, monkeypatch):
    monkeypatch.setattr(fields, "WRITE_INTERVAL", 0.0)
    monkeypatch.setattr(fields, "WRITE_SHARE", np.inf)
    monkeypatch.setattr(fields, "BLOCK_DATASETS", 3)
    writer = begin(tmp_path)
    writer.append(0, {"membrane.V": X})
    with h5py.File(tmp_path / "fields_0000.h5", "r") as early:
        for i in range(1, 5):
            writer.append(i, {"membrane.V": X + i})
            back = read_fields(tmp_path)
            np.testing.assert_array_equal(back.times, np.arange(i + 1))
            np.testing.assert_array_equal(back.values["membrane.V"][i], X + i)
            assert len(indexed(tmp_path)) == i + 1
        assert len(early["times"]) == 1, "a reader keeps what it opened"
    writer.close()


def test_new_writer_drops_the_old_snapshots(tmp_path):
    append_three(tmp_path)
    begin(tmp_path).close()
    assert [path.name for path in tmp_path.iterdir()] == ["mesh.h5"]
    with pytest.raises(FileNotFoundError, match="holds no snapshots"):
        read_fields(tmp_path)


def test_awkward_names_are_escaped(tmp_path):
    with begin(tmp_path, units={"a<b&c": "1"}) as writer:
        writer.append(0.0, {"a<b&c": X})
    ((_, values),) = indexed(tmp_path)
    np.testing.assert_array_equal(values["a<b&c"], X)


def test_wrong_snapshots_are_refused_and_leave_no_trace(tmp_path):
    writer = begin(tmp_path)
    writer.append(0.0, {"membrane.V": X})
    for values, says in (
        ({"membrane.V": X[1:]}, r"\(21,\)"),
        ({"ina.m": X}, "in every snapshot"),
        ({}, "in every snapshot"),
        ({"membrane.V": X.astype(complex)}, "number type"),
    ):
        with pytest.raises(ValueError, match=says):
            writer.append(1.0, values)
    writer.append(1.0, {"membrane.V": X})
    writer.close()
    writer.close()
    np.testing.assert_array_equal(read_fields(tmp_path).times, [0.0, 1.0])
    with pytest.raises(ValueError, match="closed"):
        writer.append(2.0, {"membrane.V": X})


def test_wrong_units_and_missing_meshes_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="write the mesh before"):
        FieldWriter(tmp_path, UNITS)
    writer = begin(tmp_path)
    with pytest.raises(ValueError, match="no unit was given for ina.h"):
        writer.append(0.0, {"ina.h": X})


def test_folder_without_snapshots_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="no snapshots"):
        read_fields(tmp_path)


def test_steps_are_read_one_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(fields, "BLOCK_DATASETS", 4)
    with begin(tmp_path) as writer:
        for i in range(9):
            writer.append(0.5 * i, {"membrane.V": X + i, "ina.m": X * i})
    series = open_fields(tmp_path)
    assert (series.n_nodes, series.units) == (21, UNITS)
    for i, (t, values) in enumerate(series):
        assert t == 0.5 * i
        np.testing.assert_array_equal(values["membrane.V"], X + i)
        np.testing.assert_array_equal(values["ina.m"], X * i)
    some = list(series.steps(["ina.m"], which=[1, 2, 7]))
    assert [t for t, _ in some] == [0.5, 1.0, 3.5]
    assert list(some[2][1]) == ["ina.m"]
    np.testing.assert_array_equal(some[2][1]["ina.m"], X * 7)
    assert series.nearest(3.3) == 7
    with pytest.raises(ValueError, match="no ina.h; they hold .*ina.m"):
        list(series.steps(["ina.h"]))


def test_index_stays_short(tmp_path):
    # What all steps share is repeated as a reference of some hundred characters.
    mesh = mesh_arrays(
        POINTS,
        [("line", LINES)],
        element_data={"regions": np.zeros(20, dtype=int), "fibres": np.zeros((20, 3))},
    )
    write_mesh_file(tmp_path, mesh)
    with FieldWriter(tmp_path, UNITS) as writer:
        for i in range(100):
            writer.append(i, {"membrane.V": X})
    assert (tmp_path / "fields.xdmf").stat().st_size < 100 * 1200
