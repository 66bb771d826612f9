"""Tuning of conductivities: on laws of CV(D) known in closed form, and on fronts."""

import math

import numpy as np
import pytest

from cardiosim.case.read import CaseError, read_case
from cardiosim.experiments.strand import Strand, spacings, strand_of
from cardiosim.experiments.tune_cv import MOST_RUNS, Target, tune
from cardiosim.ionic.compiled import compile_cell

CABLE = """
[mesh]
kind = "{kind}"
{size}
dx = {dx}
[tissue]
{tissue}
[cell]
model = "{model}"
[[stimulus]]
where = "x <= 2.0"
start = 0.0
duration = 0.2
amplitude = 600.0
[time]
dt = 0.01
end = 20.0
[record]
activation_threshold = 50.0
"""


def case_of(tmp_path, kind="cable", size="length = 20.0", dx=0.05, **more):
    given = {"tissue": "D = 0.05", "model": "nagumo"} | more
    path = tmp_path / "case.toml"
    path.write_text(CABLE.format(kind=kind, size=size, dx=dx, **given))
    return read_case(path)


class LawfulStrand:
    """A strand whose velocity follows a law."""

    dt, cell = 0.01, type("Cell", (), {"surrogate": None})()

    def __init__(self, law, **other):
        self.law, self.runs = law, 0

    def fastest(self, along, across=None):
        return 0.0

    def velocities(self, dx, D, expected, fastest):
        self.runs += 1
        return np.array([self.law(*pair) for pair in zip(dx, D, strict=True)])


@pytest.fixture(autouse=True)
def _lawful(monkeypatch):
    """`replace` makes a strand of another step, which the laws do not know."""
    from cardiosim.experiments import tune_cv

    real = tune_cv.replace
    monkeypatch.setattr(
        tune_cv,
        "replace",
        lambda s, **c: s if isinstance(s, LawfulStrand) else real(s, **c),
    )


def test_one_correction_does_where_velocity_is_a_multiple_of_the_root():
    strand = LawfulStrand(lambda dx, D: 1.9 * math.sqrt(D))
    (found,) = tune(strand, [Target("along", 0.6, 0.1, 0.3)])
    assert found.has_converged and len(found.D) == 2
    assert found.D[-1] == pytest.approx((0.6 / 1.9) ** 2, rel=1e-12)
    assert found.grid_error == found.step_error == found.error == 0.0


def test_a_grid_that_slows_waves_takes_the_secant():
    def law(dx, D):  # the more, the smaller D
        return 1.9 * math.sqrt(D) * max(0.0, 1.0 - 0.4 * dx**2 / D)

    strand = LawfulStrand(law)
    targets = [Target("along", 0.6, 0.2, 0.3), Target("across", 0.2, 0.2, 0.3)]
    found = tune(strand, targets, 1e-6)
    assert all(one.has_converged for one in found)
    assert max(len(one.D) for one in found) <= MOST_RUNS
    # All directions in the same runs, and the two on the finer grid.
    assert strand.runs == max(len(one.D) for one in found) + 2
    for one in found:
        D = one.D[-1]
        assert law(0.2, D) == pytest.approx(one.target.velocity, abs=1e-6)
        assert one.grid_error == pytest.approx(law(0.2, D) / law(0.05, D) - 1.0)
        assert one.error < -0.04


def test_strand_that_does_not_conduct_at_first():
    strand = LawfulStrand(lambda dx, D: 1.9 * math.sqrt(D) if D > 0.02 else math.nan)
    (found,) = tune(strand, [Target("along", 0.6, 0.1, 0.001)])
    assert found.has_converged
    assert math.isnan(found.velocities[0])


def test_what_does_not_converge_says_so():
    strand = LawfulStrand(lambda dx, D: 0.5)
    (found,) = tune(strand, [Target("along", 0.6, 0.1, 0.1)])
    assert not found.has_converged
    assert len(found.D) == MOST_RUNS


def test_front_of_nagumo_needs_the_conductivity_of_its_formula(tmp_path):
    # c = sqrt(D k/2) (1 - 2 a) with k = 8/ms and a = 0.25, so that D = c^2.
    case = case_of(tmp_path)
    strand, notes = strand_of(case, 12.0)
    assert notes == ()
    (found,) = tune(strand, [Target("along", 0.4, 0.1, 0.1)])
    assert found.has_converged and len(found.D) <= 3
    # At dx 0.7 sqrt(D/k) the half-lumped mass is within 0.3 %, and 1e-3 m/s more.
    assert found.D[-1] == pytest.approx(0.4**2, rel=0.012)
    assert abs(found.grid_error) < 3e-3


