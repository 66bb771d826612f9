"""A case is read with its units, its overrides, and one line for each mistake."""

import math

import pytest

from cardiosim.case.read import CaseError, read_case

CABLE = """
[mesh]
kind = "cable"
length = "2 cm"
dx = 0.1

[tissue]
D = 0.15

[cell]
model = "skibsbye2016"
parameters = { "ina.g_Na" = 300.0, "ical.g_CaL" = { scale = 0.5 } }

[[stimulus]]
where = "x <= 2.0"
start = 1.0
duration = 2.0
amplitude = 40.0

[time]
dt = 0.1
end = 60.0
"""


@pytest.fixture
def read(tmp_path):
    """Read a case from its text."""

    def _read(text=CABLE, *overrides):
        (tmp_path / "case.toml").write_text(text)
        return read_case(tmp_path, overrides)

    return _read


def test_numbers_and_strings_with_units_mean_the_same(read):
    assert read().mesh.length == 20.0
    assert read(CABLE, "mesh.length=20.0") == read()


def test_conductivity_and_diffusivity_are_two_ways_to_say_one_thing(read):
    text = CABLE.replace("D = 0.15", 'sigma_l = "0.21 S/m"\nchi = "1400 1/cm"')
    assert read(text).tissue.diffusivity == pytest.approx(0.15, rel=1e-12)


def test_parameters_are_values_or_scales(read):
    parameters = read().cell.parameters
    assert parameters["ina.g_Na"].value == 300.0
    assert parameters["ical.g_CaL"].scale == 0.5


def test_a_case_cannot_be_changed_after_reading(read):
    with pytest.raises(ValueError, match="frozen"):
        read().time.dt = 1.0


def test_a_model_file_is_found_beside_the_case(read, tmp_path):
    case = read(CABLE.replace("skibsbye2016", "nagumo.mmt"))
    assert case.cell.model == str(tmp_path / "nagumo.mmt")


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("time.dt=0.05", lambda case: case.time.dt == 0.05),
        ("time.dt=50 us", lambda case: math.isclose(case.time.dt, 0.05)),
        ("cell.scheme=multirate", lambda case: case.cell.scheme == "multirate"),
        ("stimulus.0.amplitude=30", lambda case: case.stimulus[0].amplitude == 30.0),
        ("measure.apd=[50, 90]", lambda case: case.measure.apd == (50.0, 90.0)),
        (
            'cell.parameters."ina.g_Na"=1',
            lambda case: case.cell.parameters["ina.g_Na"].value == 1.0,
        ),
        (
            "cell.parameters.ito.g_to.scale=2",
            lambda case: case.cell.parameters["ito.g_to"].scale == 2.0,
        ),
        (
            'record.trace.0.where="all"',
            lambda case: case.record.trace[0].where == "all",
        ),
    ],
)
def test_set_overrides_anything(read, override, value):
    assert value(read(CABLE, override))


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("mesh.lenght=3", "[mesh] has no key 'lenght'; did you mean 'length'?"),
        ("mesh.theta=1", "[mesh] has no key 'theta'; did you mean diffusion.theta?"),
        ("tissue.d=1", "[tissue] has no key 'd'; did you mean 'D'?"),
        ("messh.dx=1", "the case has no key 'messh'; did you mean 'mesh'?"),
        ("stimulus.0.wher=all", "[stimulus.0] has no key 'wher'; did you mean 'where'"),
        (
            "mesh.kind=slap",
            "mesh.kind: came 'slap', expected 'cable', 'sheet', 'slab', 'file' or "
            "'point'",
        ),
        ("mesh.kind=slab", 'kind "slab" has no length; remove it, or write kind = "c'),
        ("mesh.dx=[0.1, 0.2]", 'dx has 2 numbers; kind "cable" takes 1'),
        ("mesh.dx=[-0.1]", "mesh.dx.0: came -0.1, expected a number greater than 0"),
        ("mesh.size=[1.0]", 'kind "cable" has no size; remove it, or write kind = "sh'),
        ("mesh.dx=-1", "mesh.dx: came -1.0, expected a number greater than 0"),
        ("mesh.dx=2 ms", "no quantity in mm"),
        ("mesh.dx=inf", "mesh.dx: came inf, expected a finite number"),
        ("cell.substeps=1.5", "cell.substeps: came 1.5, expected a whole number"),
        ("tissue.chi=140", "chi and C_m belong to sigma_l"),
        ("tissue.sigma_l=0.2", "give either D (mm2/ms), or sigma_l"),
        ("mesh.kind=point", 'kind "point" has no length and no dx'),
        ("stimulus.0.count=3", "a count needs a period"),
        ("stimulus.0.period=1", "shorter than duration"),
        ("stimulus.5.where=all", "stimulus is a list of 1; expected an index"),
        ("stimulus.0.where.x=1", "stimulus.0.where is a value, not a table"),
        ("measure.cv.start=0.9", "start 0.9 must be smaller than stop 0.75"),
        ("time.dt", "expected table.key=value"),
        ("cell.parameters.a.b=nan", "a.b.value: came nan, expected a finite number"),
        ("cell.parameters.a.b=true", "a.b: came True, expected a number"),
        ("seed=a", "seed: came 'a', expected a whole number"),
        ("cell.parameters.a.b={scales=1}", "a.b takes a number or { scale = number }"),
        (
            'cell.parameters."ito.g_to".scal=1',
            "no key 'scal'; ito.g_to takes a number or { scale = number }",
        ),
    ],
)
def test_mistakes_are_named_in_one_line(read, override, says):
    with pytest.raises(CaseError) as error:
        read(CABLE, override)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_misspelt_table_is_reported_before_the_missing_one(read):
    with pytest.raises(CaseError, match="no key 'tisue'; did you mean 'tissue'"):
        read(CABLE.replace("[tissue]", "[tisue]"))


