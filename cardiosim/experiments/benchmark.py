"""How fast cells are stepped on this machine, and how fast they could be.

A reaction step reads and writes every state of every node and evaluates some tens of
exponentials and divisions. Both are counted, and the rates at which this machine does
them are measured in the same run by loops that do nothing else; the time those
operations alone would take is what a kernel is compared with.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
import psutil
from numba import njit
from numpy.typing import NDArray

from cardiosim.case.resolve import cpu_name
from cardiosim.ionic.cell_library import model_path, model_source
from cardiosim.ionic.compiled import CompiledCell, compile_cell
from cardiosim.ionic.economy import count_operations
from cardiosim.ionic.emit_numba import economical
from cardiosim.ionic.interface import IonicModel
from cardiosim.ionic.reaction import reaction
from cardiosim.ionic.vector_math import exp

_VECTOR = {"error_model": "numpy", "fastmath": {"contract", "reassoc", "arcp"}}
_SECONDS = 0.05  # wall time of one measurement, best of `_REPEATS`: shared machines
# are quiet for moments only
_REPEATS = 30


@dataclass(frozen=True)
class MachineRates:
    """What one core does: 1e9 operations, or bytes, a second."""

    exponentials: float
    divisions: float
    copied_bytes: float


@dataclass(frozen=True)
class KernelRate:
    """Speed of one kernel.

    Attributes:
        cell: its name.
        scheme: reaction scheme.
        dt: ms.
        n_nodes: nodes stepped.
        threads: threads used.
        upstroke: share of the nodes that are in their upstroke.
        node_steps: 1e6 node-steps a second.
        exponentials: a node-step out of the upstroke; logarithms count as one.
        divisions: a node-step out of the upstroke.
        state_bytes: read and written a node-step.
        share_of_bound: time that exponentials and divisions alone would take on one
            core, over the time taken by one core.
        background: cores that other programs used meanwhile.
    """

    cell: str
    scheme: str
    dt: float
    n_nodes: int
    threads: int
    upstroke: float
    node_steps: float
    exponentials: int
    divisions: int
    state_bytes: int
    share_of_bound: float
    background: float


def machine() -> dict[str, Any]:
    """Processor, cores and versions."""
    return {
        "processor": cpu_name(),
        "cores": psutil.cpu_count(logical=False) or psutil.cpu_count(),
        "python": platform.python_version(),
        "numba": numba.__version__,
        "numpy": np.__version__,
    }


def machine_rates() -> MachineRates:
    """Measure what one core of this machine does."""
    x = np.linspace(0.1, 1.0, 1024)
    repeats = 2000
    per_call = repeats * x.size / 1e9
    # Larger than any cache, so that copying it measures the memory.
    source = np.zeros(32 * 2**20 // 8)
    target = np.zeros_like(source)
    copied = 2 * source.nbytes / 1e9
    return MachineRates(
        exponentials=per_call / _best(lambda: _exponentials(x, repeats)),
        divisions=per_call / _best(lambda: _divisions(x, repeats)),
        copied_bytes=copied / _best(lambda: np.copyto(target, source)),
    )


def kernel_rates(
    cells: Sequence[str],
    schemes: Sequence[str],
    dt: float,
    n_nodes: Sequence[int],
    threads: Sequence[int],
    rates: MachineRates,
    say: Callable[[str], None] = lambda line: None,
) -> Iterator[KernelRate]:
    """Measure every combination.

    Args:
        cells: names of shipped cells, or .mmt files.
        schemes: reaction schemes.
        dt: ms.
        n_nodes: numbers of nodes.
        threads: numbers of threads.
        rates: of this machine.
        say: called with a line on every scheme that a cell cannot take.

    Raises:
        ValueError: there is no such cell, or it can take none of the schemes.
    """
    for name in cells:
        path = model_path(name)  # an unknown name is an error, not a row less
        compiled, refused = {}, {}
        for scheme in schemes:
            try:
                compiled[scheme] = compile_cell(path, scheme=scheme)
            except ValueError as error:
                refused[scheme] = error
        if not compiled:
            raise next(iter(refused.values()))
        for scheme, error in refused.items():
            say(f"{name} without {scheme}: {error}")
        for scheme, cell in compiled.items():
            counts = _operations(path, scheme)
            for n in n_nodes:
                for count in threads:
                    upstrokes = (0.0, 0.05) if scheme == "multirate" else (0.0,)
                    for upstroke in upstrokes:
                        yield _measure(cell, counts, dt, n, count, upstroke, rates)


def _measure(
    cell: CompiledCell,
    counts: dict[str, int],
    dt: float,
    n_nodes: int,
    threads: int,
    upstroke: float,
    rates: MachineRates,
) -> KernelRate:
    states = cell.initial_states(n_nodes)
    start = states.copy()
    # One stretch of nodes above threshold stands for the front of a wave.
    front = slice(0, int(upstroke * n_nodes))
    start[0, front] = -40.0
    i_stim = np.zeros(n_nodes)
    steps = max(1, int(1e7 * _SECONDS / n_nodes))

    def run() -> None:
        for _ in range(steps):
            # The front is put back every step, so that it stays one.
            states[:4, front] = start[:4, front]
            cell.react(states, i_stim, dt)

    with on_threads(threads), Background() as background:
        seconds = _best(run) / (steps * n_nodes)
    exponentials = counts["exp"] + counts["log"]
    bound = exponentials / rates.exponentials + counts["/"] / rates.divisions
    return KernelRate(
        cell=cell.name,
        scheme=cell.scheme,
        dt=dt,
        n_nodes=n_nodes,
        threads=threads,
        upstroke=upstroke,
        node_steps=1e-6 / seconds,
        exponentials=exponentials,
        divisions=counts["/"],
        state_bytes=2 * 8 * len(cell.state_names) + 8,
        share_of_bound=1e-9 * bound / (seconds * threads),
        background=background.cores,
    )


def node_rate(cell: IonicModel, n_nodes: int, dt: float) -> float:
    """Speed of one core on nodes at rest, 1e6 node-steps a second.

    Args:
        cell: of any backend.
        n_nodes: number of nodes.
        dt: ms.
    """
    states = cell.initial_states(n_nodes)
    i_stim = np.zeros(n_nodes)
    with on_threads(1):
        cell.compile(n_nodes)
        cell.react(states, i_stim, dt)
        started = time.perf_counter()
        cell.react(states, i_stim, dt)
        once = time.perf_counter() - started
        steps = max(1, min(int(1e7 * _SECONDS / n_nodes), int(_SECONDS / once)))
        seconds = _best(lambda: cell.react(states, i_stim, dt, steps))
    return 1e-6 * steps * n_nodes / seconds


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Let numba, and torch where it is imported, use so many threads, here only."""
    torch = sys.modules.get("torch")
    threads = numba.get_num_threads()
    torch_threads = torch.get_num_threads() if torch else 1
    numba.set_num_threads(count)
    if torch:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        numba.set_num_threads(threads)
        if torch:
            torch.set_num_threads(torch_threads)


