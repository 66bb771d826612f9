from pathlib import Path

import numpy as np
import pytest

from cardiosim.measure import beats
from cardiosim.measure.action_potential import action_potentials
from cardiosim.measure.activation import activation_times
from cardiosim.measure.biomarkers import (
    beat_biomarkers,
    biomarker_unit,
    train_biomarkers,
)

REFERENCE = Path(__file__).parents[1] / "reference"
REST, PEAK = -80.0, 20.0
PERCENTS, POTENTIALS = (20, 50, 90, 95), (-60.0, -40.0)


def triangle(t, start, upstroke=1.0, fall=200.0):
    """Linear upstroke in `upstroke` ms from `start`, linear fall in `fall` ms."""
    corners = [start, start + upstroke, start + upstroke + fall]
    return np.interp(t, corners, [REST, PEAK, REST])


def published_traces():
    """Beats of four cells at three rates, mV, on one grid, (n_times, n_nodes)."""
    t = np.arange(0.0, 480.0, 0.05)
    traces = []
    for file in sorted(REFERENCE.glob("*_bcl*_beat100.npz")):
        trace = np.load(file)
        traces.append(np.interp(t, trace["t"] - trace["t"][0], trace["V"]))
    return t, np.array(traces).T


def scalars(beat):
    """An `ActionPotential` under the names of `beat_biomarkers`."""
    left_out = ("apd", "answered", "charge_alone")  # these two are no biomarkers
    values = {k: v for k, v in vars(beat).items() if not k.startswith(left_out)}
    values |= {f"apd{percent:g}": v for percent, v in beat.apd.items()}
    return values | {f"apd_at_{level:g}mV": v for level, v in beat.apd_at.items()}


@pytest.mark.parametrize("block", [1, 30_000, 10**9])
def test_many_nodes_are_measured_as_each_alone(monkeypatch, block):
    monkeypatch.setattr(beats, "BLOCK_VALUES", block)
    t, V = published_traces()
    assert V.shape[1] >= 12
    many = beat_biomarkers(t, V, 0.0, 2.0, PERCENTS, POTENTIALS)
    for node, trace in enumerate(V.T):
        (alone,) = action_potentials(
            t, trace, [0.0], 2.0, PERCENTS, potentials=POTENTIALS
        )
        assert set(scalars(alone)) == set(many)
        for name, value in scalars(alone).items():
            np.testing.assert_array_equal(many[name][node], value, err_msg=name)
    assert np.isfinite(many["apd90"]).all()


def test_every_node_may_have_its_own_stimulus_and_end():
    """An S2 at another time in every node, after one S1 for all."""
    t = np.arange(0.0, 900.0, 0.25)
    s2 = np.array([320.0, 250.0, 400.0])
    V = np.array(
        [np.maximum(triangle(t, 0.0), triangle(t, s, fall=100.0)) for s in s2]
    ).T
    first = beat_biomarkers(t, V, 0.0, 1.0, (50,), end=s2)
    second = beat_biomarkers(t, V, s2, 1.0, (50,))
    half_interval = 0.125  # between the first sample of the upstroke and its middle
    np.testing.assert_allclose(first["apd50"], 101.0 - half_interval)
    np.testing.assert_allclose(second["apd50"], 51.0 - half_interval)
    np.testing.assert_allclose(second["peak_time"], s2 + 1.0)
    np.testing.assert_array_equal(second["stimulus_start"], s2)
    both = train_biomarkers(t, V, np.array([np.zeros(3), s2]), 1.0, (50,))
    for name, values in both.items():
        np.testing.assert_array_equal(values, [first[name], second[name]], name)


def test_every_beat_of_a_train_is_that_of_a_trace():
    t = np.arange(0.0, 1200.0, 0.5)
    V = np.maximum.reduce([triangle(t, s, fall=f) for s, f in ((5, 200), (405, 100))])
    train = train_biomarkers(t, np.array([V, V + 1.0]).T, [5.0, 405.0, 805.0], 1.0)
    assert train["apd90"].shape == (3, 2)
    for beat, alone in enumerate(action_potentials(t, V, [5.0, 405.0, 805.0], 1.0)):
        for name, value in scalars(alone).items():
            np.testing.assert_array_equal(train[name][beat, 0], value, err_msg=name)
    # nothing answered the third stimulus
    assert np.isnan(train["apd90"][2]).all()


def test_triangle_has_the_durations_of_its_geometry():
    t = np.arange(0.0, 400.0, 0.1)
    beat = beat_biomarkers(t, triangle(t, 10.0)[:, None], 10.0, 0.5, (90,), POTENTIALS)
    # Up through -60 mV after 0.2 ms, down through it when 80 of 100 mV are gone.
    assert beat["apd_at_-60mV"][0] == pytest.approx(1.0 + 160.0 - 0.2)
    assert beat["apd_at_-40mV"][0] == pytest.approx(1.0 + 120.0 - 0.4)
    # 60 % of the fall lie between 30 and 90 %.
    assert beat["triangulation"][0] == pytest.approx(0.6 * 200.0)


