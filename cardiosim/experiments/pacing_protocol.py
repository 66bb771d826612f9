"""Pacing of a case to its steady state, and what is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cardiosim.case.protocols import PacingProtocol
from cardiosim.experiments.findings import Column, Findings, Traces, entry
from cardiosim.experiments.restitution import answered_beats
from cardiosim.experiments.steady_state import SteadyState, pace_to_steady_state
from cardiosim.measure.beat_to_beat import ALTERNANS_CHANGES, alternans

if TYPE_CHECKING:
    from cardiosim.experiments.laboratory import Bench


def pacing_findings(bench: Bench, protocol: PacingProtocol) -> Findings:
    """Pace the cell of a case."""
    paced = pace_to_steady_state(
        bench.cell,
        bench.state,
        bench.pulse(protocol.pulse),
        protocol.bcl,
        bench.dt,
        tolerance=protocol.tolerance or None,
        most_beats=protocol.beats,
        percents=bench.percents,
        potentials=protocol.potentials,
        threshold=bench.threshold,
        progress=bench.progress,
    )
    last, n_beats = paced.beats[-1], len(paced.beats)
    columns = {
        "beat": Column("1", np.arange(1, n_beats + 1)),
        "resting_potential": Column("mV", [b.resting_potential for b in paced.beats]),
        "peak": Column("mV", [b.peak for b in paced.beats]),
        "dvdt_max": Column("V/s", [b.dvdt_max for b in paced.beats]),
    }
    numbers = {
        "beats": entry(n_beats, "1", "beats used"),
        "change": entry(paced.changes[-1], "1", "largest change of a state, last beat"),
        "resting_potential": entry(last.resting_potential, "mV", "before the stimulus"),
        "amplitude": entry(last.amplitude, "mV", "peak minus resting potential"),
        "dvdt_max": entry(last.dvdt_max, "V/s", "largest dV/dt of the last beat"),
    }
    for p in bench.percents:
        name = f"apd{p:g}"
        columns[name] = Column("ms", [b.apd[p] for b in paced.beats])
        numbers[name] = entry(last.apd[p], "ms", f"dV/dt max to {p:g} % repolarisation")
    for level in protocol.potentials:
        name = f"apd_at_{level:g}mV"
        columns[name] = Column("ms", [b.apd_at[level] for b in paced.beats])
        numbers[name] = entry(last.apd_at[level], "ms", f"time above {level:g} mV")
    columns["change"] = Column("1", paced.changes)
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


def _notes(paced: SteadyState, tolerance: float, bench: Bench) -> tuple[str, ...]:
    notes, n_beats = [], len(paced.beats)
    if tolerance and not paced.is_steady:
        notes.append(
            f"no steady state within {n_beats} beats: the last one still changed a "
            f"state by {paced.changes[-1]:.2g}, more than {tolerance:g}"
        )
    last = paced.beats[-ALTERNANS_CHANGES - 1 :]
    shapes = {
        name: np.array([getattr(beat, name) for beat in last])
        for name in ("amplitude", "activation_time")
    }
    failed = int((~answered_beats(shapes)).sum())
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