def as_record(
    rates: MachineRates, kernels: Sequence[KernelRate]
) -> dict[str, dict[str, Any] | list[dict[str, Any]]]:
    """Everything a benchmark measured, for a JSON file."""
    return {
        "machine": machine(),
        "date": time.strftime("%Y-%m-%d"),
        "rates": asdict(rates),
        "kernels": [asdict(kernel) for kernel in kernels],
    }


def _operations(path: Path, scheme: str) -> dict[str, int]:
    step = reaction(model_source(path).equations(), scheme)
    return count_operations(economical(step).main)


def _best(run: Callable[[], None]) -> float:
    """Shortest wall time of a call, s; the first call (compilation) does not count."""
    run()
    times = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


@njit(**_VECTOR)
def _exponentials(x: NDArray, repeats: int) -> None:
    for _ in range(repeats):
        for j in range(x.size):
            x[j] = exp(-x[j])


@njit(**_VECTOR)
def _divisions(x: NDArray, repeats: int) -> None:
    for _ in range(repeats):
        for j in range(x.size):
            x[j] = 1.0 / (1.5 + x[j])


class Background:
    """Cores that other programs use while a block runs."""

    cores = 0.0

    def __enter__(self) -> Background:
        self._begun = self._now()
        return self

    def __exit__(self, *_: object) -> None:
        wall, busy, own = (b - a for a, b in zip(self._begun, self._now(), strict=True))
        self.cores = max(0.0, (busy - own) / wall)

    @staticmethod
    def _now() -> tuple[float, float, float]:
        cpu, own = psutil.cpu_times(), psutil.Process().cpu_times()
        idle = cpu.idle + getattr(cpu, "iowait", 0.0)
        busy = sum(cpu[:8]) - idle
        return time.perf_counter(), busy, own.user + own.system
