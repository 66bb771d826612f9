"""A case -> the objects that run: mesh, cell, diffusion, stimuli, states, recorders."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.cell_regions import CellsByRegion
from cardiosim.case.cells import build_pacer, build_tissue_cells
from cardiosim.case.conducting_parts import warnings_of_parts
from cardiosim.case.electrograms import (
    build_electrogram_recorders,
    warnings_of_electrodes,
)
from cardiosim.case.initial import check_initial, set_initial
from cardiosim.case.meshes import build_mesh
from cardiosim.case.pacing import paced_cells, spread
from cardiosim.case.read import CaseError
from cardiosim.case.resolve import resolve
from cardiosim.case.schema import Case, TraceTable
from cardiosim.case.stimuli import build_stimuli, region_nodes
from cardiosim.case.tissue import Tissue, build_tissue
from cardiosim.ionic.cell import Cell
from cardiosim.ionic.equations import nearest
from cardiosim.simulation.electrogram_recorder import ElectrogramRecorder
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.recorders import (
    ActivationRecorder,
    SnapshotRecorder,
    SnapshotSink,
    TraceRecorder,
)
from cardiosim.simulation.repolarisation_recorder import RepolarisationRecorder
from cardiosim.simulation.schedule import whole_steps
from cardiosim.tissue.conductivity import diffusivity_along
from cardiosim.tissue.diffusion import Diffusion, RungeKuttaChebyshev, ThetaRule
from cardiosim.tissue.discretisation import Operator, discretise
from cardiosim.tissue.linear_solvers import TOLERANCE
from cardiosim.tissue.mesh import Mesh
from cardiosim.tissue.positions import nodes_at

Progress = Callable[[float, float], None]

COMPILING = "compiling"

# With a lumped mass so many explicit stages are quicker than a system to be solved
# (docs/performance.md).
FEW_STAGES = 4

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recorders:
    """What watches a run; those a case does not ask for are None or missing."""

    activation: ActivationRecorder | None
    traces: tuple[TraceRecorder, ...]
    snapshot: SnapshotRecorder | None
    electrograms: tuple[ElectrogramRecorder, ...] = ()
    repolarisation: RepolarisationRecorder | None = None

    @property
    def all(self) -> tuple:
        """Every recorder, for `march`."""
        single = (self.activation, self.repolarisation, self.snapshot)
        several = (*self.traces, *self.electrograms)
        return (*several, *(recorder for recorder in single if recorder))


def say_nothing(phase: str) -> None:
    """Take the name of a phase, and do nothing."""


def build(case: Case, progress: Progress | None = None) -> tuple[Case, Monodomain]:
    """Make what `march` runs: `assemble`, then `pace`.

    Args:
        case: as read.
        progress: called with (done, end) in ms while a cell is paced.

    Returns:
        The case with its defaults filled in, and the problem in its initial state.
    """
    case, problem = assemble(case)
    pace(case, problem, build_pacer([case], problem.cell), progress)
    return case, problem


def assemble(
    case: Case, say: Callable[[str], None] = say_nothing
) -> tuple[Case, Monodomain]:
    """Make the parts of a case and compile its cell; no node has been paced yet.

    Args:
        case: as read.
        say: called with the name of each phase as it begins; the last of them, which
            begins with COMPILING, is of the cell, those before of mesh and tissue.

    Raises:
        CaseError: the parts do not fit together.
    """
    mesh, oddities = build_mesh(case, say)
    tissue = diffusion = None
    warnings = list(oddities)
    if case.tissue:
        tissue = build_tissue(case, mesh, say)
        mesh = _with_tissue(mesh, tissue)
        warnings += tissue.warnings
    stimuli = build_stimuli(case, mesh)
    if tissue:
        warnings += warnings_of_parts(case, mesh, tissue.tensors, stimuli)
        warnings += warnings_of_electrodes(case, mesh)
        say("assembling the matrix of diffusion")
        diffusion = build_diffusion(case, mesh, tissue.tensors)
    for line in warnings:
        log.warning("%s", line)
    say(f"{COMPILING} {Path(case.cell.model).stem}")
    cell = build_tissue_cells(case, mesh)
    _check_stimulus(case, cell)
    case = resolve(case, cell.state_names[0], cell.facts["model_fast"], mesh)
    if case.protocol:
        case = _without_defaults_of_a_march(case)
    problem = Monodomain(mesh, cell, diffusion, stimuli, warnings=tuple(warnings))
    _check_recording(case, problem)
    check_initial(case, problem)
    cell.compile(mesh.n_nodes)
    return case, problem


def _with_tissue(mesh: Mesh, tissue: Tissue) -> Mesh:
    """The mesh with what its elements are made of, as the run uses it."""
    return replace(
        mesh,
        fibres=tissue.fibres,
        sheets=tissue.sheets,
        fibrotic=tissue.fibrotic_elements,
        element_fields={"D_along": diffusivity_along(tissue.tensors, tissue.fibres)},
    )


def _without_defaults_of_a_march(case: Case) -> Case:
    """What a protocol does not read, so that resolved.toml does not say it either."""
    return case.model_copy(
        update={
            "time": case.time.model_copy(update={"reaction_dt": None}),
            "record": case.record.model_copy(update={"trace": None}),
        }
    )


def pace(
    case: Case,
    problem: Monodomain,
    pacer: Cell | CellsByRegion | None,
    progress: Progress | None = None,
) -> None:
    """Bring all nodes to the state they begin in.

    That is of the paced cell, if the case asks for it, and then what [[initial]] says.
    """
    paced = ()
    if pacer is not None:
        n_nodes = problem.mesh.n_nodes
        paced = paced_cells(case.cell.prepace, pacer, n_nodes, progress)
        spread(paced, problem)
    set_initial(case, problem, paced, progress)


def build_diffusion(
    case: Case, mesh: Mesh, tensors: NDArray[np.float64] | None
) -> Diffusion | None:
    """How the nodes of a case are coupled; None on a point.

    Args:
        case: as read.
        mesh: of the case.
        tensors: diffusivity of each element, mm2/ms, shape (n_elements, 6).
    """
    if tensors is None:
        return None
    table = case.diffusion
    operator = discretise(mesh, tensors, table.mass)
    diffusion = _explicit(case, operator)
    if diffusion is None:
        tolerance = table.tolerance or TOLERANCE
        diffusion = ThetaRule(operator, table.theta, table.solver, tolerance)
    diffusion.check_stability(case.time.dt)
    diffusion.prepare(case.time.diffusion_dt)
    return diffusion


def _explicit(case: Case, operator: Operator) -> RungeKuttaChebyshev | None:
    """The explicit rule, if it is asked for, or quick where the case leaves it open."""
    table = case.diffusion
    if table.solver == "explicit":
        return RungeKuttaChebyshev(operator)
    is_free = table.solver == "auto" and table.tolerance is None and table.theta == 0.5
    if not is_free or table.mass != 0.0 or operator.dimension == 1:
        return None
    explicit = RungeKuttaChebyshev(operator)
    is_quick = explicit.prepare(case.time.diffusion_dt).count <= FEW_STAGES
    return explicit if is_quick else None


def build_recorders(
    case: Case, problem: Monodomain, sink: SnapshotSink | None = None
) -> Recorders:
    """Recorders of a case whose defaults are filled in.

    Args:
        case: as `build` returned it.
        problem: as `build` returned it.
        sink: takes the snapshots by sink.append(t, {name: (n_nodes,) array});
            without one none are taken.
    """
    record, mesh = case.record, problem.mesh
    snapshot = record.snapshot
    return Recorders(
        activation=ActivationRecorder(
            record.activation_threshold, method=record.activation.method
        )
        if mesh.kind != "point"
        else None,
        repolarisation=RepolarisationRecorder(
            record.repolarisation.percents,
            record.repolarisation.potentials,
            record.activation_threshold,
        )
        if record.repolarisation
        else None,
        traces=tuple(
            TraceRecorder(
                _trace_nodes(trace, mesh, f"record.trace.{index}"),
                trace.variables,
                trace.interval,
                trace.start,
            )
            for index, trace in enumerate(record.trace)
        ),
        snapshot=SnapshotRecorder(snapshot.variables, snapshot.interval, sink)
        if snapshot and sink is not None
        else None,
        electrograms=build_electrogram_recorders(case, mesh),
    )


def _check_stimulus(case: Case, cell: Cell) -> None:
    """A current that enters no equation would be a run of nothing."""
    n, prepace = len(case.stimulus), case.cell.prepace
    if cell.facts["stimulus"] is not None or not (n or prepace):
        return
    given = [f"has {n} {'stimulus' if n == 1 else 'stimuli'}"] if n else []
    given += ["paces it before the run"] if prepace else []
    raise CaseError(
        f"{case.cell.model} binds no variable to pace, but the case "
        f'{" and ".join(given)}; write "bind pace" behind the stimulus current'
    )


def _trace_nodes(trace: TraceTable, mesh: Mesh, key: str) -> NDArray[np.intp]:
    """The nodes of a trace: a region, or the nearest to some positions."""
    if trace.where is not None:
        return region_nodes(trace.where, mesh, f"{key}.where")
    return np.unique(_nodes_at(trace.at, mesh, f"{key}.at"))


def _nodes_at(
    positions: Sequence[float | Sequence[float]], mesh: Mesh, key: str
) -> NDArray[np.intp]:
    try:
        return nodes_at(mesh, positions)
    except ValueError as error:
        raise CaseError(f"{key}: {error}") from None


def _check_recording(case: Case, problem: Monodomain) -> None:
    """Tell a mistake in what to record now, rather than after minutes of pacing."""
    if case.protocol:
        return
    cell, dt, snapshot = problem.cell, case.time.dt, case.record.snapshot
    V = cell.state_names[0]
    if case.measure.phase_map and V not in snapshot.variables:
        raise CaseError(
            f"measure.phase_map draws {V}, and record.snapshot.variables has only "
            f"{', '.join(snapshot.variables)}; add {V}, or remove measure.phase_map"
        )
    tables = {f"record.trace.{i}": trace for i, trace in enumerate(case.record.trace)}
    if snapshot:
        tables["record.snapshot"] = snapshot
    for key, table in tables.items():
        for name in table.variables:
            if name not in cell.variable_names:
                raise CaseError(
                    f"{key}.variables: {cell.name} has no variable {name!r}; "
                    + nearest(name, cell.variable_names)
                )
        whole_steps(table.interval, dt, f"{key}.interval", least=1)
        whole_steps(getattr(table, "start", 0.0), dt, f"{key}.start")
    n_steps = whole_steps(case.time.end, dt, "time.end", least=1)
    for recorder in build_recorders(case, problem, sink=()).all:
        recorder.begin(problem, dt, n_steps)
    measure = case.measure
    for name, position in (measure.lat or {}).items():
        _nodes_at([position], problem.mesh, f"measure.lat.{name}")
    if measure.cv and measure.cv.between:
        _nodes_at(measure.cv.between, problem.mesh, "measure.cv.between")
    if measure.cycle_length:
        for name, position in measure.cycle_length.at.items():
            _nodes_at([position], problem.mesh, f"measure.cycle_length.at.{name}")
