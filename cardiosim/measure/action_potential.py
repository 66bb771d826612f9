"""Action potentials of one recorded trace, beat by beat.

Where a beat begins is a matter of what excites the node:

    stimulated cell      (`action_potentials`) at the last sample at or before the
                         stimulus, whether or not the cell answers
    tissue               (`propagated_action_potentials`) at the foot of the node's
                         own upstroke, whatever the delay since the stimulus: the
                         sample of smallest V (the last of equals) between the
                         activation before, or the begin of the recording, and
                         this one. Activations are the upward crossings of a
                         threshold in the node's trace, activation.py

V is the maximum diastolic potential at the foot, or, where the wave meets tissue that
still repolarises, the take-off potential: it falls until the front arrives. A beat
ends where the next begins, or with the recording.

What is measured of a beat, and how, is in biomarkers.py, for one node and for many.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.measure.activation import crossings
from cardiosim.measure.beats import (
    check_percents,
    check_times,
    last_sample_at,
)
from cardiosim.measure.biomarkers import measure_beats


@dataclass(frozen=True)
class ActionPotential:
    """One beat of one node; a quantity that the recording does not show is NaN."""

    stimulus_start: float  # ms; NaN, like all about the stimulus, of a propagated beat
    stimulus_end: float  # ms
    resting_potential: float  # mV
    peak: float  # mV
    peak_time: float  # ms
    amplitude: float  # mV
    dvdt_max: float  # mV/ms (= V/s), whole beat
    dvdt_max_time: float  # ms
    dvdt_max_during_stimulus: float  # mV/ms
    dvdt_max_after_stimulus: float  # mV/ms
    dvdt_max_after_stimulus_time: float  # ms
    apd: Mapping[float, float]  # percent of repolarisation -> ms
    apd_at: Mapping[float, float]  # potential, mV -> ms
    triangulation: float  # ms, APD90 - APD30
    activation_time: float  # ms, first upward crossing of the threshold
    answered: bool = True  # False where answers.py has found that it is none
    charge_alone: bool = False  # V shows the charge of the stimulus, and no more


def action_potentials(
    times: ArrayLike,
    V: ArrayLike,
    stimulus_starts: ArrayLike,
    stimulus_durations: ArrayLike,
    percents: Sequence[float] = (50, 90),
    threshold: float = -20.0,
    potentials: Sequence[float] = (),
) -> list[ActionPotential]:
    """Biomarkers of every beat whose stimulus starts within the recording.

    Args:
        times: increasing sample times, ms, shape (n_times,); they need not be
            evenly spaced.
        V: membrane potential of one node, mV, shape (n_times,).
        stimulus_starts: increasing times at which the beats begin, ms,
            shape (n_beats,).
        stimulus_durations: ms, shape (n_beats,) or one number for all.
        percents: repolarisation percentages at which to give the duration.
        threshold: a beat whose peak stays below this, mV, is a failed response:
            its APDs are NaN.
        potentials: mV, at which to give the duration as well.

    Returns:
        One `ActionPotential` a beat, in time order. Beats that begin before the
        first sample or have fewer than two samples are left out.
    """
    times, V = _checked(times, V, percents)
    starts = np.atleast_1d(np.asarray(stimulus_starts, dtype=float))
    if starts.ndim != 1 or np.any(np.diff(starts) <= 0.0):
        raise ValueError(
            f"stimulus starts are {starts.tolist()} ms; expected one increasing "
            "list: merge stimuli that act together into one beat"
        )
    ends = starts + np.broadcast_to(
        np.asarray(stimulus_durations, dtype=float), starts.shape
    )
    first = last_sample_at(times, starts)
    last = np.append(first, times.size - 1)[1:]
    return [
        _beat(times, V, (i, j), (start, end), percents, potentials, threshold)
        for i, j, start, end in zip(first, last, starts, ends, strict=True)
        if i >= 0 and j > i
    ]


def propagated_action_potentials(
    times: ArrayLike,
    V: ArrayLike,
    percents: Sequence[float] = (50, 90),
    threshold: float = -20.0,
    repolarised: float | None = None,
    potentials: Sequence[float] = (),
) -> list[ActionPotential]:
    """Biomarkers of every beat of a node of tissue, each from its own foot.

    Args:
        times: increasing sample times, ms, shape (n_times,), from before the first
            upstroke on: a trace that begins within it has no foot of it.
        V: membrane potential of one node, mV, shape (n_times,).
        percents: repolarisation percentages at which to give the duration.
        threshold: mV; an upward crossing of it is an activation.
        repolarised: what V must fall below, mV, before an activation counts again;
            20 mV below the threshold by default.
        potentials: mV, at which to give the duration as well.

    Returns:
        One `ActionPotential` an activation, in time order; NaN in what is about the
        stimulus.
    """
    times, V = _checked(times, V, percents)
    before = crossings(V, threshold, repolarised)  # last sample before each
    if not before.size:
        return []
    # The last of equal samples: argmin of the reversed diastole gives the first.
    feet = [
        k - int(V[begin : k + 1][::-1].argmin())
        for begin, k in zip((0, *(before[:-1] + 1)), before, strict=True)
    ]
    none = (math.nan, math.nan)
    return [
        _beat(times, V, (i, j), none, percents, potentials, threshold)
        for i, j in zip(feet, [*feet[1:], times.size - 1], strict=True)
    ]


def _beat(
    times: NDArray,
    V: NDArray,
    samples: tuple[int, int],
    stimulus: tuple[float, float],
    percents: Sequence[float],
    potentials: Sequence[float],
    threshold: float,
) -> ActionPotential:
    """The beat between two samples, the second included, as that of one node."""
    first, last = (np.array([sample]) for sample in samples)
    start, end = (np.array([moment], dtype=float) for moment in stimulus)
    measured = measure_beats(
        times, V[:, None], first, last, (start, end), percents, potentials, threshold
    )
    found = {name: float(value[0]) for name, value in measured.items()}
    return ActionPotential(
        apd={percent: found.pop(f"apd{percent:g}") for percent in percents},
        apd_at={level: found.pop(f"apd_at_{level:g}mV") for level in potentials},
        **found,
    )


def _checked(
    times: ArrayLike, V: ArrayLike, percents: Sequence[float]
) -> tuple[NDArray, NDArray]:
    times, V = np.asarray(times, dtype=float), np.asarray(V, dtype=float)
    if times.ndim != 1 or V.shape != times.shape or times.size < 2:
        raise ValueError(
            f"times have shape {times.shape} and V has shape {V.shape}; expected "
            "the same (n_times,) with at least two samples: pass one node's trace"
        )
    check_times(times)
    if not np.all(np.isfinite(V)):
        k = int(np.argmin(np.isfinite(V)))
        raise ValueError(
            f"V is {V[k]} mV at t = {times[k]:g} ms; expected finite values: "
            "measure only up to the last finite sample"
        )
    check_percents(percents, "90 for the duration to 90 % repolarisation")
    return times, V
