"""Early and delayed afterdepolarisations, and beats that nobody has stimulated.

A rise of V is what lies between a smallest value, its take-off, and the largest one
after it, where V has risen by at least `rise` from the first and fallen by as much from
the second: smaller wobbles are none. Each rise is one of

    response   it crosses the threshold upwards within a stimulus or `late` after it:
               an action potential as ordered
    triggered  it crosses the threshold from below the repolarisation level with no
               stimulus near: an action potential that nobody has ordered
    EAD        take-off above the repolarisation level of its beat, which is 90 % of
               the way from the peak back to the take-off potential of the upstroke,
               and `earliest` or more after the upstroke and after any stimulus: the
               notch and dome of an action potential are over by then. No stimulus
               falls into the rise
    DAD        take-off below that level, peak below the threshold, and no stimulus in
               the rise: a bump in diastole

What remains is a dome, or what a stimulus leaves below the threshold. A rise that is
cut off by the end of the recording is told only if it crossed the threshold; a DAD on
whose slope the next beat begins is part of that beat.

References: Cranefield 1977, Circ. Res. 41:415 (early and delayed afterdepolarisations);
Yan et al. 2001, doi 10.1161/01.CIR.103.23.2851 (EADs of phase 2 and what they trigger);
Passini et al. 2017, doi 10.3389/fphys.2017.00668 (a positive slope late in the action
potential as the mark of an EAD in populations of models). They give no number for the
rise; ours is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.measure.beats import check_recording

Array = NDArray[np.float64]

RISE = 2.0  # mV
EARLIEST = 100.0  # ms
THRESHOLD = -20.0  # mV
LATE = 20.0  # ms
REPOLARISED = 0.9
KINDS = ("response", "triggered", "EAD", "DAD")


@dataclass(frozen=True, eq=False)
class Rises:
    """Rises of V, one an entry, in the order of their nodes and times.

    Attributes:
        node: shape (n_rises,), like all others.
        kind: of KINDS; "" of domes and of what a stimulus leaves below the threshold.
        beat: how many action potentials the node had before, this one included.
        takeoff: ms.
        takeoff_potential: mV.
        peak: ms.
        peak_potential: mV.
        unrepolarised: nodes whose V is above the repolarisation level of their last
            beat at the end of the recording, shape (n_nodes,).
    """

    node: NDArray[np.intp]
    kind: NDArray[np.str_]
    beat: NDArray[np.intp]
    takeoff: Array
    takeoff_potential: Array
    peak: Array
    peak_potential: Array
    unrepolarised: NDArray[np.bool_]

    @property
    def size(self) -> Array:
        """Peak above take-off, mV, shape (n_rises,)."""
        return self.peak_potential - self.takeoff_potential

    def count(self, kind: str) -> NDArray[np.intp]:
        """How many of a kind each node has, shape (n_nodes,)."""
        if kind not in KINDS:
            raise ValueError(f'"{kind}" is no kind of rise; known: {", ".join(KINDS)}')
        return np.bincount(
            self.node[self.kind == kind], minlength=len(self.unrepolarised)
        )


def rises(
    times: ArrayLike,
    V: ArrayLike,
    stimuli: ArrayLike = (),
    durations: ArrayLike = 0.0,
    rise: float = RISE,
    earliest: float = EARLIEST,
    threshold: float = THRESHOLD,
    late: float = LATE,
) -> Rises:
    """Find and name the rises of V; definitions in the module.

    In tissue every wave that arrives is "triggered" as far as one node can tell: give
    no stimuli there, and look at EAD and DAD.

    Args:
        times: increasing sample times, ms, shape (n_times,).
        V: mV, shape (n_times, n_nodes).
        stimuli: when they begin, ms, shape (n_stimuli,), for all nodes.
        durations: of the stimuli, ms, one for all or one each.
        rise: mV.
        earliest: ms from the upstroke to the take-off of an EAD.
        threshold: mV, whose upward crossing is an action potential.
        late: ms after the end of a stimulus in which it may still be answered.

    Raises:
        ValueError: shapes do not fit, V is not finite, or rise is not positive.
    """
    times, V = np.asarray(times, dtype=float), np.asarray(V, dtype=float)
    check_recording(times, V, "V")
    if not np.isfinite(V).all():
        raise ValueError("V is not finite throughout; measure up to its last value")
    if not rise > 0.0:
        raise ValueError(f"a rise of {rise:g} mV came; it must be positive")
    begins = np.atleast_1d(np.asarray(stimuli, dtype=float))
    ends = begins + np.broadcast_to(np.asarray(durations, float), begins.shape)
    found = _turning_points(V, rise, threshold)
    node, low, high, crossing = found
    order = np.lexsort((low, node))
    node, low, high, crossing = (a[order] for a in found)
    V_low, V_high = V[low, node], V[high, node]
    crosses = (V_low < threshold) & (V_high >= threshold)
    crossing_time = times[crossing]
    upstroke = np.where(crosses, crossing_time, np.nan)
    beat, level, begun = _beats(node, crosses, upstroke, V_low, V_high)
    stimulated = _near(upstroke, begins, ends, late)
    touched = _overlaps(times[low], times[high], begins, ends)
    above = V_low > level  # False in front of the first beat, whose level is NaN
    starts = crosses & ~above
    kind = np.full(node.size, "", dtype="<U9")
    kind[starts & stimulated] = "response"
    kind[starts & ~stimulated] = "triggered"
    since = times[low] - np.fmax(begun, _last_before(times[low], begins))
    kind[~starts & above & ~touched & (since >= earliest)] = "EAD"
    kind[~starts & ~above & ~crosses & ~touched & (V_low < threshold)] = "DAD"
    return Rises(
        node,
        kind,
        beat,
        times[low],
        V_low,
        times[high],
        V_high,
        _unrepolarised(V, node, starts, V_low, V_high),
    )


def _turning_points(
    V: Array, rise: float, threshold: float
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Node, samples of take-off and peak, and that at which the threshold is passed.

    All nodes at once, a sample after the other: down with the least value so far until
    V is `rise` above it, then up with the largest until V is as much below.
    """
    n_nodes = V.shape[1]
    nodes = np.arange(n_nodes)
    climbing = np.zeros(n_nodes, dtype=bool)
    low = np.zeros(n_nodes, dtype=np.intp)
    high = np.zeros(n_nodes, dtype=np.intp)
    passed = np.full(n_nodes, -1, dtype=np.intp)
    events: list[tuple[NDArray, ...]] = []
    for k in range(1, len(V)):
        now = V[k]
        passed[(V[k - 1] < threshold) & (now >= threshold) & (passed < 0)] = k
        lower = ~climbing & (now < V[low, nodes])
        low[lower] = k
        passed[lower & (now < threshold)] = -1
        turned = ~climbing & (now >= V[low, nodes] + rise)
        climbing |= turned
        high[turned] = k
        higher = climbing & (now > V[high, nodes])
        high[higher] = k
        done = np.flatnonzero(climbing & (now <= V[high, nodes] - rise))
        if done.size:
            events.append((done, low[done], high[done], passed[done]))
            climbing[done] = False
            low[done] = k
            passed[done] = -1
    cut_off = np.flatnonzero(climbing & (passed >= 0))
    events.append((cut_off, low[cut_off], high[cut_off], passed[cut_off]))
    node, low, high, passed = (
        np.concatenate(column) for column in zip(*events, strict=True)
    )
    return node, low, high, np.where(passed < 0, high, passed)