def test_a_cable_without_its_length_says_so(read):
    with pytest.raises(CaseError, match='mesh: kind "cable" needs length, in mm'):
        read(CABLE.replace('length = "2 cm"', ""))


def test_what_is_no_toml_or_no_case_is_an_error(read, tmp_path):
    with pytest.raises(CaseError, match="is not TOML"):
        read("[mesh")
    with pytest.raises(CaseError, match=r"expected a folder with case\.toml"):
        read_case(tmp_path / "nowhere")


def test_an_override_holds_one_value_only(read):
    case = read(CABLE, "title=1\nseed = 7")
    assert case.seed == 0
    assert case.title == "1\nseed = 7"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('kind = "cable"', "mesh.kind is missing; expected 'cable' or 'sheet'"),
        ("dt = 0.1\n", "time.dt is missing; expected a number in ms"),
        (
            "amplitude = 40.0",
            "stimulus.0: amplitude is missing; expected a number",
        ),
        ('model = "skibsbye2016"', "cell.model is missing; expected a name that `card"),
    ],
)
def test_a_missing_key_says_what_it_takes(read, line, says):
    assert line in CABLE
    with pytest.raises(CaseError) as error:
        read(CABLE.replace(line, ""))
    assert says in str(error.value)


def test_missing_tables_and_whole_numbers_say_what_they_take(read):
    with pytest.raises(CaseError, match=r"expected a table \[time\] with dt"):
        read(CABLE.partition("[time]")[0])
    with pytest.raises(CaseError, match="beats is missing; expected a whole number"):
        read(CABLE, "cell.prepace.bcl=1000")


def test_overrides_may_come_as_objects(read, tmp_path):
    expected = read(CABLE, "stimulus.0.amplitude=30", 'cell.parameters."a.b"=1')
    pulse = {"where": "x <= 2.0", "start": 1.0, "duration": 2.0, "amplitude": 20.0}
    objects = {
        "stimulus": [pulse],
        "stimulus.0.amplitude": 30,
        'cell.parameters."a.b"': 1,
    }
    assert read_case(tmp_path, objects) == expected
    assert pulse["amplitude"] == 20.0  # what was handed over stays as it was


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ({"stimulus.3.start": 1}, "set stimulus.3.start = 1: stimulus is a list of 1"),
        ({"mesh..dx": 1}, "set 'mesh..dx' is no key; expected table.key"),
        ({"a = 1\nb": 1}, "is no key; expected table.key"),
        ({"mesh.lenght": 1}, "did you mean 'length'?"),
    ],
)
def test_mistakes_in_objects_are_named_too(read, tmp_path, override, says):
    read()
    with pytest.raises(CaseError) as error:
        read_case(tmp_path, override)
    assert says in str(error.value)
