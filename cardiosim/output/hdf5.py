"""HDF5 files that are never half written, and that readers do not lock.

HDF5 rewrites its own tables in place as a file grows; a process that is killed in the
middle of that leaves a file that does not open. So each file is written aside as a
whole, brought to the disk, and renamed: what has its name is complete.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from cardiosim.whole_file import whole_file


def open_hdf5(path: Path) -> h5py.File:
    """Open for reading, without a lock that would keep others from their work."""
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        # Within one process HDF5 wants the same choice each time a file is opened.
        if "locking flag" not in str(error):
            raise
        return h5py.File(path, "r")


@contextmanager
def replace_hdf5(path: Path, keep: bool = False) -> Iterator[h5py.File]:
    """Write a whole file at once: readers see the old one or the new one.

    Args:
        path: file to make or replace.
        keep: begin with what the old one holds.
    """
    keep = keep and path.exists()
    with whole_file(path) as partial:
        if keep:
            shutil.copyfile(path, partial)
        with h5py.File(partial, "a" if keep else "w", locking=False) as file:
            yield file


def add_dataset(group: h5py.Group, name: str, array: NDArray) -> None:
    """group.create_dataset(name, data=array), which takes three times as long."""
    space = h5py.h5s.create_simple(array.shape)
    kind = h5py.h5t.py_create(array.dtype)
    dataset = h5py.h5d.create(group.id, name.encode(), kind, space)
    dataset.write(space, space, np.ascontiguousarray(array))
