"""Diastolic threshold and effective refractory period of a tissue.

A pulse is answered if its wave comes through: if a remote node is activated by it.

    diastolic threshold   the smallest amplitude of a pulse in the place of the last S1,
                          at its site, that is answered
    refractory period     the longest interval from the last S1 to S2, at the same site,
                          at which S2 is not answered

Both are bracketed; of several answers below a failure, the last failure counts. Where a
tissue has few nodes, several amplitudes or intervals are tried in one run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cardiosim.experiments.bracket import Bracket, climb, narrow
from cardiosim.experiments.single_cells import Progress, Pulse
from cardiosim.experiments.threshold import FIRST_RUNG
from cardiosim.experiments.tissue_trials import PacedTissue
from cardiosim.measure.conduction_velocity import NoConduction, conduction_velocity
from cardiosim.tissue.positions import nodes_at

LONGEST = 1000.0  # ms that a wave is waited for
LARGEST = 2000.0  # A/F, up to which a threshold is looked for
REMOTE = 0.75  # of a cable, or of the time that S1 takes to cross the tissue


@dataclass(frozen=True)
class TissueRefractoryPeriod:
    """What was found.

    Attributes:
        bracket: longest interval without and shortest with an answer, ms.
        threshold: largest amplitude without and smallest with an answer, A/F; None if
            the amplitude of S2 was given.
        s2: its pulse.
        remote: number of the node that an answer activates.
        intervals: all that were tried, ms, increasing, shape (n,).
        answered: which of them, shape (n,).
    """

    bracket: Bracket
    threshold: Bracket | None
    s2: Pulse
    remote: int
    intervals: NDArray[np.float64]
    answered: NDArray[np.bool_]

    @property
    def value(self) -> float:
        """The period, ms; NaN if the bracket is not closed."""
        return self.bracket.fails if self.bracket.is_closed else math.nan


def remote_node(paced: PacedTissue, position: Sequence[float] | None = None) -> int:
    """Number of the node whose activation is an answer.

    Args:
        paced: the tissue.
        position: mm, of which it is the nearest. By default that at 75 % of a cable,
            counted from the end that S1 is nearer to; in any other tissue that which
            S1 reaches after three quarters of the time it takes to reach the last.

    Raises:
        ValueError: the position is outside the mesh, S1 does not get to the node, or
            the node is stimulated itself.
    """
    mesh, lat = paced.problem.mesh, paced.s1_lat
    if not np.isfinite(lat).any():
        raise ValueError(
            f"S1 of {paced.train.pulse.amplitude:g} A/F for "
            f"{paced.train.pulse.duration:g} ms activates no node; stimulate more"
        )
    if position is not None:
        node = int(nodes_at(mesh, [tuple(position)])[0])
    elif mesh.kind == "cable":
        x = mesh.points[:, 0]
        site = x[paced.train.nodes].mean()
        low, high = x.min(), x.max()
        share = REMOTE if site <= 0.5 * (low + high) else 1.0 - REMOTE
        node = int(np.abs(x - (low + share * (high - low))).argmin())
    else:
        first, last = np.nanmin(lat), np.nanmax(lat)
        node = int(np.nanargmin(np.abs(lat - (first + REMOTE * (last - first)))))
    where = ", ".join(f"{c:g}" for c in mesh.points[node])
    if node in paced.train.nodes:
        raise ValueError(
            f"the remote site ({where}) mm is stimulated itself; choose one outside "
            "the region of the stimulus"
        )
    if not math.isfinite(lat[node]):
        raise ValueError(
            f"S1 does not get to the remote site ({where}) mm, and activates "
            f"{np.isfinite(lat).sum()} of {lat.size} nodes; stimulate more, or choose "
            "a nearer one"
        )
    return node


def tissue_threshold(
    paced: PacedTissue,
    duration: float,
    remote: int,
    *,
    largest: float = LARGEST,
    resolution: float = 5e-3,
    progress: Progress | None = None,
) -> Bracket:
    """Smallest amplitude of a pulse, in place of the last S1, that is answered.

    Args:
        paced: the tissue; the pulse is given where S1 is.
        duration: of the pulse, ms.
        remote: node that an answer activates.
        largest: amplitude to look up to, A/F.
        resolution: width of the bracket at the end, relative to the threshold.
        progress: called with the rounds done and those that are expected.

    Returns:
        The largest amplitude that fails and the smallest that is answered, A/F; the
        first is NaN if the tissue fires by itself, the second if `largest` fails.
    """
    if not (duration > 0.0 and largest > 0.0 and 0.0 < resolution < 1.0):
        raise ValueError(
            f"pulse of {duration:g} ms, up to {largest:g} A/F, resolution "
            f"{resolution:g}; expected positive numbers, and a resolution below 1"
        )

    def answers(_: NDArray, amplitudes: NDArray) -> NDArray[np.bool_]:
        trials = [paced.in_place_of_s1(Pulse(float(a), duration)) for a in amplitudes]
        responses = paced.run(trials, until=[remote])
        return np.array([response.came_through for response in responses])

    (bracket,) = climb(answers, [min(FIRST_RUNG / duration, largest)], largest)
    if not bracket.is_closed:
        return bracket
    (bracket,) = narrow(
        answers,
        [bracket.fails],
        [bracket.answers],
        lambda bracket: resolution * bracket.answers,
        ends_known=True,
        trials=paced.trials_a_round,
        progress=progress,
    )
    return bracket


def tissue_refractory_period(
    paced: PacedTissue,
    remote: int,
    *,
    strength: float | None = 2.0,
    amplitude: float | None = None,
    duration: float | None = None,
    shortest: float = 50.0,
    longest: float | None = None,
    resolution: float = 1.0,
    threshold_resolution: float = 5e-3,
    within: float | None = None,
    progress: Progress | None = None,
) -> TissueRefractoryPeriod:
    """Bracket the shortest interval at which S2, at the site of S1, is answered.

    Args:
        paced: the tissue.
        remote: node that an answer activates.
        strength: amplitude of S2 as a multiple of the diastolic threshold of its
            duration, which is found first.
        amplitude: of S2, A/F, instead.
        duration: of S2, ms; that of S1 by default.
        shortest: interval to begin with, ms.
        longest: interval to end with, ms; as long as S1 is followed by default.
        resolution: width of the bracket at the end, ms; the intervals tried are
            `shortest` plus multiples of it.
        threshold_resolution: of the diastolic threshold, relative.
        within: how long after S2 the remote node is activated at most, ms; None waits
            until nothing is under way any more.
        progress: called with the rounds done and those that are expected.

    Raises:
        ValueError: the intervals are in no order, or there is no threshold.
        NonFinitePotential: the step is too long.
    """
    longest = paced.longest if longest is None else longest
    s1 = paced.train.pulse
    duration = s1.duration if duration is None else duration
    if not s1.duration <= shortest < longest:
        raise ValueError(
            f"S2 {shortest:g} to {longest:g} ms after an S1 of {s1.duration:g} ms; "
            "expected S1 to end first, and the shortest interval below the longest"
        )
    if not resolution > 0.0:
        raise ValueError(f"resolution {resolution:g} ms; it must be positive")
    threshold = None
    if amplitude is None:
        threshold = tissue_threshold(
            paced, duration, remote, resolution=threshold_resolution, progress=progress
        )
        if not threshold.is_closed:
            raise ValueError(_no_threshold(threshold, duration))
        amplitude = strength * threshold.answers
    s2, wait = Pulse(amplitude, duration), LONGEST if within is None else within
    tried: dict[float, bool] = {}

    def answers(_: NDArray, multiples: NDArray) -> NDArray[np.bool_]:
        # Free of the rounding of the multiples: 321 rather than 320.99999999999994.
        intervals = [float(f"{shortest + resolution * m:.12g}") for m in multiples]
        trials = [paced.premature(interval, s2) for interval in intervals]
        responses = paced.run(trials, until=[remote], longest=wait)
        found = [response.lat[remote] <= wait for response in responses]
        tried.update(zip(intervals, found, strict=True))
        return np.array(found)

    most = int(np.floor((longest - shortest) / resolution + 1e-9))
    (found,) = narrow(
        answers,
        [0],
        [most],
        lambda _: 1,
        whole=True,
        trials=paced.trials_a_round,
        progress=progress,
    )
    ends = [shortest + resolution * k for k in (found.fails, found.answers)]
    bracket = Bracket(*(float(f"{end:.12g}") for end in ends), found.is_monotonic)
    intervals = np.array(sorted(tried))
    answered = np.array([tried[interval] for interval in intervals])
    return TissueRefractoryPeriod(bracket, threshold, s2, remote, intervals, answered)


def velocity_of(paced: PacedTissue, lat: NDArray) -> float:
    """Velocity between 25 and 75 % of a cable, m/s; NaN without it, or in no cable.

    Args:
        paced: the tissue.
        lat: activation times, ms, shape (n_nodes,).
    """
    mesh = paced.problem.mesh
    if mesh.kind != "cable":
        return math.nan
    try:
        return abs(conduction_velocity(mesh.points[:, 0], lat))
    except NoConduction:
        return math.nan


def _no_threshold(bracket: Bracket, duration: float) -> str:
    if math.isnan(bracket.fails):
        return (
            "the remote site is activated without a pulse: the tissue beats by itself, "
            "or S1's wave is still under way; take a longer bcl, or give the amplitude"
        )
    return (
        f"a pulse of {bracket.fails:g} A/F for {duration:g} ms is not answered; "
        "stimulate a larger region, or longer"
    )
