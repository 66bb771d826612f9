"""The picture of a rotating wave that a case asks for with [measure.phase_map]."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cardiosim.commands.recorded import case_of
from cardiosim.commands.wave_recordings import MERGE, loops_of
from cardiosim.measure.phase import SHARE_OF_CYCLE, phase_angle
from cardiosim.measure.phase_singularities import phase_singularities
from cardiosim.output.fields import has_fields, open_fields
from cardiosim.output.results import Results

FRAMES = 4  # quarters of a turn


class NoPhaseMap(ValueError):
    """A phase map that a case asks for cannot be drawn."""


def draw_phase_map(results: Results, V: str, folder: Path | None = None) -> bool:
    """V and its phase over the last turn of the run; returns whether it is asked for.

    Args:
        results: of a run.
        V: name of the membrane potential in the snapshots.
        folder: to draw into; that of the results by default.

    Raises:
        NoPhaseMap: it is asked for, and nothing turned, or too little was recorded.
    """
    from cardiosim.output.phase_plot import phase_map

    case = case_of(results)
    asked = case.measure.phase_map
    if asked is None:
        return False
    if not has_fields(results.path):
        raise NoPhaseMap("there are no snapshots")
    series = open_fields(results.path)
    if V not in series.units:
        raise NoPhaseMap(f"the snapshots hold no {V}")
    cycle = _last_cycle(results)
    if np.isnan(cycle):
        raise NoPhaseMap("no node was activated twice, so that nothing turned")
    end = float(series.times[-1])
    later = end - cycle * np.arange(FRAMES)[::-1] / FRAMES
    now = later - (asked.delay or SHARE_OF_CYCLE * cycle)
    if now[0] < series.times[0] or len(series.times) < 2:
        raise NoPhaseMap(
            f"the last turn of {cycle:.4g} ms begins, with the delay, at {now[0]:.4g} "
            f"ms, and the snapshots at {series.times[0]:.4g} ms; run longer"
        )
    # Of snapshots that are far apart, a pair is still two.
    first = [min(series.nearest(t), len(series.times) - 2) for t in now]
    pairs = [
        (a, max(series.nearest(t), a + 1)) for a, t in zip(first, later, strict=True)
    ]
    wanted = sorted({step for pair in pairs for step in pair})
    read = dict(
        zip(wanted, (v[V] for _, v in series.steps([V], which=wanted)), strict=True)
    )
    origin = asked.origin
    if origin is None:
        origin = float(np.mean([values.mean() for values in read.values()]))
    delay = np.mean([series.times[b] - series.times[a] for a, b in pairs])
    said = f"phase around V* = {origin:.3g} mV, V against V {delay:.3g} ms later"
    if results.mesh.dimension < 2:
        return False  # a mesh of lines, on which nothing turns
    loops = loops_of(results.mesh)
    return phase_map(
        results.mesh,
        [float(series.times[a]) for a, _ in pairs],
        [read[a] for a, _ in pairs],
        [phase_angle(read[a], read[b], origin) for a, b in pairs],
        (folder or results.path) / "phase.png",
        title=f"{case.title}\n{said}".strip(),
        marks=[
            phase_singularities(
                loops, read[a] - origin, read[b] - origin, MERGE * loops.spacing
            )
            for a, b in pairs
        ],
    )


def _last_cycle(results: Results) -> float:
    """Median over the nodes of the time between their last two activations, ms."""
    lat = results.activation
    if len(lat) < 2:
        return np.nan
    last = np.isfinite(lat).sum(axis=0) - 1
    twice = np.flatnonzero(last >= 1)
    if not twice.size:
        return np.nan
    last = last[twice]
    return float(np.median(lat[last, twice] - lat[last - 1, twice]))
