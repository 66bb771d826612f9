"""A mirrored problem has mirrored activation times, and node numbers mean nothing.

Mirrored are the nodes, the fibres and the stimulus. The same sums then run in another
order: times differ by rounding (1e-15 ms is found). So do those of conjugate gradients,
but for a step that rounding lets stop one iteration earlier, which leaves 1e-8 of the
change of V in a step: below 1e-6 mV, at slopes of 10 mV/ms and more.
"""

from dataclasses import replace

import numpy as np
import pytest

from cardiosim.tissue.mesh import ElementBlock, cable, sheet, slab
from cardiosim.tissue.simplices import simplices_of
from tests.agreement.waves import arrival, fibre, tensors

TOLERANCE = {"direct": 1e-10, "cg": 1e-6}  # ms
# Even numbers of elements: their simplices are their own mirror images.
GRIDS = {
    1: cable(6.0, 0.2),
    2: sheet((4.0, 3.2), 0.2),
    3: slab((2.4, 2.0, 1.6), 0.2),
}
DIRECTION = fibre(30, 0.3)
CORNER = np.array([1.0, 0.6, 0.8])  # mm: the stimulated box at the origin
MAKE = {"grid": lambda mesh: mesh, "simplices": simplices_of}


def stimulated(points):
    return (points <= CORNER + 1e-9).all(axis=1)


def wave(mesh, direction, stimulated, solver="direct"):
    D = 2.0 * tensors(mesh, direction)  # wide fronts: dx is 0.2 mm
    times = arrival(mesh, D, stimulated, 18.0, 0.5, 0.05, solver)
    assert np.isfinite(times).all() and np.ptp(times) > 3.0
    return times


@pytest.mark.parametrize("solver", TOLERANCE)
@pytest.mark.parametrize("make", MAKE)
@pytest.mark.parametrize("d, axis", [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)])
def test_mirrored_wave(d, axis, make, solver):
    """By another stimulus and other fibres on the same mesh."""
    grid = GRIDS[d]
    mesh = MAKE[make](grid)
    mirrored = mesh.points.copy()
    mirrored[:, axis] = grid.grid.size[axis] - mirrored[:, axis]
    turned = DIRECTION.copy()
    turned[axis] *= -1.0
    there = wave(mesh, turned, stimulated(mirrored), solver)
    here = wave(mesh, DIRECTION, stimulated(mesh.points), solver)
    shape = grid.grid.shape
    here = np.flip(here.reshape(shape, order="F"), axis)
    there = there.reshape(shape, order="F")
    np.testing.assert_allclose(there, here, rtol=0.0, atol=TOLERANCE[solver])


@pytest.mark.parametrize("d", [2, 3])
def test_mesh_turned_inside_out(d):
    """Simplices whose nodes are mirrored: positions change, neighbours do not."""
    mesh = simplices_of(GRIDS[d])
    (block,) = mesh.blocks
    nodes = block.nodes.copy()
    nodes[:, [0, 1]] = nodes[:, [1, 0]]  # as mirroring turns them over
    flip = np.array([-1.0, 1.0, 1.0])
    other = replace(
        mesh, points=mesh.points * flip, blocks=(ElementBlock(block.shape, nodes),)
    )
    chosen = stimulated(mesh.points)
    here, there = wave(mesh, DIRECTION, chosen), wave(other, DIRECTION * flip, chosen)
    np.testing.assert_allclose(there, here, rtol=0.0, atol=TOLERANCE["direct"])


@pytest.mark.parametrize("solver", TOLERANCE)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_shuffled_nodes_and_elements(d, solver):
    mesh = simplices_of(GRIDS[d])
    (block,) = mesh.blocks
    random = np.random.default_rng(4)
    order = random.permutation(mesh.n_nodes)  # old number of each new node
    new_number = np.argsort(order)
    nodes = new_number[block.nodes][random.permutation(mesh.n_elements)]
    other = replace(
        mesh, points=mesh.points[order], blocks=(ElementBlock(block.shape, nodes),)
    )
    here = wave(mesh, DIRECTION, stimulated(mesh.points), solver)
    there = wave(other, DIRECTION, stimulated(other.points), solver)
    np.testing.assert_allclose(there, here[order], rtol=0.0, atol=TOLERANCE[solver])
