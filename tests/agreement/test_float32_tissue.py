"""Single precision gives the activation times of double precision, and no NaN.

The epicardial ventricular cell has quotients 0/0 at V = 15 mV (I_CaL) and at other
potentials, which tissue in float32 meets within milliseconds.
"""

from pathlib import Path

import numpy as np
import pytest

from cardiosim.case.build import build, build_recorders
from cardiosim.case.read import read_case
from cardiosim.ionic.compiled import compile_cell
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.run import march
from cardiosim.tissue.diffusion import ThetaRule
from cardiosim.tissue.discretisation import discretise
from cardiosim.tissue.mesh import sheet, slab
from tests.agreement.waves import arrival, fibre, tensors

pytest.importorskip("torch")

CASE = Path(__file__).parents[2] / "cases" / "niederer2011"
SAME_TIME = 0.02  # ms, two steps: what is asked for


def activation_of_case(dtype):
    overrides = {"cell.backend": "torch", "cell.dtype": dtype}
    case, problem = build(read_case(CASE, overrides))
    recorder = build_recorders(case, problem).activation
    march(problem, case.time.dt, case.time.end, recorders=[recorder])
    return recorder.times[0]


@pytest.mark.slow
def test_benchmark_of_niederer():
    double, single = map(activation_of_case, ("float64", "float32"))
    assert np.isfinite(double).all()
    assert np.abs(single - double).max() < SAME_TIME


def test_wave_in_a_small_slab():
    mesh = slab((3.0, 1.5, 1.0), 0.25)
    chosen = (mesh.points <= 0.8).all(axis=1)
    D = tensors(mesh, fibre(30, 0.3))
    double, single = (
        arrival(mesh, D, chosen, 12.0, backend="torch", dtype=dtype)
        for dtype in ("float64", "float32")
    )
    assert np.ptp(double) > 3.0
    assert np.abs(single - double).max() < SAME_TIME


@pytest.mark.parametrize("scheme", ["rush_larsen", "multirate"])
@pytest.mark.parametrize(
    "backend, dtype", [("numba", "float64"), ("torch", "float64"), ("torch", "float32")]
)
def test_tissue_on_whole_millivolts_stays_finite(backend, dtype, scheme):
    """Columns of equal V from -100 to 60 mV: the first reaction meets them exactly."""
    mesh = sheet((16.0, 0.1), 0.1)
    cell = compile_cell(
        "tentusscher2006",
        scheme=scheme,
        backend=backend,
        dtype=dtype,
        torch_compile=False if backend == "torch" else None,  # takes a minute
    )
    D = tensors(mesh, [1.0, 0.0, 0.0])
    diffusion = ThetaRule(discretise(mesh, D))
    problem = Monodomain(mesh, cell, diffusion)
    problem.V[:] = np.rint(mesh.points[:, 0] / 0.1) - 100.0
    assert (problem.V == 15.0).any() and (problem.V == 0.0).any()
    march(problem, 0.02, 1.0, "godunov")
    assert np.isfinite(problem.states).all()
