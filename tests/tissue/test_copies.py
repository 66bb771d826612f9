"""Copies of a tissue side by side are that tissue, each by itself."""

import numpy as np
import pytest

from cardiosim.tissue.copies import copied_diffusion, copied_mesh
from cardiosim.tissue.diffusion import RungeKuttaChebyshev, ThetaRule
from cardiosim.tissue.discretisation import discretise, isotropic
from cardiosim.tissue.mesh import cable, point, sheet, with_holes
from cardiosim.tissue.simplices import simplices_of


def holed_sheet():
    mesh = sheet((2.0, 1.5), 0.1)
    x, y, _ = mesh.centroids.T
    return with_holes(mesh, (np.abs(x - 1.0) < 0.3) & (np.abs(y - 0.7) < 0.2))


MESHES = {
    "cable": lambda: cable(3.0, 0.1),
    "sheet": lambda: sheet((2.0, 1.5), 0.1),
    "sheet with a hole": holed_sheet,
    "triangles": lambda: simplices_of(sheet((2.0, 1.5), 0.1)),
}


def rule_of(mesh, kind):
    D = np.linspace(0.05, 0.2, mesh.n_elements)
    if kind == "explicit":
        return RungeKuttaChebyshev(discretise(mesh, isotropic(mesh, D), 0.0))
    return ThetaRule(discretise(mesh, isotropic(mesh, D), 0.5), 0.5, kind, 1e-12)


@pytest.mark.parametrize("kind", ["direct", "cg", "explicit"])
@pytest.mark.parametrize("name", MESHES)
def test_each_copy_diffuses_as_if_it_were_alone(name, kind):
    mesh = MESHES[name]()
    n, dt = mesh.n_nodes, 0.1
    V = np.random.default_rng(1).uniform(-90.0, 30.0, (3, n))
    together = V.ravel().copy()
    copied_diffusion(rule_of(mesh, kind), 3).advance(together, dt)
    for k in range(3):
        alone = V[k].copy()
        rule_of(mesh, kind).advance(alone, dt)
        # cg stops at the residual of all copies together: 1e-12 of some 100 mV.
        np.testing.assert_allclose(
            together[k * n : (k + 1) * n], alone, rtol=0, atol=1e-8
        )


def test_copies_of_a_cable_are_solved_as_chains():
    rule = copied_diffusion(rule_of(cable(3.0, 0.1), "auto"), 4)
    assert type(rule.prepare(0.1)).__name__ == "Chain"


def test_nodes_of_a_copy_lie_behind_those_of_the_one_before():
    mesh = MESHES["triangles"]()
    copies = copied_mesh(mesh, 2)
    assert copies.n_nodes == 2 * mesh.n_nodes
    np.testing.assert_array_equal(copies.points[mesh.n_nodes :], mesh.points)
    (block,), (one,) = copies.blocks, mesh.blocks
    np.testing.assert_array_equal(block.nodes[len(one) :], one.nodes + mesh.n_nodes)
    assert copied_mesh(point(3), 2).n_nodes == 6


def test_a_rule_that_cannot_be_copied_is_told():
    with pytest.raises(ValueError, match="object cannot be copied"):
        copied_diffusion(object(), 2)
