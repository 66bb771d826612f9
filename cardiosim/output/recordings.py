"""What recordings.h5 of a results folder holds: traces, activation, durations.

    traces/<name>      `times` (n_times,), `nodes` (n_probes,), and one dataset
                       (n_times, n_probes) a variable in `values`
    activation         `lat_1`, `lat_2`, ... (n_nodes,), one a beat; NaN where a node
                       did not activate. Attributes: `threshold`, mV; `method`,
                       "threshold" or "dvdt_max"
    durations/apd90    `apd90_1`, `apd90_2`, ... (n_nodes,): from the activation of a
                       beat to its repolarisation; NaN where it was not seen. Other
                       percentages likewise, and apd_to_-60mV for fixed potentials

Each dataset carries its `unit`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

METHODS = ("threshold", "dvdt_max")  # of telling when a node is activated


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


@dataclass(frozen=True, eq=False)
class Activation:
    """When each node was activated, and how long it stayed so, beat by beat.

    Attributes:
        times: ms, shape (n_beats, n_nodes); NaN where a node had fewer beats.
        threshold: mV, whose upward crossing makes a beat.
        method: of METHODS; what in the beat is its time.
        repolarisation: name of a duration, as apd90 -> when it ends, ms, shape as
            of times.

    Raises:
        ValueError: arrays of other shapes, an unknown method.
    """

    times: NDArray
    threshold: float
    method: str = "threshold"
    repolarisation: Mapping[str, NDArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if np.ndim(self.times) != 2:
            raise ValueError(
                f"activation has shape {np.shape(self.times)}; expected (n_beats, "
                "n_nodes)"
            )
        if self.method not in METHODS:
            raise ValueError(
                f'activation by "{self.method}"; expected one of {", ".join(METHODS)}'
            )
        for name, times in self.repolarisation.items():
            if np.shape(times) != np.shape(self.times):
                raise ValueError(
                    f"repolarisation of {name} has shape {np.shape(times)}; expected "
                    f"that of the activation, {np.shape(self.times)}"
                )

    @property
    def datasets(self) -> dict[str, str]:
        """Name -> place in the file, of all that is one number a node."""
        beats = range(1, len(self.times) + 1)
        lat = {f"lat_{beat}": f"activation/lat_{beat}" for beat in beats}
        return lat | {
            f"{name}_{beat}": f"durations/{name}/{name}_{beat}"
            for name in self.repolarisation
            for beat in beats
        }


def check_trace(trace: Trace) -> None:
    """ValueError where the arrays of a trace do not fit together."""
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


def write_trace(file: h5py.File, trace: Trace) -> None:
    """Write a trace in place of the one of its name."""
    group = _fresh_group(file, f"traces/{trace.name}")
    _write_array(group, "times", trace.times, "ms")
    _write_array(group, "nodes", trace.nodes.astype(np.int64), "")
    kept = group.create_group("values", track_order=True)
    for variable, array in trace.values.items():
        _write_array(kept, variable, array, trace.units[variable])


def write_activation(file: h5py.File, activation: Activation) -> None:
    """Write activation times and durations in place of those that are there."""
    group = _fresh_group(file, "activation")
    group.attrs["threshold"] = activation.threshold
    group.attrs["method"] = activation.method
    group.attrs["n_nodes"] = activation.times.shape[1]
    for beat, lat in enumerate(activation.times, start=1):
        _write_array(group, f"lat_{beat}", lat, "ms")
    if not activation.repolarisation:
        return
    durations = _fresh_group(file, "durations")
    for name, ends in activation.repolarisation.items():
        group = durations.create_group(name)
        for beat, values in enumerate(ends - activation.times, start=1):
            _write_array(group, f"{name}_{beat}", values, "ms")


def read_recordings(file: h5py.File) -> dict[str, Any]:
    """What is there: traces, activation and its threshold and method, durations."""
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
        contents["activation_method"] = str(group.attrs.get("method", "threshold"))
    if "durations" in file:
        contents["durations"] = {
            name: np.stack([group[f"{name}_{k + 1}"][:] for k in range(len(group))])
            for name, group in file["durations"].items()
            if len(group)
        }
    return contents


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
