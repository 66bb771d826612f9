import math
import re

import numpy as np
import pytest
from scipy.linalg import eigh

from cardiosim.tissue.diffusion import RungeKuttaChebyshev, ThetaRule
from cardiosim.tissue.discretisation import discretise, isotropic
from cardiosim.tissue.mesh import cable, sheet
from tests.tissue.operators import BLENDS, distorted, grids, random_tensors, simplices

MESH = cable(3.0, 0.1)
D = 0.15  # mm2/ms
MESHES = grids() | simplices()


def rule(theta: float, consistent: float = 0.5, D=D) -> ThetaRule:
    return ThetaRule(discretise(MESH, isotropic(MESH, D), consistent), theta)


def dense(operator):
    return (operator.matrix(*w).toarray() for w in ((1.0, 0.0), (0.0, 1.0)))


def noise(n_nodes=MESH.n_nodes) -> np.ndarray:
    return np.random.default_rng(1).normal(size=n_nodes)


@pytest.mark.parametrize("consistent", BLENDS)
@pytest.mark.parametrize("theta", [0.0, 0.5, 1.0])
def test_advance_solves_the_theta_rule(theta, consistent):
    uneven = np.linspace(0.05, 0.2, MESH.n_nodes - 1)
    diffusion, dt = rule(theta, consistent, uneven), 0.01
    M, K = dense(diffusion.operator)
    V = noise()
    right = (M - (1 - theta) * dt * K) @ V
    expected = np.linalg.solve(M + theta * dt * K, right)
    diffusion.advance(V, dt)
    # Rounding of two solvers on matrices of condition below 100.
    np.testing.assert_allclose(V, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("solver", ["direct", "cg"])
@pytest.mark.parametrize("name", MESHES)
def test_advance_solves_the_theta_rule_on_every_mesh(name, solver):
    mesh, dt = MESHES[name], 0.01
    operator = discretise(mesh, random_tensors(mesh))
    diffusion = ThetaRule(operator, 0.5, solver, 1e-14)
    M, K = dense(operator)
    V = noise(mesh.n_nodes)
    expected = V.copy()
    for _ in range(3):
        diffusion.advance(V, dt)
        expected = np.linalg.solve(M + dt / 2 * K, (M - dt / 2 * K) @ expected)
    np.testing.assert_allclose(V, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("consistent", BLENDS)
@pytest.mark.parametrize("theta", [0.5, 1.0])
def test_diffusion_conserves_charge(theta, consistent):
    diffusion = rule(theta, consistent)
    V, mass = noise(), diffusion.operator.lumped_mass  # its entries are 1' M
    charge = mass @ V
    for _ in range(1000):
        diffusion.advance(V, 0.1)
    assert mass @ V == pytest.approx(charge, abs=1e-13)
    # 100 ms of D 0.15 on 3 mm: the slowest mode is down to exp(-16).
    assert np.ptp(V) < 1e-5


def charge_lost(mesh, diffusion, n_steps=50):
    """Change of 1' M V, over the sum of the amounts at all nodes at the start."""
    mass = diffusion.operator.restrict(diffusion.operator.lumped_mass)
    V = noise(mesh.n_nodes)
    before, scale = mass @ V, mass @ np.abs(V)
    for _ in range(n_steps):
        diffusion.advance(V, 0.02)
    return abs(mass @ V - before) / scale


@pytest.mark.parametrize("solver, tolerance", [("direct", 0.5), ("cg", 1e-14)])
@pytest.mark.parametrize("name", MESHES)
def test_every_mesh_conserves_charge(name, solver, tolerance):
    mesh = MESHES[name]
    operator = discretise(mesh, random_tensors(mesh))
    diffusion = ThetaRule(operator, 0.5, solver, tolerance)
    assert charge_lost(mesh, diffusion) < 1e-12


@pytest.mark.parametrize("name", MESHES)
def test_explicit_steps_conserve_charge(name):
    mesh = MESHES[name]
    operator = discretise(mesh, random_tensors(mesh), 0.0)
    assert charge_lost(mesh, RungeKuttaChebyshev(operator)) < 1e-12
    euler = ThetaRule(operator, 0.0)
    euler.check_stability(1e-3)
    assert charge_lost(mesh, euler, 1) < 1e-12


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6])
@pytest.mark.parametrize("name", ["slab", "holed slab", "tetrahedra"])
def test_loose_solves_conserve_charge_to_their_tolerance(name, tolerance):
    """|1' residual| <= sqrt(n) tolerance |dt K V| for each step."""
    mesh, dt = MESHES[name], 0.02
    operator = discretise(mesh, random_tensors(mesh))
    diffusion = ThetaRule(operator, 0.5, "cg", tolerance)
    mass = operator.restrict(operator.lumped_mass)
    V, lost = noise(mesh.n_nodes), 0.0
    for _ in range(50):
        before = mass @ V
        flux = operator.apply(
            0.0, dt, operator.expand(V), np.empty(operator.expand(V).size)
        )
        diffusion.advance(V, dt)
        bound = math.sqrt(mesh.n_nodes) * tolerance * np.linalg.norm(flux)
        lost = max(lost, abs(mass @ V - before) / bound)
    assert 0.0 < lost < 1.0


