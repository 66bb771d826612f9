"""What a case may say: the tables and keys of case.toml, with units and defaults.

A description only, frozen: nothing here knows how a cell or a mesh is made. Numbers are
in the project's units (units.py); a string with a unit is converted as it is read.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import Field, FiniteFloat, PositiveInt, field_validator, model_validator

from cardiosim.case.protocols import DynamicProtocol, PacingProtocol, Protocol
from cardiosim.case.quantities import (
    Current,
    Duration,
    Fraction,
    Length,
    Potential,
    Table,
    Time,
    quantity,
)
from cardiosim.case.tissue_tables import MeshTable, TissueTable
from cardiosim.ionic.drug_block import unblocked_share
from cardiosim.simulation.schedule import whole_steps

PERCENTS = (50.0, 90.0)  # of repolarisation, where a case names none
# ms, a time constant of the sodium channel; beyond, conduction is some 2 % slow.
LARGEST_RUSH_LARSEN_STEP = 0.02


class ParameterTable(Table):
    """A parameter's value, in the model's unit, or a multiple of the model's own.

    A string keeps its unit until the cell is built, which alone knows the model's.
    """

    value: FiniteFloat | str | None = None
    scale: quantity("1", ge=0.0) | None = None  # a negative one turns a current round

    @model_validator(mode="before")
    @classmethod
    def _a_number_is_a_value(cls, entry: Any) -> Any:
        entry = entry if isinstance(entry, dict) else {"value": entry}
        if isinstance(entry.get("value"), bool):  # pydantic takes true for 1.0
            raise ValueError(f"came {entry['value']!r}, expected a number")
        return entry

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if (self.value is None) == (self.scale is None):
            raise ValueError("give a number, or { scale = number }")
        return self


class BlockTable(Table):
    """What a drug does to one current: an IC50, or a share that it blocks."""

    ic50: quantity("uM", gt=0.0) | None = None
    hill: quantity("1", gt=0.0) | None = None
    block: Fraction | None = None

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        if (self.ic50 is None) == (self.block is None):
            raise ValueError(
                "give either ic50 (uM, with hill if it is not 1) or block (the share "
                "of the current that is gone, 0 to 1)"
            )
        if self.hill is not None and self.ic50 is None:
            raise ValueError("hill belongs to ic50; remove it, or give ic50")
        return self

    def remaining(self, concentration: float | None) -> float:
        """Share of the current that is left."""
        if self.block is not None:
            return 1.0 - self.block
        return unblocked_share(concentration, self.ic50, self.hill or 1.0)


class DrugTable(Table):
    """A drug at one concentration, and the parameters that it scales."""

    name: str = ""
    concentration: quantity("uM", ge=0.0) | None = None
    blocks: dict[str, BlockTable] = Field(min_length=1)

    @field_validator("blocks", mode="before")
    @classmethod
    def _component_tables_are_qualified_names(cls, blocks: Any) -> Any:
        return _qualified(blocks, {"ic50", "hill", "block"})

    @model_validator(mode="after")
    def _an_ic50_needs_a_concentration(self) -> Self:
        of_ic50 = [name for name, b in self.blocks.items() if b.ic50 is not None]
        if of_ic50 and self.concentration is None:
            raise ValueError(
                f"blocks.{of_ic50[0]} has an ic50, which needs the drug's "
                "concentration, in uM"
            )
        return self


def _qualified(entries: Any, keys: set[str]) -> Any:
    """Let `ina.g_Na = ...` mean the same as `"ina.g_Na" = ...`.

    Args:
        entries: a table by name of the parameter.
        keys: what the entry of a parameter may hold.
    """
    if not isinstance(entries, dict):
        return entries
    flat = {}
    for name, entry in entries.items():
        inner = isinstance(entry, dict) and not entry.keys() <= keys
        if inner and "." not in name:  # a component, not a qualified name
            flat |= {f"{name}.{key}": value for key, value in entry.items()}
        else:
            flat[name] = entry
    return flat


Scheme = Literal["rush_larsen", "multirate"]


class PrepaceTable(Table):
    """Beats that bring one cell to its rhythm before the case begins."""

    bcl: Duration
    beats: PositiveInt
    amplitude: Current = 20.0
    duration: Duration = 2.0
    dt: Duration = 0.02
    scheme: Scheme | None = None  # multirate where the cell names fast gates

    @model_validator(mode="after")
    def _beats_fit(self) -> Self:
        if self.duration >= self.bcl:
            raise ValueError(
                f"duration {self.duration:g} ms is not below bcl {self.bcl:g} ms; "
                "shorten the stimulus, or pace more slowly"
            )
        whole_steps(self.beats * self.bcl, self.dt, "beats * bcl")
        return self


class CellTable(Table):
    """What happens at a node."""

    model: Annotated[
        str,
        Field(description="a name that `cardiosim cells` lists, a .mmt or .toml file"),
    ]
    backend: Literal["numba", "scalar", "torch"] = "numba"
    device: str | None = None  # of torch: cpu, cuda, cuda:1
    dtype: Literal["float64", "float32"] | None = None  # of torch
    torch_compile: bool | None = None  # None decides by measured benefit
    scheme: Scheme = "rush_larsen"
    substeps: PositiveInt = 4
    fast: tuple[str, ...] | None = None
    surrogate: Literal["none"] = "none"
    parameters: dict[str, ParameterTable] = {}
    drug: tuple[DrugTable, ...] = ()
    prepace: PrepaceTable | None = None

    @model_validator(mode="after")
    def _device_and_dtype_are_for_torch(self) -> Self:
        keys = ("device", "dtype", "torch_compile")
        given = [key for key in keys if getattr(self, key) is not None]
        if given and self.backend != "torch":
            raise ValueError(
                f'{" and ".join(given)} came with backend "{self.backend}", which runs '
                'on the CPU in float64; remove it, or write backend = "torch"'
            )
        return self

    @field_validator("parameters", mode="before")
    @classmethod
    def _component_tables_are_qualified_names(cls, parameters: Any) -> Any:
        return _qualified(parameters, {"value", "scale"})


class StimulusTable(Table):
    """Current injected into a region, once or as a train."""

    where: str | None = None
    start: Time
    duration: Duration
    amplitude: Current
    period: Duration | None = None
    count: PositiveInt | None = None

    @model_validator(mode="after")
    def _trains_are_consistent(self) -> Self:
        if self.count is not None and self.count > 1 and self.period is None:
            raise ValueError("a count needs a period, in ms")
        if self.period is not None and self.period < self.duration:
            raise ValueError(
                f"period {self.period:g} ms is shorter than duration "
                f"{self.duration:g} ms; a train's pulses may not overlap"
            )
        return self


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


class DiffusionTable(Table):
    """Theta-rule, and the share of the consistent mass (0 lumped, 1 consistent)."""

    theta: Fraction = 0.5
    mass: Fraction = 0.5


class TraceTable(Table):
    """Variables against time at some nodes: positions along x, or a region."""

    at: tuple[Length, ...] | None = None
    where: str | None = None
    variables: tuple[str, ...] | None = None
    interval: Duration | None = None
    start: Time = 0.0

    @model_validator(mode="after")
    def _one_way_to_choose(self) -> Self:
        if self.at is not None and self.where is not None:
            raise ValueError(
                "give either at (positions along x, mm) or where, not both"
            )
        return self


class SnapshotTable(Table):
    """Variables at all nodes, for ParaView."""

    variables: tuple[str, ...] | None = None
    interval: Duration


class RecordTable(Table):
    """What is kept of the run."""

    activation_threshold: Potential = -20.0
    trace: tuple[TraceTable, ...] | None = None
    snapshot: SnapshotTable | None = None


class CvTable(Table):
    """Between which fractions of the cable the conduction velocity is taken."""

    start: Fraction = 0.25
    stop: Fraction = 0.75

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start >= self.stop:
            raise ValueError(
                f"start {self.start:g} must be smaller than stop {self.stop:g}"
            )
        return self


class MeasureTable(Table):
    """Numbers to take from the recordings."""

    cv: CvTable | None = None
    apd: tuple[quantity("1", gt=0.0, lt=100.0), ...] | None = None
    apd_at: tuple[Potential, ...] | None = None  # durations at fixed potentials


class Case(Table):
    """A whole case: one run, and what to measure in it."""

    title: str = ""
    seed: int = 0
    mesh: MeshTable
    tissue: TissueTable | None = None
    cell: CellTable
    stimulus: tuple[StimulusTable, ...] = ()
    protocol: Protocol | None = None
    time: TimeTable
    diffusion: DiffusionTable = DiffusionTable()
    record: RecordTable = RecordTable()
    measure: MeasureTable = MeasureTable()

    @model_validator(mode="after")
    def _tissue_fits_the_mesh(self) -> Self:
        if self.mesh.kind == "point" and self.tissue is not None:
            raise ValueError('mesh.kind is "point", which has no [tissue]; remove it')
        if self.mesh.kind == "cable" and self.tissue is None:
            raise ValueError(
                'mesh.kind is "cable", which needs [tissue], for instance D = 0.15'
            )
        if self.mesh.kind == "point" and self.measure.cv is not None:
            raise ValueError(
                'measure.cv needs a cable, and mesh.kind is "point"; remove it'
            )
        return self

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
        return self
