"""A case -> the objects that run: mesh, cell, diffusion, stimuli, states, recorders."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.cells import build_cell, build_pacer
from cardiosim.case.read import CaseError
from cardiosim.case.resolve import resolve
from cardiosim.case.schema import Case, TraceTable
from cardiosim.ionic.cell import Cell
from cardiosim.ionic.equations import nearest
from cardiosim.simulation.monodomain import Monodomain, uniform_states
from cardiosim.simulation.prepacing import prepaced_state
from cardiosim.simulation.recorders import (
    ActivationRecorder,
    SnapshotRecorder,
    SnapshotSink,
    TraceRecorder,
)
from cardiosim.simulation.schedule import whole_steps
from cardiosim.tissue.diffusion import Diffusion, ThetaRule
from cardiosim.tissue.finite_difference import cable_mass, cable_stiffness
from cardiosim.tissue.mesh import Mesh, cable, point
from cardiosim.tissue.regions import select_nodes
from cardiosim.tissue.stimulus import Stimulus

Progress = Callable[[float, float], None]


@dataclass(frozen=True)
class Recorders:
    """What watches a run; those a case does not ask for are None or missing."""

    activation: ActivationRecorder | None
    traces: tuple[TraceRecorder, ...]
    snapshot: SnapshotRecorder | None

    @property
    def all(self) -> tuple:
        """Every recorder, for `march`."""
        single = (self.activation, self.snapshot)
        return (*self.traces, *(recorder for recorder in single if recorder))


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


def assemble(case: Case) -> tuple[Case, Monodomain]:
    """Make the parts of a case and compile its cell; no node has been paced yet.

    Raises:
        CaseError: the parts do not fit together.
    """
    mesh = build_mesh(case)
    cell = build_cell(case)
    _check_stimulus(case, cell)
    case = resolve(case, cell.state_names[0], cell.facts["model_fast"])
    if case.protocol:
        case = _without_defaults_of_a_march(case)
    diffusion = build_diffusion(case, mesh)
    problem = Monodomain(mesh, cell, diffusion, build_stimuli(case, mesh))
    _check_recording(case, problem)
    cell.compile(mesh.n_nodes)
    return case, problem


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
    pacer: Cell | None,
    progress: Progress | None = None,
) -> None:
    """Bring all nodes to the state of the paced cell, if the case asks for it."""
    if pacer is None:
        return
    prepace = case.cell.prepace
    state = prepaced_state(
        pacer,
        prepace.bcl,
        prepace.beats,
        prepace.amplitude,
        prepace.duration,
        prepace.dt,
        progress=progress,
    )
    problem.states = uniform_states(state, problem.mesh.n_nodes)


def build_mesh(case: Case) -> Mesh:
    """Mesh of a case."""
    if case.mesh.kind == "point":
        return point()
    return cable(case.mesh.length, case.mesh.dx)


def build_diffusion(case: Case, mesh: Mesh) -> Diffusion | None:
    """Theta-rule on the case's cable; None on a point."""
    if case.tissue is None:
        return None
    stiffness = cable_stiffness(mesh, case.tissue.diffusivity)
    mass = cable_mass(mesh, case.diffusion.mass)
    diffusion = ThetaRule(stiffness, mass, case.diffusion.theta)
    diffusion.check_stability(case.time.dt)
    return diffusion


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
        activation=ActivationRecorder(record.activation_threshold)
        if mesh.kind != "point"
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


def build_stimuli(case: Case, mesh: Mesh) -> tuple[Stimulus, ...]:
    """Stimuli of a case; those without a region act everywhere."""
    return tuple(_stimulus(case, index, mesh) for index in range(len(case.stimulus)))


def _stimulus(case: Case, index: int, mesh: Mesh) -> Stimulus:
    table, end = case.stimulus[index], case.time.end
    stimulus = Stimulus(
        _region(
            "all" if table.where is None else table.where,
            mesh,
            f"stimulus.{index}.where",
        ),
        table.start,
        table.duration,
        table.amplitude,
        table.period or math.inf,
        table.count,
    )
    # An endless train lasts as long as the run; its first pulse has to fit.
    endless = math.isinf(stimulus.last_end)
    last = table.start + table.duration if endless else stimulus.last_end
    if last > end:
        raise CaseError(
            f"time.end is {end:g} ms, before stimulus.{index} ends at {last:g} ms; "
            "end later, or stimulate earlier or fewer times"
        )
    return stimulus


def _region(where: str, mesh: Mesh, key: str) -> NDArray[np.intp]:
    """Nodes of a region that must hold some."""
    try:
        nodes = select_nodes(where, mesh.points)
    except ValueError as error:
        raise CaseError(f"{key}: {error}") from None
    if len(nodes) == 0:
        raise CaseError(
            f'{key}: "{where}" reaches no node; the mesh has {mesh.n_nodes} nodes '
            f"in {_extent(mesh)}"
        )
    return nodes


def _extent(mesh: Mesh) -> str:
    low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
    return ", ".join(
        f"{a:g} <= {axis} <= {b:g} mm" if b > a else f"{axis} = {a:g} mm"
        for axis, a, b in zip("xyz", low, high, strict=True)
    )


def _trace_nodes(trace: TraceTable, mesh: Mesh, key: str) -> NDArray[np.intp]:
    """The nodes of a trace: a region, or the nearest to positions along x."""
    if trace.where is not None:
        return _region(trace.where, mesh, f"{key}.where")
    x = mesh.points[:, 0]
    slack = 0.5 * (mesh.spacing or 0.0)
    for position in trace.at:
        if not x.min() - slack <= position <= x.max() + slack:
            raise CaseError(
                f"{key}.at: {position:g} mm is outside the mesh, which has "
                f"{_extent(mesh)}"
            )
    nodes = [int(np.argmin(np.abs(x - position))) for position in trace.at]
    return np.array(sorted(set(nodes)), dtype=np.intp)


def _check_recording(case: Case, problem: Monodomain) -> None:
    """Tell a mistake in what to record now, rather than after minutes of pacing."""
    if case.protocol:
        return
    cell, dt, snapshot = problem.cell, case.time.dt, case.record.snapshot
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
