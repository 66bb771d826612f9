"""Whether what a case stimulates can spread: parts of its tissue that stand apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.schema import Case
from cardiosim.tissue.connected_parts import connected_parts
from cardiosim.tissue.fibres import is_uniform
from cardiosim.tissue.mesh import Mesh
from cardiosim.tissue.stimulus import Stimulus

SHOWN = 4  # sizes of parts in a line


def warnings_of_parts(
    case: Case,
    mesh: Mesh,
    tensors: NDArray[np.float64],
    stimuli: Sequence[Stimulus],
) -> list[str]:
    """Lines about tissue that falls apart, and stimuli where nothing conducts.

    Nothing is searched where everything conducts and no hole was cut; the parts of a
    mesh file are told as it is read.

    Args:
        case: as read.
        mesh: of the case.
        tensors: diffusivity of each element, mm2/ms, shape (n_elements, 6).
        stimuli: of the case.
    """
    rows = tensors[:1] if is_uniform(tensors) else tensors
    conducts = np.broadcast_to(rows[:, :3].any(axis=1), mesh.n_elements)
    if conducts.all() and case.mesh.holes is None:
        return []
    part, sizes = connected_parts(mesh, conducts)
    if not len(sizes):
        return ["no element of the tissue conducts: nothing spreads from any node"]
    lines = []
    if len(sizes) > 1:
        more = ", ..." if len(sizes) > SHOWN else ""
        some = ", ".join(map(str, sizes[:SHOWN])) + more
        line = (
            f"the tissue that conducts is in {len(sizes)} parts that no current flows "
            f"between, of {some} nodes"
        )
        reached = _reached(part, stimuli)
        if stimuli and len(reached) < len(sizes):
            line += (
                f"; the stimuli lie in parts with {sizes[reached].sum()} of their "
                f"{sizes.sum()} nodes"
            )
        lines.append(line)
    for index, stimulus in enumerate(stimuli):
        if not (part[stimulus.nodes] >= 0).any():
            lines.append(
                f"stimulus.{index} lies wholly in tissue that does not conduct: "
                f"nothing spreads from its {len(stimulus.nodes)} nodes"
            )
    return lines


def _reached(part: NDArray[np.intp], stimuli: Sequence[Stimulus]) -> NDArray[np.intp]:
    """Parts that some stimulus lies in."""
    nodes = [stimulus.nodes for stimulus in stimuli]
    found = np.unique(part[np.concatenate(nodes)]) if nodes else part[:0]
    return found[found >= 0]
