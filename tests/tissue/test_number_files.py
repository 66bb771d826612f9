import pytest

from cardiosim.tissue.number_files import read_numbers


@pytest.mark.parametrize("suffix", [".npy", ".csv", ".txt", ".lon"])
def test_a_folder_is_no_file(tmp_path, suffix):
    folder = tmp_path / f"a{suffix}"
    folder.mkdir()
    with pytest.raises(ValueError, match=r"is a folder; expected field in a file"):
        read_numbers(folder, "field")


@pytest.mark.parametrize("name, text", [("a.csv", ""), ("a.txt", "#"), ("a.lon", "1")])
def test_an_empty_file_is_said_to_be_empty_and_nothing_else(
    tmp_path, recwarn, name, text
):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match="is empty; expected field in it"):
        read_numbers(tmp_path / name, "field")
    assert len(recwarn) == 0
