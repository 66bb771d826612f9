"""The strand of a case: a cable of its cell, stepped as the case steps its tissue.

Nodes as far apart as those of the case along its fibres, or across them, make a plane
wave that is as fast as in the case's grid, wherever the axes of the grid lie along and
across the fibres. Several strands of different dx and D are one run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.build import FEW_STAGES, build
from cardiosim.case.cell_tables import CellTable
from cardiosim.case.mesh_tables import MeshTable
from cardiosim.case.meshes import build_mesh
from cardiosim.case.read import CaseError
from cardiosim.case.schema import Case, MeasureTable, RecordTable
from cardiosim.case.tissue import build_tissue
from cardiosim.experiments.cables import Cables
from cardiosim.experiments.single_cells import Progress, Pulse, round_up
from cardiosim.ionic.cell import Cell
from cardiosim.simulation.monodomain import Monodomain, uniform_states
from cardiosim.simulation.recorders import ActivationRecorder
from cardiosim.simulation.run import march
from cardiosim.tissue.diffusion import Diffusion, RungeKuttaChebyshev
from cardiosim.tissue.discretisation import discretise
from cardiosim.tissue.mesh import Mesh
from cardiosim.tissue.spectrum import largest_rate
from cardiosim.tissue.stimulus import Stimulus

LENGTH = 20.0  # mm of a strand
USUAL_PULSE = Pulse(40.0, 2.0)  # of a case without a stimulus
LONGER = 4  # times that a wave is waited for twice as long, then excited twice as much
DIFFUSION_FIRST = "strang_diffusion_first"


@dataclass(frozen=True, eq=False)
class Strand:
    """What a cable is made of, and how it is stepped.

    Attributes:
        cell: the same at all nodes.
        state: that all nodes begin in, shape (n_states,).
        dt: ms.
        splitting: of `march`.
        reaction_steps: likewise.
        consistent: share of the consistent mass.
        theta: of the theta-rule.
        threshold: whose upward crossing is an activation, mV.
        pulse: that excites the first 2 mm.
        length: mm.
        explicit: when diffusion is stepped explicitly: "never", "always", or, where
            few stages do, "quick".
        rates: of the fastest mode of the tissue, of which there may be more dimensions
            than one, for each unit of D along and across the fibres, 1/mm2. They set
            the number of explicit stages, and with it the error of the step.
        D_across: of the tissue, mm2/ms; None if it conducts alike in all directions.
    """

    cell: Cell
    state: NDArray[np.float64]
    dt: float
    splitting: str = "strang"
    reaction_steps: int = 1
    consistent: float = 0.5
    theta: float = 0.5
    threshold: float = -20.0
    pulse: Pulse = USUAL_PULSE
    length: float = LENGTH
    explicit: str = "never"
    rates: tuple[float, float] = (0.0, 0.0)
    D_across: float | None = None

    def fastest(self, along: float, across: float | None = None) -> float:
        """Rate of the fastest mode of the tissue with these D, mm2/ms, in 1/ms."""
        if across is None:
            across = along if self.D_across is None else self.D_across
        return self.rates[0] * along + self.rates[1] * across

    def velocities(
        self,
        dx: Sequence[float],
        D: Sequence[float],
        expected: float,
        fastest: float = 0.0,
    ) -> NDArray[np.float64]:
        """Velocity in strands of each dx, mm, and D, mm2/ms; m/s, (n_strands,).

        Args:
            dx: of the strands.
            D: likewise.
            expected: of the slowest, m/s: how long waves are waited for at first.
            fastest: rate of the tissue, 1/ms; at least that of the strands.

        Returns:
            NaN where no wave came through.
        """
        cables = Cables(tuple(map(float, dx)), tuple(map(float, D)), self.length)
        wait = self.pulse.duration + 1.2 * self.length / expected
        for attempt in range(LONGER):
            end = round_up(wait * 2.0**attempt, self.dt)
            found = self._run(cables, end, 1.0, fastest)
            if np.isfinite(found).all():
                return found
        return self._run(cables, round_up(wait * 2.0**LONGER, self.dt), 2.0, fastest)

    def _diffusion(self, cables: Cables, fastest: float) -> Diffusion:
        if self.explicit != "never":
            rule = RungeKuttaChebyshev(cables.operator(0.0))
            rule.fastest = max(rule.fastest, fastest)
            dt = 0.5 * self.dt if self.splitting == DIFFUSION_FIRST else self.dt
            most = FEW_STAGES if self.explicit == "quick" else rule.MOST_STAGES
            if dt <= rule.stable_dt() and rule.prepare(dt).count <= most:
                return rule
        return cables.diffusion(self.consistent, self.theta)

    def _run(
        self, cables: Cables, end: float, times: float, fastest: float
    ) -> NDArray[np.float64]:
        pulse = self.pulse
        site = Stimulus(cables.begins(), 0.0, pulse.duration, times * pulse.amplitude)
        n = cables.mesh.n_nodes
        problem = Monodomain(
            cables.mesh,
            self.cell,
            self._diffusion(cables, fastest),
            (site,),
            uniform_states(self.state, n),
        )
        activation = ActivationRecorder(self.threshold)
        march(
            problem,
            self.dt,
            end,
            self.splitting,
            (activation,),
            reaction_steps=self.reaction_steps,
        )
        lat = activation.times
        return cables.velocities(lat[0] if len(lat) else np.full(n, np.nan))


def strand_of(
    case: Case, length: float = LENGTH, progress: Progress | None = None
) -> tuple[Strand, tuple[str, ...]]:
    """The strand of a case, and what is to be known of it.

    Args:
        case: of tissue, as read.
        length: of the strand, mm.
        progress: called with (done, end), ms, while the cell is paced.

    Returns:
        The strand, and one line for each thing that the case's tissue has and the
        strand has not.

    Raises:
        CaseError: the case has no tissue.
    """
    _require_tissue(case)
    notes = []
    table: CellTable = case.cell
    if table.region or table.field:
        notes.append("the strand has the cell of [cell], without its regions or fields")
        table = table.model_copy(update={"region": None, "field": None})
    threshold = case.record.activation_threshold
    alone = case.model_copy(
        update={
            "mesh": MeshTable(kind="point"),
            "tissue": None,
            "cell": table,
            "initial": (),
            "stimulus": (),
            "record": RecordTable(
                activation_threshold=case.record.activation_threshold
            ),
            "measure": MeasureTable(),
        }
    )
    _, problem = build(alone, progress)
    first = case.stimulus[0] if case.stimulus else None
    pulse = first and Pulse(abs(first.current(case.tissue)), first.duration)
    if case.mesh.kind == "file" or case.mesh.simplices:
        notes.append(
            "velocities are those of a strand with nodes that far apart; on triangles "
            "or tetrahedra of that size they differ by a few per cent"
        )
    tissue = case.tissue
    if tissue.region or tissue.field or tissue.fibrosis:
        notes.append(
            "regions, fields and fibrosis of the tissue are not tuned: what is told is "
            "the conductivity of [tissue] itself"
        )
    strand = Strand(
        problem.cell,
        problem.states[:, 0].copy(),
        case.time.dt,
        case.time.splitting,
        case.time.reaction_steps,
        case.diffusion.mass,
        case.diffusion.theta,
        threshold,
        pulse or USUAL_PULSE,
        length,
        _is_explicit(case),
        _rates(case),
        None if "D" in tissue.given() else tissue.diffusivities.across,
    )
    return strand, tuple(notes)


def _is_explicit(case: Case) -> str:
    """When diffusion of a case is stepped explicitly; see `build_diffusion`."""
    table = case.diffusion
    if table.solver == "explicit":
        return "always"
    is_free = table.solver == "auto" and table.tolerance is None and table.theta == 0.5
    is_line = case.mesh.kind == "cable"
    return "quick" if is_free and table.mass == 0.0 and not is_line else "never"


def _rates(case: Case) -> tuple[float, float]:
    """Rates of the fastest mode along and across the fibres, over D, 1/mm2."""
    if _is_explicit(case) == "never":
        return 0.0, 0.0
    if case.mesh.kind == "file" or case.mesh.simplices:
        mesh, _ = build_mesh(case)
        operator = discretise(mesh, build_tissue(case, mesh).tensors, 0.0)
        return largest_rate(operator) / case.tissue.diffusivity, 0.0
    # The checkerboard of a grid: 4 D/dx^2 for each axis.
    along, across = spacings(case)
    return 4.0 / along**2, 4.0 * (len(case.mesh.extent) - 1) / across**2


def spacings(case: Case) -> tuple[float, float]:
    """Distance of neighbouring nodes along and across the fibres of a case, mm.

    Of a grid that along the axis nearest to the fibres, and the largest of the others;
    of a mesh from a file, for both, the median edge of its elements.
    """
    _require_tissue(case)
    table = case.mesh
    if table.kind == "file":
        edge = median_edge(build_mesh(case)[0])
        return edge, edge
    n_axes = len(table.extent)
    dx = np.broadcast_to(np.asarray(table.dx, dtype=float), n_axes)
    axis = int(np.argmax(np.abs(_fibre(case))[:n_axes]))
    others = np.delete(dx, axis)
    return float(dx[axis]), float(others.max() if others.size else dx[axis])


def median_edge(mesh: Mesh) -> float:
    """Median length of the edges of the elements of most dimensions, mm."""
    lengths = []
    for block in mesh.blocks:
        if block.dimension == mesh.dimension:
            corners = mesh.points[block.nodes]
            a, b = np.triu_indices(corners.shape[1], 1)
            lengths.append(np.linalg.norm(corners[:, a] - corners[:, b], axis=2))
    return float(np.median(np.concatenate([each.ravel() for each in lengths])))


def _require_tissue(case: Case) -> None:
    if case.tissue is None:
        raise CaseError(
            'mesh.kind is "point", which conducts nothing; give a case of tissue'
        )


def _fibre(case: Case) -> NDArray[np.float64]:
    """One direction of the fibres; x where a case has none, or many."""
    fibres = case.tissue.fibres
    if fibres is None or (fibres.direction is None and fibres.angle is None):
        return np.array([1.0, 0.0, 0.0])
    if fibres.direction is not None:
        return np.asarray(fibres.direction, dtype=float)
    angle = math.radians(fibres.angle[0])
    return np.array([math.cos(angle), math.sin(angle), 0.0])
