"""Regions, sets of nodes and fibres of the left atrium.

Regions are told apart by place, in the axes of shape.py. Fibres are those of the rule
`left_atrium` of cardiosim (Laplace-Dirichlet), with two bundles that the rule lacks: in
the appendage fibres run around it, in Bachmann's bundle along it.
"""

from __future__ import annotations

import numpy as np
import remeshing
import shape
from numpy.typing import NDArray
from scipy.optimize import brentq

from cardiosim.tissue.fibre_rules import circumferential, left_atrium
from cardiosim.tissue.fibres import add_dyads, mean_directions
from cardiosim.tissue.mesh import ElementBlock, Mesh

Array = NDArray[np.float64]

REGIONS = {
    "body": 1,
    "left_atrial_appendage": 2,
    "left_veins": 3,
    "right_veins": 4,
    "bachmann": 5,
    "coronary_sinus": 6,
    "roof": 7,
}
# Bachmann's bundle: from where it comes over from the right atrium to the appendage.
BACHMANN_FROM = np.array([-0.66, -0.60, 0.45])
BACHMANN_TO = np.array([0.52, -0.62, 0.59])
BACHMANN_HALF_WIDTH = 4.0  # mm
# Muscle along the coronary sinus: height above the annulus, mm, and the angle about the
# axis of the valve, degrees, from the back to the left.
CORONARY_SINUS_HEIGHT = (1.5, 8.0)
CORONARY_SINUS_ANGLE = (-60.0, 85.0)
CORONARY_SINUS_SITE = (4.5, 65.0)  # height and angle of the pacing site
SITE_RADIUS = 3.5  # mm
# Sleeves begin this far from the origin of a vein, mm.
SLEEVE_START = 3.0
SMOOTHING_PASSES = 12


def describe(points: Array, triangles: NDArray[np.int64]) -> Mesh:
    """Return the mesh with regions, node sets and fibres."""
    bare = Mesh("mesh", points, (ElementBlock("triangle", triangles),))
    sets = node_sets(points, triangles)
    mesh = Mesh("mesh", points, bare.blocks, node_sets=sets)
    regions = regions_of(mesh.centroids)
    return Mesh(
        "mesh",
        points,
        mesh.blocks,
        regions=regions,
        region_names=REGIONS,
        fibres=fibres_of(mesh, regions),
        node_sets=sets,
    )


def node_sets(
    points: Array, triangles: NDArray[np.int64]
) -> dict[str, NDArray[np.intp]]:
    """Rims by their opening, two pacing sites and the tip of the appendage."""
    rim = remeshing.rim_nodes(remeshing.edges_of(triangles), len(points))
    rims = np.flatnonzero(rim)
    opening = shape.rim_of(points[rims])
    sets = {name: rims[opening == k] for k, name in enumerate(shape.OPENINGS)}
    places = {
        "bachmann_insertion": shape.on_wall(_out_to_wall(BACHMANN_FROM), 8),
        "coronary_sinus_site": coronary_sinus_site(),
    }
    for name, place in places.items():
        near = np.linalg.norm(points - place, axis=1) <= SITE_RADIUS
        sets[name] = np.flatnonzero(near)
    return sets


def regions_of(centres: Array) -> NDArray[np.int32]:
    """Region of each triangle by where its centre lies."""
    regions = np.full(len(centres), REGIONS["body"], dtype=np.int32)
    x, y, z = centres.T
    roof = (z > 14.0) & (np.abs(x) < 13.0) & (y > -9.0) & (y < 13.0)
    regions[roof] = REGIONS["roof"]

    height, angle = around_valve(centres)
    low, high = CORONARY_SINUS_HEIGHT
    start, end = CORONARY_SINUS_ANGLE
    beside_valve = (height > low) & (height < high) & (angle > start) & (angle < end)
    regions[beside_valve] = REGIONS["coronary_sinus"]

    for name, vein in shape.VEINS.items():
        sleeve = vein.along(centres) > SLEEVE_START
        sleeve &= vein.across(centres) < vein.radius + 1.8
        regions[sleeve] = REGIONS[f"{name.split('_')[0]}_veins"]

    outside = (shape.appendage(centres) < 1.5) & (shape.body(centres) > 2.5)
    regions[outside] = REGIONS["left_atrial_appendage"]

    axis = bachmann_axis()
    along = np.arctan2(centres @ np.cross(axis, BACHMANN_FROM), centres @ BACHMANN_FROM)
    whole = np.linalg.norm(BACHMANN_FROM) * np.linalg.norm(BACHMANN_TO)
    end = np.arccos(BACHMANN_FROM @ BACHMANN_TO / whole)
    band = np.abs(centres @ axis) < BACHMANN_HALF_WIDTH
    # Half a width longer than its ends, so that the pacing site lies inside.
    band &= (along > -0.2) & (along < end)
    regions[band & ~outside] = REGIONS["bachmann"]
    return regions


