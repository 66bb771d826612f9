"""Maps and velocity fields of runs, as a user asks for them."""

import json
import math

import h5py
import meshio
import numpy as np
import pytest

from cardiosim import open_results
from cardiosim.commands.run import run_case

# A front of known speed, sqrt(k D_l/2)(1 - 2 a), V from 0 to 100 mV; k = 8 1/ms and
# a = 0.25, so that it is sqrt(D_l).
SHEET = """
title = "a front along the fibres"
[mesh]
kind = "sheet"
size = [4.0, 2.0]
dx = 0.05
[tissue]
D_l = 0.2
D_t = 0.1
fibres = { angle = 0.0 }
[cell]
model = "nagumo"
[[stimulus]]
where = "x <= 1.0"
start = 0.0
duration = 0.2
amplitude = 600.0
[time]
dt = 0.02
end = 8.0
[record]
activation_threshold = 50.0
trace = []
[record.snapshot]
interval = 8.0
[measure.cv_field]
"""
FRONT = math.sqrt(0.2)  # m/s
OFF = 0.02  # Euler steps of 20 us are 0.4 % slow, and the front is 4 nodes wide
# Two beats that end, and an APD that differs from place to place.
RECOVERING = """
[mesh]
kind = "sheet"
size = [2.0, 2.0]
dx = 0.25
[tissue]
D = 0.1
[cell]
model = "mitchell_schaeffer2003"
[[stimulus]]
where = "x <= 0.5"
times = [0.0, 500.0]
duration = 2.0
amplitude = 40.0
[time]
dt = 0.1
end = 800.0
[record]
trace = [{ at = [[2.0, 2.0]] }]
activation = { method = "dvdt_max" }
repolarisation = { percents = [90], potentials = [-60] }
[measure]
apd = [90]
cv = { between = [[1.0, 1.0], [2.0, 1.0]] }
"""


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    """Results of the front; read only."""
    folder = tmp_path_factory.mktemp("front")
    (folder / "case.toml").write_text(SHEET)
    run_case(folder, folder / "out")
    return folder / "out"


@pytest.fixture(scope="module")
def recovering(tmp_path_factory):
    """Results of two beats; read only."""
    folder = tmp_path_factory.mktemp("recovering")
    (folder / "case.toml").write_text(RECOVERING)
    run_case(folder, folder / "out")
    return folder / "out"


def values(folder):
    summary = json.loads((folder / "summary.json").read_text())
    return {name: entry["value"] for name, entry in summary.items()}


def test_velocity_field_of_a_run_is_that_of_the_front(front):
    found = values(front)
    assert found["cv_median"] == pytest.approx(FRONT, rel=OFF)
    assert found["cv_p5"] <= found["cv_median"] <= found["cv_p95"]
    assert found["cv_resolution"] < 0.01
    assert 0.4 < found["cv_measured_share"] < 1.0
    assert found["cv_masked_stimulus"] > 0.1 and found["cv_masked_boundary"] > 0.1
    # A plane wave says nothing about the other direction.
    assert found["cv_longitudinal"] is None
    made = {file.name for file in front.iterdir()}
    assert {"velocity.png", "mask.png", "angles.png"} <= made


def test_cv_field_writes_numbers_pictures_and_the_field(cardiosim, front, tmp_path):
    out = tmp_path / "field"
    code, stdout, _ = cardiosim(
        "measure", "cv-field", front, "--radius", "0.25", "--out", out
    )
    assert code == 0
    assert "fits within 0.25 mm" in stdout
    assert "cv_masked_stimulus" in stdout
    field = np.load(out / "field.npz")
    mesh = meshio.read(out / "field.vtu")
    np.testing.assert_array_equal(mesh.point_data["velocity"], field["velocity"])
    measured = field["mask"] == 0
    np.testing.assert_array_equal(measured, np.isfinite(field["speed"]))
    assert values(out)["cv_measured_share"] == pytest.approx(measured.mean())
    # The front runs along x, everywhere alike across it.
    steady = measured & (np.abs(field["points"][:, 0] - 2.5) < 0.5)
    np.testing.assert_allclose(field["velocity"][steady, 1], 0.0, atol=1e-6)
    np.testing.assert_allclose(field["velocity"][steady, 0], FRONT, rtol=OFF)
    about = open_results(out).resolved["provenance"]["measured"]
    assert about["options"] == {"beat": 1, "order": 2, "radius": 0.25}
    assert about["results"] == str(front)
    for name in ("velocity.png", "mask.png", "angles.png"):
        assert (out / name).stat().st_size > 1000
    code, _, stderr = cardiosim("measure", "cv-field", front, "--out", out)
    assert code == 1 and "--force" in stderr


def test_cv_field_of_a_region_is_of_its_nodes(cardiosim, front, tmp_path):
    out = tmp_path / "field"
    code, _, _ = cardiosim(
        "measure", "cv-field", front, "--where", "x > 2 and x < 3", "--out", out
    )
    assert code == 0
    field = np.load(out / "field.npz")
    x = field["points"][:, 0]
    inside = (x > 2.0) & (x < 3.0)
    found = values(out)
    assert found["cv_measured_share"] == pytest.approx(
        (field["mask"] == 0)[inside].mean()
    )
    assert found["cv_median"] == pytest.approx(np.nanmedian(field["speed"][inside]))
    assert "cv_masked_stimulus" not in found
    code, _, stderr = cardiosim("measure", "cv-field", front, "--where", "x > 9")
    assert code == 1 and "reaches no node" in stderr


