"""Who is compared in a certificate, with what, and what is remembered of it.

A contender is a cell with a time step: the equations with one of the schemes, or the
surrogate. What the equations give is the same for every certificate of a cell; it is
kept in the cache folder, under the fingerprint of the cell and the protocol.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cardiosim.experiments.single_cells import Progress, Pulse
from cardiosim.ionic.cell import Cell
from cardiosim.ionic.compiled import compile_cell
from cardiosim.ionic.kernel_cache import cache_root
from cardiosim.simulation.run import RunStopped
from cardiosim.whole_file import whole_file

log = logging.getLogger(__name__)

CACHE_VERSION = 1  # raise when what a measurement means changes
PULSE = Pulse(amplitude=20.0, duration=2.0)
EXACT_SUBSTEPS = 64
STEPS = (0.01, 0.02, 0.05, 0.1)  # ms, of the table of action potentials
TROUBLE = (ValueError, RunStopped)  # what a cell that fails an experiment raises

Measurement = dict[str, NDArray]
Watch = Callable[[str], AbstractContextManager[Progress | None]]


def make_cell(
    model: str | Path,
    *,
    scheme: str,
    substeps: int = 4,
    surrogate: Any = None,
    **more: Any,
) -> Cell:
    """A cell of the equations, or with a surrogate; `more` as of `compile_cell`."""
    if surrogate is not None:
        more["surrogate"] = surrogate
    return compile_cell(model, scheme=scheme, substeps=substeps, **more)


@dataclass(frozen=True)
class Contender:
    """A way to step a cell.

    Attributes:
        label: for tables.
        scheme: reaction scheme.
        dt: ms.
        substeps: of multirate.
        surrogate: that advances part of the states; None for the equations alone.
    """

    label: str
    scheme: str
    dt: float
    substeps: int = 4
    surrogate: Any = None

    def cell(self, model: str | Path, **more: Any) -> Cell:
        """The cell; `more` as of `compile_cell`."""
        return make_cell(
            model,
            scheme=self.scheme,
            substeps=self.substeps,
            surrogate=self.surrogate,
            **more,
        )

    def at(self, dt: float) -> Contender:
        """The same with another step, ms."""
        name = self.label.rpartition(",")[0] or self.label
        return replace(self, dt=dt, label=f"{name}, {microseconds(dt)}")


def microseconds(dt: float) -> str:
    """A step in ms as text in us."""
    return f"{1e3 * dt:g} \N{MICRO SIGN}s"


@dataclass(frozen=True)
class Candidate:
    """What is certified.

    Attributes:
        name: of the checkpoint.
        model: the cell whose states it replaces.
        contender: how it is stepped, at its longest step.
        replaces: states that it takes over.
        dts: steps of the table of action potentials, ms, increasing.
        shortest: step that it may take, ms.
        facts: of the checkpoint, for the report.
    """

    name: str
    model: str
    contender: Contender
    replaces: tuple[str, ...]
    dts: tuple[float, ...] = STEPS
    shortest: float = 0.01
    facts: Mapping[str, Any] = field(default_factory=dict)


def candidate_of(surrogate: Any, facts: Mapping[str, Any] | None = None) -> Candidate:
    """A surrogate, stepped as it was made for, at its longest step of 0.1 ms or less.

    It goes with multirate, unless it advances the fast gates in every step.

    Raises:
        ValueError: it does not fit its cell, or was made for none of the steps.
    """
    low, high = surrogate.dt_range
    dts = tuple(dt for dt in STEPS if low * (1 - 1e-9) <= dt <= high * (1 + 1e-9))
    if not dts:
        raise ValueError(
            f"{surrogate.name} was made for steps of {low:g} to {high:g} ms; a "
            f"certificate is for some of {', '.join(f'{dt:g}' for dt in STEPS)} ms"
        )

    def at(scheme: str) -> Contender:
        label = f"{surrogate.name}, {microseconds(dts[-1])}"
        return Contender(label, scheme, dts[-1], surrogate=surrogate)

    contender = at("multirate")
    try:
        contender.cell(surrogate.model)
    except ValueError:
        contender = at("rush_larsen")
        contender.cell(surrogate.model)
    return Candidate(
        surrogate.name,
        surrogate.model,
        contender,
        tuple(surrogate.replaces),
        dts,
        dts[0],
        facts or {},
    )


@dataclass(frozen=True)
class Battery:
    """How much is done; the parts that are switched off say so in their row.

    Attributes:
        reference_dt: step of the equations that all single cells are compared with, ms.
        cycle_lengths: of the trains, ms; the first of 1000 is that of the paper.
        pacing: how long every train lasts, ms.
        long_beats: of the long train at `long_bcl`; 0 for none.
        long_bcl: ms.
        condition_beats: at 1 Hz with a drug and with remodelling.
        s1s2_intervals: ms; those just above the refractory period are added.
        dynamic_lengths: cycle lengths of the dynamic restitution, ms.
        dynamic_beats: at each of them.
        erp_resolution: ms.
        dx: of the cables, mm.
        D: diffusivities of the cables, mm2/ms.
        length: of the cables, mm.
        premature: intervals of S2 in cables, ms above the refractory period.
        repeats: of each timing.
        torch: whether the speed through torch is measured.
        spiral: whether the spiral is run.
        random_states: of the provocation.
    """

    reference_dt: float = 0.001
    cycle_lengths: tuple[float, ...] = (2000.0, 1000.0, 500.0, 400.0, 250.0)
    pacing: float = 100_000.0
    long_beats: int = 1000
    long_bcl: float = 500.0
    condition_beats: int = 20
    s1s2_intervals: tuple[float, ...] = (
        *(350.0, 375.0, 400.0, 450.0, 500.0, 600.0, 700.0, 800.0, 900.0, 1000.0),
    )
    dynamic_lengths: tuple[float, ...] = (
        *(260.0, 280.0, 300.0, 320.0, 340.0, 360.0, 400.0, 450.0, 500.0, 600.0),
        *(700.0, 800.0, 1000.0),
    )
    dynamic_beats: int = 20
    erp_resolution: float = 0.1
    dx: tuple[float, ...] = (0.1, 0.15, 0.2, 0.25)
    D: tuple[float, ...] = (0.05, 0.1, 0.15, 0.3)
    length: float = 20.0
    premature: tuple[float, ...] = (20.0, 30.0, 50.0, 100.0, 200.0)
    repeats: int = 3
    torch: bool = True
    spiral: bool = True
    random_states: int = 500


FULL = Battery()
QUICK = Battery(
    reference_dt=0.005,
    cycle_lengths=(1000.0, 500.0),
    pacing=3000.0,
    long_beats=0,
    condition_beats=2,
    s1s2_intervals=(400.0, 600.0),
    dynamic_lengths=(400.0, 600.0),
    dynamic_beats=3,
    erp_resolution=1.0,
    dx=(0.1, 0.25),
    D=(0.15,),
    length=10.0,
    premature=(20.0, 100.0),
    repeats=1,
    torch=False,
    spiral=False,
    random_states=100,
)


def silent(_: str) -> AbstractContextManager[None]:
    return nullcontext()


class Bench:
    """The candidate, its contenders, and what was measured of them so far."""

    def __init__(
        self, candidate: Candidate, battery: Battery = FULL, watch: Watch = silent
    ) -> None:
        """Measure nothing yet.

        Args:
            candidate: what is certified.
            battery: how much is done.
            watch: called with what is done now; gives what reports on its progress.
        """
        self.candidate, self.battery, self.watch = candidate, battery, watch
        self.model = candidate.model
        self.surrogate = candidate.contender
        dt = self.surrogate.dt
        reference = microseconds(battery.reference_dt)
        self.reference = Contender(
            f"equations, {reference}", "rush_larsen", battery.reference_dt
        )
        self.rush_larsen = Contender(
            "rush_larsen, 10 \N{MICRO SIGN}s", "rush_larsen", 0.01
        )
        self.multirate = Contender(f"multirate, {microseconds(dt)}", "multirate", dt)
        self.exact = Contender(
            f"exact fast map, {microseconds(dt)}", "multirate", dt, EXACT_SUBSTEPS
        )
        self._measured: dict[tuple, Measurement] = {}

    @property
    def others(self) -> tuple[Contender, ...]:
        """The surrogate at the steps of its table but the longest."""
        return tuple(
            self.surrogate.at(dt)
            for dt in self.candidate.dts
            if dt < self.surrogate.dt - 1e-12
        )

    def measure(
        self,
        name: str,
        contender: Contender,
        protocol: Mapping[str, Any],
        run: Callable[[Cell, Progress | None], Measurement],
        parameters: Mapping[str, Any] | None = None,
    ) -> Measurement:
        """Arrays that an experiment gives, from the cache where they are.

        Args:
            name: of the experiment.
            contender: who is measured; only what the equations give is kept on disk.
            protocol: what the result depends on besides the cell and its step.
            run: the experiment.
            parameters: of the cell, as of `compile_cell`.
        """
        text = json.dumps([CACHE_VERSION, name, contender.dt, protocol], default=list)
        key = (text, contender.label, str(parameters))
        if key in self._measured:
            return self._measured[key]
        cell = contender.cell(self.model, parameters=parameters)
        keeps = contender.surrogate is None and contender is not self.surrogate
        path = _cache_file(name, cell, text) if keeps else None
        found = _read(path) if path else None
        if found is None:
            with self.watch(f"{name}: {contender.label}") as progress:
                found = run(cell, progress)
            if path:
                _write(path, found)
        self._measured[key] = found
        return found


def _cache_file(name: str, cell: Cell, text: str) -> Path:
    digest = hashlib.sha256(f"{cell.fingerprint}\0{text}".encode()).hexdigest()
    readable = re.sub(r"\W+", "_", f"{cell.name} {name}")
    return cache_root() / "certification" / f"{readable}-{digest[:32]}.npz"


def _read(path: Path) -> Measurement | None:
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except Exception as error:  # a damaged file can fail in the zip, npy or key layer
        log.warning("%s cannot be read (%s); measuring again", path, error)
        return None


def _write(path: Path, found: Measurement) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial, open(partial, "wb") as file:
            np.savez(file, **found)
    except OSError as error:
        log.warning("measurement is not cached in %s: %s", path.parent, error)


def attempt(
    run: Callable[[], Measurement],
) -> tuple[Measurement | None, Exception | None]:
    """What an experiment gives, or why it gives nothing."""
    try:
        return run(), None
    except TROUBLE as error:
        return None, error


def percent(values: Sequence[float] | NDArray, references: NDArray) -> NDArray:
    """Deviations in percent of the references."""
    return 100.0 * (np.asarray(values) / np.asarray(references) - 1.0)
