"""Every variable that a run records is in one of its pictures."""

from types import SimpleNamespace

import numpy as np
import pytest

from cardiosim.commands import pictures
from cardiosim.commands.mesh_to_keep import arrays_of
from cardiosim.commands.pictures import draw
from cardiosim.output import cell_plots, plots
from cardiosim.output.fields import FieldWriter
from cardiosim.output.results import ResultsFolder, open_results
from cardiosim.tissue.mesh import sheet as tissue_sheet
from cardiosim.tissue.mesh import with_holes


@pytest.fixture
def panels(monkeypatch):
    """File name -> what stands beside the panels of each figure of traces."""
    drawn = {}
    draw = plots.traces_figure

    def traces_figure(times, panels, labels, path, **style):
        drawn[path.name] = list(panels)
        draw(times, panels, labels, path, **style)

    monkeypatch.setattr(plots, "traces_figure", traces_figure)
    return drawn


CURRENT = 'record.trace.1={at = [1.0], variables = ["membrane.i_ion"]}'


def test_traces_of_a_cable_have_a_panel_a_variable(cardiosim, front, tmp_path, panels):
    first = 'record.trace.0={at = [1.0, 2.0], variables = ["membrane.u", "membrane.V"]}'
    out = tmp_path / "out"
    sets = ["--set", first, "--set", CURRENT]
    assert cardiosim("run", front, "--out", out, *sets)[0] == 0
    assert panels == {
        "traces.png": ["membrane.V\n(mV)", "membrane.u"],
        "traces1.png": ["membrane.i_ion\n(A/F)"],
    }
    assert all((out / name).is_file() for name in panels)


def test_v_of_one_cell_alone_is_in_the_figure_of_its_action_potential(
    cardiosim, cell, tmp_path, panels
):
    out = tmp_path / "out"
    other = CURRENT.replace("at = [1.0], ", "").replace("i_ion", "u")
    sets = ["--set", 'record.trace.0={variables=["membrane.V"]}', "--set", other]
    assert cardiosim("run", cell, "--out", out, *sets)[0] == 0
    assert (out / "action_potential.png").is_file()
    assert panels == {"traces1.png": ["membrane.u"]}


def test_of_many_nodes_some_are_drawn(cardiosim, front, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        plots, "traces_figure", lambda *arguments, **style: drawn.append(arguments)
    )
    everywhere = 'record.trace.0={where = "all", interval = 0.2}'
    assert (
        cardiosim("run", front, "--out", tmp_path / "out", "--set", everywhere)[0] == 0
    )
    ((times, panels, labels, _),) = drawn
    assert len(labels) == 12
    assert (labels[0], labels[-1]) == ("x = 0 mm", "x = 5 mm")
    assert all(values.shape == (len(times), 12) for values in panels.values())


PACED_CELL = """
title = "a cell of two currents"
[mesh]
kind = "point"
[cell]
model = "mitchell_schaeffer2003"
[[stimulus]]
start = 5.0
duration = 2.0
amplitude = 20.0
period = 400.0
[time]
dt = 0.05
end = 800.0
[[record.trace]]
variables = [
    "membrane.V", "inward.i_in", "outward.i_out", "inward.h", "inward.v_gate"
]
interval = 0.5
"""


def test_currents_and_gates_of_a_cell_have_their_own_figures(
    cardiosim, tmp_path, panels, monkeypatch
):
    drawn = {}
    for kind in ("currents", "gates"):
        figure = getattr(cell_plots, f"{kind}_figure")

        def spy(times, values, path, *, kind=kind, figure=figure, **style):
            drawn[kind] = (list(values), path.name, style["start"])
            figure(times, values, path, **style)

        monkeypatch.setattr(cell_plots, f"{kind}_figure", spy)
    case, out = tmp_path / "case.toml", tmp_path / "out"
    case.write_text(PACED_CELL)
    assert cardiosim("run", case, "--out", out)[0] == 0
    # of the last beat
    assert drawn == {
        "currents": (["inward.i_in", "outward.i_out"], "currents.png", 405.0),
        "gates": (["inward.h"], "gates.png", 405.0),
    }
    # What is left over, and V of all beats.
    assert panels == {"traces.png": ["membrane.V\n(mV)", "inward.v_gate"]}
    names = {path.name for path in out.glob("*.png")}
    assert names == {"currents.png", "gates.png", "traces.png", "action_potential.png"}


def test_tissue_of_two_dimensions_has_maps(cardiosim, front, tmp_path):
    # The case of a cable says what the cell is; the mesh and the wave are made here.
    cable = tmp_path / "cable"
    assert cardiosim("run", front, "--out", cable)[0] == 0
    sheet = ResultsFolder.create(tmp_path / "sheet")
    sheet.write_resolved(open_results(cable).resolved)
    mesh = arrays_of(with_holes(tissue_sheet((6.0, 4.0), 0.5), np.arange(96) == 40))
    sheet.write_mesh(mesh)
    lat = 5.0 * mesh.points[:, 0]
    sheet.write_activation([np.full_like(lat, np.nan), lat], threshold=50.0)
    with FieldWriter(sheet.path, {"membrane.V": "mV"}) as writer:
        for t in np.arange(0.0, 61.0, 2.0):
            writer.append(t, {"membrane.V": np.where(lat < t, 100.0, 0.0)})
    drawn = draw(open_results(sheet.path))
    assert drawn == ["activation.png", "frames.png"]
    assert all((sheet.path / name).stat().st_size > 10_000 for name in drawn)


def test_frames_are_taken_while_something_activates(tmp_path, monkeypatch):
    from cardiosim.output import maps

    taken = []
    monkeypatch.setattr(
        maps,
        "potential_frames",
        lambda mesh, times, *rest, **style: taken.append(times),
    )
    results = ResultsFolder.create(tmp_path / "sheet")
    cell = {"membrane_potential": "V"}
    results.write_resolved({"provenance": {"cell": cell}})
    mesh = arrays_of(tissue_sheet((2.0, 1.0), 1.0))
    results.write_mesh(mesh)
    results.write_activation([[20.0, 70.0, 30.0, 30.0, 40.0, np.nan]], threshold=0.0)
    with FieldWriter(results.path, {"V": "mV"}) as writer:
        for t in np.arange(0.0, 500.0, 5.0):
            writer.append(t, {"V": np.zeros(6)})
    monkeypatch.setattr(pictures, "case_of", lambda results: SimpleNamespace(title=""))
    pictures._draw_frames(open_results(results.path), "V", results.path)
    assert taken == [[20.0, 30.0, 40.0, 50.0, 60.0, 70.0]]
