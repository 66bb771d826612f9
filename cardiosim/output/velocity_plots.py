"""Pictures of velocities: the field, what is masked in it, its angles, along a line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.colors import BoundaryNorm, ListedColormap, Normalize
from numpy.typing import NDArray

from cardiosim.measure.fibre_velocities import FibreVelocities
from cardiosim.measure.line_samples import LineVelocity
from cardiosim.measure.velocity_field import VelocityField
from cardiosim.output.maps import DURATIONS, EXTEND, NOT_ACTIVATED, node_map
from cardiosim.output.mesh_arrays import MeshArrays
from cardiosim.output.profiles import profile_figure
from cardiosim.output.style import COLOURS, GREY, INK, picture

SPEED_LABEL = "conduction velocity |v| (m/s)"
ODD = 1.0  # percent of the nodes at either end, beyond the colours
WIDTH, HEIGHT = 6.6, 3.4  # inches
MOST_DOTS = 4000
REASON_COLOURS: Mapping[str, str] = {
    "not_activated": NOT_ACTIVATED,
    "too_few": "#5a5f68",
    "stimulus": "#b59a45",
    "boundary": "#8fb0b8",
    "source": "#c2704a",
    "collision": "#8a6a9c",
    "block": "#7a1f3d",
    "misfit": "#5f8f6b",
}
MEASURED = "#f4efe4"


def speed_map(
    mesh: MeshArrays, field: VelocityField, path: str | Path, *, title: str = ""
) -> bool:
    """Speed where it is measured, and directions; grey where it is masked.

    Args:
        mesh: of a sheet, a slab, or with triangles or tetrahedra; of a cable, the
            speed is drawn against x.
        field: of its nodes.
        path: PNG file to write.
        title: text above the map.

    Returns:
        Whether there was something to draw.
    """
    speed = field.speed
    known = speed[np.isfinite(speed)]
    if not known.size:
        return False
    if mesh.kind == "cable":
        return profile_figure(mesh, speed, path, label=SPEED_LABEL, title=title)
    low, high = np.percentile(known, (ODD, 100.0 - ODD))
    middle = 0.5 * (low + high)
    # A plane wave has one velocity: 2 % of it is as fine as a scale is honest.
    half = max(0.5 * (high - low), 0.01 * middle)
    low, high = middle - half, middle + half
    arrows = np.where(field.is_measured[:, None], field.vectors, np.nan)
    masked = 100.0 * (1.0 - field.is_measured.mean())
    said = f"fits within {field.radius:.3g} mm; grey: masked ({masked:.3g} %)"
    return node_map(
        mesh,
        speed,
        path,
        label=SPEED_LABEL,
        colours=DURATIONS,
        norm=Normalize(low, high),
        extend=EXTEND[bool(known.min() < low), bool(known.max() > high)],
        arrows=arrows,
        title=f"{title}\n{said}".strip(),
    )


def mask_map(
    mesh: MeshArrays, field: VelocityField, path: str | Path, *, title: str = ""
) -> bool:
    """Why each node is masked; where several reasons hold, the first in the bar.

    Arguments and result as of `speed_map`.
    """
    first = np.full(len(field.mask), "measured", dtype=object)
    for name in reversed(REASON_COLOURS):
        first[field.masked(name)] = name
    names = [name for name in REASON_COLOURS if (first == name).any()]
    number = np.zeros(len(first))
    for place, name in enumerate(names, start=1):
        number[first == name] = place
    shown = ["measured", *(name.replace("_", " ") for name in names)]
    return node_map(
        mesh,
        number,
        path,
        label="",
        colours=ListedColormap([MEASURED, *(REASON_COLOURS[name] for name in names)]),
        norm=BoundaryNorm(np.arange(len(shown) + 1) - 0.5, len(shown)),
        ticks=range(len(shown)),
        tick_labels=shown,
        are_kinds=True,
        title=f"{title}\nwhere there is a velocity, and why not elsewhere".strip(),
    )


def angle_figure(
    speed: NDArray,
    cosines: NDArray,
    fitted: FibreVelocities,
    path: str | Path,
    *,
    title: str = "",
) -> bool:
    """Speed against the angle between front normal and fibre, and the fit.

    Args:
        speed: m/s, shape (n_nodes,), NaN where masked.
        cosines: cos^2 of the angle, shape (n_nodes,).
        fitted: to these.
        path: PNG file to write.
        title: text above.

    Returns:
        Whether there was something to draw.
    """
    known = np.flatnonzero(np.isfinite(speed) & np.isfinite(cosines))
    if not known.size:
        return False
    known = known[:: max(1, known.size // MOST_DOTS)]
    angle = np.degrees(np.arccos(np.sqrt(np.clip(cosines[known], 0.0, 1.0))))
    with picture(path, WIDTH, HEIGHT) as figure:
        axes = figure.subplots()
        axes.plot(angle, speed[known], ".", ms=1.5, color=GREY, rasterized=True)
        if np.isfinite(fitted.longitudinal):
            phi = np.radians(np.linspace(0.0, 90.0, 181))
            law = np.hypot(
                fitted.longitudinal * np.cos(phi), fitted.transverse * np.sin(phi)
            )
            axes.plot(
                np.degrees(phi),
                law,
                color=COLOURS[1],
                label=f"{fitted.longitudinal:.3f} m/s along, "
                f"{fitted.transverse:.3f} m/s across",
            )
            axes.legend(loc="upper right")
        axes.set(
            xlim=(0.0, 90.0),
            xlabel="angle between the front's normal and the fibres (degrees)",
            ylabel=SPEED_LABEL,
            title=title,
        )
    return True


def line_figure(found: LineVelocity, path: str | Path, *, title: str = "") -> None:
    """Activation against the distance along a line, and what the fit leaves."""
    samples, fit = found.samples, found.fit
    line = fit.intercept + samples.distance / fit.velocity
    with picture(path, WIDTH, HEIGHT + 1.0) as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        above.plot(samples.distance, samples.values, ".", ms=3, color=COLOURS[0])
        above.plot(
            samples.distance,
            line,
            color=COLOURS[1],
            label=f"{fit.velocity:.4g} m/s (least squares)",
        )
        above.legend(loc="best")
        above.set(ylabel="activation time (ms)", title=title)
        below.axhline(0.0, color=GREY, lw=0.7)
        below.plot(samples.distance, samples.values - line, color=INK, lw=0.8)
        below.set(xlabel="distance along the line (mm)", ylabel="minus fit (ms)")
