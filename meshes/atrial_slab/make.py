"""Make atrial_slab.vtu, free wall with crista, pectinate ridges and a bundle.

    python meshes/atrial_slab/make.py [--dx 0.8] [--out FILE] [--force]
        [--picture FILE]

    z       ______                                           height, mm
    ^      |      |__________________________                crista 4.8, ridges 4.0
    |      |      |__________________________|________       wall   1.6
     -> x  0      6.4                        36       40     endocardium on top

Bricks of a regular grid (all sizes are multiples of 0.8 mm) are cut into tetrahedra;
then the sheet is narrowed with x, so that the ridges run together like the ribs of a
fan and lie along no axis. Strands of one-dimensional elements bridge the wall from the
crista to the smooth part. Needs the `viz` extra (pyvista) for the picture.

What is drawn after: Sanchez-Quintana et al. 2002, doi:10.1136/heart.88.4.406 (crista
terminalis and the ridges that leave it); Ho, Anderson, Sanchez-Quintana 2002,
doi:10.1016/S0008-6363(02)00226-2 (course of the fibres). The sizes are round numbers.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import mesh_file  # noqa: E402

from cardiosim.tissue.mesh import ElementBlock, Mesh, slab, with_holes  # noqa: E402
from cardiosim.tissue.simplices import simplices_of  # noqa: E402

Array = NDArray[np.float64]

REGIONS = {"wall": 1, "pectinate": 2, "crista": 3, "bundle": 4}
SIZE = (40.0, 32.0, 4.8)  # mm
WALL = 1.6  # mm, thickness
CRISTA_WIDTH = 6.4  # mm
CRISTA_END = 1.6  # mm; a set of one layer would be thinner in a finer mesh
RIDGE_TOP, RIDGE_END, RIDGE_WIDTH = 4.0, 36.0, 1.6  # mm
RIDGE_MIDDLES = (3.2, 9.6, 16.0, 22.4, 28.8)  # y, mm
WALL_ANGLE = 40.0  # degrees from the x towards the y axis
NARROWING = 0.25  # share of its width that the sheet has lost at the far end
# Of the bundle, before the narrowing, mm. Its strands run in the tissue from x = 1.6 to
# 5.6, over it, and in it again; a line that touches the wall in a single node could
# neither be driven by it nor drive it, the less so the finer the mesh.
ROOT_START, ROOT_END = (1.6, 5.6), (36.0, 39.2)  # x
BUNDLE_START, BUNDLE_END, BUNDLE_HEIGHT = (6.4, 4.8), (26.4, 1.6), 9.0  # y and z
STRANDS = (-1.6, 0.0, 1.6)  # y of the strands from the middle one
VIEWS = {
    "endocardium": ((-0.35, -0.6, 0.75), (0, 0, 1)),
    "from above": ((0, 0, 1), (0, 1, 0)),
    "from the crista": ((-1, 0.35, 0.45), (0, 0, 1)),
}


def make(dx: float) -> Mesh:
    """Return the slab with bricks of dx, mm, of which 0.8 is a whole multiple."""
    if abs(0.8 / dx - round(0.8 / dx)) > 1e-9:
        raise ValueError(
            f"dx {dx:g} mm: 0.8 mm is no whole multiple of it; use 0.8, 0.4, 0.2"
        )
    block = slab(SIZE, dx)
    place = region_of(block.centroids)
    bricks = with_holes(block, place == 0)
    regions = place[place > 0]
    straight = fibres_of(regions)
    solid = simplices_of(bricks)
    each = solid.n_elements // len(regions)
    regions, straight = np.repeat(regions, each), np.repeat(straight, each, axis=0)

    points, lines = with_bundle(solid.points, dx)
    bare = Mesh("mesh", points, solid.blocks)
    fibres = narrowed_vectors(bare.centroids, straight)
    points = narrowed(points)
    along = points[lines[:, 1]] - points[lines[:, 0]]
    along /= np.linalg.norm(along, axis=1)[:, np.newaxis]
    crista_end = solid.points[:, 1] <= CRISTA_END + 1e-9
    crista_end &= solid.points[:, 0] <= CRISTA_WIDTH + 1e-9
    far_edge = np.isclose(solid.points[:, 0], SIZE[0])
    return Mesh(
        "mesh",
        points,
        (*solid.blocks, ElementBlock("line", lines)),
        regions=np.concatenate([regions, np.full(len(lines), REGIONS["bundle"])]),
        region_names=REGIONS,
        fibres=np.concatenate([fibres, along]),
        node_sets={
            "crista_end": np.flatnonzero(crista_end),
            "far_edge": np.flatnonzero(far_edge),
            "bundle_roots": np.intersect1d(lines, solid.blocks[0].nodes),
        },
    )


def region_of(centres: Array) -> NDArray[np.int32]:
    """Region of each brick; 0 where there is no tissue."""
    x, y, z = centres.T
    from_middle = np.abs(y[:, np.newaxis] - RIDGE_MIDDLES).min(axis=1)
    ridge = (from_middle < RIDGE_WIDTH / 2) & (x < RIDGE_END) & (z < RIDGE_TOP)
    regions = np.where(ridge & (z > WALL), REGIONS["pectinate"], 0)
    regions[z < WALL] = REGIONS["wall"]
    regions[x < CRISTA_WIDTH] = REGIONS["crista"]
    return regions.astype(np.int32)


def fibres_of(regions: NDArray[np.int32]) -> Array:
    """Fibres before the narrowing: along ridges and crista, oblique in the wall."""
    angles = {"wall": WALL_ANGLE, "pectinate": 0.0, "crista": 90.0}
    fibres = np.zeros((len(regions), 3))
    for name, angle in angles.items():
        turned = np.deg2rad(angle)
        fibres[regions == REGIONS[name]] = np.cos(turned), np.sin(turned), 0.0
    return fibres


def with_bundle(points: Array, dx: float) -> tuple[Array, NDArray[np.int32]]:
    """Points with those of the bundle behind; its lines, which share their roots."""
    wall = cKDTree(points)
    all_lines = []
    for aside in STRANDS:
        first = _root(wall, ROOT_START, BUNDLE_START, aside, dx)
        last = _root(wall, ROOT_END, BUNDLE_END, aside, dx)
        inner = _arch(points[first[-1]], points[last[0]], dx)
        chain = np.concatenate([first, len(points) + np.arange(len(inner)), last])
        all_lines.append(np.stack([chain[:-1], chain[1:]], axis=1))
        points = np.concatenate([points, inner])
    return points, np.concatenate(all_lines).astype(np.int32)


def _root(
    wall: cKDTree,
    extent: tuple[float, float],
    place: tuple[float, float],
    aside: float,
    dx: float,
) -> NDArray[np.intp]:
    """Nodes of the wall along x."""
    start, end = extent
    x = np.linspace(start, end, round((end - start) / dx) + 1)
    y, z = place
    distance, nodes = wall.query([[at, y + aside, z] for at in x])
    if distance.max() > 1e-9:
        raise ValueError(f"a root at y = {y + aside:g}, z = {z:g} mm is not on nodes")
    return nodes


def _arch(start: Array, end: Array, dx: float) -> Array:
    """Points dx apart between both ends, on a parabola over the chord."""
    t = np.linspace(0.0, 1.0, 2001)[:, np.newaxis]
    rise = 4.0 * t * (1.0 - t) * [0.0, 0.0, BUNDLE_HEIGHT]
    curve = start + t * (end - start) + rise
    length = np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))
    length = np.concatenate([[0.0], length])
    wanted = np.linspace(0.0, length[-1], round(length[-1] / dx) + 1)[1:-1]
    return np.stack([np.interp(wanted, length, c) for c in curve.T], axis=1)


def narrowed(points: Array) -> Array:
    """Move points to where the fan has them."""
    x, y, z = points.T
    middle = SIZE[1] / 2
    return np.stack([x, middle + (y - middle) * _width(x), z], axis=1)


def narrowed_vectors(places: Array, vectors: Array) -> Array:
    """Turn vectors at these places as the fan turns lines drawn on the sheet."""
    x, y, _ = places.T
    slope = -NARROWING / SIZE[0] * (y - SIZE[1] / 2)
    turned = vectors.copy()
    turned[:, 1] = _width(x) * vectors[:, 1] + slope * vectors[:, 0]
    return turned / np.linalg.norm(turned, axis=1)[:, np.newaxis]


def _width(x: Array) -> Array:
    return 1.0 - NARROWING * x / SIZE[0]


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, make the slab and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dx", type=float, default=0.8, help="mm; 0.8, 0.4, 0.2, ...")
    mesh_file.add_arguments(parser, HERE / "atrial_slab.vtu")
    chosen = mesh_file.parse(parser, arguments)
    mesh_file.save(make(chosen.dx), chosen, VIEWS)


if __name__ == "__main__":
    mesh_file.run(main)
