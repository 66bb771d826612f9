"""Certificate: a spiral wave in remodelled tissue turns as that of the equations.

S1 is a plane wave from the left edge, S2 the lower half in its wake; the period is the
mean of the cycle lengths at four places over the last second.
"""

from __future__ import annotations

import math

import numpy as np

from cardiosim.experiments.certification_bench import (
    PULSE,
    Bench,
    Contender,
    Measurement,
    attempt,
)
from cardiosim.experiments.certification_conditions import (
    REMODELLED,
    REMODELLING,
    not_applicable,
)
from cardiosim.experiments.certification_rows import (
    Part,
    compared,
    does_not_apply,
    failed,
)
from cardiosim.experiments.single_cells import Progress
from cardiosim.ionic.cell import Cell
from cardiosim.measure.activation import cycle_lengths
from cardiosim.simulation.monodomain import Monodomain, uniform_states
from cardiosim.simulation.prepacing import prepaced_state
from cardiosim.simulation.recorders import ActivationRecorder
from cardiosim.simulation.run import march
from cardiosim.tissue.diffusion import ThetaRule
from cardiosim.tissue.discretisation import discretise, isotropic
from cardiosim.tissue.mesh import sheet
from cardiosim.tissue.positions import nearest_nodes
from cardiosim.tissue.stimulus import Stimulus

# As in cases/sheet_spiral: consistent mass, because the grid is coarse.
SIZE, DX, D, MASS, TOLERANCE = 70.0, 0.4, 0.1, 1.0, 1e-5
S2 = 160.0  # ms
END, LAST = 2000.0, 1000.0  # ms
PLACES = ((15.0, 15.0), (55.0, 15.0), (15.0, 55.0), (55.0, 55.0))  # mm
PACED = (500.0, 50)  # ms and beats before
PERIOD = 1.0  # %


def spiral_part(bench: Bench) -> Part:
    """Rotation period over two seconds."""
    title, quantity = "A spiral wave", "rotation period of a spiral wave"
    if not bench.battery.spiral:
        why = "not part of this certificate; leave out --quick and --no-spiral"
        return Part("spiral", title, (), [does_not_apply(quantity, why)])
    why = not_applicable(bench).get(REMODELLED)  # the healthy cell sustains none
    if why:
        return Part("spiral", title, (), [does_not_apply(quantity, why)])
    reference = spiral(bench, bench.exact)
    mine, error = attempt(lambda: spiral(bench, bench.surrogate))
    if mine is None:
        return Part("spiral", title, (), [failed(quantity, error)])
    row = compared(
        quantity,
        "ms",
        np.mean(mine["periods"]),
        np.mean(reference["periods"]),
        PERIOD,
        relative=True,
    )
    last = compared(
        "last activation at any of four places",
        "ms",
        mine["last"],
        reference["last"],
        math.nan,
        note=f"of {END:g} ms",
    )
    text = (
        f"A sheet of {SIZE:g} mm x {SIZE:g} mm, dx {DX:g} mm, D {D:g} mm2/ms, with the "
        f"remodelling of chronic fibrillation, for {END / 1000:g} s.",
    )
    return Part("spiral", title, text, [row, last])


def spiral(bench: Bench, contender: Contender) -> Measurement:
    """Mean cycle length at each place, ms, and the last activation, ms."""

    def run(cell: Cell, progress: Progress | None) -> Measurement:
        bcl, beats = PACED
        state = prepaced_state(
            cell, bcl, beats, PULSE.amplitude, PULSE.duration, contender.dt
        )
        mesh = sheet((SIZE, SIZE), DX)
        x, y, _ = mesh.points.T
        operator = discretise(mesh, isotropic(mesh, D), MASS)
        problem = Monodomain(
            mesh,
            cell,
            ThetaRule(operator, 0.5, "auto", TOLERANCE),
            (
                Stimulus(np.flatnonzero(x <= 2.0), 0.0, 2.0, 40.0),
                Stimulus(np.flatnonzero(y <= 0.5 * SIZE), S2, 2.0, 40.0),
            ),
            uniform_states(state, mesh.n_nodes),
        )
        activation = ActivationRecorder()
        march(problem, contender.dt, END, recorders=(activation,), progress=progress)
        times = activation.times[:, nearest_nodes(mesh.points, PLACES)]
        found = cycle_lengths(times, END - LAST, END)
        return {"periods": found.mean, "last": np.nanmax(times)}

    protocol = {"sheet": (SIZE, DX, D, MASS, TOLERANCE), "times": (S2, END, LAST)}
    return bench.measure("spiral", contender, protocol, run, {REMODELLING: 1.0})
