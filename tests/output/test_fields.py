import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import h5py
import meshio
import numpy as np
import pytest

from cardiosim.output import fields
from cardiosim.output.fields import FieldWriter, read_fields

X = np.linspace(0.0, 2.0, 21)
POINTS = np.column_stack([X, 0 * X, 0 * X])
LINES = np.column_stack([np.arange(20), np.arange(1, 21)])
UNITS = {"membrane.V": "mV", "ina.m": "1"}

WRITER = """
import sys
import numpy as np
from cardiosim.output import fields
fields.INDEX_INTERVAL = 0.01
points = np.zeros((21, 3))
writer = fields.FieldWriter(
    sys.argv[1], points, np.arange(21)[:, None], {"V": "mV", "m": "1"}
)
for i in range(1_000_000):
    writer.append(0.5 * i, {"V": np.full(21, float(i)), "m": np.full(21, i / 10)})
"""


def append_three(folder, elements=LINES):
    with FieldWriter(folder, POINTS, elements, UNITS) as writer:
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
    np.testing.assert_array_equal(back.mesh_points, POINTS)
    np.testing.assert_array_equal(back.mesh_elements, LINES)
    np.testing.assert_array_equal(back.values["membrane.V"][1], X + 0.1)
    np.testing.assert_array_equal(back.values["ina.m"][2], X * 0.2)
    assert back.units == UNITS


@pytest.mark.parametrize(
    ("elements", "kind"), [(LINES, "line"), (np.arange(21)[:, None], "vertex")]
)
def test_another_program_reads_the_series(tmp_path, elements, kind):
    append_three(tmp_path, elements)
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
    writer = FieldWriter(tmp_path, POINTS, LINES, UNITS)
    assert not (tmp_path / "fields.xdmf").exists()
    writer.append(0.0, {"membrane.V": X})
    ((t, values),) = indexed(tmp_path)
    assert t == 0.0
    np.testing.assert_array_equal(values["membrane.V"], X)
    writer.close()


def test_index_is_not_rewritten_at_every_snapshot(tmp_path, monkeypatch):
    clock = iter(np.arange(0.0, 100.0, 0.01))  # two looks a snapshot, three an index
    monkeypatch.setattr(fields.time, "monotonic", lambda: next(clock))
    replaced = []
    replace = os.replace
    monkeypatch.setattr(
        fields.os, "replace", lambda a, b: (replaced.append(b), replace(a, b))
    )
    with FieldWriter(tmp_path, POINTS, LINES, UNITS) as writer:
        for i in range(200):
            writer.append(i, {"membrane.V": X})
        n_looks = len(replaced)
    # 200 snapshots in about 2 s: one index each half second, and the last at close
    assert 3 <= n_looks <= 5
    assert len(replaced) == n_looks + 1
    assert len(indexed(tmp_path)) == 200


@pytest.mark.parametrize("wait", [0.02, 0.1, 0.3])
def test_killed_run_leaves_a_folder_that_opens(tmp_path, wait):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        cwd=Path(__file__).parents[2],
    )
    deadline = time.monotonic() + 60.0
    while not (tmp_path / "fields.xdmf").exists():
        assert writer.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    time.sleep(wait)
    writer.send_signal(signal.SIGKILL)
    assert writer.wait() == -signal.SIGKILL
    steps = indexed(tmp_path)
    assert steps
    for i, (t, values) in enumerate(steps):
        assert t == 0.5 * i
        assert (values["V"] == i).all()
        assert (values["m"] == i / 10).all()
    with meshio.xdmf.TimeSeriesReader(tmp_path / "fields.xdmf") as reader:
        reader.read_points_cells()
        assert reader.num_steps == len(steps)
    back = read_fields(tmp_path)
    assert len(back.times) >= len(steps)
    np.testing.assert_array_equal(back.values["V"][:, 0], np.arange(len(back.times)))


def test_reading_while_writing(tmp_path):
    writer = FieldWriter(tmp_path, POINTS, LINES, UNITS)
    for i in range(5):
        writer.append(i, {"membrane.V": X + i})
        with h5py.File(tmp_path / "fields.h5", "r", locking=False) as reader:
            assert len(reader["times"]) == i + 1
            row = reader[f"values/membrane.V/{i:06d}"][:]
        np.testing.assert_array_equal(row, X + i)
    writer.close()


def test_new_writer_drops_the_old_index(tmp_path):
    append_three(tmp_path)
    FieldWriter(tmp_path, POINTS, LINES, UNITS).close()
    assert not (tmp_path / "fields.xdmf").exists()
    back = read_fields(tmp_path)
    assert back.times.shape == (0,)
    assert back.values == {}


def test_awkward_names_are_escaped(tmp_path):
    with FieldWriter(tmp_path, POINTS, LINES, {"a<b&c": "1"}) as writer:
        writer.append(0.0, {"a<b&c": X})
    ((_, values),) = indexed(tmp_path)
    np.testing.assert_array_equal(values["a<b&c"], X)


def test_wrong_snapshots_are_refused_and_leave_no_trace(tmp_path):
    writer = FieldWriter(tmp_path, POINTS, LINES, UNITS)
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


def test_wrong_meshes_and_units_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"\(n_nodes, 3\)"):
        FieldWriter(tmp_path, POINTS[:, :2], LINES, UNITS)
    with pytest.raises(ValueError, match="n_vertices"):
        FieldWriter(tmp_path, POINTS, LINES.ravel(), UNITS)
    writer = FieldWriter(tmp_path, POINTS, LINES, UNITS)
    with pytest.raises(ValueError, match="no unit was given for ina.h"):
        writer.append(0.0, {"ina.h": X})


def test_folder_without_snapshots_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="no snapshots"):
        read_fields(tmp_path)
