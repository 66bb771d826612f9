"""The results folder: what a run writes and how it is read back.

    summary.json      every number of the run: value, unit, definition
    resolved.toml     the case with all defaults spelled out, and its provenance
    mesh.h5           points, elements, regions, fibres, D (mesh_arrays.py)
    recordings.h5     traces at chosen nodes, activation times, durations of action
                      potentials; written anew now and then while the run goes on
    electrograms.h5   what electrodes saw (electrograms.py)
    activation.xdmf   activation times, durations, regions and fibres on the mesh, for
                      ParaView
    fields*.h5, .xdmf snapshots of whole fields (fields.py), for ParaView
    *.png             pictures (plots.py, maps.py)

What recordings.h5 holds is in recordings.py.

Every file is written aside and renamed over the old one: a reader, or a run that is
killed, finds the former content or the new one. summary.json comes after everything
that a run computes, so that a folder without it is one whose run did not finish.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
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
from cardiosim.output.electrograms import (
    Electrogram,
    read_electrograms,
    write_electrograms,
)
from cardiosim.output.hdf5 import open_hdf5, replace_hdf5
from cardiosim.output.mesh_arrays import (
    FILE,
    MeshArrays,
    mesh_arrays,
    read_mesh_file,
    write_mesh_file,
)
from cardiosim.output.recordings import (
    Activation,
    Trace,
    check_trace,
    read_recordings,
    write_activation,
    write_trace,
)
from cardiosim.output.xdmf import HEAD, TAIL, index_of_mesh, node_attribute

MARKER = ".cardiosim-results"
SUMMARY = "summary.json"
FORMAT = 2
RECORDINGS = "recordings.h5"
SUMMARY_KEYS = ("value", "unit", "definition")
RESOLUTION = "resolution"  # may be with them: a text, such as "5 ms"


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
            if set(entry) - {RESOLUTION} != set(SUMMARY_KEYS):
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
        check_trace(trace)
        with self._recordings() as file:
            write_trace(file, trace)

    def write_activation(self, times: ArrayLike, threshold: float) -> None:
        """Activation times, ms, (n_beats, n_nodes), of crossing `threshold`, mV."""
        activation = Activation(np.asarray(times, dtype=float), threshold)
        with self._recordings() as file:
            write_activation(file, activation)
        self._index_activation(activation)

    def write_recordings(
        self, traces: Sequence[Trace], activation: Activation | None
    ) -> None:
        """Everything that recordings.h5 holds, in place of what it held.

        Args:
            traces: as of `write_traces`.
            activation: with the durations that were recorded, or nothing.
        """
        for trace in traces:
            check_trace(trace)
        # Anew: what HDF5 deletes in a file leaves its room there.
        with replace_hdf5(self.path / RECORDINGS) as file:
            for trace in traces:
                write_trace(file, trace)
            if activation is not None:
                write_activation(file, activation)
        if activation is not None:
            self._index_activation(activation)

    def _index_activation(self, activation: Activation) -> None:
        """activation.xdmf: `lat_1`, ... beside regions and fibres, as one picture."""
        if not (self.path / FILE).is_file():
            return
        shape = (activation.times.shape[1],)
        attributes = [
            node_attribute(name, RECORDINGS, place, shape, np.dtype(float))
            for name, place in activation.datasets.items()
        ]
        grid = '<Grid Name="mesh" GridType="Uniform">'
        lines = [HEAD, grid, index_of_mesh(self.path), *attributes, "</Grid>", TAIL]
        replace_text(self.path / "activation.xdmf", "\n".join(lines))

    def write_electrograms(self, electrograms: Sequence[Electrogram]) -> None:
        """electrograms.h5, in place of what is there."""
        write_electrograms(self.path, electrograms)

    def _recordings(self) -> AbstractContextManager[h5py.File]:
        return replace_hdf5(self.path / RECORDINGS, keep=True)


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
    activation_method: str = "threshold"  # or "dvdt_max"
    # apd90, ... -> ms from activation to repolarisation, (n_beats, n_nodes)
    durations: Mapping[str, NDArray] = field(default_factory=dict)

    @property
    def repolarisation(self) -> dict[str, NDArray]:
        """When each duration ends, ms, shape (n_beats, n_nodes), by its name."""
        return {name: self.activation + apd for name, apd in self.durations.items()}

    @cached_property
    def electrograms(self) -> Mapping[str, Electrogram]:
        """What electrodes saw, by the name of the recording."""
        return read_electrograms(self.path)

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
            contents |= read_recordings(file)
    return Results(
        path=path,
        resolved=read_toml(path / "resolved.toml"),
        summary=read_json(path / SUMMARY),
        **contents,
    )


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
