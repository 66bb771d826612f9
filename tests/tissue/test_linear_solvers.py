import numba
import numpy as np
import pytest

from cardiosim.tissue import conjugate_gradients, linear_solvers
from cardiosim.tissue.conjugate_gradients import NoConvergence
from cardiosim.tissue.discretisation import discretise, isotropic
from cardiosim.tissue.linear_solvers import linear_solver
from cardiosim.tissue.mesh import ElementBlock, Mesh, cable, sheet
from tests.tissue.operators import grids, random_tensors, simplices

MESHES = grids() | simplices()


def problem(name, consistent=0.5):
    mesh = MESHES[name]
    return discretise(mesh, random_tensors(mesh), consistent)


def right_side(operator, seed=4):
    return operator.expand(np.random.default_rng(seed).normal(size=operator.n_nodes))


@pytest.mark.parametrize("method", ["direct", "cg", "auto"])
@pytest.mark.parametrize("name", MESHES)
def test_solution_is_that_of_the_dense_matrix(name, method):
    operator = problem(name)
    solver = linear_solver(operator, 1.0, 0.05, method, 1e-14)
    matrix = operator.matrix(1.0, 0.05).toarray()
    for seed in (4, 5):  # the second begins where the first ended
        b = right_side(operator, seed)
        x = operator.restrict(solver.solve(b))
        expected = np.linalg.solve(matrix, operator.restrict(b))
        # Condition below 100, solutions of up to 1e4.
        np.testing.assert_allclose(
            x, expected, rtol=0, atol=1e-11 * abs(expected).max()
        )


@pytest.mark.parametrize("tolerance", [1e-4, 1e-8])
@pytest.mark.parametrize("name", ["slab", "holed sheet", "tetrahedra"])
def test_residual_of_conjugate_gradients_is_below_the_tolerance(name, tolerance):
    operator = problem(name)
    solver = linear_solver(operator, 1.0, 0.5, "cg", tolerance)
    for seed in (4, 5):
        b = right_side(operator, seed)
        x = solver.solve(b)
        residual = b - operator.apply(1.0, 0.5, x, np.empty_like(x))
        # Its own residual drifts from the true one by rounding only.
        assert np.linalg.norm(residual) <= tolerance * np.linalg.norm(b) * 1.001


def test_what_was_solved_before_takes_no_iterations():
    operator = problem("slab")
    solver = linear_solver(operator, 1.0, 0.5, "cg", 1e-8)
    b = right_side(operator)
    first = solver.solve(b).copy()
    taken = solver.n_iterations
    assert taken > 5
    np.testing.assert_array_equal(solver.solve(b), first)
    assert solver.n_iterations == taken
    solver.solve(b + 1e-5 * right_side(operator, 5))
    assert solver.n_iterations - taken < taken


def test_nothing_to_solve_takes_no_iterations():
    operator = problem("slab")
    solver = linear_solver(operator, 1.0, 0.5, "cg", 1e-8)
    solver.solve(right_side(operator))
    taken = solver.n_iterations
    assert not solver.solve(operator.expand(np.zeros(operator.n_nodes))).any()
    assert solver.n_iterations == taken


def test_what_is_not_finite_is_handed_on():
    operator = problem("slab")
    solver = linear_solver(operator, 1.0, 0.5, "cg", 1e-8)
    b = right_side(operator)
    b[7] = np.nan
    assert np.isnan(solver.solve(b)[7])
    assert solver.n_iterations == 0
    # And the next one is not spoiled by it.
    assert np.isfinite(solver.solve(right_side(operator))).all()


def test_no_convergence_is_an_error(monkeypatch):
    monkeypatch.setattr(conjugate_gradients, "MOST_ITERATIONS", 3)
    operator = problem("slab")
    solver = linear_solver(operator, 1.0, 0.5, "cg", 1e-8)
    with pytest.raises(NoConvergence, match="residual of 1e-08 in 3 iterations"):
        solver.solve(right_side(operator))
    assert solver.n_iterations == 3


def test_the_last_iteration_that_is_allowed_counts(monkeypatch):
    operator, b = problem("slab"), right_side(problem("slab"))
    solver = linear_solver(operator, 1.0, 0.5, "cg", 1e-8)
    expected = solver.solve(b).copy()
    monkeypatch.setattr(conjugate_gradients, "MOST_ITERATIONS", solver.n_iterations)
    again = linear_solver(operator, 1.0, 0.5, "cg", 1e-8)
    np.testing.assert_array_equal(again.solve(b), expected)


@pytest.mark.parametrize("name", ["slab", "tetrahedra"])
def test_lumped_mass_alone_is_divided_by(name):
    operator = problem(name, 0.0)
    solver = linear_solver(operator, 2.0, 0.0, "cg", 1e-3)
    assert solver.name == "diagonal"
    b = right_side(operator)
    np.testing.assert_array_equal(solver.solve(b), b / (2.0 * operator.lumped_mass))


def test_solver_is_chosen_by_the_number_of_nodes_and_dimensions(monkeypatch):
    monkeypatch.setattr(linear_solvers, "FACTORED", {1: np.inf, 2: 25, 3: 119})

    def chosen(name):
        operator = problem(name)
        return linear_solver(operator, 1.0, 0.1, "auto", 1e-8).name

    assert chosen("cable") == "direct"
    assert chosen("sheet") == "direct"  # 25 nodes
    assert chosen("slab") == "direct"  # 100
    monkeypatch.setattr(linear_solvers, "FACTORED", {1: np.inf, 2: 24, 3: 99})
    assert chosen("sheet") == chosen("slab") == "cg"


def test_chains_and_trees_are_factored():
    along = cable(3.0, 0.1)
    chain = linear_solver(discretise(along, isotropic(along, 0.1)), 1.0, 0.1)
    assert isinstance(chain, linear_solvers.Chain)
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    lines = ElementBlock("line", np.array([[0, 1], [0, 2], [0, 3]]))
    star = Mesh("mesh", points, (lines,))
    tree = linear_solver(discretise(star, isotropic(star, 0.1)), 1.0, 0.1)
    assert isinstance(tree, linear_solvers.Factors)


def test_factors_that_would_not_fit_are_refused(monkeypatch):
    monkeypatch.setattr(linear_solvers, "LARGEST_FACTORED", {2: 120})
    mesh = sheet((1.0, 1.0), 0.1)
    operator = discretise(mesh, isotropic(mesh, 0.1))
    with pytest.raises(ValueError, match='factor 121 nodes .* above 120 use "cg"'):
        linear_solver(operator, 1.0, 0.1, "direct")


@pytest.mark.parametrize("dx", [0.01, 0.05])
def test_solution_has_the_same_bits_with_any_number_of_threads(dx):
    mesh = sheet((3.0, 3.0), dx)
    operator = discretise(mesh, random_tensors(mesh))
    b = right_side(operator)
    most, solutions = numba.config.NUMBA_NUM_THREADS, []
    try:
        for threads in range(1, most + 1):
            numba.set_num_threads(threads)
            solver = linear_solver(operator, 1.0, 0.02, "cg", 1e-8)
            solutions.append(solver.solve(b))
    finally:
        numba.set_num_threads(most)
    for solution in solutions[1:]:
        np.testing.assert_array_equal(solution, solutions[0])


def test_unknown_method_and_tolerance_are_refused():
    operator = problem("sheet")
    with pytest.raises(ValueError, match='"gmres"; choose from auto, direct, cg'):
        linear_solver(operator, 1.0, 0.1, "gmres")
    for tolerance in (0.0, 1.0, np.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            linear_solver(operator, 1.0, 0.1, "cg", tolerance)
