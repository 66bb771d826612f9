"""Parameters are recovered from beats that were computed with known ones."""

from pathlib import Path

import numpy as np
import pytest

from cardiosim.case.fit_file import FitFile, read_fit
from cardiosim.case.read import CaseError, read_case
from cardiosim.case.schema import Case
from cardiosim.experiments.fit import fit_case
from cardiosim.experiments.fit_targets import Targets, read_targets, unit_of
from cardiosim.experiments.identifiability import condition_number, standard_errors
from cardiosim.experiments.last_beat import LastBeat

# Smooth equations, half a second to compile; 1.0 is what the case has.
KNOWN = {"membrane.a": 1.2, "membrane.k": 0.9, "recovery.mu_1": 1.3}
SAMPLES = np.arange(0.0, 399.0, 2.0)


def one_cell(model="aliev_panfilov1996", end=401.0, dt=0.02, **cell):
    return Case.model_validate(
        {
            "mesh": {"kind": "point"},
            "cell": {"model": model, **cell},
            "stimulus": [{"start": 1.0, "duration": 2.0, "amplitude": 30.0}],
            "time": {"dt": dt, "end": end},
        }
    )


def fit_file(parameters, gradients="differences", **more):
    return FitFile.model_validate(
        {"gradients": gradients, "parameters": parameters, **more}
    )


def write_trace(path, V, times=SAMPLES):
    rows = [f"{t},{v}" for t, v in zip(times, V, strict=True)]
    path.write_text("\n".join(["time (ms),V (mV)", *rows]))
    return {"file": str(path), "sigma": 1.0}


def beat_with(case, factors):
    """V at SAMPLES of the case with its parameters multiplied."""
    beat = LastBeat(case, list(factors)).run(np.array([list(factors.values())]))
    return np.interp(SAMPLES, beat.times, beat.V[:, 0])


@pytest.fixture
def known_trace(tmp_path):
    """Target table of a beat with the KNOWN factors."""
    return {"trace": write_trace(tmp_path / "ap.csv", beat_with(one_cell(), KNOWN))}


def factors_of(fit):
    return np.array([p.factor for p in fit.parameters])


def test_known_parameters_are_recovered_from_a_trace(known_trace):
    fit = fit_case(one_cell(), fit_file(dict.fromkeys(KNOWN, {}), target=known_trace))
    # The same program made the trace: what is left is where the search stops.
    np.testing.assert_allclose(factors_of(fit), list(KNOWN.values()), rtol=1e-6)
    assert fit.converged and not fit.notes
    assert fit.misfit[0] > 1e5 and fit.misfit[1] < 1e-6
    sums = fit.history[:, 1]
    assert (np.diff(sums) < 0.0).all()
    lookup = {p.name: p for p in fit.parameters}
    assert lookup["membrane.a"].value == pytest.approx(0.15 * 1.2, rel=1e-6)


def test_errors_are_those_of_noise(tmp_path):
    """Ten noisy traces: the spread of what is found is the error that is told."""
    V, rng = beat_with(one_cell(), KNOWN), np.random.default_rng(1)
    away = []
    for k in range(10):
        noisy = V + rng.normal(0.0, 1.0, V.shape)
        target = {"trace": write_trace(tmp_path / f"{k}.csv", noisy)}
        start = {name: {"start": factor} for name, factor in KNOWN.items()}
        file = fit_file(start, target=target, tolerance=1e-5)
        fit = fit_case(one_cell(), file)
        errors = np.array([p.error for p in fit.parameters])
        away.append(np.log(factors_of(fit) / list(KNOWN.values())) / errors)
    away = np.array(away)
    # Of normal numbers one in 370 is beyond 3; seeded, so that this is no gamble.
    assert np.abs(away).max() < 3.0
    # The deviation of a sample of ten is known to 24 %, of 30 numbers to 13 %.
    assert 0.6 < np.sqrt((away**2).mean()) < 1.4