def test_lumped_mass_is_slow_and_consistent_mass_is_fast(tmp_path):
    case = case_of(tmp_path, dx=0.1)
    errors = {}
    for mass in (0.0, 1.0):
        table = case.diffusion.model_copy(update={"mass": mass})
        strand, _ = strand_of(case.model_copy(update={"diffusion": table}))
        coarse, fine = strand.velocities([0.1, 0.025], [0.05, 0.05], 0.2)
        errors[mass] = coarse / fine - 1.0
    assert errors[0.0] < -0.01
    assert errors[1.0] > 0.01


def test_a_slow_wave_is_waited_for(tmp_path):
    strand, _ = strand_of(case_of(tmp_path), 10.0)
    (velocity,) = strand.velocities([0.1], [0.01], expected=1.0)
    assert velocity == pytest.approx(0.1, rel=0.1)


def test_strand_is_stepped_as_the_case_is(tmp_path):
    case = case_of(tmp_path)
    time = case.time.model_copy(update={"splitting": "godunov", "reaction_dt": 0.005})
    diffusion = case.diffusion.model_copy(update={"mass": 0.25, "theta": 1.0})
    update = {"time": time, "diffusion": diffusion}
    strand, _ = strand_of(case.model_copy(update=update), 12.0)
    assert isinstance(strand, Strand)
    assert (strand.dt, strand.splitting, strand.reaction_steps) == (0.01, "godunov", 2)
    assert (strand.consistent, strand.theta, strand.length) == (0.25, 1.0, 12.0)
    assert (strand.pulse.amplitude, strand.pulse.duration) == (600.0, 0.2)
    assert strand.threshold == 50.0


def test_velocity_of_a_strand_is_that_of_the_case_itself(tmp_path):
    from cardiosim.case.build import build, build_recorders
    from cardiosim.measure.conduction_velocity import conduction_velocity
    from cardiosim.simulation.run import march

    case, problem = build(case_of(tmp_path).model_copy(update={}))
    recorders = build_recorders(case, problem)
    march(problem, 0.01, 90.0, recorders=[recorders.activation])
    x = problem.mesh.points[:, 0]
    whole = conduction_velocity(x, recorders.activation.times[0])
    strand, _ = strand_of(case_of(tmp_path))
    (velocity,) = strand.velocities([0.05], [0.05], 0.2)
    # Finite differences and elements of lines are the same stencil, rounded otherwise.
    assert velocity == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("solver", ["explicit", "auto", "cg"])
def test_lumped_sheet_is_stepped_as_it_would_step_itself(tmp_path, solver):
    from cardiosim.case.build import build, build_recorders
    from cardiosim.measure.conduction_velocity import conduction_velocity
    from cardiosim.simulation.run import march

    sheet = {"kind": "sheet", "size": "size = [12.0, 0.5]", "dx": 0.1}
    case = case_of(tmp_path, **sheet)
    table = case.diffusion.model_copy(update={"mass": 0.0, "solver": solver})
    # Such long steps that explicit stages and Crank-Nicolson differ.
    time = case.time.model_copy(update={"dt": 0.1})
    case = case.model_copy(update={"diffusion": table, "time": time})
    case, problem = build(case)
    recorders = build_recorders(case, problem)
    march(problem, 0.1, 60.0, recorders=[recorders.activation])
    row = problem.mesh.points[:, 1] == 0.0
    x, lat = problem.mesh.points[row, 0], recorders.activation.times[0][row]
    whole = conduction_velocity(x, lat)
    strand, _ = strand_of(case, 12.0)
    fastest = strand.fastest(0.05)
    (velocity,) = strand.velocities([0.1], [0.05], 0.2, fastest)
    # cg is iterated to 1e-6, the strand is solved directly.
    assert velocity == pytest.approx(whole, rel=1e-5)


def test_spacings_along_and_across_the_fibres(tmp_path):
    tissue = "D_l = 0.1\nD_t = 0.02\nfibres = {{ angle = {} }}"
    sheet = {"kind": "sheet", "size": "size = [4.0, 4.0]", "dx": "[0.1, 0.2]"}
    flat = case_of(tmp_path, **sheet, tissue=tissue.format(10.0))
    assert spacings(flat) == (0.1, 0.2)
    upright = case_of(tmp_path, **sheet, tissue=tissue.format(80.0))
    assert spacings(upright) == (0.2, 0.1)
    assert spacings(case_of(tmp_path)) == (0.05, 0.05)


def test_faults_are_told(tmp_path):
    strand = Strand(compile_cell("nagumo"), np.zeros(1), 0.01)
    with pytest.raises(ValueError, match="-0.6 m/s along the fibres"):
        tune(strand, [Target("along", -0.6, 0.1, 0.1)])
    case = case_of(tmp_path).model_copy(update={"tissue": None})
    for function in (strand_of, spacings):
        with pytest.raises(CaseError, match="conducts nothing"):
            function(case)
