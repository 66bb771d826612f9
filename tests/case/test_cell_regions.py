"""Cells that differ from place to place run as each of them does alone."""

import numpy as np
import pytest

from cardiosim.case.build import assemble, build
from cardiosim.case.cells import build_cell
from cardiosim.case.pacing import paced_cells
from cardiosim.case.read import CaseError, read_case
from cardiosim.ionic.cell import Cell
from cardiosim.ionic.compiled import compile_cell
from cardiosim.simulation import kept_states, prepacing
from cardiosim.simulation.prepacing import prepaced_state

CABLE = """
[mesh]
kind = "cable"
length = 2.0
dx = 0.1
[tissue]
D = 0.1
[cell]
model = "mitchell_schaeffer2003"
[time]
dt = 0.1
end = 10.0
"""
REGION = """
[[cell.region]]
where = "x >= 1.0"
parameters = { "inward.tau_close" = { scale = 0.5 } }
"""
OTHER = """
[[cell.region]]
where = "x > 1.45"
model = "aliev_panfilov1996"
parameters.membrane.a = 0.1
"""
PACING = {"bcl": 100.0, "beats": 2, "amplitude": 50.0, "duration": 1.0, "dt": 0.1}
PREPACE = "cell.prepace={" + ", ".join(f"{k} = {v}" for k, v in PACING.items()) + "}"


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Read the case with more tables and overrides; states are cached apart."""
    monkeypatch.setattr(kept_states, "cache_root", lambda: tmp_path / "cache")

    def _read(*more, text=CABLE):
        tables = [entry for entry in more if entry.startswith("\n")]
        overrides = [entry for entry in more if not entry.startswith("\n")]
        (tmp_path / "case.toml").write_text(text + "".join(tables))
        return read_case(tmp_path, overrides)

    return _read


@pytest.fixture
def paced_nodes(monkeypatch):
    """Number of nodes of every run that paces cells."""
    runs, march = [], prepacing.march
    monkeypatch.setattr(
        prepacing,
        "march",
        lambda problem, *a, **k: (
            runs.append(problem.mesh.n_nodes) or march(problem, *a, **k)
        ),
    )
    return runs


def stepped(cell, n, n_steps=300):
    """States of n nodes that begin at several potentials."""
    states = cell.initial_states(n)
    states[0] = np.linspace(-85.0, 10.0, n)
    cell.react(states, np.zeros(n), 0.1, n_steps)
    return states


def test_parameters_of_a_region_are_those_of_a_run_of_its_own(read):
    _, problem = assemble(read(REGION))
    together = stepped(problem.cell, 21)
    plain = stepped(compile_cell("mitchell_schaeffer2003"), 21)
    scaled = read('cell.parameters."inward.tau_close"={scale = 0.5}')
    alone = stepped(build_cell(scaled), 21)
    # A parameter that is free rounds otherwise than the same number in the kernel.
    np.testing.assert_allclose(together[:, :10], plain[:, :10], rtol=1e-12)
    np.testing.assert_array_equal(together[:, 10:], alone[:, 10:])
    assert abs(alone[1] - plain[1]).max() > 0.1


def test_one_model_is_one_kernel_and_only_what_differs_is_per_node(read):
    both = 'cell.parameters={ "inward.tau_in" = 0.25, "inward.tau_open" = 100.0 }'
    _, problem = assemble(read(REGION, both))
    (cell,), (part,) = problem.cell.cells, problem.cell.parts
    assert isinstance(cell, Cell)
    sizes = {name: values.size for name, values in part.parameters.items()}
    assert sizes == {
        "inward.tau_close": 21,
        "inward.tau_in": 1,
        "inward.tau_open": 1,
    }
    assert part.firsts.tolist() == [10, 0]  # 75 before 150 ms


def test_later_regions_go_on_top(read):
    later = """
