"""Certificate: a drug on the sodium channel, and the remodelling of fibrillation.

Conditions are parameters of the same cell, one node each: the conductance of the sodium
current halved and quartered, and `remodelling.af`, where the cell has them.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cardiosim.experiments.certification_action_potentials import TOLERANCES
from cardiosim.experiments.certification_bench import (
    PULSE,
    Bench,
    Contender,
    Measurement,
    attempt,
)
from cardiosim.experiments.certification_pacing import (
    TICK,
    beat_ticks,
    rmse,
    sampled,
)
from cardiosim.experiments.certification_rows import (
    Part,
    Row,
    bounded,
    compared,
    does_not_apply,
    failed,
)
from cardiosim.experiments.single_cells import Progress
from cardiosim.ionic.cell import Cell
from cardiosim.measure.biomarkers import beat_biomarkers
from cardiosim.tissue.stimulus import Stimulus

BCL = 1000.0  # ms
CONDUCTANCES = ("g_Na", "G_Na", "gNa", "GNa", "P_Na")
# Beside g_Na a cell may have the P_Na of another formulation, which comes last.
REMODELLING = "remodelling.af"
SHARES = {"g_Na x 0.5": 0.5, "g_Na x 0.25": 0.25}
REMODELLED = "AF remodelling"
NAMES = ("control", *SHARES, REMODELLED)


def conductance(bench: Bench) -> str | None:
    """Qualified name of the sodium conductance; None in a cell without."""
    parameters = bench.multirate.cell(bench.model).facts["parameters"]
    by_name = {name.split(".")[-1]: name for name in parameters}
    return next((by_name[name] for name in CONDUCTANCES if name in by_name), None)


def conditions(bench: Bench) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Names of the conditions that apply, and the cell's parameters, one a node."""
    published = bench.multirate.cell(bench.model).facts["parameters"]
    absent = not_applicable(bench)
    names = tuple(name for name in NAMES if name not in absent)
    parameters = {}
    g = conductance(bench)
    if g:
        shares = [SHARES.get(name, 1.0) for name in names]
        parameters[g] = (np.array(shares) * published[g]).tolist()
    if REMODELLED in names:
        base = published[REMODELLING]
        parameters[REMODELLING] = [
            1.0 if name == REMODELLED else base for name in names
        ]
    return names, parameters


def not_applicable(bench: Bench) -> dict[str, str]:
    """Conditions that do not apply, by name, and why: the cell or the surrogate."""
    published = bench.multirate.cell(bench.model).facts["parameters"]
    without = f"{bench.model} has no parameter for it"
    reasons = {} if conductance(bench) else dict.fromkeys(SHARES, without)
    if REMODELLING not in published:
        reasons[REMODELLED] = without
    else:
        g = conductance(bench)
        parameters = {REMODELLING: [published[REMODELLING], 1.0]}
        parameters |= {g: [published[g]] * 2} if g else {}
        try:
            bench.surrogate.cell(bench.model, parameters=parameters)
        except ValueError as refusal:
            reasons[REMODELLED] = " ".join(str(refusal).split())
    return reasons


def conditioned(bench: Bench, contender: Contender) -> Measurement:
    """V of the last beat, (n_times, n_conditions), and the states after it."""
    beats = bench.battery.condition_beats
    names, parameters = conditions(bench)

    def run(cell: Cell, progress: Progress | None) -> Measurement:
        n = len(names)
        V, states = sampled(
            cell,
            cell.initial_states(n),
            [Stimulus(np.arange(n), 0.0, PULSE.duration, PULSE.amplitude, BCL)],
            round((beats - 1) * BCL / TICK) + _ticks(),
            beats * BCL,
            contender.dt,
            progress,
        )
        return {"V": V, "states": states}

    protocol = {"bcl": BCL, "beats": beats, "pulse": asdict(PULSE)}
    return bench.measure("conditions", contender, protocol, run, parameters)


def _ticks() -> NDArray[np.int64]:
    return np.append(beat_ticks(BCL), round(BCL / TICK))


def conditions_part(bench: Bench) -> Part:
    """Drug block and remodelling in the single cell."""
    names, _ = conditions(bench)
    rows: list[Row] = [
        does_not_apply(name, why) for name, why in not_applicable(bench).items()
    ]
    reference = conditioned(bench, bench.reference)
    mine, error = attempt(lambda: conditioned(bench, bench.surrogate))
    curves = {}
    if mine is None:
        rows += [failed(name, error) for name in names[1:]]
    else:
        rows += _rows(names, mine["V"], reference["V"])
        curves["conditions"] = {
            "times": _ticks() * TICK,
            "names": names,
            "surrogate": mine["V"],
            "reference": reference["V"],
        }
    text = (
        f"Beat {bench.battery.condition_beats} at 1 Hz from the model's initial state, "
        "with the conductance of the sodium current halved and quartered, and with the "
        "remodelling of chronic atrial fibrillation.",
    )
    return Part("conditions", "Drug block and remodelling", text, rows, (), curves)


def _rows(names: tuple[str, ...], mine: NDArray, reference: NDArray) -> list[Row]:
    times, duration = _ticks() * TICK, PULSE.duration
    values, expected = (
        beat_biomarkers(times, V, 0.0, duration, (90,)) for V in (mine, reference)
    )
    rows = []
    for k, name in enumerate(names[1:], start=1):
        error = rmse((mine - reference)[:-1, k], BCL)
        rows += [
            bounded(f"RMSE of V, {name}", "mV", error, 0.5),
            compared(
                f"APD90, {name}",
                "ms",
                values["apd90"][k],
                expected["apd90"][k],
                1.0,
            ),
            compared(
                f"amplitude, {name}",
                "mV",
                values["amplitude"][k],
                expected["amplitude"][k],
                TOLERANCES["amplitude"],
            ),
        ]
    return rows
