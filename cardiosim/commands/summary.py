"""Numbers of a run as entries of its summary: value, unit, definition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.schema import MeasureTable
from cardiosim.commands.recorded import (
    case_of,
    cytosolic_calcium,
    is_tissue,
    traced_beats,
    traced_transients,
    traces_of,
)
from cardiosim.experiments.findings import entry
from cardiosim.measure.action_potential import ActionPotential
from cardiosim.measure.answers import why_no_durations
from cardiosim.measure.beat_to_beat import (
    ALTERNANS_BOUND,
    ALTERNANS_CHANGES,
    alternans,
    changes,
    diastolic_intervals,
)
from cardiosim.measure.biomarkers import biomarker_unit
from cardiosim.measure.conduction_velocity import conduction_fit, conduction_velocity
from cardiosim.output.results import Results

DECAYS = (50.0, 90.0)  # percent of a calcium transient's amplitude


def conduction_numbers(
    results: Results, start: float, stop: float, beat: int = 1
) -> dict[str, dict[str, Any]]:
    """Conduction velocity of one activation, as entries of a summary."""
    if len(results.activation) < beat:
        raise ValueError(
            f"{results.path} holds {len(results.activation)} activations, expected at "
            f"least {beat}; run longer, or stimulate more"
        )
    x, lat = results.mesh_points[:, 0], results.activation[beat - 1]
    fit = conduction_fit(x, lat, start, stop)
    beats = len(results.activation)
    which = f", beat {beat} of {beats}" if beats > 1 else ""
    part = f"{start:.0%} and {stop:.0%} of the cable{which}"
    return {
        "conduction_velocity": entry(
            conduction_velocity(x, lat, start, stop), "m/s", f"between {part}"
        ),
        "conduction_velocity_fit": entry(
            fit.velocity, "m/s", f"least-squares line between {part}"
        ),
        "conduction_fit_residual": entry(
            fit.residual, "ms", "root mean square of LAT minus that line"
        ),
    }


def no_conduction_numbers(
    results: Results, start: float, stop: float
) -> dict[str, dict[str, Any]]:
    """The entry of a summary for a velocity that could not be measured."""
    x = results.mesh_points[:, 0]
    x0, x1 = (x.min() + part * np.ptp(x) for part in (start, stop))
    definition = f"no single wave between {x0:g} and {x1:g} mm"
    return {"conduction_velocity": entry(math.nan, "m/s", definition)}


def action_potential_numbers(
    results: Results, percents: tuple[float, ...]
) -> dict[str, dict[str, Any]]:
    """Biomarkers of the last beat at each node with a trace of V, and of its calcium.

    Of single cells the calcium transient comes with them where it was recorded.
    """
    potentials = apd_potentials(case_of(results).measure)
    traced = traced_beats(results, percents, potentials)
    name = None if is_tissue(results) else cytosolic_calcium(results)
    transients = traced_transients(results, name, DECAYS) if name else {}
    numbers: dict[str, dict[str, Any]] = {}
    for node, beats in traced.items():
        if not beats:
            x = results.mesh_points[node, 0]
            silent = entry(math.nan, "ms", f"no activation at x = {x:g} mm")
            entries = {f"apd{percent:g}": silent for percent in percents}
        elif is_tissue(results):
            which = f", beat {len(beats)} of {len(beats)}" if len(beats) > 1 else ""
            entries = _propagated_biomarkers(beats[-1], which)
        else:
            entries = _biomarkers(beats[-1]) | _beat_to_beat(beats, max(percents))
            if node in transients:
                unit = traces_of(name, results)[0].units[name]
                entries |= _transient(transients[node], unit)
        suffix = f"_node{node}" if len(traced) > 1 else ""
        numbers |= {name + suffix: entry for name, entry in entries.items()}
    return numbers


def missing_durations(results: Results, percents: tuple[float, ...]) -> list[str]:
    """Why last beats lack durations that were asked for, one line a reason."""
    case, nodes = case_of(results), {}
    potentials = apd_potentials(case.measure)
    threshold = case.record.activation_threshold
    for node, beats in traced_beats(results, percents, potentials).items():
        if not beats:
            why = f"V does not rise above {threshold:g} mV"
        else:
            last = beats[-1]
            asked = {f"{p:g} %": duration for p, duration in last.apd.items()}
            asked |= {f"{level:g} mV": at for level, at in last.apd_at.items()}
            why = why_no_durations(
                last.resting_potential,
                last.peak,
                asked,
                threshold,
                last.answered,
                last.charge_alone,
            )
        if why:
            nodes.setdefault(why, []).append(str(node))
    several = is_tissue(results)
    return [
        (f"no duration at node {', '.join(where)}: {why}" if several else why)
        for why, where in nodes.items()
    ]


def _biomarkers(beat: ActionPotential) -> dict[str, dict[str, Any]]:
    slope = "largest dV/dt"
    after = beat.dvdt_max_time - beat.stimulus_start
    return {
        **_shape(
            beat,
            resting_potential="V just before the stimulus",
            peak="largest V of the beat",
            amplitude="peak minus resting potential",
            dvdt_max=f"{slope} of the whole beat",
        ),
        "dvdt_max_time": entry(after, "ms", "after the stimulus began"),
        **_shape(
            beat,
            dvdt_max_during_stimulus=f"{slope} while the stimulus lasts",
            dvdt_max_after_stimulus=f"{slope} once the stimulus is over",
        ),
        **_durations(beat),
        **_shape(beat, triangulation="APD90 minus APD30"),
    }


def _propagated_biomarkers(
    beat: ActionPotential, which: str
) -> dict[str, dict[str, Any]]:
    return {
        **_shape(
            beat,
            activation_time=f"V crosses the threshold{which}",
            resting_potential="smallest V between the beat before and this",
            peak="largest V of the beat",
            amplitude="peak minus resting potential",
            dvdt_max="largest dV/dt of the whole beat",
        ),
        **_durations(beat),
    }


def _shape(beat: ActionPotential, **definitions: str) -> dict[str, dict[str, Any]]:
    return {
        name: entry(getattr(beat, name), biomarker_unit(name), definition)
        for name, definition in definitions.items()
    }


def _durations(beat: ActionPotential) -> dict[str, dict[str, Any]]:
    return {
        f"apd{percent:g}": entry(
            duration, "ms", f"from dV/dt max to {percent:g} % repolarisation"
        )
        for percent, duration in beat.apd.items()
    } | {
        f"apd_at_{level:g}mV": entry(
            duration, "ms", f"from rising through {level:g} mV to falling below it"
        )
        for level, duration in beat.apd_at.items()
    }


def _beat_to_beat(
    beats: Sequence[ActionPotential], percent: float
) -> dict[str, dict[str, Any]]:
    """What the last of several beats has to do with those before it."""
    if len(beats) < 2:
        return {}
    interval, change = between_beats(beats, percent)[-1]
    before = f"from {percent:g} % repolarisation of the beat before to dV/dt max"
    entries = {
        "diastolic_interval": entry(interval, "ms", before),
        f"apd{percent:g}_change": entry(change, "ms", "since the beat before"),
    }
    if len(beats) > 2:
        entries[f"apd{percent:g}_alternans"] = entry(
            alternans([beat.apd[percent] for beat in beats]).magnitude,
            "ms",
            alternates(beats, percent),
        )
    return entries


def _transient(beats: dict[str, NDArray], unit: str) -> dict[str, dict[str, Any]]:
    """The calcium transient of the last beat."""
    definitions = {
        "diastolic_calcium": "just before the stimulus",
        "peak_calcium": "largest of the beat",
        "calcium_amplitude": "peak minus diastolic calcium",
        "calcium_time_to_peak": "from the begin of the stimulus",
        **{
            f"calcium_decay{percent:g}": (
                f"from the peak until {percent:g} % of the amplitude are gone"
            )
            for percent in DECAYS
        },
    }
    return {
        name: entry(beats[name][-1], biomarker_unit(name, unit), definition)
        for name, definition in definitions.items()
    }


def between_beats(
    beats: Sequence[ActionPotential], percent: float
) -> list[tuple[float, float]]:
    """Diastolic interval before each beat, and change of its APD, ms."""
    if not beats:
        return []
    durations = [beat.apd[percent] for beat in beats]
    upstrokes = [beat.dvdt_max_time for beat in beats]
    intervals = diastolic_intervals(upstrokes, durations)
    return list(zip(intervals.tolist(), changes(durations).tolist(), strict=True))


def alternates(beats: Sequence[ActionPotential], percent: float) -> str:
    """In words, whether the APD alternates."""
    if len(beats) < 3:
        return f"alternans takes three beats to be seen; here are {len(beats)}"
    found = alternans([beat.apd[percent] for beat in beats])
    looked_at = min(ALTERNANS_CHANGES, len(beats) - 1) + 1
    return (
        f"APD{percent:g} of the last {looked_at} beats "
        f"{'alternates' if found.is_present else 'does not alternate'} (in turn, by "
        f"{ALTERNANS_BOUND:g} ms or more each)"
    )


def apd_potentials(asked: MeasureTable) -> tuple[float, ...]:
    """Potentials, mV, at which a case asks for the APD."""
    return asked.apd_at or ()
