"""Two results beside each other: differences of numbers, of maps and of traces.

A relative difference is told of what has a natural zero far below its values: a
velocity, a duration, an amplitude. A share of an error, of a count, of an instant or of
a potential says nothing: 10 us of residual instead of 1 us is no change of 900 %.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

# What a number measures, by the words of its name.
ERRORS = frozenset(
    "residual error errors deviation difference change spread alternans misfit rms "
    "rmse resolution outside reached".split()
)
INSTANTS = frozenset("lat first last start begin end until onset".split())
POTENTIALS = frozenset(("mV",))
WITHOUT_ZERO = frozenset(("1", "", "%", "deg", "rad"))  # counts, shares, angles
NEAR_ZERO = 0.1  # of the other value: then neither is a scale for both


@dataclass(frozen=True)
class Difference:
    """Of two numbers, the second less the first.

    Attributes:
        absolute: in the unit of the numbers; NaN where one of them is missing.
        relative: as a share of the first; NaN where it would have no meaning.
    """

    absolute: float
    relative: float


def number_difference(name: str, unit: str, first: float, second: float) -> Difference:
    """How far two values of one quantity are apart.

    Args:
        name: of the quantity, as in a summary: "conduction_velocity".
        unit: of both; "1" or nothing without.
        first: the value to which the other is compared.
        second: that other value.
    """
    absolute = float(second) - float(first)
    if not math.isfinite(absolute):
        return Difference(math.nan, math.nan)
    comparable = has_scale(name, unit) and _are_alike(float(first), float(second))
    return Difference(absolute, absolute / abs(first) if comparable else math.nan)


def has_scale(name: str, unit: str) -> bool:
    """Whether shares of a quantity mean something, by its name and unit."""
    words = re.sub(r"_node\d+$", "", name.lower()).split("_")
    if ERRORS & set(words) or unit in WITHOUT_ZERO:
        return False
    if unit in POTENTIALS:
        return "amplitude" in words
    if unit == "ms":
        return not _is_instant(words)
    return True


def _is_instant(words: list[str]) -> bool:
    """Whether a time tells when, and not how long; by the words of its name."""
    if words[0] in ("total", "wall"):
        return False
    return bool(INSTANTS & set(words)) or words[-1] == "time"


def _are_alike(first: float, second: float) -> bool:
    """Whether two values are of one sign, and neither is nothing beside the other."""
    if first * second <= 0.0:
        return False
    low, high = sorted((abs(first), abs(second)))
    return low >= NEAR_ZERO * high


def same_places(first: ArrayLike, second: ArrayLike) -> bool:
    """Whether the nodes of two meshes, (n_nodes, 3), mm, lie in the same places."""
    return (
        np.shape(first) == np.shape(second)
        and np.size(first) > 0
        and bool(np.allclose(first, second))
    )


@dataclass(frozen=True, eq=False)
class MapDifference:
    """Of two maps on the same nodes, the second less the first.

    Attributes:
        values: shape (n_nodes,); NaN where not both have one.
        common: number of nodes where both have a value.
        only_first, only_second: number of nodes where only one of them has.
        mean, root_mean_square: over the common nodes; NaN without any.
        largest: value of largest size, with its sign.
        node: where that is; -1 without any.
    """

    values: NDArray[np.float64]
    common: int
    only_first: int
    only_second: int
    mean: float
    root_mean_square: float
    largest: float
    node: int


def map_difference(first: ArrayLike, second: ArrayLike) -> MapDifference:
    """Compare two maps, such as activation times, node by node.

    Args:
        first: shape (n_nodes,), NaN where there is no value.
        second: likewise.

    Raises:
        ValueError: maps of different lengths.
    """
    first, second = (np.asarray(a, dtype=float) for a in (first, second))
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(
            f"maps have shapes {first.shape} and {second.shape}; expected (n_nodes,) "
            "twice, on one mesh"
        )
    values = second - first
    known = np.isfinite(values)
    counts = (
        int(known.sum()),
        int((np.isfinite(first) & ~np.isfinite(second)).sum()),
        int((np.isfinite(second) & ~np.isfinite(first)).sum()),
    )
    if not counts[0]:
        return MapDifference(values, *counts, math.nan, math.nan, math.nan, -1)
    node = int(np.nanargmax(np.abs(values)))
    return MapDifference(
        values,
        *counts,
        float(values[known].mean()),
        float(np.sqrt(np.mean(values[known] ** 2))),
        float(values[node]),
        node,
    )


def trace_difference(
    times: tuple[ArrayLike, ArrayLike], values: tuple[ArrayLike, ArrayLike]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The second trace less the first, at the samples of the coarser of them.

    The finer one is interpolated, so that upstrokes are not cut across.

    Args:
        times: of each trace, ms, (n_times,), increasing.
        values: of each trace, (n_times,).

    Returns:
        Times, ms, and the difference, (n,), where both traces reach; empty if nowhere.
    """
    t = [np.asarray(own, dtype=float) for own in times]
    v = [np.asarray(own, dtype=float) for own in values]
    if any(a.shape != b.shape or a.ndim != 1 for a, b in zip(t, v, strict=True)):
        raise ValueError(
            f"times have shapes {[a.shape for a in t]} and values "
            f"{[a.shape for a in v]}; expected (n_times,) for each trace"
        )
    if not all(own.size for own in t):
        return np.empty(0), np.empty(0)
    begin, end = max(own[0] for own in t), min(own[-1] for own in t)
    inside = [own[(own >= begin) & (own <= end)] for own in t]
    shared = min(inside, key=len)
    first, second = (np.interp(shared, a, b) for a, b in zip(t, v, strict=True))
    return shared, second - first
