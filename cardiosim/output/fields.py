"""Snapshots of whole fields: HDF5 for the numbers, XDMF for ParaView.

    mesh.h5           points, elements, regions, fibres (mesh_arrays.py)
    fields_0000.h5    first block of steps: `times` (n_steps,), and for each variable
                      a group `values/<variable>` with its `unit` and one dataset
                      (n_nodes,) a step, named by the step's number in the run
    fields_0001.h5    the next block, and so on
    fields.xdmf       index: lists the steps and points into the HDF5 files

Why one dataset a step: ParaView 5.11 has an XDMF2 and an XDMF3 reader, opens with
XDMF3 unless told, and only XDMF2 understands slices of a larger dataset (HyperSlab);
in XDMF3 the variables are then missing without an error.

Why blocks: a run may be killed at any moment, and HDF5 rewrites its own tables in
place as a file grows, so that a kill in the middle of that leaves a file that does
not open. Therefore no file is ever changed; each is written aside as a whole and
renamed (hdf5.py). The last block is written anew, with the steps since, every half
second of wall time, until it is full; the index is replaced after it and so names
only what is there. A run that is killed loses that half second, and there is one file
for some hundred steps or 16 MiB.

No lock is taken and no file stays open, so that ParaView can read while the run
writes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.output.documents import replace_text
from cardiosim.output.hdf5 import add_dataset, open_hdf5, replace_hdf5
from cardiosim.output.mesh_arrays import FILE, MeshArrays, read_mesh_file
from cardiosim.output.xdmf import HEAD, TAIL, index_of_mesh, node_attribute

WRITE_INTERVAL = 0.5  # s of wall time between replacements of the files
# Slow disks and long indices: writing may take this share of the wall time.
WRITE_SHARE = 0.05
# A block is full with this many bytes or datasets; small, as it is written anew.
BLOCK_BYTES = 2**24
BLOCK_DATASETS = 512

COLLECTION = '<Grid Name="fields" GridType="Collection" CollectionType="Temporal">'


class FieldWriter:
    """Appends snapshots to blocks and keeps fields.xdmf in step with them."""

    def __init__(self, folder: str | Path, units: Mapping[str, str]) -> None:
        """Remove earlier snapshots.

        Args:
            folder: holds the mesh already (`write_mesh_file`).
            units: variable name -> unit, for every variable to be appended.

        Raises:
            FileNotFoundError: the folder holds no mesh.
        """
        self.units = dict(units)
        self._folder = Path(folder)
        if not (self._folder / FILE).is_file():
            raise FileNotFoundError(
                f"{self._folder / FILE} does not exist; write the mesh before its "
                "fields"
            )
        with open_hdf5(self._folder / FILE) as file:
            self.n_nodes = len(file["points"])
        # An index of earlier results would name steps that are not there yet.
        (self._folder / "fields.xdmf").unlink(missing_ok=True)
        for block in _blocks(self._folder):
            block.unlink()
        self._mesh_index = index_of_mesh(self._folder)
        self._variables: tuple[str, ...] = ()
        self._steps: list[tuple[str, str]] = []  # entries of the index: time, values
        self._n_indexed = 0
        self._n_full = 0  # blocks that will not change any more
        self._block: list[tuple[float, dict[str, NDArray]]] = []
        self._block_bytes = 0
        self._next_write = -np.inf
        self._is_open = True

    def append(self, t: float, values: Mapping[str, ArrayLike]) -> None:
        """Add one snapshot: variable name -> shape (n_nodes,), at t ms.

        Every snapshot holds the same variables as the first one. It is copied, and
        on the disk within half a second of wall time if more follow or on `close`.
        """
        arrays = {name: np.array(array) for name, array in values.items()}
        self._check(arrays)
        step = _index_step(float(t), self._n_full, len(self._steps), arrays)
        self._variables = tuple(arrays)
        self._steps.append(step)
        self._block.append((float(t), arrays))
        self._block_bytes += sum(array.nbytes for array in arrays.values())
        is_full = (
            self._block_bytes >= BLOCK_BYTES
            or len(self._block) * len(arrays) >= BLOCK_DATASETS
        )
        began = time.monotonic()
        is_due = began >= self._next_write
        if is_full or is_due:
            self._write_block()
        if is_full:
            self._n_full += 1
            self._block, self._block_bytes = [], 0
        if is_due:
            self._write_index()
            now = time.monotonic()
            pause = max(WRITE_INTERVAL, (now - began) / WRITE_SHARE)
            self._next_write = now + pause

    def close(self) -> None:
        """Write what is still in memory; may be called again."""
        if self._is_open and self._n_indexed < len(self._steps):
            self._write_block()
            self._write_index()
        self._is_open = False

    def __enter__(self) -> FieldWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _check(self, arrays: Mapping[str, NDArray]) -> None:
        if not self._is_open:
            raise ValueError("these fields are closed; append before close()")
        expected = set(self._variables) or set(arrays)
        if not arrays or set(arrays) != expected:
            raise ValueError(
                f"snapshot holds {sorted(arrays)}; expected the variables of the "
                f"first one, {sorted(expected)}, in every snapshot"
            )
        for name, array in arrays.items():
            if array.shape != (self.n_nodes,):
                raise ValueError(
                    f"{name} has shape {array.shape}; expected one value a node, "
                    f"({self.n_nodes},)"
                )
            if name not in self.units:
                raise ValueError(
                    f"no unit was given for {name}; units are known for "
                    f"{', '.join(self.units) or 'none'}"
                )

    def _write_block(self) -> None:
        """The block that is being filled, as a whole."""
        if not self._block:
            return
        first = len(self._steps) - len(self._block)
        with replace_hdf5(self._folder / _block_name(self._n_full)) as file:
            times = file.create_dataset("times", data=[t for t, _ in self._block])
            times.attrs["unit"] = "ms"
            for name in self._variables:
                group = file.create_group(f"values/{name}")
                group.attrs["unit"] = self.units[name]
                for step, (_, arrays) in enumerate(self._block, start=first):
                    add_dataset(group, _step_name(step), arrays[name])

    def _write_index(self) -> None:
        steps = [
            f"{time}\n{self._mesh_index}\n{values}</Grid>"
            for time, values in self._steps
        ]
        replace_text(
            self._folder / "fields.xdmf",
            "\n".join([HEAD, COLLECTION, *steps, "</Grid>", TAIL]),
        )
        self._n_indexed = len(self._steps)


@dataclass(frozen=True, eq=False)
class FieldSeries:
    """The snapshots of a run on the disk, to be read one at a time.

    Attributes:
        times: ms, shape (n_times,).
        units: variable -> unit.
        n_nodes: number of nodes.
    """

    times: NDArray
    units: Mapping[str, str]
    n_nodes: int
    _blocks: tuple[tuple[Path, int], ...]  # files, and the first step in each

    def __iter__(self) -> Iterator[tuple[float, dict[str, NDArray]]]:
        """Time, ms, and variable -> (n_nodes,), of step after step."""
        return self.steps()

    def steps(
        self, names: Sequence[str] | None = None, which: Sequence[int] | None = None
    ) -> Iterator[tuple[float, dict[str, NDArray]]]:
        """Time, ms, and variable -> (n_nodes,), of step after step.

        Args:
            names: variables to read; all of them by default.
            which: increasing numbers of the steps to read; all by default.
        """
        names = tuple(self.units) if names is None else self.check(names)
        wanted = range(len(self.times)) if which is None else which
        ends = [first for _, first in self._blocks[1:]] + [len(self.times)]
        for (path, first), end in zip(self._blocks, ends, strict=True):
            inside = [step for step in wanted if first <= step < end]
            if not inside:
                continue
            with open_hdf5(path) as file:
                for step in inside:
                    yield float(self.times[step]), _values(file, names, step)

    def check(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the names; ValueError for one that was not recorded."""
        missing = [name for name in names if name not in self.units]
        if missing:
            raise ValueError(
                f"the snapshots hold no {', '.join(missing)}; they hold "
                f"{', '.join(self.units) or 'nothing'}"
            )
        return tuple(names)

    def nearest(self, t: float) -> int:
        """Number of the step nearest to t, ms."""
        return int(np.abs(self.times - t).argmin())


