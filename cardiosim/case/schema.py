"""What a case may say: the tables and keys of case.toml, with units and defaults.

A description only, frozen: nothing here knows how a cell or a mesh is made. Numbers are
in the project's units (units.py); a string with a unit is converted as it is read.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeInt,
    field_validator,
    model_validator,
)

from cardiosim.case.activation_tables import (
    ActivationTable,
    CvFieldTable,
    RepolarisationTable,
)
from cardiosim.case.cell_tables import CellTable, InitialTable, PrepaceTable
from cardiosim.case.electrogram_tables import ElectrogramTable, check_electrograms
from cardiosim.case.mesh_tables import MeshTable
from cardiosim.case.protocols import DynamicProtocol, PacingProtocol, Protocol
from cardiosim.case.quantities import (
    Duration,
    Fraction,
    Length,
    Potential,
    Table,
    Time,
    one_or_list,
    quantity,
)
from cardiosim.case.stimulus_tables import StimulusTable
from cardiosim.case.tissue_tables import TissueTable

PERCENTS = (50.0, 90.0)  # of repolarisation, where a case names none
CV_FRACTIONS = (0.25, 0.75)  # of a cable, likewise
# ms, a time constant of the sodium channel; beyond, conduction is some 2 % slow.
LARGEST_RUSH_LARSEN_STEP = 0.02


class TimeTable(Table):
    """How the march goes."""

    dt: Duration
    end: Duration | None = None  # a protocol knows its own
    splitting: Literal["strang", "godunov", "strang_diffusion_first"] = "strang"
    reaction_dt: Duration | None = None

    @property
    def reaction_steps(self) -> int:
        """Steps that each reaction is taken in, none longer than reaction_dt."""
        if self.reaction_dt is None:
            return 1
        return max(1, math.ceil(self.dt / self.reaction_dt * (1.0 - 1e-9)))

    @property
    def diffusion_dt(self) -> float:
        """Step that diffusion is taken in, ms."""
        return 0.5 * self.dt if self.splitting == "strang_diffusion_first" else self.dt


class DiffusionTable(Table):
    """How diffusion is stepped, and the share of the consistent mass (0 is lumped)."""

    theta: Fraction = 0.5
    mass: Fraction = 0.5
    solver: Literal["auto", "direct", "cg", "explicit"] = "auto"
    tolerance: quantity("1", gt=0.0, lt=1.0) | None = None  # residual of cg

    @model_validator(mode="after")
    def _explicit_takes_a_lumped_mass(self) -> Self:
        if self.solver == "explicit" and self.mass != 0.0:
            raise ValueError(
                f'solver "explicit" needs a lumped mass, and mass is {self.mass:g}; '
                "write mass = 0, or another solver"
            )
        if self.solver in ("explicit", "direct") and self.tolerance is not None:
            raise ValueError(
                f'solver "{self.solver}" iterates on nothing; remove tolerance'
            )
        return self


# x, (y, (z)); the rest is 0.
Position = Annotated[tuple[Length, ...], Field(min_length=1, max_length=3)]


def _simple_word(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        raise ValueError(
            f'"{name}" becomes part of the name of a number; use letters, digits and _'
        )
    return name


NamedPositions = dict[Annotated[str, AfterValidator(_simple_word)], Position]


class TraceTable(Table):
    """Variables against time at some nodes: the nearest to positions, or a region."""

    # Numbers are positions along x.
    at: Annotated[tuple[one_or_list(Length), ...], Field(min_length=1)] | None = None
    where: str | None = None
    variables: tuple[str, ...] | None = None
    interval: Duration | None = None
    start: Time = 0.0

    @model_validator(mode="after")
    def _one_way_to_choose(self) -> Self:
        if self.at is not None and self.where is not None:
            raise ValueError("give either at (positions, mm) or where, not both")
        return self


class SnapshotTable(Table):
    """Variables at all nodes, for ParaView."""

    variables: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    interval: Duration

    @field_validator("variables")
    @classmethod
    def _once_each(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        twice = sorted({name for name in names or () if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} came twice; name each variable once")
        return names


class RecordTable(Table):
    """What is kept of the run."""

    activation_threshold: Potential = -20.0
    activation: ActivationTable = ActivationTable()
    repolarisation: RepolarisationTable | None = None
    trace: tuple[TraceTable, ...] | None = None
    snapshot: SnapshotTable | None = None
    electrogram: tuple[ElectrogramTable, ...] | None = None


class CvTable(Table):
    """Where the conduction velocity is taken.

    Between two fractions of a cable, or between two positions in any other mesh.
    """

    start: Fraction | None = None  # 0.25
    stop: Fraction | None = None  # 0.75
    between: tuple[Position, Position] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.between is not None:
            if self.start is not None or self.stop is not None:
                raise ValueError(
                    "start and stop are fractions of a cable, and between names the "
                    "two positions; remove either"
                )
            return self
        filled = self.with_defaults()
        if filled.start >= filled.stop:
            raise ValueError(
                f"start {filled.start:g} must be smaller than stop {filled.stop:g}"
            )
        return self

    def with_defaults(self) -> CvTable:
        """With start and stop, unless two positions are given."""
        if self.between is not None:
            return self
        start = CV_FRACTIONS[0] if self.start is None else self.start
        stop = CV_FRACTIONS[1] if self.stop is None else self.stop
        return self.model_copy(update={"start": start, "stop": stop})


class CycleLengthTable(Table):
    """Times between activations in the last part of the run, at named positions."""

    last: Duration = 1000.0
    at: NamedPositions = Field(min_length=1)

    @field_validator("at")
    @classmethod
    def _other_numbers_have_other_names(
        cls, at: dict[str, Position]
    ) -> dict[str, Position]:
        for name in at:
            if name == "spread" or name.endswith("_deviation"):
                raise ValueError(
                    f'a position called "{name}" would make cycle_length_{name}, the '
                    "name of another number; choose another"
                )
        return at


class PhaseMapTable(Table):
    """A picture of the phase of a rotating wave, from the snapshots of V."""

    delay: Duration | None = None  # a fifth of the last cycle length
    origin: Potential | None = None  # V*; the mean of V


class MeasureTable(Table):
    """Numbers to take from the recordings."""

    cv: CvTable | None = None
    cv_field: CvFieldTable | None = None
    lat: NamedPositions | None = None  # activation at named positions
    cycle_length: CycleLengthTable | None = None
    phase_map: PhaseMapTable | None = None
    apd: tuple[quantity("1", gt=0.0, lt=100.0), ...] | None = None
    apd_at: tuple[Potential, ...] | None = None  # durations at fixed potentials


class Case(Table):
    """A whole case: one run, and what to measure in it."""

    title: str = ""
    seed: NonNegativeInt = 0
    mesh: MeshTable
    tissue: TissueTable | None = None
    cell: CellTable
    initial: tuple[InitialTable, ...] = ()
    stimulus: tuple[StimulusTable, ...] = ()
    protocol: Protocol | None = None
    time: TimeTable
    diffusion: DiffusionTable = DiffusionTable()
    record: RecordTable = RecordTable()
    measure: MeasureTable = MeasureTable()

    @model_validator(mode="after")
    def _tissue_fits_the_mesh(self) -> Self:
        kind, measure = self.mesh.kind, self.measure
        axes = len(self.mesh.extent) or None
        check_electrograms(self.record.electrogram, self.mesh.is_tissue, axes)
        if not self.mesh.is_tissue:
            if self.cell.region or self.cell.field:
                raise ValueError(
                    'mesh.kind is "point", which has one cell; write its parameters '
                    "into cell.parameters, and remove cell.region and cell.field"
                )
            if self.tissue is not None:
                raise ValueError(
                    'mesh.kind is "point", which has no [tissue]; remove it'
                )
            if self.record.repolarisation:
                raise ValueError(
                    "record.repolarisation is of every node of tissue, and mesh.kind "
                    'is "point"; remove it, measure.apd has durations of single cells'
                )
            for key in ("cv", "cv_field", "lat", "cycle_length", "phase_map"):
                if getattr(measure, key):
                    raise ValueError(
                        f'measure.{key} needs tissue, and mesh.kind is "point"; '
                        "remove it"
                    )
            return self
        if self.tissue is None:
            raise ValueError(
                f'mesh.kind is "{kind}", which needs [tissue], for instance D = 0.15'
            )
        if measure.phase_map and (kind == "cable" or not self.record.snapshot):
            raise ValueError(
                "measure.phase_map draws the snapshots of a sheet, a slab or a mesh; "
                + (
                    'remove it from kind "cable"'
                    if kind == "cable"
                    else "add [record.snapshot] with its interval, in ms"
                )
            )
        self._check_times_of_measures()
        if measure.cv and kind != "cable" and measure.cv.between is None:
            raise ValueError(
                f'measure.cv of mesh.kind "{kind}" needs between, two positions in mm: '
                "between = [[5, 5], [15, 5]]"
            )
        return self

    def _check_times_of_measures(self) -> None:
        cycle, map_, end = (
            self.measure.cycle_length,
            self.measure.phase_map,
            self.time.end,
        )
        if end is None:
            return
        if cycle and cycle.last > end:
            raise ValueError(
                f"measure.cycle_length.last of {cycle.last:g} ms is longer than the "
                f"run of {end:g} ms; shorten it, or run longer"
            )
        if map_ and map_.delay is not None:
            interval = self.record.snapshot.interval
            if not interval <= map_.delay < end:
                raise ValueError(
                    f"measure.phase_map.delay is {map_.delay:g} ms; expected at least "
                    f"the {interval:g} ms from one snapshot to the next, and less than "
                    f"the run of {end:g} ms"
                )

    @model_validator(mode="after")
    def _a_protocol_takes_the_place_of_stimuli(self) -> Self:
        if self.protocol is None:
            if self.time.end is None:
                raise ValueError("time.end is missing; give the end of the run, in ms")
            return self
        if self.mesh.kind != "point":
            raise ValueError(
                f"protocol {self.protocol.kind} is for single cells; write mesh.kind = "
                f'"point" instead of "{self.mesh.kind}"'
            )
        without_effect = {
            "[[stimulus]]": bool(self.stimulus),
            "[[initial]]": bool(self.initial),
            "time.end": self.time.end is not None,
            "time.reaction_dt": self.time.reaction_dt is not None,
            "[[record.trace]]": self.record.trace is not None,
            "[record.snapshot]": self.record.snapshot is not None,
        }
        if not self.protocol.measures_durations:
            without_effect["measure.apd"] = self.measure.apd is not None
            without_effect["measure.apd_at"] = self.measure.apd_at is not None
        extra = [key for key, is_given in without_effect.items() if is_given]
        if extra:
            raise ValueError(
                f"protocol {self.protocol.kind} knows its stimuli, steps, end and "
                f"recordings by itself; remove {' and '.join(extra)}"
            )
        return self

    @model_validator(mode="after")
    def _pulses_are_shorter_than_their_cycles(self) -> Self:
        protocol = self.protocol
        if isinstance(protocol, PacingProtocol):
            key, shortest = "bcl", protocol.bcl
        elif isinstance(protocol, DynamicProtocol):
            key, shortest = "cycle_lengths", min(protocol.cycle_lengths)
        else:
            return self
        train = self.cell.prepace or PrepaceTable(bcl=1000.0, beats=1)
        duration = protocol.pulse.duration or train.duration
        if duration >= shortest:
            raise ValueError(
                f"protocol.{key}: {shortest:g} ms is not above the {duration:g} ms of "
                "the pulse (protocol.pulse.duration, or else cell.prepace.duration)"
            )
        return self

    @model_validator(mode="after")
    def _stimuli_have_regions(self) -> Self:
        for index, stimulus in enumerate(self.stimulus):
            if stimulus.where is None and self.mesh.kind != "point":
                raise ValueError(
                    f'stimulus.{index}.where is missing; name a region, as in "x <= 2"'
                )
            try:
                stimulus.current(self.tissue)
            except ValueError as error:
                raise ValueError(f"stimulus.{index}: {error}") from None
        return self
