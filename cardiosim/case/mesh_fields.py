"""Numbers in a file for each node or element of a mesh."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.read import CaseError
from cardiosim.tissue.mesh import Mesh
from cardiosim.tissue.number_files import read_numbers

Per = Literal["node", "element"]


def read_field(
    file: str, name: str, per: Per | None, mesh: Mesh, key: str
) -> tuple[Per, NDArray[np.float64]]:
    """Numbers of a field; which of nodes and elements is told by how many there are.

    They are in the order of the mesh's file, or of the mesh itself where reading or
    refining has left another number of nodes or elements.

    Args:
        file: see `read_numbers`.
        name: array to take from a file that holds several.
        per: what the file is for; None if its length tells.
        mesh: of the case.
        key: of the field in the case, for messages.

    Returns:
        "node" and shape (n_nodes,), or "element" and shape (n_elements,).

    Raises:
        CaseError: the file cannot be read, or its length does not fit.
    """
    try:
        values = read_numbers(file, name)
    except ValueError as error:
        raise CaseError(f"{key}: {error}") from None
    if values.ndim == 2 and 1 in values.shape:
        values = values.ravel()
    lengths = {one: _lengths(mesh, one) for one in ("node", "element")}
    fitting: list[Per] = [
        one
        for one, known in lengths.items()
        if per in (None, one) and values.shape in [(length,) for length in known]
    ]
    if len(fitting) != 1:
        expected = " or ".join(
            f"{' or '.join(map(str, known))} (one a{'n' * (one == 'element')} {one})"
            for one, known in lengths.items()
            if per in (None, one)
        )
        more = '; write per = "node" or per = "element"' if fitting else ""
        raise CaseError(
            f"{key}: {file} holds numbers of shape {values.shape}, expected "
            f"{expected}{more}"
        )
    (found,) = fitting
    numbering = mesh.numbering
    if numbering is None or len(values) != lengths[found][0]:
        return found, values
    if found == "node":
        return found, numbering.at_nodes(values)
    return found, values[numbering.elements]


def _lengths(mesh: Mesh, per: Per) -> list[int]:
    """How many nodes or elements there are: in the file, and in the mesh."""
    own = mesh.n_nodes if per == "node" else mesh.n_elements
    if mesh.numbering is None:
        return [own]
    numbering = mesh.numbering
    in_file = numbering.n_file_nodes if per == "node" else numbering.n_file_elements
    return list(dict.fromkeys([in_file, own]))
