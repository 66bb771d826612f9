"""The phase map shows the last turn of a rotating wave, or nothing."""

import numpy as np
import pytest

from cardiosim.commands import phase_picture
from cardiosim.commands.mesh_to_keep import arrays_of
from cardiosim.commands.phase_picture import NoPhaseMap, draw_phase_map
from cardiosim.commands.pictures import draw
from cardiosim.output import phase_plot
from cardiosim.output.fields import FieldWriter
from cardiosim.output.results import ResultsFolder, open_results
from cardiosim.tissue.mesh import sheet

CYCLE, END = 100.0, 400.0  # ms
SHEET = """
[mesh]
kind = "sheet"
size = [8.0, 6.0]
dx = 0.5
[tissue]
D = 0.1
[cell]
model = "nagumo"
[[stimulus]]
where = "x <= 1"
start = 0.0
duration = 0.2
amplitude = 100.0
[time]
dt = 0.02
end = 1.0
[record.snapshot]
interval = 0.5
[measure.phase_map]
"""


@pytest.fixture
def rotating(cardiosim, tmp_path):
    """Results of a wave that turns counter-clockwise about the middle of a sheet."""
    (tmp_path / "case.toml").write_text(SHEET)
    short = tmp_path / "short"
    code, _, said = cardiosim("run", tmp_path / "case.toml", "--out", short)
    assert code == 0
    assert not (short / "phase.png").exists(), "nothing turns in a millisecond"
    assert "warning: no phase map: no node was activated twice" in said
    folder = ResultsFolder.create(tmp_path / "rotating")
    folder.write_resolved(open_results(short).resolved)
    mesh = arrays_of(sheet((8.0, 6.0), 0.5))
    folder.write_mesh(mesh)
    x, y = mesh.points[:, 0] - 4.01, mesh.points[:, 1] - 3.01
    lag = np.arctan2(y, x) / (2.0 * np.pi) % 1.0
    folder.write_activation([(k + lag) * CYCLE for k in range(4)], threshold=50.0)
    with FieldWriter(folder.path, {"membrane.V": "mV"}) as writer:
        for t in np.arange(0.0, END + 1.0, 5.0):
            V = 50.0 + 50.0 * np.sin(2.0 * np.pi * (t / CYCLE - lag))
            writer.append(t, {"membrane.V": V})
    return open_results(folder.path)


def test_the_last_turn_is_drawn_by_quarters(rotating, monkeypatch):
    taken = {}
    real = phase_plot.phase_map

    def spy(mesh, times, V, phases, path, **style):
        taken.update(times=times, V=V, phases=phases, title=style["title"])
        return real(mesh, times, V, phases, path, **style)

    monkeypatch.setattr(phase_plot, "phase_map", spy)
    assert "phase.png" in draw(rotating)
    assert (rotating.path / "phase.png").stat().st_size > 10_000
    # V a fifth of the cycle later is that of the end; the quarters come before.
    np.testing.assert_allclose(taken["times"], [305.0, 330.0, 355.0, 380.0])
    assert "V* = 50 mV, V against V 20 ms later" in taken["title"]
    # A ring of nodes around the middle, counter-clockwise.
    ring = [rotating.mesh.grid.shape[0] * j + i for i, j in RING]
    for phases in taken["phases"]:
        steps = np.diff(phases[[*ring, ring[0]]])
        turns = np.sum((steps + np.pi) % (2.0 * np.pi) - np.pi) / (2.0 * np.pi)
        assert turns == pytest.approx(-1.0)


RING = (
    [(i, 4) for i in range(6, 11)]
    + [(10, j) for j in range(5, 9)]
    + [(i, 8) for i in range(9, 5, -1)]
    + [(6, j) for j in range(7, 4, -1)]
)


def test_without_snapshots_there_is_none(rotating):
    for block in rotating.path.glob("fields_*.h5"):
        block.unlink()
    with pytest.raises(NoPhaseMap, match="no snapshots"):
        draw_phase_map(rotating, "membrane.V")


@pytest.mark.parametrize(
    ("delay", "drawn"), [(1.0, True), (290.0, True), (350.0, False)]
)
def test_the_delay_may_be_short_and_not_too_long(rotating, delay, drawn):
    """Of less than half the 5 ms between snapshots, of the last turn, beyond it."""
    resolved = dict(rotating.resolved)
    resolved["time"] = resolved["time"] | {"end": END}
    resolved["record"]["snapshot"]["interval"] = 0.5
    resolved["measure"]["phase_map"] = {"delay": delay}
    ResultsFolder(rotating.path).write_resolved(resolved)
    said = []
    files = draw(open_results(rotating.path), said.append)
    assert ("phase.png" in files) == drawn
    assert bool(said) != drawn
    assert drawn or "run longer" in said[0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("measure.phase_map.delay=0.2", "at least the 0.5 ms from one snapshot"),
        ("measure.phase_map.delay=1.0", "less than the run of 1 ms"),
        ("record.snapshot.variables=['membrane.u']", "draws membrane.V"),
        ("record.snapshot.variables=[]", "record.snapshot.variables"),
        ("record.snapshot.variables=['membrane.V','membrane.V']", "came twice"),
    ],
)
def test_a_phase_map_that_cannot_be_is_told_before_the_run(
    cardiosim, tmp_path, change, says
):
    (tmp_path / "case.toml").write_text(SHEET)
    out = tmp_path / "out"
    code, _, said = cardiosim(
        "run", tmp_path / "case.toml", "--out", out, "--set", change
    )
    assert (code, said.count("\n")) == (1, 1)
    assert says in said
    assert not out.exists()


def test_a_fault_in_a_picture_ends_no_run(cardiosim, tmp_path, monkeypatch):
    def fail(*arguments, **style):
        raise IndexError("of a picture")

    monkeypatch.setattr(phase_picture, "_last_cycle", fail)
    (tmp_path / "case.toml").write_text(SHEET)
    out = tmp_path / "out"
    code, stdout, said = cardiosim("run", tmp_path / "case.toml", "--out", out)
    assert code == 0
    assert "warning: a picture was not drawn: IndexError: of a picture" in said
    assert f"results are in {out}" in stdout


def test_a_phase_map_needs_snapshots(cardiosim, tmp_path):
    head, tail = SHEET.split("[record.snapshot]\ninterval = 0.5\n")
    (tmp_path / "case.toml").write_text(head + tail)
    code, _, said = cardiosim("run", tmp_path / "case.toml", "--out", tmp_path / "out")
    assert code != 0
    assert "add [record.snapshot]" in said
