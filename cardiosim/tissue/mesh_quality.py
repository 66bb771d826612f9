"""Checks of a mesh that was read: what cannot be computed on, and what looks wrong.

What no computation can be made on is an error: node numbers out of range, positions
that are no numbers, elements without length, area or volume. What can be put right or
may be meant is a finding: nodes that no element uses, elements given twice, tetrahedra
turned inside out, parts that do not touch, fibres that are no unit vectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cardiosim.tissue.connected_parts import connected_parts
from cardiosim.tissue.element_keys import element_keys
from cardiosim.tissue.element_measures import DEGENERATE, signed_measures
from cardiosim.tissue.fibres import SPECK, fit_sheets, normalised
from cardiosim.tissue.mesh import ElementBlock, Mesh
from cardiosim.tissue.mesh_content import FileCells
from cardiosim.tissue.mesh_report import Finding, counted, renumbered

SLIVER = 1e-4  # measured as element_measures.DEGENERATE

LARGEST = 500.0  # mm; a heart measures some 150 mm
SMALLEST = 1.0  # mm

_SHOWN = 5  # parts whose size is named


def check_node_numbers(
    cells: Sequence[FileCells],
    node_sets: Mapping[str, NDArray[np.integer]],
    n_nodes: int,
) -> None:
    """Check that elements and sets name nodes that there are.

    Args:
        cells: elements of a file.
        node_sets: node numbers by name.
        n_nodes: of the mesh.

    Raises:
        ValueError: names the first element or set that does not.
    """
    for some in cells:
        outside = ((some.nodes < 0) | (some.nodes >= n_nodes)).any(axis=1)
        if outside.any():
            first = int(np.flatnonzero(outside)[0])
            raise ValueError(
                f"{counted(int(outside.sum()), f'{some.shape} element')} with node "
                f"numbers out of range: element {some.numbers[first]} joins nodes "
                f"{_listed(some.nodes[first])}, the mesh has nodes 0..{n_nodes - 1}"
            )
    for name, nodes in node_sets.items():
        wrong = nodes[(nodes < 0) | (nodes >= n_nodes)]
        if len(wrong):
            raise ValueError(
                f'the node set "{name}" names node {wrong[0]}, the mesh has nodes '
                f"0..{n_nodes - 1}"
            )


def check_extent(
    points: NDArray[np.float64], unit: str, stated: bool, units: dict[str, float]
) -> list[Finding]:
    """Check that a mesh is no atrium of 100 m.

    Args:
        points: mm, shape (n_nodes, 3).
        unit: that the lengths of the file were taken in.
        stated: the user named it; then a strange size is a warning only.
        units: length of each unit that could be meant, mm.

    Raises:
        ValueError: a strange size in a unit that nobody stated.
    """
    extent = float(np.ptp(points, axis=0).max())
    if SMALLEST <= extent <= LARGEST:
        return []
    others = {
        other: extent / units[unit] * length
        for other, length in units.items()
        if other != unit and SMALLEST <= extent / units[unit] * length <= LARGEST
    }
    which = " or ".join(f'"{name}" ({size:.3g} mm)' for name, size in others.items())
    line = f"the mesh is {_length(extent)} long if its lengths are in {unit}"
    if stated:
        hint = f"; the unit may be {which}" if which else ""
        return [Finding("warning", line + hint)]
    which = which or f'"{unit}", if that is so'
    raise ValueError(f"{line}; state their unit: {which}")


def repaired(
    mesh: Mesh, file_elements: NDArray[np.intp]
) -> tuple[Mesh, NDArray[np.intp], NDArray[np.intp], list[Finding]]:
    """Check a mesh and put right what can be.

    Args:
        mesh: of lines, triangles and tetrahedra, with the nodes of its file; node
            numbers are in range.
        file_elements: number of each element in the file, shape (n_elements,).

    Returns:
        The mesh; which nodes and which elements of the old one it has; what was found.

    Raises:
        ValueError: positions that are no numbers, degenerate elements, fibres that are
            no numbers. Nodes and elements are named by their numbers in the file.
    """
    findings: list[Finding] = []
    mesh = _turned(mesh, file_elements, findings)
    elements = _without_duplicates(mesh, findings)
    if len(elements) < mesh.n_elements:
        mesh = _of_elements(mesh, elements)
    mesh, nodes = _without_unused_nodes(mesh, findings)
    findings += _parts(mesh)
    mesh = _with_unit_vectors(mesh, file_elements[elements], findings)
    return mesh, nodes, elements, findings


def _without_duplicates(mesh: Mesh, findings: list[Finding]) -> NDArray[np.intp]:
    """Elements without those that are there already."""
    kept = []
    for block, part in zip(mesh.blocks, mesh.slices(), strict=True):
        keys = element_keys(block.nodes, mesh.n_nodes)
        first = np.sort(np.unique(keys, return_index=True)[1])
        if len(first) < len(block):
            again = np.setdiff1d(np.arange(len(block)), first)
            findings.append(
                Finding(
                    "warning",
                    f"{counted(len(again), f'{block.shape} element')} given twice, as "
                    f"of nodes {_listed(block.nodes[again[0]])}; the first one counts",
                )
            )
        kept.append(first + part.start)
    return np.concatenate(kept)


def _of_elements(mesh: Mesh, chosen: NDArray[np.intp]) -> Mesh:
    """The mesh of some of the elements, by increasing number."""
    blocks = []
    for block, part in zip(mesh.blocks, mesh.slices(), strict=True):
        inside = chosen[(chosen >= part.start) & (chosen < part.stop)] - part.start
        blocks.append(ElementBlock(block.shape, block.nodes[inside]))
    arrays = {
        name: None if getattr(mesh, name) is None else getattr(mesh, name)[chosen]
        for name in ("regions", "fibres", "sheets")
    }
    return replace(mesh, blocks=tuple(blocks), **arrays)


def _without_unused_nodes(
    mesh: Mesh, findings: list[Finding]
) -> tuple[Mesh, NDArray[np.intp]]:
    """The mesh with the nodes of its elements, and their numbers before."""
    nodes = mesh.nodes_of_elements(np.ones(mesh.n_elements, dtype=bool))
    n_before = mesh.n_nodes
    if len(nodes) == n_before:
        return mesh, nodes
    findings.append(
        Finding(
            "warning",
            f"{counted(n_before - len(nodes), 'node')} of {n_before} dropped: no "
            "element uses them",
        )
    )
    numbers = np.zeros(n_before, dtype=np.int32)
    numbers[nodes] = np.arange(len(nodes))
    blocks = [ElementBlock(b.shape, numbers[b.nodes]) for b in mesh.blocks]
    sets = {}
    for name, members in mesh.node_sets.items():
        sets[name] = renumbered(members, nodes, n_before)
        if not len(sets[name]) and len(members):
            findings.append(
                Finding("warning", f'no node of the set "{name}" is part of an element')
            )
    return (
        replace(mesh, points=mesh.points[nodes], blocks=tuple(blocks), node_sets=sets),
        nodes,
    )


def _turned(
    mesh: Mesh, file_elements: NDArray[np.intp], findings: list[Finding]
) -> Mesh:
    """The mesh with tetrahedra the right way round; stops at degenerate elements."""
    blocks = []
    for block, part in zip(mesh.blocks, mesh.slices(), strict=True):
        _check_finite(mesh, block)
        measure, quality = signed_measures(mesh.points, block)
        flatness = np.abs(quality)
        flat = np.flatnonzero(flatness < DEGENERATE)
        if len(flat):
            what = {1: "length", 2: "area", 3: "volume"}[block.dimension]
            raise ValueError(
                f"{counted(len(flat), f'{block.shape} element')} without {what}: "
                f"element {file_elements[part][flat[0]]} of nodes "
                f"{_listed(block.nodes[flat[0]])} near "
                f"{_place(mesh, block, flat[0])}; take it out, or merge its nodes"
            )
        n_thin = int(np.count_nonzero(flatness < SLIVER))
        if n_thin:
            worst = int(flatness.argmin())
            findings.append(
                Finding(
                    "warning",
                    f"{counted(n_thin, f'{block.shape} element')} nearly flat; the "
                    f"worst, element {file_elements[part][worst]}, is near "
                    f"{_place(mesh, block, worst)}",
                )
            )
        inverted = np.flatnonzero(measure < 0.0)
        if len(inverted):
            # A file that numbers all of them so has another convention, no fault.
            all_of_them = len(inverted) == len(block)
            findings.append(
                Finding(
                    "note" if all_of_them else "warning",
                    f"inverted tetrahedra (negative volume): {len(inverted)} of "
                    f"{len(block)}, turned round; the first is element "
                    f"{file_elements[part][inverted[0]]} near "
                    f"{_place(mesh, block, inverted[0])}",
                )
            )
            nodes = block.nodes.copy()
            nodes[inverted] = nodes[inverted][:, [0, 1, 3, 2]]
            block = ElementBlock(block.shape, nodes)
        blocks.append(block)
    return replace(mesh, blocks=tuple(blocks))


def _check_finite(mesh: Mesh, block: ElementBlock) -> None:
    finite = np.isfinite(mesh.points).all(axis=1)
    wrong = block.nodes[~finite[block.nodes]]
    if len(wrong):
        raise ValueError(
            f"node {wrong[0]} is at ({_listed(mesh.points[wrong[0]])}); expected "
            "finite positions"
        )


def _parts(mesh: Mesh) -> list[Finding]:
    """Parts of the mesh that share no node."""
    _, sizes = connected_parts(mesh)
    count = len(sizes)
    if count == 1:
        return []
    named = ", ".join(str(size) for size in sizes[:_SHOWN])
    more = ", ..." if count > _SHOWN else ""
    line = (
        f"{count} parts that share no node ({named}{more} nodes): no current flows "
        "between them"
    )
    coincident = _coincident(mesh.points)
    if coincident:
        line += (
            f"; at the place of another, {counted(coincident, 'node')}: merge them "
            "if the parts should touch"
        )
    return [Finding("warning", line)]


def _coincident(points: NDArray[np.float64]) -> int:
    """Number of nodes at the place of another, to 1e-7 of the extent."""
    step = max(float(np.ptp(points, axis=0).max()), 1e-300) * 1e-7
    places = np.round((points - points.min(axis=0)) / step).astype(np.int64)
    return len(points) - len(np.unique(places, axis=0))


def _with_unit_vectors(
    mesh: Mesh, file_elements: NDArray[np.intp], findings: list[Finding]
) -> Mesh:
    """The mesh with fibres and sheets of length 1, at right angles."""
    if mesh.fibres is None:
        findings.append(
            Finding(
                "note",
                "no fibres: conduction is the same in all directions unless the case "
                "gives fibres",
            )
        )
        return replace(mesh, sheets=None)
    fibres = _checked_directions(mesh.fibres, "fibre", file_elements, findings)
    sheets = mesh.sheets
    if sheets is not None:
        sheets = _checked_directions(sheets, "sheet vector", file_elements, findings)
        along = np.einsum("ij,ij->i", sheets, fibres)
        skew = np.abs(along) > 1e-3
        if skew.any():
            findings.append(
                Finding(
                    "warning",
                    f"{counted(int(skew.sum()), 'sheet vector')} not at right angles "
                    "to the fibre; the part along the fibre was taken off",
                )
            )
        sheets = fit_sheets(sheets, fibres)
    return replace(mesh, fibres=fibres, sheets=sheets)


def _checked_directions(
    vectors: NDArray[np.float64],
    what: str,
    file_elements: NDArray[np.intp],
    findings: list[Finding],
) -> NDArray[np.float64]:
    """Vectors of length 1, or zero."""
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        first = int(np.flatnonzero(~finite)[0])
        raise ValueError(
            f"the {what} of element {file_elements[first]} is "
            f"({_listed(vectors[first])}); expected finite numbers, or zeros where "
            "there is none"
        )
    lengths = np.linalg.norm(vectors, axis=1)
    zero = lengths <= SPECK
    # Files carry five digits at least.
    other = ~zero & (np.abs(lengths - 1.0) > 1e-4)
    if other.any():
        findings.append(
            Finding(
                "warning",
                f"{counted(int(other.sum()), what)} not of length 1 (between "
                f"{lengths[other].min():.3g} and {lengths[other].max():.3g}), "
                "normalised",
            )
        )
    if zero.any():
        findings.append(
            Finding(
                "note" if what != "fibre" else "warning",
                f"{counted(int(zero.sum()), 'element')} of {len(vectors)} without a "
                f"{what} (zero)",
            )
        )
    return normalised(vectors)


def _listed(numbers: NDArray) -> str:
    shown = "{:d}" if np.issubdtype(numbers.dtype, np.integer) else "{:.6g}"
    return ", ".join(map(shown.format, numbers.tolist()))


def _place(mesh: Mesh, block: ElementBlock, element: int) -> str:
    x, y, z = mesh.points[block.nodes[element]].mean(axis=0)
    return f"({x:.4g}, {y:.4g}, {z:.4g}) mm"


def _length(millimetres: float) -> str:
    if millimetres >= 1000.0:
        return f"{millimetres / 1000.0:.3g} m"
    return f"{millimetres:.3g} mm"
