"""Whether a cell answers a stimulus, or only shows the charge that it was given.

A pulse of 40 A/F for 2 ms lifts V by 80 mV in a cell that does nothing, so that V alone
tells no answer. A stimulus is answered if all of these hold:

    rise     V crosses the threshold upwards
    size     the amplitude exceeds `FULL` of that of a full beat
    source   the cell adds a current of its own: V peaks after the pulse, or rises
             steeper than `OWN` times what the pulse alone makes of it, its amplitude
             (A/F = V/s)
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.experiments.single_cells import INTERVAL, Pulse

FULL = 0.5  # of the amplitude of a full beat
OWN = 1.25  # of the slope that the pulse alone makes: a quarter from the cell itself

Biomarkers = Mapping[str, NDArray[np.float64]]


def is_answered(
    beats: Biomarkers, pulse: Pulse, full: ArrayLike = np.nan
) -> NDArray[np.bool_]:
    """Which stimuli were answered, by the criterion of this module.

    Args:
        beats: amplitude, activation_time, stimulus_end, peak_time and dvdt_max of
            measure/biomarkers.py, shape (n_beats, ...) or () each.
        pulse: of these stimuli.
        full: amplitude of a full beat, mV; the largest of `beats` if that is larger.
    """
    amplitude = np.asarray(beats["amplitude"])
    rises = np.isfinite(beats["activation_time"])
    largest = np.fmax(np.fmax.reduce(np.atleast_1d(amplitude), axis=0), full)
    return rises & (amplitude > FULL * largest) & ~is_charge_alone(beats, pulse)


def is_charge_alone(beats: Biomarkers, pulse: Pulse) -> NDArray[np.bool_]:
    """Where V shows no more than the charge of the pulse; as of `is_answered`."""
    late = np.asarray(beats["peak_time"]) - beats["stimulus_end"] > 1.5 * INTERVAL
    steep = np.asarray(beats["dvdt_max"]) > OWN * abs(pulse.amplitude)
    return ~(late | steep)


def require_answer(s1: Biomarkers, pulse: Pulse, threshold: float) -> None:
    """Refuse to go on from an S1 that the cell does not answer.

    Args:
        s1: biomarkers of one cell's beat, shape () each.
        pulse: its stimulus.
        threshold: mV.

    Raises:
        ValueError: V stays below the threshold, or exceeds it by the charge alone.
    """
    told = f"S1 of {pulse.amplitude:g} A/F for {pulse.duration:g} ms is not answered"
    if not s1["peak"] >= threshold:
        raise ValueError(
            f"{told}: V reaches {s1['peak']:.3g} mV of the {threshold:g} mV asked for; "
            "make it stronger"
        )
    if is_charge_alone(s1, pulse):
        raise ValueError(
            f"{told}: V exceeds {threshold:g} mV by the charge of the pulse alone; "
            "pace more slowly before, or take a cell that is excitable"
        )
