"""Fit the numbers of a calcium step in closed loop: whole cells against whole cells.

What is compared is V, the subspace's calcium and the load of the reticulum over seconds
of pacing, not steps: errors of a step that cancel over a beat do no harm, and small
ones that add up do. The derivative by each number is a difference of two such runs; all
of them are nodes of one batch, each with its own numbers.

    minimise  mean of  c^2/2 log(1 + (r/c)^2)        r residuals, c robust

Cauchy's loss, because a beat that fails in one of two cells is no small error. Positive
numbers are fitted by their logarithms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.calcium_step_tables import ResidualsTable
from cardiosim.experiments.calcium_recordings import Recording, pace
from cardiosim.ionic.cell import Cell
from cardiosim.ionic.compiled import compile_cell
from cardiosim.surrogates.calcium_buffers import free_of_total
from cardiosim.surrogates.calcium_step import LEARNED, POSITIVE, TOTALS, CalciumStep
from cardiosim.surrogates.levenberg_marquardt import LeastSquares

Vector = NDArray[np.float64]

DIFFERENCE = 1e-3  # of a logarithm or a number, for derivatives
_AFTER_UPSTROKE = 4  # samples from the upstroke on that do not count
_FALLING = (-73.0, -45.0)  # mV, where V falls at the end of an action potential
_LARGEST = 1e4  # of a derivative; a beat that fails has none
_AT_ONCE = 64  # samples whose derivatives are summed in one product


def encoded(numbers: dict[str, float]) -> Vector:
    """What is fitted: logarithms of the positive numbers, and the others."""
    return np.array(
        [np.log(numbers[n]) if n in POSITIVE else numbers[n] for n in LEARNED]
    )


def decoded(p: Vector) -> dict[str, NDArray]:
    """Numbers by name, of (..., n_numbers) what is fitted, each (...)."""
    columns = np.moveaxis(np.asarray(p), -1, 0)
    return {
        n: np.exp(column) if n in POSITIVE else column
        for n, column in zip(LEARNED, columns, strict=True)
    }


@dataclass(frozen=True)
class ClosedLoop:
    """Residuals of a calcium step on recordings of the equations.

    Attributes:
        surrogate: whose numbers are fitted.
        recordings: what it is compared with.
        residuals: their scales and weights.
        dt: ms.
    """

    surrogate: CalciumStep
    recordings: Sequence[Recording]
    residuals: ResidualsTable
    dt: float

    def problem(self) -> LeastSquares:
        """For the optimiser."""
        return LeastSquares(self.normal, self.loss)

    def loss(self, p: Vector) -> float:
        """Cauchy's loss a residual."""
        total, count = 0.0, 0

        def add(r: NDArray) -> None:
            nonlocal total, count
            total += self._robust(r).sum()
            count += r.size

        for k in range(len(self.recordings)):
            self._run(k, p[None], lambda r: add(r[:, 0]))
        return total / count if np.isfinite(total) else np.inf

    def normal(self, p: Vector) -> tuple[NDArray, Vector, float]:
        """J'WJ, J'Wr and the loss, a residual; W are Cauchy's weights."""
        n = p.size
        matrix, gradient, total, count = np.zeros((n, n)), np.zeros(n), 0.0, 0
        waiting: list[NDArray] = []

        def add() -> None:
            nonlocal total, count
            if not waiting:
                return
            r = np.concatenate(waiting, axis=2)  # (3, n + 1, samples)
            waiting.clear()
            first = r[:, 0].ravel()
            slope = (r[:, 1:] - r[:, :1]) / DIFFERENCE
            slope = slope.transpose(1, 0, 2).reshape(n, -1)
            slope = np.clip(np.nan_to_num(slope), -_LARGEST, _LARGEST)
            weighted = slope / (1.0 + (first / self.residuals.robust) ** 2)
            matrix[:] += weighted @ slope.T
            gradient[:] += weighted @ first
            total += self._robust(first).sum()
            count += first.size

        def take(r: NDArray) -> None:
            waiting.append(r)
            if len(waiting) == _AT_ONCE:
                add()

        tried = np.vstack([p, p + DIFFERENCE * np.eye(n)])
        for k in range(len(self.recordings)):
            self._run(k, tried, take)
            add()
        return matrix / count, gradient / count, total / count

    def errors(self, p: Vector) -> list[NDArray]:
        """RMSE of V of each cell of each recording, mV."""
        found = []
        for k, recording in enumerate(self.recordings):
            V: list[NDArray] = []
            self._run(k, p[None], lambda _: None, lambda y, V=V: V.append(y[0].copy()))
            found.append(np.sqrt(np.mean((np.array(V) - recording.V) ** 2, axis=0)))
        return found

    def _run(
        self,
        k: int,
        p: NDArray,
        take: Callable[[NDArray], None],
        look: Callable[[NDArray], None] = lambda states: None,
    ) -> None:
        """March a recording with each row of p; `take` gets (3, n_rows, n_cells)."""
        recording, weights = self.recordings[k], self._weights[k]
        n_rows, n_cells = len(p), recording.V.shape[1]
        own = {f"surrogate.{n}": np.repeat(v, n_cells) for n, v in decoded(p).items()}
        cell = self._cell(own)
        states = np.tile(self._starts[k], (1, n_rows))
        rows = {name: cell.state_names.index(name) for name in TOTALS}
        scale = self.residuals
        sample = 0

        def visit(_: float, states: NDArray) -> None:
            nonlocal sample
            total = {name: states[row] for name, row in rows.items()}
            T = total[TOTALS[0]]
            calcium = free_of_total(self.surrogate.numbers, "subspace", T)
            of = states[0], calcium, self.surrogate.load(total)
            V, calcium, load = (row.reshape(n_rows, n_cells) for row in of)
            weight = weights[sample]
            with np.errstate(invalid="ignore", divide="ignore"):
                r = [
                    weight * (V - recording.V[sample]) / scale.potential,
                    (weight > 0.0)
                    * np.log(calcium / recording.calcium[sample])
                    / scale.calcium,
                    np.log(load / recording.load[sample]) / scale.load,
                ]
            take(np.array(r))
            look(states)
            sample += 1

        pace(
            cell,
            states,
            np.tile(recording.current, (1, n_rows)),
            self.dt,
            visit,
            recording.sample,
        )

    def _cell(self, own: dict[str, NDArray] | None = None) -> Cell:
        surrogate = self.surrogate
        return compile_cell(
            surrogate.model, scheme="multirate", surrogate=surrogate, parameters=own
        )

    def _robust(self, r: NDArray) -> NDArray:
        c = self.residuals.robust
        return 0.5 * c * c * np.log1p((r / c) ** 2)

    @cached_property
    def _starts(self) -> list[NDArray]:
        cell = self._cell()
        return [cell.start_from(recording.states) for recording in self.recordings]

    @cached_property
    def _weights(self) -> list[NDArray]:
        """Of V of each sample and cell: 0 in and shortly after upstrokes."""
        return [self._weights_of(recording) for recording in self.recordings]

    def _weights_of(self, recording: Recording) -> NDArray:
        slope = np.gradient(recording.V, recording.sample, axis=0)
        steep = np.abs(slope) >= self.residuals.steepest
        counts = ~steep
        for later in range(1, _AFTER_UPSTROKE):
            counts[later:] &= ~steep[:-later]
        low, high = _FALLING
        falling = (slope < -0.01) & (recording.V > low) & (recording.V < high)
        return counts * np.where(falling, self.residuals.repolarisation, 1.0)
