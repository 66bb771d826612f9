import numpy as np
import pytest

from cardiosim.output.protocol_plots import (
    fit_figure,
    restitution_figure,
    strength_duration_figure,
    voltage_clamp_figure,
)

CI = np.array([300.0, 400.0, 500.0, 700.0, 1000.0])
APD = 250.0 * (1.0 - np.exp(-CI / 200.0))


def test_restitution_curves_carry_their_references(
    tmp_path, drawn, texts, check_picture
):
    path = tmp_path / "restitution.png"
    curves = {"a": (CI[::-1], APD[::-1]), "b": (CI, 0.8 * APD)}
    references = {"a": (CI, APD + 1.0), "a paper": (CI, 0.9 * APD)}
    restitution_figure(curves, path, references=references, title="S1S2")
    check_picture(path)
    lines = {line.get_label(): line for line in drawn[0].axes[0].lines}
    assert set(lines) == {"a", "b", "a, reference", "a paper"}
    np.testing.assert_array_equal(lines["a"].get_xdata(), CI)
    np.testing.assert_array_equal(lines["a"].get_ydata(), APD)
    assert lines["a, reference"].get_linestyle() == "None"
    assert lines["a, reference"].get_markeredgecolor() == lines["a"].get_color()
    assert lines["a paper"].get_marker() != lines["a, reference"].get_marker()
    words = texts(drawn[0])
    assert {"coupling interval CI (ms)", "APD90 (ms)", "S1S2"} <= set(words)


def test_interval_without_a_response_is_crossed(tmp_path, drawn, texts):
    silent = np.where(CI < 350.0, np.nan, APD)
    restitution_figure({"a": (CI, silent)}, tmp_path / "r.png", interval="DI")
    crosses = [line for line in drawn[0].axes[0].lines if line.get_marker() == "x"]
    assert crosses[0].get_xdata().tolist() == [300.0]
    words = texts(drawn[0])
    assert {"no duration", "diastolic interval DI (ms)"} <= set(words)


def test_clamp_has_each_step_in_one_colour(tmp_path, drawn, texts, check_picture):
    times = np.arange(0.0, 100.0, 0.5)
    potentials = np.arange(-60.0, 61.0, 20.0)
    on = ((times >= 20.0) & (times < 80.0))[:, None]
    commands = np.where(on, potentials, -80.0)
    currents = np.where(on, np.exp(-(times[:, None] - 20.0) / 10.0), 0.0) * potentials
    path = tmp_path / "clamp.png"
    voltage_clamp_figure(
        times,
        commands,
        currents,
        path,
        potentials=potentials,
        peaks=potentials,
        current="i_CaL",
        start=10.0,
    )
    check_picture(path)
    command, answer, curve = drawn[0].axes
    assert command.get_xlim() == answer.get_xlim() == (10.0, 99.5)
    colours = curve.collections[0].get_facecolors()
    for step, (V, current) in enumerate(zip(command.lines, answer.lines, strict=True)):
        assert V.get_ydata().max() == max(potentials[step], -80.0)
        np.testing.assert_allclose(V.get_color(), colours[step])
        np.testing.assert_allclose(current.get_color(), colours[step])
    np.testing.assert_array_equal(curve.lines[-1].get_xydata().T, [potentials] * 2)
    assert {"i_CaL (A/F)", "peak i_CaL (A/F)", "test potential (mV)", "V (mV)"} <= set(
        texts(drawn[0])
    )


def test_strength_duration_marks_rheobase_and_chronaxie(
    tmp_path, drawn, texts, check_picture
):
    durations = np.array([0.2, 0.5, 1.0, 2.0, 5.0, 10.0])
    thresholds = 8.0 * (1.0 + 1.2 / durations)
    path = tmp_path / "strength.png"
    strength_duration_figure(
        {"a cell": (durations, thresholds)},
        path,
        laws={"a law": (durations, thresholds)},
        rheobase=8.0,
        chronaxie=1.2,
    )
    check_picture(path)
    axes = drawn[0].axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    np.testing.assert_array_equal(lines["a cell"].get_ydata(), thresholds)
    assert lines["a cell"].get_linestyle() == "None"
    marks = [line for line in axes.lines if line.get_label().startswith("_")]
    # the chronaxie is the duration at twice the rheobase
    assert [1.2, 16.0] in [line.get_xydata()[0].tolist() for line in marks]
    words = texts(drawn[0])
    assert {"rheobase 8 A/F", "chronaxie 1.2 ms", "0.2", "20"} <= set(words)


def test_fit_shows_what_is_left_and_what_was_changed(
    tmp_path, drawn, texts, check_picture
):
    times = np.arange(0.0, 300.0)
    target = -80.0 + 100.0 * np.exp(-times / 80.0)
    fitted = target + np.sin(times / 20.0)
    path = tmp_path / "fit.png"
    ratios = {"ical.g_CaL": 1.6, "ikr.g_Kr": 0.5}
    fit_figure(times, target, fitted, path, before=target - 9.0, parameters=ratios)
    check_picture(path)
    traces, rest, parameters = drawn[0].axes
    lines = {line.get_label(): line.get_ydata() for line in traces.lines}
    np.testing.assert_array_equal(lines["target"], target)
    np.testing.assert_array_equal(lines["fitted"], fitted)
    np.testing.assert_array_equal(lines["before the fit"], target - 9.0)
    np.testing.assert_allclose(rest.lines[-1].get_ydata(), np.sin(times / 20.0))
    assert parameters.lines[-1].get_xdata().tolist() == [1.6, 0.5]
    low, high = parameters.get_xlim()
    assert low * high == pytest.approx(1.0)  # a half is as far as a double
    assert {"ical.g_CaL", "ikr.g_Kr", "fitted minus\ntarget (mV)"} <= set(
        texts(drawn[0])
    )


def test_wrong_shapes_are_refused_and_nothing_is_written(tmp_path):
    path = tmp_path / "a.png"
    with pytest.raises(ValueError, match="curve 'a'"):
        restitution_figure({"a": (CI, APD[1:])}, path)
    with pytest.raises(ValueError, match="n_steps"):
        voltage_clamp_figure(
            CI,
            np.zeros((5, 2)),
            np.zeros((5, 3)),
            path,
            potentials=[0, 1],
            peaks=[0, 1],
        )
    with pytest.raises(ValueError, match="fitted has shape"):
        fit_figure(CI, APD, APD[1:], path)
    assert not path.exists()
