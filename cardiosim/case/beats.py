"""When the beats of a case begin."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.schema import Case


def beats_of(case: Case) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When the stimuli begin and how long they last, ms; together is one beat.

    Returns:
        Begins in increasing order, and durations, each of shape (n_beats,).
    """
    longest: dict[float, float] = {}
    for stimulus in case.stimulus:
        pulses = stimulus.count or 1
        if stimulus.period is not None and stimulus.count is None:
            pulses = math.ceil((case.time.end - stimulus.start) / stimulus.period)
        for pulse in range(pulses):
            start = stimulus.start + pulse * (stimulus.period or 0.0)
            longest[start] = max(stimulus.duration, longest.get(start, 0.0))
    starts = np.array(sorted(longest))
    return starts, np.array([longest[start] for start in starts])
