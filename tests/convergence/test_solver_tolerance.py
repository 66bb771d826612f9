"""What the tolerance of conjugate gradients may do to activation times: nothing."""

import numpy as np
import pytest

from cardiosim.ionic.compiled import compile_cell
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.recorders import ActivationRecorder
from cardiosim.simulation.run import march
from cardiosim.tissue.diffusion import ThetaRule
from cardiosim.tissue.discretisation import discretise
from cardiosim.tissue.mesh import sheet
from cardiosim.tissue.simplices import simplices_of
from cardiosim.tissue.stimulus import Stimulus
from tests.tissue.operators import along


def activation_times(mesh, tolerance):
    tensors = along([1.0, 0.6, 0.0], 0.15, 0.03, mesh.n_elements)
    diffusion = ThetaRule(discretise(mesh, tensors), 0.5, "cg", tolerance)
    corner = np.flatnonzero((mesh.points[:, :2] <= 1.0).all(axis=1))
    stimulus = Stimulus(corner, start=0.0, duration=1.0, amplitude=80.0)
    cell = compile_cell("mitchell_schaeffer2003")
    recorder = ActivationRecorder()
    march(
        Monodomain(mesh, cell, diffusion, (stimulus,)), 0.05, 40.0, recorders=[recorder]
    )
    return recorder.times


@pytest.mark.parametrize("make", [lambda mesh: mesh, simplices_of])
def test_tolerance_does_not_show_in_activation_times(make):
    mesh = make(sheet((10.0, 7.0), 0.2))
    loose, tight = (activation_times(mesh, tolerance) for tolerance in (1e-5, 1e-10))
    assert np.isfinite(tight).all() and np.ptp(tight) > 15.0
    # The bound that is asked for; the times themselves are right to some 0.1 ms.
    assert np.abs(loose - tight).max() < 0.01
