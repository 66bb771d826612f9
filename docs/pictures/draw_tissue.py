"""Draw the pictures of docs/tissue.md: fibrosis.png and transmural_rotation.png."""

from pathlib import Path

import numpy as np

from cardiosim.output.style import COLOURS, GREY, INK, picture
from cardiosim.tissue.fibres import by_angle, by_rotation
from cardiosim.tissue.fibrosis import fibrotic_elements
from cardiosim.tissue.mesh import sheet, slab

FOLDER = Path(__file__).parent
SIZE, DX = 30.0, 0.2  # mm
KINDS = {
    "diffuse": {},
    "interstitial": {"length": 3.0, "width": 0.3},
    "patchy": {"length": 4.0, "width": 4.0},
}


def draw_fibrosis() -> None:
    """A quarter of a sheet, in each kind of pattern."""
    mesh = sheet((SIZE, SIZE), DX)
    angle = 30.0
    fibres = by_angle(mesh, angle)
    n = round(SIZE / DX)
    with picture(FOLDER / "fibrosis.png", 8.4, 3.1) as figure:
        axes = figure.subplots(1, 3, sharey=True)
        for axis, (kind, lengths) in zip(axes, KINDS.items(), strict=True):
            found = fibrotic_elements(mesh, kind, 0.25, 1, fibres=fibres, **lengths)
            axis.imshow(
                np.where(
                    found.reshape(n, n, 1), [0.17, 0.18, 0.21], [0.91, 0.86, 0.79]
                ),
                origin="lower",
                extent=(0.0, SIZE, 0.0, SIZE),
                interpolation="nearest",
            )
            text = "".join(f", {key} {value:g} mm" for key, value in lengths.items())
            axis.set_title(f"{kind}{text}", fontsize=8)
            axis.set_xlabel("x (mm)")
        axes[0].set_ylabel("y (mm)")
        end = 4.0 + 5.0 * fibres[0]
        axes[1].annotate(
            "",
            end[:2],
            (4.0, 4.0),
            arrowprops={"arrowstyle": "-", "color": COLOURS[1], "lw": 2},
        )
        frame = {"color": "white", "pad": 1.5}
        axes[1].text(1.0, 1.2, "fibres", color=COLOURS[1], fontsize=8, bbox=frame)


def draw_rotation() -> None:
    """Fibres of five layers of a slab whose fibres turn from -60 to 60 degrees."""
    mesh = slab((10.0, 5.0, 2.0), (1.0, 1.0, 0.4))
    fibres = by_rotation(mesh, -60.0, 60.0)
    depths = np.unique(mesh.centroids[:, 2].round(9))
    with picture(FOLDER / "transmural_rotation.png", 8.4, 3.4) as figure:
        figure.set_layout_engine("none")
        axis = figure.add_axes((0.0, 0.0, 0.62, 1.0), projection="3d")
        for colour, depth in zip(COLOURS, depths, strict=False):
            layer = np.abs(mesh.centroids[:, 2] - depth) < 1e-6
            start = mesh.centroids[layer] - 0.42 * fibres[layer]
            axis.quiver(
                *start.T, *(0.84 * fibres[layer]).T, color=colour, arrow_length_ratio=0
            )
        axis.set_box_aspect((10, 5, 5))
        axis.view_init(28, -62)
        axis.set(xlabel="x (mm)", ylabel="y (mm)", zlabel="z (mm)", zticks=depths)
        axis.set_xticks([0, 5, 10])
        axis.set_yticks([0, 5])
        flat = figure.add_axes((0.72, 0.2, 0.25, 0.66))
        angles = np.degrees(np.arctan2(fibres[:, 1], fibres[:, 0]))
        flat.plot([-60, 60], [0, 2], color=GREY, linewidth=0.8)
        for colour, depth in zip(COLOURS, depths, strict=False):
            layer = np.abs(mesh.centroids[:, 2] - depth) < 1e-6
            flat.plot(angles[layer][0], depth, "o", color=colour)
        flat.set(xlabel="fibre angle (degrees)", ylabel="z (mm)", xticks=[-60, 0, 60])
        flat.set_title("angle = [-60, 60]", color=INK)


if __name__ == "__main__":
    draw_fibrosis()
    draw_rotation()
