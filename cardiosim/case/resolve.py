"""A case with every default spelled out, and where its numbers will come from."""

from __future__ import annotations

import datetime
import math
import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba

import cardiosim
from cardiosim.case.cell_overrides import pacing_scheme
from cardiosim.case.cell_tables import InitialTable, PrepaceTable
from cardiosim.case.electrograms import resolved_electrograms
from cardiosim.case.schema import (
    PERCENTS,
    Case,
    CvTable,
    SnapshotTable,
    TraceTable,
)
from cardiosim.case.stimulus_tables import StimulusTable
from cardiosim.tissue.chebyshev import Stages
from cardiosim.tissue.conjugate_gradients import ConjugateGradients
from cardiosim.tissue.positions import nearest_nodes

if TYPE_CHECKING:
    from cardiosim.ionic.cell import Cell
    from cardiosim.ionic.surrogate_step import Surrogate
    from cardiosim.tissue.diffusion import Diffusion
    from cardiosim.tissue.mesh import Mesh

N_TRACES = 5  # evenly spaced along a cable, where the case names none
N_SNAPSHOTS = 100  # over the run, where the case names no interval
LEAST_SNAPSHOTS = 10
BYTES = 8  # of a number in a snapshot
SNAPSHOT_BYTES = 400e6  # all of them together, unless that leaves too few


def resolve(
    case: Case, V: str, fast: Sequence[str] = (), mesh: Mesh | None = None
) -> Case:
    """Fill in the defaults that depend on other parts of the case.

    Args:
        case: as read.
        V: qualified name of the cell's membrane potential, recorded by default.
        fast: fast gates that the cell's own text names.
        mesh: of the case; snapshots of a large one are fewer by default.
    """
    n_nodes = 1 if mesh is None else mesh.n_nodes
    return case.model_copy(
        update={
            "cell": case.cell.model_copy(
                update={
                    "fast": case.cell.fast or tuple(fast) or None,
                    "prepace": _prepace(case, fast),
                }
            ),
            "initial": tuple(_initial(table, case) for table in case.initial),
            "stimulus": tuple(_stimulus(stimulus) for stimulus in case.stimulus),
            "time": case.time.model_copy(
                update={"reaction_dt": case.time.reaction_dt or case.time.dt}
            ),
            "record": case.record.model_copy(
                update={
                    "trace": tuple(
                        _trace(trace, case, V, mesh) for trace in _traces(case)
                    ),
                    "snapshot": _snapshot(case, V, n_nodes),
                    "electrogram": resolved_electrograms(case),
                }
            ),
            "measure": case.measure.model_copy(update=_measure(case)),
        }
    )


def _prepace(case: Case, fast: Sequence[str]) -> PrepaceTable | None:
    prepace = case.cell.prepace
    if prepace is None:
        return None
    scheme = pacing_scheme(prepace, case.cell.fast or fast)
    return prepace.model_copy(update={"scheme": scheme})


def _initial(table: InitialTable, case: Case) -> InitialTable:
    if table.phase is None or case.cell.prepace is None:
        return table
    bcl = table.phase.bcl or case.cell.prepace.bcl
    phase = table.phase.model_copy(update={"bcl": bcl})
    return table.model_copy(update={"phase": phase})


def _stimulus(stimulus: StimulusTable) -> StimulusTable:
    if stimulus.where is not None:
        return stimulus
    return stimulus.model_copy(update={"where": "all"})


def _traces(case: Case) -> tuple[TraceTable, ...]:
    """Those of the case, which may be none; one of defaults where it does not say."""
    if case.record.trace is not None:
        return case.record.trace
    # A mesh from a file has no places of its own that would be worth watching.
    return () if case.mesh.kind == "file" else (TraceTable(),)


def _trace(trace: TraceTable, case: Case, V: str, mesh: Mesh | None) -> TraceTable:
    filled: dict[str, Any] = {
        "variables": trace.variables or (V,),
        "interval": trace.interval or case.time.dt,
    }
    if trace.at is None and trace.where is None:
        if not case.mesh.is_tissue:
            filled["where"] = "all"
        else:
            filled["at"] = _along_the_diagonal(case.mesh.extent)
            if case.mesh.holes is not None and mesh is not None:
                filled["at"] = _beside_holes(filled["at"], mesh)
    return trace.model_copy(update=filled)


def _along_the_diagonal(extent: tuple[float, ...]) -> tuple[Any, ...]:
    """Positions from one corner of a grid to the opposite one, mm."""
    parts = [i / (N_TRACES - 1) for i in range(N_TRACES)]
    if len(extent) == 1:
        return tuple(extent[0] * part for part in parts)
    return tuple(tuple(length * part for length in extent) for part in parts)


