"""Cells of several models on one mesh do what each of them does alone."""

import numpy as np
import pytest

from cardiosim.ionic.compiled import Scale, compile_cell
from cardiosim.ionic.conformance import check_ionic_model
from cardiosim.simulation import cell_mosaic, gathered_nodes
from cardiosim.simulation.cell_mosaic import CellMosaic
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.recorders import TraceRecorder
from cardiosim.simulation.run import march
from cardiosim.tissue.mesh import point
from cardiosim.tissue.stimulus import Stimulus

N = 23
FIRST, SECOND = "mitchell_schaeffer2003", "aliev_panfilov1996"


@pytest.fixture
def cells():
    return compile_cell(FIRST), compile_cell(SECOND)


@pytest.fixture(params=[0.4, 0.7])
def owner(request):
    """Which of two cells each node has: all gathered, and the first in place."""
    owner = (np.random.default_rng(2).random(N) >= request.param).astype(int)
    assert (2 * (owner == 0).sum() >= N) == (request.param > 0.5)
    return owner


@pytest.fixture(params=["one block", "many blocks", "in parallel"])
def block(request, monkeypatch):
    """How the nodes are gathered."""
    if request.param == "many blocks":
        monkeypatch.setattr(cell_mosaic, "BLOCK", 4)
    if request.param == "in parallel":
        monkeypatch.setattr(gathered_nodes, "VALUES_IN_PARALLEL", 1)


def varied(cell, n=N):
    """States that differ from node to node, and a stimulus."""
    states = cell.initial_states(n)
    states[0] = np.linspace(-85.0, 10.0, n)
    return states, np.linspace(0.0, 20.0, n)


def test_one_cell_on_two_sets_of_nodes_is_the_cell(owner, block):
    scale = np.linspace(0.5, 1.5, N)
    parameters = {"inward.tau_close": Scale(scale)}
    plain = compile_cell(FIRST, parameters=parameters)
    parts = [plain.at(np.flatnonzero(owner == k)) for k in (0, 1)]
    mosaic = CellMosaic(parts, owner)
    assert mosaic.state_names == plain.state_names
    expected, i_stim = varied(plain)
    states = expected.copy()
    mosaic.compile(N)
    for _ in range(20):
        plain.react(expected, i_stim, 0.05, 7)
        mosaic.react(states, i_stim, 0.05, 7)
    np.testing.assert_array_equal(states, expected)
    names = ["membrane.v", "inward.h", "dot(membrane.V)", "inward.tau_close"]
    np.testing.assert_array_equal(
        mosaic.observe(states, names, i_stim), plain.observe(expected, names, i_stim)
    )


def test_two_cells_are_those_that_run_alone(cells, owner, block):
    mosaic = CellMosaic(cells, owner)
    assert mosaic.state_names == ("membrane.V", "inward.h", "recovery.v")
    states, i_stim = varied(mosaic)
    begin = states.copy()
    mosaic.react(states, i_stim, 0.05, 200)
    for index, cell in enumerate(cells):
        nodes = np.flatnonzero(owner == index)
        rows = [mosaic.state_names.index(name) for name in cell.state_names]
        alone = np.ascontiguousarray(begin[rows][:, nodes])
        cell.react(alone, i_stim[nodes].copy(), 0.05, 200)
        np.testing.assert_array_equal(states[np.ix_(rows, nodes)], alone)
        others = [row for row in range(3) if row not in rows]
        assert (states[np.ix_(others, nodes)] == 0.0).all()


def test_a_variable_is_nan_where_the_cell_does_not_have_it(cells, owner):
    mosaic = CellMosaic(cells, owner)
    states, _ = varied(mosaic)
    names = ["membrane.V", "inward.h", "recovery.v", "membrane.i_ion", "inward.i_in"]
    values = dict(zip(names, mosaic.observe(states, names), strict=True))
    np.testing.assert_array_equal(values["membrane.V"], states[0])
    np.testing.assert_array_equal(np.isnan(values["inward.h"]), owner == 1)
    np.testing.assert_array_equal(np.isnan(values["recovery.v"]), owner == 0)
    np.testing.assert_array_equal(np.isnan(values["inward.i_in"]), owner == 1)
    assert np.isfinite(values["membrane.i_ion"]).all()
    with pytest.raises(ValueError, match="has a variable inward.hh; did you mean"):
        mosaic.observe(states, ["inward.hh"])


RENAMED = """
[[model]]
name: renamed
cell.u = -80

[environment]
time = 0 [ms] bind time
    in [ms]

[stimulus]
i_stim = 0 [A/F] bind pace
    in [A/F]

[cell]
dot(u) = stimulus.i_stim - 0.1 [1/ms] * (u + 80 [mV])
    in [mV]
    label membrane_potential

[inward]
tau_in = 3 [s]
    in [s]
"""


