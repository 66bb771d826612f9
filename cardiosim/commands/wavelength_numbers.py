"""How long the waves of a run are, as entries of a summary."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cardiosim.commands.recorded import (
    case_of,
    membrane_potential,
    traced_beats,
    traces_of,
)
from cardiosim.commands.velocity_numbers import activation_of, stimulated_nodes
from cardiosim.experiments.findings import entry
from cardiosim.measure.conduction_velocity import conduction_velocity
from cardiosim.measure.velocity_field import velocity_field
from cardiosim.measure.wavelength import excited_stretches, wavelength
from cardiosim.output.fields import has_fields, open_fields
from cardiosim.output.results import Results

Numbers = dict[str, dict[str, Any]]
PERCENT = 90.0  # of repolarisation


def wavelength_numbers(
    results: Results,
    beat: int | None = None,
    refractory: float | None = None,
    start: float = 0.25,
    stop: float = 0.75,
) -> Numbers:
    """Velocity, duration and their product for one wave; on a cable the length seen.

    Args:
        results: of a run of tissue.
        beat: which activation, from 1; by default each node's last, one wave or the
            arm of a spiral.
        refractory: ERP, ms, in place of the APD90 that was recorded.
        start, stop: fractions of a cable between which its velocity is taken.

    Raises:
        ValueError: nothing was activated, or no APD90 was recorded.
    """
    lat = last_activation(results) if beat is None else activation_of(results, beat)
    which = "of each node's last activation" if beat is None else f"of beat {beat}"
    if results.mesh_kind == "cable":
        speeds = np.array(
            [abs(conduction_velocity(results.mesh_points[:, 0], lat, start, stop))]
        )
        by = f"between {start:.0%} and {stop:.0%} of the cable"
    else:
        mesh, case = results.mesh, case_of(results)
        stimulated = stimulated_nodes(case, lat)
        field = velocity_field(mesh.points, mesh.blocks, lat, stimulated=stimulated)
        speeds = field.speed[field.is_measured]
        by = "median of the nodes where a front passes"
    if not speeds.size:
        raise ValueError(
            f"no single front passes anywhere in the activation {which}; choose "
            "another with --beat"
        )
    velocity = float(np.median(speeds))
    if refractory is None:
        duration, said = _apd(results, beat)
        name = "APD90"
    else:
        duration, said, name = float(refractory), "as it was given", "ERP"
    numbers = {
        "wave_velocity": entry(velocity, "m/s", f"{which}, {by}"),
        "wave_duration": entry(duration, "ms", f"{name}, {said}"),
        "wavelength": entry(
            float(wavelength(velocity, duration)), "mm", f"velocity times {name}"
        ),
    }
    if results.mesh_kind == "cable":
        numbers["wavelength_seen"] = _seen(results)
    return numbers


def last_activation(results: Results) -> NDArray:
    """Each node's last activation, ms, shape (n_nodes,): one wave, or a spiral's arm.

    Raises:
        ValueError: nothing was activated.
    """
    recorded = results.activation
    if not len(recorded) or not np.isfinite(recorded).any():
        raise ValueError(
            f"{results.path} holds no activation; run longer, or stimulate more"
        )
    last = np.where(np.isfinite(recorded), recorded, -np.inf).max(axis=0)
    return np.where(np.isfinite(last), last, np.nan)


def _apd(results: Results, beat: int | None) -> tuple[float, str]:
    """APD90, ms, of all nodes where it was recorded, else of those with a trace."""
    recorded = results.durations.get(f"apd{PERCENT:g}")
    if recorded is not None:
        rows = recorded if beat is None else recorded[beat - 1 : beat]
        known = np.isfinite(rows)
        if known.any():
            # Each node's last one that was over before the end.
            last = len(rows) - 1 - known[::-1].argmax(axis=0)
            chosen = rows[last, np.arange(rows.shape[1])][known.any(axis=0)]
            return float(np.median(chosen)), "median of all nodes"
    durations = []
    if traces_of(membrane_potential(results), results):
        for beats in traced_beats(results, (PERCENT,)).values():
            chosen = beats if beat is None else beats[beat - 1 : beat]
            over = [b.apd[PERCENT] for b in chosen if np.isfinite(b.apd[PERCENT])]
            durations += over[-1:]
    if not durations:
        raise ValueError(
            f"{results.path} holds no APD90; record it with --set "
            "record.repolarisation.percents=[90], run until the wave has passed, or "
            "give the refractory period with --erp"
        )
    return float(np.median(durations)), f"median of {len(durations)} nodes with a trace"


def _seen(results: Results) -> dict[str, Any]:
    """Length of excited tissue along a cable in its snapshots."""
    V = membrane_potential(results)
    nothing = "no snapshot shows a wave that is whole, front and tail"
    if not has_fields(results.path):
        return entry(np.nan, "mm", nothing)
    series = open_fields(results.path)
    if V not in series.units:
        return entry(np.nan, "mm", nothing)
    order = np.argsort(results.mesh_points[:, 0])
    x = results.mesh_points[order, 0]
    snapshots = [values[V][order] for _, values in series.steps([V])]
    rest = float(np.quantile([v.min() for v in snapshots], 0.25))
    peak = float(np.quantile([v.max() for v in snapshots], 0.75))
    level = rest + (1.0 - 0.01 * PERCENT) * (peak - rest)
    lengths = [
        stretch.length
        for v in snapshots
        for stretch in excited_stretches(x, v, level)
        if stretch.is_whole
    ]
    if not lengths:
        return entry(np.nan, "mm", nothing)
    return entry(
        float(np.median(lengths)),
        "mm",
        f"length of cable above {level:.3g} mV, {PERCENT:g} % repolarised, median of "
        f"{len(lengths)} snapshots",
    ) | {"resolution": f"{float(np.median(np.diff(x))):.3g} mm"}
