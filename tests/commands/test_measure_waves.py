"""`measure waves`, `frequency` and `wavelength` on runs whose waves are known."""

import shutil

import meshio
import numpy as np
import pytest

from cardiosim import open_results
from cardiosim.commands.mesh_to_keep import arrays_of
from cardiosim.commands.run import run_case
from cardiosim.commands.wave_numbers import wave_numbers
from cardiosim.commands.wave_recordings import (
    WaveOptions,
    find_tips,
    loops_of,
    potential_origin,
)
from cardiosim.output.fields import FieldWriter, open_fields
from cardiosim.output.results import ResultsFolder
from cardiosim.output.tables import read_table
from cardiosim.tissue.mesh import cable, sheet, slab, with_holes

# S1 from the left edge, S2 in the lower half in its wake: as cases/sheet_spiral does,
# of a cell of two variables that is excited for a third of a turn.
SPIRAL = """
title = "a spiral wave"
[mesh]
kind = "sheet"
size = [36.0, 36.0]
dx = 0.6
[tissue]
D = 0.15
[cell]
model = "mitchell_schaeffer2003"
scheme = "rush_larsen"
[cell.parameters]
"inward.tau_close" = 60.0
[[stimulus]]
where = "x <= 2"
start = 0.0
duration = 2.0
amplitude = 60.0
[[stimulus]]
where = "y <= 18"
start = 180.0
duration = 2.0
amplitude = 60.0
[time]
dt = 0.2
end = 1300.0
[record.snapshot]
interval = 5.0
"""
SETTLED = 500.0  # ms; the first turns are slower


@pytest.fixture(scope="module")
def spiral(tmp_path_factory):
    """Folder of a run in which one wave turns seven times."""
    folder = tmp_path_factory.mktemp("spiral")
    (folder / "case.toml").write_text(SPIRAL)
    run_case(folder / "case.toml", folder / "out", pictures=False)
    return folder / "out"


@pytest.fixture(scope="module")
def settled(spiral):
    """Numbers of that wave."""
    return wave_numbers(open_results(spiral), WaveOptions(begin=SETTLED))


def test_the_tip_turns_as_often_as_the_nodes_are_activated(settled):
    period, cycle = (
        settled[name]["value"]
        for name in ("rotation_period", "cycle_length_during_rotor")
    )
    assert period == pytest.approx(cycle, rel=0.01)
    frequency = settled["dominant_frequency"]
    assert frequency["value"] == pytest.approx(1e3 / cycle, rel=0.02)
    assert frequency["resolution"] == "1.2 Hz"


def test_there_is_one_rotor_of_one_charge(settled):
    value = {name: entry["value"] for name, entry in settled.items()}
    assert value["rotors"] == value["tips"] == value["rotors_most"] == 1.0
    assert value["singularities_mean"] == value["singularities_most"] == 1.0
    # S1 goes right, S2 up on the left and then right: clockwise, which is +1.
    assert value["singularity_charge_mean"] == 1.0
    assert value["rotor_lifetime_longest"] == 1290.0 - SETTLED
    assert value["rotations"] == pytest.approx(
        790.0 / value["rotation_period"], rel=0.02
    )
    # Smaller than what a wave of 18 mm could go round without shrinking: 18/pi.
    assert 1.0 < value["tip_core_diameter"] < 18.0 / np.pi
    assert value["tip_drift"] < 1.5


@pytest.mark.parametrize(
    "options",
    [
        WaveOptions(begin=SETTLED, delay=5.0),
        WaveOptions(begin=SETTLED, delay=30.0),
        WaveOptions(begin=SETTLED, origin=-60.0),
        WaveOptions(begin=300.0, phase="hilbert", trim=200.0),
        WaveOptions(begin=SETTLED, ring=True),
    ],
    ids=["short", "long", "low", "hilbert", "ring"],
)
def test_it_is_the_same_rotor_however_the_phase_is_taken(spiral, settled, options):
    tips = find_tips(open_results(spiral), options)
    (tip,) = tips.trajectories
    assert tip.charge == 1
    # What a tip is depends on V* and the delay, where it goes does not; the start and
    # the end of its life are within a seventh of a turn of each other's.
    assert tip.period == pytest.approx(settled["rotation_period"]["value"], rel=0.015)
    assert np.ptp(tip.positions[:, :2], axis=0).max() < 6.0


