"""How fast whole steps of a case go on this machine, and what they are spent on."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from cardiosim.case.build import build
from cardiosim.case.schema import Case
from cardiosim.experiments.benchmark import Background, on_threads
from cardiosim.simulation.recorders import ActivationRecorder
from cardiosim.simulation.run import march


@dataclass(frozen=True)
class TissueRate:
    """Speed of the steps of one case.

    Attributes:
        n_nodes: of the mesh.
        threads: threads used.
        dt: ms.
        solver: of the diffusion.
        node_steps: 1e6 node-steps a second of wall time.
        per_ms: wall time for a millisecond of the model, s.
        react: wall time of the reaction in one step, ms.
        diffuse: of the diffusion, ms.
        other: of recording activation and of the rest, ms.
        iterations: of the linear solver in one step, or explicit stages; None of a
            direct solver.
        state_bytes: of the states of a node.
        peak_bytes: largest memory of this process so far, over the nodes.
        background: cores that other programs used meanwhile.
    """

    n_nodes: int
    threads: int
    dt: float
    solver: str
    node_steps: float
    per_ms: float
    react: float
    diffuse: float
    other: float
    iterations: float | None
    state_bytes: int
    peak_bytes: float
    background: float


def tissue_rate(
    case: Case,
    threads: int,
    warm_up: float,
    steps: int,
    progress: Callable[[float, float], None] | None = None,
) -> TissueRate:
    """Run a case for a while, then time some steps of it.

    Activation is recorded at every step, as in a run. Stimuli act in the warm-up only.

    Args:
        case: of tissue.
        threads: number of threads.
        warm_up: ms, so that there is a wave in the tissue.
        steps: number of steps that are timed.
        progress: called with (done, end), ms, while a cell is paced.
    """
    with on_threads(threads):
        case, problem = build(case, progress)
        time_table = case.time
        way = time_table.splitting, [ActivationRecorder()], None
        march(problem, time_table.dt, warm_up, *way, time_table.reaction_steps)
        problem.stimuli = ()
        solver = problem.diffusion.prepare(time_table.dt)
        before = getattr(solver, "n_iterations", None)
        begun = time.perf_counter()
        with Background() as background:
            timing = march(
                problem,
                time_table.dt,
                steps * time_table.dt,
                *way,
                time_table.reaction_steps,
            )
        wall = time.perf_counter() - begun
    n = problem.mesh.n_nodes
    iterations = getattr(solver, "count", None)
    if before is not None:
        iterations = (solver.n_iterations - before) / steps
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return TissueRate(
        n_nodes=n,
        threads=threads,
        dt=time_table.dt,
        solver=solver.name,
        node_steps=1e-6 * n * steps / wall,
        per_ms=wall / (steps * time_table.dt),
        react=1e3 * timing.react / steps,
        diffuse=1e3 * timing.diffuse / steps,
        other=1e3 * (wall - timing.react - timing.diffuse) / steps,
        iterations=iterations,
        state_bytes=8 * len(problem.states),
        peak_bytes=peak / n,
        background=background.cores,
    )
