"""Two runs in one picture: one scale for both, another around 0 for the difference."""

import numpy as np
import pytest

from cardiosim.output.difference_plots import (
    difference_maps,
    lines_along,
    symmetric_limit,
    traces_and_difference,
    wall_times_figure,
)
from cardiosim.output.mesh_arrays import RegularGrid, mesh_arrays


def sheet(columns, rows):
    """Nodes 1 mm apart."""
    x, y = np.meshgrid(np.arange(float(columns)), np.arange(float(rows)))
    points = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
    grid = RegularGrid((columns, rows), (columns - 1.0, rows - 1.0))
    return mesh_arrays(points, [], "sheet", grid=grid)


def test_the_scale_is_as_far_to_either_side():
    assert symmetric_limit(np.array([-3.0, 1.0, np.nan])) == 3.0
    assert symmetric_limit(np.zeros(5)) == 1.0
    assert symmetric_limit(np.array([np.nan])) == 1.0


def test_a_few_nodes_far_off_do_not_flatten_the_rest():
    values = np.append(np.ones(999), 50.0)
    assert symmetric_limit(values) == 1.0
    assert symmetric_limit(np.append(values[:-1], 2.0)) == 2.0


def test_both_maps_and_their_difference_are_drawn(tmp_path, drawn, texts):
    mesh = sheet(12, 5)
    first = 2.0 * mesh.points[:, 0]
    second = first + 0.5
    first[3] = np.nan
    path = tmp_path / "maps.png"
    assert difference_maps(mesh, ("equations", "hybrid"), (first, second), path)
    assert path.stat().st_size > 5_000
    (figure,) = drawn
    said = texts(figure)
    assert {"equations", "hybrid", "difference"} <= set(said)
    assert "hybrid less equations (ms)" in said
    maps, difference = figure.axes[:2], figure.axes[2]
    assert len(maps[0].images) == len(difference.images) == 1
    colours = difference.images[0].get_array()
    assert not np.allclose(colours[0, 3], colours[0, 4])  # grey: not in both


def test_cables_and_silent_tissue_have_no_maps(tmp_path):
    cable = mesh_arrays(np.zeros((3, 3)), [("line", [[0, 1], [1, 2]])], "cable")
    lat = np.arange(3.0)
    path = tmp_path / "none.png"
    assert not difference_maps(cable, ("a", "b"), (lat, lat), path)
    silent = np.full(10, np.nan)
    assert not difference_maps(sheet(5, 2), ("a", "b"), (silent, silent), path)
    assert not lines_along(lat, {"a": np.full(3, np.nan)}, path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("later", "label"), [(0.02, "difference (us)"), (2.0, "difference (ms)")]
)
def test_lines_of_two_have_their_difference_below(tmp_path, drawn, texts, later, label):
    x = np.linspace(0.0, 10.0, 11)
    lines = {"one": x, "two": x + later}
    assert lines_along(x, lines, tmp_path / "lines.png")
    (figure,) = drawn
    assert label in texts(figure)
    shown = figure.axes[1].get_lines()[0].get_ydata()
    factor = 1e3 if label.endswith("(us)") else 1.0
    # Doubles near 10, which the sum and the difference round.
    np.testing.assert_allclose(shown, factor * later, rtol=0, atol=1e-11)


def test_lines_of_several_beats_have_none(tmp_path, drawn):
    x = np.linspace(0.0, 10.0, 11)
    assert lines_along(x, {f"beat {k}": x + k for k in range(3)}, tmp_path / "b.png")
    assert len(drawn[0].axes) == 1


def test_traces_lie_over_each_other(tmp_path, drawn):
    fine, coarse = np.linspace(0.0, 10.0, 101), np.linspace(0.0, 10.0, 11)
    pair = (fine, 2.0 * fine), (coarse, 2.0 * coarse + 3.0)
    path = tmp_path / "traces.png"
    traces_and_difference(("a", "b"), ["x = 1 mm", "x = 2 mm"], [pair, pair], path)
    (figure,) = drawn
    assert len(figure.axes) == 4
    np.testing.assert_allclose(figure.axes[2].get_lines()[0].get_ydata(), 3.0)


def test_wall_times_are_bars_one_behind_the_other(tmp_path, drawn):
    path = tmp_path / "bars.png"
    assert wall_times_figure({"a": {"react": 2.0, "diffuse": 1.0}, "b": {}}, path)
    bars = drawn[0].axes[0].patches
    assert [bar.get_x() for bar in bars] == [0.0, 0.0, 2.0, 0.0]
    assert [bar.get_width() for bar in bars] == [2.0, 0.0, 1.0, 0.0]
    assert not wall_times_figure({"a": {}, "b": {}}, path)
