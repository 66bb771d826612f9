"""Meshes and activation times whose velocity is known, for tests of measure/."""

import numpy as np

from cardiosim.tissue.mesh import sheet, slab
from cardiosim.tissue.simplices import simplices_of

SPEED = 0.6  # m/s


def elements(mesh):
    """Blocks of a mesh as the functions of measure/ take them."""
    return [(block.shape, block.nodes) for block in mesh.blocks]


def squares(dx, size=(10.0, 10.0)):
    return sheet(size, dx)


def triangles(dx, size=(10.0, 10.0)):
    return simplices_of(sheet(size, dx))


def tetrahedra(dx, size=(4.0, 3.0, 2.0)):
    return simplices_of(slab(size, dx))


def icosphere(halvings, radius):
    """Points and triangles of a sphere, from an icosahedron."""
    golden = (1.0 + np.sqrt(5.0)) / 2.0
    corners = [(0.0, a, b * golden) for a in (-1.0, 1.0) for b in (-1.0, 1.0)]
    points = np.array([np.roll(corner, k) for k in range(3) for corner in corners])
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    near = np.abs(distance - 2.0) < 1e-9  # an edge is 2 long
    triangles = np.array(
        [
            (a, b, c)
            for a in range(12)
            for b in range(a + 1, 12)
            for c in range(b + 1, 12)
            if near[a, b] and near[b, c] and near[a, c]
        ]
    )
    for _ in range(halvings):
        edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        unique, inverse = np.unique(edges, axis=0, return_inverse=True)
        middle = len(points) + inverse.reshape(-1, 3)
        points = np.vstack([points, points[unique].mean(axis=1)])
        a, b, c = triangles.T
        ab, bc, ca = middle.T
        parts = ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))
        triangles = np.concatenate([np.column_stack(part) for part in parts])
    points /= np.linalg.norm(points, axis=1)[:, None]
    return radius * points, triangles


def plane(points, direction):
    """LAT of a plane wave, and its velocity at each node."""
    n = np.asarray(direction, dtype=float) / np.linalg.norm(direction)
    return points @ n / SPEED, np.broadcast_to(SPEED * n, points.shape)


def circular(points, centre):
    """LAT of a wave from a point, and its velocity; a sphere in a volume."""
    away = points - centre
    distance = np.linalg.norm(away, axis=1)
    with np.errstate(invalid="ignore"):
        return distance / SPEED, SPEED * away / distance[:, None]


def elliptic(points, centre, D, c):
    """LAT of a wave from a point in the plane where |v| = c sqrt(n.D.n).

    LAT^2 = d.D^-1.d/c^2 solves the eikonal equation c^2 grad LAT.D.grad LAT = 1.
    """
    d = points[:, :2] - centre[:2]
    inverse = np.linalg.inv(D)
    lat = np.sqrt(np.einsum("ij,jk,ik->i", d, inverse, d)) / c
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = d @ inverse / (c**2 * lat[:, None])
        v = slope / np.einsum("ij,ij->i", slope, slope)[:, None]
    return lat, np.column_stack([v, np.zeros(len(v))])
