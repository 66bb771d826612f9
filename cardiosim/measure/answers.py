"""Whether a cell answers a stimulus, or only shows the charge that it was given.

A pulse of 40 A/F for 2 ms lifts V by 80 mV in a cell that does nothing, so that V alone
tells no answer. A stimulus is answered if all of these hold:

    rise     V crosses the threshold upwards
    size     the amplitude exceeds `FULL` of that of a full beat
    source   the cell adds a current of its own: V peaks after the pulse, or rises
             steeper than `OWN` times what the pulse alone makes of it, its amplitude
             (A/F = V/s)

A beat that is no answer has no durations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.measure.action_potential import ActionPotential

FULL = 0.5  # of the amplitude of a full beat
OWN = 1.25  # of the slope that the pulse alone makes: a quarter from the cell itself
LATE = 0.3  # ms after the pulse: more than the interval between samples, 0.2 ms

Biomarkers = Mapping[str, NDArray[np.float64]]
_ASKED = ("amplitude", "activation_time", "stimulus_end", "peak_time", "dvdt_max")


def is_answered(
    beats: Biomarkers,
    stimulus: ArrayLike,
    full: ArrayLike = np.nan,
    late: float = LATE,
) -> NDArray[np.bool_]:
    """Which stimuli were answered, by the criterion of this module.

    Args:
        beats: amplitude, activation_time, stimulus_end, peak_time and dvdt_max of
            measure/biomarkers.py, shape (n_beats, ...) or () each.
        stimulus: amplitude of these stimuli, A/F; one, or of that shape.
        full: amplitude of a full beat, mV; the largest of `beats` if that is larger.
        late: ms after the pulse from which a peak is the cell's own; one and a half
            times the longest interval between samples, or more.
    """
    amplitude = np.asarray(beats["amplitude"])
    rises = np.isfinite(beats["activation_time"])
    largest = np.fmax(np.fmax.reduce(np.atleast_1d(amplitude), axis=0), full)
    alone = is_charge_alone(beats, stimulus, late)
    return rises & (amplitude > FULL * largest) & ~alone


def is_charge_alone(
    beats: Biomarkers, stimulus: ArrayLike, late: float = LATE
) -> NDArray[np.bool_]:
    """Where V shows no more than the charge of the pulse; as of `is_answered`."""
    after = np.asarray(beats["peak_time"]) - beats["stimulus_end"] > late
    steep = np.asarray(beats["dvdt_max"]) > OWN * np.abs(stimulus)
    return ~(after | steep)


def is_duration(name: str) -> bool:
    """Whether a biomarker is a duration, which only an answer has."""
    return name.startswith("apd") or name == "triangulation"


def with_answers(
    beats: Sequence[ActionPotential],
    stimulus: ArrayLike,
    full: float = np.nan,
    late: float = LATE,
) -> list[ActionPotential]:
    """Beats of one stimulated cell; those that are no answers without durations.

    Args:
        beats: in time order.
        stimulus: amplitude of each stimulus, A/F; one, or shape (n_beats,).
        full, late: as of `is_answered`.
    """
    if not beats:
        return []
    shapes = {name: np.array([getattr(b, name) for b in beats]) for name in _ASKED}
    answered = is_answered(shapes, stimulus, full, late)
    alone = is_charge_alone(shapes, stimulus, late)
    return [
        beat
        if answered[k]
        else replace(
            beat,
            apd=dict.fromkeys(beat.apd, math.nan),
            apd_at=dict.fromkeys(beat.apd_at, math.nan),
            triangulation=math.nan,
            answered=False,
            charge_alone=bool(alone[k]),
        )
        for k, beat in enumerate(beats)
    ]


def why_no_durations(
    rest: float,
    peak: float,
    durations: Mapping[str, float],
    threshold: float,
    answered: bool = True,
    charge_alone: bool = False,
) -> str:
    """Why the last beat of a run lacks durations; "" if it has them all.

    Args:
        rest: resting potential of the beat, mV.
        peak: of the beat, mV.
        durations: by how they are asked for, "90 %" or "-60 mV", ms.
        threshold: of an answer, mV.
        answered: whether the beat is an answer.
        charge_alone: whether V shows the charge of the stimulus alone.
    """
    if math.isnan(peak):
        return "the last beat is not recorded"
    told = "the last stimulus is not answered: "
    if not peak >= threshold:
        return f"{told}V stays below {threshold:g} mV"
    if charge_alone:
        return f"{told}V shows its charge alone"
    if not answered and rest > threshold:
        return (
            f"{told}V begins above {threshold:g} mV, record.activation_threshold, "
            "and does not rise through it"
        )
    if not answered:
        return f"{told}V rises by less than {100.0 * FULL:g} % of a full beat"
    missing = [name for name, duration in durations.items() if math.isnan(duration)]
    reasons = []
    for verb, unit in (("repolarise by", "%"), ("rise through and fall below", "mV")):
        levels = [name.removesuffix(unit).strip() for name in missing if unit in name]
        if levels:
            levels = ", ".join(levels)
            reasons.append(f"V does not {verb} {levels} {unit} before the run ends")
    return "; ".join(reasons)


def require_answer(
    s1: Biomarkers, amplitude: float, duration: float, threshold: float
) -> None:
    """Refuse to go on from an S1 that the cell does not answer.

    Args:
        s1: biomarkers of one cell's beat, shape () each.
        amplitude: of its stimulus, A/F.
        duration: of its stimulus, ms.
        threshold: mV.

    Raises:
        ValueError: V stays below the threshold, or exceeds it by the charge alone.
    """
    told = f"S1 of {amplitude:g} A/F for {duration:g} ms is not answered"
    if not s1["peak"] >= threshold:
        raise ValueError(
            f"{told}: V reaches {s1['peak']:.3g} mV of the {threshold:g} mV asked for; "
            "make it stronger"
        )
    if is_charge_alone(s1, amplitude):
        raise ValueError(
            f"{told}: V exceeds {threshold:g} mV by the charge of the pulse alone; "
            "pace more slowly before, or take a cell that is excitable"
        )
