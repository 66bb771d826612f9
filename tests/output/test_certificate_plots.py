import numpy as np
import pytest

from cardiosim.output.certificate_plots import (
    family_figure,
    overlay_figure,
    velocity_error_figure,
    velocity_restitution_figure,
)

T = np.linspace(0.0, 300.0, 200)
V = -75.0 + 100.0 * np.exp(-T / 80.0)
PAIRS = [(0.1, 0.05), (0.25, 0.05), (0.1, 0.3), (0.25, 0.3)]


def test_beat_is_drawn_with_its_difference(tmp_path, drawn, texts, check_picture):
    path = tmp_path / "beat.png"
    overlay_figure(T, ("ODE", V), {"a": V + 1.0, "b": V - 0.5}, path, title="beat 9")
    check_picture(path)
    lower = [axes for axes in drawn[0].axes if "difference" in axes.get_ylabel()][0]
    levels = {round(float(line.get_ydata()[5]), 9) for line in lower.lines[:2]}
    assert levels == {1.0, -0.5}
    assert {"ODE", "a", "b", "beat 9"} <= set(texts(drawn[0]))


def test_family_is_drawn_member_by_member(tmp_path, drawn, check_picture):
    path = tmp_path / "family.png"
    family = V[:, None] + np.arange(9)
    family_figure(T, family, family + 0.25, [f"{k} mV" for k in range(9)], path)
    check_picture(path)
    above, below = drawn[0].axes
    assert len(above.lines) == 18
    np.testing.assert_allclose(below.lines[4].get_ydata(), 0.25)


def test_errors_of_velocity_have_a_panel_a_diffusivity(
    tmp_path, drawn, texts, check_picture
):
    path = tmp_path / "velocity.png"
    errors = {"surrogate": [0.1, 0.2, np.nan, 0.4], "floor": [-0.5, 0.1, -1.0, 0.2]}
    velocity_error_figure(PAIRS, errors, path, bound=0.3, title="velocity")
    check_picture(path)
    slow, fast = drawn[0].axes
    assert slow.lines[0].get_ydata().tolist() == [0.1, 0.2]
    assert fast.lines[1].get_ydata().tolist() == [-1.0, 0.2]
    assert {"surrogate", "floor"} <= set(texts(drawn[0]))


def test_velocity_restitution_is_lines_and_rings(tmp_path, drawn, check_picture):
    path = tmp_path / "restitution.png"
    cv = np.array([[0.5, 0.4], [0.6, np.nan]])
    velocity_restitution_figure([340.0, 420.0], cv, cv + 0.01, ["a", "b"], path)
    check_picture(path)
    line, ring = drawn[0].axes[0].lines[:2]
    assert line.get_ydata().tolist() == [0.5, 0.6]
    assert ring.get_marker() == "o" and ring.get_ydata().tolist() == [0.51, 0.61]


def test_shapes_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "none.png"
    with pytest.raises(ValueError, match="expected one trace"):
        overlay_figure(T, ("ODE", V), {"a": V[1:]}, path)
    with pytest.raises(ValueError, match=r"expected \(n_times, n_members\)"):
        family_figure(T, V[:, None], V[:, None], ["a", "b"], path)
    with pytest.raises(ValueError, match="2 errors for 4 cables"):
        velocity_error_figure(PAIRS, {"a": [0.0, 0.0]}, path)
    assert not path.exists()
