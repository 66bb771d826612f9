"""The vulnerable window of a cable: when a premature stimulus propagates one way only.

S2 is given at some site of a cable over which S1 has passed. Too early, it is blocked
on both sides; late, it propagates to both. Between, the side that S1 came from, which
recovered first, takes the wave, and the other does not yet:

    propagates     to a side, if the node at that side's remote site, half way between
                   the site of S2 and the end of the cable, is activated by it
    t_block        latest S2, after S1, that propagates to no side
    t_one_way      earliest that propagates to one
    t_both         earliest that propagates to both
    window         width t_both - t_block, an upper bound by one resolution at each edge

Starmer, Biktashev, Romashko, Stepanov, Makarova, Krinsky 1993, Biophys J 65:1775-1787:
in a uniform cable its width is that of the stimulated site over the velocity of S1, and
what the wave itself needs of tissue.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cardiosim.experiments.bracket import Bracket, narrow
from cardiosim.experiments.single_cells import Progress, Pulse
from cardiosim.experiments.tissue_trials import PacedTissue

Array = NDArray[np.float64]

EDGES = ("one way", "both ways")


@dataclass(frozen=True)
class VulnerableWindow:
    """What was found; times are of S2 after S1, ms.

    Attributes:
        site: nodes of S2.
        pulse: of S2.
        remote: nodes at the remote sites, where S1 comes first in front.
        passed: when S1 activates the middle of the site.
        velocity: of S1 there, m/s; NaN where it is not known.
        one_way: latest S2 that propagates to no side, earliest that does to one.
        both: latest that does not propagate to both, earliest that does.
        times: of all trials, increasing, shape (n,).
        sides: how many sides each propagates to, shape (n,).
        early_side: share of one-way trials that take the side that S1 came from.
    """

    site: NDArray[np.intp]
    pulse: Pulse
    remote: tuple[int, int]
    passed: float
    velocity: float
    one_way: Bracket
    both: Bracket
    times: Array
    sides: NDArray[np.intp]
    early_side: float

    @property
    def width(self) -> float:
        """t_both - t_block, ms; 0 where no trial was one way; NaN unless bracketed."""
        if not (self.one_way.is_closed and self.both.is_closed):
            return math.nan
        if not (self.sides == 1).any():
            return 0.0
        return self.both.answers - self.one_way.fails


def vulnerable_window(
    paced: PacedTissue,
    site: NDArray[np.intp],
    *,
    pulse: Pulse | None = None,
    shortest: float | None = None,
    longest: float | None = None,
    resolution: float = 1.0,
    progress: Progress | None = None,
) -> VulnerableWindow:
    """Bracket both edges of the window; many S2 are one run.

    Args:
        paced: a cable; S1 runs over the site.
        site: nodes that S2 stimulates.
        pulse: of S2; that of S1 by default.
        shortest: time of S2 after S1 to begin with, ms; by default when S1 has passed.
        longest: to end with, ms; as long as S1 is followed by default.
        resolution: width of the brackets at the end, ms.
        progress: called with the rounds done and those that are expected.

    Raises:
        ValueError: no cable, S1 does not pass the site, or the site has no room beside
            it.
    """
    mesh = paced.problem.mesh
    if mesh.kind != "cable":
        raise ValueError(
            f'a vulnerable window is of a cable; this is a mesh of kind "{mesh.kind}"'
        )
    x, lat = mesh.points[:, 0], paced.s1_lat
    if np.isin(site, paced.train.nodes).any():
        raise ValueError(
            f"S2 from {x[site].min():g} to {x[site].max():g} mm lies over the site of "
            "S1; put it where the wave of S1 has passed"
        )
    remote = _remote(x, lat, site)
    passed = float(np.median(lat[site]))
    pulse = pulse or paced.train.pulse
    shortest = math.ceil(passed) + 1.0 if shortest is None else shortest
    longest = paced.longest if longest is None else longest
    if not 0.0 < resolution < longest - shortest:
        raise ValueError(
            f"S2 from {shortest:g} to {longest:g} ms in steps of {resolution:g} ms; "
            "expected a positive step and a longer range: S1 may be followed for longer"
        )
    known: dict[float, tuple[bool, bool]] = {}

    def answers(which: NDArray, multiples: NDArray) -> NDArray[np.bool_]:
        times = [float(f"{shortest + resolution * m:.12g}") for m in multiples]
        new = sorted({t for t in times if t not in known})
        trials = [paced.premature(t, pulse, site) for t in new]
        for t, response in zip(new, paced.run(trials, until=remote), strict=True):
            reached = np.isfinite(response.lat[list(remote)])
            known[t] = bool(reached[0]), bool(reached[1])
        sides = [sum(known[t]) for t in times]
        return np.array([n > edge for n, edge in zip(sides, which, strict=True)])

    last = int(np.floor((longest - shortest) / resolution + 1e-9))
    found = narrow(
        answers,
        [0, 0],
        [last, last],
        lambda _: 1,
        whole=True,
        trials=paced.trials_a_round,
        progress=progress,
    )
    one_way, both = (
        Bracket(
            *(shortest + resolution * k for k in (edge.fails, edge.answers)),
            edge.is_monotonic,
        )
        for edge in found
    )
    times = np.array(sorted(known))
    sides = np.array([sum(known[t]) for t in times])
    early = [known[t][0] for t in times if sum(known[t]) == 1]
    return VulnerableWindow(
        np.asarray(site),
        pulse,
        remote,
        passed,
        _velocity(x, lat, site),
        one_way,
        both,
        times,
        sides,
        float(np.mean(early)) if early else math.nan,
    )


def _remote(x: Array, lat: Array, site: NDArray[np.intp]) -> tuple[int, int]:
    """A node at each side of the site; the first is the one that S1 reaches first."""
    if not np.isfinite(lat).all():
        raise ValueError(
            f"S1 activates {np.isfinite(lat).sum()} of {lat.size} nodes; stimulate "
            "more, so that its wave passes the site of S2"
        )
    low, high = x[site].min(), x[site].max()
    places = 0.5 * (x.min() + low), 0.5 * (x.max() + high)
    left, right = (int(np.abs(x - place).argmin()) for place in places)
    if left in site or right in site or left == right:
        raise ValueError(
            f"S2 from {low:g} to {high:g} mm leaves no room beside it in a cable from "
            f"{x.min():g} to {x.max():g} mm; take a shorter site inside the cable"
        )
    first = lat[left] < lat[right]
    if (
        not min(lat[left], lat[right])
        < np.median(lat[site])
        < max(lat[left], lat[right])
    ):
        raise ValueError(
            f"S1 does not pass from {low:g} to {high:g} mm in one direction; stimulate "
            "S1 at one end of the cable"
        )
    return (left, right) if first else (right, left)


def _velocity(x: Array, lat: Array, site: NDArray[np.intp]) -> float:
    """Of S1 over the site, m/s: between the nodes just outside it."""
    a, b = max(int(site.min()) - 1, 0), min(int(site.max()) + 1, x.size - 1)
    delay = abs(lat[b] - lat[a])
    return float(abs(x[b] - x[a]) / delay) if delay > 0.0 else math.nan


@dataclass(frozen=True)
class SpaceTime:
    """V along the cable from S1 on to the end of a trial.

    Attributes:
        s2: time of S2 after S1, ms.
        times: after S1, ms, shape (n_times,).
        V: mV, shape (n_times, n_nodes).
    """

    s2: float
    times: Array
    V: Array


def window_examples(
    paced: PacedTissue, found: VulnerableWindow, interval: float = 1.0
) -> dict[str, SpaceTime]:
    """A blocked, a one-way and a two-way S2, those of them that there are.

    Args:
        paced: the cable.
        found: its window.
        interval: between samples of V, ms.
    """
    one_way = found.times[found.sides == 1]
    times = {
        "blocked": found.one_way.fails,
        "one way": float(one_way[one_way.size // 2]) if one_way.size else math.nan,
        "both ways": found.both.answers,
    }
    times = {label: t for label, t in times.items() if math.isfinite(t)}
    everywhere = np.arange(paced.n_nodes)
    interval = max(1, round(interval / paced.dt)) * paced.dt
    # The trial without S2, for as long as the last of them waits.
    wait = max(times.values(), default=0.0)
    options = {"probes": everywhere, "interval": interval}
    (s1,) = paced.run(
        [paced.in_place_of_s1(paced.train.pulse)], patience=wait, **options
    )
    trials = [paced.premature(t, found.pulse, found.site) for t in times.values()]
    responses = paced.run(trials, patience=30.0, **options)
    examples = {}
    for (label, s2), response in zip(times.items(), responses, strict=True):
        before = s1.times < s2
        examples[label] = SpaceTime(
            s2,
            np.concatenate([s1.times[before], response.times + s2]),
            np.concatenate([s1.V[before], response.V]),
        )
    return examples
