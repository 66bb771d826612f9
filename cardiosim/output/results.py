"""The results folder: what a run writes and how it is read back.

    summary.json      every number of the run: value, unit, definition
    resolved.toml     the case with all defaults spelled out, and its provenance
    mesh.h5           points, elements, regions, fibres, D (mesh_arrays.py)
    recordings.h5     traces at chosen nodes, activation times; written anew now and
                      then while the run goes on
    activation.xdmf   activation times, regions and fibres on the mesh, for ParaView
    fields*.h5, .xdmf snapshots of whole fields (fields.py), for ParaView
    *.png             pictures (plots.py, maps.py)

recordings.h5 holds a group `traces/<name>` with `times` (n_times,), `nodes`
(n_probes,) and one dataset (n_times, n_probes) a variable in `values`; a group
`activation` with `lat_1`, `lat_2`, ... (n_nodes,), one a beat, NaN where a node did not
activate. Each dataset carries its `unit`.

Every file is written aside and renamed over the old one: a reader, or a run that is
killed, finds the former content or the new one. summary.json comes after everything
that a run computes, so that a folder without it is one whose run did not finish.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.output.documents import (
    read_json,
    read_toml,
    replace_text,
    write_json,
    write_toml,
)
from cardiosim.output.hdf5 import open_hdf5, replace_hdf5
from cardiosim.output.mesh_arrays import (
    FILE,
    MeshArrays,
    mesh_arrays,
    read_mesh_file,
    write_mesh_file,
)
from cardiosim.output.xdmf import HEAD, TAIL, index_of_mesh, node_attribute

MARKER = ".cardiosim-results"
SUMMARY = "summary.json"
FORMAT = 2
RECORDINGS = "recordings.h5"
SUMMARY_KEYS = ("value", "unit", "definition")


class ResultsFolder:
    """Writer of one run's results; make one with `ResultsFolder.create`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: str | Path, force: bool = False) -> ResultsFolder:
        """Make an empty results folder.

        Args:
            path: new or empty folder; its parents are made.
            force: empty the folder first when it holds earlier results.

        Raises:
            FileExistsError: the folder is not empty and `force` is not given, or
                it is not recognisably a results folder of this program.
        """
        path = Path(path)
        cls.check(path, force)
        path.mkdir(parents=True, exist_ok=True)
        # A folder half emptied is no finished run, and still recognised.
        summary, marker = path / SUMMARY, path / MARKER
        summary.unlink(missing_ok=True)
        for entry in list(path.iterdir()):
            if entry != marker:
                entry.unlink()
        marker.write_text(f"cardiosim results folder, format {FORMAT}\n")
        return cls(path)

    @staticmethod
    def check(path: str | Path, force: bool = False) -> None:
        """Raise what `create` would raise, without touching anything."""
        path = Path(path)
        if path.exists() and not path.is_dir():
            raise FileExistsError(
                f"{path} is a file; the results need a folder: choose another name"
            )
        entries = list(path.iterdir()) if path.is_dir() else []
        if not entries:
            return
        if not (path / MARKER).is_file():
            raise FileExistsError(
                f"{path} is not empty and holds no cardiosim results; it is left as "
                "it is: choose another folder"
            )
        if not force:
            raise FileExistsError(
                f"{path} holds earlier results; choose another folder, or --force to "
                "replace them"
            )
        # A run writes no folders in there, so these are someone's own.
        folders = [entry.name for entry in entries if entry.is_dir()]
        if folders:
            raise FileExistsError(
                f"{path} holds folders that no run has written "
                f"({', '.join(folders)}); it is left as it is: choose another folder"
            )

    def write_resolved(self, resolved: Mapping[str, Any]) -> None:
        """resolved.toml; a key that is None is left out, TOML has no null."""
        write_toml(self.path / "resolved.toml", resolved)

    def write_summary(self, summary: Mapping[str, Mapping[str, Any]]) -> None:
        """summary.json: name -> {"value", "unit", "definition"}.

        A value is a number, a text, a truth value or a list of those; NaN becomes
        null, which `open_results` reads as NaN.
        """
        for name, entry in summary.items():
            if set(entry) != set(SUMMARY_KEYS):
                raise ValueError(
                    f"summary entry {name!r} has the keys {sorted(entry)}; expected "
                    f"exactly {', '.join(SUMMARY_KEYS)}"
                )
        write_json(self.path / SUMMARY, summary)

    def write_mesh(self, mesh: MeshArrays) -> None:
        """mesh.h5: the mesh, and what stays with its elements."""
        write_mesh_file(self.path, mesh)

    def write_traces(
        self,
        name: str,
        times: ArrayLike,
        nodes: ArrayLike,
        values: Mapping[str, ArrayLike],
        units: Mapping[str, str],
    ) -> None:
        """Traces of some variables at some nodes, replacing those of this name.

        Args:
            name: one word for this set of probes.
            times: ms, shape (n_times,).
            nodes: node index of each column, shape (n_probes,).
            values: variable name -> shape (n_times, n_probes).
            units: variable name -> unit.
        """
        trace = Trace(
            name, np.asarray(times, dtype=float), np.asarray(nodes), values, units
        )
        _check_trace(trace)
        with self._recordings() as file:
            _write_trace(file, trace)

    def write_activation(self, times: ArrayLike, threshold: float) -> None:
        """Activation times, ms, (n_beats, n_nodes), of crossing `threshold`, mV."""
        times = _checked_activation(times)
        with self._recordings() as file:
            _write_activation(file, times, threshold)
        self._index_activation(*times.shape)

    def write_recordings(
        self,
        traces: Sequence[Trace],
        activation: ArrayLike | None,
        threshold: float,
    ) -> None:
        """Everything that recordings.h5 holds, in place of what it held.

        Args:
            traces: as of `write_traces`.
            activation, threshold: as of `write_activation`; None without activation.
        """
        for trace in traces:
            _check_trace(trace)
        times = None if activation is None else _checked_activation(activation)
        # Anew: what HDF5 deletes in a file leaves its room there.
        with replace_hdf5(self.path / RECORDINGS) as file:
            for trace in traces:
                _write_trace(file, trace)
            if times is not None:
                _write_activation(file, times, threshold)
        if times is not None:
            self._index_activation(*times.shape)

    def _index_activation(self, n_beats: int, n_nodes: int) -> None:
        """activation.xdmf: `lat_1`, ... beside regions and fibres, as one picture."""
        if not (self.path / FILE).is_file():
            return
        beats = [f"lat_{beat}" for beat in range(1, n_beats + 1)]
        lat = [
            node_attribute(
                name, RECORDINGS, f"activation/{name}", (n_nodes,), np.dtype(float)
            )
            for name in beats
        ]
        grid = '<Grid Name="mesh" GridType="Uniform">'
        lines = [HEAD, grid, index_of_mesh(self.path), *lat, "</Grid>", TAIL]
        replace_text(self.path / "activation.xdmf", "\n".join(lines))

    def _recordings(self) -> AbstractContextManager[h5py.File]:
        return replace_hdf5(self.path / RECORDINGS, keep=True)


