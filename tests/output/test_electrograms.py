import numpy as np
import pytest

from cardiosim.output.electrogram_plots import electrograms_figure
from cardiosim.output.electrograms import (
    FILE,
    Electrogram,
    read_electrograms,
    write_electrograms,
)
from cardiosim.output.triggered_plots import triggered_figure

TIMES = np.arange(0.0, 20.0, 0.5)


def electrogram(name="catheter", n=3):
    potentials = np.sin(TIMES[:, None] / 3.0 + np.arange(n))
    order = np.arange(n)
    return Electrogram(
        name,
        TIMES,
        potentials,
        np.stack([3.0 * order, 0.0 * order, 1.0 + 0.0 * order], axis=1),
        tuple(f"A{k + 1}" for k in order),
        np.stack([order[:-1], order[1:]], axis=1),
    )


def test_what_is_written_is_read(tmp_path):
    first, alone = electrogram(), electrogram("alone", n=1)
    write_electrograms(tmp_path, [first, alone])
    found = read_electrograms(tmp_path)
    assert list(found) == ["alone", "catheter"]
    for name in ("times", "potentials", "positions", "pairs"):
        assert np.array_equal(getattr(found["catheter"], name), getattr(first, name))
    assert found["catheter"].names == ("A1", "A2", "A3")
    assert found["alone"].bipolar.shape == (len(TIMES), 0)


def test_no_electrodes_no_file(tmp_path):
    write_electrograms(tmp_path, [])
    assert not (tmp_path / FILE).exists()
    assert read_electrograms(tmp_path) == {}


def test_bipolar_is_first_minus_second():
    e = electrogram()
    assert np.array_equal(e.bipolar[:, 1], e.potentials[:, 1] - e.potentials[:, 2])
    assert e.pair_names == ("A1-A2", "A2-A3")


def test_figure_draws_silent_and_missing_traces_too(tmp_path):
    e = electrogram()
    path = tmp_path / "few.png"
    marks = np.array([[3.0, np.nan, 5.0]])
    electrograms_figure(
        TIMES, 0.0 * e.potentials, e.names, path, bipolar=e.bipolar,
        pair_names=e.pair_names, activation=marks,
    )  # fmt: skip
    many = np.ones((len(TIMES), 60)) * np.sin(TIMES)[:, None]
    names = [str(k) for k in range(60)]
    electrograms_figure(TIMES, many, names, tmp_path / "many.png")
    assert path.stat().st_size > 3000
    with pytest.raises(ValueError, match="one name each"):
        electrograms_figure(TIMES, many, names[1:], tmp_path / "wrong.png")


def test_figure_of_afterdepolarisations_takes_what_there_is(tmp_path):
    V = np.linspace(-80.0, -70.0, len(TIMES))[:, None]
    triggered_figure(TIMES, V, ["node 4"], tmp_path / "none.png", marks={"EAD": []})
    events = [(0, 2.0, -79.0, 6.0, -77.0)]
    triggered_figure(TIMES, V, ["node 4"], tmp_path / "one.png", marks={"DAD": events})
    assert (tmp_path / "one.png").stat().st_size > 3000
    with pytest.raises(ValueError, match="one label a node"):
        triggered_figure(TIMES, V, [], tmp_path / "wrong.png", marks={})
