"""Conductivity tensors of the elements.

    D = D_t I + (D_l - D_t) f f^T + (D_n - D_t) n n^T        n = f x s

with the fibre f and the sheet s, unit vectors perpendicular to each other: the
eigenvalues are D_l along f, D_t along s and D_n along n. Without a fibre, D = D_t I.

A monodomain conductivity is that of the intra- and extracellular spaces one behind the
other, and D what is left of it after division by surface to volume and capacitance:

    sigma = sigma_i sigma_e / (sigma_i + sigma_e)            D = sigma / (chi C_m)

Reference: Niederer et al. 2011, doi 10.1098/rsta.2011.0139 (whose values
are the test).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cardiosim.tissue.fibres import chunks, is_uniform
from cardiosim.tissue.mesh import Mesh
from cardiosim.tissue.symmetric_tensors import FIRST, SECOND, dyads

PerElement = float | NDArray[np.float64]


def monodomain_conductivity(sigma_i: float, sigma_e: float) -> float:
    """Conductivity of the two spaces one behind the other, in the unit of both."""
    total = sigma_i + sigma_e
    return sigma_i * sigma_e / total if total else 0.0


def diffusivity(sigma: float, chi: float, C_m: float) -> float:
    """D, mm2/ms, of sigma, mS/mm, with chi, 1/mm, and C_m, uF/mm2."""
    return sigma / (chi * C_m)


def conductivity_tensors(
    n_elements: int,
    along: PerElement,
    across: PerElement,
    normal: PerElement | None = None,
    fibres: NDArray[np.float64] | None = None,
    sheets: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Tensors of all elements.

    Args:
        n_elements: how many.
        along: D_l, mm2/ms, one number or shape (n_elements,); without effect where
            there is no fibre.
        across: D_t, likewise.
        normal: D_n, likewise; D_t if None, and where there is no sheet.
        fibres: unit vectors or zeros, shape (n_elements, 3).
        sheets: unit vectors perpendicular to the fibres or zeros, likewise.

    Returns:
        mm2/ms, shape (n_elements, 6), components as in symmetric_tensors; a view of one
        row where everything is the same in all elements, so not to be written to.

    Raises:
        ValueError: a diffusivity that is negative or not finite, or a fibre or sheet
            that is neither of length 1 nor zero.
    """
    values = {"D_l": along, "D_t": across, "D_n": normal}
    for name, value in values.items():
        _check(name, value, n_elements)
    if normal is None or sheets is None or fibres is None:
        normal, sheets = across, None
    if all(np.ndim(value) == 0 for value in (along, across, normal)) and (
        along == across == normal
    ):
        fibres = sheets = None  # isotropic: nothing turns with them
    parts = [fibres, sheets]
    uniform = all(np.ndim(value) == 0 for value in (along, across, normal)) and all(
        part is None or is_uniform(part) for part in parts
    )
    rows = min(1, n_elements) if uniform else n_elements
    tensors = np.empty((rows, 6))
    for part in chunks(rows):
        _fill(tensors[part], part, along, across, normal, fibres, sheets)
    return np.broadcast_to(tensors, (n_elements, 6)) if uniform else tensors


def _fill(tensors, part, along, across, normal, fibres, sheets) -> None:
    def here(value: PerElement) -> PerElement:
        return value[part] if np.ndim(value) else value

    D_l, D_t, D_n = here(along), here(across), here(normal)
    tensors[:, :3] = np.reshape(D_t, (-1, 1))
    tensors[:, 3:] = 0.0
    if fibres is None:
        return
    f = fibres[part][: len(tensors)]
    _check_lengths("fibre", f, part)
    tensors += np.reshape(D_l - D_t, (-1, 1)) * dyads(f)
    if sheets is not None:
        s = sheets[part][: len(tensors)]
        _check_lengths("sheet vector", s, part)
        n = np.cross(f, s)
        tensors += np.reshape(D_n - D_t, (-1, 1)) * dyads(n)


def _check_lengths(what: str, vectors: NDArray[np.float64], part: slice) -> None:
    squared = np.einsum("ij,ij->i", vectors, vectors)
    # Unit vectors of single precision pass; a fibre a thousandth short conducts less.
    wrong = ~((squared == 0.0) | (np.abs(squared - 1.0) < 1e-6))
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"the {what} of element {part.start + first} has length "
            f"{np.sqrt(squared[first]):.6g}; it must be 1, or 0 where there is none"
        )


def _check(name: str, value: PerElement | None, n_elements: int) -> None:
    if value is None:
        return
    if np.ndim(value) and np.shape(value) != (n_elements,):
        raise ValueError(
            f"{name} of shape {np.shape(value)}; expected one number, or one for each "
            f"of {n_elements} elements"
        )
    if not (np.all(np.isfinite(value)) and np.all(np.asarray(value) >= 0.0)):
        raise ValueError(
            f"{name} from {np.min(value):g} to {np.max(value):g} mm2/ms; it must be "
            "finite and not negative"
        )


def diffusivity_along(
    tensors: NDArray[np.float64], fibres: NDArray[np.float64] | None = None
) -> NDArray[np.float32]:
    """f.D.f of each element; without a fibre, where D is alike in all directions, D.

    Args:
        tensors: mm2/ms, shape (n_elements, 6), components as in symmetric_tensors.
        fibres: unit vectors or zeros, shape (n_elements, 3).

    Returns:
        mm2/ms, shape (n_elements,), to be drawn; not to be written to.
    """
    n_elements = len(tensors)
    uniform = is_uniform(tensors) and (fibres is None or is_uniform(fibres))
    rows = min(1, n_elements) if uniform else n_elements
    along = np.empty(rows, dtype=np.float32)
    for part in chunks(rows):
        D = tensors[part][:rows]
        along[part] = D[:, :3].mean(axis=1)
        if fibres is None:
            continue
        f = fibres[part][: len(D)]
        twice = np.where(np.arange(6) < 3, 1.0, 2.0)  # off the diagonal stand two
        fDf = (twice * D * f[:, FIRST] * f[:, SECOND]).sum(axis=1)
        along[part] = np.where(f.any(axis=1), fDf, along[part])
    return np.broadcast_to(along, n_elements) if uniform else along


def element_means(mesh: Mesh, at_nodes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of a nodal quantity, (n_nodes,), over the vertices of each element."""
    means = np.empty(mesh.n_elements)
    for block, part in zip(mesh.blocks, mesh.slices(), strict=True):
        means[part] = at_nodes[block.nodes].mean(axis=1)
    return means


def node_means(mesh: Mesh, of_elements: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean at each node of what its elements have, (n_elements,) -> (n_nodes,)."""
    total, count = np.zeros(mesh.n_nodes), np.zeros(mesh.n_nodes)
    for block, part in zip(mesh.blocks, mesh.slices(), strict=True):
        for vertices in block.nodes.T:
            total += np.bincount(vertices, of_elements[part], mesh.n_nodes)
            count += np.bincount(vertices, minlength=mesh.n_nodes)
    return total / count
