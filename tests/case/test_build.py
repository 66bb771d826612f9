"""A description becomes objects, and its parts are checked against one another."""

import numpy as np
import pytest

from cardiosim import prepaced_state
from cardiosim.case.build import assemble, build, build_recorders
from cardiosim.case.cells import build_cell
from cardiosim.case.read import CaseError, read_case
from cardiosim.case.resolve import resolved_document
from cardiosim.case.schema import Case
from cardiosim.tissue.diffusion import RungeKuttaChebyshev, ThetaRule
from cardiosim.tissue.mesh import sheet
from cardiosim.tissue.mesh_io import write_mesh
from cardiosim.tissue.simplices import simplices_of

CABLE = """
[mesh]
kind = "cable"
length = 2.0
dx = 0.1
[tissue]
D = 0.1
[cell]
model = "nagumo"
[[stimulus]]
where = "x <= 0.2"
start = 0.0
duration = 1.0
amplitude = 100.0
[time]
dt = 0.1
end = 10.0
"""


@pytest.fixture
def read(tmp_path):
    """Read the case with overrides."""

    def _read(*overrides):
        (tmp_path / "case.toml").write_text(CABLE)
        return read_case(tmp_path, overrides)

    return _read


def test_objects_are_what_the_case_says(read):
    case, problem = build(read())
    assert problem.mesh.n_nodes == 21
    assert problem.mesh.spacing == pytest.approx(0.1)
    assert problem.diffusion.theta == 0.5
    (stimulus,) = problem.stimuli
    assert stimulus.nodes.tolist() == [0, 1, 2]
    recorders = build_recorders(case, problem)
    assert recorders.traces[0].nodes.tolist() == [0, 5, 10, 15, 20]
    assert recorders.snapshot is None  # nobody takes them


def test_a_train_without_count_lasts_as_long_as_the_run(read):
    train = read("stimulus.0.period=4.0")
    _, problem = assemble(train)
    assert problem.stimuli[0].n_pulses == np.inf
    _, problem = assemble(read("stimulus.0.period=4.0", "stimulus.0.count=3"))
    assert problem.stimuli[0].last_end == 9.0


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["time.end=0.5"], "time.end is 0.5 ms, before stimulus.0 ends at 1 ms"),
        (
            ["stimulus.0.period=5.0", "stimulus.0.count=3"],
            "time.end is 10 ms, before stimulus.0 ends at 11 ms",
        ),
        (["stimulus.0.where="], 'region "": found the end'),
        (["stimulus.0.where=x > 3"], "reaches no node; the mesh has 21 nodes"),
        (
            ["record.trace.0.at=[1.0]", "record.trace.1.at=[2.2]"],
            "record.trace.1.at: 2.2 mm is outside the mesh",
        ),
        (["record.trace.0.where=x > 3"], 'record.trace.0.where: "x > 3" reaches no'),
        (["record.trace.0.variables=['a']"], "record.trace.0.variables: nagumo has"),
        (
            ["record.snapshot.interval=0.25"],
            "record.snapshot.interval 0.25 ms is no whole number of steps",
        ),
        (
            ["record.trace.0.interval=0.25"],
            "record.trace.0.interval 0.25 ms is no whole number of steps",
        ),
        (["record.trace.0.start=0.25"], "record.trace.0.start 0.25 ms is no whole"),
    ],
)
def test_parts_that_do_not_fit_are_told_before_anything_runs(read, overrides, says):
    with pytest.raises(ValueError) as error:
        assemble(read(*overrides))
    assert says in str(error.value)


def test_a_region_in_error_names_its_key(read):
    with pytest.raises(CaseError, match=r"stimulus\.0\.where: region"):
        assemble(read("stimulus.0.where=x >"))


