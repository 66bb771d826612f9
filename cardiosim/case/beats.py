"""When the beats of a case begin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.schema import Case
from cardiosim.case.stimulus_tables import StimulusTable

ROUNDING = 1e-6  # of a time step; what begins so close to the end has no step in it


def beats_of(case: Case) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When the stimuli begin and how long they last, ms; together is one beat.

    Returns:
        Begins before the end of the run, in increasing order, and durations, each of
        shape (n_beats,).
    """
    longest: dict[float, float] = {}
    for table in case.stimulus:
        for start in _begins(table, case):
            longest[start] = max(table.duration, longest.get(start, 0.0))
    starts = np.array(sorted(longest))
    return starts, np.array([longest[start] for start in starts])


def amplitudes_of(case: Case) -> NDArray[np.float64]:
    """Size of the current that each beat begins with, A/F, (n_beats,).

    Stimuli that begin together add up: beats are those of `beats_of`.
    """
    total: dict[float, float] = {}
    for table in case.stimulus:
        for start in _begins(table, case):
            total[start] = total.get(start, 0.0) + table.current(case.tissue)
    return np.abs([total[start] for start in sorted(total)])


def _begins(table: StimulusTable, case: Case) -> list[float]:
    train = table.pulses([0], 0.0)  # when, not where or how much, is asked
    return list(train.begins(case.time.end - ROUNDING * case.time.dt))