def _beside_holes(
    positions: Sequence[tuple[float, ...]], mesh: Mesh
) -> tuple[tuple[float, ...], ...]:
    """The nodes nearest to positions, each once."""
    nodes = dict.fromkeys(nearest_nodes(mesh.points, positions).tolist())
    n_axes = len(positions[0])
    return tuple(tuple(mesh.points[node, :n_axes].tolist()) for node in nodes)


def bytes_of_snapshots(case: Case, n_nodes: int) -> float:
    """What the snapshots of a resolved case take on the disk."""
    snapshot = case.record.snapshot
    if snapshot is None:
        return 0.0
    count = math.ceil(case.time.end / snapshot.interval * (1.0 - 1e-9)) + 1
    return float(count * len(snapshot.variables) * n_nodes * BYTES)


def _snapshot(case: Case, V: str, n_nodes: int) -> SnapshotTable | None:
    snapshot, time = case.record.snapshot, case.time
    if snapshot is None:
        if not case.mesh.is_tissue:
            return None
        # One is of the begin.
        bound = max(LEAST_SNAPSHOTS, int(SNAPSHOT_BYTES / (BYTES * n_nodes)) - 1)
        n_steps = round(time.end / time.dt)
        steps = max(1, round(n_steps / N_SNAPSHOTS), math.ceil(n_steps / bound))
        snapshot = SnapshotTable(interval=steps * time.dt)
    return snapshot.model_copy(update={"variables": snapshot.variables or (V,)})


def _measure(case: Case) -> dict[str, Any]:
    """A cable has a conduction velocity; a stimulated cell has action potentials."""
    if case.mesh.kind == "cable":
        return {"cv": (case.measure.cv or CvTable()).with_defaults()}
    if case.mesh.is_tissue:
        return {}
    if case.stimulus and case.measure.apd is None:
        return {"apd": PERCENTS}
    return {}


def resolved_document(
    case: Case,
    cell: Cell,
    warnings: Sequence[str] = (),
    diffusion: Diffusion | None = None,
) -> dict[str, Any]:
    """The content of resolved.toml: the case, and its provenance.

    Args:
        case: as `assemble` returned it.
        cell: that ran.
        warnings: what was odd about the mesh and the tissue.
        diffusion: that ran; None on a point.
    """
    about = provenance(cell) | ({"warnings": list(warnings)} if warnings else {})
    if diffusion is not None:
        about["diffusion"] = _stepping(diffusion, case.time.diffusion_dt)
    return case.model_dump() | {"provenance": about}


def _stepping(diffusion: Diffusion, dt: float) -> dict[str, Any]:
    """How diffusion was stepped: what "auto" has chosen, tolerance or stages."""
    chosen = diffusion.prepare(dt)
    if isinstance(chosen, Stages):
        return {"solver": "explicit", "stages": chosen.count}
    found = {"solver": chosen.name}
    if isinstance(chosen, ConjugateGradients):
        found["tolerance"] = chosen.tolerance
    return found


def provenance(cell: Cell) -> dict[str, Any]:
    """What ran, on what, when."""
    calcium = cell.facts["cytosolic_calcium"]
    placement = cell.placement
    more = ("torch",) if placement["backend"] == "torch" else ()
    about = run_provenance(*more)
    about["device"] |= {"kind": placement.pop("device"), **placement}
    return {
        "cell": {
            "name": cell.name,
            "membrane_potential": cell.state_names[0],
            "fingerprint": cell.fingerprint,
            "gates": list(cell.facts["gates"]),
            "membrane_currents": list(cell.facts["membrane_currents"]),
        }
        | ({"cytosolic_calcium": calcium} if calcium else {})
        | ({"surrogate": _known_by(cell.surrogate)} if cell.surrogate else {}),
    } | about


def run_provenance(*packages: str) -> dict[str, Any]:
    """On what something ran, when, and with which versions of more packages."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "versions": versions(*packages),
        "device": {
            "name": cpu_name(),
            "cores": cores(),
            "threads": numba.get_num_threads(),
        },
    }


def _known_by(surrogate: Surrogate) -> dict[str, str]:
    return {"name": surrogate.name, "key": surrogate.key}


def versions(*more: str) -> dict[str, str]:
    """Versions of the program, of what its numbers depend on, and of more packages."""
    found = {"cardiosim": cardiosim.__version__, "python": platform.python_version()}
    names = ("numpy", "scipy", "numba", "llvmlite", "myokit", "h5py", *more)
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def cpu_name() -> str:
    """Name of the processor, as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _commit() -> str | None:
    """Commit of the program's own checkout, "+" if it has been changed since."""
    checkout = Path(cardiosim.__file__).parents[1]
    if not (checkout / ".git").exists():
        return None
    git = ["git", "-C", str(checkout)]
    try:
        head = subprocess.run(
            [*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5
        )
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no"],
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if head.returncode != 0:
        return None
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")
