"""What a case may say of its cells: the [cell] tables and [[initial]].

Cells may differ from region to region, and a parameter from node to node.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, FiniteFloat, PositiveInt, field_validator, model_validator

from cardiosim.case.quantities import (
    Current,
    Duration,
    Fraction,
    Length,
    PositiveLength,
    Potential,
    Table,
    quantity,
)
from cardiosim.ionic.drug_block import unblocked_share
from cardiosim.simulation.schedule import whole_steps


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

NO_SURROGATE = "none"


class CellRegionTable(Table):
    """Cells of a region that differ from those around it; later regions go on top.

    With a model of its own the region begins from that model's own values and without
    a surrogate: what [cell] or an earlier region says of parameters, drugs and
    surrogates is of another model.
    """

    where: str
    model: str | None = None
    scheme: Scheme | None = None  # of the region's model; that of [cell] by default
    parameters: dict[str, ParameterTable] = {}
    drug: tuple[DrugTable, ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.model is None and not self.parameters and not self.drug:
            raise ValueError(
                f'the region "{self.where}" changes nothing; give parameters, model or '
                "drug"
            )
        if self.scheme is not None and self.model is None:
            raise ValueError(
                "scheme belongs to a region with a model of its own; remove it, or "
                "name the model"
            )
        return self

    @field_validator("parameters", mode="before")
    @classmethod
    def _component_tables_are_qualified_names(cls, parameters: Any) -> Any:
        return _qualified(parameters, {"value", "scale"})


class CellFieldTable(Table):
    """A parameter that is read from a file, node by node or element by element."""

    parameter: str
    value: str | None = None  # file of values,
    scale: str | None = None  # or of multiples of what the node has without the field
    unit: str | None = None  # of the values; that of the model by default
    per: Literal["node", "element"] | None = None  # told by the length of the file
    where: str | None = None
    levels: PositiveInt | None = None  # number of bins that the values fall into

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if (self.value is None) == (self.scale is None):
            raise ValueError(
                'give a file (.npy, .csv or .txt) as value = "..." or as scale = "..."'
            )
        if self.unit is not None and self.scale is not None:
            raise ValueError("a scale has no unit; remove it")
        return self

    @property
    def file(self) -> str:
        """File of the values or scales."""
        return self.scale if self.value is None else self.value


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
    surrogate: Annotated[
        str,
        Field(description="none, a surrogate that ships, or a checkpoint (.json)"),
    ] = NO_SURROGATE
    parameters: dict[str, ParameterTable] = {}
    drug: tuple[DrugTable, ...] = ()
    prepace: PrepaceTable | None = None
    region: tuple[CellRegionTable, ...] = ()
    field: tuple[CellFieldTable, ...] = ()

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


class PhaseTable(Table):
    """Phases of the paced cell's cycle around one or several centres of rotation."""

    centre: tuple[tuple[Length, ...], ...] = Field(min_length=1)
    turns: tuple[int, ...] = (1,)  # 1 runs counter-clockwise, seen against the axis
    axis: tuple[FiniteFloat, FiniteFloat, FiniteFloat] = (0.0, 0.0, 1.0)
    pitch: PositiveLength | None = None  # from arm to arm of the spiral
    bcl: Duration | None = None  # of the cycle that is wound up; that of prepace
    samples: Annotated[int, Field(ge=8)] = 256

    @field_validator("centre", mode="before")
    @classmethod
    def _one_centre_is_a_list_of_one(cls, centre: Any) -> Any:
        if not isinstance(centre, list | tuple) or not centre:
            return centre
        return centre if isinstance(centre[0], list | tuple) else [centre]

    @field_validator("turns", mode="before")
    @classmethod
    def _one_turn_is_a_list_of_one(cls, turns: Any) -> Any:
        return turns if isinstance(turns, list | tuple) else [turns]

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        for position in self.centre:
            if len(position) not in (2, 3):
                raise ValueError(
                    f"centre {list(position)} is no position; give [x, y] or "
                    "[x, y, z], mm, or a list of such"
                )
        if len(self.turns) != len(self.centre) or 0 in self.turns:
            raise ValueError(
                f"turns {list(self.turns)} and {len(self.centre)} centre(s); give each "
                "centre one, 1 (counter-clockwise) or -1 (clockwise)"
            )
        if not any(self.axis):
            raise ValueError("axis is zero; give the direction of the filament")
        return self


class InitialTable(Table):
    """States at t = 0 of some nodes, after pacing; later tables win."""

    where: str = "all"
    V: Potential | None = None
    states: dict[str, FiniteFloat | str] = {}
    phase: PhaseTable | None = None

    @field_validator("states", mode="before")
    @classmethod
    def _component_tables_are_qualified_names(cls, states: Any) -> Any:
        return _qualified(states, set())

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        values = self.V is not None or bool(self.states)
        if values == (self.phase is not None):
            raise ValueError(
                "give either V (mV) and states, or phase; "
                + ("both came" if values else "neither came")
            )
        return self
