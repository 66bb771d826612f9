"""Draw the pictures of cases/left_atrium and cases/atrial_slab, from their runs.

    python docs/pictures/draw_atria.py SINUS CORONARY_SINUS SLAB SLAB_WITHOUT_BUNDLE

Each argument is the results folder of a run that the README of the case names.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from numpy.typing import NDArray
from PIL import Image

from cardiosim.output.maps import LAT_LABEL, LATENCY, isochrone_levels
from cardiosim.output.rendering import check_rendering
from cardiosim.output.results import Results, open_results
from cardiosim.output.style import picture
from cardiosim.output.views import View

ROOT = Path(__file__).parents[2]
INTERVAL = 5.0  # ms between isochrones
FRONT_AND_BACK = {"from the front": "xz", "from behind": "-xz"}
WIDTH = 8.4  # inches

Image8 = NDArray[np.uint8]
Panels = dict[str, tuple[Results, str]]  # title -> run, camera


def render(results: Results, camera: str, limits: tuple[float, float] | None) -> Image8:
    """The run seen from one side, without margins, (height, width, 3).

    Args:
        results: of the run.
        camera: of View.
        limits: of the colours of activation, ms; None draws the fibres.
    """
    view = View(results.mesh, camera)
    if limits is None:
        view.add_fibres()
    else:
        view.add_activation(results.activation[0], INTERVAL)
        (bar,) = list(view.plotter.scalar_bars.keys())
        view.plotter.update_scalar_bar_range(limits, name=bar)
        view.plotter.remove_scalar_bar(bar)
    view.image()  # places the camera, and the axes with it
    view.plotter.hide_axes()
    view.plotter.render()
    image = view.image()
    view.close()
    is_seen = (image < 250).any(axis=2)
    rows, columns = (np.flatnonzero(is_seen.any(axis=k)) for k in (1, 0))
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def draw(path: Path, rows: list[Panels], height: float, fibres: bool = False) -> None:
    """Draw rows of panels; activation in the same colours everywhere."""
    runs = [results for row in rows for results, _ in row.values()]
    levels = isochrone_levels(np.concatenate([r.activation[0] for r in runs]), INTERVAL)
    limits = None if fibres else (levels[0], levels[-1])
    with picture(path, WIDTH, height * len(rows)) as figure:
        axes = figure.subplots(len(rows), len(rows[0]), squeeze=False)
        for row, panels in enumerate(rows):
            for axis, (title, panel) in zip(axes[row], panels.items(), strict=True):
                axis.imshow(render(*panel, limits), interpolation="lanczos")
                axis.set_axis_off()
                axis.set_title(title)
        if limits:
            colours = ScalarMappable(Normalize(*limits), LATENCY)
            figure.colorbar(colours, ax=axes, label=LAT_LABEL, shrink=0.7, pad=0.02)
    with Image.open(path) as image:
        # The file is half as long.
        few = image.convert("RGB").quantize(32 if fibres else 256)
        few.save(path, optimize=True)


def both_sides(name: str, results: Results) -> Panels:
    """Panels of an atrium from the front and from behind."""
    return {
        f"{name}{side}": (results, camera) for side, camera in FRONT_AND_BACK.items()
    }


def main(folders: list[str]) -> None:
    """Draw all of them."""
    check_rendering()
    sinus, coronary_sinus, slab, cut = map(open_results, folders)
    atrium = ROOT / "cases" / "left_atrium"
    rows = [
        both_sides("sinus-like, ", sinus),
        both_sides("coronary sinus, ", coronary_sinus),
    ]
    draw(atrium / "picture.png", rows, 2.9)
    draw(atrium / "picture_fibres.png", [both_sides("", sinus)], 3.1, fibres=True)
    draw(ROOT / "docs" / "pictures" / "left_atrium.png", [both_sides("", sinus)], 2.9)
    panels = {"with the bundle": (slab, "iso"), "bundle cut": (cut, "iso")}
    draw(ROOT / "cases" / "atrial_slab" / "picture.png", [panels], 2.9)


if __name__ == "__main__":
    main(sys.argv[1:])
