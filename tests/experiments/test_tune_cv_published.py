"""Conductivities that openCARP's tutorial publishes for three velocities.

Reference: openCARP examples, 02_EP_tissue/03A_study_prep_tuneCV: ten Tusscher-Panfilov
2006 on a strand of 0.1 mm elements with consistent mass, steps of 10 us, 1400/cm and
1 uF/cm2: 0.1195, 0.0285 and 0.0128 S/m give 0.6, 0.3 and 0.2 m/s. Within 5 %: explicit
Euler diffusion and Rush-Larsen there, Crank-Nicolson and multirate here.
"""

from pathlib import Path

import pytest

from cardiosim.case.read import read_case
from cardiosim.experiments.strand import strand_of
from cardiosim.experiments.tune_cv import MOST_RUNS, Target, tune

CASE = Path(__file__).parents[2] / "cases" / "cable_tuned_velocity"
PUBLISHED = {0.6: 0.1195, 0.3: 0.0285, 0.2: 0.0128}  # m/s: S/m


@pytest.mark.slow
def test_published_conductivities_give_these_velocities():
    case = read_case(CASE)
    strand, _ = strand_of(case)
    chi_C_m = case.tissue.chi * case.tissue.C_m
    targets = [
        Target("along", velocity, 0.1, case.tissue.diffusivity)
        for velocity in PUBLISHED
    ]
    for found, published in zip(tune(strand, targets), PUBLISHED.values(), strict=True):
        assert found.has_converged and len(found.D) <= MOST_RUNS
        assert abs(found.velocity - found.target.velocity) < 1e-3
        assert found.D[-1] * chi_C_m == pytest.approx(published, rel=0.05)
        # Consistent mass is fast on this grid, lumped mass would be slow.
        assert 0.01 < found.grid_error < 0.06
