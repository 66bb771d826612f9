"""Groups of lines in a mesh file: how they are named, and which may be bundles."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cardiosim.tissue.element_keys import element_keys
from cardiosim.tissue.mesh_report import Finding, counted

if TYPE_CHECKING:
    from cardiosim.tissue.mesh_content import FileCells, MeshContent

CURVE = "curve"  # of region 7: "curve_7", where the file has no name for it


def unnamed_lines(content: MeshContent, name: str) -> NDArray[np.integer]:
    """Element numbers of the lines of the region that is named `7` or `curve_7`."""
    number = name.removeprefix(f"{CURVE}_")
    found = [np.empty(0, dtype=np.intp)]
    for cells in _lines(content) if number.isdecimal() else ():
        found.append(cells.numbers[_region_numbers(content, cells) == int(number)])
    return np.concatenate(found)


def names_of_unnamed_lines(content: MeshContent) -> list[str]:
    """Names that `unnamed_lines` knows."""
    numbers = [_region_numbers(content, cells) for cells in _lines(content)]
    return [f"{CURVE}_{n}" for some in numbers for n in np.unique(some).tolist()]


def perhaps_bundles(content: MeshContent, conducts: NDArray[np.bool_]) -> list[Finding]:
    """Warnings of lines along other elements that may have been meant to conduct.

    Such are lines inside a wall or a volume, where no rim is, and those of a region
    that has neither a name nor other elements: a place would have a name.

    Args:
        content: of the file, one `FileCells` a shape.
        conducts: elements that are tissue, shape (n_elements,).
    """
    if content.conducting is not None:  # the file says so itself
        return []
    findings = []
    for cells in _lines(content):
        tissue = conducts[cells.numbers]
        names, is_named = _names(content, cells)
        own = ~is_named & (names != "")
        regions = _region_numbers(content, cells)
        for other in content.cells:
            if other is not cells:
                own &= ~np.isin(regions, _region_numbers(content, other))
        doubtful = own | inside_of_others(cells.nodes, content, conducts)
        doubtful &= ~tissue & ~np.isin(names, names[tissue & (names != "")])
        for name in np.unique(names[doubtful]).tolist():
            count = int(np.count_nonzero(doubtful & (names == name)))
            what = f' of group "{name}"' if name else ""
            becomes = "taken for a set of nodes" if name else "left out"
            findings.append(
                Finding(
                    "warning",
                    f"{counted(count, 'line')}{what} along edges of other elements "
                    f"{becomes}, not for tissue; if they conduct, name the bundle "
                    f'"{name or 0}"',
                )
            )
    return findings


def inside_of_others(
    lines: NDArray[np.integer], content: MeshContent, conducts: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Lines between two triangles of tissue or more, or inside a volume of tetrahedra.

    Around an edge inside a volume there are as many tetrahedra as faces, around one on
    its surface a face more.

    Args:
        lines: node numbers, shape (n, 2).
        content: of the file.
        conducts: elements that are tissue.
    """
    n_nodes = len(content.points)
    near = np.zeros(n_nodes, dtype=bool)
    near[lines] = True

    def around(simplices: NDArray[np.integer]) -> NDArray[np.intp]:
        """How many of these elements have each line for an edge."""
        pairs = list(itertools.combinations(range(simplices.shape[1]), 2))
        edges = simplices[:, pairs].reshape(-1, 2)
        keys = element_keys(np.concatenate([lines, edges]), n_nodes)
        own, those = keys[: len(lines)], np.sort(keys[len(lines) :])
        before, behind = (np.searchsorted(those, own, s) for s in ("left", "right"))
        return behind - before

    inside = np.zeros(len(lines), dtype=bool)
    for cells in content.cells:
        nodes = cells.nodes[conducts[cells.numbers]]
        nodes = nodes[near[nodes].sum(axis=1) >= 2]
        if cells.shape == "triangle":
            inside |= around(nodes) >= 2
        elif cells.shape == "tetra" and len(nodes):
            faces = nodes[:, list(itertools.combinations(range(4), 3))].reshape(-1, 3)
            _, first = np.unique(element_keys(faces, n_nodes), return_index=True)
            count = around(nodes)
            inside |= (count > 0) & (around(faces[first]) == count)
    return inside


def _lines(content: MeshContent) -> list[FileCells]:
    return [cells for cells in content.cells if cells.shape == "line"]


def _region_numbers(content: MeshContent, cells: FileCells) -> NDArray[np.integer]:
    """Region of each of these elements; 0 without."""
    if content.regions is None:
        return np.zeros(len(cells), dtype=np.int64)
    return content.regions[cells.numbers]


def _names(
    content: MeshContent, cells: FileCells
) -> tuple[NDArray[np.str_], NDArray[np.bool_]]:
    """Name of the group of each line, "" in none, and whether the file gives it."""
    names = np.full(len(cells), "", dtype=object)
    is_named = np.zeros(len(cells), dtype=bool)
    regions = _region_numbers(content, cells)
    for number in np.unique(regions[regions != 0]).tolist():
        given = content.region_names.get((1, number))
        given = given or content.region_names.get((None, number))
        names[regions == number] = given or f"{CURVE}_{number}"
        is_named[regions == number] = given is not None
    for name, elements in content.element_sets.items():
        members = np.isin(cells.numbers, elements)
        names[members], is_named[members] = name, True
    return names.astype(str), is_named
