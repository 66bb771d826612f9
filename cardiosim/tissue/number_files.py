"""Arrays of plain numbers from files that belong to a mesh: fibres, fields.

.npy and .npz as NumPy writes them (never pickled objects); .csv with commas, .lon, .txt
and .dat with blanks. Lines that begin with # are comments, and one line of column names
may open a .csv file.
"""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SUFFIXES = (".npy", ".npz", ".csv", ".txt", ".dat", ".lon")


def read_numbers(path: str | Path, name: str) -> NDArray[np.float64]:
    """Numbers of a file.

    Args:
        path: one of SUFFIXES.
        name: array to take from an .npz that holds several.

    Returns:
        One row a line, shape (n_rows,) or (n_rows, n_columns).

    Raises:
        ValueError: no such file, another suffix, or something else than numbers.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(
            f'{path} ends in "{path.suffix}"; expected one of {", ".join(SUFFIXES)}'
        )
    try:
        values = np.asarray(_read(path, name), dtype=np.float64)
    except FileNotFoundError:
        raise ValueError(f"{path} is no file; expected {name} in it") from None
    except IsADirectoryError:
        raise ValueError(f"{path} is a folder; expected {name} in a file") from None
    except (TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} does not hold numbers: {error}") from None
    if not values.size:
        raise ValueError(f"{path} is empty; expected {name} in it")
    if not np.isfinite(values).all():
        first = int(np.argwhere(~np.isfinite(values))[0, 0])
        raise ValueError(f"{path} is not finite in row {first}; expected numbers only")
    return values


def _read(path: Path, name: str) -> NDArray:
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return np.load(path, allow_pickle=False)
    if suffix == ".npz":
        return _from_archive(path, name)
    if suffix == ".lon":
        return _from_lon(path)
    separator = "," if suffix == ".csv" else None
    with path.open(encoding="utf-8") as file:
        names = suffix == ".csv" and not _is_number(file.readline().split(",")[0])
    return _table(path, delimiter=separator, skiprows=int(names))


def _from_archive(path: Path, name: str) -> NDArray:
    with np.load(path, allow_pickle=False) as archive:
        if name in archive.files:
            return archive[name]
        if len(archive.files) == 1:
            return archive[archive.files[0]]
        raise ValueError(
            f'it holds {", ".join(archive.files) or "nothing"}; expected "{name}"'
        )


def _from_lon(path: Path) -> NDArray:
    """Rows behind the first line, which counts the vectors of a row: 1 or 2."""
    with path.open(encoding="utf-8") as file:
        first = file.readline().split()
    n_vectors = {("1",): 1, ("2",): 2}.get(tuple(first))
    if n_vectors is None:
        raise ValueError(
            f'its first line is "{" ".join(first[:6])}"; expected 1 (fibres) or '
            "2 (fibres and sheets)"
        )
    values = _table(path, skiprows=1, ndmin=2)
    if values.size and values.shape[1] != 3 * n_vectors:
        raise ValueError(
            f"it has {values.shape[1]} columns; expected {3 * n_vectors}, as its "
            "first line says"
        )
    return values


def _table(path: Path, **options) -> NDArray:
    """What NumPy reads, and nothing else: an empty file is found by who asked."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "loadtxt: input contained no data")
        return np.loadtxt(path, **options)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text.lstrip().startswith("#")  # a comment, which the reader knows
    return True
