"""The closed language that names a part of a mesh: `x <= 2.0 and not nodes(0..4)`.

    comparison   x <= 2.0    1 < x < 3    x == 5    (x, y, z and numbers, mm)
    shape        box(xmin, xmax [, ymin, ymax [, zmin, zmax]])
                 sphere(x, y, z, radius)
                 cylinder(x1, y1, z1, x2, y2, z2, radius)   from end to end; all closed
    elements     region(2, 4..6, left_atrium)       by number, range or name
                 fibrosis                           those that the mesh has as fibrotic
    nodes        nodes(0, 5, 10..20)                both ends of a range included
                 set(pacing_site)                   a list of nodes in the mesh file
                 vertices("site.vtx")               a list of nodes in a file of its
                                                    own, numbered as in the mesh file
                 surface                            where the mesh ends, see surfaces.py
    everything   all
    combined by  not, and, or, parentheses

Asked for nodes, `region` gives those of its elements, and `fibrosis` those at least
half of whose surroundings are fibrotic. Asked for elements, comparisons and shapes look
at the centre of an element, and lists of nodes and `surface` give the elements with all
vertices in them.

Text is parsed by the grammar of region_language.py, and never evaluated as Python.
"""

from __future__ import annotations

import difflib
import operator
from collections.abc import Iterable
from functools import reduce

import numpy as np
from lark import Token, Transformer, v_args
from lark.exceptions import VisitError
from numpy.typing import NDArray

from cardiosim.tissue.fibrosis import pattern_of
from cardiosim.tissue.mesh import Mesh
from cardiosim.tissue.region_language import parsed
from cardiosim.tissue.surfaces import boundary_nodes
from cardiosim.tissue.vertex_lists import read_vertices

RELATIVE_TOLERANCE = 1e-9  # of the mesh extent: rounding of node positions


def select_nodes(where: str, mesh: Mesh) -> NDArray[np.intp]:
    """Numbers of the nodes inside the region `where`.

    Comparisons forgive rounding of the positions: `x <= 2.0` includes a node at
    2.0000000000000004 and `x < 2.0` excludes one at 1.9999999999999998.

    Args:
        where: text in the language of this module.
        mesh: with the nodes.

    Returns:
        Increasing node numbers, shape (n_selected,); empty if none is inside.

    Raises:
        ValueError: the text is no region, or speaks of what the mesh does not have.
    """
    return np.flatnonzero(_evaluated(where, _NodeMembership(mesh)))


def select_elements(where: str, mesh: Mesh) -> NDArray[np.bool_]:
    """Which elements are inside the region `where`; see `select_nodes`.

    Returns:
        Shape (n_elements,).
    """
    return _evaluated(where, _ElementMembership(mesh))


def _evaluated(where: str, membership: _Membership) -> NDArray[np.bool_]:
    try:
        return membership.transform(parsed(where))
    except VisitError as error:
        raise ValueError(f'region "{where}": {error.orig_exc}') from None


def _unknown(name: str, known: Iterable[str]) -> str:
    """What to write in place of a name that the mesh does not have."""
    known = list(known)
    if not known:
        return "it has none"
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"


def _mask(
    numbers: NDArray[np.integer], n_nodes: int, text: str, what: str
) -> NDArray[np.bool_]:
    """Mask over n_nodes nodes of those that a list holds."""
    outside = (numbers < 0) | (numbers >= n_nodes)
    if outside.any():
        raise ValueError(
            f"{text} holds node {numbers[outside][0]}, which is no part of the "
            f"{what}; its nodes are numbered 0..{n_nodes - 1}"
        )
    inside = np.zeros(n_nodes, dtype=bool)
    inside[numbers] = True
    return inside


