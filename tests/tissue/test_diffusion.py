import math

import numpy as np
import pytest
from scipy.linalg import eigh

from cardiosim.tissue.diffusion import ThetaRule
from cardiosim.tissue.finite_difference import (
    Tridiagonal,
    cable_mass,
    cable_stiffness,
)
from cardiosim.tissue.mesh import cable

MESH = cable(3.0, 0.1)
D = 0.15  # mm2/ms
BLENDS = [0.0, 0.5, 1.0]


def dense(matrix: Tridiagonal) -> np.ndarray:
    beside = matrix.off_diagonal
    return np.diag(matrix.diagonal) + np.diag(beside, 1) + np.diag(beside, -1)


def rule(theta: float, consistent: float = 0.5, D=D) -> ThetaRule:
    return ThetaRule(cable_stiffness(MESH, D), cable_mass(MESH, consistent), theta)


def noise() -> np.ndarray:
    return np.random.default_rng(1).normal(size=MESH.n_nodes)


@pytest.mark.parametrize("consistent", BLENDS)
@pytest.mark.parametrize("theta", [0.0, 0.5, 1.0])
def test_advance_solves_the_theta_rule(theta, consistent):
    uneven = np.linspace(0.05, 0.2, MESH.n_nodes - 1)
    diffusion, dt = rule(theta, consistent, uneven), 0.01
    M, K = dense(diffusion.mass), dense(diffusion.stiffness)
    V = noise()
    right = (M - (1 - theta) * dt * K) @ V
    expected = np.linalg.solve(M + theta * dt * K, right)
    diffusion.advance(V, dt)
    # Rounding of two solvers on matrices of condition below 100.
    np.testing.assert_allclose(V, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("consistent", BLENDS)
@pytest.mark.parametrize("theta", [0.5, 1.0])
def test_diffusion_conserves_charge(theta, consistent):
    diffusion = rule(theta, consistent)
    V = noise()
    charge = (diffusion.mass @ V).sum()
    for _ in range(1000):
        diffusion.advance(V, 0.1)
    assert (diffusion.mass @ V).sum() == pytest.approx(charge, abs=1e-13)
    # 100 ms of D 0.15 on 3 mm: the slowest mode is down to exp(-16).
    assert np.ptp(V) < 1e-5


def test_uniform_potential_stays_to_the_last_bit():
    V = np.full(MESH.n_nodes, -75.9)
    rule(0.5).advance(V, 0.1)
    assert (V == -75.9).all()


def test_steps_of_different_length_may_alternate():
    diffusion, V = rule(0.5), noise()
    expected = V.copy()
    for dt in (0.1, 0.05, 0.1):
        diffusion.advance(V, dt)
        rule(0.5).advance(expected, dt)
    np.testing.assert_array_equal(V, expected)


@pytest.mark.parametrize("consistent", BLENDS)
@pytest.mark.parametrize("theta", [0.0, 0.25])
def test_stable_dt_comes_from_the_largest_eigenvalue(theta, consistent):
    diffusion = rule(theta, consistent)
    M, K = dense(diffusion.mass), dense(diffusion.stiffness)
    fastest = eigh(K, M, eigvals_only=True)[-1]
    # The bisection stops at 1e-12 of the eigenvalue, eigh loses a few digits more.
    expected = 2.0 / ((1 - 2 * theta) * fastest)
    assert diffusion.stable_dt() == pytest.approx(expected, rel=1e-9)


def test_explicit_step_grows_just_beyond_stable_dt():
    diffusion = rule(0.0, 0.0)
    for factor, bounded in ((0.99, True), (1.01, False)):
        V = noise()
        for _ in range(2000):
            diffusion.advance(V, factor * diffusion.stable_dt())
        assert (np.abs(V).max() < 10.0) == bounded


def test_unstable_dt_is_an_error_that_names_the_largest():
    diffusion = rule(0.0, 0.0)
    # Lumped, many nodes: dx^2 / (2 D) = 1/30 ms.
    assert diffusion.stable_dt() == pytest.approx(1 / 30, rel=1e-9)
    diffusion.check_stability(1 / 30)
    with pytest.raises(ValueError, match=r"at most 0\.03333 ms, or theta of 0\.5"):
        diffusion.check_stability(0.04)


def test_implicit_rules_are_stable_at_any_dt():
    assert rule(0.5).stable_dt() == math.inf
    rule(1.0).check_stability(1e6)


def test_no_diffusivity_changes_nothing_and_is_stable():
    diffusion, V = rule(0.0, 0.0, D=0.0), noise()
    before = V.copy()
    diffusion.advance(V, 1.0)
    np.testing.assert_array_equal(V, before)
    assert diffusion.stable_dt() == math.inf


def test_constructor_checks():
    stiffness, mass = cable_stiffness(MESH, D), cable_mass(MESH)
    with pytest.raises(ValueError, match="outside 0"):
        ThetaRule(stiffness, mass, theta=1.5)
    with pytest.raises(ValueError, match="same mesh"):
        ThetaRule(stiffness, cable_mass(cable(1.0, 0.1)))
    leaky = Tridiagonal(stiffness.diagonal + 1.0, stiffness.off_diagonal)
    with pytest.raises(ValueError, match="sum to zero"):
        ThetaRule(leaky, mass)
    with pytest.raises(ValueError, match="must be positive"):
        rule(0.5).advance(noise(), 0.0)
