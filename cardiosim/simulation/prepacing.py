"""The state of a cell after many beats, computed once and kept in the user's cache.

Pacing a single cell to its rhythm costs more than many a tissue run, and depends only
on the cell and the protocol. States are kept by a hash of both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cardiosim.simulation.kept_states import read_states, states_file, write_states
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.run import march
from cardiosim.tissue.mesh import point
from cardiosim.tissue.stimulus import Stimulus

if TYPE_CHECKING:
    from cardiosim.ionic.interface import IonicModel

CACHE_VERSION = 1  # raise when the loop or the layout of the files changes


def prepaced_state(
    cell: IonicModel,
    bcl: float,
    beats: int,
    amplitude: float,
    duration: float,
    dt: float,
    progress: Callable[[float, float], None] | None = None,
) -> NDArray[np.float64]:
    """State of one cell at t = beats * bcl, stimulated at the start of each beat.

    Args:
        cell: has a `fingerprint` beside the IonicModel interface.
        bcl: basic cycle length, ms.
        beats: number of stimuli.
        amplitude: A/F.
        duration: of each stimulus, ms.
        dt: ms; beats * bcl is a whole number of steps.
        progress: called with the time done and the end, ms; never if the state is
            found in the cache.

    Returns:
        Shape (n_states,), V (mV) first.
    """
    protocol = _protocol(bcl, beats, amplitude, duration, dt)
    return _paced(cell, [cell], protocol, progress)[:, 0]


def prepaced_states(
    cell: IonicModel,
    n_cells: int,
    bcl: float,
    beats: int,
    amplitude: float,
    duration: float,
    dt: float,
    progress: Callable[[float, float], None] | None = None,
) -> NDArray[np.float64]:
    """States of cells that differ in their parameters, paced as nodes of one run.

    Each cell is kept in the cache by itself, as `prepaced_state` of it alone would be;
    those found there are not paced again.

    Args:
        cell: of all nodes, parameters one per node; has a `fingerprint`.
        n_cells: number of nodes.
        Others as those of `prepaced_state`.

    Returns:
        Shape (n_states, n_cells), V (mV) first.
    """
    protocol = _protocol(bcl, beats, amplitude, duration, dt)
    alone = [cell.at(np.array([node])) for node in range(n_cells)]
    return _paced(cell, alone, protocol, progress)


def _protocol(
    bcl: float, beats: int, amplitude: float, duration: float, dt: float
) -> dict[str, float]:
    if beats < 1:
        raise ValueError(f"{beats} beats of prepacing; give one or more")
    return {
        "bcl": float(bcl),
        "beats": int(beats),
        "amplitude": float(amplitude),
        "duration": float(duration),
        "dt": float(dt),
    }


def _paced(
    cell: IonicModel,
    alone: Sequence[IonicModel],
    protocol: dict[str, float],
    progress: Callable[[float, float], None] | None,
) -> NDArray[np.float64]:
    """States from the cache, and of one run of those that are not there.

    Args:
        cell: of all nodes.
        alone: the cell of each node, by which it is known in the cache.
        protocol: of the pacing.
        progress: of the run.
    """
    paths = [_cache_file(each, protocol) for each in alone]
    found = [_read(path, cell) for path in paths]
    missing = [node for node, state in enumerate(found) if state is None]
    if missing:
        bcl, beats, dt = (protocol[key] for key in ("bcl", "beats", "dt"))
        stimulus = Stimulus(
            np.arange(len(missing)),
            0.0,
            protocol["duration"],
            protocol["amplitude"],
            period=bcl,
            count=beats,
        )
        here = cell if len(missing) == len(alone) else cell.at(np.array(missing))
        cells = Monodomain(point(len(missing)), here, stimuli=(stimulus,))
        march(cells, dt, end=beats * bcl, progress=progress)
        for node, state in zip(missing, cells.states.T, strict=True):
            found[node] = state.copy()
            write_states(
                paths[node],
                found[node],
                alone[node].state_names,
                alone[node].fingerprint,
                protocol,
            )
    return np.stack(found, axis=1)


def _cache_file(cell: IonicModel, protocol: dict[str, float]) -> Path:
    return states_file(cell.name, CACHE_VERSION, cell.fingerprint, protocol)


def _read(path: Path, cell: IonicModel) -> NDArray[np.float64] | None:
    return read_states(path, cell.state_names, (len(cell.state_names),))
