"""Several cells on one mesh: each node has one of them.

The states of all nodes stay one array, so that diffusion, recorders and the loop see a
mosaic as any other cell. Its rows are the union of the states of all cells: row 0 is V
whatever a cell calls it, states of the same name share a row, and a row that a node's
cell does not have is 0 there and plays no part.

A reaction step gathers the nodes of a cell into an array of that cell's own states,
steps it and puts it back, block by block: blocks stay in the processor's cache between
the three. Gathering costs more than the step of a cell. Where the first cell has half
of the nodes or more, it therefore steps all nodes where they are, since its states lie
in front, and what it makes of the others' is overwritten by theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.ionic.cell import Cell
from cardiosim.ionic.equations import dot, fingerprint, nearest
from cardiosim.ionic.surrogate_step import Surrogate
from cardiosim.simulation.gathered_nodes import GatheredNodes

BLOCK = 16384  # nodes: some MB of states, and work for as many threads as there are


class CellMosaic:
    """Cells of several models at the nodes of one mesh; an `IonicModel`.

    Attributes:
        cells: one a model; per-node parameters are those of the nodes that have it.
        owner: which of the cells each node has, shape (n_nodes,).
        name: of all cells.
        state_names: qualified names; row 0 is V, under its name in the first cell.
        variable_names: everything that `observe` knows.
        scheme: reaction scheme of the first cell.
        facts: as those of a `Cell`, of all cells together.
    """

    def __init__(self, cells: Sequence[Cell], owner: ArrayLike) -> None:
        """Lay out the nodes.

        Args:
            cells: in the order of preference where they disagree.
            owner: numbers of cells, shape (n_nodes,).

        Raises:
            ValueError: the name of V of one cell is another state of another; a cell
                has parameters for another number of nodes than have it.
        """
        self.cells = tuple(cells)
        self.owner = np.asarray(owner, dtype=np.intp)
        self._nodes = [np.flatnonzero(self.owner == k) for k in range(len(self.cells))]
        for cell, nodes in zip(self.cells, self._nodes, strict=True):
            if cell.n_own_nodes not in (None, nodes.size):
                raise ValueError(
                    f"{cell.name} has parameters for {cell.n_own_nodes} nodes but is "
                    f"that of {nodes.size}; give one value per node"
                )
        self._potentials = {cell.state_names[0] for cell in self.cells}
        self.state_names = self._union_of_states()
        row = {name: index for index, name in enumerate(self.state_names)}
        self._rows = [
            np.array([0, *(row[name] for name in cell.state_names[1:])])
            for cell in self.cells
        ]
        self.variable_names = _union(
            self.state_names, *(cell.variable_names for cell in self.cells)
        )
        self.scheme = self.cells[0].scheme
        self.facts = _facts(self.cells, self.state_names, self.variable_names)
        self.name: str = self.facts["name"]
        self._is_ready = False

    def _union_of_states(self) -> tuple[str, ...]:
        for cell in self.cells:
            clash = self._potentials.intersection(cell.state_names[1:])
            if clash:
                raise ValueError(
                    f"{min(clash)} is V of one cell and another state of {cell.name}; "
                    "these two cannot share a mesh: rename the state in the model text"
                )
        first = self.cells[0].state_names[0]
        return _union((first,), *(cell.state_names[1:] for cell in self.cells))

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return self.owner.size

    @property
    def n_own_nodes(self) -> int:
        """Number of nodes that the mosaic is made for."""
        return self.n_nodes

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the fingerprints of all cells and of which nodes have them."""
        of_cells = (cell.fingerprint for cell in self.cells)
        return fingerprint("mosaic", *of_cells, self.owner.astype(np.int32).tobytes())

    @property
    def placement(self) -> dict[str, str]:
        """Backend, device and precision, for the records."""
        return self.cells[0].placement

    def unit_of(self, name: str) -> str:
        """Unit of a variable, as text.

        Raises:
            ValueError: no cell has it, or two have it in different units.
        """
        units = {
            cell.unit_of(own): cell.name
            for cell in self.cells
            if (own := self._own_name(cell, name)) is not None
        }
        if not units:
            raise ValueError(
                f"none of {self.name} has a variable {name}; "
                f"{nearest(name, self.variable_names)}"
            )
        if len(units) > 1:
            said = " and ".join(f"{unit} in {cell}" for unit, cell in units.items())
            raise ValueError(
                f"{name} is in {said}, which cannot be one field; record a variable "
                "that both have in one unit"
            )
        return next(iter(units))

    def has_state(self, name: str) -> NDArray[np.bool_]:
        """Which nodes have a state of this name, shape (n_nodes,)."""
        has = [name in self._potentials or name in c.state_names for c in self.cells]
        return np.array(has)[self.owner]

    @property
    def surrogate(self) -> Surrogate | None:
        """What takes over states of the first cell that has a surrogate."""
        return next((c.surrogate for c in self.cells if c.surrogate), None)

    def spread(self, states: Sequence[NDArray]) -> NDArray[np.float64]:
        """Put states of each cell's own nodes into one array of all.

        Args:
            states: of each cell, (its n_states, its n_nodes).

        Returns:
            Shape (n_states, n_nodes).
        """
        together = np.zeros((len(self.state_names), self.n_nodes))
        for index, (nodes, own) in enumerate(zip(self._nodes, states, strict=True)):
            self.put(together, index, nodes, own)
        return together

    def put(
        self, states: NDArray, index: int, nodes: NDArray[np.intp], own: NDArray
    ) -> None:
        """Put states of some nodes of one cell into an array of all.

        Args:
            states: (n_states, n_nodes), changed in place.
            index: of the cell.
            nodes: some that have it.
            own: (its n_states, len(nodes)).
        """
        for row, values in zip(self._rows[index], own, strict=True):
            states[row, nodes] = values

    def initial_states(self, n_nodes: int) -> NDArray[np.float64]:
        """Initial state of each node's cell, (n_states, n_nodes)."""
        mosaic = self._for(n_nodes)
        parts = zip(mosaic.cells, mosaic._nodes, strict=True)
        return mosaic.spread([cell.initial_states(own.size) for cell, own in parts])

    def react(
        self, states: NDArray, i_stim: NDArray, dt: float, n_steps: int = 1
    ) -> None:
        """Advance all nodes in place; see `IonicModel.react`."""
        self._require_shapes(states, i_stim)
        self._prepare()
        if self._first is None:
            for block in self._blocks:
                block.gather(states, i_stim)
                block.react(states, dt, n_steps)
            return
        for block in self._blocks:
            block.gather(states, i_stim)
        n_rows = len(self._first.state_names)
        self._first.react(states[:n_rows], i_stim, dt, n_steps)
        for block in self._blocks:
            block.react(states, dt, n_steps)

    def observe(
        self, states: NDArray, names: Sequence[str], i_stim: NDArray | None = None
    ) -> NDArray[np.float64]:
        """States and intermediates by name, (len(names), n_nodes).

        NaN at the nodes whose cell does not have the variable. The name of V in any of
        the cells is V at all nodes.

        Raises:
            ValueError: a name that no cell has, or that has two units.
        """
        i_stim = np.zeros(states.shape[1]) if i_stim is None else i_stim
        self._require_shapes(states, i_stim)
        for name in names:
            self.unit_of(name)
        values = np.full((len(names), self.n_nodes), np.nan)
        for cell, rows, nodes in zip(self.cells, self._rows, self._nodes, strict=True):
            computed: dict[int, str] = {}
            for index, name in enumerate(names):
                own = self._own_name(cell, name)
                if own in cell.state_names:  # nothing else needs to be gathered
                    row = rows[cell.state_names.index(own)]
                    values[index, nodes] = states[row, nodes]
                elif own is not None:
                    computed[index] = own
            if computed and nodes.size:
                columns = states[rows[:, np.newaxis], nodes]
                found = cell.observe(columns, list(computed.values()), i_stim[nodes])
                values[np.array(list(computed))[:, np.newaxis], nodes] = found
        return values

    def at(self, nodes: ArrayLike) -> CellMosaic:
        """The same cells at some of the nodes, in any order and any number of times."""
        nodes = np.asarray(nodes, dtype=np.intp)
        place = np.empty(self.n_nodes, dtype=np.intp)  # of a node among its cell's
        for own in self._nodes:
            place[own] = np.arange(own.size)
        owner = self.owner[nodes]
        cells = [
            cell.at(place[nodes[owner == index]])
            for index, cell in enumerate(self.cells)
        ]
        return CellMosaic(cells, owner)

    def compile(self, n_nodes: int) -> None:
        """Compile (or load) all kernels now, not at the first step."""
        self._require_nodes(n_nodes)
        self._prepare()
        if self._first is not None:
            self._first.compile(self.n_nodes)
        for block in self._blocks:
            block.cell.compile(block.n_nodes)

    def kernel_source(self) -> str:
        """Generated source of the reaction steps, one behind the other."""
        return "\n".join(cell.kernel_source() for cell in self.cells)

    def _own_name(self, cell: Cell, name: str) -> str | None:
        """What a cell calls a variable; None if it does not have it."""
        V = cell.state_names[0]
        if name in self._potentials:
            return V
        if name in map(dot, self._potentials):
            return dot(V)
        return name if name in cell.variable_names else None

    def _for(self, n_nodes: int) -> CellMosaic:
        """This mosaic, or, of one and the same cell, that of another size."""
        if n_nodes == self.n_nodes:
            return self
        self._require_nodes(n_nodes)
        return self.at(np.zeros(n_nodes, dtype=np.intp))

    def _require_nodes(self, n_nodes: int) -> None:
        is_one_cell = self.n_nodes and (self.owner == self.owner[0]).all()
        if n_nodes != self.n_nodes and not is_one_cell:
            raise ValueError(
                f"{self.name} are the cells of {self.n_nodes} nodes and are asked for "
                f"{n_nodes}; take those of some nodes with at(nodes)"
            )

    def _require_shapes(self, states: NDArray, i_stim: NDArray) -> None:
        shape = len(self.state_names), self.n_nodes
        if states.shape != shape or i_stim.shape != shape[1:]:
            raise ValueError(
                f"states have shape {tuple(states.shape)} and i_stim "
                f"{tuple(i_stim.shape)}; {self.name} expect {shape} and {shape[1:]}"
            )

    def _prepare(self) -> None:
        """Decide which cell steps in place; cut the nodes of the others in blocks."""
        if self._is_ready:
            return
        in_place = 2 * self._nodes[0].size >= self.n_nodes
        self._first = self._everywhere() if in_place else None
        self._blocks: list[GatheredNodes] = []
        scratch = np.empty(0) if in_place else np.empty(self._most_values())
        for index in range(int(in_place), len(self.cells)):
            cell, nodes, rows = self.cells[index], self._nodes[index], self._rows[index]
            if in_place:  # what the first cell makes of its own rows goes back too
                strange = np.setdiff1d(self._rows[0], rows)
                rows = np.concatenate([rows, strange])
            alike: dict[int, Cell] = {}
            for begin in range(0, nodes.size, BLOCK):
                part = np.arange(begin, min(begin + BLOCK, nodes.size))
                here = cell.at(part)
                if cell.n_own_nodes is None:  # one object keeps the arrays of its size
                    here = alike.setdefault(part.size, here)
                own = np.empty(rows.size * part.size) if in_place else scratch
                self._blocks.append(GatheredNodes(here, rows, nodes[part], own))
        self._is_ready = True

    def _everywhere(self) -> Cell:
        """The first cell at all nodes, with any parameters at those of the others."""
        first, own = self.cells[0], self._nodes[0]
        if first.n_own_nodes is None:
            return first
        place = np.zeros(self.n_nodes, dtype=np.intp)
        place[own] = np.arange(own.size)
        return first.at(place)

    def _most_values(self) -> int:
        """Number of states in the largest block."""
        return max(
            min(BLOCK, nodes.size) * rows.size
            for nodes, rows in zip(self._nodes, self._rows, strict=True)
        )


