"""The state of a cell after many beats, computed once and kept in the user's cache.

Pacing a single cell to its rhythm costs more than many a tissue run, and depends only
on the cell and the protocol. States are kept by a hash of both.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cardiosim.ionic.kernel_cache import cache_root
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.run import march
from cardiosim.tissue.mesh import point
from cardiosim.tissue.stimulus import Stimulus
from cardiosim.whole_file import whole_file

if TYPE_CHECKING:
    from cardiosim.ionic.interface import IonicModel

CACHE_VERSION = 1  # raise when the loop or the layout of the files changes

log = logging.getLogger(__name__)


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
    if beats < 1:
        raise ValueError(f"{beats} beats of prepacing; give one or more")
    protocol = {
        "bcl": float(bcl),
        "beats": int(beats),
        "amplitude": float(amplitude),
        "duration": float(duration),
        "dt": float(dt),
    }
    path = _cache_file(cell, protocol)
    state = _read(path, cell)
    if state is None:
        stimulus = Stimulus([0], 0.0, duration, amplitude, period=bcl, count=beats)
        single = Monodomain(point(), cell, stimuli=(stimulus,))
        march(single, dt, end=beats * bcl, progress=progress)
        state = single.states[:, 0].copy()
        _write(path, state, cell, protocol)
    return state


def _cache_file(cell: IonicModel, protocol: dict[str, float]) -> Path:
    key = json.dumps([CACHE_VERSION, cell.fingerprint, protocol], sort_keys=True)
    digest = hashlib.sha256(key.encode()).hexdigest()
    readable = re.sub(r"\W+", "_", cell.name)
    return cache_root() / "states" / f"{readable}-{digest[:32]}.npz"


def _read(path: Path, cell: IonicModel) -> NDArray[np.float64] | None:
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            state = stored["state"]
            names = tuple(stored["state_names"].tolist())
    except Exception as error:  # a damaged file can fail in the zip, npy or key layer
        log.warning("cached state %s cannot be read (%s); pacing again", path, error)
        return None
    fits = names == tuple(cell.state_names) and state.shape == (len(names),)
    if not fits or not np.isfinite(state).all():
        log.warning("cached state %s does not fit the cell; pacing again", path)
        return None
    return state


def _write(
    path: Path,
    state: NDArray[np.float64],
    cell: IonicModel,
    protocol: dict[str, float],
) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial, open(partial, "wb") as file:
            np.savez(
                file,
                state=state,
                state_names=np.array(cell.state_names),
                fingerprint=np.array(cell.fingerprint),
                protocol=np.array(json.dumps(protocol)),
            )
    except OSError as error:
        log.warning("paced state is not cached in %s: %s", path.parent, error)