def test_the_command_leaves_tables_pictures_and_ways(cardiosim, spiral, tmp_path):
    out = tmp_path / "waves"
    code, said, _ = cardiosim("measure", "waves", spiral, "--begin", 500, "--out", out)
    assert code == 0
    assert "V against V 10 ms later, around V* = " in said
    assert "a snapshot every 5 ms, nodes 0.6 mm apart" in said
    assert "rotation_period" in said
    for name in ("tips", "singularities", "rotors", "frequency"):
        assert (out / f"{name}.png").stat().st_size > 10_000
    results = open_results(out)
    assert results.summary["rotors"]["value"] == 1.0
    assert results.summary["rotation_period"]["resolution"].endswith(" ms")
    measured = results.resolved["provenance"]["measured"]
    assert measured["results"] == str(spiral)
    assert measured["options"]["begin"] == 500.0
    assert "versions" in measured
    ways, units = read_table(out / "tip_ways.csv")
    assert (units["t"], units["x"], units["turned"]) == ("ms", "mm", "rad")
    np.testing.assert_array_equal(np.diff(ways["t"]), 5.0)
    lives, _ = read_table(out / "tips.csv")
    assert lives["rotor"].tolist() == [1.0]
    count, _ = read_table(out / "rotor_count.csv")
    assert (count["rotors"] == 1.0).all()
    assert (count["charge"] == 1.0).all()
    kept = meshio.read(out / "tip_ways.vtu")
    assert len(kept.cells_dict["line"]) == len(ways["t"]) - 1
    np.testing.assert_allclose(kept.points[:, 0], ways["x"], atol=1e-6)
    np.testing.assert_allclose(kept.point_data["t"], ways["t"])
    # Once more, and nothing is replaced unless that is asked for.
    code, _, said = cardiosim("measure", "waves", spiral, "--begin", 500, "--out", out)
    assert code == 1
    assert "--force" in said


def test_frequency_alone(cardiosim, spiral, settled, tmp_path):
    out = tmp_path / "frequency"
    code, said, _ = cardiosim(
        "measure", "frequency", spiral, "--begin", 500, "--out", out
    )
    assert code == 0
    assert "dominant_frequency " in said
    spectrum, units = read_table(out / "spectrum.csv")
    assert units["frequency"] == "Hz"
    peak = spectrum["frequency"][spectrum["power"].argmax()]
    assert peak == pytest.approx(settled["dominant_frequency"]["value"], abs=0.1)
    assert (out / "frequency.vtkhdf").is_file()


def test_frequency_of_activations_needs_no_snapshots(
    cardiosim, spiral, settled, tmp_path
):
    folder = copied(spiral, tmp_path / "none")
    for block in folder.glob("fields_*.h5"):
        block.unlink()
    code, said, _ = cardiosim("measure", "frequency", folder, "--begin", 500)
    assert code == 0
    found = float(said.splitlines()[1].split()[1])
    cycle = settled["cycle_length_during_rotor"]["value"]
    assert found == pytest.approx(1e3 / cycle, rel=0.01)
    assert (tmp_path / "none_frequency" / "frequency.png").stat().st_size > 10_000
    code, _, said = cardiosim(
        "measure", "frequency", folder, "--begin", 1250, "--force"
    )
    assert (code, said.count("\n")) == (1, 1)
    assert "was activated twice" in said


def test_a_last_snapshot_that_comes_sooner_is_left_out_of_spectra(spiral, tmp_path):
    folder = copied(spiral, tmp_path / "uneven")
    fine = open_fields(spiral)
    kept = [*range(100, 260, 2), 259]  # every 10 ms, then 5
    with FieldWriter(folder, fine.units) as writer:
        for t, values in fine.steps(which=kept):
            writer.append(t, values)
    numbers = wave_numbers(
        open_results(folder), WaveOptions(phase="hilbert", trim=150.0)
    )
    assert numbers["rotors"]["value"] == 1.0
    assert numbers["dominant_frequency"]["definition"].startswith("largest peak of V")