def test_fit_reaches_biomarkers_that_two_parameters_can_give():
    case = one_cell()
    factors = {"membrane.a": 1.1, "recovery.mu_1": 0.9}
    beat = LastBeat(case, list(factors)).run(np.array([list(factors.values())]))
    table = fit_file(
        dict.fromkeys(factors, {}),
        target={
            "biomarkers": {
                name: {"value": 0.0, "sigma": 1.0} for name in ("apd90", "apd_at_-60mV")
            }
        },
    ).target
    wanted = read_targets(table, 400.0, -20.0).of(beat)[:, 0]
    biomarkers = {
        name: {"value": value, "sigma": 0.1}
        for name, value in zip(("apd90", "apd_at_-60mV"), wanted, strict=True)
    }
    target = {"biomarkers": biomarkers}
    fit = fit_case(case, fit_file(dict.fromkeys(factors, {}), target=target))
    # A duration begins at a step, of 0.02 ms: a tenth of it is what the fit can see.
    np.testing.assert_allclose(fit.reached, wanted, atol=0.02)


def test_prior_holds_what_targets_do_not_determine():
    """One duration, two parameters: the prior decides, by its widths."""
    target = {"biomarkers": {"apd90": {"value": 230.0, "sigma": 0.1}}}
    stiff, soft = {"sigma": 0.01}, {"sigma": 0.2}
    fits = [
        fit_case(
            one_cell(),
            fit_file({"membrane.a": a, "recovery.mu_1": mu}, target=target),
        )
        for a, mu in ((stiff, soft), (soft, stiff))
    ]
    for fit in fits:
        assert fit.biomarkers["apd90"][1] == pytest.approx(230.0, abs=0.2)
        assert np.isinf(fit.condition)
        assert "only priors hold it" in " ".join(fit.notes)
    x = np.log([factors_of(fit) for fit in fits])
    assert abs(x[0, 0]) < 0.1 * abs(x[0, 1])
    assert abs(x[1, 1]) < 0.1 * abs(x[1, 0])


def test_fit_ends_at_a_bound_that_keeps_it_from_its_target(known_trace):
    free = {name: {} for name in KNOWN} | {"membrane.a": {"low": 0.9, "high": 1.1}}
    fit = fit_case(one_cell(), fit_file(free, target=known_trace))
    at_bound = fit.parameters[0]
    assert (at_bound.name, at_bound.bound) == ("membrane.a", "high")
    assert at_bound.factor == pytest.approx(1.1, rel=1e-5)
    assert np.isnan(at_bound.error)
    assert np.isfinite([p.error for p in fit.parameters[1:]]).all()
    assert any("at a bound: membrane.a (high)" in note for note in fit.notes)


def test_targets_that_are_missed_are_told():
    """No factor within 10 % makes a beat of 5000 ms; nothing is left to determine."""
    target = {"biomarkers": {"apd90": {"value": 5000.0, "sigma": 10.0}}}
    free = {"membrane.a": {"low": 0.9, "high": 1.1}}
    fit = fit_case(one_cell(), fit_file(free, target=target))
    assert fit.parameters[0].bound and np.isnan(fit.condition)
    sigmas = (5000.0 - fit.biomarkers["apd90"][1]) / 10.0
    assert f"target missed: apd90 by {sigmas:.3g} sigma" in fit.notes


def test_only_targets_beyond_three_sigma_are_missed():
    times, names = np.array([0.0, 1.0]), ("apd50", "apd90")
    targets = Targets(times, names, np.zeros(4), np.ones(4), -20.0)
    assert targets.missed(np.array([2.9, -2.9, 2.9, -2.9])) == []
    trace, number = targets.missed(np.array([4.0, -4.0, 0.0, -3.5]))[::-1]
    assert trace == "target missed: the trace by 4 sigma, its rms"
    assert number == "target missed: apd90 by 3.5 sigma"


def test_starts_where_nothing_is_excited_are_passed_over():
    """With a threshold four times as high the stimulus excites nothing: no APD90."""
    target = {"biomarkers": {"apd90": {"value": 200.0, "sigma": 0.5}}}
    file = fit_file(
        {"membrane.a": {"low": 0.9, "high": 6.0}}, target=target, starts=4, seed=2
    )
    fit = fit_case(one_cell(), file)
    assert fit.biomarkers["apd90"][1] == pytest.approx(200.0, abs=0.5)
    assert np.isnan(fit.starts).any() and np.isfinite(fit.starts[0])
    assert any("were lost" in note for note in fit.notes)


