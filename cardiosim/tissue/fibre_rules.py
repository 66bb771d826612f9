"""Fibres by rule, from solutions of Laplace problems between sets of nodes.

The gradient of such a solution points from one set to the other; fibres run along it,
around it, or turn through the wall with it. The left atrium is divided into bundles by
thresholds on its solutions, in order of priority, each with a gradient of its own that
its fibres go around.

Reference: Piersanti et al. 2021, doi 10.1016/j.cma.2020.113468 (atrial bundles by
Laplace-Dirichlet problems), here for a shell: without the appendage, and the thresholds
are our own. Along the roof and down both walls the fibres follow the
septopulmonary bundle, around veins and valve they are circular: Ho, Anderson,
Sanchez-Quintana 2002, Cardiovascular Research 54, 325-336.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cardiosim.tissue.conductivity import element_means
from cardiosim.tissue.fibres import (
    add_dyads,
    by_direction,
    mean_directions,
    normalised,
    perpendicular_part,
    surface_normals,
)
from cardiosim.tissue.laplace import gradients_in_elements, solve_laplace
from cardiosim.tissue.mesh import Mesh

Nodes = NDArray[np.integer]

LEFT_VEINS = ("left_superior_vein", "left_inferior_vein")
RIGHT_VEINS = ("right_superior_vein", "right_inferior_vein")
VEINS = LEFT_VEINS + RIGHT_VEINS
LEFT_ATRIUM_SETS = ("mitral_valve", *VEINS)
# A gradient this much weaker than the median one has no direction.
NO_DIRECTION = 1e-6


@dataclass(frozen=True, eq=False)
class RuleFibres:
    """What a rule gives.

    Attributes:
        fibres: unit vectors, shape (n_elements, 3).
        sheets: unit vectors perpendicular to them, likewise; None without.
        regions: number of the bundle of each element, shape (n_elements,); None if the
            rule knows no bundles.
        region_names: number of each bundle by its name.
        n_filled: elements in which the rule has no direction, and which took it from
            their neighbours.
    """

    fibres: NDArray[np.float64]
    sheets: NDArray[np.float64] | None = None
    regions: NDArray[np.integer] | None = None
    region_names: Mapping[str, int] = field(default_factory=dict)
    n_filled: int = 0


def along_gradient(mesh: Mesh, start: Nodes, end: Nodes) -> RuleFibres:
    """Fibres that run from some nodes to others.

    Args:
        mesh: any.
        start: node numbers where the fibres begin.
        end: node numbers where they end.
    """
    phi = solve_laplace(mesh, {0.0: start, 1.0: end})
    return _filled(mesh, _directions(gradients_in_elements(mesh, phi)))


def circumferential(
    mesh: Mesh, start: Nodes, end: Nodes, wall: tuple[Nodes, Nodes] | None = None
) -> RuleFibres:
    """Fibres that run around the way from some nodes to others.

    Args:
        mesh: a surface; or a volume, which needs the nodes of its wall.
        start: node numbers at one end of the way.
        end: node numbers at the other.
        wall: nodes of the inner and of the outer surface, for volumes.
    """
    phi = solve_laplace(mesh, {0.0: start, 1.0: end})
    return _filled(
        mesh, _around(gradients_in_elements(mesh, phi), _normals(mesh, wall))
    )


def transmural(
    mesh: Mesh,
    endocardium: Nodes,
    epicardium: Nodes,
    angles: tuple[float, float],
    axis: Sequence[float] = (1.0, 0.0, 0.0),
) -> RuleFibres:
    """Fibres that turn through the wall; sheets along the wall's normal.

    Args:
        mesh: a volume.
        endocardium: node numbers of the inner surface.
        epicardium: node numbers of the outer surface.
        angles: degrees at the inner and at the outer surface, linear in the solution
            between them, from the axis and positive about the outward normal.
        axis: direction of angle 0, made tangential to the wall.
    """
    phi = solve_laplace(mesh, {0.0: endocardium, 1.0: epicardium})
    outward = _directions(gradients_in_elements(mesh, phi))
    zero = normalised(perpendicular_part(by_direction(mesh, axis), outward))
    depth = element_means(mesh, phi)
    angle = np.deg2rad(angles[0] + (angles[1] - angles[0]) * depth)[:, np.newaxis]
    fibres = np.cos(angle) * zero + np.sin(angle) * np.cross(outward, zero)
    # Where the axis stands on the wall there is no angle 0, and without a direction
    # outwards no plane to turn in.
    fibres[~(zero.any(axis=1) & outward.any(axis=1))] = 0.0
    filled = _filled(mesh, fibres)
    sheets = normalised(perpendicular_part(outward, filled.fibres))
    return RuleFibres(filled.fibres, sheets, n_filled=filled.n_filled)


def left_atrium(
    mesh: Mesh,
    mitral_threshold: float = 0.65,
    vein_threshold: float = 0.5,
    roof_threshold: float = 0.25,
) -> RuleFibres:
    """Fibres and bundles of a left atrium, by order of priority.

    1. `mitral_annulus`: the solution from the veins (0) to the valve (1) is above
       `mitral_threshold`; fibres around the valve.
    2. the four veins: the solution that is 1 on that vein's rim and 0 on all other
       rims is above `vein_threshold`; fibres around the vein.
    3. `roof`: nearer to the veins than `roof_threshold` of the first solution; then
       `body`, all the rest. In both, fibres around the solution from the right to the
       left veins: from the anterior wall over the roof down the posterior wall.

    Args:
        mesh: a shell of triangles; or of tetrahedra with the node sets `endocardium`
            and `epicardium`. Its node sets are `mitral_valve`, `left_superior_vein`,
            `left_inferior_vein`, `right_superior_vein`, `right_inferior_vein`: the
            nodes of the rims.
        mitral_threshold: between 0 and 1; lower makes a wider annulus.
        vein_threshold: between 0 and 1; lower makes longer sleeves.
        roof_threshold: between 0 and 1; higher makes a wider roof.

    Returns:
        Fibres, and the bundles as regions: mitral_annulus 1, the veins 2 to 5 in the
        order of the sets above, roof 6, body 7.

    Raises:
        ValueError: a node set is missing, or a threshold is out of bounds.
    """
    missing = [name for name in LEFT_ATRIUM_SETS if name not in mesh.node_sets]
    if missing:
        raise ValueError(
            f"rule left_atrium: the mesh has no node set {', '.join(missing)}; "
            f"it needs {', '.join(LEFT_ATRIUM_SETS)}, and has "
            f"{', '.join(mesh.node_sets) or 'none'}"
        )
    thresholds = {
        "mitral_threshold": mitral_threshold,
        "vein_threshold": vein_threshold,
        "roof_threshold": roof_threshold,
    }
    for name, value in thresholds.items():
        if not 0.0 < value < 1.0:
            raise ValueError(f"{name} {value:g}; expected a number between 0 and 1")

    sets = mesh.node_sets
    all_veins = np.concatenate([sets[name] for name in VEINS])
    wall = None
    if mesh.dimension == 3 and {"endocardium", "epicardium"} <= sets.keys():
        wall = sets["endocardium"], sets["epicardium"]
    normals = _normals(mesh, wall)

    to_valve = solve_laplace(mesh, {0.0: all_veins, 1.0: sets["mitral_valve"]})
    to_left = solve_laplace(
        mesh,
        {
            0.0: np.concatenate([sets[name] for name in RIGHT_VEINS]),
            1.0: np.concatenate([sets[name] for name in LEFT_VEINS]),
        },
    )
    fibres = _around(gradients_in_elements(mesh, to_left), normals)
    valve_share = element_means(mesh, to_valve)
    names = {name: 1 + number for number, name in enumerate(LEFT_ATRIUM_SETS)}
    names["mitral_annulus"] = names.pop("mitral_valve")
    names |= {"roof": 6, "body": 7}
    regions = np.where(valve_share <= roof_threshold, names["roof"], names["body"])
    for name in VEINS:
        others = [sets[other] for other in LEFT_ATRIUM_SETS if other != name]
        to_vein = solve_laplace(mesh, {0.0: np.concatenate(others), 1.0: sets[name]})
        chosen = element_means(mesh, to_vein) >= vein_threshold
        around = _around(gradients_in_elements(mesh, to_vein), normals)
        fibres[chosen], regions[chosen] = around[chosen], names[name]
    chosen = valve_share >= mitral_threshold
    around = _around(gradients_in_elements(mesh, to_valve), normals)
    fibres[chosen], regions[chosen] = around[chosen], names["mitral_annulus"]
    filled = _filled(mesh, fibres)
    return RuleFibres(
        filled.fibres, None, regions.astype(np.int32), names, filled.n_filled
    )


def _directions(gradients: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors along gradients; zero where one is too weak to have a direction."""
    lengths = np.linalg.norm(gradients, axis=1, keepdims=True)
    strong = lengths > NO_DIRECTION * np.median(lengths)
    return np.divide(gradients, lengths, where=strong, out=np.zeros_like(gradients))


