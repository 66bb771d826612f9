import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread

from cardiosim.measure.action_potential import action_potentials
from cardiosim.output import plots
from cardiosim.output.plots import (
    action_potential_figure,
    space_time_map,
    traces_figure,
)

X = np.linspace(0.0, 20.0, 101)
TIMES = np.linspace(0.0, 60.0, 301)
LAT = 2.0 + X / 0.7334
V = -75.0 + 120.0 / (1.0 + np.exp((LAT - TIMES[:, None]) / 0.5))


def test_map_shows_v_activation_and_velocity(tmp_path, drawn, texts, check_picture):
    path = tmp_path / "map.png"
    space_time_map(X, TIMES, V, LAT, 0.7334, path, title="cable")
    check_picture(path)
    (figure,) = drawn
    axes = figure.axes[0]
    words = texts(figure)
    for expected in (
        "time t (ms)",
        "position x (mm)",
        "membrane potential V (mV)",
        "CV 0.733 m/s",
        "cable",
    ):
        assert expected in words
    activation, velocity = axes.lines
    np.testing.assert_array_equal(activation.get_xdata(), LAT)
    np.testing.assert_array_equal(activation.get_ydata(), X)
    np.testing.assert_allclose(velocity.get_ydata(), [5.0, 15.0])
    np.testing.assert_allclose(
        velocity.get_xdata(), np.interp([5.0, 15.0], X, LAT), rtol=1e-12
    )


def test_map_has_time_to_the_right_and_position_upwards(tmp_path):
    path = tmp_path / "map.png"
    space_time_map(X, TIMES, V, LAT, 0.7334, path)
    picture = imread(path)[:, :, :3].mean(axis=2)
    height, width = picture.shape

    def lightness(t, x):  # inside the axes, which leave room for the labels
        column, row = 0.1 + 0.75 * t / 60.0, 0.88 - 0.8 * x / 20.0
        return picture[int(row * height), int(column * width)]

    assert lightness(t=6, x=16) < 0.3, "at rest ahead of the wave"
    assert lightness(t=50, x=10) > 0.8, "excited behind it"


def test_map_without_conduction_says_so(tmp_path, drawn, texts):
    lat = np.where(X < 10.0, LAT, np.nan)
    space_time_map(X, TIMES, V, lat, np.nan, tmp_path / "map.png")
    assert {"no conduction velocity", "activation (LAT)"} <= set(texts(drawn[0]))


def test_map_without_activation_has_no_line_and_no_name_for_it(tmp_path, drawn, texts):
    space_time_map(X, TIMES, V, np.full(X.size, np.nan), np.nan, tmp_path / "map.png")
    assert "no conduction velocity" in texts(drawn[0])
    assert "activation (LAT)" not in texts(drawn[0])


def test_map_shows_every_beat_and_says_which_the_velocity_is_of(tmp_path, drawn, texts):
    beats = np.array([LAT, LAT + 20.0, np.where(X < 5.0, LAT + 40.0, np.nan)])
    space_time_map(X, TIMES, V, beats, 0.7334, tmp_path / "map.png")
    words = texts(drawn[0])
    assert "CV 0.733 m/s (beat 1)" in words
    assert words.count("activation (LAT)") == 1
    *activations, velocity = drawn[0].axes[0].lines
    for line, lat in zip(activations, beats, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), lat)
    np.testing.assert_allclose(
        velocity.get_xdata(), np.interp([5.0, 15.0], X, LAT), rtol=1e-12
    )


def test_large_map_is_thinned_and_keeps_its_ends(tmp_path, drawn, check_picture):
    x, times = np.linspace(0, 20, 1201), np.linspace(0, 60, 2401)
    lat = 2.0 + x / 0.7334
    field = -75.0 + 120.0 / (1.0 + np.exp((lat - times[:, None]) / 0.5))
    path = tmp_path / "map.png"
    space_time_map(x, times, field, lat, 0.7334, path)
    check_picture(path)
    values = drawn[0].axes[0].collections[0].get_array()
    assert values.shape == plots.MAP_PIXELS
    assert values[0, 0] == field[0, 0]
    assert values[-1, -1] == field[-1, -1]