def test_v_is_row_0_whatever_a_cell_calls_it(cells, owner, tmp_path):
    (tmp_path / "renamed.mmt").write_text(RENAMED)
    mosaic = CellMosaic([cells[0], compile_cell(tmp_path / "renamed.mmt")], owner)
    assert mosaic.state_names == ("membrane.V", "inward.h")
    states, i_stim = varied(mosaic)
    V = mosaic.observe(states, ["cell.u", "membrane.V"])
    np.testing.assert_array_equal(V, [states[0], states[0]])
    rates = mosaic.observe(states, ["dot(cell.u)", "dot(membrane.V)"], i_stim)
    np.testing.assert_array_equal(rates[0], rates[1])
    leak = i_stim - 0.1 * (states[0] + 80.0)
    np.testing.assert_allclose(rates[0][owner == 1], leak[owner == 1], rtol=1e-14)
    with pytest.raises(
        ValueError, match=r"inward.tau_in is in .* and .*, which cannot"
    ):
        mosaic.observe(states, ["inward.tau_in"])


def test_cells_at_some_nodes_are_those_of_the_nodes(cells, owner):
    mosaic = CellMosaic(cells, owner)
    states, i_stim = varied(mosaic)
    nodes = np.array([20, 3, 3, 11, 0])
    some = np.ascontiguousarray(states[:, nodes])
    mosaic.at(nodes).react(some, i_stim[nodes], 0.05, 50)
    mosaic.react(states, i_stim, 0.05, 50)
    np.testing.assert_array_equal(some, states[:, nodes])
    again = mosaic.at(nodes).at([1, 4])
    np.testing.assert_array_equal(again.owner, owner[[3, 0]])


def test_a_recorder_sees_each_node_with_its_own_cell(cells, owner):
    stimulus = Stimulus(np.arange(N), 1.0, 2.0, 30.0)
    problem = Monodomain(point(N), CellMosaic(cells, owner), None, (stimulus,))
    probes = [int(np.flatnonzero(owner == k)[0]) for k in (0, 1)]
    trace = TraceRecorder(probes, ["membrane.V", "inward.h", "recovery.v"], 1.0)
    march(problem, 0.05, 20.0, recorders=(trace,))
    for column, cell in enumerate(cells):
        alone = Monodomain(point(), cell, None, (Stimulus([0], 1.0, 2.0, 30.0),))
        own = TraceRecorder([0], cell.state_names, 1.0)
        march(alone, 0.05, 20.0, recorders=(own,))
        for name in cell.state_names:
            np.testing.assert_array_equal(
                trace.values[name][:, column], own.values[name][:, 0]
            )
    assert np.isnan(trace.values["inward.h"][:, 1]).all()


def test_a_mosaic_of_one_model_conforms(cells, owner):
    report = check_ionic_model(CellMosaic([cells[0], cells[0]], owner))
    report.require()


def test_a_mosaic_of_two_models_conforms_but_for_what_it_lacks(cells, owner):
    report = check_ionic_model(CellMosaic(cells, owner))
    failed = {check.name for check in report.failures}
    # A variable that a node's cell does not have is NaN there.
    assert failed <= {"finite at every half millivolt", "every name can be recorded"}
    assert "not finite, first" in report["finite at every half millivolt"].finding


def test_cells_and_nodes_are_in_the_fingerprint(cells):
    def fingerprint(*owner, pair=cells):
        return CellMosaic(pair, owner).fingerprint

    assert fingerprint(0, 0, 1) == fingerprint(0, 0, 1)
    other = (cells[0], compile_cell(SECOND, parameters={"membrane.a": 0.1}))
    prints = {
        fingerprint(0, 0, 1),
        fingerprint(0, 1, 0),
        fingerprint(0, 0, 1, pair=other),
    }
    assert len(prints) == 3


def test_what_does_not_fit_is_said(cells):
    own = compile_cell(FIRST, parameters={"inward.tau_in": np.array([0.3, 0.4, 0.5])})
    with pytest.raises(ValueError, match="parameters for 3 nodes but is that of 2"):
        CellMosaic([own, cells[1]], [0, 0, 1])
    mosaic = CellMosaic(cells, [0, 0, 1])
    with pytest.raises(ValueError, match="of 3 nodes and are asked for 5"):
        mosaic.initial_states(5)
    with pytest.raises(ValueError, match="expect .3, 3. and .3,."):
        mosaic.react(np.zeros((3, 4)), np.zeros(4), 0.1)
