"""What a mesh file holds, and which of its elements are tissue.

A file of a mesh generator lists more than what conducts: the triangles on the surface
of a volume and the lines along the rim of a surface carry names of places. Such an
element is no tissue; as one it would couple its nodes a second time. It names a set of
nodes instead. What counts is, in this order:

1. what the file says: cell data `conducting` (1 tissue, 0 not), or a format whose
   elements all conduct (openCARP);
2. elements of a group that is asked for as a bundle are tissue; a group without a name
   is asked for as it is shown (`curve_7`) or by its number (`7`);
3. a triangle that is a face of a tetrahedron, a line that is an edge of a triangle or a
   tetrahedron, and a single node are no tissue;
4. everything else is: lines between tissues or away from them are 1D bundles, triangles
   away from tetrahedra are thin walls.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cardiosim.tissue.element_keys import element_keys
from cardiosim.tissue.line_groups import (
    CURVE,
    names_of_unnamed_lines,
    perhaps_bundles,
    unnamed_lines,
)
from cardiosim.tissue.mesh import SHAPES, ElementBlock, Mesh
from cardiosim.tissue.mesh_report import Finding, counted

SIMPLICES = ("line", "triangle", "tetra")
_PLACE = {0: "point", 1: CURVE, 2: "surface", 3: "volume"}


@dataclass(frozen=True, eq=False)
class FileCells:
    """Elements of one shape in a file.

    Attributes:
        shape: "vertex", "line", "triangle" or "tetra".
        nodes: node numbers, shape (n, n_vertices).
        numbers: where in the file each of them stands, from 0, shape (n,).
    """

    shape: str
    nodes: NDArray[np.integer]
    numbers: NDArray[np.integer]

    def __len__(self) -> int:
        return len(self.nodes)


@dataclass(frozen=True, eq=False)
class MeshContent:
    """What a file holds; arrays over elements are in the order of the file.

    Attributes:
        points: in the unit of the file, shape (n_nodes, 2) or (n_nodes, 3).
        cells: elements, each with its number in the file.
        regions: shape (n_elements,); None if the file has none.
        region_names: by (dimension, number), since a number may stand for another group
            in each dimension; dimension None is any.
        fibres, sheets: shape (n_elements, 3).
        node_sets: node numbers by name.
        element_sets: element numbers by name; those of elements that are no tissue
            become node sets.
        conducting: elements that are tissue, shape (n_elements,); None is not said.
        unit: in which files of this format are by convention.
        findings: what the reader had to say.
    """

    points: NDArray[np.float64]
    cells: list[FileCells]
    regions: NDArray[np.integer] | None = None
    region_names: Mapping[tuple[int | None, int], str] = field(default_factory=dict)
    fibres: NDArray[np.float64] | None = None
    sheets: NDArray[np.float64] | None = None
    node_sets: Mapping[str, NDArray[np.integer]] = field(default_factory=dict)
    element_sets: Mapping[str, NDArray[np.integer]] = field(default_factory=dict)
    conducting: NDArray[np.bool_] | None = None
    unit: str = "mm"
    findings: tuple[Finding, ...] = ()


def tissue_of(
    content: MeshContent,
    points: NDArray[np.float64],
    bundles: Collection[str] = (),
) -> tuple[Mesh, NDArray[np.intp], list[Finding]]:
    """Make a mesh of the elements that are tissue, and node sets of the others.

    Args:
        content: of a file; node numbers are in range.
        points: its nodes, mm, shape (n_nodes, 3).
        bundles: names or numbers of groups of lines that conduct, even where they run
            along edges.

    Returns:
        The mesh; the number in the file of each of its elements; what there is to say.

    Raises:
        ValueError: there is no tissue, or no group of the name of a bundle.
    """
    content = replace(content, cells=_by_shape(content.cells))
    total = sum(map(len, content.cells))
    conducts = _conducting(content, total, _bundles(content, bundles, total))
    findings = list(content.findings)
    node_sets = dict(content.node_sets)
    named = np.zeros(total, dtype=bool)
    for name, nodes in _places(content, conducts, named, findings).items():
        node_sets[name] = np.union1d(nodes, node_sets.get(name, nodes[:0]))
    findings += perhaps_bundles(content, conducts)
    unnamed = np.count_nonzero(~conducts & ~named)
    if unnamed:
        findings.append(
            Finding(
                "note",
                f"{counted(unnamed, 'element')} left out: faces, edges or corners of "
                "others, in no group",
            )
        )
    blocks, numbers = [], []
    for cells in content.cells:
        kept = conducts[cells.numbers]
        if kept.any():
            blocks.append(ElementBlock(cells.shape, cells.nodes[kept]))
            numbers.append(cells.numbers[kept])
    if not blocks:
        raise ValueError("the mesh has no lines, triangles or tetrahedra")
    chosen = np.concatenate(numbers).astype(np.intp)
    regions, region_names = _regions(content, blocks, chosen, findings)
    mesh = Mesh(
        "mesh",
        points,
        tuple(blocks),
        regions=regions,
        region_names=region_names,
        fibres=None if content.fibres is None else content.fibres[chosen],
        sheets=None if content.sheets is None else content.sheets[chosen],
        node_sets=node_sets,
    )
    return mesh, chosen, findings


def facets_of_others(
    cells: list[FileCells], n_nodes: int, total: int
) -> NDArray[np.bool_]:
    """Elements that are faces or edges of larger ones; single nodes too.

    Args:
        cells: elements with their numbers.
        n_nodes: of the mesh.
        total: number of elements.

    Returns:
        Shape (total,), by element number.
    """
    found = np.zeros(total, dtype=bool)
    for small in cells:
        size, dimension = SHAPES[small.shape]
        if dimension == 0:
            found[small.numbers] = True
            continue
        # Of the larger elements only those near the small ones are looked at.
        near = np.zeros(n_nodes, dtype=bool)
        near[small.nodes] = True
        for large in cells:
            n_vertices, its_dimension = SHAPES[large.shape]
            if its_dimension <= dimension:
                continue
            touching = large.nodes[near[large.nodes].sum(axis=1) >= size]
            facets = list(itertools.combinations(range(n_vertices), size))
            candidates = touching[:, facets].reshape(-1, size)
            keys = element_keys(np.concatenate([small.nodes, candidates]), n_nodes)
            count = len(small)
            found[small.numbers] |= np.isin(keys[:count], keys[count:])
    return found


def _by_shape(cells: list[FileCells]) -> list[FileCells]:
    """All elements of one shape together, shapes in the order of the file."""
    merged = []
    for shape in dict.fromkeys(some.shape for some in cells):
        alike = [some for some in cells if some.shape == shape]
        merged.append(
            FileCells(
                shape,
                np.concatenate([some.nodes for some in alike]),
                np.concatenate([some.numbers for some in alike]),
            )
        )
    return merged


def _bundles(
    content: MeshContent, names: Collection[str], total: int
) -> NDArray[np.bool_]:
    """Elements of groups with one of these names."""
    chosen = np.zeros(total, dtype=bool)
    by_name = {name: key for key, name in content.region_names.items()}
    for name in names:
        if name in content.element_sets:
            chosen[content.element_sets[name]] = True
        elif name in by_name and content.regions is not None:
            dimension, number = by_name[name]
            for cells in content.cells:
                if dimension in (None, SHAPES[cells.shape][1]):
                    hit = content.regions[cells.numbers] == number
                    chosen[cells.numbers[hit]] = True
        elif len(lines := unnamed_lines(content, name)):
            chosen[lines] = True
        else:
            shown = [*content.element_sets, *by_name, *names_of_unnamed_lines(content)]
            known = ", ".join(dict.fromkeys(shown))
            raise ValueError(
                f'there is no group "{name}" of elements; the file names '
                f"{known or 'none'}"
            )
    return chosen


def _conducting(
    content: MeshContent, total: int, bundles: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    if content.conducting is None:
        facets = facets_of_others(content.cells, len(content.points), total)
        conducts = ~facets | bundles
    else:
        conducts = content.conducting | bundles
    for cells in content.cells:
        if cells.shape == "vertex":
            conducts[cells.numbers] = False
    return conducts


def _places(
    content: MeshContent,
    conducts: NDArray[np.bool_],
    named: NDArray[np.bool_],
    findings: list[Finding],
) -> dict[str, NDArray[np.integer]]:
    """Nodes of the elements that are no tissue, by the name of their group.

    Args:
        content: of the file, one `FileCells` a shape.
        conducts: elements that are tissue.
        named: is set for those that have got a name.
        findings: gets a warning for a group that is tissue in part.
    """
    parts: dict[str, list[NDArray]] = {}
    for cells in content.cells:
        tissue = conducts[cells.numbers]
        if tissue.all():
            continue
        for name, members in _groups(content, cells, tissue):
            places = members & ~tissue
            if not places.any():
                continue
            parts.setdefault(name, []).append(cells.nodes[places].ravel())
            named[cells.numbers[places]] = True
            if (members & tissue).any() and content.conducting is None:
                findings.append(
                    Finding(
                        "warning",
                        f'of group "{name}" {counted(int(places.sum()), cells.shape)} '
                        "along other elements are a node set, the rest conducts; if "
                        "all should, name it as a bundle",
                    )
                )
    return {name: np.unique(np.concatenate(found)) for name, found in parts.items()}


def _groups(
    content: MeshContent, cells: FileCells, tissue: NDArray[np.bool_]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Name and members, shape (n,), of each group that is not all tissue."""
    dimension = SHAPES[cells.shape][1]
    listed = np.zeros(len(cells), dtype=bool)
    for name, elements in content.element_sets.items():
        members = np.isin(cells.numbers, elements)
        listed |= members
        yield name, members
    if content.regions is None:
        return
    regions = content.regions[cells.numbers]
    for number in np.unique(regions[~tissue & ~listed]).tolist():
        if number == 0:  # in no group
            continue
        name = content.region_names.get((dimension, number))
        name = name or content.region_names.get((None, number))
        yield name or f"{_PLACE[dimension]}_{number}", regions == number


def _regions(
    content: MeshContent,
    blocks: list[ElementBlock],
    chosen: NDArray[np.intp],
    findings: list[Finding],
) -> tuple[NDArray[np.int32] | None, dict[str, int]]:
    """Regions of the tissue; of two groups with one number the smaller gets a new."""
    if content.regions is None:
        return None, {}
    regions = content.regions[chosen].astype(np.int32)
    names: dict[str, int] = {}
    taken: set[int] = set()
    dimensions = np.concatenate([np.full(len(b), b.dimension) for b in blocks])
    for dimension in (3, 2, 1):
        inside = dimensions == dimension
        for number in np.unique(regions[inside]).tolist():
            own = content.region_names.get((dimension, number))
            name = own or content.region_names.get((None, number))
            here = inside & (regions == number)
            if name in names:  # one group of several dimensions
                number = names[name]
                regions[here] = number
            elif own and number in taken:
                new = max(taken | set(np.unique(regions).tolist())) + 1
                regions[here] = new
                findings.append(
                    Finding(
                        "warning",
                        f'region "{name}" has the number {number} of another region; '
                        f"it is {new} here",
                    )
                )
                number = new
            taken.add(number)
            if name:
                names[name] = number
    return regions, names
