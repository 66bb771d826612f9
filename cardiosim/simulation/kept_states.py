"""States of nodes on disk, in the user's cache, under a hash of all they depend on."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cardiosim.ionic.kernel_cache import cache_root
from cardiosim.whole_file import whole_file

log = logging.getLogger(__name__)


def states_file(name: str, *key: Any) -> Path:
    """Where states are kept.

    Args:
        name: readable beginning of the file's name.
        key: what the states depend on, as JSON has it.
    """
    text = json.dumps(key, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    readable = re.sub(r"\W+", "_", name)
    return cache_root() / "states" / f"{readable}-{digest[:32]}.npz"


def read_states(
    path: Path, names: Sequence[str], shape: tuple[int, ...]
) -> NDArray[np.float64] | None:
    """States from a file; None, with a warning if it is damaged, where there are none.

    Args:
        path: as `states_file` returned it.
        names: of the states.
        shape: of the array, states first.
    """
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            states = stored["state"]
            found = tuple(stored["state_names"].tolist())
    except Exception as error:  # a damaged file can fail in the zip, npy or key layer
        log.warning("cached state %s cannot be read (%s); pacing again", path, error)
        return None
    fits = found == tuple(names) and states.shape == shape
    if not fits or not np.isfinite(states).all():
        log.warning("cached state %s does not fit the cell; pacing again", path)
        return None
    return states


def write_states(
    path: Path,
    states: NDArray[np.float64],
    names: Sequence[str],
    fingerprint: str,
    protocol: Mapping[str, Any],
) -> None:
    """Keep states; a folder that cannot be written is a warning.

    Args:
        path: as `states_file` returned it.
        states: states first.
        names: of them.
        fingerprint: of the cell, for who looks into the file.
        protocol: likewise.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial, open(partial, "wb") as file:
            np.savez(
                file,
                state=states,
                state_names=np.array(names),
                fingerprint=np.array(fingerprint),
                protocol=np.array(json.dumps(protocol)),
            )
    except OSError as error:
        log.warning("paced state is not cached in %s: %s", path.parent, error)