def test_all_nodes_begin_in_the_paced_state(read, tmp_path, monkeypatch):
    monkeypatch.setenv("CARDIOSIM_CACHE", str(tmp_path))
    protocol = {"bcl": 20.0, "beats": 2, "amplitude": 50.0, "duration": 0.4, "dt": 0.1}
    text = ", ".join(f"{key} = {value}" for key, value in protocol.items())
    case = read(f'cell.prepace={{{text}, scheme = "rush_larsen"}}')
    _, problem = build(case)
    paced = prepaced_state(build_cell(case), **protocol)
    assert paced[0] != problem.cell.initial_states(1)[0, 0]
    np.testing.assert_array_equal(problem.states, np.repeat(paced[:, None], 21, axis=1))


def test_parameters_reach_the_cell_in_its_own_unit(read):
    cells = [
        build_cell(read(f'cell.parameters."membrane.k"={value}'))
        for value in ("16.0", '"16000 1/s"', "{scale = 2.0}")
    ]
    assert len({cell.fingerprint for cell in cells}) == 1
    assert cells[0].fingerprint != build_cell(read()).fingerprint


UNPACED = """
[[model]]
name: unpaced
membrane.V = -80

[environment]
time = 0 [ms] bind time
    in [ms]

[membrane]
dot(V) = -0.1 [1/ms] * (V + 80 [mV])
    in [mV]
"""


def test_a_stimulus_that_the_cell_does_not_take_is_an_error(read, tmp_path):
    (tmp_path / "unpaced.mmt").write_text(UNPACED)
    model = "cell.model=unpaced.mmt"
    with pytest.raises(CaseError) as error:
        assemble(read(model))
    assert str(error.value) == (
        f"{tmp_path / 'unpaced.mmt'} binds no variable to pace, but the case has 1 "
        'stimulus; write "bind pace" behind the stimulus current'
    )
    with pytest.raises(CaseError, match="the case paces it before the run; write"):
        assemble(read(model, "stimulus=[]", "cell.prepace={bcl = 20.0, beats = 2}"))
    _, problem = assemble(read(model, "stimulus=[]"))
    assert problem.cell.facts["stimulus"] is None


SHEET = CABLE.replace(
    'kind = "cable"\nlength = 2.0\n', 'kind = "sheet"\nsize = [4.0, 3.0]\n'
).replace("dx = 0.1", "dx = 0.5")


@pytest.fixture
def read_sheet(tmp_path):
    """Read the case of a sheet with overrides."""

    def _read(*overrides):
        (tmp_path / "case.toml").write_text(SHEET)
        return read_case(tmp_path, overrides)

    return _read


@pytest.mark.parametrize(
    "holes", ["x > 3", "sphere(2, 1.5, 0, 1.2)", "x > 1 and y < 1.5"]
)
@pytest.mark.parametrize("simplices", ["false", "true"])
def test_default_traces_are_where_the_tissue_is(read_sheet, holes, simplices):
    case = read_sheet(f"mesh.holes={holes}", f"mesh.simplices={simplices}")
    case, problem = assemble(case)
    (trace,) = build_recorders(case, problem).traces
    at = problem.mesh.points[trace.nodes, :2]
    assert sorted(map(tuple, at.tolist())) == sorted(case.record.trace[0].at)


def test_without_holes_default_traces_lie_on_the_diagonal(read_sheet):
    case, _ = assemble(read_sheet())
    assert case.record.trace[0].at[1] == (1.0, 0.75)


@pytest.mark.parametrize(
    "override",
    ["record.trace.0.at=[[2, 1.5]]", "measure.lat={a = [2, 1.5]}"],
)
def test_a_position_in_a_hole_is_refused(read_sheet, override):
    key = override.partition("=")[0]
    hole = "mesh.holes=sphere(2, 1.5, 0, 1.2)"
    with pytest.raises(CaseError, match=rf"{key}.*2, 1.5 mm is no place of the mesh"):
        assemble(read_sheet(hole, override))


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("measure.lat={a = []}", "expected at least 1 of them"),
        ("measure.lat={a = [1, 2, 3, 4]}", "expected at most 3 of them"),
        ("record.trace.0.at=[]", "expected at least 1 of them"),
        ("seed=-1", "seed: came -1, expected a number not below 0"),
    ],
)
def test_positions_and_seeds_are_checked_as_they_are_read(read_sheet, override, says):
    with pytest.raises(CaseError, match=says):
        read_sheet(override)


