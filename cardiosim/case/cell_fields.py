"""Parameters that a file gives node by node or element by element."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.cell_tables import CellFieldTable
from cardiosim.case.mesh_fields import read_field
from cardiosim.case.read import CaseError
from cardiosim.tissue.conductivity import node_means
from cardiosim.tissue.mesh import Mesh


def field_values(table: CellFieldTable, mesh: Mesh, key: str) -> NDArray[np.float64]:
    """Numbers of a field at all nodes, shape (n_nodes,), in the unit of the file.

    What is given per element is averaged at each node over the elements around it.

    Args:
        table: of the field.
        mesh: of the case.
        key: of the field in the case, for messages.

    Raises:
        CaseError: a file that cannot be read, of another length than the mesh, or a
            scale below 0.
    """
    per, values = read_field(table.file, table.parameter, table.per, mesh, key)
    if table.scale is not None and values.min() < 0.0:
        raise CaseError(
            f"{key}: {table.file} scales {table.parameter} by {values.min():g}; a "
            "scale is not below 0"
        )
    at_nodes = values if per == "node" else node_means(mesh, values)
    return at_nodes if table.levels is None else _binned(at_nodes, table.levels)


def _binned(values: NDArray[np.float64], levels: int) -> NDArray[np.float64]:
    """Values moved to the middle of one of so many equal bins between the extremes."""
    low, high = values.min(), values.max()
    width = (high - low) / levels
    if width == 0.0:
        return values
    bins = np.minimum(np.floor((values - low) / width), levels - 1)
    return low + (bins + 0.5) * width