def _union(*names: Sequence[str]) -> tuple[str, ...]:
    """All names once, in the order of their first appearance."""
    return tuple(dict.fromkeys(name for part in names for name in part))


def _facts(
    cells: Sequence[Cell], states: tuple[str, ...], variables: tuple[str, ...]
) -> Mapping[str, Any]:
    """What is known of all cells together; the first has the last word."""
    facts = [cell.facts for cell in cells]
    calcium = {each["cytosolic_calcium"] for each in facts}
    stimuli = [each["stimulus"] for each in facts]

    def of_all(key: str) -> list[str]:
        return list(_union(*(each[key] for each in facts)))

    def merged(key: str) -> dict[str, Any]:
        return {name: v for each in reversed(facts) for name, v in each[key].items()}

    return {
        **facts[0],
        "name": " + ".join(_union([each["name"] for each in facts])),
        "title": "; ".join(_union([each["title"] for each in facts])),
        "states": states,
        "variables": variables,
        "units": merged("units"),
        "parameters": merged("parameters"),
        "gates": of_all("gates"),
        "membrane_currents": of_all("membrane_currents"),
        "cytosolic_calcium": calcium.pop() if len(calcium) == 1 else None,
        "stimulus": None if None in stimuli else stimuli[0],
        "singularities": sum(each["singularities"] for each in facts),
        "unit_complaint": "; ".join(
            _union([each["unit_complaint"] for each in facts if each["unit_complaint"]])
        ),
    }
