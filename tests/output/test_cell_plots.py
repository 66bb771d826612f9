import matplotlib
import numpy as np
import pytest
from matplotlib.collections import LineCollection

from cardiosim.output.cell_plots import (
    currents_figure,
    gates_figure,
    overlay_figure,
    population_figure,
)
from cardiosim.output.style import COLOURS, picture

T = np.arange(0.0, 500.0, 0.5)


def beat(start, duration=200.0):
    return np.interp(T, [start, start + 1.0, start + duration], [-80.0, 20.0, -80.0])


def panels(figure):
    return {axes.get_title("left"): axes for axes in figure.axes if axes.lines}


def no_labels_overlap(figure):
    """Titles and tick labels of neighbouring axes keep apart."""
    renderer = figure.canvas.get_renderer()
    boxes = [axes.get_tightbbox(renderer) for axes in figure.axes if axes.axison]
    return all(
        min(a.x1, b.x1) - max(a.x0, b.x0) <= 1.0
        or min(a.y1, b.y1) - max(a.y0, b.y0) <= 1.0
        for k, a in enumerate(boxes)
        for b in boxes[:k]
    )


def test_overlaid_traces_begin_together(tmp_path, drawn, texts, check_picture):
    path = tmp_path / "overlay.png"
    traces = {"control": (T, beat(10.0)), "blocked": (T, beat(60.0, 300.0))}
    overlay_figure(traces, path, start={"control": 10.0, "blocked": 60.0}, stop=400.0)
    check_picture(path)
    first, second = drawn[0].axes[0].lines
    for line, start in ((first, 10.0), (second, 60.0)):
        peak = line.get_xdata()[line.get_ydata().argmax()]
        assert peak == pytest.approx(1.0)
        assert line.get_xdata()[0] == -start
    assert first.get_color() != second.get_color()
    assert {"control", "blocked", "membrane potential V (mV)"} <= set(texts(drawn[0]))
    assert drawn[0].axes[0].get_xlim()[1] == 400.0


def test_more_traces_than_colours_keep_apart(tmp_path, drawn):
    count = len(COLOURS) + 3
    traces = {str(k): (T, beat(0.0, 100.0 + 10 * k)) for k in range(count)}
    overlay_figure(traces, tmp_path / "overlay.png")
    colours = [tuple(line.get_color()) for line in drawn[0].axes[0].lines]
    assert len(set(colours)) == count


@pytest.mark.parametrize("count", [1, 4, 14])
def test_every_current_has_its_panel_under_v(
    tmp_path, drawn, texts, check_picture, count
):
    currents = {f"c{k}.i_{k}": -(k + 1) * beat(20.0) for k in range(count)}
    path = tmp_path / "currents.png"
    currents_figure(
        T, currents, path, V=beat(20.0), start=20.0, stop=300.0, title="a cell"
    )
    check_picture(path)
    (figure,) = drawn
    found = panels(figure)
    assert list(found) == ["V (mV)", *(f"i_{k}" for k in range(count))]
    for k in range(count):
        (line,) = found[f"i_{k}"].lines
        # From a little before the stimulus to `stop` after it.
        assert -10.0 < line.get_xdata()[0] < 0.0
        assert line.get_xdata()[-1] == 300.0
        np.testing.assert_allclose(
            line.get_ydata()[-1], -(k + 1) * np.interp(320.0, T, beat(20.0))
        )
    words = texts(figure)
    assert {"membrane currents (A/F)", "time after stimulus start (ms)"} <= set(words)
    assert "a cell" in words
    assert no_labels_overlap(figure)


def test_currents_of_one_name_keep_their_component(tmp_path, drawn):
    currents = {"a.i_K": beat(0.0), "b.i_K": beat(0.0), "b.i_Na": beat(0.0)}
    currents_figure(T, currents, tmp_path / "currents.png")
    assert list(panels(drawn[0])) == ["a.i_K", "b.i_K", "i_Na"]


