"""The stimuli of a case, and the nodes of the regions that it names."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.read import CaseError
from cardiosim.case.schema import Case
from cardiosim.tissue.mesh import Mesh
from cardiosim.tissue.regions import select_nodes
from cardiosim.tissue.stimulus import Stimulus


def build_stimuli(case: Case, mesh: Mesh) -> tuple[Stimulus, ...]:
    """Stimuli of a case; those without a region act everywhere.

    Args:
        case: as read.
        mesh: of the case.

    Raises:
        CaseError: a region holds no node, or a pulse ends after the run.
    """
    return tuple(_stimulus(case, index, mesh) for index in range(len(case.stimulus)))


def _stimulus(case: Case, index: int, mesh: Mesh) -> Stimulus:
    table, end = case.stimulus[index], case.time.end
    where = "all" if table.where is None else table.where
    nodes = region_nodes(where, mesh, f"stimulus.{index}.where")
    stimulus = table.pulses(nodes, table.current(case.tissue))
    # An endless train lasts as long as the run; its first pulse has to fit.
    endless = math.isinf(stimulus.last_end)
    last = stimulus.start + stimulus.duration if endless else stimulus.last_end
    if last > end:
        raise CaseError(
            f"time.end is {end:g} ms, before stimulus.{index} ends at {last:g} ms; "
            "end later, or stimulate earlier or fewer times"
        )
    return stimulus


def region_nodes(where: str, mesh: Mesh, key: str) -> NDArray[np.intp]:
    """Nodes of a region that must hold some.

    Args:
        where: in the language of regions.
        mesh: with the nodes.
        key: where the case names the region, which opens the message of an error.

    Raises:
        CaseError: it is no region, or holds no node.
    """
    try:
        nodes = select_nodes(where, mesh)
    except ValueError as error:
        raise CaseError(f"{key}: {error}") from None
    if len(nodes) == 0:
        raise CaseError(
            f'{key}: "{where}" reaches no node; the mesh has {mesh.n_nodes} nodes '
            f"in {extent(mesh)}"
        )
    return nodes


def extent(mesh: Mesh) -> str:
    """Say between which positions the nodes lie."""
    low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
    return ", ".join(
        f"{a:g} <= {axis} <= {b:g} mm" if b > a else f"{axis} = {a:g} mm"
        for axis, a, b in zip("xyz", low, high, strict=True)
    )