def test_a_wave_that_never_turns_has_no_rotor(spiral):
    numbers = wave_numbers(open_results(spiral), WaveOptions(end=150.0))
    assert numbers["tips"]["value"] == 0.0
    assert np.isnan(numbers["rotation_period"]["value"])
    assert np.isnan(numbers["rotor_lifetime_longest"]["value"])


def test_origin_lies_in_the_loops_of_tissue_that_is_silent_for_long(tmp_path):
    """A tenth of the time a wave from -80 to 20 mV, of which 35 % is -45 mV."""
    folder = ResultsFolder.create(tmp_path / "silent")
    folder.write_mesh(arrays_of(sheet((2.0, 2.0), 1.0)))
    wave = np.linspace(-80.0, 20.0, 9)
    with FieldWriter(folder.path, {"membrane.V": "mV"}) as writer:
        for k in range(40):
            V = wave if k in (7, 8, 9, 10) else np.full(9, -80.0)
            writer.append(5.0 * k, {"membrane.V": V})
    found = potential_origin(open_fields(folder.path), "membrane.V", np.arange(40))
    assert found == pytest.approx(-45.0)


def copied(results, to):
    shutil.copytree(results, to)
    return to


def test_without_snapshots_the_command_says_what_to_do(cardiosim, spiral, tmp_path):
    folder = copied(spiral, tmp_path / "none")
    for block in folder.glob("fields_*.h5"):
        block.unlink()
    code, _, said = cardiosim("measure", "waves", folder)
    assert (code, said.count("\n")) == (1, 1)
    assert "holds no snapshots; run its case again with --set" in said
    assert "record.snapshot.interval=5" in said
    assert not (tmp_path / "none_waves").exists()


def test_snapshots_that_are_too_far_apart_are_refused(cardiosim, spiral, tmp_path):
    folder = copied(spiral, tmp_path / "coarse")
    fine = open_fields(spiral)
    with FieldWriter(folder, fine.units) as writer:
        for t, values in fine.steps(which=range(0, len(fine.times), 6)):
            writer.append(t, values)
    code, _, said = cardiosim("measure", "waves", folder)
    assert (code, said.count("\n")) == (1, 1)
    assert "30 ms apart, in which a tip goes too far" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--phase", "fourier"), 'phase "fourier"; expected "delay" or "hilbert"'),
        (("--begin", "2000"), "fewer than three snapshots"),
        (("--begin", "1200", "--delay", "500"), "does not fit into snapshots"),
    ],
)
def test_mistakes_are_one_line(cardiosim, spiral, tmp_path, arguments, says):
    out = tmp_path / "out"
    code, _, said = cardiosim("measure", "waves", spiral, "--out", out, *arguments)
    assert code != 0
    assert says in said
    assert not out.exists()


def test_nothing_turns_on_a_cable(cardiosim, front, tmp_path):
    out = tmp_path / "out"
    assert cardiosim("run", front, "--out", out)[0] == 0
    code, _, said = cardiosim("measure", "waves", out)
    assert (code, said.count("\n")) == (1, 1)
    assert 'nothing turns on a mesh of kind "cable"' in said


def test_of_a_slab_it_is_the_top():
    points = arrays_of(slab((4.0, 3.0, 1.0), 0.5))
    loops = loops_of(points)
    assert (loops.points[loops.nodes][..., 2] == 1.0).all()
    assert len(loops.nodes) == 8 * 6
    np.testing.assert_array_equal(loops.normals[:, 2], 1.0)
    flat = loops_of(arrays_of(sheet((4.0, 3.0), 0.5)), ring=True)
    assert flat.nodes.shape == (7 * 5, 8)


