"""A few iterations of the calcium step's training, from its case to its checkpoint."""

from pathlib import Path

import numpy as np
import pytest

from cardiosim.case.calcium_step_tables import PulseTable, RecordingTable
from cardiosim.case.read import CaseError
from cardiosim.case.training_file import read_training
from cardiosim.commands.training_pictures import draw_training
from cardiosim.experiments.calcium_recordings import record_cells, stimulus_rows, trains
from cardiosim.experiments.calcium_step_fit import decoded, encoded
from cardiosim.experiments.training import open_record, trainer_of
from cardiosim.ionic.compiled import compile_cell
from cardiosim.surrogates.calcium_step import LEARNED
from cardiosim.surrogates.checkpoint import load_surrogate, save_surrogate

CASE = Path(__file__).parents[2] / "cases" / "surrogates" / "calcium_step"
SHORT = [
    'stages=[{recordings=["rates"], iterations=2}]',
    "recordings.rates.before=[400.0,500.0]",
    "recordings.rates.settle=500.0",
    "recordings.rates.length=600.0",
    "assessment.settle=1000.0",
    "assessment.length=5000.0",
    "assessment.cycle_lengths=[500.0,400.0]",
    "assessment.shown=[400.0]",
    "assessment.basic=[400.0]",
    "assessment.premature=[300.0,350.0]",
    "assessment.long_beats=3",
    *(
        f'recordings.{name}={{kind="rates",before=[500.0],settle=0.0,length=1.0}}'
        for name in ("random", "onset", "blocks", "settled", "slow", "early")
    ),
]


def train(changes, folder=None, resume=False):
    case = read_training(CASE, [*SHORT, *changes])
    record = open_record(case, folder, resume)
    begin = lambda *_: lambda *_: None  # noqa: E731
    return trainer_of(case.kind)(case, record, begin), record


@pytest.mark.slow  # a minute; compiles a kernel with 45 numbers a node
def test_training_lowers_the_loss_and_goes_on_where_it_stopped(tmp_path):
    trained, record = train([], tmp_path)
    losses = record.curve["loss"]
    assert losses[1] < losses[0]
    again, _ = train([], tmp_path, resume=True)
    assert again.surrogate.numbers == trained.surrogate.numbers
    path = save_surrogate(trained.surrogate, tmp_path / "own", {})
    assert load_surrogate(path).numbers == trained.surrogate.numbers
    rates = trained.tables["rates"]
    assert np.isfinite(rates["rmse"].values).all()
    assert np.isfinite(rates["apd90"].values).all()
    draw_training("calcium_step", record.curve, trained, tmp_path)
    pictures = {path.name for path in tmp_path.glob("*.png")}
    assert pictures == {"training.png", "beats.png", "restitution.png"}


def test_shipped_step_is_that_of_its_case():
    shipped, case = load_surrogate("calcium_step"), read_training(CASE)
    assert shipped.kind == case.kind and set(case.start) == set(LEARNED)
    assert shipped.dt_range[1] == case.dt


def test_numbers_survive_their_encoding():
    case = read_training(CASE)
    found = decoded(encoded(case.start))
    for name, value in case.start.items():
        assert found[name] == pytest.approx(value, rel=1e-14), name


def test_trains_go_on_in_phase():
    # 1300 ms after a train of 400 ms began, its next pulse is 300 ms away.
    first, second = trains([400.0, 650.0], 1000.0, since=1300.0)
    assert first.tolist() == [300, 700] and second.tolist() == [0, 650]
    current = stimulus_rows([first], 1000.0, PulseTable())
    assert np.flatnonzero(current[:, 0]).tolist() == [300, 301, 700, 701]


@pytest.mark.parametrize("kind", ["random", "blocks"])
def test_recordings_are_those_of_their_seed(kind):
    cell = compile_cell("skibsbye2016", scheme="multirate")
    table = RecordingTable(
        kind=kind, before=(500.0,), settle=0.0, cells=2, longest=400.0, length=900.0
    )
    first, again, other = (
        record_cells(cell, table, PulseTable(), 0.1, 2.0, np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.V, again.V)
    assert (first.current != other.current).any()
    assert first.V.max() > 0.0  # they do beat


def test_an_unknown_recording_is_refused():
    with pytest.raises(CaseError, match="takes the recording rate;"):
        read_training(CASE, ['stages=[{recordings=["rate"], iterations=2}]'])