def test_traces_are_labelled(tmp_path, drawn, texts, check_picture):
    path = tmp_path / "traces.png"
    labels = [f"x = {X[i]:g} mm" for i in (0, 50, 100)]
    traces_figure(
        TIMES, {"membrane potential V (mV)": V[:, [0, 50, 100]]}, labels, path
    )
    check_picture(path)
    words = texts(drawn[0])
    assert {"time t (ms)", "membrane potential V (mV)", *labels} <= set(words)
    for line, i in zip(drawn[0].axes[0].lines, (0, 50, 100), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), V[:, i])


@pytest.mark.parametrize("count", [2, 5, 7])
def test_every_variable_has_its_panel(tmp_path, drawn, count, texts):
    panels = {f"ina.x{k}\n(A/F)": k * V[:, [0, 50]] for k in range(count)}
    traces_figure(TIMES, panels, ["a", "b"], tmp_path / "traces.png", title="cable")
    used = [axes for axes in drawn[0].axes if axes.lines]
    used.sort(key=lambda axes: axes.get_ylabel())
    assert [axes.get_ylabel() for axes in used] == list(panels)
    for axes, values in zip(used, panels.values(), strict=True):
        for line, column in zip(axes.lines, values.T, strict=True):
            np.testing.assert_array_equal(line.get_ydata(), column)
    words = texts(drawn[0])
    assert words.count("cable") == words.count("a") == words.count("b") == 1
    # at the foot of each column
    assert words.count("time t (ms)") == (1 if count <= 5 else 2)


def test_biomarkers_are_marked_where_they_were_measured(
    tmp_path, drawn, texts, check_picture
):
    t = np.arange(0.0, 400.0, 0.1)
    trace = np.interp(t, [100.0, 102.0, 103.0, 303.0], [-80.0, -60.0, 20.0, -80.0])
    (beat,) = action_potentials(t, trace, [100.0], [2.0])
    path = tmp_path / "ap.png"
    action_potential_figure(t, trace, beat, path)
    check_picture(path)
    words = texts(drawn[0])
    for expected in (
        f"APD90  {beat.apd[90]:.1f} ms",
        "rest -80.0 mV",
        "peak 20.0 mV",
        "dV/dt max\n80 V/s",
    ):
        assert expected in words
    slope, peak = drawn[0].axes[1].lines[1:]
    assert slope.get_xdata()[0] == pytest.approx(beat.dvdt_max_time - 100.0)
    assert (peak.get_xdata()[0], peak.get_ydata()[0]) == (pytest.approx(3.0), 20.0)


def test_failed_beat_can_be_drawn(tmp_path, check_picture):
    t = np.arange(0.0, 50.0, 0.1)
    trace = np.interp(t, [1.0, 3.0, 20.0], [-80.0, -65.0, -80.0])
    (beat,) = action_potentials(t, trace, [1.0], [2.0])
    action_potential_figure(t, trace, beat, tmp_path / "ap.png")
    check_picture(tmp_path / "ap.png")


def test_style_does_not_leak(tmp_path):
    before = dict(matplotlib.rcParams)
    traces_figure(TIMES, {"V": V[:, :1]}, ["node 0"], tmp_path / "a.png")
    assert dict(matplotlib.rcParams) == before


def test_wrong_shapes_are_refused(tmp_path):
    path = tmp_path / "a.png"
    with pytest.raises(ValueError, match=r"\(301, 101\)"):
        space_time_map(X, TIMES, V.T, LAT, 0.7, path)
    with pytest.raises(ValueError, match="two times"):
        space_time_map(X, TIMES[:1], V[:1], LAT, 0.7, path)
    with pytest.raises(ValueError, match="one label a probe"):
        traces_figure(TIMES, {"V": V}, ["a"], path)
    t = np.arange(0.0, 10.0)
    (beat,) = action_potentials(t, t, [0.0], 1.0)
    with pytest.raises(ValueError, match="one node's trace"):
        action_potential_figure(t, V, beat, path)
    assert not path.exists()
