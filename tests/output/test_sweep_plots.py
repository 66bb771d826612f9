"""The picture of numbers over what was varied."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from cardiosim.output import style
from cardiosim.output.sweep_plots import numbers_figure


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Draw; returns the axes that show something."""

    def draw(*arguments, **options):
        kept: list[Figure] = []
        save = style.save
        monkeypatch.setattr(
            style,
            "save",
            lambda figure, path: (kept.append(figure), save(figure, path)),
        )
        path = tmp_path / "numbers.png"
        numbers_figure(*arguments, path, **options)
        assert path.read_bytes().startswith(b"\x89PNG")
        return [axes for axes in kept[0].axes if axes.lines]

    return draw


def test_each_number_has_a_panel_with_its_unit_and_its_values_in_order(drawn):
    numbers = {"apd90": [3.0, 1.0, np.nan, 2.0], "ratio": [1.0, 1.0, 1.0, 1.0]}
    apd, ratio = drawn([4.0, 1.0, 3.0, 2.0], "cell.x", numbers, {"apd90": "ms"})
    assert apd.get_title("left") == "apd90 (ms)"
    assert ratio.get_title("left") == "ratio"
    x, y = apd.lines[0].get_data()
    np.testing.assert_array_equal(x, [1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(y, [1.0, 2.0, np.nan, 3.0])
    assert apd.get_xscale() == "linear"


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([0.001, 0.01, 0.1, 1.0], "log"),
        ([0.0, 0.01, 0.1, 1.0], "symlog"),  # no drug has a place on the axis as well
        ([1.0, 2.0, 5.0, 10.0], "linear"),
        ([-0.001, 0.01, 0.1, 1.0], "linear"),
    ],
)
def test_values_over_decades_are_spread_evenly(drawn, values, scale):
    (axes,) = drawn(values, "concentration", {"apd90": [1.0, 2.0, 3.0, 4.0]}, {})
    assert axes.get_xscale() == scale


def test_numbers_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "numbers.png"
    with pytest.raises(ValueError, match="no numbers"):
        numbers_figure([1.0], "x", {}, {}, path)
    with pytest.raises(ValueError, match="one number for each value"):
        numbers_figure([1.0, 2.0], "x", {"y": [1.0]}, {}, path)
    assert not path.exists()