@dataclass(frozen=True)
class Trace:
    """Variables recorded at some nodes at the same times."""

    name: str
    times: NDArray  # ms, (n_times,)
    nodes: NDArray  # (n_probes,)
    values: Mapping[str, NDArray]  # variable -> (n_times, n_probes)
    units: Mapping[str, str]  # variable -> unit

    def at(self, variable: str, node: int) -> NDArray:
        """Values of one variable at one node, shape (n_times,)."""
        if variable not in self.values:
            raise ValueError(
                f"{variable} was not recorded in trace {self.name!r}; it holds "
                f"{', '.join(self.values)}"
            )
        column = np.flatnonzero(self.nodes == node)
        if not column.size:
            raise ValueError(
                f"node {node} was not recorded in trace {self.name!r}; it holds "
                f"nodes {', '.join(str(n) for n in self.nodes)}"
            )
        return self.values[variable][:, column[0]]


@dataclass(frozen=True)
class Results:
    """A results folder in memory; what a stopped run did not write is empty."""

    path: Path
    resolved: Mapping[str, Any]
    summary: Mapping[str, Mapping[str, Any]]  # name -> value, unit, definition
    mesh: MeshArrays
    traces: Mapping[str, Trace]
    activation: NDArray  # ms, (n_beats, n_nodes)
    activation_threshold: float  # mV
    is_finished: bool  # whether the run came to its end

    @property
    def mesh_kind(self) -> str:
        """Of "point", "cable", "sheet", "slab" or "mesh"; empty without a mesh."""
        return self.mesh.kind

    @property
    def mesh_points(self) -> NDArray:
        """Positions of the nodes, mm, shape (n_nodes, 3)."""
        return self.mesh.points

    @property
    def mesh_blocks(self) -> tuple[tuple[str, NDArray], ...]:
        """Shape and node numbers, (n_elements, n_vertices), of each block."""
        return self.mesh.blocks

    def __repr__(self) -> str:
        state = "finished" if self.is_finished else "unfinished"
        return (
            f"<Results {self.path}: {state}; nodes: {len(self.mesh_points)}, "
            f"numbers: {len(self.summary)}, "
            f"traces: {len(self.traces)}, activations: {len(self.activation)}>"
        )


