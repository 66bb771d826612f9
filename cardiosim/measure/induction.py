"""Whether the last stimulus of a trial leaves a wave behind that goes on by itself.

    no response   no wave of the last pulse leaves the nodes that it stimulates (none
                  of the others is activated by it when its charge no longer acts,
                  `DIRECT` after its end), and nothing re-enters
    wave dies     the tissue falls silent before the end of the watch; less than
                  `TRANSIENT` of its nodes were activated again by the same wave
    re-entry dies as before, but so many nodes or more were
    sustained     re-entry, and nodes are activated until `ACTIVE` before the end of the
                  watch

The watch begins with the last pulse. A re-entrant activation is that of reentry.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.measure.reentry import DIRECT, WINDOW, waves

NO_RESPONSE, WAVE_DIES = "no response", "wave dies"
REENTRY_DIES, SUSTAINED = "re-entry dies", "sustained"
OUTCOMES = (NO_RESPONSE, WAVE_DIES, REENTRY_DIES, SUSTAINED)

ACTIVE = 50.0  # ms; the front of a wave that lives reaches a node far more often
TRANSIENT = 0.1  # of the nodes


@dataclass(frozen=True)
class Induction:
    """What became of one trial.

    Attributes:
        outcome: one of OUTCOMES.
        last_activation: of any node, ms after the begin of the last pulse; NaN if none
            came after it.
        beats: re-entrant activations of a node, median over those that the last pulse
            does not stimulate.
        share: of all nodes, that have a re-entrant activation.
        cycle_length: between the activations of a node, the later one re-entrant, ms;
            median; NaN without any.
        own_beats: activations, of all nodes, that no pulse explains.
    """

    outcome: str
    last_activation: float
    beats: float
    share: float
    cycle_length: float
    own_beats: int


def induction(
    activation: ArrayLike,
    neighbours: ArrayLike,
    begins: Sequence[float],
    durations: Sequence[float],
    sites: Sequence[NDArray[np.intp]],
    end: float,
    window: float = WINDOW,
) -> Induction:
    """Judge a trial by its activation times.

    Args:
        activation, neighbours, begins, durations, sites, window: as of `waves`; begins
            are one or more.
        end: of the watch, ms; a trial that was stopped when silent has that end too.
    """
    lat = np.asarray(activation, dtype=float)
    found = waves(lat, neighbours, begins, durations, sites, window)
    last = len(begins) - 1
    again = found.turn > 0
    share = float(again.any(axis=0).mean()) if lat.size else 0.0
    known = np.isfinite(lat)
    after = np.where(known & (lat >= begins[last]), lat, -np.inf)
    latest = float(after.max(initial=-np.inf))
    late = begins[last] + durations[last] + DIRECT
    away = (found.origin == last) & (np.nan_to_num(lat) > late)
    away[:, sites[last]] = False
    others = np.ones(lat.shape[1], dtype=bool)
    others[sites[last]] = False
    counted = again[:, others] if others.any() else again
    intervals = np.diff(lat, axis=0)[again[1:]] if len(lat) > 1 else np.empty(0)
    if share > 0.0 and latest >= end - ACTIVE:
        outcome = SUSTAINED
    elif share >= TRANSIENT:
        outcome = REENTRY_DIES
    else:
        outcome = WAVE_DIES if away.any() else NO_RESPONSE
    return Induction(
        outcome=outcome,
        last_activation=latest - begins[last] if np.isfinite(latest) else np.nan,
        beats=float(np.median(counted.sum(axis=0))) if counted.size else 0.0,
        share=share,
        cycle_length=float(np.median(intervals)) if intervals.size else np.nan,
        own_beats=int((known & (found.origin < 0)).sum()),
    )
