"""Fibres of the elements: by angle, by direction, from a file.

A fibre is a unit vector without a sense: f and -f are the same. An element without one
holds zeros. Where all elements have the same, the array is a view of a single row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cardiosim.tissue.mesh import Mesh
from cardiosim.tissue.number_files import read_numbers
from cardiosim.tissue.symmetric_tensors import dyads, matrices

# Files round fibres to a few digits, so that a "zero" may carry this much.
SPECK = 1e-6
# What is left of a unit sheet vector across a fibre that is as long as this or shorter
# has no direction either.
NEARLY_PARALLEL = 1e-3
CHUNK = 65536  # elements handled at a time, so that temporaries stay small
NEARLY_NORMAL = (
    0.17  # sine of 10 degrees: a fibre this close to the normal of its plane
)


@dataclass(frozen=True, eq=False)
class FittedFibres:
    """Fibres that lie in their elements.

    Attributes:
        fibres: unit vectors, shape (n_elements, 3), zero where there is none.
        n_nearly_normal: elements of surfaces whose fibre stood within 10 degrees of
            their normal, so that its direction in the surface means little.
        n_missing: elements without a fibre.
    """

    fibres: NDArray[np.float64]
    n_nearly_normal: int
    n_missing: int


def by_direction(mesh: Mesh, direction: Sequence[float]) -> NDArray[np.float64]:
    """The same fibre in every element.

    Args:
        mesh: any.
        direction: x, y, z of any length but zero.

    Returns:
        Shape (n_elements, 3), a view of one row.
    """
    vector = np.asarray(direction, dtype=np.float64)
    length = np.linalg.norm(vector)
    if vector.shape != (3,) or not 0.0 < length < np.inf:
        raise ValueError(
            f"direction {list(direction)} is none; expected three numbers [x, y, z] "
            "that are not all zero"
        )
    return np.broadcast_to(vector / length, (mesh.n_elements, 3))


def by_angle(mesh: Mesh, angle: float) -> NDArray[np.float64]:
    """Fibres in the x-y plane.

    Args:
        mesh: any.
        angle: degrees from the x towards the y axis.

    Returns:
        Shape (n_elements, 3), a view of one row.
    """
    return by_direction(mesh, _in_plane(angle))


def by_rotation(mesh: Mesh, first: float, last: float) -> NDArray[np.float64]:
    """Fibres in the x-y plane that turn linearly with z, as through the wall of a slab.

    Args:
        mesh: with an extent along z.
        first: degrees at the smallest z of the mesh.
        last: degrees at the largest z.

    Returns:
        Shape (n_elements, 3).
    """
    low, high = mesh.points[:, 2].min(), mesh.points[:, 2].max()
    if not high > low:
        raise ValueError(
            f"angles from {first:g} to {last:g} degrees turn with z, and the mesh has "
            f"only z = {low:g} mm; give one angle"
        )
    depth = (mesh.centroids[:, 2] - low) / (high - low)
    return _in_plane(first + (last - first) * depth)


def read_fibres(
    path: str | Path, mesh: Mesh
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Fibres, and sheets if the file has them, one row an element.

    Args:
        path: .lon (openCARP), .npy, .npz (arrays "fibres" and "sheets"), .csv, .txt:
            three columns, or six with the sheets behind.
        mesh: whose elements come in the order of its file, or of its blocks.

    Returns:
        Unit vectors, shape (n_elements, 3) each; zero where the file has zeros.
    """
    values = np.atleast_2d(read_numbers(path, "fibres"))
    counts = {mesh.n_elements: None}
    if mesh.numbering is not None:
        counts[mesh.numbering.n_file_elements] = mesh.numbering.elements
    if values.shape[0] not in counts or values.shape[1:] not in ((3,), (6,)):
        raise ValueError(
            f"{path} holds numbers of shape {values.shape}; expected a row of three "
            f"(or six, with sheets) for each of {' or '.join(map(str, counts))} "
            "elements"
        )
    chosen = counts[values.shape[0]]
    chosen = slice(None) if chosen is None else chosen
    if values.shape[1] == 6:
        return normalised(values[chosen, :3]), normalised(values[chosen, 3:])
    sheets = None
    if Path(path).suffix.lower() == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            sheets = archive["sheets"] if "sheets" in archive.files else None
        if sheets is not None and sheets.shape != values.shape:
            raise ValueError(
                f"{path}: sheets have shape {sheets.shape}; expected {values.shape}"
            )
    return (
        normalised(values[chosen]),
        None if sheets is None else normalised(sheets[chosen]),
    )


