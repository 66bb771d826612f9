"""Local activation times from recorded membrane potentials, and cycle lengths.

An activation is an upward crossing of a threshold, linear between samples. It counts
again only after V has fallen below `repolarised`, so that a wobble around the threshold
is one beat; a trace that starts at or above the threshold must fall below `repolarised`
first. The recorders of a run count in the same way (simulation/upstrokes.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.measure.level_crossing import first_rise

REARM = 20.0  # mV from the threshold down to where a node counts again


def activation_times(
    V: ArrayLike,
    times: ArrayLike,
    threshold: float = -20.0,
    repolarised: float | None = None,
) -> NDArray:
    """First activation of each node.

    Args:
        V: membrane potential, mV, shape (n_times, n_nodes).
        times: increasing sample times, ms, shape (n_times,).
        threshold: mV.
        repolarised: mV, at most the threshold; 20 mV below it by default.

    Returns:
        Activation time, ms, shape (n_nodes,); NaN where the node never activates.
    """
    V = np.asarray(V, dtype=float)
    times = np.asarray(times, dtype=float)
    if V.ndim != 2 or times.shape != V.shape[:1]:
        raise ValueError(
            f"V has shape {V.shape} and times {times.shape}; expected "
            "(n_times, n_nodes) and (n_times,): transpose V if nodes come first"
        )
    if np.any(np.diff(times) <= 0.0):
        raise ValueError("sample times must increase: sort the samples first")
    repolarised = threshold - REARM if repolarised is None else repolarised
    V = V.T
    starts_below = V[:, :1] < threshold
    counts = starts_below | np.logical_or.accumulate(V < repolarised, axis=1)
    return first_rise(times, V, threshold, counts[:, :-1])


def crossings(
    V: ArrayLike, threshold: float = -20.0, repolarised: float | None = None
) -> NDArray:
    """Last samples before each activation in one node's trace.

    Args:
        V: membrane potential of one node, mV, shape (n_times,).
        threshold: mV.
        repolarised: mV; 20 mV below the threshold by default.

    Returns:
        Indices k, increasing, with V[k] < threshold <= V[k + 1].
    """
    V = np.asarray(V, dtype=float)
    repolarised = threshold - REARM if repolarised is None else repolarised
    counted, armed, begin = [], bool(V.size) and bool(V[0] < threshold), 0
    for k in np.flatnonzero((V[:-1] < threshold) & (V[1:] >= threshold)):
        if armed or V[begin : k + 1].min() < repolarised:
            counted.append(k)
            armed, begin = False, k + 1
    return np.array(counted, dtype=np.intp)


@dataclass(frozen=True, eq=False)
class CycleLengths:
    """How often and how regularly nodes were activated in some stretch of time.

    Attributes:
        activations: how many, shape (n_nodes,).
        mean: of the times from one activation to the next, ms, shape (n_nodes,); NaN
            where there were fewer than two activations.
        deviation: standard deviation of these times, ms, shape (n_nodes,); NaN where
            there were fewer than three.
    """

    activations: NDArray[np.intp]
    mean: NDArray
    deviation: NDArray


def cycle_lengths(activation: ArrayLike, begin: float, end: float) -> CycleLengths:
    """Times between successive activations from `begin` to `end`.

    Args:
        activation: times of the activations of each node, increasing along the first
            axis, ms, shape (n_beats, n_nodes); NaN behind the last of a node.
        begin: ms, included.
        end: ms, included.
    """
    activation = np.asarray(activation, dtype=float)
    if activation.ndim != 2:
        raise ValueError(
            f"activation times have shape {activation.shape}; expected (n_beats, "
            "n_nodes)"
        )
    inside = (activation >= begin) & (activation <= end)
    counted = inside.sum(axis=0)
    # Neighbours only: what lies outside is before the first or behind the last.
    known = inside[1:] & inside[:-1]
    intervals = np.where(known, np.diff(activation, axis=0), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = intervals.sum(axis=0) / (counted - 1)
        squares = np.where(known, (intervals - mean) ** 2, 0.0).sum(axis=0)
        deviation = np.sqrt(squares / (counted - 2))
    return CycleLengths(
        counted,
        np.where(counted > 1, mean, np.nan),
        np.where(counted > 2, deviation, np.nan),
    )
