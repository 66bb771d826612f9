"""Waves that turn round a hole or an edge, which no singularity in the tissue shows.

A vein, a scar or a valve that a wave goes round holds what would be its singularity:
the phase winds round the edge. The charge of an edge is that winding, anticlockwise
about the hole; of the outline of a sheet about everything outside. With the charges of
all singularities they sum to zero, whatever happens: what a tip had that meets an edge
is the edge's afterwards. Winfree, When Time Breaks Down, Princeton 1987; Davidsen,
Glass, Kapral, Phys. Rev. E 70:056203 (2004), doi 10.1103/PhysRevE.70.056203.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.measure.phase_singularities import Loops, forward_steps


@dataclass(frozen=True, eq=False)
class Edges:
    """Edges of the tissue that loops cover, each closed.

    Attributes:
        steps: first and second node of each step along an edge, the tissue on its left,
            shape (n_steps, 2).
        edge: number of the edge of each step, 0 for the longest, shape (n_steps,).
        lengths: mm, shape (n_edges,).
        centres: mean of the nodes of each edge, mm, shape (n_edges, 3).
        has_outline: whether the tissue is flat, so that the longest edge is no hole.
    """

    steps: NDArray[np.integer]
    edge: NDArray[np.integer]
    lengths: NDArray
    centres: NDArray
    has_outline: bool

    @property
    def is_hole(self) -> NDArray[np.bool_]:
        """Whether each edge is that of a hole, shape (n_edges,)."""
        return np.arange(len(self.lengths)) >= int(self.has_outline)


def edges_of(loops: Loops) -> Edges:
    """Edges of the tissue: the steps of loops that no other loop takes back.

    Args:
        loops: round squares or triangles that turn the same way.

    Raises:
        ValueError: loops of eight nodes, which overlap.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if loops.nodes.shape[1] == 8:
        raise ValueError("rings of eight nodes overlap; edges are those of squares")
    count = len(loops.points)
    steps = np.stack([loops.nodes, np.roll(loops.nodes, -1, axis=1)], axis=2)
    steps = steps.reshape(-1, 2).astype(np.int64)
    taken_back = np.isin(steps @ [count, 1], steps @ [1, count])
    steps = steps[~taken_back]
    links = coo_array((np.ones(len(steps)), (*steps.T,)), shape=(count, count))
    edge = connected_components(links, directed=False)[1][steps[:, 0]]
    edge = np.unique(edge, return_inverse=True)[1].ravel()
    away = np.linalg.norm(np.diff(loops.points[steps], axis=1)[:, 0], axis=1)
    lengths = np.bincount(edge, away)
    order = np.argsort(-lengths, kind="stable")
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order))
    edge = rank[edge]
    sums = [np.bincount(edge, axis) for axis in loops.points[steps[:, 0]].T]
    centres = np.stack(sums, axis=1) / np.bincount(edge)[:, None]
    is_flat = bool(len(loops.normals)) and np.ptp(loops.normals, axis=0).max() < 1e-6
    return Edges(steps, edge, lengths[order], centres, is_flat)


def edge_charges(edges: Edges, phase: ArrayLike) -> NDArray[np.integer]:
    """Charge of each edge, shape (n_edges,); 0 where a node has no phase (NaN).

    Args:
        edges: of the tissue.
        phase: rad, shape (n_nodes,).
    """
    # Tissue on the left is clockwise about the hole.
    turned = -forward_steps(np.asarray(phase, dtype=float), *edges.steps.T)
    winding = np.bincount(edges.edge, turned, minlength=len(edges.lengths))
    return np.rint(np.nan_to_num(winding) / (2.0 * np.pi)).astype(int)


def longest_stretch(times: ArrayLike, charge: ArrayLike) -> float:
    """Longest time for which a charge stays the same and is not 0, ms.

    Args:
        times: ms, shape (n_times,).
        charge: of one edge, shape (n_times,).
    """
    times, charge = np.asarray(times, dtype=float), np.asarray(charge)
    change = np.flatnonzero(np.diff(charge)) + 1
    begins = np.concatenate([[0], change])
    ends = np.concatenate([change - 1, [len(charge) - 1]])
    lasts = np.where(charge[begins] != 0, times[ends] - times[begins], 0.0)
    return float(lasts.max(initial=0.0))
