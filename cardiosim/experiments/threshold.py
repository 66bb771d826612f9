"""Diastolic threshold, and how it depends on the duration of the pulse.

A pulse is answered if V exceeds a threshold potential before `PATIENCE` has passed
since its end; the diastolic threshold is the smallest amplitude that is answered. The
charge of a pulse lifts V by itself too, but at threshold only to where the sodium
channels take over, far below the potential that is asked for. In a cell that is not
excitable nothing takes over, and the charge decides (`peaks_with_the_pulse`).

Over the duration d of the pulse it follows, roughly, one of two laws with two numbers,
the rheobase (threshold of an endless pulse) and the chronaxie (duration at which it is
doubled):

    Weiss 1901       I(d) = rheobase (1 + chronaxie/d)
    Lapicque 1907    I(d) = rheobase/(1 - 2^(-d/chronaxie))

The first says that the charge I d grows linearly with d; the second is the charging of
a membrane with time constant chronaxie/ln 2 and a fixed threshold potential. Both are
fitted to the relative deviation of I, by least squares.

References:
    Weiss G 1901, Sur la possibilite de rendre comparables entre eux les appareils
    servant a l'excitation electrique, Arch Ital Biol 35:413-446.
    Lapicque L 1907, Recherches quantitatives sur l'excitation electrique des nerfs
    traitee comme une polarisation, J Physiol Pathol Gen 9:620-635.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from cardiosim.experiments.bracket import Bracket, climb, narrow
from cardiosim.experiments.single_cells import (
    INTERVAL,
    Progress,
    Recording,
    round_up,
    run_cells,
)
from cardiosim.ionic.interface import IonicModel
from cardiosim.simulation.monodomain import uniform_states
from cardiosim.tissue.stimulus import Stimulus

PATIENCE = 100.0  # ms after a pulse ends; just above threshold V creeps up for tens
FIRST_RUNG = 5.0  # mV by which the charge of the weakest pulse lifts V


@dataclass(frozen=True)
class StrengthDuration:
    """Threshold of each duration.

    Attributes:
        durations: of the pulse, ms, shape (n,).
        brackets: the largest amplitude that fails and the smallest that is answered,
            A/F, one a duration.
    """

    durations: NDArray[np.float64]
    brackets: tuple[Bracket, ...]

    @property
    def thresholds(self) -> NDArray[np.float64]:
        """Smallest amplitudes that are answered, A/F, shape (n,); NaN without one."""
        return np.array([b.answers if b.is_closed else math.nan for b in self.brackets])


@dataclass(frozen=True)
class StrengthDurationLaw:
    """Fit of one of the laws.

    Attributes:
        rheobase: A/F.
        chronaxie: ms.
        residual: root mean square of the relative deviation.
    """

    rheobase: float
    chronaxie: float
    residual: float


def diastolic_threshold(
    cell: IonicModel,
    state: NDArray[np.float64],
    duration: float,
    dt: float,
    *,
    largest: float = 1000.0,
    resolution: float = 1e-3,
    threshold: float = -20.0,
    progress: Progress | None = None,
) -> Bracket:
    """Smallest amplitude of a pulse that gives an action potential.

    Args:
        cell: whose parameters are the same at all nodes.
        state: of the resting cell, shape (n_states,).
        duration: of the pulse, ms.
        dt: ms.
        largest: amplitude to look up to, A/F.
        resolution: width of the bracket at the end, relative to the threshold.
        threshold: potential that an answer exceeds, mV.
        progress: called with the rounds done and those that are expected.

    Returns:
        The largest amplitude that fails and the smallest that is answered, A/F. The
        first is NaN if the cell fires without a pulse, the second if `largest` fails.
    """
    found = strength_duration(
        cell,
        state,
        [duration],
        dt,
        largest=largest,
        resolution=resolution,
        threshold=threshold,
        progress=progress,
    )
    return found.brackets[0]


def strength_duration(
    cell: IonicModel,
    state: NDArray[np.float64],
    durations: Sequence[float],
    dt: float,
    *,
    largest: float = 2000.0,
    resolution: float = 1e-3,
    threshold: float = -20.0,
    progress: Progress | None = None,
) -> StrengthDuration:
    """Threshold of pulses of each duration; all trials of a round are one run.

    Args:
        durations: of the pulses, ms, shape (n,).
        cell, state, dt, largest, resolution, threshold, progress: as of
            `diastolic_threshold`.
    """
    durations = np.asarray(durations, dtype=float)
    if durations.ndim != 1 or not durations.size or durations.min() <= 0.0:
        raise ValueError(
            f"durations {durations.tolist()} ms; expected one or more positive ones"
        )
    if not (largest > 0.0 and resolution > 0.0):
        raise ValueError(
            f"largest amplitude {largest:g} A/F and resolution {resolution:g}; both "
            "must be positive"
        )

    def answers(which: NDArray, amplitudes: NDArray) -> NDArray[np.bool_]:
        pulses = durations[which]
        recording = pulse_responses(cell, state, amplitudes, pulses, dt)
        return _in_time(recording, pulses).max(axis=0) >= threshold

    # The charge of the first rung lifts V by 5 mV, of the fourth by 40 mV.
    first = np.minimum(FIRST_RUNG / durations, largest)
    brackets = climb(answers, first, float(largest))
    closed = [i for i, bracket in enumerate(brackets) if bracket.is_closed]
    narrowed = narrow(
        lambda which, amplitudes: answers(np.array(closed)[which], amplitudes),
        [brackets[i].fails for i in closed],
        [brackets[i].answers for i in closed],
        lambda bracket: resolution * bracket.answers,
        ends_known=True,
        progress=progress,
    )
    for i, bracket in zip(closed, narrowed, strict=True):
        brackets[i] = bracket
    return StrengthDuration(durations, tuple(brackets))


def pulse_responses(
    cell: IonicModel,
    state: NDArray[np.float64],
    amplitudes: ArrayLike,
    durations: ArrayLike,
    dt: float,
    patience: float = PATIENCE,
) -> Recording:
    """V of cells in one state under one pulse each, from its begin.

    Args:
        cell: whose parameters are the same at all nodes.
        state: shape (n_states,).
        amplitudes: A/F, shape (n_cells,).
        durations: ms, shape (n_cells,).
        dt: ms.
        patience: how long to wait after the longest pulse, ms.
    """
    durations = np.asarray(durations, dtype=float)
    stimuli = [
        Stimulus([node], 0.0, duration, float(amplitude))
        for node, (amplitude, duration) in enumerate(
            zip(np.asarray(amplitudes), durations, strict=True)
        )
    ]
    end = round_up(durations.max() + patience, dt)
    states = uniform_states(state, durations.size)
    # Whether V gets there is asked, not how steeply: every 0.1 ms will do.
    return run_cells(cell, states, stimuli, end, dt, fine=0.0)


def _in_time(recording: Recording, durations: NDArray) -> NDArray[np.float64]:
    """V until `PATIENCE` after each cell's own pulse, whatever the others wait for."""
    late = recording.times[:, None] > durations + PATIENCE + 1e-9
    return np.where(late, -np.inf, recording.V)


