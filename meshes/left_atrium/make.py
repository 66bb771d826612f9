"""Make left_atrium.vtu, an idealised left atrium as a shell of triangles.

    python meshes/left_atrium/make.py [--h 1.1] [--out FILE] [--force] [--picture FILE]

The implicit surface of shape.py is contoured on a grid, cut open at the valve and the
veins, and remeshed to triangles of one size; anatomy.py tells regions apart and lays
the fibres. Nothing is random: the same versions give the same file. Needs the `viz`
extra (pyvista, for the first contour and the picture).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import anatomy  # noqa: E402
import mesh_file  # noqa: E402
import remeshing  # noqa: E402
import shape  # noqa: E402

from cardiosim.tissue.mesh import Mesh  # noqa: E402

CONTOUR_SPACING = 0.6  # mm, of the grid the surface is first found on
PASSES = 12
VIEWS = {
    "anterior": ((0, -1, 0.1), (0, 0, 1)),
    "posterior": ((0, 1, 0.1), (0, 0, 1)),
    "superior": ((0, -0.3, 1), (0, -1, 0)),
    "left": ((1, -0.3, 0.1), (0, 0, 1)),
}


def make(h: float) -> Mesh:
    """Return the left atrium with edges of about h, mm."""
    points, triangles = remeshing.remesh(*contour(), h, project, PASSES)
    return anatomy.describe(*numbered_along_bands(points, triangles))


def contour() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Points and triangles of the surface, cut open; triangles of any shape."""
    import pyvista

    low, high = shape.BOX
    counts = np.rint((high - low) / CONTOUR_SPACING).astype(int) + 1
    grid = pyvista.ImageData(
        dimensions=counts, spacing=(CONTOUR_SPACING,) * 3, origin=low
    )
    grid["wall"] = shape.wall(np.asarray(grid.points))
    surface = grid.contour([0.0], scalars="wall", method="flying_edges")
    surface["kept"] = shape.kept(np.asarray(surface.points, dtype=float))
    surface = surface.clip_scalar(scalars="kept", value=0.0, invert=False)
    surface = surface.extract_surface(algorithm="dataset_surface")
    # The cut leaves slivers; their nodes are far nearer than any edge wanted.
    surface = surface.clean(tolerance=0.02, absolute=True).triangulate()
    points = np.asarray(surface.points, dtype=float)
    triangles = np.asarray(surface.regular_faces, dtype=np.int64)
    outward = np.sum(
        remeshing.face_normals(points, triangles)
        * shape.normals(points[triangles].mean(axis=1)),
        axis=1,
    )
    return points, triangles if outward.sum() > 0.0 else triangles[:, ::-1].copy()


def project(points: NDArray[np.float64], rim: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Move points onto the wall, those of a rim onto their rim."""
    moved = np.empty_like(points)
    moved[~rim] = shape.on_wall(points[~rim])
    moved[rim] = shape.on_rim(points[rim], shape.rim_of(points[rim]))
    return moved


def numbered_along_bands(
    points: NDArray[np.float64], triangles: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Number neighbours near each other, which solvers and files like."""
    ends = remeshing.edges_of(triangles).ends
    near = sparse.csr_matrix(
        (np.ones(len(ends)), tuple(ends.T)), shape=(len(points), len(points))
    )
    order = sparse.csgraph.reverse_cuthill_mckee(near + near.T, symmetric_mode=True)
    number = np.empty(len(points), dtype=np.int64)
    number[order] = np.arange(len(points))
    triangles = number[triangles]
    return points[order], triangles[np.argsort(triangles.min(axis=1), kind="stable")]


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, make the mesh and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--h", type=float, default=1.1, help="mean edge, mm")
    mesh_file.add_arguments(parser, HERE / "left_atrium.vtu")
    chosen = mesh_file.parse(parser, arguments)
    mesh_file.save(make(chosen.h), chosen, VIEWS)


if __name__ == "__main__":
    mesh_file.run(main)
