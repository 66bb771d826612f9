"""Pictures of a report: those that a folder holds, and those it lacks, drawn anew."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cardiosim.commands.pictures import draw
from cardiosim.commands.report_contents import Contents
from cardiosim.output.report import Picture

WAVES, PHASES, CELLS, OTHER = "waves", "phases", "cells", "other"
# What a picture shows, by its name, and the section in which it stands.
KNOWN: tuple[tuple[str, str, str], ...] = (
    (
        r"space_time",
        WAVES,
        "V over time and position along the cable, with the activation of each beat "
        "(LAT) and the velocity of the first as a slope.",
    ),
    (
        r"activation",
        WAVES,
        "First activation of each node (LAT) in bands, with isochrones.",
    ),
    (r"apd\w*", WAVES, "Duration of the action potential at each node."),
    (r"repolarisation\w*", WAVES, "Repolarisation of each node."),
    (r"velocity\w*", WAVES, "Conduction velocity at each node."),
    (r"view_lat", WAVES, "Activation in space."),
    (r"frames", WAVES, "V at several times."),
    (r"phase\w*", PHASES, "V and its phase over the last turn."),
    (r"singularities", PHASES, "V and its phase, with the singularities' charges."),
    (r"tips", PHASES, "Ways of the tips of turning waves."),
    (r"rotors", PHASES, "How many singularities and rotors, and the life of each."),
    (r"frequency", PHASES, "Dominant frequency of each node, and the mean spectrum."),
    (
        r"action_potential",
        CELLS,
        "The last beat, with the durations and potentials in the tables.",
    ),
    (r"traces\d*", CELLS, "Recorded variables against time."),
    (r"currents\d*", CELLS, "Membrane currents of the last beat."),
    (r"gates\d*", CELLS, "Gates of the last beat."),
    (r"electrogram\w*", CELLS, "Electrograms."),
    (r"restitution\w*", CELLS, "Restitution."),
    (r"responses", CELLS, "Responses to the stimuli of the protocol."),
    (r"last_beats", CELLS, "The last beat at each cycle length."),
)


def placed(contents: Contents, folder: Path) -> dict[str, list[Picture]]:
    """Pictures by section; what a run should have drawn and has not is drawn now.

    Args:
        contents: of a folder, which stays as it is.
        folder: for what is drawn.
    """
    paths = list(contents.pictures)
    if contents.marched and (not paths or contents.complaint):
        drawn = draw(contents.marched, folder=folder)
        paths = [folder / name for name in drawn]
    found: dict[str, list[Picture]] = {WAVES: [], PHASES: [], CELLS: [], OTHER: []}
    order = {path: _known(path) for path in paths}
    for path in sorted(paths, key=lambda path: order[path][0]):
        _, section, caption = order[path]
        found[section].append(Picture.of(path, caption))
    return found


def _known(path: Path) -> tuple[int, str, str]:
    """Rank, section and caption of a picture."""
    for rank, (pattern, section, caption) in enumerate(KNOWN):
        if re.fullmatch(pattern, path.stem):
            return rank, section, caption
    return len(KNOWN), OTHER, f"{path.stem.replace('_', ' ')}."


def wave_pictures(
    contents: Contents, folder: Path, say: Callable[[str], None]
) -> list[Picture]:
    """What a run does not draw by itself: activation along a cable, or in space.

    Args:
        contents: of a run of tissue.
        folder: to draw into.
        say: gets a line for what cannot be drawn here.
    """
    results = contents.marched
    if results is None or not np.isfinite(results.activation).any():
        return []
    if results.mesh_kind == "cable":
        from cardiosim.output.difference_plots import lines_along

        path = folder / "activation_along.png"
        beats = {
            f"beat {k}": lat for k, lat in enumerate(results.activation[:6], start=1)
        }
        x = results.mesh_points[:, 0]
        lines_along(x, beats, path, title=contents.title)
        return [Picture.of(path, "Activation (LAT) along the cable, beat by beat.")]
    if results.mesh_kind == "mesh" and _is_spatial(results.mesh_points):
        path = folder / "in_space.png"
        try:
            _render(contents, path)
        except RuntimeError as error:
            say(f"no picture in space: {error}")
            return []
        return [Picture.of(path, "First activation on the surface, with isochrones.")]
    return []


def _is_spatial(points: np.ndarray) -> bool:
    extent = np.ptp(points, axis=0)
    return bool(extent.min() > 1e-3 * extent.max())


def _render(contents: Contents, path: Path) -> None:
    """Activation in space; RuntimeError where that cannot be drawn."""
    from cardiosim.output.films import write_picture
    from cardiosim.output.rendering import check_rendering

    check_rendering()
    from cardiosim.output.views import View

    view = View(contents.results.mesh)
    try:
        lat = contents.results.activation
        view.add_activation(lat[np.isfinite(lat).any(axis=1)][0])
        view.write(contents.title)
        write_picture(path, view.image())
    finally:
        view.close()
