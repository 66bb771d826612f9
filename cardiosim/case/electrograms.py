"""The electrodes of a case, and the recorders of what they see."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.electrogram_tables import (
    CROSS_SECTION,
    INTERVAL,
    THICKNESS,
    ElectrogramTable,
    name_of,
)
from cardiosim.case.read import CaseError
from cardiosim.case.tissue_tables import C_M, CHI, TissueTable
from cardiosim.simulation.electrogram_recorder import ElectrogramRecorder
from cardiosim.tissue.mesh import Mesh
from cardiosim.tissue.volume_conductor import clearances

if TYPE_CHECKING:
    from cardiosim.case.schema import Case

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Electrodes:
    """Where electrodes are, what they are called, and which ones are neighbours.

    Attributes:
        positions: mm, shape (n_electrodes, 3).
        names: of the electrodes.
        pairs: of bipolar electrograms, first minus second, shape (n_pairs, 2).
    """

    positions: Array
    names: tuple[str, ...]
    pairs: NDArray[np.intp]


def electrodes_of(table: ElectrogramTable) -> Electrodes:
    """Electrodes of a table: a list, a grid or a ring.

    Those of a grid are called A1, A2, ... in the first row, which is the last along
    normal x along, B1, ... in the next; its pairs are neighbours in a row, then in a
    column. Others are numbered, and each is a pair with the next.
    """
    normal = _unit(np.array(table.normal))
    if table.electrodes is not None:
        positions = np.array([_placed(position) for position in table.electrodes])
        order = np.arange(len(positions))
        names = tuple(str(k + 1) for k in order)
        pairs = np.stack([order[:-1], order[1:]], axis=1)
    else:
        along = np.array(table.along) - np.dot(table.along, normal) * normal
        along = _unit(along)
        across = np.cross(normal, along)
        make = _grid if table.grid is not None else _ring
        u, v, names, pairs = make(table.grid or table.ring)
        centre = _placed((table.grid or table.ring).centre)
        positions = centre + np.outer(u, along) + np.outer(v, across)
    return Electrodes(positions + table.height * normal, names, pairs)


def _grid(table: Any) -> tuple[Array, Array, tuple[str, ...], NDArray[np.intp]]:
    """Positions in the plane, names and pairs of a grid, row by row."""
    rows, columns = table.rows, table.columns
    u = (np.arange(columns) - 0.5 * (columns - 1)) * table.spacing[0]
    v = (0.5 * (rows - 1) - np.arange(rows)) * table.spacing[1]
    names = tuple(f"{chr(65 + i)}{j + 1}" for i in range(rows) for j in range(columns))
    numbers = np.arange(rows * columns).reshape(rows, columns)
    in_rows = np.stack([numbers[:, :-1].ravel(), numbers[:, 1:].ravel()], axis=1)
    in_columns = np.stack([numbers[:-1].ravel(), numbers[1:].ravel()], axis=1)
    pairs = np.concatenate([in_rows, in_columns])
    return np.tile(u, rows), np.repeat(v, columns), names, pairs


def _ring(table: Any) -> tuple[Array, Array, tuple[str, ...], NDArray[np.intp]]:
    """Positions in the plane, names and pairs of a ring."""
    order = np.arange(table.count)
    angle = 2.0 * math.pi * order / table.count
    radius = 0.5 * table.diameter
    pairs = np.stack([order, np.roll(order, -1)], axis=1)
    names = tuple(str(k + 1) for k in order)
    return radius * np.cos(angle), radius * np.sin(angle), names, pairs


def resolved_electrograms(case: Case) -> tuple[ElectrogramTable, ...] | None:
    """The tables of a case with all defaults spelled out; None where it has none.

    Raises:
        CaseError: chi or C_m are not those of the tissue.
    """
    tables = case.record.electrogram
    if not tables:
        return tables
    steps = max(1, round(INTERVAL / case.time.dt))
    return tuple(
        table.model_copy(
            update={
                "name": name_of(table, index),
                "interval": table.interval or steps * case.time.dt,
                "chi": _membrane("chi", CHI, table, case.tissue, index),
                "C_m": _membrane("C_m", C_M, table, case.tissue, index),
            }
        )
        for index, table in enumerate(tables)
    )


def _membrane(
    key: str,
    default: float,
    table: ElectrogramTable,
    tissue: TissueTable,
    index: int,
) -> float:
    """Of chi and C_m the one that makes a conductivity of D."""
    of_tissue, given = getattr(tissue, key), getattr(table, key)
    if any(getattr(region, key) is not None for region in tissue.region or ()):
        raise CaseError(
            f"record.electrogram.{index}: a [[tissue.region]] has a {key} of its own, "
            "and the source of an electrogram is of one membrane; give the region "
            f"other conductivities, or {key} of [tissue]"
        )
    if None not in (of_tissue, given) and of_tissue != given:
        raise CaseError(
            f"record.electrogram.{index}.{key} is {given:g} and tissue.{key} "
            f"{of_tissue:g}; remove the former"
        )
    return given or of_tissue or default


def across_of(table: ElectrogramTable, mesh: Mesh, key: str) -> float:
    """What makes volumes of the masses of the mesh's operator: mm, mm2 or 1.

    Args:
        table: of the case.
        mesh: of the case.
        key: of the table, for messages.

    Raises:
        CaseError: a thickness or cross-section that the mesh has no place for.
    """
    dimensions = {block.dimension for block in mesh.blocks}
    if len(dimensions) > 1 or mesh.dimension == 3:
        if table.thickness is not None or table.cross_section is not None:
            raise CaseError(
                f"{key}: the elements of the mesh have volumes already; remove "
                "thickness and cross_section"
            )
        return 1.0
    given, default, other = {
        1: (table.cross_section, CROSS_SECTION, "thickness"),
        2: (table.thickness, THICKNESS, "cross_section"),
    }[mesh.dimension]
    if getattr(table, other) is not None:
        raise CaseError(
            f"{key}.{other}: the mesh has dimension {mesh.dimension}; remove it"
        )
    # Finite elements count with the size across that the mesh has; grids have none.
    counted = 1.0 if mesh.grid is not None else mesh.across(mesh.dimension)
    if given is not None:
        return given / counted
    return 1.0 if counted != 1.0 else default


def build_electrogram_recorders(
    case: Case, mesh: Mesh
) -> tuple[ElectrogramRecorder, ...]:
    """Recorders of a case whose defaults are filled in, one a table."""
    return tuple(
        ElectrogramRecorder(
            electrodes_of(table).positions,
            table.conductivity,
            table.chi * table.C_m,
            across_of(table, mesh, f"record.electrogram.{index}"),
            table.interval,
            table.start,
        )
        for index, table in enumerate(case.record.electrogram or ())
    )


def warnings_of_electrodes(case: Case, mesh: Mesh) -> list[str]:
    """Lines about electrodes so close that the mesh decides what they see."""
    lines = []
    for index, table in enumerate(case.record.electrogram or ()):
        electrodes = electrodes_of(table)
        distance, spacing = clearances(mesh, electrodes.positions)
        close = np.flatnonzero(distance < spacing * (1.0 - 1e-9))
        if close.size and mesh.dimension < 3:
            k = close[np.argmin(distance[close])]
            lines.append(
                f"record.electrogram.{index}: {close.size} of {len(distance)} "
                f"electrodes are nearer to the tissue than its nodes are apart "
                f"(electrode {electrodes.names[k]}: {distance[k]:.3g} mm of "
                f"{spacing[k]:.3g} mm), so that their potential depends on the mesh; "
                "raise height, or use a finer mesh"
            )
    return lines


def _placed(position: tuple[float, ...]) -> Array:
    """A position with three coordinates, mm."""
    return np.array([*position, 0.0, 0.0][:3])


def _unit(vector: Array) -> Array:
    return vector / np.linalg.norm(vector)
