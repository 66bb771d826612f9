"""Certificate: restitution and refractory period, each from the contender's own pacing.

The protocols are those of the laboratory (restitution.py, refractory_period.py), run
with the last state of the train at 1 Hz.
"""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from cardiosim.experiments.certification_bench import (
    PULSE,
    Bench,
    Contender,
    Measurement,
    attempt,
)
from cardiosim.experiments.certification_pacing import paced_state
from cardiosim.experiments.certification_rows import (
    Grid,
    Part,
    Row,
    compared,
    failed,
    worst,
)
from cardiosim.experiments.refractory_period import refractory_period
from cardiosim.experiments.restitution import dynamic_restitution, s1s2_restitution
from cardiosim.experiments.single_cells import Progress
from cardiosim.ionic.cell import Cell

ABOVE = (1.0, 2.0, 5.0, 10.0, 20.0, 40.0)  # ms above the refractory period
SLOW = 400.0  # ms: "down to 2.5 Hz"
PAPER = "within 25 ms below 2.5 Hz"
SHORTEST, LONGEST = 150.0, 600.0  # ms, between which the refractory period lies


def erp(bench: Bench, contender: Contender) -> float:
    """Longest interval from S1 to an S2 that is not answered, ms.

    Raises:
        ValueError, RunStopped: S1 is not answered, or the step is too long.
    """
    resolution = bench.battery.erp_resolution

    def run(cell: Cell, progress: Progress | None) -> Measurement:
        found = refractory_period(
            cell,
            paced_state(bench, contender),
            PULSE,
            contender.dt,
            shortest=SHORTEST,
            longest=LONGEST,
            resolution=resolution,
        )
        return {"erp": np.array(found.value)}

    protocol = {"pacing": bench.battery.pacing, "resolution": resolution}
    return float(bench.measure("refractory period", contender, protocol, run)["erp"])


def s1s2_intervals(bench: Bench) -> NDArray[np.float64]:
    """Intervals of S2, ms, (n,): those of the battery, and some just above the ERP."""
    period = erp(bench, bench.reference)
    near = [] if math.isnan(period) else [math.ceil(period) + d for d in ABOVE]
    return np.unique([*near, *bench.battery.s1s2_intervals])


def s1s2(bench: Bench, contender: Contender) -> Measurement:
    """APD90 of the response to S2, ms, (n_intervals,), from s1s2_restitution."""
    intervals = s1s2_intervals(bench)

    def run(cell: Cell, progress: Progress | None) -> Measurement:
        found = s1s2_restitution(
            cell,
            paced_state(bench, contender),
            PULSE,
            intervals,
            contender.dt,
            progress=progress,
        )
        return {"apd90": found.s2["apd90"]}

    protocol = {
        "pacing": bench.battery.pacing,
        "intervals": intervals.tolist(),
        "pulse": asdict(PULSE),
    }
    return bench.measure("S1S2 restitution", contender, protocol, run)


def dynamic(bench: Bench, contender: Contender) -> Measurement:
    """APD90 of the last beats, ms, (n_lengths,), from dynamic_restitution."""
    battery = bench.battery

    def run(cell: Cell, progress: Progress | None) -> Measurement:
        found = dynamic_restitution(
            cell,
            paced_state(bench, contender),
            PULSE,
            battery.dynamic_lengths,
            battery.dynamic_beats,
            contender.dt,
            progress=progress,
        )
        return {"apd90": found.last["apd90"], "alternans": found.alternans}

    protocol = {
        "pacing": battery.pacing,
        "lengths": battery.dynamic_lengths,
        "beats": battery.dynamic_beats,
        "pulse": asdict(PULSE),
    }
    return bench.measure("dynamic restitution", contender, protocol, run)


def restitution_part(bench: Bench) -> Part:
    """S1S2 and dynamic restitution (the paper's Fig. 4), and the refractory period."""
    text = (
        "S1S2: one premature stimulus after the train at 1 Hz. Dynamic: "
        f"{bench.battery.dynamic_beats} beats at each cycle length, the last of them "
        "measured; without a duration where not every stimulus is answered, or where "
        "the beat before has not repolarised to 90 %. Refractory period: the longest "
        "S1S2 interval without an answer.",
    )
    contenders = [bench.reference, bench.rush_larsen, bench.multirate, bench.surrogate]
    rows: list[Row] = []
    grids, curves = [], {}
    for name, measure, x, what in (
        ("s1s2", s1s2, s1s2_intervals(bench), "S1S2 interval"),
        (
            "dynamic",
            dynamic,
            np.array(bench.battery.dynamic_lengths),
            "cycle length",
        ),
    ):
        found = {}
        for contender in contenders:
            values, error = attempt(lambda c=contender, m=measure: m(bench, c))
            if values is not None:
                found[contender.label] = values["apd90"]
            elif contender is bench.surrogate:
                rows.append(failed(f"APD90 over the {what}", error, PAPER))
            else:
                raise error
        reference = found[bench.reference.label]
        mine = found.get(bench.surrogate.label)
        if mine is not None:
            rows += _rows(x, mine, reference, what)
        grids.append(
            Grid(
                f"APD90 over the {what}",
                ((what, "ms"), *((label, "ms") for label in found)),
                [
                    [float(x[k]), *(float(apd[k]) for apd in found.values())]
                    for k in range(x.size)
                ],
            )
        )
        curves[name] = {
            "x": x,
            "durations": found,
            "reference": bench.reference.label,
        }
    rows.append(_erp_row(bench))
    return Part(
        "restitution",
        "Restitution and refractory period",
        text,
        rows,
        grids,
        {"restitution": curves},
    )


def _rows(x: NDArray, mine: NDArray, reference: NDArray, what: str) -> list[Row]:
    rows = []
    for chosen, tolerance, which, paper in (
        (x >= SLOW, 1.0, "down to 2.5 Hz", PAPER),
        (x < SLOW, 3.0, "from 2.5 Hz to the refractory period", ""),
    ):
        if not chosen.any():
            continue
        both = np.isfinite(mine) & np.isfinite(reference)
        same = np.isfinite(mine[chosen]) == np.isfinite(reference[chosen])
        deviations = (mine - reference)[chosen & both]
        quantity = f"APD90 over the {what}, {which}: worst deviation"
        if not same.all():
            where = ", ".join(f"{v:g}" for v in x[chosen][~same])
            rows.append(failed(quantity, f"only one has a duration at {where} ms"))
            continue
        row = compared(quantity, "ms", worst(deviations), 0.0, tolerance, paper=paper)
        rows.append(row)
    return rows


def _erp_row(bench: Bench) -> Row:
    reference = erp(bench, bench.reference)
    try:
        mine = erp(bench, bench.surrogate)
    except (ValueError, RuntimeError) as error:
        return failed("refractory period", error)
    note = (
        f"bracketed to {bench.battery.erp_resolution:g} ms; {bench.exact.label}: "
        f"{erp(bench, bench.exact):g} ms"
    )
    return compared("refractory period", "ms", mine, reference, 1.0, note=note)
