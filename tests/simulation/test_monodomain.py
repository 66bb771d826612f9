import numpy as np
import pytest

from cardiosim.simulation.monodomain import Monodomain, uniform_states
from cardiosim.tissue.mesh import cable
from cardiosim.tissue.stimulus import Stimulus

MESH = cable(1.0, 0.1)


def test_states_start_at_those_of_the_cell(cubic_cell):
    problem = Monodomain(MESH, cubic_cell())
    assert problem.states.shape == (2, 11)
    assert np.shares_memory(problem.V, problem.states)
    assert (problem.V == -80.0).all()


def test_one_state_is_put_at_every_node(cubic_cell):
    states = uniform_states(np.array([-70.0, 1.5]), 11)
    problem = Monodomain(MESH, cubic_cell(), states=states)
    assert problem.states is states
    assert (states[1] == 1.5).all()


def test_states_must_fit_the_cell_and_the_mesh(cubic_cell):
    with pytest.raises(ValueError, match=r"shape \(2, 10\).*needs \(2, 11\)"):
        Monodomain(MESH, cubic_cell(), states=np.zeros((2, 10)))


@pytest.mark.parametrize(
    "states", [np.zeros((11, 2)).T, np.zeros((2, 11), dtype=np.float32)]
)
def test_states_must_be_contiguous_doubles(cubic_cell, states):
    with pytest.raises(ValueError, match="np.ascontiguousarray"):
        Monodomain(MESH, cubic_cell(), states=states)


@pytest.mark.parametrize("nodes", [[5, 11], [-1]])
def test_stimulus_must_lie_on_the_mesh(cubic_cell, nodes):
    with pytest.raises(ValueError, match="nodes 0 to 10"):
        Monodomain(MESH, cubic_cell(), stimuli=(Stimulus(nodes, 0.0, 1.0, 1.0),))
