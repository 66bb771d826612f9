"""Figures as they were saved, and what is written in them."""

import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.image import imread
from matplotlib.text import Text

from cardiosim.output import fields, style
from cardiosim.output.fields import FieldWriter
from cardiosim.output.mesh_arrays import RegularGrid, mesh_arrays
from cardiosim.output.results import ResultsFolder


@pytest.fixture
def drawn(monkeypatch):
    """Figures in the order in which they were saved."""
    figures = []
    save = style.save
    monkeypatch.setattr(
        style,
        "save",
        lambda figure, path: (figures.append(figure), save(figure, path)),
    )
    return figures


@pytest.fixture
def texts():
    """Every text in a figure."""
    return lambda figure: [text.get_text() for text in figure.findobj(Text)]


@pytest.fixture
def check_picture():
    """A file is a picture of a size to be put on a page."""

    def check(path):
        height, width, _ = imread(path).shape
        assert 300 < height < 1300
        assert 400 < width < 1200
        assert path.stat().st_size < 200_000

    return check


def mixed_mesh():
    """Two tetrahedra, two triangles and a bundle of two lines, one behind another."""
    points = [
        [0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1],
        [2, 0, 0], [2, 1, 1], [3, 1, 1], [4, 1, 2],
    ]  # fmt: skip
    fibres = np.zeros((6, 3))
    fibres[[0, 1, 2], [0, 1, 2]] = 1.0
    fibres[3:] = 0.6, 0.8, 0.0
    return mesh_arrays(
        points,
        [
            ("line", [[6, 7], [7, 8]]),
            ("triangle", [[1, 5, 4], [5, 6, 4]]),
            ("tetra", [[0, 1, 2, 3], [1, 2, 3, 4]]),
        ],
        "mesh",
        element_data={"regions": [7, 7, 1, 2, 3, 3], "fibres": fibres},
        region_names={"bundle": 7},
    )


def grid_mesh():
    """A sheet of 4 x 3 nodes, 0.5 mm apart."""
    x, y = np.meshgrid(0.5 * np.arange(4), 0.5 * np.arange(3))
    first = np.array([0, 1, 2, 4, 5, 6])
    return mesh_arrays(
        np.column_stack([x.ravel(), y.ravel(), np.zeros(12)]),
        [("quad", first[:, None] + [0, 1, 5, 4])],
        "sheet",
        element_data={"regions": np.arange(6), "fibres": np.eye(3)[[0, 1, 2] * 2]},
        grid=RegularGrid((4, 3), (1.5, 1.0)),
    )


@pytest.fixture(params=[mixed_mesh, grid_mesh], ids=["mixed", "grid"])
def recorded_run(request, tmp_path, monkeypatch):
    """Folder and mesh of a run; V is 100 t + node, one node is not activated."""
    monkeypatch.setattr(fields, "BLOCK_DATASETS", 4)
    mesh = request.param()
    results = ResultsFolder.create(tmp_path / "run")
    results.write_mesh(mesh)
    nodes = np.arange(mesh.n_nodes, dtype=float)
    with FieldWriter(results.path, {"membrane.V": "mV", "ina.m": "1"}) as writer:
        for t in (0.0, 0.5, 1.0, 1.5, 2.0):
            writer.append(t, {"membrane.V": 100.0 * t + nodes, "ina.m": -nodes})
    lat = np.array([nodes, 10.0 + nodes])
    lat[1, 2] = np.nan
    results.write_activation(lat, threshold=-40.0)
    return results.path, mesh


@pytest.fixture
def in_paraview():
    """What a reader of the installed ParaView finds in a file, at each time."""
    if shutil.which("pvpython") is None:
        pytest.skip("ParaView is not installed")
    script = Path(__file__).with_name("read_in_paraview.py")

    def read(reader, path):
        done = subprocess.run(
            ["pvpython", script, reader, path],
            capture_output=True,
            text=True,
            timeout=120,
        )
        found = [line for line in done.stdout.splitlines() if line.startswith("FOUND")]
        assert found, done.stdout + done.stderr
        return json.loads(found[0].removeprefix("FOUND"))

    return read


@pytest.fixture
def check():
    """Compare what a program has found with what `recorded_run` has written."""
    return SimpleNamespace(
        mesh=check_mesh, series=check_series, activation=check_activation
    )


def check_mesh(found, mesh):
    np.testing.assert_array_equal(found["points"], mesh.points)
    # XDMF has no single points and lines, only any number of them in one element:
    # VTK's types 2 and 4 instead of 1 and 3.
    cells = [[{2: 1, 4: 3}.get(kind, kind), *nodes] for kind, *nodes in found["cells"]]
    ends = mesh.vtk_offsets
    assert cells == [
        [int(kind), *mesh.vtk_connectivity[first:last].tolist()]
        for kind, first, last in zip(mesh.vtk_types, ends, ends[1:], strict=False)
    ]
    for name, values in mesh.element_data.items():
        kept = np.array(found["arrays"][name]).astype(values.dtype)
        np.testing.assert_array_equal(kept, values)


def check_series(found, mesh):
    assert [step["t"] for step in found] == [0.0, 0.5, 1.0, 1.5, 2.0]
    nodes = np.arange(mesh.n_nodes)
    for step in found:
        V = step["arrays"]["membrane.V"]
        np.testing.assert_array_equal(V, 100.0 * step["t"] + nodes)
        np.testing.assert_array_equal(step["arrays"]["ina.m"], -nodes)
    for step in (found[0], found[-1]):
        check_mesh(step, mesh)


def check_activation(arrays, mesh):
    lat = np.arange(mesh.n_nodes, dtype=float)
    np.testing.assert_array_equal(arrays["lat_1"], lat)
    lat[2] = np.nan
    np.testing.assert_array_equal(np.array(arrays["lat_2"], dtype=float), 10.0 + lat)
