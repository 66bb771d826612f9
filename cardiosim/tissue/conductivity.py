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

COMPONENTS = ("xx", "yy", "zz", "xy", "xz", "yz")
_FIRST = [0, 1, 2, 0, 0, 1]
_SECOND = [0, 1, 2, 1, 2, 2]

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
        mm2/ms, shape (n_elements, 6), components as in COMPONENTS; a view of one row
        where everything is the same in all elements, so not to be written to.

    Raises:
        ValueError: a diffusivity that is negative or not finite.
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
    tensors += np.reshape(D_l - D_t, (-1, 1)) * (f[:, _FIRST] * f[:, _SECOND])
    if sheets is not None:
        n = np.cross(f, sheets[part][: len(tensors)])
        tensors += np.reshape(D_n - D_t, (-1, 1)) * (n[:, _FIRST] * n[:, _SECOND])


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


def element_means(mesh: Mesh, at_nodes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of a nodal quantity, (n_nodes,), over the vertices of each element."""
    means = np.empty(mesh.n_elements)
    for block, part in zip(mesh.blocks, mesh.slices(), strict=True):
        means[part] = at_nodes[block.nodes].mean(axis=1)
    return means
