"""cell.surrogate: one line of a case swaps equations for a surrogate."""

import tomllib

import numpy as np
import pytest

from cardiosim.case.build import assemble, build
from cardiosim.case.cells import build_pacer
from cardiosim.case.read import read_case
from cardiosim.commands.run import run_case
from cardiosim.ionic.cell import Cell
from cardiosim.ionic.surrogate_step import OUTSIDE
from cardiosim.output.results import open_results
from cardiosim.simulation import kept_states
from cardiosim.simulation.run import march
from cardiosim.surrogates import checkpoint
from cardiosim.surrogates.checkpoint import save_surrogate
from cardiosim.surrogates.strang_step import StrangStep
from tests.surrogates.toy_surrogates import CELL, Total

CABLE = """
[mesh]
kind = "cable"
length = 2.0
dx = 0.1
[tissue]
D = 0.1
[cell]
model = "toy.mmt"
scheme = "multirate"
[[stimulus]]
where = "x <= 0.5"
start = 0.5
duration = 1.0
amplitude = 60.0
[time]
dt = 0.1
end = 4.0
"""
SURROGATE = 'cell.surrogate="strang.json"'
NARROW = 'cell.surrogate="narrow.json"'
TOTAL = 'cell.surrogate="total.json"'
PREPACE = (
    "cell.prepace={bcl = 100.0, beats = 2, amplitude = 60.0, duration = 1.0, dt = 0.1}"
)
REGION = '\n[[cell.region]]\nwhere = "x >= 1.45"\nmodel = "mitchell_schaeffer2003"\n'
REGION += 'scheme = "rush_larsen"\n'
REGION_OF_THE_SAME = '\n[[cell.region]]\nwhere = "x <= 0.45"\nmodel = "toy.mmt"\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a model and checkpoints beside the case."""
    folder = tmp_path_factory.mktemp("case")
    model = folder / "toy.mmt"
    model.write_text(CELL)
    how = {"model": str(model), "parameters": ("ina.g",), "substeps": 4}
    save_surrogate(StrangStep("strang", **how), folder / "strang", {})
    narrow = StrangStep("narrow", **how, ranges={"membrane.V": (-200.0, -20.0)})
    save_surrogate(narrow, folder / "narrow", {})
    total = Total("total", str(model), ranges={"ca.total": (0.0, 1.0)})
    save_surrogate(total, folder / "total", {})
    return folder


@pytest.fixture
def read(folder, tmp_path, monkeypatch):
    """Read the case with more tables and overrides; states are cached apart."""
    monkeypatch.setattr(kept_states, "cache_root", lambda: tmp_path / "cache")
    kinds = {**checkpoint.KINDS, Total.kind: Total}
    monkeypatch.setattr(checkpoint, "KINDS", kinds)

    def _read(*more):
        tables = [entry for entry in more if entry.startswith("\n")]
        overrides = [entry for entry in more if not entry.startswith("\n")]
        (folder / "case.toml").write_text(CABLE + "".join(tables))
        return read_case(folder, overrides)

    return _read


def states_after(case):
    case, problem = build(case)
    march(problem, case.time.dt, case.time.end)
    return problem


def test_one_line_takes_a_surrogate(read):
    plain, hybrid = states_after(read()), states_after(read(SURROGATE))
    assert plain.cell.surrogate is None
    assert hybrid.cell.surrogate.name == "strang"
    # The same substeps in another place of the kernel: rounding of 40 steps.
    np.testing.assert_allclose(hybrid.states, plain.states, rtol=1e-9, atol=1e-12)
    assert plain.states[0].max() > 0.0


def test_none_is_the_equations(read):
    case = read('cell.surrogate="none"')
    assert case == read()
    assert build(case)[1].cell.surrogate is None


@pytest.mark.parametrize("name", ["oracle", "oracle.json", "strang"])
def test_a_surrogate_that_is_not_there_is_told_in_one_line(read, name):
    # A checkpoint beside the case is a file, with its ending.
    with pytest.raises(
        ValueError, match=f"{name}.*(no file|is named by its .json)"
    ) as error:
        build(read(f'cell.surrogate="{name}"'))
    assert "\n" not in str(error.value)


def test_a_surrogate_of_another_cell_is_refused(read):
    with pytest.raises(ValueError, match="was made for .*toy.mmt and replaces"):
        build(read(TOTAL, 'cell.model="nagumo"', 'cell.scheme="rush_larsen"'))


def test_nodes_outside_the_range_take_the_substeps_and_are_counted(read):
    plain, hybrid = states_after(read()), states_after(read(NARROW))
    assert hybrid.cell.state_names[-1] == OUTSIDE
    np.testing.assert_allclose(hybrid.states[:-1], plain.states, rtol=1e-9, atol=1e-12)
    assert hybrid.states[-1].max() > 0.0


