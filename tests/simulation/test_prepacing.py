import numpy as np
import pytest

from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.prepacing import prepaced_state, prepaced_states
from cardiosim.simulation.run import march
from cardiosim.tissue.mesh import point
from cardiosim.tissue.stimulus import Stimulus

PROTOCOL = dict(bcl=50.0, beats=3, amplitude=40.0, duration=2.0, dt=0.05)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CARDIOSIM_CACHE", str(tmp_path))
    return tmp_path / "states"


def test_state_is_that_after_the_last_beat(cubic_cell):
    stimuli = (Stimulus([0], 0.0, 2.0, 40.0, period=50.0),)
    problem = Monodomain(point(), cubic_cell(), stimuli=stimuli)
    march(problem, 0.05, 150.0)
    state = prepaced_state(cubic_cell(), **PROTOCOL)
    np.testing.assert_array_equal(state, problem.states[:, 0])


def test_second_call_reads_the_cache(cubic_cell, cache):
    first = prepaced_state(cubic_cell(), **PROTOCOL)
    again = cubic_cell()
    second = prepaced_state(again, **(PROTOCOL | {"bcl": 50}))  # 50 is 50.0
    np.testing.assert_array_equal(first, second)
    assert again.calls == []
    assert len(list(cache.iterdir())) == 1  # and no temporary file


@pytest.mark.parametrize(
    "change", [{"beats": 4}, {"dt": 0.1}, {"amplitude": 41.0}, {"duration": 1.0}]
)
def test_another_protocol_is_another_state(cubic_cell, change):
    prepaced_state(cubic_cell(), **PROTOCOL)
    other = cubic_cell()
    prepaced_state(other, **(PROTOCOL | change))
    assert other.calls


def test_another_cell_is_another_state(cubic_cell):
    prepaced_state(cubic_cell(), **PROTOCOL)
    other = cubic_cell(fingerprint="cubic 2")
    prepaced_state(other, **PROTOCOL)
    assert other.calls


def test_damaged_cache_is_paced_again(cubic_cell, cache, caplog):
    expected = prepaced_state(cubic_cell(), **PROTOCOL)
    (stored,) = cache.iterdir()
    stored.write_bytes(stored.read_bytes()[:100])
    again = cubic_cell()
    np.testing.assert_array_equal(prepaced_state(again, **PROTOCOL), expected)
    assert again.calls
    assert "pacing again" in caplog.text


def test_cache_that_cannot_be_written_is_no_error(cubic_cell, cache, caplog):
    cache.write_text("a file where the folder should be")
    state = prepaced_state(cubic_cell(), **PROTOCOL)
    assert np.isfinite(state).all()
    assert "not cached" in caplog.text


def test_failed_write_leaves_nothing_behind(cubic_cell, cache, monkeypatch):
    def full_disk(*paths):
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", full_disk)
    prepaced_state(cubic_cell(), **PROTOCOL)
    assert list(cache.iterdir()) == []


def test_beats_must_be_positive(cubic_cell):
    with pytest.raises(ValueError, match="one or more"):
        prepaced_state(cubic_cell(), **(PROTOCOL | {"beats": 0}))


@pytest.fixture
def gains():
    """Cells of three gains, told apart by their fingerprint as compiled ones are."""
    from tests.simulation.conftest import CubicCell

    class Gains(CubicCell):
        def __init__(self, gain, calls=None):
            prints = ",".join(map(str, np.atleast_1d(gain)))
            calls = [] if calls is None else calls
            super().__init__(np.asarray(gain), fingerprint=prints, calls=calls)

        def at(self, nodes):
            return Gains(np.atleast_1d(self.gain)[nodes], calls=self.calls)

    return Gains


def test_cells_are_paced_together_and_kept_apart(gains, cache):
    cell = gains(np.array([1.0, 1.5, 0.5]))
    together = prepaced_states(cell, 3, **PROTOCOL)
    assert {n_nodes for n_nodes, _, _ in cell.calls} == {3}
    assert len(list(cache.iterdir())) == 3
    for node, gain in enumerate((1.0, 1.5, 0.5)):
        alone = gains(np.array([gain]))
        np.testing.assert_array_equal(
            prepaced_state(alone, **PROTOCOL), together[:, node]
        )
        assert alone.calls == []


def test_only_cells_that_are_not_in_the_cache_are_paced(gains):
    prepaced_state(gains(np.array([1.5])), **PROTOCOL)
    cell = gains(np.array([1.0, 1.5, 0.5]))
    together = prepaced_states(cell, 3, **PROTOCOL)
    assert {n_nodes for n_nodes, _, _ in cell.calls} == {2}
    again = prepaced_states(gains(np.array([1.0])), 1, **PROTOCOL)
    np.testing.assert_array_equal(again[:, 0], together[:, 0])
