"""Every variable that a run records is in one of its pictures."""

import pytest

from cardiosim.output import plots


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
    current = CURRENT.replace("at = [1.0], ", "")
    sets = ["--set", 'record.trace.0={variables=["membrane.V"]}', "--set", current]
    assert cardiosim("run", cell, "--out", out, *sets)[0] == 0
    assert (out / "action_potential.png").is_file()
    assert panels == {"traces1.png": ["membrane.i_ion\n(A/F)"]}
