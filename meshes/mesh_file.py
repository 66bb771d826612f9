"""What the scripts of the shipped meshes share: arguments, the file, the picture."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np

from cardiosim.tissue.mesh import Mesh
from cardiosim.tissue.mesh_io import write_mesh

log = logging.getLogger(__name__)

COLOURS = ("#8d5fb5", "#9ecae1", "#8cb369", "#c98bb9", "#f4845f", "#35608d", "#ffe14d")
PICTURE_WIDTH = 1600  # pixels
# Digits that are kept of positions (mm) and of unit vectors: noise does not compress.
POSITION_DIGITS, VECTOR_DIGITS = 6, 9


def add_arguments(parser: argparse.ArgumentParser, out: Path) -> None:
    """Add --out, --force and --picture to a script's arguments."""
    parser.add_argument("--out", type=Path, default=out, help="file to write")
    parser.add_argument("--force", action="store_true", help="overwrite the file")
    parser.add_argument("--picture", type=Path, help="picture (.png) to make beside it")


def parse(
    parser: argparse.ArgumentParser, given: list[str] | None
) -> argparse.Namespace:
    """Read the arguments; end with a line if a file would be overwritten."""
    chosen = parser.parse_args(given)
    for path in (chosen.out, chosen.picture):
        if path is not None and path.exists() and not chosen.force:
            parser.error(f"{path} is there already; give --force to overwrite it")
    return chosen


def save(mesh: Mesh, chosen: argparse.Namespace, views: dict[str, tuple]) -> None:
    """Write a mesh, and the picture if there is to be one, and say what they hold.

    Args:
        mesh: to write.
        chosen: what `parse` gave.
        views: title of each view of the picture -> direction to look from, direction
            that is up and, optionally, the depth z, mm, above which nothing is drawn.
    """
    fibres = mesh.fibres
    if fibres is not None:
        fibres = np.round(fibres, VECTOR_DIGITS)
    rounded = Mesh(
        mesh.kind,
        np.round(mesh.points, POSITION_DIGITS),
        mesh.blocks,
        mesh.regions,
        mesh.region_names,
        fibres,
        mesh.sheets,
        mesh.node_sets,
    )
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    write_mesh(rounded, chosen.out, force=chosen.force)
    log.info("%s: %.2f MB", chosen.out, chosen.out.stat().st_size / 1e6)
    for line in summary(mesh):
        log.info("  %s", line)
    log.info("  made with %s", versions())
    if chosen.picture is not None:
        draw(mesh, chosen.picture, views)
        log.info("%s: %.0f kB", chosen.picture, chosen.picture.stat().st_size / 1e3)


def summary(mesh: Mesh) -> list[str]:
    """Return numbers of a mesh, a line each."""
    elements = ", ".join(f"{len(b)} {b.shape}" for b in mesh.blocks)
    lines = [f"{mesh.n_nodes} nodes, elements: {elements}"]
    for name, number in mesh.region_names.items():
        count = np.count_nonzero(mesh.element_regions == number)
        lines.append(f"region {number} {name}: {count} elements")
    lines += [f"node set {name}: {len(n)}" for name, n in mesh.node_sets.items()]
    return lines


def versions() -> str:
    """Return the versions of what the file depends on."""
    packages = ("numpy", "scipy", "vtk", "pyvista", "meshio")
    return ", ".join(f"{name} {version(name)}" for name in packages)