def peaks_with_the_pulse(recording: Recording, durations: ArrayLike) -> NDArray:
    """Whether V peaks just as the pulse ends: its charge, no action potential.

    Args:
        recording: of `pulse_responses`.
        durations: of the pulses, ms, shape (n_cells,).
    """
    durations = np.asarray(durations, dtype=float)
    at_peak = recording.times[_in_time(recording, durations).argmax(axis=0)]
    return np.abs(at_peak - durations) <= 1.5 * INTERVAL


def weiss_law(rheobase: float, chronaxie: float, durations: ArrayLike) -> NDArray:
    """Threshold amplitudes, A/F, shape (n,), of durations in ms, shape (n,)."""
    return rheobase * (1.0 + chronaxie / np.asarray(durations, dtype=float))


def lapicque_law(rheobase: float, chronaxie: float, durations: ArrayLike) -> NDArray:
    """Threshold amplitudes; arguments as of `weiss_law`."""
    d = np.asarray(durations, dtype=float)
    return rheobase / -np.expm1(-math.log(2.0) * d / chronaxie)


def fit_weiss(durations: ArrayLike, thresholds: ArrayLike) -> StrengthDurationLaw:
    """Fit I(d) = rheobase (1 + chronaxie/d); arguments as of `fit_lapicque`."""
    d, current = _known(durations, thresholds)
    if d.size < 2:
        return StrengthDurationLaw(math.nan, math.nan, math.nan)
    # Relative deviations: rheobase/I + (rheobase chronaxie)/(d I) = 1.
    columns = np.column_stack([1.0 / current, 1.0 / (d * current)])
    (rheobase, charge), *_ = np.linalg.lstsq(columns, np.ones(d.size), rcond=None)
    chronaxie = charge / rheobase
    return _law(rheobase, chronaxie, weiss_law(rheobase, chronaxie, d), current)


def fit_lapicque(durations: ArrayLike, thresholds: ArrayLike) -> StrengthDurationLaw:
    """Fit I(d) = rheobase/(1 - 2^(-d/chronaxie)).

    Args:
        durations: ms, shape (n,).
        thresholds: A/F, shape (n,); those that are NaN are left out.

    Returns:
        The law; NaN with fewer than two thresholds.
    """
    d, current = _known(durations, thresholds)
    if d.size < 2:
        return StrengthDurationLaw(math.nan, math.nan, math.nan)

    def law(logarithms: NDArray) -> NDArray:
        return lapicque_law(*np.exp(logarithms), d)

    start = np.log([current.min(), np.median(d)])
    fit = least_squares(lambda x: law(x) / current - 1.0, start, xtol=1e-12)
    return _law(*np.exp(fit.x), law(fit.x), current)


def _law(
    rheobase: float, chronaxie: float, law: NDArray, current: NDArray
) -> StrengthDurationLaw:
    residual = math.sqrt(np.mean((law / current - 1.0) ** 2))
    return StrengthDurationLaw(float(rheobase), float(chronaxie), residual)


def _known(durations: ArrayLike, thresholds: ArrayLike) -> tuple[NDArray, NDArray]:
    d, current = (np.asarray(a, dtype=float) for a in (durations, thresholds))
    if d.shape != current.shape or d.ndim != 1:
        raise ValueError(
            f"durations have shape {d.shape} and thresholds {current.shape}; expected "
            "the same (n,)"
        )
    known = np.isfinite(current)
    return d[known], current[known]