def test_search_that_meets_a_failed_beat_steps_back():
    """A duration that only a cell beyond its threshold would have: no crash, no NaN."""
    target = {"biomarkers": {"apd90": {"value": 20.0, "sigma": 0.5}}}
    file = fit_file({"membrane.a": {"low": 0.5, "high": 8.0}}, target=target)
    fit = fit_case(one_cell(), file)
    before, after = fit.biomarkers["apd90"]
    assert np.isfinite(after) and 20.0 < after < before


@pytest.mark.parametrize(
    ("parameters", "target", "says"),
    [
        ({"membrane.aa": {}}, {"apd90": 200.0}, "did you mean membrane.a"),
        ({"membrane.V": {}}, {"apd90": 200.0}, "is computed, not a parameter"),
        ({"membrane.a": {}}, {"apd9O": 200.0}, "no biomarker; did you mean apd90"),
        ({"membrane.a": {}}, {"apd100": 200.0}, "no biomarker"),
        ({"membrane.a": {"start": 6.0, "high": 8.0}}, {"apd90": 200.0}, "has no apd90"),
    ],
)
def test_mistakes_are_told_in_one_line(parameters, target, says):
    biomarkers = {name: {"value": v, "sigma": 1.0} for name, v in target.items()}
    file = fit_file(parameters, target={"biomarkers": biomarkers})
    with pytest.raises(ValueError, match=says) as error:
        fit_case(one_cell(), file)
    assert "\n" not in str(error.value)


def test_a_case_without_beats_cannot_be_fitted():
    target = {"biomarkers": {"apd90": {"value": 200.0, "sigma": 1.0}}}
    file = fit_file({"membrane.a": {}}, target=target)
    with pytest.raises(CaseError, match="the case has no stimulus"):
        fit_case(one_cell().model_copy(update={"stimulus": ()}), file)


def test_trace_must_overlap_the_beat(tmp_path):
    trace = write_trace(tmp_path / "late.csv", np.zeros(2), np.array([500.0, 501.0]))
    file = fit_file({"membrane.a": {}}, target={"trace": trace})
    with pytest.raises(CaseError, match="no sample between 0 and 400 ms"):
        fit_case(one_cell(), file)


def test_factors_multiply_what_the_case_has():
    own = {"membrane.a": {"scale": 2.0}, "membrane.t_scale": "10 ms", "membrane.k": 7.0}
    beat = LastBeat(one_cell(parameters=own), [*own, "recovery.mu_1"])
    assert beat.values == {
        "membrane.a": 0.3,
        "membrane.t_scale": 10.0,
        "membrane.k": 7.0,
        "recovery.mu_1": 0.2,
    }
    case = beat.with_factors(np.full(4, 0.5))
    assert case.cell.parameters["membrane.t_scale"].value == 5.0


def test_standard_errors_of_a_straight_line():
    """y = a + b t with sigma 1: the textbook's variances and correlation."""
    t = np.arange(5.0)
    J = np.column_stack([np.ones(5), t])
    errors, correlation = standard_errors(J, np.array([True, True]))
    spread = ((t - 2.0) ** 2).sum()
    np.testing.assert_allclose(errors**2, [1 / 5 + 4 / spread, 1 / spread], rtol=1e-12)
    expected = -2.0 / np.sqrt((t**2).mean())
    assert correlation[0, 1] == pytest.approx(expected, rel=1e-12)
    errors, _ = standard_errors(J, np.array([True, False]))
    assert errors[0] == pytest.approx(1 / np.sqrt(5)) and np.isnan(errors[1])


def test_condition_number_tells_what_is_not_determined():
    assert condition_number(np.diag([10.0, 1.0])) == pytest.approx(10.0)
    assert np.isinf(condition_number(np.ones((1, 2))))
    errors, _ = standard_errors(np.ones((3, 2)), np.array([True, True]))
    assert np.isnan(errors).all()


def test_units_of_biomarkers():
    found = [unit_of(n) for n in ("apd90", "dvdt_max", "dvdt_max_time", "amplitude")]
    assert found == ["ms", "V/s", "ms", "mV"]


PACED = {"bcl": 400.0, "beats": 2, "amplitude": 30.0, "scheme": "rush_larsen"}