@dataclass(frozen=True)
class Fields:
    """The snapshots of a run."""

    times: NDArray  # ms, (n_times,)
    values: Mapping[str, NDArray]  # variable -> (n_times, n_nodes)
    units: Mapping[str, str]  # variable -> unit
    mesh: MeshArrays


def has_fields(folder: str | Path) -> bool:
    """Whether a folder holds snapshots."""
    return bool(_blocks(Path(folder)))


def open_fields(folder: str | Path) -> FieldSeries:
    """Look through the snapshots of a run; those that come later are left out.

    Raises:
        FileNotFoundError: there are none.
    """
    folder = Path(folder)
    if not has_fields(folder):
        raise FileNotFoundError(
            f"{folder} holds no snapshots; the run recorded none (ask for some with "
            "[record.snapshot] in its case), or was stopped before the first"
        )
    times: list[NDArray] = []
    blocks = []
    for path in _blocks(folder):
        with open_hdf5(path) as file:
            blocks.append((path, sum(map(len, times))))
            times.append(file["times"][:])
            units = {
                name: str(group.attrs["unit"]) for name, group in file["values"].items()
            }
    with open_hdf5(folder / FILE) as file:
        n_nodes = len(file["points"])
    return FieldSeries(np.concatenate(times), units, n_nodes, tuple(blocks))


def read_fields(folder: str | Path) -> Fields:
    """Read the snapshots of a run that has finished, is going on or was killed.

    All of them into memory; `open_fields` reads them one at a time.

    Raises:
        FileNotFoundError: there are none.
    """
    series = open_fields(folder)
    steps = [values for _, values in series]
    return Fields(
        times=series.times,
        values={name: np.stack([s[name] for s in steps]) for name in series.units},
        units=series.units,
        mesh=read_mesh_file(Path(folder)),
    )


def _values(file: h5py.File, names: Sequence[str], step: int) -> dict[str, NDArray]:
    return {name: file["values"][name][_step_name(step)][:] for name in names}


def _blocks(folder: Path) -> list[Path]:
    """Blocks of steps in a folder, in order."""
    blocks = (re.fullmatch(r"fields_(\d+)\.h5", path.name) for path in folder.iterdir())
    numbers = sorted(int(block[1]) for block in blocks if block)
    return [folder / _block_name(number) for number in numbers]


def _block_name(number: int) -> str:
    return f"fields_{number:04d}.h5"


def _step_name(step: int) -> str:
    return f"{step:06d}"


def _index_step(
    t: float, block: int, step: int, arrays: Mapping[str, NDArray]
) -> tuple[str, str]:
    """Time and values of a step, which are in a block under its number in the run."""
    return f'<Grid Name="mesh" GridType="Uniform"><Time Value="{t!r}"/>', "\n".join(
        node_attribute(
            name,
            _block_name(block),
            f"values/{name}/{_step_name(step)}",
            array.shape,
            array.dtype,
        )
        for name, array in arrays.items()
    )