def fibres_of(mesh: Mesh, regions: NDArray[np.int32]) -> Array:
    """Unit vectors in the triangles, smoothed across the borders of the bundles."""
    fibres = left_atrium(mesh).fibres.copy()
    tip = shape.APPENDAGE[-1, :3]
    at_tip = np.linalg.norm(mesh.points - tip, axis=1)
    rims = np.concatenate([mesh.node_sets[name] for name in shape.OPENINGS])
    blind_end = np.flatnonzero(at_tip < shape.APPENDAGE[-1, 3] + 0.5)
    around = circumferential(mesh, blind_end, rims).fibres
    inside = regions == REGIONS["left_atrial_appendage"]
    fibres[inside] = around[inside]

    triangles = mesh.blocks[0].nodes
    normals = remeshing.face_normals(mesh.points, triangles)
    normals /= np.linalg.norm(normals, axis=1)[:, np.newaxis]
    inside = regions == REGIONS["bachmann"]
    fibres[inside] = np.cross(normals[inside], bachmann_axis())
    return smoothed(fibres, normals, triangles, mesh.n_nodes)


def smoothed(
    fibres: Array, normals: Array, triangles: NDArray[np.integer], n_nodes: int
) -> Array:
    """Mean direction of a triangle and those around it, several times."""
    fibres = fibres / np.linalg.norm(fibres, axis=1)[:, np.newaxis]
    count = np.bincount(triangles.ravel(), minlength=n_nodes)
    for _ in range(SMOOTHING_PASSES):
        at_nodes = np.zeros((n_nodes, 6))
        add_dyads(at_nodes, triangles, fibres)
        at_nodes /= count[:, np.newaxis]
        fibres = mean_directions(at_nodes[triangles].mean(axis=1), normals)
    return fibres


def around_valve(points: Array) -> tuple[Array, Array]:
    """Height above the annulus, mm, and angle about its axis, degrees."""
    back, left = _valve_frame()
    angle = np.degrees(np.arctan2(points @ left, points @ back))
    return shape.VALVE.height - shape.VALVE.along(points), angle


def coronary_sinus_site() -> Array:
    """The pacing site beside the annulus, on the wall, mm, shape (1, 3)."""
    height, angle = CORONARY_SINUS_SITE[0], np.radians(CORONARY_SINUS_SITE[1])
    back, left = _valve_frame()
    start = (shape.VALVE.height - height) * shape.VALVE.direction
    aside = np.cos(angle) * back + np.sin(angle) * left
    reach = brentq(lambda r: shape.wall((start + r * aside)[np.newaxis])[0], 5.0, 30.0)
    return (start + reach * aside)[np.newaxis]


def _valve_frame() -> tuple[Array, Array]:
    """Unit vectors in the plane of the valve: to the back, and to the left."""
    axis = shape.VALVE.direction
    back = np.array([0.0, 1.0, 0.0]) - axis[1] * axis
    back /= np.linalg.norm(back)
    return back, np.cross(axis, back) * np.sign(np.cross(axis, back)[0])


def bachmann_axis() -> Array:
    """Normal of the plane that the bundle runs in, which holds the body's centre."""
    axis = np.cross(BACHMANN_FROM, BACHMANN_TO)
    return axis / np.linalg.norm(axis)


def _out_to_wall(direction: Array) -> Array:
    """A point near the wall in this direction from the centre, shape (1, 3)."""
    return (direction / np.linalg.norm(direction / shape.BODY))[np.newaxis]
