import h5py
import numpy as np
import pytest

from cardiosim.output.hdf5 import add_dataset, open_hdf5, replace_hdf5


def write(path, value, keep=False):
    with replace_hdf5(path, keep) as file:
        add_dataset(file, f"a{value}", np.full((2, 3), value, dtype=np.float32))


def test_file_is_replaced_or_continued(tmp_path):
    path = tmp_path / "a.h5"
    write(path, 1, keep=True)
    write(path, 2, keep=True)
    with open_hdf5(path) as file:
        assert set(file) == {"a1", "a2"}
        assert file["a2"].dtype == np.float32
        np.testing.assert_array_equal(file["a2"], np.full((2, 3), 2.0))
    write(path, 3)
    with open_hdf5(path) as file:
        assert set(file) == {"a3"}


def test_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.h5"
    write(path, 1)
    with pytest.raises(RuntimeError), replace_hdf5(path):
        raise RuntimeError
    with open_hdf5(path) as file:
        assert set(file) == {"a1"}


def test_values_in_another_order_in_memory(tmp_path):
    table = np.arange(12.0).reshape(3, 4)
    with replace_hdf5(tmp_path / "a.h5") as file:
        add_dataset(file, "columns", table.T)
        add_dataset(file, "second", table[:, 1])
    with open_hdf5(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["columns"], table.T)
        np.testing.assert_array_equal(file["second"], table[:, 1])


@pytest.mark.parametrize("held", [{}, {"locking": False}])
def test_file_opens_again_in_the_same_process(tmp_path, held):
    path = tmp_path / "a.h5"
    write(path, 1)
    with h5py.File(path, "r", **held), open_hdf5(path) as file:
        assert set(file) == {"a1"}


def test_file_that_is_broken_says_so(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"no HDF5")
    with pytest.raises(OSError, match="signature"):
        open_hdf5(tmp_path / "a.h5")