@pytest.mark.parametrize("name", MESHES)
def test_uniform_potential_stays_to_the_last_bit(name):
    mesh = MESHES[name]
    lumped, half = (discretise(mesh, random_tensors(mesh), a) for a in (0.0, 0.5))
    rules = [
        ThetaRule(half, 0.5, "direct"),
        ThetaRule(half, 0.5, "cg"),
        ThetaRule(lumped, 0.0),
        RungeKuttaChebyshev(lumped),
    ]
    for diffusion in rules:
        V = np.full(mesh.n_nodes, -75.9)
        diffusion.advance(V, 0.1)
        assert (V == -75.9).all()


def test_steps_of_different_length_may_alternate():
    diffusion, V = rule(0.5), noise()
    expected = V.copy()
    for dt in (0.1, 0.05, 0.1):
        diffusion.advance(V, dt)
        rule(0.5).advance(expected, dt)
    np.testing.assert_array_equal(V, expected)


def scarred(make, consistent):
    """A mesh whose middle conducts nothing, its operator, and the nodes inside."""
    mesh = make(sheet((2.0, 2.0), 0.1))
    tensors = random_tensors(mesh)
    scar = np.linalg.norm(mesh.centroids[:, :2] - 1.0, axis=1) < 0.5
    tensors[scar] = 0.0
    inside = np.setdiff1d(mesh.nodes_of_elements(scar), mesh.nodes_of_elements(~scar))
    assert inside.size > 40
    return mesh, discretise(mesh, tensors, consistent), inside


@pytest.mark.parametrize("make", [lambda mesh: mesh, distorted])
@pytest.mark.parametrize("consistent", [0.0, 0.5])
def test_nothing_leaks_into_a_scar(make, consistent):
    mesh, operator, inside = scarred(make, consistent)
    rules = [
        ThetaRule(operator, 0.5, "direct"),
        ThetaRule(operator, 0.5, "cg", 1e-5),
    ]
    if consistent == 0.0:
        rules.append(RungeKuttaChebyshev(operator))
    for diffusion in rules:
        V = noise(mesh.n_nodes)
        before = V.copy()
        for _ in range(20):
            diffusion.advance(V, 0.05)
        np.testing.assert_array_equal(V[inside], before[inside])
        outside = np.setdiff1d(np.arange(mesh.n_nodes), inside)
        mass = operator.lumped_mass[outside]
        lost = mass @ V[outside] - mass @ before[outside]
        assert abs(lost) < 1e-4 * (mass @ np.abs(before[outside]))
        assert np.abs(V[outside] - before[outside]).max() > 0.1


@pytest.mark.parametrize("consistent", [0.0, 0.5])
def test_a_scar_brings_no_potential_that_was_not_there(consistent):
    """Backward Euler with dt D > a dx^2/6 is monotone: no new extremes, scar or not."""
    mesh = sheet((2.0, 2.0), 0.1)
    tensors = isotropic(mesh, D)
    scar = np.linalg.norm(mesh.centroids[:, :2] - 1.0, axis=1) < 0.5
    tensors[scar] = 0.0
    operator = discretise(mesh, tensors, consistent)
    diffusion = ThetaRule(operator, 1.0, "direct")
    x, y = mesh.points.T[:2]
    V = np.where((abs(x - 0.5) < 0.3) & (abs(y - 1.0) < 0.2), 100.0, 0.0)
    for _ in range(100):
        diffusion.advance(V, 0.05)
        assert V.min() > -1e-12 and V.max() < 100.0 + 1e-12


