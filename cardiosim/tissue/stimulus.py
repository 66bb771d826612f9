"""Currents injected into nodes: rectangular pulses, alone, in trains or at any times.

What a step of [t0, t1] gets is the exact mean of the current over it, so that the
charge delivered does not depend on dt or on where the pulse starts inside a step.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

# Of a pulse's duration: what back-to-back pulses may overlap, their begins rounded.
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Stimulus:
    """Current injected into a set of nodes: a train of pulses, and further ones.

    Attributes:
        nodes: node numbers, shape (n_stimulated,).
        start: begin of the first pulse, ms.
        duration: of one pulse, ms.
        amplitude: A/F, positive depolarises.
        period: from pulse to pulse of the train, ms; infinite for a single pulse.
        count: number of pulses of the train; None for one without end (for a single
            pulse if the period is infinite).
        further: begins of the pulses after the train, increasing, ms.
    """

    nodes: NDArray[np.intp]
    start: float
    duration: float
    amplitude: float
    period: float = math.inf
    count: int | None = None
    further: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        nodes = np.unique(np.asarray(self.nodes, dtype=np.intp))
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "further", tuple(map(float, self.further)))
        if not (math.isfinite(self.start) and math.isfinite(self.amplitude)):
            raise ValueError(
                f"stimulus start {self.start:g} ms, amplitude {self.amplitude:g} A/F; "
                "both must be finite"
            )
        if not 0.0 < self.duration < math.inf:
            raise ValueError(
                f"stimulus duration {self.duration:g} ms; "
                "it must be positive and finite"
            )
        if not self.period >= self.duration:
            raise ValueError(
                f"stimulus period {self.period:g} ms is shorter than the duration "
                f"{self.duration:g} ms; pulses of a train may not overlap"
            )
        if self.count is not None and self.count < 1:
            raise ValueError(
                f"stimulus count {self.count}; give one or more, or none for a train "
                "without end"
            )
        if self.count is not None and self.count > 1 and math.isinf(self.period):
            raise ValueError(
                f"stimulus count {self.count} without a period; give the period in ms"
            )
        if self.further:
            self._check_further()

    def _check_further(self) -> None:
        if math.isinf(self._n_train):
            raise ValueError(
                "pulses after a train without end; give the count of its pulses"
            )
        least = self.duration * (1.0 - ROUNDING)
        for before, begin in pairwise((self._begin(self._n_train - 1), *self.further)):
            if not before + least <= begin < math.inf:
                raise ValueError(
                    f"a pulse at {begin:g} ms comes before the pulse at {before:g} ms "
                    f"has ended, after {self.duration:g} ms; give increasing times of "
                    "pulses that do not overlap"
                )

    @classmethod
    def at(
        cls,
        nodes: NDArray[np.intp],
        times: Iterable[float],
        duration: float,
        amplitude: float,
    ) -> Stimulus:
        """Return pulses that begin at these times, ms, increasing."""
        times = tuple(times)
        if not times:
            raise ValueError("a stimulus at no time; give one time or more, in ms")
        start, *further = times
        return cls(nodes, start, duration, amplitude, further=tuple(further))

    @property
    def n_pulses(self) -> float:
        """Number of pulses, infinite for a train without end."""
        return self._n_train + len(self.further)

    @property
    def _n_train(self) -> float:
        if self.count is not None:
            return self.count
        return 1 if math.isinf(self.period) else math.inf

    @property
    def last_end(self) -> float:
        """End of the last pulse, ms; infinite for a train without end."""
        return self._begin(self.n_pulses - 1) + self.duration

    def mean_current(self, t0: float, t1: float) -> float:
        """Return the mean of the current over [t0, t1], A/F."""
        if t1 <= self.start:
            return 0.0
        overlap = 0.0
        pulse = self._pulse_before(t0)
        while pulse < self.n_pulses and self._begin(pulse) < t1:
            begin = self._begin(pulse)
            overlap += max(0.0, min(t1, begin + self.duration) - max(t0, begin))
            pulse += 1
        # A quotient of exactly 1 on the plateau of a pulse leaves its amplitude exact.
        return self.amplitude * (overlap / (t1 - t0))

    def next_edge(self, t: float) -> float:
        """Return the first time after t at which the current changes, ms."""
        pulse = self._pulse_before(t)
        while pulse < self.n_pulses:
            begin = self._begin(pulse)
            for edge in (begin, begin + self.duration):
                if edge > t:
                    return edge
            pulse += 1
        return math.inf

    def begins(self, end: float) -> list[float]:
        """Return the times, up to `end`, ms, at which a pulse begins."""
        begins: list[float] = []
        while len(begins) < self.n_pulses and self._begin(len(begins)) <= end:
            begins.append(self._begin(len(begins)))
        return begins

    def _pulse_before(self, t: float) -> int:
        """Return a pulse that begins before t, with at most two to go to t."""
        if t <= self.start:
            return 0
        if self.further and t >= self.further[0]:
            return int(self._n_train) + bisect_right(self.further, t) - 1
        if math.isinf(self.period):
            return 0
        # One less than the quotient says, which may be rounded up.
        pulse = max(0, math.floor((t - self.start) / self.period) - 1)
        return min(pulse, self._n_train)  # the first of the further ones, or the end

    def _begin(self, pulse: float) -> float:
        if self.further and pulse >= self._n_train:
            return self.further[int(pulse - self._n_train)]
        return self.start + pulse * self.period if pulse else self.start


def stimulus_current(
    stimuli: Sequence[Stimulus],
    t0: float,
    t1: float,
    n_nodes: int,
    out: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Sum of all stimuli at each node, averaged over [t0, t1].

    Args:
        stimuli: any number of them; currents of overlapping ones add up.
        t0: ms.
        t1: ms, after t0.
        n_nodes: number of nodes of the mesh.
        out: array to fill, shape (n_nodes,); a new one if none is given.

    Returns:
        i_stim, A/F, shape (n_nodes,).
    """
    i_stim = np.empty(n_nodes) if out is None else out
    i_stim.fill(0.0)
    for stimulus in stimuli:
        mean = stimulus.mean_current(t0, t1)
        if mean != 0.0:
            i_stim[stimulus.nodes] += mean
    return i_stim


class AppliedCurrent:
    """All stimuli of a run; recomputes only when the current has changed."""

    def __init__(self, stimuli: Sequence[Stimulus], n_nodes: int):
        """Hold the stimuli of a mesh with n_nodes nodes."""
        self.stimuli = tuple(stimuli)
        self._i_stim = np.zeros(n_nodes)
        self._steady_from, self._steady_until = math.inf, -math.inf
        self._asked, self._edge = math.inf, -math.inf  # what next_edge said last

    def over(self, t0: float, t1: float) -> NDArray[np.float64]:
        """Return the mean i_stim over [t0, t1], A/F, shape (n_nodes,).

        The array is used again by the next call.
        """
        if self._steady_from <= t0 and t1 <= self._steady_until:
            return self._i_stim
        stimulus_current(self.stimuli, t0, t1, len(self._i_stim), self._i_stim)
        edge = self.next_edge(t0)
        if t1 <= edge:
            self._steady_from, self._steady_until = t0, edge
        else:
            self._steady_from, self._steady_until = math.inf, -math.inf
        return self._i_stim

    def next_edge(self, t: float) -> float:
        """Return the first time after t at which any stimulus changes, ms."""
        if not self._asked <= t < self._edge:
            edges = (s.next_edge(t) for s in self.stimuli)
            self._asked, self._edge = t, min(edges, default=math.inf)
        return self._edge