def test_wavelength_of_a_wave_on_a_cable(cardiosim, front, tmp_path):
    """0.5 m/s, above the level for 60 ms: 30 mm as a product and as it is seen."""
    short = tmp_path / "short"
    cardiosim("run", front, "--out", short, "--set", "time.end=1.0")
    folder = ResultsFolder.create(tmp_path / "wave")
    resolved = dict(open_results(short).resolved)
    resolved["record"] = resolved["record"] | {"activation_threshold": -40.0}
    folder.write_resolved(resolved)
    mesh = arrays_of(cable(100.0, 0.25))
    folder.write_mesh(mesh)
    x = mesh.points[:, 0]
    times = np.arange(0.0, 300.0, 0.5)

    def V(t):
        """Up at once, then by 90 % of 100 mV in 60 ms, to rest in 70."""
        since = t - x / 0.5
        fall = np.interp(since, [0.0, 60.0, 70.0], [20.0, -70.0, -80.0])
        return np.where(since >= 0.0, fall, -80.0)

    folder.write_activation([x / 0.5], threshold=-40.0)
    nodes = [100, 200, 300]
    potentials = np.array([V(t)[nodes] for t in times])
    folder.write_traces(
        "V", times, nodes, {"membrane.V": potentials}, {"membrane.V": "mV"}
    )
    with FieldWriter(folder.path, {"membrane.V": "mV"}) as writer:
        for t in times[::10]:
            writer.append(t, {"membrane.V": V(t)})
    folder.write_summary({})
    code, said, _ = cardiosim("measure", "wavelength", folder.path)
    assert code == 0
    value = {line.split()[0]: float(line.split()[1]) for line in said.splitlines()[1:]}
    assert value["wave_velocity"] == pytest.approx(0.5, rel=1e-9)
    # A sample of the traces is 0.5 ms, a step of the mesh 0.25 mm.
    assert value["wave_duration"] == pytest.approx(60.0, abs=0.5)
    assert value["wavelength"] == pytest.approx(30.0, abs=0.25)
    assert value["wavelength_seen"] == pytest.approx(30.0, abs=0.25)
    code, said, _ = cardiosim("measure", "wavelength", folder.path, "--erp", "100")
    assert "ERP, as it was given" in said
    assert float(said.splitlines()[3].split()[1]) == pytest.approx(50.0)
    code, _, said = cardiosim("measure", "wavelength", folder.path, "--beat", "2")
    assert (code, said.count("\n")) == (1, 1)
    assert "2" in said


def test_wavelength_of_a_spiral_is_that_of_its_arm(spiral):
    """It must fit between its arms, velocity times period, and take most of it."""
    numbers = wave_numbers(open_results(spiral), WaveOptions(begin=SETTLED))
    value = {name: entry["value"] for name, entry in numbers.items()}
    apart = value["wave_velocity"] * value["rotation_period"]
    assert 0.4 * apart < value["wavelength"] < apart


def test_a_cell_has_no_waves(cardiosim, cell, tmp_path):
    out = tmp_path / "out"
    assert cardiosim("run", cell, "--out", out)[0] == 0
    for verb in ("waves", "frequency", "wavelength"):
        code, _, said = cardiosim("measure", verb, out)
        assert (code, said.count("\n")) == (1, 1), verb


@pytest.mark.parametrize("size", [0.1, 1.4])
def test_a_wave_round_a_hole_has_no_tip_and_its_edge_a_charge(spiral, tmp_path, size):
    """V as of a wave that turns clockwise round a hole in the middle of a sheet."""
    folder = ResultsFolder.create(tmp_path / "ring")
    folder.write_resolved(open_results(spiral).resolved)
    whole = sheet((12.0, 12.0), 0.5)
    middles = whole.points[whole.blocks[0].nodes, :2].mean(axis=1)
    # One square is enough, all whose corners are still there.
    cut = np.abs(middles - [6.25, 6.25]).max(axis=1) < size
    mesh = arrays_of(with_holes(whole, cut))
    folder.write_mesh(mesh)
    points = mesh.points
    angle = np.arctan2(points[:, 1] - 6.2, points[:, 0] - 6.3)
    with FieldWriter(folder.path, {"membrane.V": "mV"}) as writer:
        for t in np.arange(0.0, 500.0, 5.0):
            V = -30.0 - 50.0 * np.cos(2.0 * np.pi * t / 120.0 + angle)
            writer.append(t, {"membrane.V": V})
    tips = find_tips(open_results(folder.path), WaveOptions(delay=30.0))
    assert not tips.trajectories
    np.testing.assert_array_equal(tips.edge_charges, [[-1, 1]] * len(tips.times))
    numbers = wave_numbers(open_results(folder.path))
    assert numbers["waves_round_holes_mean"]["value"] == 1.0
    assert numbers["rotors"]["value"] == 0.0
    with pytest.raises(ValueError, match="squares without holes"):
        find_tips(open_results(folder.path), WaveOptions(ring=True))
