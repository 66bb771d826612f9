"""Where beats begin and end among the samples of a recording.

A beat that a stimulus begins starts at the last sample at or before the stimulus and
ends at the first sample of the next beat, or with the recording. The beats of many
nodes, each with its own begin and end, are handed out as blocks of a few nodes, so that
what is computed from a beat stays in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

BLOCK_VALUES = 100_000  # nodes x samples in a block, about 1 MB


@dataclass(frozen=True)
class Block:
    """One beat each of a few nodes."""

    nodes: slice  # which nodes these are
    times: NDArray  # ms, (n_times,), of all samples that any of the beats needs
    values: NDArray  # (n_nodes, n_times): one node a row
    first: NDArray  # sample at which the beat begins, (n_nodes,)
    last: NDArray  # sample at which it ends, included, (n_nodes,)
    measurable: NDArray  # False: too few samples or one not finite; values are 0

    @property
    def samples(self) -> NDArray:
        """Whether a sample is of the beat, (n_nodes, n_times)."""
        k = np.arange(self.times.size)
        return (k >= self.first[:, None]) & (k <= self.last[:, None])

    @property
    def intervals(self) -> NDArray:
        """Whether an interval between samples is, (n_nodes, n_times - 1)."""
        k = np.arange(self.times.size - 1)
        return (k >= self.first[:, None]) & (k < self.last[:, None])

    def at(self, samples: NDArray) -> NDArray:
        """Value of each node at its own sample, (n_nodes,)."""
        return self.values[np.arange(samples.size), samples]


def rounding(times: NDArray) -> float:
    """How far, ms, a sample computed as i*dt may miss a time that it is meant to be."""
    return 1e-6 * float(np.diff(times).min())


def last_sample_at(times: NDArray, moments: ArrayLike) -> NDArray:
    """Last sample at or before each moment, ms; -1 where there is none."""
    moments = np.asarray(moments, dtype=float) + rounding(times)
    return np.searchsorted(times, moments, side="right") - 1


def beat_bounds(starts: ArrayLike) -> tuple[NDArray, NDArray]:
    """Begins and ends of the beats of a train: each ends where the next begins.

    Args:
        starts: when the stimuli begin, ms, increasing, shape (n_beats,) if all nodes
            have them together, or (n_beats, n_nodes).

    Returns:
        The same starts, and ends of that shape, ms; the last is infinite.
    """
    starts = np.asarray(starts, dtype=float)
    in_order = starts.ndim in (1, 2) and not np.any(np.diff(starts, axis=0) <= 0.0)
    if not in_order or not starts.size:
        raise ValueError(
            f"stimulus starts have shape {starts.shape}; expected one or more "
            "increasing times, (n_beats,) or (n_beats, n_nodes): merge stimuli that "
            "act together into one beat"
        )
    return starts, np.concatenate([starts[1:], np.full_like(starts[:1], np.inf)])


def blocks(
    times: NDArray, values: NDArray, first: NDArray, last: NDArray
) -> Iterator[Block]:
    """Blocks of the nodes' beats, in the order of the nodes.

    Args:
        times: ms, shape (n_times,).
        values: shape (n_times, n_nodes).
        first: sample at which each node's beat begins, shape (n_nodes,); negative
            where it is not in the recording.
        last: sample at which it ends, included, shape (n_nodes,).
    """
    n_nodes = values.shape[1]
    recorded = (first >= 0) & (last > first)
    begin = int(first[recorded].min(initial=times.size - 1))
    stop = int(last[recorded].max(initial=begin)) + 1
    width = max(1, BLOCK_VALUES // max(1, stop - begin))
    for node in range(0, n_nodes, width):
        nodes = slice(node, min(node + width, n_nodes))
        block = np.array(values[begin:stop, nodes].T, dtype=float, order="C")
        measurable = recorded[nodes].copy()
        i = np.where(measurable, first[nodes] - begin, 0)
        j = np.where(measurable, last[nodes] - begin, 0)
        for row in np.flatnonzero(measurable):
            measurable[row] = np.isfinite(block[row, i[row] : j[row] + 1]).all()
        block[~measurable] = 0.0
        yield Block(nodes, times[begin:stop], block, i, j, measurable)


def per_node(moment: ArrayLike, n_nodes: int, what: str) -> NDArray:
    """A time for each node, ms, (n_nodes,), from one for all or one each."""
    moment = np.asarray(moment, dtype=float)
    if moment.shape not in ((), (n_nodes,)):
        raise ValueError(
            f"{what} has shape {moment.shape}; expected one number, or one a node: "
            f"({n_nodes},)"
        )
    return np.broadcast_to(moment, (n_nodes,))


def check_times(times: NDArray) -> None:
    """Refuse sample times that do not increase."""
    if np.any(np.diff(times) <= 0.0):
        k = int(np.argmax(np.diff(times) <= 0.0))
        raise ValueError(
            f"sample times must increase, but {times[k]:g} ms is followed by "
            f"{times[k + 1]:g} ms: sort the samples and drop repeated ones"
        )


def check_recording(times: NDArray, values: NDArray, what: str) -> None:
    """Refuse recordings of many nodes whose shapes do not fit."""
    fits = values.ndim == 2 and times.shape == values.shape[:1] and values.shape[1]
    if not fits or times.size < 2:
        raise ValueError(
            f"times have shape {times.shape} and {what} has shape {values.shape}; "
            "expected (n_times,) and (n_times, n_nodes) with at least two samples and "
            "one node: transpose if nodes come first"
        )
    check_times(times)


def check_percents(percents: ArrayLike, example: str) -> None:
    """Refuse percentages that are not between 0 and 100."""
    wrong = [p for p in np.atleast_1d(percents).tolist() if not 0.0 < p < 100.0]
    if wrong:
        raise ValueError(
            f"percentages {wrong} are not between 0 and 100; write {example}"
        )
