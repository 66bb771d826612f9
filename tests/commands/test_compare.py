"""`cardiosim compare`: numbers, activation and wall times of two runs."""

import pytest
from typer.testing import CliRunner

from cardiosim.commands import _application

CABLE = """
[mesh]
kind = "cable"
length = {length}
dx = 0.1
[tissue]
D = 0.1
[cell]
model = "mitchell_schaeffer2003"
[[stimulus]]
where = "x <= 0.5"
start = 0.0
duration = 2.0
amplitude = 60.0
[time]
dt = {dt}
end = 20.0
[measure.cv]
[record.snapshot]
interval = 0.5
"""


@pytest.fixture(scope="module")
def command():
    app = _application()

    def run(*arguments):
        return CliRunner().invoke(app, [str(a) for a in arguments])

    return run


@pytest.fixture(scope="module")
def runs(command, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name, values in {
        "coarse": {"length": 5.0, "dt": 0.05},
        "fine": {"length": 5.0, "dt": 0.01},
        "longer": {"length": 6.0, "dt": 0.05},
    }.items():
        (folder / f"{name}.toml").write_text(CABLE.format(**values))
        done = command("run", folder / f"{name}.toml", "--out", folder / name)
        assert done.exit_code == 0, done.output
    return folder


def test_table_holds_both_velocities_and_wall_times(command, runs):
    done = command("compare", runs / "coarse", runs / "fine", "--names", "long,short")
    assert done.exit_code == 0, done.output
    assert "long" in done.output and "short" in done.output
    assert "conduction_velocity (m/s)" in done.output
    assert "wall time of the steps (s)" in done.output and ": 1" in done.output
    assert "activation of short less that of long" in done.output


def test_draws_a_picture_into_the_second_folder(command, runs):
    assert command("compare", runs / "coarse", runs / "fine").exit_code == 0
    assert (runs / "fine" / "compare.png").stat().st_size > 10_000


def test_a_run_compared_with_itself_differs_in_nothing(command, runs):
    done = command("compare", runs / "fine", runs / "fine")
    (line,) = [x for x in done.output.splitlines() if "conduction_velocity (" in x]
    assert line.split()[-2:] == ["+0", "%"]
    assert "0 ms at most" in done.output


def test_errors_differ_by_so_much_and_velocities_by_percent(command, runs):
    lines = command("compare", runs / "coarse", runs / "fine").output.splitlines()
    found = {line.split()[0]: line.split()[-2:] for line in lines if line.strip()}
    assert found["conduction_velocity"][1] == "%"
    difference, unit = found["conduction_fit_residual"]
    assert unit == "ms" and abs(float(difference)) < 1.0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("coarse", "longer"), "runs on different meshes"),
        (("coarse", "missing"), "is no results folder"),
        (("coarse", "fine", "--names", "one"), 'expected "first,second"'),
    ],
)
def test_says_in_one_line_what_cannot_be_compared(command, runs, arguments, says):
    first, second, *options = arguments
    done = command("compare", runs / first, runs / second, *options)
    assert done.exit_code != 0
    assert says in str(done.exception)
