"""`cardiosim tune-cv`: as a user calls it, and the lines it says to paste."""

import json
import tomllib

import pytest
from typer.testing import CliRunner

from cardiosim.case.tissue_tables import Diffusivities, TissueTable
from cardiosim.commands import _application
from cardiosim.commands.tune_cv import tissue_lines
from cardiosim.experiments.tune_cv import Target, Tuning

CABLE = """
[mesh]
kind = "cable"
length = 20.0
dx = {dx}
[tissue]
D = 0.05
[cell]
model = "nagumo"
[[stimulus]]
where = "x <= 2.0"
start = 0.0
duration = 0.2
amplitude = 600.0
[time]
dt = 0.01
end = 20.0
[diffusion]
mass = {mass}
[record]
activation_threshold = 50.0
"""


@pytest.fixture(scope="module")
def command():
    app = _application()

    def run(*arguments):
        return CliRunner().invoke(app, [str(a) for a in arguments])

    return run


@pytest.fixture
def case(tmp_path):
    path = tmp_path / "case.toml"
    path.write_text(CABLE.format(dx=0.1, mass=0.5))
    return path


def tuned(D_along, D_across=None):
    found = [Tuning(Target("along", 0.6, 0.1, 0.1), 1e-3, [D_along], [0.6])]
    if D_across is not None:
        found.append(Tuning(Target("across", 0.3, 0.1, 0.1), 1e-3, [D_across], [0.3]))
    return found


@pytest.mark.parametrize(
    "tissue",
    [
        {"D": 0.1},
        {"D_l": 0.1, "D_t": 0.02},
        {"D_l": 0.1, "D_t": 0.0},
        {"D_l": 0.1},
        {"D_l": 0.1, "D_t": 0.02, "D_n": 0.01},
        {"sigma_l": 0.2, "sigma_t": 0.05, "chi": 100.0, "C_m": 0.02},
        {"sigma_l": 0.2},
        {"sigma_il": 0.17, "sigma_el": 0.62, "sigma_it": 0.019, "sigma_et": 0.24},
    ],
)
def test_lines_to_paste_have_the_tuned_conductivities(tissue):
    table = TissueTable(**tissue)
    for found in (tuned(0.12345678, 0.034567), tuned(0.12345678)):
        lines = tomllib.loads("\n".join(tissue_lines(table, found)))["tissue"]
        D = TissueTable(**lines).diffusivities
        # Six digits are printed.
        assert D.along == pytest.approx(0.12345678, rel=1e-5)
        if len(found) == 2:
            assert D.across == pytest.approx(0.034567, rel=1e-5)
        elif "D" not in tissue and table.diffusivities.across is not None:
            assert D.across == pytest.approx(table.diffusivities.across, rel=1e-5)


def test_pairs_are_scaled_together():
    pairs = {"sigma_il": 0.174, "sigma_el": 0.625, "sigma_it": 0.019, "sigma_et": 0.236}
    lines = tomllib.loads("\n".join(tissue_lines(TissueTable(**pairs), tuned(0.05))))
    found = lines["tissue"]
    assert found["sigma_il"] / found["sigma_el"] == pytest.approx(0.174 / 0.625, 1e-5)
    assert found["sigma_it"] == 0.019
    assert Diffusivities.of(found).along == pytest.approx(0.05, rel=1e-5)


def test_front_gets_the_velocity_that_was_asked_for(command, case, tmp_path):
    out = tmp_path / "out"
    done = command("tune-cv", case, "--target", 0.4, "--length", 12, "--out", out)
    assert done.exit_code == 0, done.output
    numbers = json.loads((out / "summary.json").read_text())
    assert numbers["cv_along"]["value"] == pytest.approx(0.4, abs=1e-3)
    # c = sqrt(D k/2)(1 - 2 a), k 8/ms, a 0.25: D = c^2; dx 0.1 mm is 0.3 % off.
    assert numbers["D_along"]["value"] == pytest.approx(0.16, rel=0.012)
    assert numbers["runs_along"]["value"] <= 6
    pasted = tomllib.loads((out / "tissue.toml").read_text())["tissue"]
    assert pasted["D"] == pytest.approx(numbers["D_along"]["value"], rel=1e-5)
    for name in ("runs.csv", "tune_cv.png", "resolved.toml"):
        assert (out / name).is_file()
    for line in ("the same D", "0.025", "[tissue]"):
        assert line in done.stdout
    assert "warning" not in done.output


def test_a_large_error_of_the_grid_is_warned_of(command, tmp_path):
    path = tmp_path / "case.toml"
    path.write_text(CABLE.format(dx=0.25, mass=0.0))
    options = "--target", 0.3, "--length", 12
    done = command("tune-cv", path, *options, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "warning: along the fibres: 0.3" in done.output
    assert "on a fine grid about D 0.09" in done.output


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--target", -1], "--target -1; expected a positive number"),
        (["--target", 0.4, "--tolerance", 0], "--tolerance 0; expected"),
        (["--target", 0.4, "--length", 1], "takes 40 or more: 4 mm"),
        (["--target", 0.4, "--dx", 0], "--dx 0; expected one positive number, or two"),
    ],
)
def test_a_mistake_is_one_line(command, case, tmp_path, options, line):
    done = command("tune-cv", case, *options, "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert line in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_single_cell_conducts_nothing(command, tmp_path):
    path = tmp_path / "case.toml"
    path.write_text(
        '[mesh]\nkind = "point"\n[cell]\nmodel = "nagumo"\n'
        "[time]\ndt = 0.01\nend = 1.0\n"
    )
    done = command("tune-cv", path, "--target", 0.4, "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "conducts nothing" in str(done.exception)
