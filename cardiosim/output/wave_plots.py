"""Pictures of turning waves: ways of tips, how many there are, dominant frequency."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from cardiosim.measure.dominant_frequency import DominantFrequency
from cardiosim.measure.tip_trajectories import Trajectory
from cardiosim.output.maps import NOT_ACTIVATED
from cardiosim.output.mesh_arrays import MeshArrays
from cardiosim.output.panels import Panel, panels_of
from cardiosim.output.style import GREY, INK, TIME, picture
from cardiosim.output.tip_marks import NEGATIVE, POSITIVE, faces, on_paper

# Pale, so that the ways of the tips are what is seen.
GROUND = matplotlib.colors.LinearSegmentedColormap.from_list(
    "ground", ["#ffffff", "#b9c0ca"]
).with_extremes(bad=NOT_ACTIVATED)
# Without its end in yellow, which does not show on what is pale.
WHEN = matplotlib.colors.LinearSegmentedColormap.from_list(
    "when", matplotlib.colormaps["plasma"](np.linspace(0.0, 0.85, 32))
)
OFTEN = matplotlib.colormaps["viridis"].with_extremes(bad=NOT_ACTIVATED)
WIDTH = 6.6  # inches
MARGIN = 0.25  # of the way of a tip, round it
ODD = 0.02  # of the nodes, at either end, beyond the colours
EXTEND = {
    (False, False): "neither",
    (True, False): "min",
    (False, True): "max",
    (True, True): "both",
}
MOST_LIVES = 60  # that are drawn, the longest


def tip_ways(
    mesh: MeshArrays,
    tips: Sequence[Trajectory],
    ground: NDArray,
    path: str | Path,
    *,
    label: str,
    title: str = "",
) -> bool:
    """Ways of tips coloured by time on the tissue, and the longest of them close by.

    A surface in space is shown from both sides instead, each with what is on it.

    Args:
        mesh: of a sheet, a slab, or with triangles or tetrahedra.
        tips: those to be drawn.
        ground: values at the nodes to draw them on, in pale grey, shape (n_nodes,).
        path: PNG file to write.
        label: what `ground` is.
        title: text above.

    Returns:
        Whether there was something to draw.
    """
    panels = panels_of(mesh)
    if not panels or not tips:
        return False
    is_flat = panels[0].is_flat
    sides = [panels[0], panels[0]] if is_flat else panels[:2]
    longest = max(tips, key=lambda tip: tip.lifetime)
    when = Normalize(min(t.times[0] for t in tips), max(t.times[-1] for t in tips))
    known = ground[np.isfinite(ground)]
    norm = Normalize(known.min(), known.max()) if known.size else Normalize(0.0, 1.0)
    width, height = sides[0].size()
    tall = float(np.clip(0.45 * WIDTH * height / width, 1.8, 5.0)) + 0.9
    with picture(path, WIDTH, tall) as figure:
        places = figure.subplots(1, 2)
        for axes, panel in zip(places, sides, strict=True):
            panel.draw(axes, np.asarray(ground, dtype=float), GROUND, norm)
            for tip in tips:
                _way(axes, panel, mesh, tip, when)
            axes.set(xlabel=panel.labels[0], title=panel.name)
        places[0].set_ylabel(sides[0].labels[1])
        if is_flat:
            _close_by(places, sides[0], mesh, longest)
        bar = figure.colorbar(
            ScalarMappable(when, WHEN), ax=list(places), pad=0.02, aspect=28
        )
        bar.set_label(TIME)
        bar.outline.set_visible(False)
        _head(figure, f"{title}\n{label}".strip(), None)
    return True


def frequency_map(
    mesh: MeshArrays, found: DominantFrequency, path: str | Path, *, title: str = ""
) -> bool:
    """Dominant frequency over the tissue, and the mean spectrum beside it.

    Returns:
        Whether there was something to draw.
    """
    panels = panels_of(mesh)
    known = found.values[np.isfinite(found.values)]
    if not panels or not known.size:
        return False
    panel = panels[0]
    # A few nodes in a core, which is crossed twice a turn, have twice the frequency;
    # and what is finer than half a resolution is no difference.
    low, high = np.quantile(known, [ODD, 1.0 - ODD])
    middle = 0.5 * (low + high)
    half = max(0.5 * (high - low), 0.5 * found.resolution, 1e-3 * middle)
    width, height = panel.size()
    tall = float(np.clip(0.42 * WIDTH * height / width, 1.8, 5.0)) + 0.9
    with picture(path, WIDTH, tall) as figure:
        axes = figure.subplots(1, 2 if found.frequencies.size else 1, squeeze=False)
        place = axes[0, 0]
        drawn = panel.draw(
            place, found.values, OFTEN, Normalize(middle - half, middle + half)
        )
        place.set(xlabel=panel.labels[0], ylabel=panel.labels[1])
        extend = (known.min() < middle - half, known.max() > middle + half)
        bar = figure.colorbar(
            drawn, ax=place, pad=0.02, aspect=28, extend=EXTEND[extend]
        )
        bar.outline.set_visible(False)
        if found.frequencies.size:
            bar.set_label("dominant frequency (Hz)")
            _spectrum(axes[0, 1], found, float(np.median(known)))
        else:
            bar.set_label("activations a second (Hz)")
        _head(figure, title, panel)
    return True


def rotor_history(
    times: NDArray,
    singularities: NDArray,
    rotors: NDArray,
    charge: NDArray,
    tips: Sequence[Trajectory],
    path: str | Path,
    *,
    lifetime: float | None = None,
    title: str = "",
) -> None:
    """How many singularities and rotors there are over time, and the life of each.

    Args:
        times: ms, shape (n_times,).
        singularities, rotors: how many at each time, shape (n_times,).
        charge: sum of the charges, shape (n_times,).
        tips: trajectories; the longest lives are drawn as lines.
        path: PNG file to write.
        lifetime: ms that make a rotor; one rotation by default.
        title: text above.
    """
    lives = sorted(tips, key=lambda tip: -tip.lifetime)[:MOST_LIVES]
    lives = sorted(lives, key=lambda tip: tip.times[0])
    with picture(path, WIDTH, 3.4 + 0.04 * len(lives)) as figure:
        count, life = figure.subplots(2, 1, sharex=True)
        steps = {"where": "post", "lw": 1.0}
        count.step(times, singularities, color=GREY, label="singularities", **steps)
        count.step(
            times, charge, color=POSITIVE, ls=":", label="sum of charges", **steps
        )
        count.step(times, rotors, color=INK, label="rotors", where="post", lw=1.6)
        low, high = min(0, charge.min()), max(1, charge.max(), singularities.max())
        count.set(ylabel="number", ylim=(low - 0.2, high + 0.4))
        count.yaxis.set_major_locator(MaxNLocator(integer=True))
        count.legend(ncols=3, loc="lower right", bbox_to_anchor=(1.0, 1.0))
        for line, tip in enumerate(lives):
            colour = POSITIVE if tip.charge > 0 else NEGATIVE
            is_rotor = tip.is_rotor(lifetime)
            life.plot(
                tip.times[[0, -1]],
                [line, line],
                color=colour,
                lw=2.0 if is_rotor else 0.7,
                solid_capstyle="butt",
            )
            turns = tip.turns
            if is_rotor and len(turns) > 1:
                life.plot(turns, np.full(len(turns), line), "|", color=INK, ms=6)
        hidden = len(tips) - len(lives)
        life.set_title(
            "life of each tip; thick: rotors, ticks: whole turns, red: clockwise"
            + (f"; {hidden} shorter ones are left out" if hidden else "")
        )
        life.set(xlabel=TIME, yticks=[], ylim=(-0.7, max(len(lives), 1) - 0.3))
        life.set_xlim(times[0], times[-1])
        _head(figure, title, None)


def _spectrum(axes: Axes, found: DominantFrequency, median: float) -> None:
    """The mean spectrum of the nodes, and where their median lies."""
    axes.plot(found.frequencies, found.spectrum / found.spectrum.max())
    axes.axvline(median, color=GREY, lw=0.8, ls=":")
    axes.set_title(f"median {median:.2f} Hz, resolution {found.resolution:.2g} Hz")
    axes.set(xlabel="frequency (Hz)", ylabel="mean power of the nodes (largest = 1)")
    axes.set_xlim(0.0, found.frequencies[-1])
    axes.set_ylim(0.0)


def _way(
    axes: Axes, panel: Panel, mesh: MeshArrays, tip: Trajectory, when: Normalize
) -> None:
    """The way of a tip, coloured by time, its first place a ring, its last a disc.

    Only where the panel shows the front of the surface.
    """
    places = on_paper(panel, mesh.points, tip.positions)
    seen = faces(panel, mesh.points, tip.normals)
    steps = seen[:-1] & seen[1:]
    lines = LineCollection(
        np.stack([places[:-1], places[1:]], axis=1)[steps], cmap=WHEN, norm=when, lw=1.1
    )
    lines.set_array(0.5 * (tip.times[:-1] + tip.times[1:])[steps])
    axes.add_collection(lines)
    colour = POSITIVE if tip.charge > 0 else NEGATIVE
    if seen[0]:
        axes.plot(*places[0], "o", ms=4, mfc="white", mec=colour, mew=1.0)
    if seen[-1]:
        axes.plot(*places[-1], "o", ms=4, color=colour)


def _close_by(
    places: Sequence[Axes], panel: Panel, mesh: MeshArrays, longest: Trajectory
) -> None:
    """Let the second picture be a part of the first, and say of what."""
    whole, near = places
    _look_at(near, on_paper(panel, mesh.points, _settled(longest)))
    (x0, x1), (y0, y1) = near.get_xlim(), near.get_ylim()
    whole.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, ec=INK, lw=0.8))
    sign = "clockwise" if longest.charge > 0 else "anticlockwise"
    near.set_title(f"the longest: {longest.rotations:.1f} turns {sign}")


def _settled(tip: Trajectory) -> NDArray:
    """Positions of a tip from its second turn on, if it has one, shape (n, 3)."""
    turns = tip.turns
    return tip.positions[tip.times >= turns[1]] if len(turns) > 2 else tip.positions


def _look_at(axes: Axes, places: NDArray) -> None:
    """Show a square round some places."""
    low, high = places.min(axis=0), places.max(axis=0)
    half = max(0.5 * float((high - low).max()) * (1.0 + MARGIN), 1e-3)
    middle = 0.5 * (low + high)
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] - half, middle[1] + half)


def _head(figure: Figure, title: str, panel: Panel | None) -> None:
    text = f"{title} ({panel.name})".strip() if panel and panel.name else title
    figure.suptitle(text, x=0.01, ha="left", fontsize="medium")