@v_args(inline=True)
class _Membership(Transformer):
    """Turns the parsed region into a mask over nodes or elements."""

    def __init__(self, mesh: Mesh):
        super().__init__()
        self.mesh = mesh
        self.fibrotic = mesh.fibrotic
        self.positions = self._positions()
        points = mesh.points
        extent = np.ptp(points, axis=0).max() if len(points) else 0.0
        self.tolerance = RELATIVE_TOLERANCE * extent

    def _positions(self) -> NDArray[np.float64]:
        """What comparisons and shapes look at, mm, shape (n, 3)."""
        raise NotImplementedError

    def _of_nodes(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The mask that a mask over nodes gives."""
        raise NotImplementedError

    def _of_elements(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The mask that a mask over elements gives."""
        raise NotImplementedError

    def disjunction(self, *masks):
        return reduce(operator.or_, masks)

    def conjunction(self, *masks):
        return reduce(operator.and_, masks)

    def complement(self, mask):
        return ~mask

    def everything(self):
        return np.ones(len(self.positions), dtype=bool)

    def coordinate(self, axis: Token):
        return self.positions[:, "xyz".index(axis)]

    def constant(self, number: Token):
        return float(number)

    def comparison(self, *terms):
        operands, relations = terms[::2], terms[1::2]
        if not any(isinstance(operand, np.ndarray) for operand in operands):
            raise ValueError("a comparison of numbers only; compare x, y or z")
        inside = self.everything()
        for left, relation, right in zip(
            operands[:-1], relations, operands[1:], strict=True
        ):
            inside &= self._holds(left, str(relation), right)
        return inside

    def _holds(self, left, relation: str, right):
        excess = np.subtract(left, right)
        return {
            "<": excess < -self.tolerance,
            "<=": excess <= self.tolerance,
            "==": np.abs(excess) <= self.tolerance,
            ">=": excess >= -self.tolerance,
            ">": excess > self.tolerance,
        }[relation]

    def box(self, *bounds: Token):
        limits = [float(bound) for bound in bounds]
        if len(limits) not in (2, 4, 6):
            raise ValueError(
                f"box() got {len(limits)} numbers; it takes a minimum and a maximum "
                "for x, for x and y, or for x, y and z"
            )
        inside = self.everything()
        for axis, (low, high) in enumerate(zip(limits[::2], limits[1::2], strict=True)):
            if low > high:
                raise ValueError(
                    f"box() minimum {low:g} above maximum {high:g} in {'xyz'[axis]}; "
                    "swap them"
                )
            position = self.positions[:, axis]
            inside &= self._holds(position, ">=", low)
            inside &= self._holds(position, "<=", high)
        return inside

    def sphere(self, *numbers: Token):
        values = [float(number) for number in numbers]
        if len(values) != 4 or values[-1] < 0.0:
            raise ValueError(
                f"sphere({', '.join(numbers)}) is not x, y, z of the centre "
                "and a radius of zero or more"
            )
        distance = np.linalg.norm(self.positions - values[:3], axis=1)
        return self._holds(distance, "<=", values[3])

    def cylinder(self, *numbers: Token):
        values = [float(number) for number in numbers]
        if len(values) != 7 or values[-1] < 0.0 or values[:3] == values[3:6]:
            raise ValueError(
                f"cylinder({', '.join(numbers)}) is not x, y, z of one end, x, y, z of "
                "the other and a radius of zero or more"
            )
        from_end = self.positions - values[:3]
        axis = np.subtract(values[3:6], values[:3])
        length = np.linalg.norm(axis)
        axis /= length
        along = from_end @ axis
        aside = np.linalg.norm(from_end - along[:, np.newaxis] * axis, axis=1)
        inside = self._holds(along, ">=", 0.0) & self._holds(along, "<=", length)
        return inside & self._holds(aside, "<=", values[6])

    def region(self, *masks):
        return self._of_elements(reduce(operator.or_, masks))

    def numbered(self, first: Token, last: Token | None):
        low = int(first)
        high = low if last is None else int(last)
        text = f"{low}" if last is None else f"{low}..{high}"
        if low > high:
            raise ValueError(f"region({text}): a range runs from low to high")
        regions = self.mesh.element_regions
        inside = (regions >= low) & (regions <= high)
        if not inside.any():
            raise ValueError(f"no element is in region({text}); {self._regions()}")
        return inside

    def named(self, name: Token):
        names = self.mesh.region_names
        name = str(name).strip("\"'")
        if name not in names:
            raise ValueError(
                f"the mesh has no region of the name {name}; {_unknown(name, names)}"
            )
        inside = self.mesh.element_regions == names[name]
        if not inside.any():
            raise ValueError(
                f"no element is in region({name}), number {names[name]}; "
                + self._regions()
            )
        return inside

    def _regions(self) -> str:
        numbers = np.unique(self.mesh.element_regions).tolist()
        some = ", ".join(map(str, numbers[:12])) + (", ..." if numbers[12:] else "")
        return f"the mesh has {some}" if numbers else "the mesh has no elements"

    def fibrosis(self):
        if self.fibrotic is None:
            raise ValueError("there is no fibrosis here that this could be")
        return self._fibrotic()

    def nodes(self, *masks):
        return self._of_nodes(reduce(operator.or_, masks))

    def span(self, first: Token, last: Token | None):
        low = int(first)
        high = low if last is None else int(last)
        if low > high or high >= self.mesh.n_nodes:
            text = f"{low}" if last is None else f"{low}..{high}"
            raise ValueError(
                f"nodes({text}) is no part of the mesh; its nodes are numbered "
                f"0..{self.mesh.n_nodes - 1}, a range runs from low to high"
            )
        inside = np.zeros(self.mesh.n_nodes, dtype=bool)
        inside[low : high + 1] = True
        return inside

    def node_set(self, name: Token):
        sets = self.mesh.node_sets
        name = str(name).strip("\"'")
        if name not in sets:
            raise ValueError(
                f"the mesh has no set of the name {name}; {_unknown(name, sets)}"
            )
        return self._listed(sets[name], f"set({name})")

    def vertices(self, path: Token):
        numbers, text = read_vertices(path[1:-1]), f"vertices({path})"
        numbering = self.mesh.numbering
        if numbering is None:
            return self._listed(numbers, text)
        inside = _mask(numbers, numbering.n_file_nodes, text, "mesh file")
        return self._of_nodes(numbering.among_nodes(inside))

    def _listed(self, numbers: NDArray[np.integer], text: str):
        return self._of_nodes(_mask(numbers, self.mesh.n_nodes, text, "mesh"))

    def surface(self):
        inside = np.zeros(self.mesh.n_nodes, dtype=bool)
        inside[boundary_nodes(self.mesh)] = True
        return self._of_nodes(inside)


class _NodeMembership(_Membership):
    """Masks over nodes, shape (n_nodes,)."""

    def _positions(self):
        return self.mesh.points

    def _fibrotic(self):
        return pattern_of(self.mesh, self.fibrotic).nodes

    def _of_nodes(self, mask):
        return mask

    def _of_elements(self, mask):
        inside = np.zeros(self.mesh.n_nodes, dtype=bool)
        inside[self.mesh.nodes_of_elements(mask)] = True
        return inside


class _ElementMembership(_Membership):
    """Masks over elements, shape (n_elements,)."""

    def _positions(self):
        return self.mesh.centroids

    def _of_nodes(self, mask):
        complete = [mask[block.nodes].all(axis=1) for block in self.mesh.blocks]
        return np.concatenate(complete) if complete else np.empty(0, dtype=bool)

    def _of_elements(self, mask):
        return mask

    def _fibrotic(self):
        return self.fibrotic
