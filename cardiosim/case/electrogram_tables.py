"""What a case may say of electrodes: the [[record.electrogram]] tables."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import Field, FiniteFloat, field_validator, model_validator

from cardiosim.case.quantities import (
    Duration,
    Length,
    PositiveLength,
    Table,
    Time,
    one_or_list,
    quantity,
)

# mS/mm; of blood, which is between 0.5 and 0.7.
CONDUCTIVITY = 0.6
INTERVAL = 0.5  # ms, rounded to steps: 2 kHz, as recording systems sample
THICKNESS, CROSS_SECTION = 1.0, 1.0  # mm, mm2: potentials per unit of either

# x, (y, (z)); the rest is 0.
Position = Annotated[tuple[Length, ...], Field(min_length=1, max_length=3)]
Direction = tuple[FiniteFloat, FiniteFloat, FiniteFloat]
Count = Annotated[int, Field(ge=1, le=26)]  # a letter each


class GridCatheterTable(Table):
    """Rows and columns of electrodes in a plane."""

    centre: Position
    rows: Count = 4
    columns: Count = 4
    spacing: one_or_list(PositiveLength) = (3.0, 3.0)  # of columns, and of rows

    @field_validator("spacing")
    @classmethod
    def _one_or_two(cls, spacing: float | tuple[float, ...]) -> tuple[float, float]:
        spacings = spacing if isinstance(spacing, tuple) else (spacing, spacing)
        if len(spacings) != 2:
            raise ValueError(
                f"{len(spacings)} numbers came; give one, or two: between columns and "
                "between rows"
            )
        return spacings


class RingCatheterTable(Table):
    """Electrodes at equal distances on a circle, counter-clockwise about the normal."""

    centre: Position
    count: Annotated[int, Field(ge=3, le=64)] = 10
    diameter: PositiveLength = 15.0


class ElectrogramTable(Table):
    """Unipolar electrograms of a few electrodes in an unbounded volume conductor."""

    name: str | None = None  # electrogram0, electrogram1, ...
    electrodes: Annotated[tuple[Position, ...], Field(min_length=1)] | None = None
    grid: GridCatheterTable | None = None
    ring: RingCatheterTable | None = None
    normal: Direction = (0.0, 0.0, 1.0)  # of the catheter's plane
    along: Direction = (1.0, 0.0, 0.0)  # of its columns, or to its first electrode
    height: Length = 0.0  # by which all electrodes are moved along the normal
    interval: Duration | None = None
    start: Time = 0.0
    conductivity: quantity("mS/mm", gt=0.0) = CONDUCTIVITY
    chi: quantity("1/mm", gt=0.0) | None = None
    C_m: quantity("uF/mm2", gt=0.0) | None = None
    thickness: PositiveLength | None = None  # of a sheet or shell
    cross_section: quantity("mm2", gt=0.0) | None = None  # of a cable

    @field_validator("name")
    @classmethod
    def _simple_word(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch(r"[A-Za-z0-9_]+", name):
            raise ValueError(
                f'"{name}" becomes part of the name of a number; use letters, digits '
                "and _"
            )
        return name

    @model_validator(mode="after")
    def _one_way_to_place_them(self) -> Self:
        ways = ("electrodes", "grid", "ring")
        came = [key for key in ways if getattr(self, key) is not None]
        if len(came) != 1:
            raise ValueError(
                "give one of electrodes (positions, mm), grid and ring; "
                f"{' and '.join(came) or 'none'} came"
            )
        n, a = self.normal, self.along
        if not any(n) or not any(a):
            key = "along" if any(n) else "normal"
            raise ValueError(f"{key}: [0, 0, 0] points nowhere")
        across = (
            n[1] * a[2] - n[2] * a[1],
            n[2] * a[0] - n[0] * a[2],
            n[0] * a[1] - n[1] * a[0],
        )
        size = sum(x * x for x in n) * sum(x * x for x in a)
        if self.electrodes is None and sum(x * x for x in across) < 1e-12 * size:
            raise ValueError(
                "along points where normal does; it must lie in the catheter's plane"
            )
        return self


def check_electrograms(
    tables: tuple[ElectrogramTable, ...] | None, is_tissue: bool, axes: int | None
) -> None:
    """Check what only the rest of a case tells.

    Args:
        tables: of the case.
        is_tissue: whether nodes are coupled.
        axes: of a grid; None where the mesh is from a file.

    Raises:
        ValueError: single cells have no electrograms, a name came twice, or a
            thickness or cross-section that the mesh has no place for.
    """
    if not tables:
        return
    if not is_tissue:
        raise ValueError(
            'record.electrogram needs tissue, and mesh.kind is "point"; remove it'
        )
    names = [name_of(table, index) for index, table in enumerate(tables)]
    for index, (name, table) in enumerate(zip(names, tables, strict=True)):
        if name in names[:index]:
            raise ValueError(
                f'record.electrogram.{index}.name: "{name}" came before; choose another'
            )
        for key, dimension in (("thickness", 2), ("cross_section", 1)):
            if getattr(table, key) is not None and axes not in (None, dimension):
                raise ValueError(
                    f"record.electrogram.{index}.{key} is of a mesh of {dimension} "
                    f"dimension{'s' * (dimension > 1)}, and this one has {axes}; "
                    "remove it"
                )


def name_of(table: ElectrogramTable, index: int) -> str:
    """Name of the recordings of a table, the index-th of its case."""
    return table.name or f"electrogram{index}"
