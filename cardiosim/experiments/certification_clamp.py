"""Certificate: the currents that the surrogate's states carry, under steps of V.

A surrogate that is given V is clamped like the equations. One that advances V itself
cannot be: its family is released instead. Cells of one resting state are put at each
test potential and left alone, and V and the gates are compared as they go on.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cardiosim.experiments.certification_bench import (
    Bench,
    Contender,
    Measurement,
    attempt,
)
from cardiosim.experiments.certification_pacing import TICK, paced_state, sampled
from cardiosim.experiments.certification_rows import (
    Part,
    Row,
    bounded,
    does_not_apply,
    failed,
)
from cardiosim.experiments.single_cells import Progress
from cardiosim.experiments.voltage_clamp import Segment, StepsAndRamps, clamp
from cardiosim.ionic.cell import Cell
from cardiosim.ionic.cell_library import model_source
from cardiosim.ionic.expressions import Name, depends_on
from cardiosim.simulation.monodomain import uniform_states

HOLDING, SETTLE = -100.0, 200.0  # mV, ms
POTENTIALS = np.arange(-90.0, 41.0, 10.0)  # mV
STEP = 20.0  # ms
RELEASED = 10.0  # ms
PEAK = 2.0  # % of the largest peak of the family
RELEASE = 0.5  # mV


def currents(bench: Bench) -> tuple[str, ...]:
    """Membrane currents that read one of the replaced states, V apart."""
    equations = model_source(bench.model).equations()
    names = bench.multirate.cell(bench.model).facts["membrane_currents"]
    states = [s for s in bench.candidate.replaces if s != equations.membrane_potential]
    return tuple(
        name
        for name in names
        if any(depends_on(Name(name), s, equations.definitions) for s in states)
    )


def clamp_part(bench: Bench) -> Part:
    """Voltage-clamp families, or what stands in their place."""
    title = "Voltage-clamp families"
    advances_potential = _potential(bench) in bench.candidate.replaces
    if advances_potential:
        rows, curves = _released_rows(bench)
        text = (
            "This surrogate advances V itself, so that V cannot be held within its "
            "step. Resting cells are put at each test potential instead and left "
            f"alone for {RELEASED:g} ms.",
        )
        note = "it advances V itself; the family below is released from each potential"
        row = does_not_apply("peak currents under voltage clamp", note)
        return Part("clamp", title, text, [row, *rows], (), curves)
    rows, curves = _clamped_rows(bench)
    text = (
        f"From {HOLDING:g} mV, held for {SETTLE:g} ms, to each test potential for "
        f"{STEP:g} ms, with the surrogate's longest step; currents every 0.1 ms.",
    )
    return Part("clamp", title, text, rows, (), curves)


def _potential(bench: Bench) -> str:
    return bench.multirate.cell(bench.model).state_names[0]


def clamped(bench: Bench, contender: Contender, names: tuple[str, ...]) -> Measurement:
    """Currents under the family, A/F, (n_times, n_potentials) by name, and times."""
    command = StepsAndRamps(HOLDING, [Segment(STEP, POTENTIALS)])
    # A clamped cell has no V to substep.
    cell = replace(contender, scheme="rush_larsen").cell(bench.model, clamped=True)
    with bench.watch(f"voltage clamp: {contender.label}") as progress:
        found = clamp(
            cell,
            cell.initial_states(1)[:, 0],
            command,
            names,
            contender.dt,
            interval=TICK,
            settle=SETTLE,
            progress=progress,
        )
    return {"times": found.times, "command": found.command, **found.values}


def _clamped_rows(bench: Bench) -> tuple[list[Row], dict]:
    names = currents(bench)
    if not names:
        why = "no membrane current reads what it replaces"
        return [does_not_apply("peak currents under voltage clamp", why)], {}
    reference = clamped(bench, bench.reference, names)
    mine, error = attempt(lambda: clamped(bench, bench.surrogate, names))
    if mine is None:
        return [failed("peak currents under voltage clamp", error)], {}
    rows = []
    for name in names:
        peaks = [_peaks(m[name]) for m in (mine, reference)]
        scale = np.abs(peaks[1]).max()
        largest = 100.0 * np.abs(peaks[0] - peaks[1]).max() / scale
        rows.append(
            bounded(
                f"peak of {name}: worst deviation",
                "% of the largest",
                largest,
                PEAK,
                note=f"largest peak {scale:.4g} A/F",
            )
        )
    curves = {
        "potentials": POTENTIALS,
        "names": names,
        "surrogate": mine,
        "reference": reference,
    }
    return rows, {"clamp": curves}


def _peaks(current: NDArray) -> NDArray:
    at = np.abs(current).argmax(axis=0)
    return current[at, np.arange(current.shape[1])]


def released(bench: Bench, contender: Contender) -> Measurement:
    """V from each potential on, mV, (n_times, n_potentials)."""
    ticks = np.arange(round(RELEASED / TICK) + 1)

    def run(cell: Cell, progress: Progress | None) -> Measurement:
        states = uniform_states(paced_state(bench, contender), POTENTIALS.size)
        states[0] = POTENTIALS
        V, _ = sampled(cell, states, [], ticks, RELEASED, contender.dt, progress)
        return {"times": ticks * TICK, "V": V}

    protocol = {
        "potentials": POTENTIALS.tolist(),
        "end": RELEASED,
        "pacing": bench.battery.pacing,
    }
    return bench.measure("release", contender, protocol, run)


def _released_rows(bench: Bench) -> tuple[list[Row], dict]:
    # The rest of the current is frozen over a step by every scheme of this length.
    reference = released(bench, bench.exact)
    mine, error = attempt(lambda: released(bench, bench.surrogate))
    quantity = f"RMSE of V, {RELEASED:g} ms after release, worst potential"
    if mine is None:
        return [failed(quantity, error)], {}

    def errors(other: Measurement) -> NDArray:
        return np.sqrt(np.mean((mine["V"] - other["V"]) ** 2, axis=0))

    against = errors(reference)
    equations = errors(released(bench, bench.reference)).max()
    at = POTENTIALS[against.argmax()]
    note = (
        f"against the {bench.exact.label}, from {at:g} mV; against the "
        f"{bench.reference.label} {equations:.3g} mV"
    )
    row = bounded(quantity, "mV", against.max(), RELEASE, note=note)
    curves = {
        "potentials": POTENTIALS,
        "surrogate": mine,
        "reference": reference,
    }
    return [row], {"release": curves}
