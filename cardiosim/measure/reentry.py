"""Which stimulus a wave comes from, and where it comes back: re-entry, defined.

    cause         of an activation: that of the neighbouring node activated last
                  before it, by no more than `WINDOW`; back along the causes every
                  activation has one origin
    origin        a pulse, if it is of a node under that pulse, from its begin until
                  `DIRECT` after its end, or has no cause and comes less than `LATE`
                  after the pulse begins; none otherwise (a beat of the tissue's own)
    turn          how many times the wave of the same pulse has run over the node
                  before; what a pulse excites itself is not run over. Of waves that
                  have no pulse: those that begin less than `LATE` apart are one
    re-entrant    an activation with one turn or more

So that the waves of a fast train that follow each other across a tissue, each once, are
none, however many a node sees after the last pulse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

WINDOW = 50.0  # ms from node to node, at most: less than any wave takes to come again
DIRECT = 5.0  # ms after a pulse in which its charge still carries nodes across
LATE = 50.0  # ms in which what a pulse left below threshold may take off
NO_PULSE = -1


@dataclass(frozen=True, eq=False)
class Waves:
    """Of every activation, where it comes from.

    Attributes:
        origin: pulse, shape (n_beats, n_nodes); NO_PULSE without one, or without an
            activation.
        turn: shape (n_beats, n_nodes).
        is_direct: whether the pulse itself excited the node, shape (n_beats, n_nodes).
    """

    origin: NDArray[np.intp]
    turn: NDArray[np.intp]
    is_direct: NDArray[np.bool_]


def waves(
    activation: ArrayLike,
    neighbours: ArrayLike,
    begins: Sequence[float],
    durations: Sequence[float],
    sites: Sequence[NDArray[np.intp]],
    window: float = WINDOW,
) -> Waves:
    """Trace every activation back to a pulse.

    Args:
        activation: times, ms, increasing along the first axis, shape (n_beats,
            n_nodes); NaN behind the last of a node.
        neighbours: pairs of nodes that are coupled, shape (n_pairs, 2), each once.
        begins: of the pulses, ms, increasing, shape (n_pulses,).
        durations: of the pulses, ms, likewise.
        sites: nodes of each pulse.
        window: longest time from a node to its neighbour, ms.
    """
    lat = np.asarray(activation, dtype=float)
    pairs = np.asarray(neighbours, dtype=np.intp)
    if lat.ndim != 2 or pairs.ndim != 2 or pairs.shape[1:] != (2,):
        raise ValueError(
            f"activation has shape {lat.shape} and neighbours {pairs.shape}; expected "
            "(n_beats, n_nodes) and (n_pairs, 2)"
        )
    if not len(begins) == len(durations) == len(sites):
        raise ValueError(
            f"{len(begins)} begins, {len(durations)} durations and {len(sites)} sites; "
            "give one of each a pulse"
        )
    direct = _direct(lat, begins, durations, sites)
    cause = _causes(lat, pairs, window)
    own = direct.ravel() != NO_PULSE
    cause[own] = np.flatnonzero(own)
    while True:  # halves the way back each time
        before = cause[cause]
        if np.array_equal(before, cause):
            break
        cause = before
    first = np.where(own, direct.ravel(), _latest(lat.ravel(), begins))
    no_pulse = (first == NO_PULSE) & (cause == np.arange(lat.size))
    first[no_pulse] = NO_PULSE - 1 - _begins_apart(lat.ravel()[no_pulse])
    wave = np.where(np.isnan(lat.ravel()), NO_PULSE, first[cause]).reshape(lat.shape)
    is_direct = direct != NO_PULSE
    turn = np.zeros(lat.shape, dtype=np.intp)
    for beat in range(1, len(lat)):
        same = (wave[:beat] == wave[beat]) & ~is_direct[:beat]
        turn[beat] = np.where(wave[beat] == NO_PULSE, 0, same.sum(axis=0))
    turn[is_direct] = 0
    return Waves(np.maximum(wave, NO_PULSE), turn, is_direct)


def _direct(
    lat: NDArray,
    begins: Sequence[float],
    durations: Sequence[float],
    sites: Sequence[NDArray],
) -> NDArray[np.intp]:
    """Pulse under which each activation comes, NO_PULSE if none, as `activation`."""
    direct = np.full(lat.shape, NO_PULSE, dtype=np.intp)
    for pulse, (begin, duration, nodes) in enumerate(
        zip(begins, durations, sites, strict=True)
    ):
        own = lat[:, nodes]
        inside = (own >= begin) & (own <= begin + duration + DIRECT)
        direct[:, nodes] = np.where(inside, pulse, direct[:, nodes])
    return direct


def _causes(lat: NDArray, pairs: NDArray, window: float) -> NDArray[np.intp]:
    """Flat number of the activation that caused each, or its own without one."""
    n_beats, n_nodes = lat.shape
    cause = np.arange(lat.size)
    shortest = np.full(lat.size, np.inf)
    here = np.concatenate([pairs[:, 0], pairs[:, 1]])
    there = np.concatenate([pairs[:, 1], pairs[:, 0]])
    of_neighbour = np.nan_to_num(lat, nan=np.inf)[:, there]
    for beat in range(n_beats):
        t = lat[beat, here]
        # The last activation of the neighbour before this one; strictly, so that no
        # two activations cause each other.
        last = (of_neighbour < t).sum(axis=0) - 1
        known = np.flatnonzero((last >= 0) & np.isfinite(t))
        delay = t[known] - lat[last[known], there[known]]
        known, delay = known[delay <= window], delay[delay <= window]
        of = beat * n_nodes + here[known]
        np.minimum.at(shortest, of, delay)
        chosen = delay == shortest[of]
        k = known[chosen]
        cause[of[chosen]] = last[k] * n_nodes + there[k]
    return cause


def _begins_apart(times: NDArray) -> NDArray[np.intp]:
    """Number of the group of each time, groups being `LATE` apart; NaN in the last."""
    order = np.argsort(times)
    group = np.cumsum(np.diff(times[order], prepend=times[order][:1]) >= LATE)
    groups = np.empty(times.size, dtype=np.intp)
    groups[order] = group
    return groups


def _latest(times: NDArray, begins: Sequence[float]) -> NDArray[np.intp]:
    """The last pulse that began before each time, if not too long before."""
    begins = np.asarray(begins, dtype=float)
    if not begins.size:
        return np.full(times.shape, NO_PULSE, dtype=np.intp)
    latest = np.searchsorted(begins, times, side="right") - 1
    with np.errstate(invalid="ignore"):
        late = ~(times - begins[np.maximum(latest, 0)] <= LATE)
    return np.where((latest < 0) | late, NO_PULSE, latest)
