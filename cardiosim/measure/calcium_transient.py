"""Calcium transient of each beat of many nodes.

A beat begins at the last sample at or before its stimulus and ends where the next
begins, or with the recording, as in biomarkers.py. In it,

    diastolic calcium    Ca at the beat's first sample: just before the stimulus
    peak calcium         largest sample of Ca in the beat
    amplitude            peak - diastolic calcium
    time to peak         from the begin of the stimulus to the sample of the peak
    decay to p percent   from the peak to the first downward crossing of
                         peak - (p/100) amplitude, linear between samples

Units are those of the recording, mM in the cells of this program. Where Ca does not
rise above its diastolic value there is no transient: its amplitude is 0, and the times
are NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.measure.beats import (
    Block,
    beat_bounds,
    blocks,
    check_percents,
    check_recording,
    last_sample_at,
    per_node,
)
from cardiosim.measure.level_crossing import first_fall


def calcium_biomarkers(
    times: ArrayLike,
    calcium: ArrayLike,
    start: ArrayLike,
    decays: Sequence[float] = (50, 90),
    end: ArrayLike = math.inf,
) -> dict[str, NDArray]:
    """Calcium transient of one beat of many nodes, as the module defines it.

    Args:
        times: increasing sample times, ms, shape (n_times,).
        calcium: cytosolic calcium, mM, shape (n_times, n_nodes).
        start: when the stimulus begins, ms; one, or shape (n_nodes,).
        decays: percentages of the decay at which to give its duration.
        end: when the next beat begins, ms; one, or shape (n_nodes,).

    Returns:
        Arrays of shape (n_nodes,) by name: diastolic_calcium, peak_calcium,
        calcium_amplitude (mM); calcium_time_to_peak, calcium_decay50, ... for each of
        the decays (ms). NaN where a quantity does not exist.
    """
    times, calcium = np.asarray(times, dtype=float), np.asarray(calcium)
    check_recording(times, calcium, "calcium")
    check_percents(decays, "90 for the decay by 90 % of the amplitude")
    start = per_node(start, calcium.shape[1], "start")
    end = per_node(end, calcium.shape[1], "end")
    first, last = last_sample_at(times, start), last_sample_at(times, end)
    parts = [
        _measure(block, start[block.nodes], decays)
        for block in blocks(times, calcium, first, last)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def train_calcium_biomarkers(
    times: ArrayLike,
    calcium: ArrayLike,
    starts: ArrayLike,
    decays: Sequence[float] = (50, 90),
) -> dict[str, NDArray]:
    """Calcium transients of every beat; each ends where the next begins.

    Args:
        starts: when the stimuli begin, ms, increasing, shape (n_beats,) or
            (n_beats, n_nodes).
        times, calcium, decays: as of `calcium_biomarkers`.

    Returns:
        As of `calcium_biomarkers`, of shape (n_beats, n_nodes).
    """
    starts, ends = beat_bounds(starts)
    beats = [
        calcium_biomarkers(times, calcium, start, decays, end)
        for start, end in zip(starts, ends, strict=True)
    ]
    return {name: np.stack([beat[name] for beat in beats]) for name in beats[0]}


def _measure(
    block: Block, start: NDArray, decays: Sequence[float]
) -> dict[str, NDArray]:
    times, calcium = block.times, block.values
    diastolic = block.at(block.first)
    at_peak = np.where(block.samples, calcium, -np.inf).argmax(axis=1)
    peak = block.at(at_peak)
    amplitude = peak - diastolic
    rises = amplitude > 0.0
    falling = block.intervals & (np.arange(times.size - 1) >= at_peak[:, None])
    falling &= rises[:, None]
    found = {
        "diastolic_calcium": diastolic,
        "peak_calcium": peak,
        "calcium_amplitude": amplitude,
        "calcium_time_to_peak": np.where(rises, times[at_peak] - start, np.nan),
        **{
            f"calcium_decay{percent:g}": first_fall(
                times, calcium, peak - percent / 100.0 * amplitude, falling
            )
            - times[at_peak]
            for percent in decays
        },
    }
    return {
        name: np.where(block.measurable, values, np.nan)
        for name, values in found.items()
    }