def draw(mesh: Mesh, path: Path, views: dict[str, tuple]) -> None:
    """Draw regions (above) and fibres (below), once for each view."""
    import pyvista

    pyvista.OFF_SCREEN = True
    titles = list(views)
    shape = (2, len(titles))
    each = PICTURE_WIDTH // len(titles)
    plotter = pyvista.Plotter(shape=shape, window_size=(PICTURE_WIDTH, 2 * each))
    for column, title in enumerate(titles):
        direction, up, top = (*views[title], np.inf)[:3]
        surface, lines = _drawable(mesh, top)
        plotter.subplot(0, column)
        for number in sorted(set(surface["regions"].tolist())):
            plotter.add_mesh(
                surface.extract_cells(surface["regions"] == number),
                color=COLOURS[number % len(COLOURS)],
                show_edges=True,
                edge_opacity=0.25,
            )
        plotter.add_text(title, font_size=9, color="black")
        plotter.subplot(1, column)
        plotter.add_mesh(surface.copy(), color="#eee4dc")
        strokes = _strokes(surface, np.asarray(direction))
        plotter.add_mesh(strokes, color="#7a1020", line_width=1.5, lighting=False)
        for row in (0, 1):
            plotter.subplot(row, column)
            if lines is not None:
                plotter.add_mesh(lines.copy(), color="#303030", line_width=4)
            _look_at(plotter, mesh.points, np.asarray(direction, float), np.asarray(up))
    image = plotter.screenshot(return_img=True)
    plotter.close()
    _write_png(image, path)


def _drawable(mesh: Mesh, top: float):
    """The outer surface with regions and fibres, and the lines, if any."""
    import pyvista

    names = {"line": "LINE", "triangle": "TRIANGLE", "tetra": "TETRA"}
    cells = {
        getattr(pyvista.CellType, names[block.shape]): block.nodes
        for block in mesh.blocks
    }
    whole = pyvista.UnstructuredGrid(cells, mesh.points)
    whole["regions"] = mesh.element_regions
    whole["fibres"] = mesh.fibres
    dimensions = np.concatenate([np.full(len(b), b.dimension) for b in mesh.blocks])
    shown = mesh.centroids[:, 2] < top
    thick = whole.extract_cells(shown & (dimensions > 1))
    thin = shown & (dimensions == 1)
    lines = whole.extract_cells(thin) if thin.any() else None
    return thick.extract_surface(algorithm="dataset_surface"), lines


def _strokes(surface, towards: np.ndarray):
    """A short line along the fibre of each triangle that is seen, lifted a little."""
    import pyvista

    oriented = surface.compute_normals(
        point_normals=False, auto_orient_normals=False, consistent_normals=False
    )
    normals = np.asarray(oriented["Normals"])
    seen = normals @ towards > 0.1 * np.linalg.norm(towards)
    size = np.sqrt(surface.compute_cell_sizes()["Area"])[seen, np.newaxis]
    middle = (
        np.asarray(surface.cell_centers().points)[seen] + 0.15 * size * normals[seen]
    )
    half = 0.6 * size * surface["fibres"][seen]
    ends = np.stack([middle - half, middle + half], axis=1)
    count = len(ends)
    lines = np.column_stack([np.full(count, 2), np.arange(2 * count).reshape(-1, 2)])
    return pyvista.PolyData(ends.reshape(-1, 3), lines=lines.ravel())


def _look_at(plotter, points: np.ndarray, direction: np.ndarray, up: np.ndarray):
    """Show the points from a direction, so that they fill the picture."""
    direction = direction / np.linalg.norm(direction)
    across = np.cross(up, direction)
    across /= np.linalg.norm(across)
    upwards = np.cross(direction, across)
    axes = np.stack([across, upwards, direction])
    places = points @ axes.T
    low, high = places.min(axis=0), places.max(axis=0)
    middle = (low + high) / 2 @ axes
    plotter.camera_position = [
        middle + 2.0 * np.ptp(points) * direction,
        middle,
        upwards,
    ]
    plotter.camera.parallel_projection = True
    plotter.camera.parallel_scale = 0.54 * (high - low)[:2].max()
    plotter.renderer.ResetCameraClippingRange()


def _write_png(image: np.ndarray, path: Path) -> None:
    """Write with a palette of 128 colours, half of the size."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    palette = Image.Quantize.MAXCOVERAGE
    Image.fromarray(image).quantize(128, palette).save(path, optimize=True)


def run(main: Callable[[], None]) -> None:
    """Call a script's main; its messages go to the output, an error is one line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    try:
        main()
    except ValueError as error:
        sys.exit(f"error: {error}")
