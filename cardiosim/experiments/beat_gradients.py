"""The derivative of a beat by parameters of its cell, through the torch backend.

The discrete run itself is differentiated, in forward mode (ionic/sensitivity.py): V and
dV/d ln f march together, f being a factor on a parameter. What comes out are pairs of
traces V + h dV/d ln f and V - h dV/d ln f, as `LastBeat.by_differences` gives them.

The steps are those of rush_larsen, and may be longer than the case's: a fit ends where
the case's own residuals do not get smaller, and the derivatives only lead there.

What moves an event between two formulas is not in this derivative: at V = v_gate the
rate of h of mitchell_schaeffer2003 jumps, and a later crossing changes the states by
rate times delay, of which no step knows (the saltation of hybrid systems). For such a
cell the derivative is 30 % off. Where formulas meet without a jump nothing is lost.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.cells import build_cell
from cardiosim.experiments.last_beat import Beat, LastBeat, Pairs
from cardiosim.experiments.single_cells import INTERVAL, UPSTROKE
from cardiosim.tissue.stimulus import Stimulus, stimulus_current

ALONG = 1e-2  # of ln f, how far a pair goes along a derivative,
ALONG_V = 1.0  # mV, and how far V moves with it at most


class TorchGradients:
    """Derivatives of one last beat at any parameters."""

    def __init__(self, beat: LastBeat, dt: float) -> None:
        """Compile the linearised cell, or take it from the cache.

        That takes two minutes for a large cell, once for each set of parameters.

        Args:
            beat: the beat to differentiate.
            dt: longest step, ms; upstrokes have the case's if that is shorter.

        Raises:
            ValueError: torch is not installed.
        """
        self._beat, self._dt = beat, dt
        case = beat.with_factors(np.ones(len(beat.names)))
        table = {
            "backend": "torch",
            "device": "cpu",
            "dtype": "float64",
            "scheme": "rush_larsen",
        }
        cell = build_cell(
            case.model_copy(update={"cell": case.cell.model_copy(update=table)})
        )
        # Without torch, the cell has said so.
        from cardiosim.ionic.sensitivity import LinearisedCell

        self._linearised = LinearisedCell(cell, beat.names)
        self._linearised.compile()
        self._own = dict(zip(cell.free, cell.parameter_rows(1)[:, 0], strict=True))

    def __call__(self, factors: NDArray) -> Pairs:
        """Pairs of traces along the derivatives, on one thread.

        Threads that wait for each other at every tiny step cost a factor of thirty and
        more where other processes want the cores.

        Args:
            factors: of the parameters, (n_parameters,).

        Raises:
            ValueError: the derivatives are not finite: dt is too long.
        """
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return self._pairs(factors)
        finally:
            torch.set_num_threads(threads)

    def _pairs(self, factors: NDArray) -> Pairs:
        beat, linearised = self._beat, self._linearised
        cell = linearised.cell
        case = beat.with_factors(factors)
        stimuli = beat.stimuli(1)
        values = {n: self._own[n] * f for n, f in zip(beat.names, factors, strict=True)}
        p = cell.tensor([float(value) for value in values.values()])
        state, tangents = beat.paced_with_tangents(factors)
        y, s = cell.tensor(state)[:, None], cell.tensor(tangents)[:, None, :] / p
        times = _sample_times(beat.start, case.time.end, case.time.dt)
        V, dV = [], []
        for t0, t1, step in self._stretches(stimuli, times, case.time.dt):
            if t1 > t0:
                i_stim = float(stimulus_current(stimuli, t0, t1, 1)[0])
                n = max(1, math.ceil((t1 - t0) / step - 1e-6))
                y, s = linearised.run(y, s, i_stim, (t1 - t0) / n, n, values)
            if t1 >= times[0]:
                V.append(float(y[0, 0]))
                dV.append((s[0, 0] * p).numpy())
        V, dV = np.array(V), np.array(dV)
        if not (np.isfinite(V).all() and np.isfinite(dV).all()):
            raise ValueError(
                f"derivatives are not finite with gradient_dt {self._dt:g} ms; use a "
                'shorter one, or gradients = "differences"'
            )
        largest = np.maximum(np.abs(dV).max(axis=0), ALONG_V)
        half = np.minimum(ALONG, ALONG_V / largest)
        since, move = times - beat.start, half * dV
        return Pairs(
            Beat(since, V[:, None] + move, beat.duration),
            Beat(since, V[:, None] - move, beat.duration),
            half,
        )

    def _stretches(
        self, stimuli: Sequence[Stimulus], times: NDArray, dt: float
    ) -> Iterator[tuple[float, float, float]]:
        """Begin, end and longest step of stretches in which the stimulus is constant.

        The first has no length: it is the begin of the run.
        """
        begins = [t for stimulus in stimuli for t in stimulus.begins(times[-1])]
        ends = [
            t + stimulus.duration
            for stimulus in stimuli
            for t in stimulus.begins(times[-1])
        ]
        upstrokes = [t + UPSTROKE for t in begins]
        edges = np.array([0.0, *begins, *ends, *upstrokes])
        edges = np.unique(np.concatenate([edges[edges < times[0] - 1e-9], times]))
        last = edges[0]
        for t in edges:
            since = last + 1e-9 - np.array(begins)
            fine = ((since >= 0.0) & (since < UPSTROKE)).any()
            yield last, t, min(dt, self._dt) if fine else self._dt
            last = t


def _sample_times(start: float, end: float, dt: float) -> NDArray[np.float64]:
    """Every step of the upstroke, then at intervals, ms; the first is the stimulus."""
    fine = np.arange(start, min(start + UPSTROKE, end), dt)
    n = max(1, math.ceil((end - fine[-1]) / INTERVAL - 1e-6))
    return np.concatenate([fine, np.linspace(fine[-1], end, n + 1)[1:]])