def test_parameters_go_to_the_surrogate_too(read):
    # As one value, and node by node.
    one = '\n[cell.parameters]\n"ina.g" = 9.0\n'
    some = '\n[[cell.region]]\nwhere = "x > 0.95"\nparameters = { "ina.g" = 9.0 }\n'
    for more in (one, some):
        plain, hybrid = states_after(read(more)), states_after(read(SURROGATE, more))
        np.testing.assert_allclose(hybrid.states, plain.states, rtol=1e-9, atol=1e-12)
    assert hybrid.cell.surrogate.name == "strang"
    assert abs(plain.states[0] - states_after(read()).states[0]).max() > 1.0


@pytest.mark.parametrize("surrogate", [SURROGATE, TOTAL])
def test_equations_pace_and_the_surrogate_goes_on(read, surrogate):
    scheme = 'cell.scheme="rush_larsen"' if surrogate == TOTAL else "time.dt=0.1"
    case = read(surrogate, PREPACE, scheme)
    _, assembled = assemble(case)
    pacer = build_pacer([case], assembled.cell)
    assert isinstance(pacer, Cell) and pacer.surrogate is None
    _, problem = build(case)
    _, plain = build(read(PREPACE, scheme))
    expected = assembled.cell.start_from(plain.states)
    np.testing.assert_array_equal(problem.states, expected)
    assert not np.array_equal(problem.states, problem.cell.initial_states(21))


def test_a_region_with_a_model_of_its_own_is_without_the_surrogate(read):
    problem = states_after(read(NARROW, REGION))
    first, other = problem.cell.cells
    assert first.surrogate.name == "narrow" and other.surrogate is None
    assert problem.cell.surrogate.name == "narrow"
    counted = problem.states[problem.cell.state_names.index(OUTSIDE)]
    owner = problem.cell.owner
    assert counted[owner == 0].sum() > 0.0
    assert (counted[owner == 1] == 0.0).all()


def test_a_region_may_be_of_equations_and_paces(read):
    case = read(TOTAL, REGION_OF_THE_SAME, PREPACE, 'cell.scheme="rush_larsen"')
    _, problem = build(case)
    surrogates = [cell.surrogate and cell.surrogate.name for cell in problem.cell.cells]
    assert sorted(map(str, surrogates)) == ["None", "total"]
    _, plain = build(read(PREPACE, 'cell.scheme="rush_larsen"'))
    names = plain.cell.state_names
    found = problem.cell.observe(problem.states, names)
    np.testing.assert_allclose(found, plain.states, rtol=1e-12)


def test_a_phase_is_wound_up_from_the_equations(read):
    tables = "\n[[initial]]\nphase = { centre = [1.05, 1.05], samples = 16 }\n"
    mesh = 'mesh={kind = "sheet", size = [2.0, 2.0], dx = 0.2}'
    sheet = (mesh, PREPACE, 'cell.scheme="rush_larsen"')
    _, plain = build(read(tables, *sheet))
    _, hybrid = build(read(tables, TOTAL, *sheet))
    np.testing.assert_array_equal(hybrid.states, hybrid.cell.start_from(plain.states))
    assert np.ptp(hybrid.states[0]) > 10.0


def test_a_state_of_the_surrogate_can_be_set(read):
    table = '\n[[initial]]\nwhere = "x <= 0.5"\nstates."ca.total" = 0.005\n'
    _, problem = build(read(TOTAL, table, 'cell.scheme="rush_larsen"'))
    row = problem.states[problem.cell.state_names.index("ca.total")]
    assert row[0] == 0.005 and row[-1] == pytest.approx(1.2e-3)


def test_a_step_that_the_surrogate_does_not_know_is_told(read, folder, tmp_path):
    model = str(folder / "toy.mmt")
    coarse = StrangStep("coarse", model, dt_range=(0.2, 0.5))
    path = save_surrogate(coarse, tmp_path / "coarse", {})
    case, problem = build(read(f'cell.surrogate="{path}"'))
    with pytest.raises(ValueError, match="coarse was made for 0.2 to 0.5 ms; change"):
        march(problem, case.time.dt, case.time.end)


@pytest.mark.parametrize(("surrogate", "count"), [(NARROW, True), (TOTAL, False)])
def test_a_run_names_the_surrogate_and_reports_steps_outside(
    read, folder, tmp_path, surrogate, count
):
    read()
    overrides = [surrogate]
    if not count:
        overrides += ['cell.scheme="rush_larsen"', "time.dt=0.01"]
    finished = run_case(folder, tmp_path / "out", overrides, pictures=False)
    outside = finished.summary["surrogate_steps_outside"]
    assert (outside["value"] > 0.0) == count
    said = [w for w in finished.warnings if "outside the range it was made for" in w]
    assert len(said) == count
    with open(tmp_path / "out" / "resolved.toml", "rb") as file:
        resolved = tomllib.load(file)
    name = "narrow" if count else "total"
    known = resolved["provenance"]["cell"]["surrogate"]
    assert known["name"] == name and len(known["key"]) == 64
    assert name in resolved["cell"]["surrogate"]
    assert open_results(tmp_path / "out").path == tmp_path / "out"


def test_a_run_of_equations_reports_none(read, folder, tmp_path):
    read()
    finished = run_case(folder, tmp_path / "out", (), pictures=False)
    assert "surrogate_steps_outside" not in finished.summary
