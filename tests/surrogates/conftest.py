"""A small cell on disk, and cells stepped from a spread of states."""

import numpy as np
import pytest

from tests.surrogates.toy_surrogates import CELL


@pytest.fixture(scope="session")
def toy_cell(tmp_path_factory):
    """Path of a small cell's model text."""
    path = tmp_path_factory.mktemp("cell") / "toy.mmt"
    path.write_text(CELL)
    return str(path)


def spread_states(cell, n_nodes):
    """Initial states with V from rest to depolarised, and a stimulus of every node."""
    states = cell.initial_states(n_nodes)
    states[0] += np.linspace(-5.0, 60.0, n_nodes)
    return states, np.where(np.arange(n_nodes) % 2, 20.0, 25.0)


@pytest.fixture(scope="session")
def stepped():
    """States of a cell after so many steps, stimulated in the first of them."""

    def step(cell, dt, n_steps, n_nodes=12, states=None):
        from_start, i_stim = spread_states(cell, n_nodes)
        states = from_start if states is None else states
        for k in range(n_steps):
            cell.react(states, i_stim if k < 20 else np.zeros(n_nodes), dt)
        return states

    return step


@pytest.fixture(scope="session")
def spread():
    """See `spread_states`."""
    return spread_states