@pytest.mark.parametrize("consistent", BLENDS)
@pytest.mark.parametrize("theta", [0.0, 0.25])
def test_stable_dt_comes_from_the_largest_eigenvalue(theta, consistent):
    diffusion = rule(theta, consistent)
    M, K = dense(diffusion.operator)
    fastest = eigh(K, M, eigvals_only=True)[-1]
    expected = 2.0 / ((1 - 2 * theta) * fastest)
    assert diffusion.stable_dt() == pytest.approx(expected, rel=1e-9)


def test_explicit_step_grows_just_beyond_stable_dt():
    diffusion = rule(0.0, 0.0)
    largest = diffusion.stable_dt()
    for factor, bounded in ((0.99, True), (1.01, False)):
        V = noise()
        for _ in range(2000):
            diffusion.advance(V, factor * largest)
        assert (np.abs(V).max() < 10.0) == bounded


def test_unstable_dt_is_an_error_that_names_the_largest():
    diffusion = rule(0.0, 0.0)
    # Lumped, many nodes: dx^2 / (2 D) = 1/30 ms.
    assert diffusion.stable_dt() == pytest.approx(1 / 30, rel=1e-9)
    diffusion.check_stability(1 / 30)
    with pytest.raises(ValueError, match=r"at most 0\.03333 ms, or theta of 0\.5"):
        diffusion.check_stability(0.04)


@pytest.mark.parametrize("D", [0.0371, 0.075, 0.15, 0.23, 12.0])
@pytest.mark.parametrize("explicit", [ThetaRule, RungeKuttaChebyshev])
def test_dt_that_the_error_names_may_be_used(D, explicit):
    operator = discretise(MESH, isotropic(MESH, D), 0.0)
    diffusion = (
        ThetaRule(operator, 0.0) if explicit is ThetaRule else explicit(operator)
    )
    with pytest.raises(ValueError) as raised:
        diffusion.check_stability(2.0 * diffusion.stable_dt())
    dt = float(re.search(r"dt of at most (\S+) ms", str(raised.value)).group(1))
    assert 0.999 * diffusion.stable_dt() < dt
    diffusion.check_stability(dt)
    V = noise()
    for _ in range(100):
        diffusion.advance(V, dt)
    assert np.abs(V).max() < 10.0


def test_implicit_rules_are_stable_at_any_dt():
    assert rule(0.5).stable_dt() == math.inf
    rule(1.0).check_stability(1e6)


def test_no_diffusivity_changes_nothing_and_is_stable():
    euler = rule(0.0, 0.0, D=0.0)
    for diffusion in (euler, RungeKuttaChebyshev(euler.operator)):
        V = noise()
        before = V.copy()
        diffusion.advance(V, 1.0)
        np.testing.assert_array_equal(V, before)
        assert diffusion.stable_dt() == math.inf


def test_explicit_stages_agree_with_the_implicit_rule():
    """Both second order: their difference falls by four when dt is halved."""
    mesh = MESHES["holed slab"]
    operator = discretise(mesh, random_tensors(mesh), 0.0)
    differences = []
    for n_steps in (40, 80):
        smooth = np.cos(3.0 * mesh.points @ [1.0, 0.5, 0.7])
        explicit, implicit = smooth.copy(), smooth.copy()
        chebyshev = RungeKuttaChebyshev(operator)
        cranked = ThetaRule(operator, 0.5, "direct")
        for _ in range(n_steps):
            chebyshev.advance(explicit, 0.2 / n_steps)
            cranked.advance(implicit, 0.2 / n_steps)
        differences.append(np.abs(explicit - implicit).max())
    assert differences[0] < 1e-3
    assert differences[0] / differences[1] == pytest.approx(4.0, rel=0.1)


def test_constructor_checks():
    operator = discretise(MESH, isotropic(MESH, D))
    with pytest.raises(ValueError, match="outside 0"):
        ThetaRule(operator, theta=1.5)
    with pytest.raises(ValueError, match=r"lumped mass.*share of 0\.5"):
        RungeKuttaChebyshev(operator)
    lumped = RungeKuttaChebyshev(discretise(MESH, isotropic(MESH, D), 0.0))
    for diffusion in (rule(0.5), lumped):
        with pytest.raises(ValueError, match="must be positive"):
            diffusion.advance(noise(), 0.0)
