"""The velocity field of a run's activation, and its numbers as entries of a summary."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.schema import Case
from cardiosim.commands.recorded import case_of, is_tissue
from cardiosim.experiments.findings import entry
from cardiosim.measure.fibre_velocities import (
    FibreVelocities,
    fibre_cosines,
    fibre_velocities,
)
from cardiosim.measure.velocity_field import REASONS, VelocityField, velocity_field
from cardiosim.output.results import Results

Numbers = dict[str, dict[str, Any]]
AFTER_PULSE = 1.0  # ms after a pulse in which it may still be what activates a node

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class MeasuredField:
    """A velocity field, what it was taken from, and its velocities along the fibres."""

    lat: NDArray  # ms, (n_nodes,)
    field: VelocityField
    cosines: NDArray | None  # cos^2 of the angle to the fibres; None without fibres
    along_fibres: FibreVelocities | None
    chosen: NDArray[np.bool_]  # nodes that the numbers are of, (n_nodes,)


def activation_of(
    results: Results, beat: int | None = 1, after: float | None = None
) -> NDArray[np.float64]:
    """LAT of one beat of each node, ms, shape (n_nodes,).

    Args:
        results: of a run of tissue.
        beat: each node's own count, from 1.
        after: ms; each node's first activation from then on, in place of `beat`.

    Raises:
        ValueError: no such beat, or no tissue.
    """
    if not is_tissue(results):
        raise ValueError(
            f"{results.path} is of single cells, which conduct nothing; give the "
            "results of tissue"
        )
    times = results.activation
    if not len(times) or times.shape[1] != results.mesh.n_nodes:
        raise ValueError(
            f"{results.path} holds no activation; run longer, or stimulate more"
        )
    if after is not None:
        late = np.where(times >= after, times, np.inf).min(axis=0)
        if not np.isfinite(late).any():
            raise ValueError(
                f"{results.path} holds no activation after {after:g} ms, the last is "
                f"at {np.nanmax(times):g} ms"
            )
        return np.where(np.isfinite(late), late, np.nan)
    if beat > len(times):
        raise ValueError(
            f"{results.path} holds {len(times)} activations of a node at most, and "
            f"beat {beat} is asked for"
        )
    return times[beat - 1]


def measured_field(
    results: Results,
    beat: int | None = 1,
    after: float | None = None,
    where: str | None = None,
    **options: Any,
) -> MeasuredField:
    """Velocity field of a run.

    Args:
        results: of a run of tissue.
        beat, after: as of `activation_of`.
        where: region whose nodes the numbers are of; all by default.
        options: of `measure.velocity_field.velocity_field`; None is its default.
    """
    lat = activation_of(results, beat, after)
    mesh, case = results.mesh, case_of(results)
    given = {name: value for name, value in options.items() if value is not None}
    chosen = np.ones(mesh.n_nodes, dtype=bool)
    if where is not None:
        from cardiosim.case.meshes import build_mesh
        from cardiosim.case.stimuli import region_nodes

        chosen[:] = False
        chosen[region_nodes(where, build_mesh(case)[0], "--where")] = True
    field = velocity_field(
        mesh.points, mesh.blocks, lat, stimulated=stimulated_nodes(case, lat), **given
    )
    fibres = mesh.element_data.get("fibres")
    if fibres is None:
        return MeasuredField(lat, field, None, None, chosen)
    cosines = fibre_cosines(field.vectors, mesh.blocks, fibres)
    along = fibre_velocities(np.where(chosen, field.speed, np.nan), cosines)
    return MeasuredField(lat, field, cosines, along, chosen)


def asked_field(results: Results) -> MeasuredField:
    """The field that a case asks for with [measure.cv_field]."""
    asked = case_of(results).measure.cv_field
    return measured_field(results, asked.beat, radius=asked.radius, margin=asked.margin)


def draw_field(results: Results, measured: MeasuredField, folder: Path) -> list[str]:
    """Draw the field, its mask, and its angles to the fibres; names of the files."""
    # Here, as drawing takes long to import.
    from cardiosim.output import velocity_plots

    title, field, mesh = case_of(results).title, measured.field, results.mesh
    drawn = {
        "velocity.png": velocity_plots.speed_map(
            mesh, field, folder / "velocity.png", title=title
        ),
        "mask.png": velocity_plots.mask_map(
            mesh, field, folder / "mask.png", title=title
        ),
    }
    if measured.cosines is not None:
        drawn["angles.png"] = velocity_plots.angle_figure(
            np.where(measured.chosen, field.speed, np.nan),
            measured.cosines,
            measured.along_fibres,
            folder / "angles.png",
            title=title,
        )
    return [name for name, is_drawn in drawn.items() if is_drawn]


def stimulated_nodes(case: Case, lat: NDArray) -> NDArray[np.bool_] | None:
    """Whether a stimulus has activated each node, shape (n_nodes,); None if unknown.

    Those in the region of a stimulus that activate while it acts, or a ms later.
    """
    from cardiosim.case.meshes import build_mesh
    from cardiosim.case.stimuli import region_nodes

    stimulated = np.zeros(len(lat), dtype=bool)
    try:
        mesh = build_mesh(case)[0]
        for index, table in enumerate(case.stimulus):
            nodes = region_nodes(table.where or "all", mesh, f"stimulus.{index}.where")
            pulses = table.pulses(nodes, 1.0)
            for begin in pulses.begins(case.time.end):
                since = lat[nodes] - begin
                acts = (since >= 0.0) & (since <= pulses.duration + AFTER_PULSE)
                stimulated[nodes[acts]] = True
    except (ValueError, OSError, IndexError) as error:
        log.warning(
            "where the stimuli acted is not known, and not masked as such: %s", error
        )
        return None
    return stimulated


def field_numbers(measured: MeasuredField) -> Numbers:
    """Median and spread of the velocity, that along the fibres, what was masked."""
    field, chosen = measured.field, measured.chosen
    known = field.is_measured & chosen
    speed = field.speed[known]
    resolution = _median(field.resolution[known])
    fits = f"at {speed.size} nodes, fits within {field.radius:.3g} mm"
    off = f"; resolution {resolution:.2g} m/s"
    numbers = {"cv_median": entry(_median(speed), "m/s", f"median of |v| {fits}{off}")}
    for percent in (5, 95):
        value = np.percentile(speed, percent) if speed.size else np.nan
        numbers[f"cv_p{percent}"] = entry(
            value, "m/s", f"{percent}th percentile of |v| {fits}"
        )
    numbers["cv_resolution"] = entry(
        resolution, "m/s", "median of |v| times the share of LAT that a fit leaves"
    )
    if measured.along_fibres is not None:
        numbers |= _fibre_numbers(measured.along_fibres)
    numbers["cv_measured_share"] = entry(
        float(field.is_measured[chosen].mean()),
        "1",
        "share of the nodes with a velocity",
    )
    for reason in REASONS:
        share = float(field.masked(reason)[chosen].mean())
        if share:
            numbers[f"cv_masked_{reason}"] = entry(
                share, "1", f"share of the nodes masked as {reason.replace('_', ' ')}"
            )
    return numbers


def _fibre_numbers(found: FibreVelocities) -> Numbers:
    law = "of v^2 = v_l^2 cos^2 + v_t^2 sin^2, angle of front normal and fibre"
    low, high = found.span
    seen = f"; cos^2 from {low:.2f} to {high:.2f}"
    if np.isnan(found.longitudinal):
        seen += ", which is too little to fit"
    return {
        "cv_longitudinal": entry(found.longitudinal, "m/s", f"v_l {law}{seen}"),
        "cv_transverse": entry(found.transverse, "m/s", f"v_t {law}"),
        "cv_ratio": entry(found.ratio, "1", "v_l/v_t"),
        "cv_fibre_residual": entry(
            found.residual, "m/s", "root mean square of |v| minus that law"
        ),
    }


def field_options(**given: Any) -> Mapping[str, Any]:
    """Options of a command that were given, for its provenance."""
    return {name: value for name, value in given.items() if value is not None}


def _median(values: NDArray) -> float:
    return float(np.median(values)) if values.size else float("nan")
