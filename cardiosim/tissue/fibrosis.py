"""Patterns of fibrosis: which elements of a mesh are fibrotic.

Diffuse: each element for itself. Interstitial and patchy: where a Gaussian random field
is largest, which has a correlation length along and one across the fibres; it solves

    u - div(H grad u) = w        w white noise, H = a_l^2 f f^T + a_t^2 (I - f f^T)
    (M + K(H)) u = M^(1/2) z     z independent standard normal numbers, M lumped

a Matern field of smoothness nu = 2 - d/2 in d dimensions. Its correlation has fallen to
about 0.13 at the distance r = a sqrt(8 nu), the correlation length asked for.

Nothing flows through the boundary, which mirrors the field in it: at the distance x its
variance is 1 + rho(2 x) times that far inside, rho being the correlation. The field is
divided by the square root of this, or sparse patterns would be denser along the
boundary. rho(2 x) is exp(-2 x / a) in three dimensions, which is b in
b - div(H grad b) / 4 = 0 with b = 1 on the boundary, and near to that in two.

Reference: Lindgren, Rue, Lindstrom 2011, doi 10.1111/j.1467-9868.2011.00777.x,
section 2, and section 3 for anisotropic operators.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cardiosim.tissue.conductivity import conductivity_tensors, element_means
from cardiosim.tissue.discretisation import discretise
from cardiosim.tissue.finite_element import element_sizes
from cardiosim.tissue.laplace import solve_positive_definite, solve_with_fixed
from cardiosim.tissue.mesh import Mesh
from cardiosim.tissue.surfaces import boundary_nodes

Kind = Literal["diffuse", "interstitial", "patchy"]
Seed = int | tuple[int, ...]


@dataclass(frozen=True, eq=False)
class FibrosisPattern:
    """Which elements and nodes are fibrotic.

    Attributes:
        elements: shape (n_elements,).
        node_share: share of the elements around each node, by their size, that is
            fibrotic, shape (n_nodes,).
    """

    elements: NDArray[np.bool_]
    node_share: NDArray[np.float64]

    @cached_property
    def nodes(self) -> NDArray[np.bool_]:
        """Nodes at least half of whose surroundings are fibrotic, shape (n_nodes,)."""
        return self.node_share >= 0.5 - 1e-12  # two of four equal elements are half

    @cached_property
    def share(self) -> float:
        """Fibrotic share of all elements, by number."""
        return float(self.elements.mean()) if len(self.elements) else 0.0


def fibrotic_elements(
    mesh: Mesh,
    kind: Kind,
    fraction: float,
    seed: Seed,
    *,
    inside: NDArray[np.bool_] | None = None,
    fibres: NDArray[np.float64] | None = None,
    length: float | None = None,
    width: float | None = None,
) -> NDArray[np.bool_]:
    """Elements of a pattern; the same for the same arguments.

    Args:
        mesh: with elements.
        kind: "diffuse" takes no lengths.
        fraction: of the elements inside that become fibrotic, by number, 0 to 1; met
            to the nearest element.
        seed: of the random numbers.
        inside: elements that may become fibrotic, shape (n_elements,); all if None.
        fibres: unit vectors or zeros, shape (n_elements, 3); needed where length and
            width differ. Without a fibre, the correlation length is the width.
        length: correlation length along the fibres, mm.
        width: correlation length across the fibres, mm.

    Returns:
        Shape (n_elements,).
    """
    if not 0.0 <= fraction <= 1.0:
        raise ValueError(f"fibrosis of fraction {fraction:g}; expected 0 to 1")
    inside = np.ones(mesh.n_elements, dtype=bool) if inside is None else inside
    chosen = np.flatnonzero(inside)
    random = np.random.default_rng(seed)
    if kind == "diffuse":
        strength = random.random(mesh.n_elements)
    else:
        strength = element_means(
            mesh, gaussian_field(mesh, random, length, width, fibres)
        )
    count = round(fraction * len(chosen))
    order = np.argsort(-strength[chosen], kind="stable")
    fibrotic = np.zeros(mesh.n_elements, dtype=bool)
    fibrotic[chosen[order[:count]]] = True
    return fibrotic


def gaussian_field(
    mesh: Mesh,
    random: np.random.Generator,
    length: float,
    width: float,
    fibres: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """A Gaussian random field at the nodes, of mean zero; its scale means nothing.

    Args:
        mesh: with elements.
        random: source of n_nodes normal numbers.
        length: correlation length along the fibres, mm.
        width: correlation length across them, mm.
        fibres: unit vectors or zeros, shape (n_elements, 3).

    Returns:
        Shape (n_nodes,).
    """
    for name, value in {"length": length, "width": width}.items():
        if value is None or not 0.0 < value < math.inf:
            raise ValueError(f"fibrosis of {name} {value}; expected mm above zero")
    if length != width and fibres is None:
        raise ValueError(
            f"fibrosis of length {length:g} and width {width:g} mm lies along the "
            "fibres, and the tissue has none; give fibres, or one length"
        )
    smoothness = 2.0 - mesh.dimension / 2.0
    along, across = (size**2 / (8.0 * smoothness) for size in (length, width))
    operator = discretise(
        mesh,
        conductivity_tensors(mesh.n_elements, along, across, fibres=fibres),
        consistent=0.0,
    )
    mass = operator.restrict(operator.lumped_mass)
    noise = np.sqrt(mass) * random.standard_normal(mesh.n_nodes)
    field = solve_positive_definite(operator.matrix(1.0, 1.0), noise, mesh.dimension)
    on_boundary = np.zeros(mesh.n_nodes, dtype=bool)
    on_boundary[boundary_nodes(mesh)] = True
    mirrored = solve_with_fixed(
        operator.matrix(1.0, 0.25),
        on_boundary.astype(float),
        on_boundary,
        mesh.dimension,
    )
    return field / np.sqrt(1.0 + mirrored)


def pattern_of(mesh: Mesh, elements: NDArray[np.bool_]) -> FibrosisPattern:
    """Pattern of fibrotic elements, shape (n_elements,), with its nodes."""
    fibrotic, whole = np.zeros(mesh.n_nodes), np.zeros(mesh.n_nodes)
    # The elements of a grid are of one size.
    sizes = np.ones(mesh.n_elements) if mesh.grid else element_sizes(mesh)
    for block, part in zip(mesh.blocks, mesh.slices(), strict=True):
        for nodes in block.nodes.T:
            whole += np.bincount(nodes, sizes[part], mesh.n_nodes)
            fibrotic += np.bincount(
                nodes, sizes[part] * elements[part], minlength=mesh.n_nodes
            )
    share = np.divide(fibrotic, whole, where=whole > 0.0, out=np.zeros(mesh.n_nodes))
    return FibrosisPattern(elements, share)
