"""Snapshots of whole fields: HDF5 for the numbers, XDMF for ParaView.

fields.h5 holds `mesh/points`, `mesh/elements`, `times` (n_times,) and for each
variable a group `values/<variable>` with its `unit` and one dataset (n_nodes,) a
step, named by the step's number. fields.xdmf lists the steps and points into the
HDF5 file. Why one dataset a step: ParaView 5.11 has an XDMF2 and an XDMF3 reader,
opens with XDMF3 unless told, and only XDMF2 understands slices of a larger dataset
(HyperSlab); in XDMF3 the variables are then missing without an error.

A run may be killed at any moment. Therefore: the HDF5 file keeps h5py's default
file format, whose flushed data stay readable; each step is flushed before an index
that names it appears; the index is replaced as a whole. It may lag behind by half
a second of wall time, never run ahead. No lock is taken, so that ParaView can read
while the run writes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

INDEX_INTERVAL = 0.5  # s of wall time between replacements of the index
# Many steps make a long index; writing it may take this share of the wall time.
INDEX_SHARE = 0.05

# XDMF name of the element with this many vertices.
TOPOLOGIES = {1: "Polyvertex", 2: "Polyline", 3: "Triangle", 4: "Tetrahedron"}

INDEX_HEAD = """<?xml version="1.0"?>
<Xdmf Version="3.0"><Domain>
<Grid Name="fields" GridType="Collection" CollectionType="Temporal">"""
INDEX_TAIL = "</Grid></Domain></Xdmf>\n"


class FieldWriter:
    """Appends snapshots to fields.h5 and keeps fields.xdmf in step with it."""

    def __init__(
        self,
        folder: str | Path,
        mesh_points: ArrayLike,
        elements: ArrayLike,
        units: Mapping[str, str],
    ) -> None:
        """Start the two files, replacing earlier ones.

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
        self._index_path = Path(folder) / "fields.xdmf"
        # An index of earlier results would name steps that are not there yet.
        self._index_path.unlink(missing_ok=True)
        self._file = h5py.File(Path(folder) / "fields.h5", "w", locking=False)
        self._write_mesh(points, elements)
        self._variables: tuple[str, ...] = ()
        self._mesh_index = _index_mesh(points, elements)
        self._n_indexed = 0
        self._steps: list[str] = []
        self._next_index = -np.inf

    def append(self, t: float, values: Mapping[str, ArrayLike]) -> None:
        """Add one snapshot: variable name -> shape (n_nodes,), at t ms.

        Every snapshot holds the same variables as the first one.
        """
        arrays = {name: np.asarray(array) for name, array in values.items()}
        self._check(arrays)
        n = len(self._steps)
        step = _index_step(float(t), self._mesh_index, n, arrays)
        if n == 0:
            self._variables = tuple(arrays)
            for name in arrays:
                group = self._file.require_group(f"values/{name}")
                group.attrs["unit"] = self.units[name]
        for name, array in arrays.items():
            self._file.create_dataset(_dataset_name(name, n), data=array)
        self._file["times"].resize(n + 1, axis=0)
        self._file["times"][n] = t
        self._file.flush()
        self._steps.append(step)
        if time.monotonic() >= self._next_index:
            self._write_index()

    def close(self) -> None:
        """Bring the index up to date and close the file; may be called again."""
        if self._file:
            self._file.close()
            if self._n_indexed < len(self._steps):
                self._write_index()

    def __enter__(self) -> FieldWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _check(self, arrays: Mapping[str, NDArray]) -> None:
        if not self._file:
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

    def _write_mesh(self, points: NDArray, elements: NDArray) -> None:
        file = self._file
        file.create_dataset("mesh/points", data=points).attrs["unit"] = "mm"
        file.create_dataset("mesh/elements", data=elements)
        times = file.create_dataset("times", shape=(0,), maxshape=(None,), dtype=float)
        times.attrs["unit"] = "ms"
        file.flush()

    def _write_index(self) -> None:
        began = time.monotonic()
        partial = self._index_path.with_name(self._index_path.name + ".partial")
        partial.write_text(
            "\n".join([INDEX_HEAD, *self._steps, INDEX_TAIL]),
            encoding="utf-8",
        )
        os.replace(partial, self._index_path)
        self._n_indexed = len(self._steps)
        now = time.monotonic()
        self._next_index = now + max(INDEX_INTERVAL, (now - began) / INDEX_SHARE)


@dataclass(frozen=True)
class Fields:
    """The snapshots of a run."""

    times: NDArray  # ms, (n_times,)
    values: Mapping[str, NDArray]  # variable -> (n_times, n_nodes)
    units: Mapping[str, str]  # variable -> unit
    mesh_points: NDArray  # mm, (n_nodes, 3)
    mesh_elements: NDArray  # (n_elements, n_vertices)


def read_fields(folder: str | Path) -> Fields:
    """Read the snapshots of a results folder, also of a run that was killed."""
    path = Path(folder) / "fields.h5"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist; the run recorded no snapshots: ask for some "
            "in its case"
        )
    with h5py.File(path, "r", locking=False) as file:
        groups = dict(file["values"].items()) if "values" in file else {}
        # A run killed within append leaves one variable a step ahead.
        n = min([len(file["times"]), *(len(group) for group in groups.values())])
        return Fields(
            times=file["times"][:n],
            values={
                name: np.reshape(
                    [file[_dataset_name(name, i)][:] for i in range(n)],
                    (n, len(file["mesh/points"])),
                )
                for name in groups
            },
            units={name: str(group.attrs["unit"]) for name, group in groups.items()},
            mesh_points=file["mesh/points"][:],
            mesh_elements=file["mesh/elements"][:],
        )


def _dataset_name(variable: str, step: int) -> str:
    return f"values/{variable}/{step:06d}"


def _index_mesh(points: NDArray, elements: NDArray) -> str:
    """Topology and geometry of each step; both point into the HDF5 file."""
    n_elements, n_vertices = elements.shape
    return (
        f'<Topology TopologyType="{TOPOLOGIES[n_vertices]}" '
        f'NumberOfElements="{n_elements}" NodesPerElement="{n_vertices}">'
        + _data_item("mesh/elements", elements)
        + '</Topology>\n<Geometry GeometryType="XYZ">'
        + _data_item("mesh/points", points)
        + "</Geometry>"
    )


def _index_step(t: float, mesh: str, n: int, arrays: Mapping[str, NDArray]) -> str:
    attributes = [
        f'<Attribute Name={quoteattr(name)} Center="Node">'
        + _data_item(_dataset_name(name, n), array)
        + "</Attribute>"
        for name, array in arrays.items()
    ]
    head = f'<Grid Name="mesh" GridType="Uniform"><Time Value="{t!r}"/>'
    return "\n".join([head, mesh, *attributes, "</Grid>"])


def _data_item(name: str, array: NDArray) -> str:
    return (
        f'<DataItem Dimensions="{" ".join(map(str, array.shape))}" '
        f'{_number_type(array.dtype)} Format="HDF">fields.h5:/{escape(name)}</DataItem>'
    )


def _number_type(dtype: np.dtype) -> str:
    kind = {"f": "Float", "i": "Int", "u": "UInt"}.get(dtype.kind)
    if kind is None:
        raise ValueError(
            f"XDMF has no number type for {dtype}; give floats or whole numbers"
        )
    return f'NumberType="{kind}" Precision="{dtype.itemsize}"'
