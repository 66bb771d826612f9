"""Pictures of gates of V alone."""

import numpy as np

from cardiosim.output.steady_gates_plots import (
    current_figure,
    gates_figure,
    last_beats_figure,
    premise_figure,
)

V = np.linspace(-100.0, 100.0, 50)
TIMES = np.linspace(0.0, 400.0, 80)


def test_gates_are_drawn_with_and_without_a_beat(tmp_path, drawn):
    curve = (V * 0.01, V * 0.02)
    gates_figure(["m", "h"], V, {"m": curve, "h": curve}, tmp_path / "one.png")
    beat = (TIMES * 0.01, TIMES * 0.02)
    two = tmp_path / "two.png"
    gates_figure(
        ["m", "h"], V, dict(m=curve, h=curve), two, TIMES, dict(m=beat, h=beat)
    )
    first, second = (figure.get_size_inches()[1] for figure in drawn)
    assert second > 1.5 * first
    assert (tmp_path / "two.png").stat().st_size < 200_000


def test_current_is_drawn_with_and_without_a_beat(tmp_path, drawn):
    current_figure(V, V, V, tmp_path / "one.png")
    beat = (TIMES, TIMES - 80.0, -TIMES)
    current_figure(V, V, V, tmp_path / "two.png", beat)
    first, second = (figure.get_size_inches()[0] for figure in drawn)
    assert second > 1.5 * first
    assert (tmp_path / "two.png").stat().st_size < 200_000


def test_beats_have_a_panel_each(tmp_path, drawn):
    beats = {"ode": TIMES * 0.1, "hybrid": TIMES * 0.2, "longer step": TIMES * 0.3}
    last_beats_figure({"20 A/F": (TIMES, beats)}, tmp_path / "one.png")
    both = {"20 A/F": (TIMES, beats), "40 A/F": (TIMES, beats)}
    last_beats_figure(both, tmp_path / "two.png")
    first, second = (figure.get_size_inches()[0] for figure in drawn)
    assert second > 1.5 * first
    assert (tmp_path / "two.png").stat().st_size < 200_000


def test_premise_is_drawn(tmp_path):
    path = tmp_path / "premise.png"
    premise_figure({"Euler": ([1.0, 10.0], [0.1, 0.01]), "BDF": ([5.0], [0.02])}, path)
    assert path.stat().st_size > 1000
