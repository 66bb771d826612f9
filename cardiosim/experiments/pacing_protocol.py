"""Pacing of a case to its steady state, and what is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from cardiosim.case.protocols import PacingProtocol
from cardiosim.experiments.findings import Column, Findings, Traces, entry
from cardiosim.experiments.steady_state import SteadyState, pace_to_steady_state
from cardiosim.measure.answers import with_answers
from cardiosim.measure.beat_to_beat import ALTERNANS_CHANGES, alternans, changes
from cardiosim.measure.biomarkers import biomarker_unit

if TYPE_CHECKING:
    from cardiosim.experiments.laboratory import Bench

_SHAPE = {
    "resting_potential": "before the stimulus",
    "peak": "largest V of the last beat",
    "amplitude": "peak minus resting potential",
    "dvdt_max": "largest dV/dt of the last beat",
    "dvdt_max_during_stimulus": "largest dV/dt while the stimulus lasts",
    "dvdt_max_after_stimulus": "largest dV/dt once the stimulus is over",
}
_CALCIUM = {
    "diastolic_calcium": "before the stimulus",
    "calcium_amplitude": "peak minus diastolic calcium",
}


def pacing_findings(bench: Bench, protocol: PacingProtocol) -> Findings:
    """Pace the cell of a case."""
    pulse = bench.pulse(protocol.pulse)
    paced = pace_to_steady_state(
        bench.cell,
        bench.state,
        pulse,
        protocol.bcl,
        bench.dt,
        tolerance=protocol.tolerance or None,
        most_beats=protocol.beats,
        percents=bench.percents,
        potentials=bench.potentials,
        threshold=bench.threshold,
        progress=bench.progress,
    )
    full = paced.beats[0].amplitude
    beats = with_answers(paced.beats, pulse.amplitude, full)
    paced = replace(paced, beats=tuple(beats))
    n_beats, percent = len(paced.beats), max(bench.percents)
    columns = {
        "beat": Column("1", np.arange(1, n_beats + 1)),
        **_biomarkers(paced, bench, bench.potentials),
        "change": Column("1", paced.changes),
    }
    apd = columns[f"apd{percent:g}"].values
    numbers = {
        "beats": entry(n_beats, "1", "beats used"),
        "change": entry(paced.changes[-1], "1", "largest change of a state, last beat"),
        **{
            name: entry(columns[name].values[-1], columns[name].unit, meaning)
            for name, meaning in _meanings(bench.percents, bench.potentials).items()
            if name in columns
        },
        f"apd{percent:g}_alternans": entry(
            alternans(apd).magnitude, "ms", "size of what alternates, last beats"
        ),
    }
    V = bench.cell.state_names[0]
    both = np.hstack([paced.first.V, paced.last.V])  # of the same times
    labels = ("beat 1", f"beat {n_beats}")
    shown = slice(0 if n_beats > 1 else 1, None)
    traces = Traces(paced.last.times, {V: both[:, shown]}, {V: "mV"}, labels[shown])
    return Findings(
        numbers,
        {"beats": columns},
        {"beats": traces},
        _notes(paced, protocol.tolerance, bench),
    )


def _biomarkers(
    paced: SteadyState, bench: Bench, potentials: Sequence[float]
) -> dict[str, Column]:
    """All that is measured, by beat."""
    values = {
        name: [getattr(beat, name) for beat in paced.beats]
        for name in (*_SHAPE, "triangulation")
    }
    for p in bench.percents:
        values[f"apd{p:g}"] = [beat.apd[p] for beat in paced.beats]
    for level in potentials:
        values[f"apd_at_{level:g}mV"] = [beat.apd_at[level] for beat in paced.beats]
    longest = f"apd{max(bench.percents):g}"
    values[f"{longest}_change"] = changes(values[longest])
    values |= paced.transients
    calcium = bench.cell.facts["cytosolic_calcium"]
    unit = bench.cell.unit_of(calcium) if calcium else "mM"
    return {
        name: Column(biomarker_unit(name, unit), np.asarray(column))
        for name, column in values.items()
    }


def _meanings(percents: Sequence[float], potentials: Sequence[float]) -> dict[str, str]:
    """Numbers of the last beat that the summary has, and what they mean."""
    durations = {f"apd{p:g}": f"dV/dt max to {p:g} % repolarisation" for p in percents}
    at = {f"apd_at_{level:g}mV": f"time above {level:g} mV" for level in potentials}
    return _SHAPE | durations | {"triangulation": "APD90 minus APD30"} | at | _CALCIUM


def _notes(paced: SteadyState, tolerance: float, bench: Bench) -> tuple[str, ...]:
    notes, n_beats = [], len(paced.beats)
    if tolerance and not paced.is_steady:
        notes.append(
            f"no steady state within {n_beats} beats: the last one still changed a "
            f"state by {paced.changes[-1]:.2g}, more than {tolerance:g}"
        )
    last = paced.beats[-ALTERNANS_CHANGES - 1 :]
    failed = sum(not beat.answered for beat in last)
    if failed:
        notes.append(
            f"{failed} of the last {len(last)} stimuli were not answered: the cell "
            "does not follow this rate, or the stimulus is too weak"
        )
    percent = max(bench.percents)
    alternating = alternans([beat.apd[percent] for beat in last])
    if alternating.is_present:
        notes.append(
            f"APD{percent:g} alternates from beat to beat by "
            f"{alternating.magnitude:.3g} ms"
        )
    return tuple(notes)