def test_what_has_no_field_is_said(cardiosim, front, cell, tmp_path):
    code, _, stderr = cardiosim("measure", "cv-field", front, "--beat", "3")
    assert code == 1 and "beat 3 is asked for" in stderr
    code, _, stderr = cardiosim("measure", "cv-field", front, "--after", "50")
    assert code == 1 and "no activation after 50 ms" in stderr
    assert not list(tmp_path.glob("*_cv_field"))
    cardiosim("run", cell, "--out", tmp_path / "cell_out")
    for verb in ("cv-field", "maps"):
        code, _, stderr = cardiosim("measure", verb, tmp_path / "cell_out")
        assert code == 1 and "single cells" in stderr


def test_cv_line_between_any_two_positions(cardiosim, front, tmp_path):
    out = tmp_path / "line"
    # Half way between rows of nodes, and oblique to the front by 45 degrees.
    ends = ("--start", "2.03,0.925", "--stop", "3.03,1.925", "--out", out)
    code, stdout, _ = cardiosim("measure", "cv-line", front, *ends)
    assert code == 0
    expected = math.sqrt(2.0) * FRONT
    assert values(out)["conduction_velocity"] == pytest.approx(expected, rel=OFF)
    assert "resolution" in stdout
    assert (out / "line.png").stat().st_size > 1000
    assert (out / "line.csv").read_text().startswith("distance (mm),x (mm)")
    code, _, stderr = cardiosim(
        "measure", "cv-line", front, "--start", "1;2", "--stop", "2,2"
    )
    assert code == 1 and "expected a position in mm" in stderr


def test_maps_have_every_beat_and_agree_with_the_trace(recovering):
    """APD90 of the map at a node is that of its trace."""
    results = open_results(recovering)
    assert results.activation_method == "dvdt_max"
    assert set(results.durations) == {"apd90", "apd_to_-60mV"}
    node = results.mesh.n_nodes - 1
    found = values(recovering)
    durations = results.durations["apd90"]
    assert durations.shape == results.activation.shape == (2, 81)
    assert np.isfinite(durations).all()
    # That of the trace begins in the middle of the steepest step of 0.1 ms.
    assert durations[1, node] == pytest.approx(found["apd90"], abs=0.05)
    assert found["apd90_median"] == pytest.approx(np.median(durations[1]))
    np.testing.assert_allclose(
        results.repolarisation["apd90"], results.activation + durations
    )
    assert (recovering / "apd90.png").stat().st_size > 1000


def test_durations_are_there_for_paraview(recovering, cardiosim, tmp_path):
    index = (recovering / "activation.xdmf").read_text()
    for name in ("lat_2", "apd90_1", "apd_to_-60mV_2"):
        assert f'Name="{name}"' in index
    with h5py.File(recovering / "recordings.h5") as file:
        assert file["durations/apd90/apd90_2"].attrs["unit"] == "ms"
    out = tmp_path / "run.vtkhdf"
    assert cardiosim("export", recovering, "--out", out)[0] == 0
    with h5py.File(out) as file:
        assert "apd90_2" in file["VTKHDF/PointData"]


def test_measure_maps_shows_beats_and_draws_them(cardiosim, recovering, tmp_path):
    out = tmp_path / "maps"
    code, stdout, _ = cardiosim("measure", "maps", recovering, "--out", out)
    assert code == 0
    rows = [line.split() for line in stdout.splitlines()[1:7]]
    assert [row[:2] for row in rows[:2]] == [["1", "LAT"], ["1", "APD90"]]
    assert "90 % repolarisation of the beat's own amplitude" in stdout
    assert "within steps of 0.1 ms" in stdout
    assert {file.name for file in out.glob("*.png")} == {
        f"{name}_{beat}.png"
        for name in ("lat", "apd90", "apd_to_-60mV")
        for beat in (1, 2)
    }
    found = values(out)
    durations = open_results(recovering).durations["apd90"]
    assert found["apd90_2_dispersion"] == pytest.approx(np.ptp(durations[1]))
    assert found["apd90_1_share"] == 1.0
    code, stdout, _ = cardiosim(
        "measure", "maps", recovering, "--beat", "2", "--out", out, "--force"
    )
    assert code == 0 and stdout.splitlines()[1].split()[0] == "2"
    code, _, stderr = cardiosim("measure", "maps", recovering, "--beat", "3")
    assert code == 1 and "beat 3 is asked for" in stderr


def test_velocity_between_two_positions_of_any_beat(cardiosim, recovering):
    results = open_results(recovering)
    ends = [
        np.argmin(np.abs(results.mesh_points - [x, 1.0, 0.0]).sum(1)) for x in (1, 2)
    ]
    for beat in (1, 2):
        code, stdout, _ = cardiosim("measure", "cv", recovering, "--beat", beat)
        assert code == 0
        expected = 1.0 / np.ptp(results.activation[beat - 1, ends])
        assert float(stdout.splitlines()[1].split()[1]) == pytest.approx(expected, 1e-5)
    code, _, stderr = cardiosim("measure", "cv", recovering, "--beat", "3")
    assert code == 1 and "holds 2 activations" in stderr
