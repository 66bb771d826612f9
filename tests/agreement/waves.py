"""Waves that are started somewhere on a mesh, and when they arrive."""

from __future__ import annotations

import numpy as np

from cardiosim.ionic.compiled import compile_cell
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.recorders import ActivationRecorder
from cardiosim.simulation.run import march
from cardiosim.tissue.diffusion import ThetaRule
from cardiosim.tissue.discretisation import discretise
from cardiosim.tissue.stimulus import Stimulus
from tests.tissue.operators import along

# mm2/ms; with 0.1 mm between nodes a front across the fibres is two to three of them.
D_ALONG, D_ACROSS = 0.15, 0.03


def fibre(degrees, rise=0.0):
    """A unit vector at an angle to the x axis, and rising out of the x-y plane."""
    angle = np.deg2rad(degrees)
    direction = np.array([np.cos(angle), np.sin(angle), rise])
    return direction / np.linalg.norm(direction)


def tensors(mesh, direction, across=D_ACROSS):
    """The same tensor in every element."""
    return along(direction, D_ALONG, across, mesh.n_elements)


def arrival(mesh, D, stimulated, end, consistent=0.5, dt=0.02, solver="auto", **cell):
    """First activation of every node, ms, -40 mV, of the epicardial ventricular cell.

    Args:
        mesh: any.
        D: tensors of its elements.
        stimulated: nodes that get 50 A/F for 2 ms.
        end: ms.
        consistent: blend of the mass.
        dt: ms.
        solver: of the diffusion step.
        cell: for `compile_cell`, or its model.
    """
    options = {"model": "tentusscher2006", "scheme": "multirate"} | cell
    operator = discretise(mesh, D, consistent)
    problem = Monodomain(
        mesh,
        compile_cell(options.pop("model"), **options),
        ThetaRule(operator, 0.5, solver),
        (Stimulus(np.flatnonzero(stimulated), 0.0, 2.0, 50.0),),
    )
    recorder = ActivationRecorder(-40.0)
    march(problem, dt, end, recorders=[recorder])
    return recorder.times[0]
