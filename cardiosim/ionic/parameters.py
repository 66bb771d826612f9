"""Parameters a user overrides: as a value or a scale, for all nodes or for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.ionic.equations import CellEquations, nearest


@dataclass(frozen=True)
class Scale:
    """A parameter override as a multiple of the model's value."""

    factor: ArrayLike


def no_parameter(name: str, cell: CellEquations) -> str:
    if name == cell.stimulus:
        return f"{name} of {cell.name} is the stimulus, not a parameter"
    if name in cell.variables:
        return (
            f"{name} of {cell.name} is computed, not a parameter; "
            f"override what it is computed from"
        )
    return f"{cell.name} has no parameter {name}; {nearest(name, cell.parameters)}"


def own_parameters(
    overrides: Mapping[str, ArrayLike | Scale], published: Mapping[str, float]
) -> dict[str, NDArray]:
    """Overrides as arrays of absolute values, sorted by name."""
    own = {}
    for name in sorted(overrides):
        value = overrides[name]
        if isinstance(value, Scale):
            value = np.asarray(value.factor, dtype=float) * published[name]
        own[name] = np.atleast_1d(np.array(value, dtype=float))  # no one else's
        if own[name].ndim != 1 or not np.isfinite(own[name]).all():
            raise ValueError(
                f"parameter {name} is {value!r}; expected a finite number or one "
                f"number per node"
            )
    sizes = {v.size for v in own.values()} - {1}
    if len(sizes) > 1:
        raise ValueError(
            f"per-node parameters have {', '.join(map(str, sorted(sizes)))} values; "
            f"expected as many as there are nodes in each"
        )
    return own
