import numpy as np
import pytest
from scipy.linalg import eigh

from cardiosim.tissue.discretisation import discretise, isotropic
from cardiosim.tissue.mesh import cable, sheet, slab, with_holes
from cardiosim.tissue.spectrum import ACCURACY, DENSE, largest_rate
from tests.tissue.operators import (
    BLENDS,
    along,
    distorted,
    grids,
    random_tensors,
    simplices,
)

SMALL = grids() | simplices()
FLAT, DEEP = sheet((1.6, 1.4), 0.1), slab((0.6, 0.5, 0.5), 0.1)
LARGE = {
    "cable": cable(3.0, 0.012),
    "sheet": FLAT,
    "slab": DEEP,
    "holed sheet": with_holes(
        FLAT, np.abs(FLAT.centroids - [0.8, 0.7, 0.0]).max(axis=1) < 0.3
    ),
    "triangles": distorted(FLAT),
    "tetrahedra": distorted(DEEP),
}


def one_tensor(mesh):
    """Many modes of nearly the same rate, unlike with tensors at random."""
    return along([1.0, 0.6, 0.3], 0.15, 0.03, mesh.n_elements)


def exact(operator):
    K, M = (operator.matrix(*w).toarray() for w in ((0.0, 1.0), (1.0, 0.0)))
    return eigh(K, M, eigvals_only=True)[-1]


@pytest.mark.parametrize("consistent", BLENDS)
@pytest.mark.parametrize("name", SMALL)
def test_largest_rate_of_small_meshes(name, consistent):
    operator = discretise(SMALL[name], random_tensors(SMALL[name]), consistent)
    assert operator.n_nodes <= DENSE
    assert largest_rate(operator) == pytest.approx(exact(operator), rel=1e-10)


@pytest.mark.parametrize("tensors", [random_tensors, one_tensor])
@pytest.mark.parametrize("consistent", BLENDS)
@pytest.mark.parametrize("name", LARGE)
def test_largest_rate_is_a_bound_and_a_close_one(name, consistent, tensors):
    operator = discretise(LARGE[name], tensors(LARGE[name]), consistent)
    assert operator.n_nodes > DENSE
    found, fastest = largest_rate(operator), exact(operator)
    assert fastest <= found <= fastest * (1 + ACCURACY)


def test_known_rate_of_the_classical_stencil():
    mesh = sheet((3.0, 3.0), 0.1)
    rate = largest_rate(discretise(mesh, isotropic(mesh, 0.15), 0.0))
    # 4 D / dx^2 for each axis, that of the checkerboard.
    assert 1.0 <= rate / (2 * 4 * 0.15 / 0.01) <= 1.0 + ACCURACY


def test_no_matrix_is_made_of_a_large_mesh(monkeypatch):
    """To factor the mass of 70 000 nodes took two minutes."""
    operator = discretise(DEEP, one_tensor(DEEP), 0.5)
    fastest = exact(operator)
    monkeypatch.setattr(type(operator), "matrix", None)
    assert fastest <= largest_rate(operator) <= fastest * (1 + ACCURACY)


def test_bound_is_the_same_in_every_run():
    operator = discretise(LARGE["slab"], random_tensors(LARGE["slab"]), 0.0)
    assert largest_rate(operator) == largest_rate(operator)


@pytest.mark.parametrize("consistent", [0.0, 0.5])
@pytest.mark.parametrize("dx", [0.1, 0.01])
def test_nothing_diffuses_at_no_rate(dx, consistent):
    mesh = cable(3.0, dx)
    assert largest_rate(discretise(mesh, isotropic(mesh, 0.0), consistent)) == 0.0