def test_phases_are_named_as_they_begin(read_sheet):
    said = []
    fibrosis = 'tissue.fibrosis.0={kind = "diffuse", fraction = 0.1}'
    assemble(read_sheet(fibrosis), said.append)
    assert said == [
        "making the mesh",
        "laying the fibres",
        "growing fibrosis",
        "assembling the matrix of diffusion",
        "compiling nagumo",
    ]


@pytest.fixture
def read_file(tmp_path):
    """Read the case of triangles in a file with overrides."""

    def _read(*overrides):
        write_mesh(simplices_of(sheet((4.0, 3.0), 0.5)), tmp_path / "a.vtu", force=True)
        grid = 'kind = "sheet"\nsize = [4.0, 3.0]\ndx = 0.5'
        text = SHEET.replace(grid, 'kind = "file"\nfile = "a.vtu"')
        (tmp_path / "case.toml").write_text(text)
        return read_case(tmp_path, overrides)

    return _read


@pytest.mark.parametrize(
    ("override", "says"),
    [
        (
            "mesh.thickness=0.5",
            "mesh.thickness has no effect: the mesh has nothing but",
        ),
        (
            "mesh.cross_section=0.5",
            "mesh.cross_section has no effect: the mesh has no l",
        ),
    ],
)
def test_sizes_across_without_effect_are_told(read_file, override, says):
    (told,) = assemble(read_file(override))[1].warnings
    assert told.startswith(says)


def test_the_phases_of_a_file(read_file):
    said = []
    assemble(read_file("mesh.refine=1"), said.append)
    assert said[:3] == ["reading a.vtu", "refining a.vtu", "laying the fibres"]


@pytest.mark.parametrize(
    ("table", "found"),
    [
        ("{}", {"solver": "direct"}),
        ('{solver = "cg"}', {"solver": "cg", "tolerance": 1e-6}),
        ('{solver = "explicit", mass = 0}', {"solver": "explicit", "stages": 2}),
    ],
)
def test_the_solver_that_ran_is_provenance(read_sheet, table, found):
    given = read_sheet(f"diffusion={table}")
    case, problem = assemble(given)
    assert case.diffusion == given.diffusion
    document = resolved_document(case, problem.cell, (), problem.diffusion)
    assert document["provenance"]["diffusion"] == found


@pytest.mark.parametrize(
    ("diffusion", "explicit"),
    [
        ({"mass": 0.0}, True),  # two stages
        ({"mass": 0.5}, False),
        ({"mass": 0.0, "solver": "cg"}, False),
        ({"mass": 0.0, "theta": 1.0}, False),
        ({"mass": 0.0, "tolerance": 1e-9}, False),
    ],
)
def test_a_lumped_mass_is_stepped_explicitly_where_few_stages_do(diffusion, explicit):
    case = Case.model_validate(
        {
            "mesh": {"kind": "sheet", "size": [2.0, 1.0], "dx": 0.1},
            "tissue": {"D": 0.1},
            "cell": {"model": "nagumo"},
            "time": {"dt": 0.01, "end": 1.0},
            "diffusion": diffusion,
        }
    )
    _, problem = assemble(case)
    assert isinstance(problem.diffusion, RungeKuttaChebyshev) == explicit
    # dt times the largest rate, 0.25 * 8 D / dx^2, is 20, which takes six stages.
    slow = case.model_copy(update={"time": case.time.model_copy(update={"dt": 0.25})})
    _, problem = assemble(slow)
    assert isinstance(problem.diffusion, ThetaRule)