def open_results(path: str | Path) -> Results:
    """Read a results folder (snapshots: `fields.read_fields`).

    That of a run that is going on, or was stopped, opens too: `is_finished` tells.
    """
    path = Path(path)
    if not (path / MARKER).is_file():
        raise FileNotFoundError(
            f"{path} is no results folder of cardiosim (it has no {MARKER}); give "
            "the folder that a run was told to write"
        )
    _check_format(path)
    contents: dict[str, Any] = dict(
        # First: what is read after it is then complete, though the run goes on.
        is_finished=(path / SUMMARY).is_file(),
        mesh=mesh_arrays(np.empty((0, 3)), ()),
        traces={},
        activation=np.empty((0, 0)),
        activation_threshold=math.nan,
    )
    if (path / FILE).is_file():
        contents["mesh"] = read_mesh_file(path)
    if (path / RECORDINGS).is_file():
        with open_hdf5(path / RECORDINGS) as file:
            contents |= _read_recordings(file)
    return Results(
        path=path,
        resolved=read_toml(path / "resolved.toml"),
        summary=read_json(path / SUMMARY),
        **contents,
    )


def _read_recordings(file: h5py.File) -> dict[str, Any]:
    contents: dict[str, Any] = {}
    if "traces" in file:
        contents["traces"] = {
            name: Trace(
                name=name,
                times=group["times"][:],
                nodes=group["nodes"][:],
                values={key: data[:] for key, data in group["values"].items()},
                units={
                    key: str(data.attrs["unit"])
                    for key, data in group["values"].items()
                },
            )
            for name, group in file["traces"].items()
        }
    if "activation" in file:
        group = file["activation"]
        contents["activation"] = np.empty((len(group), group.attrs["n_nodes"]))
        for beat, lat in enumerate(contents["activation"], start=1):
            group[f"lat_{beat}"].read_direct(lat)
        contents["activation_threshold"] = float(group.attrs["threshold"])
    return contents


def _check_format(path: Path) -> None:
    """ValueError for what an earlier version of the program has written."""
    text = (path / MARKER).read_text(encoding="utf-8")
    number = re.search(r"format (\d+)", text)
    if number and int(number[1]) != FORMAT:
        raise ValueError(
            f"{path} is of format {number[1]}, of another version of the program; "
            f"expected format {FORMAT}: run its case again, which is "
            f"{path / 'resolved.toml'}"
        )


def _check_trace(trace: Trace) -> None:
    shape = (trace.times.size, trace.nodes.size)
    for variable, array in trace.values.items():
        if np.shape(array) != shape:
            raise ValueError(
                f"trace {trace.name!r} of {variable} has shape {np.shape(array)}; "
                f"expected (n_times, n_probes) = {shape}"
            )
        if variable not in trace.units:
            raise ValueError(
                f"no unit given for {variable} of trace {trace.name!r}; units are "
                f"known for {', '.join(trace.units) or 'none'}"
            )


def _write_trace(file: h5py.File, trace: Trace) -> None:
    group = _fresh_group(file, f"traces/{trace.name}")
    _write_array(group, "times", trace.times, "ms")
    _write_array(group, "nodes", trace.nodes.astype(np.int64), "")
    kept = group.create_group("values", track_order=True)
    for variable, array in trace.values.items():
        _write_array(kept, variable, array, trace.units[variable])


def _checked_activation(times: ArrayLike) -> NDArray[np.float64]:
    times = np.asarray(times, dtype=float)
    if times.ndim != 2:
        raise ValueError(
            f"activation has shape {times.shape}; expected (n_beats, n_nodes)"
        )
    return times


def _write_activation(file: h5py.File, times: NDArray, threshold: float) -> None:
    group = _fresh_group(file, "activation")
    group.attrs["threshold"] = threshold
    group.attrs["n_nodes"] = times.shape[1]
    for beat, lat in enumerate(times, start=1):
        _write_array(group, f"lat_{beat}", lat, "ms")


def _fresh_group(file: h5py.File, name: str) -> h5py.Group:
    if name in file:
        del file[name]
    return file.create_group(name)


def _write_array(
    group: h5py.Group, name: str, values: ArrayLike, unit: str
) -> h5py.Dataset:
    dataset = group.create_dataset(name, data=np.asarray(values))
    dataset.attrs["unit"] = unit
    return dataset
