"""`cardiosim train` as a user meets it; trainings themselves: tests/experiments."""

import sys

import pytest

CASE = """
kind = "voltage_gates"
name = "mine"
gates = ["ikr.p"]
"""


@pytest.fixture
def training(tmp_path):
    """Folder with a training case."""
    folder = tmp_path / "training"
    folder.mkdir()
    (folder / "case.toml").write_text(CASE)
    return folder


def test_resume_leaves_a_folder_of_someone_else_alone(cardiosim, training, tmp_path):
    pytest.importorskip("torch")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "summary.json").write_text("theirs")
    code, _, err = cardiosim("train", training, "--resume", "--out", theirs)
    assert code == 1 and "choose another folder" in err
    assert [file.name for file in theirs.iterdir()] == ["summary.json"]
    assert (theirs / "summary.json").read_text() == "theirs"


def test_training_without_torch_is_told(cardiosim, training, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    code, _, err = cardiosim("train", training, "--out", tmp_path / "out")
    assert code == 1 and "training needs PyTorch" in err
    assert not (tmp_path / "out").exists()


def test_a_case_to_run_is_not_trained(cardiosim, front, tmp_path):
    code, _, err = cardiosim("train", front, "--out", tmp_path / "out")
    assert code == 1 and "not to train; use `cardiosim run`" in err
