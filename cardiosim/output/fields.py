"""Snapshots of whole fields: HDF5 for the numbers, XDMF for ParaView.

    fields.h5         `mesh/points`, `mesh/elements`
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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.output.documents import replace_text
from cardiosim.output.hdf5 import add_dataset, open_hdf5, replace_hdf5

WRITE_INTERVAL = 0.5  # s of wall time between replacements of the files
# Slow disks and long indices: writing may take this share of the wall time.
WRITE_SHARE = 0.05
# A block is full with this many bytes or datasets; small, as it is written anew.
BLOCK_BYTES = 2**24
BLOCK_DATASETS = 512

# XDMF name of the element with this many vertices.
TOPOLOGIES = {1: "Polyvertex", 2: "Polyline", 3: "Triangle", 4: "Tetrahedron"}

INDEX_HEAD = """<?xml version="1.0"?>
<Xdmf Version="3.0"><Domain>
<Grid Name="fields" GridType="Collection" CollectionType="Temporal">"""
INDEX_TAIL = "</Grid></Domain></Xdmf>\n"


class FieldWriter:
    """Appends snapshots to blocks and keeps fields.xdmf in step with them."""

    def __init__(
        self,
        folder: str | Path,
        mesh_points: ArrayLike,
        elements: ArrayLike,
        units: Mapping[str, str],
    ) -> None:
        """Write the mesh, and remove earlier snapshots.

        Args:
            folder: existing folder.
            mesh_points: mm, shape (n_nodes, 3).
            elements: node indices, shape (n_elements, n_vertices): points (1),
                lines (2), triangles (3) or tetrahedra (4).
            units: variable name -> unit, for every variable to be appended.
        """
        points = np.asarray(mesh_points, dtype=float)
        elements = np.asarray(elements, dtype=np.int64)
        if points.ndim != 2 or points.shape[1] != 3:
            raise ValueError(
                f"mesh points have shape {points.shape}; expected (n_nodes, 3)"
            )
        if elements.ndim != 2 or elements.shape[1] not in TOPOLOGIES:
            raise ValueError(
                f"elements have shape {elements.shape}; expected (n_elements, "
                f"n_vertices) with {', '.join(map(str, TOPOLOGIES))} vertices"
            )
        self.units = dict(units)
        self.n_nodes = len(points)
        self._folder = Path(folder)
        # An index of earlier results would name steps that are not there yet.
        (self._folder / "fields.xdmf").unlink(missing_ok=True)
        for block in _blocks(self._folder):
            block.unlink()
        _write_mesh(self._folder / "fields.h5", points, elements)
        self._mesh_index = _index_mesh(points, elements)
        self._variables: tuple[str, ...] = ()
        self._steps: list[str] = []  # entries of the index
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
        step = _index_step(
            float(t), self._mesh_index, self._n_full, len(self._steps), arrays
        )
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
        replace_text(
            self._folder / "fields.xdmf",
            "\n".join([INDEX_HEAD, *self._steps, INDEX_TAIL]),
        )
        self._n_indexed = len(self._steps)


@dataclass(frozen=True)
class Fields:
    """The snapshots of a run."""

    times: NDArray  # ms, (n_times,)
    values: Mapping[str, NDArray]  # variable -> (n_times, n_nodes)
    units: Mapping[str, str]  # variable -> unit
    mesh_points: NDArray  # mm, (n_nodes, 3)
    mesh_elements: NDArray  # (n_elements, n_vertices)


def read_fields(folder: str | Path) -> Fields:
    """Read the snapshots of a run that has finished, is going on or was killed."""
    folder = Path(folder)
    if not (folder / "fields.h5").is_file():
        raise FileNotFoundError(
            f"{folder / 'fields.h5'} does not exist; the run recorded no snapshots: "
            "ask for some in its case"
        )
    with open_hdf5(folder / "fields.h5") as file:
        points, elements = file["mesh/points"][:], file["mesh/elements"][:]
    times: list[NDArray] = [np.empty(0)]
    values: dict[str, list[NDArray]] = {}
    units: dict[str, str] = {}
    for path in _blocks(folder):
        with open_hdf5(path) as file:
            first = sum(map(len, times))
            times.append(file["times"][:])
            for name, group in file["values"].items():
                units[name] = str(group.attrs["unit"])
                values.setdefault(name, []).extend(
                    group[_step_name(first + i)][:] for i in range(len(times[-1]))
                )
    return Fields(
        times=np.concatenate(times),
        values={name: np.stack(steps) for name, steps in values.items()},
        units=units,
        mesh_points=points,
        mesh_elements=elements,
    )


def _write_mesh(path: Path, points: NDArray, elements: NDArray) -> None:
    with replace_hdf5(path) as file:
        file.create_dataset("mesh/points", data=points).attrs["unit"] = "mm"
        file.create_dataset("mesh/elements", data=elements)


def _blocks(folder: Path) -> list[Path]:
    """Blocks of steps in a folder, in order."""
    blocks = (re.fullmatch(r"fields_(\d+)\.h5", path.name) for path in folder.iterdir())
    numbers = sorted(int(block[1]) for block in blocks if block)
    return [folder / _block_name(number) for number in numbers]


def _block_name(number: int) -> str:
    return f"fields_{number:04d}.h5"


def _step_name(step: int) -> str:
    return f"{step:06d}"


def _index_mesh(points: NDArray, elements: NDArray) -> str:
    """Topology and geometry of each step; both point into the HDF5 file."""
    n_elements, n_vertices = elements.shape
    return (
        f'<Topology TopologyType="{TOPOLOGIES[n_vertices]}" '
        f'NumberOfElements="{n_elements}" NodesPerElement="{n_vertices}">'
        + _data_item("fields.h5", "mesh/elements", elements)
        + '</Topology>\n<Geometry GeometryType="XYZ">'
        + _data_item("fields.h5", "mesh/points", points)
        + "</Geometry>"
    )


def _index_step(
    t: float, mesh: str, block: int, step: int, arrays: Mapping[str, NDArray]
) -> str:
    """One step; its values are in a block, under the step's number in the run."""
    attributes = [
        f'<Attribute Name={quoteattr(name)} Center="Node">'
        + _data_item(_block_name(block), f"values/{name}/{_step_name(step)}", array)
        + "</Attribute>"
        for name, array in arrays.items()
    ]
    head = f'<Grid Name="mesh" GridType="Uniform"><Time Value="{t!r}"/>'
    return "\n".join([head, mesh, *attributes, "</Grid>"])


def _data_item(file: str, name: str, array: NDArray) -> str:
    return (
        f'<DataItem Dimensions="{" ".join(map(str, array.shape))}" '
        f'{_number_type(array.dtype)} Format="HDF">{file}:/{escape(name)}</DataItem>'
    )


def _number_type(dtype: np.dtype) -> str:
    kind = {"f": "Float", "i": "Int", "u": "UInt"}.get(dtype.kind)
    if kind is None:
        raise ValueError(
            f"XDMF has no number type for {dtype}; give floats or whole numbers"
        )
    return f'NumberType="{kind}" Precision="{dtype.itemsize}"'