def _around(
    gradients: NDArray[np.float64], normals: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Unit vectors in the wall at right angles to gradients, zero if there are none."""
    return normalised(np.cross(normals, _directions(gradients)))


def _normals(mesh: Mesh, wall: tuple[Nodes, Nodes] | None) -> NDArray[np.float64]:
    """Normals of the wall in each element, shape (n_elements, 3)."""
    if wall is not None:
        phi = solve_laplace(mesh, {0.0: wall[0], 1.0: wall[1]})
        return _directions(gradients_in_elements(mesh, phi))
    if any(block.dimension != 2 for block in mesh.blocks):
        raise ValueError(
            "a circumferential rule needs a surface of triangles, or a volume with the "
            "nodes of its wall (node sets endocardium and epicardium); the mesh has "
            + ", ".join(f"{len(block)} {block.shape}" for block in mesh.blocks)
        )
    normals = [surface_normals(mesh.points, block.nodes) for block in mesh.blocks]
    return np.concatenate(normals)


def _filled(mesh: Mesh, fibres: NDArray[np.float64]) -> RuleFibres:
    """Give elements without a direction the mean one of their neighbours.

    An element whose nodes are all on one rim has no gradient, for instance. Those that
    have one lie around the others, ring by ring; each ring adds only its own.
    """
    fibres = fibres.copy()
    empty = ~fibres.any(axis=1)
    if empty.all():
        raise ValueError(
            "the rule has no direction anywhere; look at its sets of nodes and its axis"
        )
    blocks = list(
        zip((block.nodes for block in mesh.blocks), mesh.slices(), strict=True)
    )
    at_nodes = np.zeros((mesh.n_nodes, 6))
    wanted = np.zeros(mesh.n_nodes, dtype=bool)
    wanted[mesh.nodes_of_elements(empty)] = True
    new = [
        np.flatnonzero(~empty[part] & wanted[nodes].any(axis=1))
        for nodes, part in blocks
    ]
    n_filled = 0
    while any(map(len, new)):
        for (nodes, part), rows in zip(blocks, new, strict=True):
            add_dyads(at_nodes, nodes[rows], fibres[part.start + rows])
        reached = at_nodes[:, :3].any(axis=1)
        new = []
        for nodes, part in blocks:
            missing = np.flatnonzero(empty[part])
            rows = missing[reached[nodes[missing]].any(axis=1)]
            fibres[part.start + rows] = mean_directions(
                at_nodes[nodes[rows]].sum(axis=1)
            )
            empty[part.start + rows] = False
            n_filled += len(rows)
            new.append(rows)
    return RuleFibres(fibres, n_filled=n_filled)
