"""Certificate: rows, tables and curves of the waves of certification_tissue.py."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cardiosim.experiments.certification_bench import (
    Bench,
    Contender,
    Measurement,
    attempt,
    percent,
)
from cardiosim.experiments.certification_conditions import (
    NAMES,
    conditions,
    not_applicable,
)
from cardiosim.experiments.certification_restitution import erp
from cardiosim.experiments.certification_rows import (
    Grid,
    Part,
    Row,
    bounded,
    compared,
    does_not_apply,
    failed,
    told,
    worst,
)
from cardiosim.experiments.certification_tissue import (
    CONDITION,
    FINEST,
    conditioned_waves,
    grid_of,
    premature_waves,
    waves_at_rest,
)

VELOCITY = 0.3  # %, of the exact fast map
SLOPE = 4.0  # V/s
NO_WAVE = "no wave crosses the cable"


def finest(bench: Bench) -> Contender:
    """The exact fast map where the splitting is no longer seen."""
    return bench.exact.at(FINEST)


def waves_part(bench: Bench) -> Part:
    """Velocity, its restitution and dV/dt max in cables."""
    pairs = grid_of(bench.battery)
    exact = waves_at_rest(bench, bench.exact)
    limit = waves_at_rest(bench, finest(bench))
    classical = {
        c.label: waves_at_rest(bench, c) for c in (bench.multirate, bench.rush_larsen)
    }
    mine, error = attempt(lambda: waves_at_rest(bench, bench.surrogate))
    rows: list[Row] = []
    if mine is None:
        rows.append(failed("conduction velocity", error))
        mine = dict.fromkeys(("cv", "dvdt_max"), np.full(len(pairs), np.nan))
    else:
        rows += _rest_rows(bench, mine, exact, limit, classical)
    grids = [_rest_grid(bench, pairs, mine, exact, limit, classical)]
    premature_rows, premature_grid, premature_curves = _premature(bench, pairs)
    rows += premature_rows + _condition_rows(bench)
    of_multirate = classical[bench.multirate.label]
    curves = {
        "velocity": {
            "pairs": pairs,
            "floor": percent(exact["cv"], limit["cv"]),
            "deviations": {
                bench.surrogate.label: percent(mine["cv"], exact["cv"]),
                bench.multirate.label: percent(of_multirate["cv"], exact["cv"]),
            },
            "total": {
                bench.surrogate.label: percent(mine["cv"], limit["cv"]),
                bench.multirate.label: percent(of_multirate["cv"], limit["cv"]),
                bench.rush_larsen.label: percent(
                    classical[bench.rush_larsen.label]["cv"], limit["cv"]
                ),
            },
        },
        **premature_curves,
    }
    text = (
        f"Cables of {bench.battery.length:g} mm, Crank-Nicolson, half-lumped mass; "
        "velocity between 25 and 75 % of the length. A contender is compared with the "
        f"{bench.exact.label} (multirate, {bench.exact.substeps} substeps) at the same "
        "dx and dt. The splitting floor, which all schemes of that step share, is that "
        "map against itself at 10 us.",
        "dV/dt max is the largest slope between samples of 0.1 ms at any node of the "
        "measured half: upstrokes there meet the samples at all phases.",
    )
    return Part(
        "waves", "Waves in cables", text, rows, [*grids, *premature_grid], curves
    )


def _rest_rows(
    bench: Bench,
    mine: Measurement,
    exact: Measurement,
    limit: Measurement,
    classical: dict[str, Measurement],
) -> list[Row]:
    if np.isnan(mine["cv"]).all():
        return [failed("conduction velocity, all dx and D", NO_WAVE)]
    deviation = percent(mine["cv"], exact["cv"])
    floor = worst(percent(exact["cv"], limit["cv"]))
    total = worst(percent(mine["cv"], limit["cv"]))
    plain = worst(percent(classical[bench.rush_larsen.label]["cv"], limit["cv"]))
    note = f"splitting floor {floor:+.2f} %"
    if np.isnan(deviation).any():
        note = f"{int(np.isnan(deviation).sum())} cables without a wave; {note}"
    slopes = mine["dvdt_max"] - exact["dvdt_max"]
    k = int(np.nan_to_num(np.abs(slopes)).argmax())
    return [
        bounded(
            "conduction velocity against the exact fast map, all dx and D, worst",
            "%",
            worst(deviation),
            VELOCITY,
            note=note,
        ),
        bounded(
            "conduction velocity against dt = 0, all dx and D, worst",
            "%",
            total,
            abs(plain),
            note=f"{bench.rush_larsen.label}: {plain:+.2f} %, which is to be beaten; "
            "splitting included",
        ),
        compared(
            "dV/dt max in tissue, all dx and D, worst",
            "V/s",
            mine["dvdt_max"][k],
            exact["dvdt_max"][k],
            SLOPE,
            note="dx {:g} mm, D {:g} mm2/ms".format(*grid_of(bench.battery)[k]),
        ),
    ]


def _rest_grid(
    bench: Bench,
    pairs: list[tuple[float, float]],
    mine: Measurement,
    exact: Measurement,
    limit: Measurement,
    classical: dict[str, Measurement],
) -> Grid:
    multirate, plain = (
        classical[c.label]["cv"] for c in (bench.multirate, bench.rush_larsen)
    )
    columns = [
        ("dx", "mm"),
        ("D", "mm2/ms"),
        (bench.exact.label, "m/s"),
        (bench.surrogate.label, "%"),
        (bench.multirate.label, "%"),
        ("splitting floor", "%"),
        (f"{bench.surrogate.label}, against dt 0", "%"),
        (f"{bench.rush_larsen.label}, against dt 0", "%"),
        ("dV/dt max, exact", "V/s"),
        ("dV/dt max, surrogate", "V/s"),
    ]
    values = [
        exact["cv"],
        percent(mine["cv"], exact["cv"]),
        percent(multirate, exact["cv"]),
        percent(exact["cv"], limit["cv"]),
        percent(mine["cv"], limit["cv"]),
        percent(plain, limit["cv"]),
        exact["dvdt_max"],
        mine["dvdt_max"],
    ]
    rows = [[dx, D, *(float(v[k]) for v in values)] for k, (dx, D) in enumerate(pairs)]
    return Grid("Velocity at rest", columns, rows, "Deviations are of velocities.")


def _premature(
    bench: Bench, pairs: list[tuple[float, float]]
) -> tuple[list[Row], list[Grid], dict]:
    period = erp(bench, bench.reference)
    quantity = "velocity of a premature wave"
    if np.isnan(period):
        return [does_not_apply(quantity, "the cell has no refractory period")], [], {}
    exact = premature_waves(bench, bench.exact, period)["cv"]
    multirate = premature_waves(bench, bench.multirate, period)["cv"]
    mine, error = attempt(lambda: premature_waves(bench, bench.surrogate, period))
    if mine is None:
        return [failed(quantity, error)], [], {}
    mine = mine["cv"]
    rows, table = [], []
    for k, above in enumerate(bench.battery.premature):
        rows.append(_premature_row(above, mine[k], exact[k]))
        table.append(
            [
                above,
                float(np.nanmin(exact[k])) if np.isfinite(exact[k]).any() else np.nan,
                float(np.nanmax(exact[k])) if np.isfinite(exact[k]).any() else np.nan,
                _worst_of_both(mine[k], exact[k]),
                _worst_of_both(multirate[k], exact[k]),
                int(np.isnan(exact[k]).sum()),
            ]
        )
    grid = Grid(
        "Velocity restitution",
        (
            ("S2 above the refractory period", "ms"),
            ("slowest, exact", "m/s"),
            ("fastest, exact", "m/s"),
            (f"{bench.surrogate.label}, worst", "%"),
            (f"{bench.multirate.label}, worst", "%"),
            ("cables without a wave", ""),
        ),
        table,
    )
    curves = {
        "intervals": np.ceil(period) + np.array(bench.battery.premature),
        "pairs": pairs,
        "exact": exact,
        "surrogate": mine,
    }
    return rows, [grid], {"velocity_restitution": curves}


def _premature_row(above: float, mine: NDArray, exact: NDArray) -> Row:
    quantity = f"velocity of a wave {above:g} ms above the refractory period, worst"
    blocked = np.isnan(exact)
    differ = int((np.isnan(mine) != blocked).sum())
    if differ:
        why = (
            f"a wave crosses in only one of surrogate and exact map in {differ} cables"
        )
        return failed(quantity, why)
    if blocked.all():
        return does_not_apply(quantity, "no wave crosses in the exact map either")
    note = f"{int(blocked.sum())} cables blocked in both" if blocked.any() else ""
    return bounded(quantity, "%", _worst_of_both(mine, exact), VELOCITY, note=note)


def _worst_of_both(mine: NDArray, exact: NDArray) -> float:
    both = np.isfinite(mine) & np.isfinite(exact)
    return worst(percent(mine[both], exact[both]))


def _condition_rows(bench: Bench) -> list[Row]:
    names, _ = conditions(bench)
    rows = [
        does_not_apply(f"velocity, {name}", why)
        for name, why in not_applicable(bench).items()
    ]
    exact = conditioned_waves(bench, bench.exact)["cv"]
    mine, error = attempt(lambda: conditioned_waves(bench, bench.surrogate))
    if mine is None:
        return [*rows, failed("velocity under drug block and remodelling", error)]
    where = "dx {:g} mm, D {:g} mm2/ms".format(*CONDITION)
    rows += [told(f"velocity, {NAMES[0]}", "m/s", mine["cv"][0], note=where)]
    for k, name in enumerate(names[1:], start=1):
        row = compared(
            f"velocity, {name}",
            "m/s",
            mine["cv"][k],
            exact[k],
            VELOCITY,
            relative=True,
            note=where,
        )
        rows.append(row)
    return rows