def test_duration_at_a_potential_ends_where_that_at_its_percentage_does():
    t, V = published_traces()
    by_percent = beat_biomarkers(t, V, 0.0, 2.0, (90,))
    for node, trace in enumerate(V.T[:, :, None]):
        level = by_percent["peak"][node] - 0.9 * by_percent["amplitude"][node]
        fixed = beat_biomarkers(t, trace, 0.0, 2.0, (90,), (level,))
        end = by_percent["dvdt_max_time"][node] + by_percent["apd90"][node]
        rise = activation_times(trace, t, level)[0]
        # differences of times below 500 ms, each rounded to 1e-13 ms
        assert fixed[f"apd_at_{level:g}mV"][0] == pytest.approx(end - rise, abs=1e-9)


def test_beat_that_begins_above_a_potential_has_no_duration_at_it():
    t = np.arange(0.0, 600.0, 0.5)
    V = np.interp(t, [0, 1, 150, 151, 400], [REST, PEAK, -50.0, PEAK, REST])
    train = train_biomarkers(t, V[:, None], [0.0, 150.0], 1.0, (90,), (-60.0, -40.0))
    assert np.isnan(train["apd_at_-60mV"]).all()  # the first is cut short
    assert train["apd_at_-40mV"][1, 0] == pytest.approx(
        1.0 + 249.0 * 60.0 / 100.0 - 10.0 / 70.0, abs=0.01
    )
    assert np.isfinite(train["apd90"][1, 0])


def test_what_does_not_exist_is_nan_and_leaves_the_other_nodes_alone():
    t = np.arange(0.0, 400.0, 0.5)
    good = triangle(t, 10.0)
    failed = np.where(good > REST, np.minimum(good, -30.0), REST)
    broken = np.where(t > 300.0, np.nan, good)
    V = np.array([good, failed, broken, good]).T
    found = beat_biomarkers(t, V, 10.0, 1.0, (90,), (-60.0,))
    alone = beat_biomarkers(t, good[:, None], 10.0, 1.0, (90,), (-60.0,))
    for name, values in found.items():
        np.testing.assert_array_equal(values[[0, 3]], alone[name][0], name)
        assert np.isnan(values[2]) or name.startswith("stimulus")
    for name in ("apd90", "apd_at_-60mV", "triangulation", "activation_time"):
        assert np.isnan(found[name][1])
    assert found["peak"][1] == -30.0
    # NaN after the beat's end does not matter.
    ended = beat_biomarkers(t, V, 10.0, 1.0, (90,), (-60.0,), end=299.0)
    assert ended["apd90"][2] == alone["apd90"][0]
    # A beat that the recording does not hold.
    for start in (-5.0, 500.0):
        nothing = beat_biomarkers(t, V, start, 1.0)
        assert all(
            np.isnan(values).all()
            for name, values in nothing.items()
            if not name.startswith("stimulus")
        )


@pytest.mark.parametrize(
    ("shape", "starts", "percents", "says"),
    [
        ((3,), 0.0, (90,), "transpose if nodes come first"),
        ((2, 3), 0.0, (90,), "transpose if nodes come first"),
        ((3, 0), 0.0, (90,), "one node"),
        ((3, 2), 0.0, (0.9, 190), "190"),
        ((3, 2), [0.0, 1.0, 2.0], (90,), "one a node"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(shape, starts, percents, says):
    with pytest.raises(ValueError, match=says):
        beat_biomarkers([0.0, 1.0, 2.0], np.zeros(shape), starts, 1.0, percents)


def test_train_whose_beats_are_not_in_order_is_refused():
    with pytest.raises(ValueError, match="increasing"):
        train_biomarkers([0.0, 1.0, 2.0], np.zeros((3, 1)), [1.0, 0.0], 1.0)


def test_every_biomarker_has_its_unit():
    t, V = np.arange(0.0, 50.0, 0.1), np.full((500, 1), -80.0)
    names = set(beat_biomarkers(t, V, 0.0, 2.0, PERCENTS, POTENTIALS))
    units = {name: biomarker_unit(name) for name in names}
    mV = {"resting_potential", "peak", "amplitude"}
    slopes = {n for n in names if n.startswith("dvdt") and not n.endswith("time")}
    assert {name for name, unit in units.items() if unit == "mV"} == mV
    assert {name for name, unit in units.items() if unit == "V/s"} == slopes
    assert {units[name] for name in names - mV - slopes} == {"ms"}
    assert biomarker_unit("calcium_amplitude", "uM") == "uM"
    assert biomarker_unit("calcium_decay50", "uM") == "ms"