def normalised(
    vectors: NDArray[np.float64], shortest: float = SPECK
) -> NDArray[np.float64]:
    """Vectors of length 1; those no longer than `shortest` become zero."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    present = lengths > shortest
    scale = np.divide(1.0, lengths, where=present, out=np.zeros_like(lengths))
    return vectors * scale[:, np.newaxis]


def add_dyads(
    at_nodes: NDArray[np.float64],
    nodes: NDArray[np.integer],
    fibres: NDArray[np.float64],
) -> None:
    """Add f f^T of each element to all its nodes: a fibre has no sense, f f^T neither.

    Args:
        at_nodes: six components, shape (n_nodes, 6), added to.
        nodes: of the elements, shape (n, n_vertices).
        fibres: of the elements, shape (n, 3).
    """
    flat, n_vertices = nodes.ravel(), nodes.shape[1]
    for component, values in enumerate(dyads(fibres).T):
        at_nodes[:, component] += np.bincount(
            flat, np.repeat(values, n_vertices), len(at_nodes)
        )


def mean_directions(
    sums: NDArray[np.float64], normals: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Unit vectors nearest to the fibres whose f f^T were added up, shape (n, 3).

    Args:
        sums: of f f^T, shape (n, 6).
        normals: of planes in which they are to lie, shape (n, 3).

    Returns:
        The eigenvector of the largest eigenvalue of each sum.
    """
    found = matrices(sums)
    if normals is not None:
        flat = np.eye(3) - normals[:, :, np.newaxis] * normals[:, np.newaxis]
        found = flat @ found @ flat
    return np.linalg.eigh(found)[1][:, :, -1]


def fit_to_elements(mesh: Mesh, fibres: NDArray[np.float64]) -> FittedFibres:
    """Lay fibres into their elements.

    Along lines (a line is a bundle of fibres); projected into the plane of triangles
    and squares; as they are in volumes.

    Args:
        mesh: any.
        fibres: unit vectors or zeros, shape (n_elements, 3).
    """
    if mesh.kind == "cable":
        return FittedFibres(by_direction(mesh, (1.0, 0.0, 0.0)), 0, 0)
    shapes = {block.shape for block in mesh.blocks}
    flat_grid = shapes <= {"hexahedron", "quad"} and is_uniform(fibres)
    if shapes <= {"tetra", "hexahedron"} or (flat_grid and fibres[0, 2] == 0.0):
        n_missing = mesh.n_elements - int(np.count_nonzero(fibres.any(axis=1)))
        return FittedFibres(fibres, 0, n_missing)
    fitted = np.array(fibres, dtype=np.float64)
    n_nearly_normal = 0
    for block, part in zip(mesh.blocks, mesh.slices(), strict=True):
        if block.shape == "line":
            ends = mesh.points[block.nodes]
            fitted[part] = normalised(ends[:, 1] - ends[:, 0])
        elif block.dimension == 2:
            normals = surface_normals(mesh.points, block.nodes)
            had_one = fitted[part].any(axis=1)
            flat = perpendicular_part(fitted[part], normals)
            steep = np.einsum("ij,ij->i", flat, flat) < NEARLY_NORMAL**2
            n_nearly_normal += int(np.count_nonzero(steep & had_one))
            fitted[part] = normalised(flat)
    n_missing = int(np.count_nonzero(~fitted.any(axis=1)))
    return FittedFibres(fitted, n_nearly_normal, n_missing)


def fit_sheets(
    sheets: NDArray[np.float64], fibres: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sheet vectors made perpendicular to the fibres, shape (n_elements, 3).

    Zero where a sheet vector is parallel to its fibre, or either is missing.
    """
    if is_uniform(sheets) and is_uniform(fibres):
        row = normalised(perpendicular_part(sheets[:1], fibres[:1]), NEARLY_PARALLEL)
        return np.broadcast_to(row[0], sheets.shape)
    fitted = np.empty(sheets.shape)
    for part in chunks(len(sheets)):
        across = perpendicular_part(sheets[part], fibres[part])
        fitted[part] = normalised(across, NEARLY_PARALLEL)
        fitted[part] *= fibres[part].any(axis=1)[:, np.newaxis]
    return fitted


def is_uniform(vectors: NDArray) -> bool:
    """Whether the rows are one and the same, by construction."""
    return len(vectors) > 0 and vectors.strides[0] == 0


def chunks(n: int) -> list[slice]:
    """Consecutive parts of n elements."""
    return [slice(first, min(first + CHUNK, n)) for first in range(0, n, CHUNK)]


def surface_normals(
    points: NDArray[np.float64], nodes: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Unit normals of triangles or flat squares, shape (n_elements, 3)."""
    origin = points[nodes[:, 0]]
    one, other = points[nodes[:, 1]] - origin, points[nodes[:, -1]] - origin
    normals = np.cross(one, other)
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.divide(normals, lengths, where=lengths > 0.0, out=np.zeros_like(normals))


def perpendicular_part(
    vectors: NDArray[np.float64], axes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What is left of vectors without their part along unit axes, (n_elements, 3)."""
    return vectors - np.einsum("ij,ij->i", vectors, axes)[:, np.newaxis] * axes


def _in_plane(angle: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors in the x-y plane, shape (..., 3); angle in degrees."""
    radians = np.deg2rad(angle)
    return np.stack([np.cos(radians), np.sin(radians), 0.0 * radians], axis=-1)
