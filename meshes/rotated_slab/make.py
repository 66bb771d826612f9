"""Make rotated_slab.vtu, tetrahedra with fibres that turn through the wall.

    python meshes/rotated_slab/make.py [--size 20 20 3] [--dx 0.5]
        [--angles 60 -60] [--out FILE] [--force] [--picture FILE]

The nodes are those of a regular grid, so that a slab of finite differences with the
same dx can be set beside it. How the bricks are cut is said in
cardiosim/tissue/simplices.py. Needs the `viz` extra (pyvista) for the picture.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import mesh_file  # noqa: E402

from cardiosim.tissue.fibres import by_rotation  # noqa: E402
from cardiosim.tissue.mesh import Mesh, slab  # noqa: E402
from cardiosim.tissue.simplices import simplices_of  # noqa: E402

VIEWS = {
    "all": ((0.35, -0.75, 0.55), (0, 0, 1)),
    "z = 0, from above": ((0, 0, 1), (0, 1, 0), 0.5),
    "middle layer, from above": ((0, 0, 1), (0, 1, 0), 1.5),
    "largest z, from above": ((0, 0, 1), (0, 1, 0)),
}


def make(
    size: tuple[float, float, float], dx: float, angles: tuple[float, float]
) -> Mesh:
    """Return the slab.

    Args:
        size: along x, y and z, mm, whole multiples of dx.
        dx: edge of the bricks, mm.
        angles: of the fibres from the x towards the y axis at z = 0 and at the other
            side, degrees; those of an element at its centre.
    """
    grid = slab(size, dx)
    depth = grid.points[:, 2]
    mesh = simplices_of(grid)
    return replace(
        mesh,
        regions=np.ones(mesh.n_elements, dtype=np.int32),
        region_names={"wall": 1},
        fibres=by_rotation(mesh, *angles),
        node_sets={
            "endocardium": np.flatnonzero(depth == depth.min()),
            "epicardium": np.flatnonzero(depth == depth.max()),
        },
    )


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, make the slab and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=float, nargs=3, default=(20.0, 20.0, 3.0))
    parser.add_argument("--dx", type=float, default=0.5, help="mm")
    parser.add_argument("--angles", type=float, nargs=2, default=(60.0, -60.0))
    mesh_file.add_arguments(parser, HERE / "rotated_slab.vtu")
    chosen = mesh_file.parse(parser, arguments)
    mesh = make(tuple(chosen.size), chosen.dx, tuple(chosen.angles))
    mesh_file.save(mesh, chosen, VIEWS)


if __name__ == "__main__":
    mesh_file.run(main)
