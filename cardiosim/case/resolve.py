"""A case with every default spelled out, and where its numbers will come from."""

from __future__ import annotations

import datetime
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
from cardiosim.case.schema import (
    PERCENTS,
    Case,
    CvTable,
    SnapshotTable,
    TraceTable,
)
from cardiosim.case.stimulus_tables import StimulusTable

if TYPE_CHECKING:
    from cardiosim.ionic.cell import Cell

N_TRACES = 5  # evenly spaced along a cable, where the case names none
N_SNAPSHOTS = 100  # over the run, where the case names no interval


def resolve(case: Case, V: str, fast: Sequence[str] = ()) -> Case:
    """Fill in the defaults that depend on other parts of the case.

    Args:
        case: as read.
        V: qualified name of the cell's membrane potential, recorded by default.
        fast: fast gates that the cell's own text names.
    """
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
                    "trace": tuple(_trace(trace, case, V) for trace in _traces(case)),
                    "snapshot": _snapshot(case, V),
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


def _trace(trace: TraceTable, case: Case, V: str) -> TraceTable:
    filled: dict[str, Any] = {
        "variables": trace.variables or (V,),
        "interval": trace.interval or case.time.dt,
    }
    if trace.at is None and trace.where is None:
        if not case.mesh.is_tissue:
            filled["where"] = "all"
        else:
            filled["at"] = _along_the_diagonal(case.mesh.extent)
    return trace.model_copy(update=filled)


def _along_the_diagonal(extent: tuple[float, ...]) -> tuple[Any, ...]:
    """Positions from one corner of a grid to the opposite one, mm."""
    parts = [i / (N_TRACES - 1) for i in range(N_TRACES)]
    if len(extent) == 1:
        return tuple(extent[0] * part for part in parts)
    return tuple(tuple(length * part for length in extent) for part in parts)


def _snapshot(case: Case, V: str) -> SnapshotTable | None:
    snapshot, time = case.record.snapshot, case.time
    if snapshot is None:
        if not case.mesh.is_tissue:
            return None
        steps = max(1, round(time.end / time.dt / N_SNAPSHOTS))
        snapshot = SnapshotTable(interval=steps * time.dt)
    return snapshot.model_copy(update={"variables": snapshot.variables or (V,)})


def _measure(case: Case) -> dict[str, Any]:
    """A cable has a conduction velocity; a stimulated cell has action potentials."""
    if case.mesh.kind == "cable":
        return {"cv": case.measure.cv or CvTable()}
    if case.mesh.is_tissue:
        return {}
    if case.stimulus and case.measure.apd is None:
        return {"apd": PERCENTS}
    return {}


def resolved_document(case: Case, cell: Cell) -> dict[str, Any]:
    """The content of resolved.toml: the case, and its provenance."""
    return case.model_dump() | {"provenance": provenance(cell)}


def provenance(cell: Cell) -> dict[str, Any]:
    """What ran, on what, when."""
    calcium = cell.facts["cytosolic_calcium"]
    placement = cell.placement
    more = ("torch",) if placement["backend"] == "torch" else ()
    return {
        "cell": {
            "name": cell.name,
            "membrane_potential": cell.state_names[0],
            "fingerprint": cell.fingerprint,
            "gates": list(cell.facts["gates"]),
            "membrane_currents": list(cell.facts["membrane_currents"]),
        }
        | ({"cytosolic_calcium": calcium} if calcium else {}),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "versions": versions(*more),
        "device": {
            "kind": placement.pop("device"),
            **placement,
            "name": cpu_name(),
            "cores": cores(),
            "threads": numba.get_num_threads(),
        },
    }


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
