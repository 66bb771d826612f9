"""The record of a training on disk: its curve, its state, who may go on from it."""

import numpy as np
import pytest

from cardiosim.surrogates.training_record import TrainingRecord, has_state


def kept(folder, key="case", rows=2):
    record = TrainingRecord(folder, key)
    for k in range(rows):
        record.log(k + 1, loss=0.1 / (k + 1), rate=1e-3)
    tensors = {"w": np.arange(6.0).reshape(2, 3), "step": np.float32(7.0)}
    record.keep(tensors, {"iteration": rows, "best": float("inf"), "why": "begun"})
    return record


def test_a_state_comes_back_as_it_was(tmp_path):
    before = kept(tmp_path)
    after = TrainingRecord(tmp_path, "case", resume=True)
    assert after.is_resumed and not before.facts.keys() ^ after.facts.keys()
    assert after.facts == before.facts
    assert (
        after.curve
        == before.curve
        == {
            "iteration": [1.0, 2.0],
            "loss": [0.1, 0.05],
            "rate": [1e-3, 1e-3],
        }
    )
    for name, tensor in before.tensors.items():
        np.testing.assert_array_equal(after.tensors[name], tensor)
        assert after.tensors[name].shape == tensor.shape  # () stays ()
        assert after.tensors[name].dtype == tensor.dtype


def test_without_resume_it_begins_anew(tmp_path):
    kept(tmp_path)
    anew = TrainingRecord(tmp_path, "case")
    assert not anew.is_resumed and not anew.curve
    assert not (tmp_path / "training.csv").exists()


def test_there_may_be_nothing_to_go_on_from(tmp_path):
    assert not has_state(tmp_path)
    assert not TrainingRecord(tmp_path / "new", "case", resume=True).is_resumed
    nowhere = kept(None)
    assert nowhere.facts["iteration"] == 2


def test_the_state_of_another_case_is_refused(tmp_path):
    kept(tmp_path)
    assert has_state(tmp_path)
    with pytest.raises(ValueError, match="holds the state of another training case"):
        TrainingRecord(tmp_path, "another", resume=True)


def test_a_damaged_state_is_told_in_one_line(tmp_path):
    kept(tmp_path)
    (tmp_path / "state.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(ValueError, match="cannot be read .*start anew") as error:
        TrainingRecord(tmp_path, "case", resume=True)
    assert "\n" not in str(error.value)


def test_a_curve_that_is_ahead_of_the_state_is_cut(tmp_path):
    # Killed between the two files: the curve has a row that the state knows nothing of.
    kept(tmp_path)
    with open(tmp_path / "training.csv", "a") as file:
        file.write("3,0.01,0.001\n")
    record = TrainingRecord(tmp_path, "case", resume=True)
    assert record.curve["iteration"] == [1.0, 2.0]


def test_rows_have_the_same_names(tmp_path):
    record = kept(tmp_path)
    with pytest.raises(ValueError, match="a row of iteration, error came to a curve"):
        record.log(3, error=0.1)


def test_the_time_of_earlier_sittings_counts(tmp_path, monkeypatch):
    clock = iter((0.0, 100.0, 5.0, 8.0))  # opened, kept; opened again, asked
    monkeypatch.setattr(
        "cardiosim.surrogates.training_record.perf_counter", lambda: next(clock)
    )
    first = TrainingRecord(tmp_path, "case")
    first.log(1, loss=1.0)
    first.keep({}, {"iteration": 1})
    assert TrainingRecord(tmp_path, "case", resume=True).seconds == 103.0