def test_torch_and_differences_give_the_same_derivatives(known_trace):
    """Through the run and through the pacing before it; then the fit by torch."""
    pytest.importorskip("torch")
    from cardiosim.experiments.beat_gradients import TorchGradients

    beat = LastBeat(one_cell(prepace=PACED), list(KNOWN))
    names = ("apd90", "apd50", "resting_potential", "amplitude", "dvdt_max")
    table = fit_file(
        {"membrane.a": {}},
        target={
            **known_trace,
            "biomarkers": {name: {"value": 0.0, "sigma": 1.0} for name in names},
        },
    ).target
    targets = read_targets(table, beat.end, -20.0)
    factors = np.array([1.1, 0.95, 0.9])
    # The case's own steps, so that it is the same discrete run.
    exact = targets.slopes(TorchGradients(beat, dt=0.02)(factors))
    other = targets.slopes(beat.by_differences(factors))
    n = targets.n_samples
    # Differences over 2e-3 in ln f: their error, 1.6e-4 here, goes with its square.
    np.testing.assert_allclose(exact[:n], other[:n], atol=5e-4 * np.abs(other).max())
    # Durations count from a step of 0.02 ms, which the pairs may shift by one.
    np.testing.assert_allclose(exact[n:], other[n:], rtol=0.02, atol=0.2)

    file = fit_file(dict.fromkeys(KNOWN, {}), "torch", target=known_trace)
    fit = fit_case(one_cell(), file)
    np.testing.assert_allclose(factors_of(fit), list(KNOWN.values()), rtol=1e-6)
    assert not fit.notes


@pytest.mark.slow
def test_equations_that_jump_are_found_out():
    """The rate of h of Mitchell and Schaeffer jumps at v_gate; see beat_gradients."""
    pytest.importorskip("torch")
    case = one_cell("mitchell_schaeffer2003", end=1001.0)
    train = case.stimulus[0].model_copy(update={"period": 500.0, "count": 2})
    # The second beat depends on when the first one fell below v_gate.
    case = case.model_copy(update={"stimulus": (train,)})
    target = {"biomarkers": {"apd90": {"value": 290.0, "sigma": 1.0}}}
    file = fit_file({"inward.tau_close": {}}, "torch", target=target, max_trials=20)
    fit = fit_case(case, file)
    assert any("equations that jump" in note for note in fit.notes)
    # Derivatives that are a quarter off still lead there.
    assert fit.biomarkers["apd90"][1] == pytest.approx(290.0, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("gradients", ["torch", "differences"])
def test_conductances_of_the_atrial_cell_are_recovered(tmp_path, gradients):
    if gradients == "torch":
        pytest.importorskip("torch")
    known = {
        "ina.g_Na": 0.8,
        "ical.g_CaL": 1.3,
        "ito.g_to": 0.7,
        "ikur.g_Kur": 1.25,
        "ik1.g_K1": 0.9,
    }
    case = one_cell("skibsbye2016", dt=0.01)
    V, rng = beat_with(case, known), np.random.default_rng(3)
    for name, noise, rtol in (("clean", 0.0, 1e-3), ("noisy", 1.0, np.inf)):
        target = write_trace(
            tmp_path / f"{name}.csv", V + noise * rng.normal(size=V.size)
        )
        file = fit_file(dict.fromkeys(known, {}), gradients, target={"trace": target})
        fit = fit_case(case, file)
        away = np.log(factors_of(fit) / list(known.values()))
        assert np.abs(away).max() < rtol
        errors = np.array([p.error for p in fit.parameters])
        assert (np.abs(away) < 3.0 * errors).all()


@pytest.mark.slow
def test_trace_of_another_program_gives_the_published_conductances():
    """The case cell_fit: an action potential by CVODES, conductances 10 to 40 % off."""
    pytest.importorskip("torch")
    folder = Path(__file__).parents[2] / "cases" / "cell_fit"
    fit = fit_case(read_case(folder), read_fit(folder / "fit.toml"))
    # 0.08 % at most was found: what the step of 5 us and the thinning of the trace do.
    np.testing.assert_allclose(factors_of(fit), 1.0, atol=2e-3)
    start = np.array([p.start for p in fit.parameters])
    assert np.abs(np.log(start)).min() > 0.1
