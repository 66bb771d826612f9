"""Pictures of restitution in tissue, the vulnerable window and inducibility."""

import numpy as np
import pytest
from matplotlib.image import imread

from cardiosim.measure.induction import (
    NO_RESPONSE,
    REENTRY_DIES,
    SUSTAINED,
    WAVE_DIES,
    Induction,
)
from cardiosim.output.induction_plots import TILES, inducibility_figure
from cardiosim.output.restitution_plots import (
    RestitutionCurve,
    tissue_restitution_figure,
    vulnerable_window_figure,
)


def shows(path, colour):
    """Whether a picture has a colour, "#rrggbb", somewhere."""
    wanted = np.array([int(colour[k : k + 2], 16) / 255.0 for k in (1, 3, 5)])
    pixels = imread(path)[..., :3]
    return bool((np.abs(pixels - wanted).max(axis=2) < 0.01).any())


def trial(outcome):
    return Induction(outcome, 120.0, 3.0, 0.9, 145.0, 0)


def test_every_outcome_has_its_colour(tmp_path):
    outcomes = [NO_RESPONSE, WAVE_DIES, REENTRY_DIES, SUSTAINED]
    path = tmp_path / "one.png"
    samples = [(140.0,), (150.0,), (160.0,), (170.0,)]
    inducibility_figure(["s2"], samples, [trial(o) for o in outcomes], path)
    assert all(shows(path, TILES[outcome]) for outcome in outcomes)


def test_two_keys_make_a_table_and_many_trials_rows(tmp_path):
    sizes = []
    for keys, samples in (
        (["a", "b"], [(1.0, 4), (1.0, 6), (2.0, 4), (2.0, 6)]),
        (["a"], [(k,) for k in range(23)]),
        (["a", "b", "c"], [(1, "x <= 1", [2.0])] * 2),
    ):
        path = tmp_path / f"{len(samples)}.png"
        found = [trial(SUSTAINED)] * len(samples)
        inducibility_figure(keys, samples, found, path, title="trials")
        sizes.append(imread(path).shape[:2])
    assert sizes[1][0] > sizes[0][0]  # three rows are taller than two
    with pytest.raises(ValueError, match="one each"):
        inducibility_figure(["a"], [(1,)], [], tmp_path / "none.png")


def test_restitution_has_gaps_where_nothing_is_known(tmp_path):
    rests = np.array([np.nan, 20.0, 60.0, 200.0])
    curve = RestitutionCurve(
        rests,
        np.array([np.nan, 150.0, 180.0, 220.0]),
        np.array([np.nan, 0.3, 0.5, 0.7]),
        np.array([False, True, False, False]),
        np.array([rests + 5.0, [np.nan, 190.0, 180.0, 220.0]]),
    )
    path = tmp_path / "restitution.png"
    tissue_restitution_figure({"dynamic": curve}, path, title="a cable")
    assert path.stat().st_size > 10_000
    none = np.full((2, 2), np.nan)
    nothing = RestitutionCurve(none[0], none[0], none[0], np.zeros(2, bool), none)
    tissue_restitution_figure({"S1S2": nothing}, path)


def test_window_shows_each_trial(tmp_path):
    x, times = np.linspace(0.0, 20.0, 41), np.arange(0.0, 300.0, 2.0)
    V = np.where(times[:, None] > 2.0 * x, 20.0, -80.0)
    trials = {label: (times, V, 200.0) for label in ("blocked", "one way", "both ways")}
    path = tmp_path / "window.png"
    vulnerable_window_figure(x, trials, (9.0, 11.0), path)
    wide = imread(path).shape[1]
    vulnerable_window_figure(x, {"blocked": (times, V, 200.0)}, (9.0, 11.0), path)
    assert imread(path).shape[1] < 0.6 * wide