def _beats(
    node: NDArray, crosses: NDArray, upstroke: Array, V_low: Array, V_high: Array
) -> tuple[NDArray, Array, Array]:
    """Number of the beat of each rise, its repolarisation level and its upstroke.

    A rise that crosses the threshold from above the level belongs to the beat before,
    and one from below it begins the next: so the levels are found one after the other.
    """
    beat = np.zeros(node.size, dtype=np.intp)
    level = np.full(node.size, np.nan)
    begun = np.full(node.size, np.nan)
    rank = _rank_in_node(node)
    n_nodes = int(node.max(initial=-1)) + 1
    beats_now = np.zeros(n_nodes, dtype=np.intp)
    level_now, begun_now = np.full(n_nodes, np.nan), np.full(n_nodes, np.nan)
    for turn in range(int(rank.max(initial=-1)) + 1):
        these = np.flatnonzero(rank == turn)
        at = node[these]
        level[these], begun[these] = level_now[at], begun_now[at]
        starts = crosses[these] & ~(V_low[these] > level_now[at])
        new, where = these[starts], at[starts]
        level_now[where] = V_high[new] - REPOLARISED * (V_high[new] - V_low[new])
        begun_now[where] = upstroke[new]
        beats_now[where] += 1
        beat[these] = beats_now[at]
    return beat, level, begun


def _rank_in_node(node: NDArray) -> NDArray[np.intp]:
    """How many entries of the same node come before each; `node` is sorted."""
    order = np.arange(node.size)
    first = np.searchsorted(node, node)
    return order - first


def _near(moments: Array, begins: Array, ends: Array, late: float) -> NDArray[np.bool_]:
    """Whether each moment is within a stimulus, or `late` after it."""
    return _overlaps(moments, moments, begins, ends + late)


def _last_before(moments: Array, begins: Array) -> Array:
    """When the last stimulus before each moment began, ms; NaN where there is none."""
    begins = np.sort(begins)
    k = np.searchsorted(begins, moments, side="right")
    return np.concatenate([[np.nan], begins])[k]


def _overlaps(
    first: Array, last: Array, begins: Array, ends: Array
) -> NDArray[np.bool_]:
    """Whether the time from `first` to `last` meets any of the intervals."""
    meets = (first[:, None] <= ends) & (last[:, None] >= begins)
    return meets.any(axis=1)


def _unrepolarised(
    V: Array,
    node: NDArray,
    starts: NDArray,
    V_low: Array,
    V_high: Array,
) -> NDArray[np.bool_]:
    """Whether V ends above the repolarisation level of each node's last beat."""
    last = np.full(V.shape[1], np.inf)
    # In the order of time, so that the last of a node is what stays.
    last[node[starts]] = (V_high - REPOLARISED * (V_high - V_low))[starts]
    return V[-1] > last
