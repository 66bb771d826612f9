"""Tables and numbers of gates of V at work in their cell; see steady_gates_cell.py."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.steady_gates_tables import SteadyGatesAssessmentTable
from cardiosim.experiments.certification_bench import microseconds
from cardiosim.experiments.findings import Column, Findings, Traces, entry
from cardiosim.experiments.gate_stepping import explicit_beats, implicit_beats
from cardiosim.experiments.paced_beat import GRID, PacedBeat
from cardiosim.experiments.single_cells import Pulse, run_cells
from cardiosim.experiments.steady_gates_cell import (
    EQUATIONS,
    STEADY,
    Begin,
    SteadyGatesCell,
)
from cardiosim.ionic.compiled import compile_cell
from cardiosim.simulation.recorders import TraceRecorder
from cardiosim.tissue.stimulus import Stimulus

# Table 1 of the paper: ODE and network at 10 us; RMSE in its text.
PAPER = {
    "ODE": {
        "dvdt_max": 217.5,
        "apd90": 283.8,
        "resting_potential": -74.8,
        "amplitude": 103.0,
        "rmse": math.nan,
    },
    "network": {
        "dvdt_max": 213.4,
        "apd90": 284.4,
        "resting_potential": -74.8,
        "amplitude": 103.0,
        "rmse": 0.18,
    },
}
BIOMARKERS = {
    "dvdt_max": "V/s",
    "apd90": "ms",
    "resting_potential": "mV",
    "amplitude": "mV",
}
SHOWN = 400.0  # ms of a beat in which its gates are kept


def cell_findings(
    cell: SteadyGatesCell, how: SteadyGatesAssessmentTable, kept: Sequence[str]
) -> Findings:
    """All that is measured of the cell, at each stimulus and step.

    Args:
        cell: with the network.
        how: what is measured.
        kept: what is kept of a beat of the equations, by name.
    """
    names = (EQUATIONS, cell.name, STEADY)
    ways = [cell.reference, *((n, dt) for n in names for dt in how.steps)]
    beats = {(*way, a): cell.beat(*way, a) for a in how.amplitudes for way in ways}
    tables = {"beats": _beat_table(cell, how, ways)}
    curves = _restitution(cell, how)
    tables["restitution"] = {
        "cycle_length": Column("ms", list(how.cycle_lengths)),
        **{label: Column("ms", values) for label, values in curves.items()},
    }
    faster = math.nan
    if how.cables:
        tables["waves"] = _wave_table(cell, how)
    if how.cost:
        costs = cell.costs()
        alone = {name: ns for name, backend, _, ns in costs if backend == "scalar"}
        faster = alone[EQUATIONS] / alone[cell.name]
        columns = zip(*costs, strict=True)
        units = {"cell": "1", "backend": "1", "nodes": "1", "node_step": "ns"}
        tables["costs"] = {
            name: Column(unit, list(values))
            for (name, unit), values in zip(units.items(), columns, strict=True)
        }
    tables["claims"] = _claims(cell, how, curves, faster)
    return Findings(
        numbers=_numbers(cell, how),
        tables=tables,
        traces=_traces(cell, how, beats, kept),
        notes=_notes(cell, how),
    )


def _beat_table(
    cell: SteadyGatesCell,
    how: SteadyGatesAssessmentTable,
    ways: list[tuple[str, float]],
) -> dict[str, Column]:
    rows = [
        (f"the paper, {who}", math.nan, 10.0, *(of[n] for n in BIOMARKERS))
        + (of["rmse"], math.nan)
        for who, of in PAPER.items()
    ]
    for amplitude in how.amplitudes:
        reference = cell.reference_beat(amplitude)
        for name, dt in ways:
            beat = cell.beat(name, dt, amplitude)
            found = [beat.biomarkers[n] for n in BIOMARKERS]
            errors = beat.rmse(reference), beat.rmse(reference, repolarisation=True)
            rows.append((name, amplitude, 1e3 * dt, *found, *errors))
    units = {"cell": "1", "stimulus": "A/F", "dt": "us", **BIOMARKERS}
    units |= {"rmse": "mV", "rmse_repolarisation": "mV"}
    return {
        name: Column(unit, list(values))
        for (name, unit), values in zip(
            units.items(), zip(*rows, strict=True), strict=True
        )
    }


def _restitution(
    cell: SteadyGatesCell, how: SteadyGatesAssessmentTable
) -> dict[str, NDArray]:
    """APD90 at each cycle length by label: equations at the first step, and network."""
    ways = [(EQUATIONS, how.steps[0]), (cell.name, how.restitution_step)]
    return {
        f"{name}, {a:g} A/F": cell.restitution(name, dt, a)
        for a in how.amplitudes
        for name, dt in ways
    }


def _wave_table(
    cell: SteadyGatesCell, how: SteadyGatesAssessmentTable
) -> dict[str, Column]:
    amplitude = how.amplitudes[-1]
    ways = [(n, dt) for n in (EQUATIONS, cell.name, STEADY) for dt in how.steps]
    waves = [cell.wave(name, dt, amplitude) for name, dt in ways]
    return {
        "cell": Column("1", [name for name, _ in ways]),
        "dt": Column("us", [1e3 * dt for _, dt in ways]),
        "stimulus": Column("A/F", [amplitude] * len(ways)),
        "velocity": Column("m/s", [wave.velocity for wave in waves]),
        "reached": Column("mm", [wave.reached for wave in waves]),
        "peak_5mm": Column("mV", [wave.peaks[0] for wave in waves]),
        "peak_10mm": Column("mV", [wave.peaks[1] for wave in waves]),
    }


def _claims(
    cell: SteadyGatesCell,
    how: SteadyGatesAssessmentTable,
    curves: dict[str, NDArray],
    faster: float,
) -> dict[str, Column]:
    """Each claim of the paper, and the same number here at each stimulus and step."""
    claims = [
        ("rmse", "RMSE over the beat", "mV", 0.18),
        ("apd90", "APD90, network - ODE (the text says 6.6)", "ms", 0.6),
        ("resting_potential", "resting potential, network - ODE", "mV", 0.0),
        ("dvdt_max", "dV/dt max, network - ODE", "V/s", -4.1),
        ("amplitude", "amplitude, network - ODE", "mV", 0.0),
        ("repolarisation", "RMSE in repolarisation, below at 100 us", "mV", 0.25),
        ("itself", "the same against the network at the first step", "mV", math.nan),
        ("restitution", "APD90 below 2.5 Hz, largest deviation", "ms", 25.0),
        ("faster", "times less wall clock at equal step", "1", 2.1),
    ]
    table = {
        "claim": Column("1", [text for _, text, _, _ in claims]),
        "unit": Column("1", [unit for _, _, unit, _ in claims]),
        "paper": Column("1", [number for *_, number in claims]),
    }
    lengths = np.array(how.cycle_lengths)
    for amplitude in how.amplitudes:
        reference = cell.reference_beat(amplitude)
        mine, theirs = (
            curves[f"{n}, {amplitude:g} A/F"] for n in (cell.name, EQUATIONS)
        )
        apart = np.abs(mine - theirs)[lengths > 400.0]
        far = math.nan if np.isnan(apart).all() else float(np.nanmax(apart))
        for dt in how.steps:
            beat = cell.beat(cell.name, dt, amplitude)
            first = cell.beat(cell.name, how.steps[0], amplitude)
            ode = cell.beat(EQUATIONS, dt, amplitude).biomarkers
            values = {n: beat.biomarkers[n] - ode[n] for n in BIOMARKERS}
            values |= {
                "rmse": beat.rmse(reference),
                "repolarisation": beat.rmse(reference, repolarisation=True),
                "itself": beat.rmse(first, repolarisation=True),
                "restitution": far if dt == how.restitution_step else math.nan,
                "faster": faster,
            }
            label = f"{amplitude:g} A/F, {1e3 * dt:g} us"
            table[label] = Column("1", [values[key] for key, *_ in claims])
    return table


def _numbers(cell: SteadyGatesCell, how: SteadyGatesAssessmentTable) -> dict:
    numbers = {}
    for amplitude in how.amplitudes:
        for name, dt in ((EQUATIONS, how.steps[0]), (cell.name, how.steps[0])):
            who = "equations" if name == EQUATIONS else "network"
            found = cell.beat(name, dt, amplitude).biomarkers
            for biomarker in ("dvdt_max", "apd90"):
                key = f"{biomarker}_{who}_{amplitude:g}"
                text = f"{biomarker} of beat {how.beats}, {name}, {amplitude:g} A/F"
                numbers[key] = entry(found[biomarker], BIOMARKERS[biomarker], text)
    return numbers


def _traces(
    cell: SteadyGatesCell,
    how: SteadyGatesAssessmentTable,
    beats: dict[tuple[str, float, float], PacedBeat],
    kept: Sequence[str],
) -> dict[str, Traces]:
    """Last beats of equations and network, and the gates of one of the equations."""
    at = GRID * np.arange(round(how.bcl / GRID) + 1)
    ways = [cell.reference, *((cell.name, dt) for dt in how.steps)]
    traces = {}
    for amplitude in how.amplitudes:
        chosen = [beats[*way, amplitude] for way in ways]
        V = np.stack([np.interp(at, b.times, b.V) for b in chosen], axis=1)
        labels = tuple(f"{name}, {microseconds(dt)}" for name, dt in ways)
        traces[f"{amplitude:g} A/F"] = Traces(at, {"V": V}, {"V": "mV"}, labels)
    traces["gates"] = _gate_trace(cell, how, kept)
    return traces


def _gate_trace(
    cell: SteadyGatesCell, how: SteadyGatesAssessmentTable, kept: Sequence[str]
) -> Traces:
    amplitude, dt = how.amplitudes[0], how.steps[0]
    equations = compile_cell(cell.model, backend="scalar")
    recorder = TraceRecorder([0], (equations.state_names[0], *kept))
    run_cells(
        equations,
        cell.beat(EQUATIONS, dt, amplitude).state,
        [Stimulus([0], 0.0, how.duration, amplitude)],
        min(SHOWN, how.bcl),
        dt,
        recorders=(recorder,),
    )
    units = {name: equations.unit_of(name) for name in recorder.names}
    return Traces(recorder.times, recorder.values, units, (EQUATIONS,))


def _notes(cell: SteadyGatesCell, how: SteadyGatesAssessmentTable) -> tuple[str, ...]:
    notes = []
    for amplitude in how.amplitudes:
        found = cell.beat(cell.name, how.steps[0], amplitude).biomarkers
        if math.isnan(found["apd90"]):
            notes.append(
                f"{cell.name} has no action potential at {amplitude:g} A/F: V peaks at "
                f"{found['peak']:.1f} mV, and dV/dt max, {found['dvdt_max']:.1f} V/s, "
                f"is that of the stimulus"
            )
    return tuple(notes)


def premise_table(
    model: str,
    state: NDArray[np.float64],
    pulse: Pulse,
    how: SteadyGatesAssessmentTable,
    begin: Begin,
) -> dict[str, Column]:
    """One beat by each way to step the gates, against Rush-Larsen at a small step."""
    steps = sorted({how.premise_reference_step, *how.premise_steps})
    progress = begin("premise: explicit steps", "beats")
    ways = explicit_beats(model, state, pulse, how.bcl, steps, progress)
    reference = ways[len(steps)].beat
    if how.implicit:
        progress = begin("premise: implicit solvers", "beats")
        given = (how.implicit, how.implicit_tolerances)
        ways += implicit_beats(model, state, pulse, how.bcl, *given, progress)
    nothing = dict.fromkeys(BIOMARKERS, math.nan)
    beats = [way.beat for way in ways]
    found = [beat.biomarkers if beat else nothing for beat in beats]
    errors = [beat.rmse(reference) if beat else math.nan for beat in beats]
    return {
        "method": Column("1", [way.method for way in ways]),
        "dt": Column("us", [1e3 * way.dt for way in ways]),
        "tolerance": Column("1", [way.tolerance for way in ways]),
        "rmse": Column("mV", errors),
        "dvdt_max": Column("V/s", [f["dvdt_max"] for f in found]),
        "apd90": Column("ms", [f["apd90"] for f in found]),
        "wall": Column("ms", [way.wall for way in ways]),
        "evaluations": Column("1", [way.evaluations for way in ways]),
    }
