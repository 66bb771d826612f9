"""The benchmark of Niederer et al. 2011 against programs and tables of others.

Rows of activation times at P1 to P9, ms: independent finite differences (7 points,
lumped, explicit, Rush-Larsen) and fenicsx-beat (linear tetrahedra, consistent mass).
"""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cardiosim.case.build import build, build_diffusion, build_recorders
from cardiosim.case.read import read_case
from cardiosim.case.sweep import read_sweep
from cardiosim.case.tissue import build_tissue
from cardiosim.simulation.run import march
from cardiosim.tissue.mesh import ElementBlock, Mesh

CASE = Path(__file__).parents[2] / "cases" / "niederer2011"
SHEET = CASE.parent / "sheet_planar_wave"

FINITE_DIFFERENCES = {
    0.5: [1.237, 114.27, 45.10, 125.51, 27.23, 115.71, 50.38, 126.45, 55.82],
    0.2: [1.237, 40.62, 35.24, 53.92, 12.01, 42.49, 36.73, 54.92, 24.62],
}
TETRAHEDRA = {
    0.5: [1.215, 50.775, 33.825, 57.96, 13.97, 49.345, 32.945, 55.825, 25.595],
    0.2: [1.235, 29.015, 31.05, 38.475, 9.315, 29.32, 31.08, 38.235, 18.045],
}
CONVERGED = [1.22, 26.6, 31.8, 41.4, 8.27, 28.0, 32.9, 42.35, 19.6]  # dx, dt -> 0


def activation(change=None, **overrides):
    """At the nine points; where no node is at one, the mean over the nearest.

    Args:
        change: takes the built case and problem, and changes the problem.
        overrides: of the case, with "__" for the dots.
    """
    keys = {key.replace("__", "."): value for key, value in overrides.items()}
    case, problem = build(read_case(CASE, keys))
    if change is not None:
        change(case, problem)
    recorder = build_recorders(case, problem).activation
    time = case.time
    march(problem, time.dt, time.end, time.splitting, [recorder])
    times, points = recorder.times[0], problem.mesh.points
    found = []
    for position in case.measure.lat.values():
        distance = np.linalg.norm(points - position, axis=1)
        found.append(times[distance < distance.min() + 1e-6].mean())
    return np.array(found)


@pytest.mark.parametrize(
    "case, study",
    [
        *((CASE, CASE / f"{name}.toml") for name in ("dx05", "dx02", "dx01")),
        (CASE, CASE / "converged.toml"),
        (SHEET / "turned_fibres.toml", SHEET / "fibre_angles.toml"),
    ],
    ids=lambda path: path.stem,
)
def test_studies_of_the_documentation_can_be_run(case, study):
    sweep = read_sweep(study)
    for sample in range(len(sweep.samples)):
        read_case(case, sweep.overrides(sample))


def in_order(times):
    P1, P2, P3, P4, P5, P6, P7, P8, P9 = times
    return P1 < P5 < P9 < P2 < P6 and P3 < P7 < P4 < P8


def difference(times, row):
    """In %."""
    return 100.0 * (times / np.array(row) - 1.0)


def test_lumped_mass_agrees_with_finite_differences_of_others():
    times = activation()
    # Same scheme in space; theirs is explicit, and the reaction comes first.
    assert np.abs(difference(times, FINITE_DIFFERENCES[0.5])).max() < 1.5
    assert in_order(times)


@pytest.mark.slow
def test_lumped_mass_agrees_at_a_finer_spacing():
    times = activation(mesh__dx=0.2, time__end=60.0)
    assert np.abs(difference(times, FINITE_DIFFERENCES[0.2])).max() < 1.5
    assert in_order(times)


@pytest.mark.slow
def test_half_lumped_mass_converges_first():
    """At dx 0.1 mm, where P8 is 42.8 ms: 1 ms is asked for, with refinement at that."""
    times = activation(
        mesh__dx=0.1,
        diffusion__mass=0.5,
        cell__scheme="multirate",
        time__dt=0.02,
        time__end=46.0,
    )
    assert in_order(times)
    assert times[7] == pytest.approx(CONVERGED[7], abs=1.0)
    assert times[2] == pytest.approx(CONVERGED[2], abs=0.3)  # theirs is as uncertain


def cut_alike(mesh):
    """Six tetrahedra a brick round one diagonal, the same everywhere."""
    (block,) = mesh.blocks
    # Corners by (x, y, z), in the order of the block's columns.
    column = {
        (x, y, z): [0, 1, 3, 2][x + 2 * y] + 4 * z
        for x, y, z in itertools.product((0, 1), repeat=3)
    }
    tetrahedra = []
    for order in itertools.permutations(range(3)):
        walk = [(0, 0, 0)]
        for axis in order:
            step = list(walk[-1])
            step[axis] = 1
            walk.append(tuple(step))
        tetrahedra.append(block.nodes[:, [column[corner] for corner in walk]])
    nodes = np.concatenate(tetrahedra)
    corners = mesh.points[nodes]
    inside_out = np.linalg.det(corners[:, 1:] - corners[:, :1]) < 0.0
    nodes[inside_out] = nodes[inside_out][:, [1, 0, 2, 3]]
    return Mesh("mesh", mesh.points, (ElementBlock("tetra", nodes),))


def as_fenicsx_beat(case, problem):
    """Its mesh, and its stimulus: a source in the elements that lie in the cube, of
    which nodes on their outer faces get half, and those at edges a quarter.
    """
    mesh = problem.mesh = cut_alike(problem.mesh)
    tensors = build_tissue(case, mesh).tensors
    problem.diffusion = build_diffusion(case, mesh, tensors)
    (stimulus,) = problem.stimuli
    face = case.mesh.dx * np.floor(1.5 / case.mesh.dx + 1e-6)
    # The mean of eight boxes, with and without the face across each axis.
    problem.stimuli = tuple(
        replace(
            stimulus,
            nodes=np.flatnonzero((mesh.points < face + with_faces).all(axis=1)),
            amplitude=stimulus.amplitude / 8.0,
        )
        for with_faces in np.array([*itertools.product((-1e-6, 1e-6), repeat=3)])
    )


# The worst of the nine is P9 at 0.2 mm, which lies between nodes and which theirs may
# evaluate in another way, and P5 at 0.5 mm, a width of the front from the stimulus.
@pytest.mark.parametrize(
    "dx, end, largest",
    [(0.5, 65.0, 3.5), pytest.param(0.2, 42.0, 1.5, marks=pytest.mark.slow)],
)
def test_consistent_tetrahedra_agree_with_those_of_others(dx, end, largest):
    times = activation(
        as_fenicsx_beat,
        mesh__dx=dx,
        diffusion__mass=1.0,
        time__end=end,
        time__splitting="godunov",
    )
    found = np.abs(difference(times, TETRAHEDRA[dx]))[1:]
    assert np.sort(found)[-2] < 1.0
    assert found.max() < largest
    # Inside the stimulus; how finely theirs is sampled is not known.
    assert times[0] == pytest.approx(TETRAHEDRA[dx][0], abs=0.05)