def test_gates_of_a_current_share_a_panel(tmp_path, drawn, texts, check_picture):
    opened = np.clip(T / 500.0, 0.0, 1.0)
    gates = {"ina.m": opened, "ina.h": 1.0 - opened, "iks.n": 0.01 * opened}
    gates |= {f"ryr.{gate}_{k}": opened for k in "123" for gate in "oca"}
    path = tmp_path / "gates.png"
    gates_figure(T, gates, path, V=beat(0.0))
    check_picture(path)
    found = panels(drawn[0])
    assert [line.get_label() for line in found["ina"].lines] == ["m", "h"]
    assert found["ina"].get_ylim() == pytest.approx((-0.04, 1.04))
    # A gate that hardly opens is drawn on its own scale.
    assert found["iks"].get_ylim()[1] < 0.02
    ryr = [axes for axes in drawn[0].axes if axes.get_title("left").strip() == "ryr"]
    shown = [[line.get_label() for line in axes.lines] for axes in ryr]
    assert shown == [[f"{gate}_{k}" for gate in "oca"] for k in "123"]
    assert no_labels_overlap(drawn[0])


def test_population_shows_every_cell_the_band_and_the_durations(
    tmp_path, drawn, texts, check_picture
):
    rng = np.random.default_rng(7)
    durations = rng.normal(250.0, 30.0, 400)
    V = np.array([beat(20.0, duration) for duration in durations]).T
    apd = 0.9 * durations
    apd[:3] = np.nan
    path = tmp_path / "population.png"
    population_figure(T, V, apd, path, start=20.0, stop=400.0)
    check_picture(path)
    traces, histogram = drawn[0].axes
    (lines,) = [c for c in traces.collections if type(c) is LineCollection]
    assert len(lines.get_segments()) == 400
    median = traces.lines[0]
    np.testing.assert_allclose(
        np.interp(100.0, *median.get_data()),
        np.median(V[T == 120.0]),
        atol=0.2,  # between samples, of which the picture has as many as pixels
    )
    assert sum(bar.get_height() for bar in histogram.patches) == 397
    words = "\n".join(texts(drawn[0]))
    assert f"median {np.nanmedian(apd):.0f} ms" in words
    assert "3 of 400 without APD90" in words
    assert "400 cells" in words
    low, high = np.nanpercentile(apd, (5, 95))
    assert f"5 to 95 %: {low:.0f} to {high:.0f} ms" in words
    assert no_labels_overlap(drawn[0])


def test_population_without_any_duration_can_be_drawn(tmp_path, drawn, texts):
    V = np.full((T.size, 3), -80.0)
    population_figure(T, V, np.full(3, np.nan), tmp_path / "population.png")
    assert "3 of 3 without APD90" in texts(drawn[0])


def test_wrong_shapes_are_refused_and_nothing_is_written(tmp_path):
    path = tmp_path / "a.png"
    with pytest.raises(ValueError, match="one node's trace"):
        overlay_figure({"a": (T, beat(0.0)[:-1])}, path)
    with pytest.raises(ValueError, match="no stimulus start for 'b'"):
        overlay_figure({"b": (T, beat(0.0))}, path, start={"a": 0.0})
    with pytest.raises(ValueError, match="one node's trace"):
        currents_figure(T, {"i_Na": beat(0.0)[:, None]}, path)
    with pytest.raises(ValueError, match="no membrane currents"):
        currents_figure(T, {}, path)
    with pytest.raises(ValueError, match=r"\(n_times, n_cells\)"):
        population_figure(T, beat(0.0), np.zeros(1), path)
    assert not path.exists()


def test_picture_that_fails_leaves_no_file_and_no_style(tmp_path):
    before = dict(matplotlib.rcParams)
    with pytest.raises(RuntimeError), picture(tmp_path / "a.png", 6.0, 3.0):
        raise RuntimeError
    assert not (tmp_path / "a.png").exists()
    assert dict(matplotlib.rcParams) == before
