"""VTKHDF: one HDF5 file with mesh and series, for VTK >= 9.3 and ParaView >= 5.12.

An unstructured grid of one part whose mesh stays and whose values change: the arrays of
all steps lie one behind the other in `PointData`, and the group `Steps` says where each
step begins. What does not change begins at 0 in every step.

Format 2.0: https://docs.vtk.org/en/latest/vtk_file_formats/vtkhdf_file_format
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import numpy as np

from cardiosim.output.fields import FieldSeries
from cardiosim.output.hdf5 import replace_hdf5
from cardiosim.output.mesh_arrays import MeshArrays


def write_vtkhdf(
    path: Path,
    mesh: MeshArrays,
    series: FieldSeries | None,
    names: Sequence[str],
    show: Callable[[float, float], None],
) -> None:
    """Write the mesh, what stays with it, and the snapshots of some variables.

    Args:
        path: file to make or replace.
        mesh: with what is shown at every time in its node_data and element_data.
        series: snapshots, read one at a time; None for the mesh alone.
        names: variables of the series.
        show: called with the number of steps that are written, and of all.
    """
    with replace_hdf5(path) as file:
        root = file.create_group("VTKHDF")
        root.attrs["Version"] = np.array([2, 0])
        # VTK reads no text of variable length here.
        kind = np.bytes_("UnstructuredGrid")
        root.attrs.create("Type", kind, dtype=h5py.string_dtype("ascii", len(kind)))
        _write_mesh(root, mesh)
        if series is not None:
            _write_steps(root, mesh, series, names, show)


def _write_mesh(root: h5py.Group, mesh: MeshArrays) -> None:
    for name, count in (
        ("NumberOfPoints", mesh.n_nodes),
        ("NumberOfCells", mesh.n_elements),
        ("NumberOfConnectivityIds", mesh.vtk_connectivity.size),
    ):
        root[name] = np.array([count], dtype=np.int64)
    root["Points"] = mesh.points
    root["Types"] = mesh.vtk_types
    root["Offsets"] = mesh.vtk_offsets
    root["Connectivity"] = mesh.vtk_connectivity
    for group, arrays in (
        ("PointData", mesh.node_data),
        ("CellData", mesh.element_data),
    ):
        kept = root.create_group(group)
        for name, array in arrays.items():
            kept[name] = array


def _write_steps(
    root: h5py.Group,
    mesh: MeshArrays,
    series: FieldSeries,
    names: Sequence[str],
    show: Callable[[float, float], None],
) -> None:
    n_steps, n_nodes = len(series.times), mesh.n_nodes
    at_begin = np.zeros(n_steps, dtype=np.int64)
    steps = root.create_group("Steps")
    steps["Values"] = series.times
    steps["NumberOfParts"] = np.ones(n_steps, dtype=np.int64)
    steps["PartOffsets"] = steps["PointOffsets"] = at_begin
    # Of an unstructured grid these have a column, as those of polygons have four.
    steps["CellOffsets"] = steps["ConnectivityIdOffsets"] = at_begin[:, np.newaxis]
    point_offsets = steps.create_group("PointDataOffsets")
    cell_offsets = steps.create_group("CellDataOffsets")
    for name in mesh.node_data:
        point_offsets[name] = at_begin
    for name in mesh.element_data:
        cell_offsets[name] = at_begin
    for name in names:
        point_offsets[name] = n_nodes * np.arange(n_steps, dtype=np.int64)
    for number, (_, values) in enumerate(series.steps(names)):
        for name, array in values.items():
            if number == 0:
                root.create_dataset(
                    f"PointData/{name}", (n_steps * n_nodes,), dtype=array.dtype
                )
            root[f"PointData/{name}"][number * n_nodes : (number + 1) * n_nodes] = array
        show(number + 1, n_steps)
    # Last: VTK trusts it and ends the process where arrays are of another length.
    steps.attrs["NSteps"] = n_steps