[[cell.region]]
where = "x >= 1.5"
parameters = { "inward.tau_close" = "0.2 s", "inward.tau_in" = 0.2 }
[[cell.region.drug]]
blocks.outward.tau_out.block = 0.25
"""
    case = read(REGION, later, 'cell.parameters."inward.tau_open"=90.0')
    (part,) = assemble(case)[1].cell.parts
    nodes = [0, 10, 20]
    values = {
        name: values[nodes].tolist() if values.size > 1 else values.tolist()
        for name, values in part.parameters.items()
    }
    assert values == {
        "inward.tau_close": [150.0, 75.0, 200.0],
        "inward.tau_in": [0.3, 0.3, 0.2],
        "inward.tau_open": [90.0],
        "outward.tau_out": [6.0, 6.0, 4.5],
    }


def test_another_model_begins_from_its_own_values(read):
    _, problem = assemble(read(REGION, OTHER))
    assert [part.nodes.size for part in problem.cell.parts] == [15, 6]
    second = problem.cell.parts[1]
    assert {n: v.tolist() for n, v in second.parameters.items()} == {
        "membrane.a": [0.1]
    }
    together = stepped(problem.cell, 21)
    cell = compile_cell("aliev_panfilov1996", parameters={"membrane.a": 0.1})
    alone = stepped(cell, 21)
    np.testing.assert_array_equal(together[[0, 2]][:, 15:], alone[:, 15:])
    assert problem.cell.state_names == ("membrane.V", "inward.h", "recovery.v")


def test_a_variant_in_a_region_has_the_bits_of_the_variant(read, tmp_path):
    (tmp_path / "quick.toml").write_text(
        'base = "mitchell_schaeffer2003"\n[parameters]\n"inward.tau_close" = 60\n'
        '[initial]\n"inward.h" = 0.7\n'
    )
    region = '\n[[cell.region]]\nwhere = "x < 0.55"\nmodel = "quick.toml"\n'
    _, problem = assemble(read(region))
    assert problem.states[1].tolist() == [0.7] * 6 + [1.0] * 15
    together = stepped(problem.cell, 21)
    alone = stepped(compile_cell(tmp_path / "quick.toml"), 21)
    plain = stepped(compile_cell("mitchell_schaeffer2003"), 21)
    np.testing.assert_array_equal(together[:, :6], alone[:, :6])
    np.testing.assert_array_equal(together[:, 6:], plain[:, 6:])


def test_each_distinct_cell_is_paced_once(read, paced_nodes):
    case, problem = build(read(REGION, OTHER, PREPACE))
    assert paced_nodes == [2, 1]  # two of the first model in one run, one of the second
    for nodes, parameters in (
        (range(10), {"inward.tau_close": 150.0}),
        (range(10, 15), {"inward.tau_close": 75.0}),
    ):
        alone = compile_cell("mitchell_schaeffer2003", parameters=parameters)
        state = prepaced_state(alone, **PACING)
        for node in nodes:
            np.testing.assert_array_equal(problem.states[:2, node], state)
    assert paced_nodes == [2, 1]  # and the cache knows them by themselves
    other = compile_cell("aliev_panfilov1996", parameters={"membrane.a": 0.1})
    state = prepaced_state(other, **PACING)
    np.testing.assert_array_equal(
        problem.states[[0, 2]][:, 15:], np.repeat(state[:, None], 6, axis=1)
    )
    build(read(REGION.replace("0.5", "0.6"), OTHER, PREPACE))
    assert paced_nodes == [2, 1, 1]  # only what is new


def test_a_case_of_one_cell_is_paced_as_ever(read, paced_nodes):
    _, problem = build(read(PREPACE))
    assert paced_nodes == [1]
    state = prepaced_state(compile_cell("mitchell_schaeffer2003"), **PACING)
    assert paced_nodes == [1]
    np.testing.assert_array_equal(problem.states, np.repeat(state[:, None], 21, axis=1))


FIELD = '\n[[cell.field]]\nparameter = "inward.tau_close"\n'


def test_a_field_of_nodes_is_the_parameter(read, tmp_path):
    values = np.linspace(100.0, 200.0, 21)
    np.save(tmp_path / "tau.npy", values)
    (part,) = assemble(read(FIELD + 'value = "tau.npy"'))[1].cell.parts
    np.testing.assert_array_equal(part.parameters["inward.tau_close"], values)
    (tmp_path / "tau.csv").write_text("tau_close\n" + "\n".join(map(str, values / 1e3)))
    case = read(FIELD + 'value = "tau.csv"\nunit = "s"\nwhere = "x >= 1.0"')
    (part,) = assemble(case)[1].cell.parts
    found = part.parameters["inward.tau_close"]
    np.testing.assert_allclose(found[10:], values[10:], rtol=1e-12)
    assert (found[:10] == 150.0).all()


def test_a_scale_of_elements_is_averaged_and_multiplies(read, tmp_path):
    np.savetxt(tmp_path / "scale.txt", np.arange(20.0))
    case = read(REGION, FIELD + 'scale = "scale.txt"')
    (part,) = assemble(case)[1].cell.parts
    means = np.array([0.0, *(np.arange(19) + 0.5), 19.0])
    expected = means * np.where(np.arange(21) < 10, 150.0, 75.0)
    np.testing.assert_allclose(
        part.parameters["inward.tau_close"], expected, rtol=1e-14
    )


def test_levels_bound_the_number_of_distinct_cells(read, tmp_path, monkeypatch):
    np.save(tmp_path / "scale.npy", np.linspace(0.5, 1.5, 21))
    field = FIELD + 'scale = "scale.npy"'
    monkeypatch.setattr("cardiosim.case.cell_regions.MOST_PACED", 10)
    with pytest.raises(
        CaseError, match="21 distinct cells .* than 10; .* levels = 100"
    ):
        build(read(field, PREPACE))
    _, problem = build(read(field + "\nlevels = 4", PREPACE))
    (part,) = problem.cell.parts
    found = np.unique(part.parameters["inward.tau_close"])
    np.testing.assert_allclose(found / 150.0, [0.625, 0.875, 1.125, 1.375], rtol=1e-12)
    assert np.unique(problem.states[1]).size == 4


def test_pacing_takes_the_scheme_of_each_model(read, tmp_path):
    # Of these two only the second names fast gates.
    region = '\n[[cell.region]]\nwhere = "x > 1.0"\nmodel = "tentusscher2006"\n'
    _, problem = assemble(read(region))
    pacer = problem.cell.pacer(read(PREPACE).cell.prepace)
    assert [cell.scheme for cell in problem.cell.cells] == ["rush_larsen"] * 2
    assert [cell.scheme for cell in pacer.cells] == ["rush_larsen", "multirate"]


def test_progress_of_several_models_is_that_of_one_run(read):
    seen = []
    _, problem = assemble(read(REGION, OTHER))
    prepace = read(PREPACE).cell.prepace
    pacer = problem.cell.pacer(prepace)
    paced_cells(prepace, pacer, 21, lambda done, end: seen.append((done, end)))
    assert seen[-1] == (400.0, 400.0)
    assert (200.0, 400.0) in seen
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (
            REGION.replace("x >= 1.0", "x > 9"),
            'cell.region.0.where: "x > 9" reaches no',
        ),
        (REGION.replace("tau_close", "tau_clos"), "has no parameter inward.tau_clos; "),
        (OTHER.replace("aliev_panfilov1996", "aliev"), "unknown cell aliev"),
        ('\n[[cell.region]]\nwhere = "all"', 'cell.region.0: the region "all" changes'),
        (REGION + 'scheme = "multirate"', "cell.region.0: scheme belongs to a region"),
        (FIELD + 'value = "gone.npy"', "gone.npy is no file"),
        (
            FIELD + 'value = "short.npy"',
            r"cell.field.0: .*short.npy holds numbers of shape \(7,\), expected 21",
        ),
        (
            FIELD + 'value = "short.npy"\nper = "element"',
            r"expected 20 \(one an element\)",
        ),
        (FIELD + 'scale = "negative.npy"', "scales inward.tau_close by -1; a scale is"),
        (FIELD + 'scale = "table.npy"', r"numbers of shape \(21, 2\), expected 21"),
        (FIELD, r"cell.field.0: give a file \(.npy, .csv or .txt\) as value"),
        (
            FIELD.replace("tau_close", "tau_clos") + 'scale = "one.npy"',
            "has no parameter inward.tau_clos; did you mean inward.tau_close",
        ),
    ],
)
def test_mistakes_are_named_in_one_line(read, tmp_path, table, says):
    for name, values in {
        "short": np.ones(7),
        "negative": -np.ones(21),
        "table": np.ones((21, 2)),
        "one": np.ones(21),
    }.items():
        np.save(tmp_path / f"{name}.npy", values)
    with pytest.raises(ValueError, match=says) as error:
        assemble(read(table))
    assert "\n" not in str(error.value)


def test_a_single_cell_has_no_regions(read):
    point = CABLE.replace(
        '"cable"\nlength = 2.0\ndx = 0.1\n[tissue]\nD = 0.1', '"point"'
    )
    with pytest.raises(CaseError, match="which has one cell"):
        read(REGION, text=point)
