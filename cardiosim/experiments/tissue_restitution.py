"""Restitution in tissue: durations and velocity of a wave over the rest before it.

    S1S2       one premature S2, at the site of S1, at each coupling interval after the
               last S1 of a train
    dynamic    a train at each cycle length, its cells paced at that length before; its
               last beats

    duration             from a node's own upstroke, measure/action_potential.py; NaN
                         where the beat before has not repolarised to that percentage
    diastolic interval   DI, measure/beat_to_beat.py, at the same node, of the largest
                         percentage measured; over that of the first place the velocity
                         is drawn
    velocity             between two fractions of a cable, or two positions
    answered             the wave crosses the part in which the velocity is measured
    largest slope        that of experiments/restitution.py, between neighbours of which
                         the longer interval leaves the longer rest, by `SLOPE_STEP` or
                         more: a wave that hardly starts comes so late that a shorter
                         interval may leave a longer rest
    alternans            measure/beat_to_beat.py

Between neighbouring intervals that differ by more than `REFINE_CHANGE` in a duration,
and by `REFINE_SLOPE` times their distance, or in whether they are answered or
alternate, further ones are tried, down to a distance that is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.schema import Case
from cardiosim.experiments.restitution import largest_slope
from cardiosim.experiments.single_cells import Progress
from cardiosim.experiments.tissue_beats import Places, beats_of, sampling
from cardiosim.experiments.tissue_trials import PacedTissue, pace_case
from cardiosim.experiments.trial_waves import Response, Trial
from cardiosim.measure.beat_to_beat import alternans, diastolic_intervals

SLOPE_STEP = 2.0  # ms of DI
REFINE_CHANGE = 5.0  # ms of duration from one interval to the next
REFINE_SLOPE = 0.1  # of the duration over the interval: where it is flat, few will do
LISTEN = 500.0  # ms after the last activation in which durations have to end
LAST_BEATS = 5  # of a train, in which alternans shows

Array = NDArray[np.float64]


class Slope(NamedTuple):
    """Largest slope of a curve, and the intervals between which it is, ms."""

    value: float = math.nan
    between: tuple[float, float] = (math.nan, math.nan)


@dataclass(frozen=True)
class TissueRestitution:
    """Restitution over coupling intervals or cycle lengths.

    Attributes:
        kind: "s1s2" or "dynamic".
        intervals: ms, increasing, shape (n,).
        percents: of repolarisation, shape (n_percents,); slopes, DI and alternans are
            those of the largest.
        durations: ms, shape (n_percents, n, n_places).
        diastolic_intervals: before the beat, ms, shape (n, n_places).
        rests_before: before the beat before that, ms, shape (n, n_places); NaN in S1S2.
        velocities: m/s, shape (n,).
        answered: S2, or every one of the last beats, shape (n,).
        share: of the last pulses, that are answered, shape (n,).
        alternans: magnitude, ms, shape (n, n_places); NaN in S1S2.
        has_alternans: shape (n, n_places).
        last_durations: of the last beats, ms, shape (n_last, n, n_places); of S1 and
            S2 in S1S2.
    """

    kind: str
    intervals: Array
    percents: tuple[float, ...]
    durations: Array
    diastolic_intervals: Array
    rests_before: Array
    velocities: Array
    answered: NDArray[np.bool_]
    share: Array
    alternans: Array
    has_alternans: NDArray[np.bool_]
    last_durations: Array

    @property
    def main(self) -> Array:
        """Durations at the largest percentage, ms, shape (n, n_places)."""
        return self.durations[int(np.argmax(self.percents))]

    def duration_slope(self, place: int = 0) -> Slope:
        """Largest slope of the duration over DI at a place."""
        return self._largest(self.main[:, place], place)

    @property
    def velocity_slope(self) -> Slope:
        """Largest slope of the velocity over the DI of the first place, m/s per ms."""
        return self._largest(self.velocities, 0)

    def _largest(self, values: Array, place: int) -> Slope:
        rests, found = self.diastolic_intervals[:, place], Slope()
        for k in range(rests.size - 1):
            if not rests[k + 1] - rests[k] >= SLOPE_STEP:
                continue
            slope = largest_slope(rests[k : k + 2], values[k : k + 2])
            if slope > found.value or math.isnan(found.value):
                between = (float(self.intervals[k]), float(self.intervals[k + 1]))
                found = Slope(slope, between)
        return found

    @property
    def block(self) -> tuple[float, float]:
        """Longest interval that is not answered and the next longer one, ms; NaN."""
        return _edge(self.intervals, ~self.answered)

    @property
    def alternans_onset(self) -> tuple[float, float]:
        """Longest cycle length with alternans anywhere, and the next longer one, ms."""
        return _edge(self.intervals, self.has_alternans.any(axis=1))


def _edge(intervals: Array, has_it: NDArray[np.bool_]) -> tuple[float, float]:
    if not has_it.any():
        return math.nan, math.nan
    last = int(np.flatnonzero(has_it)[-1])
    longer = intervals[last + 1] if last + 1 < intervals.size else math.nan
    return float(intervals[last]), float(longer)


@dataclass(frozen=True)
class _Row:
    """One interval; shapes as of TissueRestitution, without n."""

    durations: Array  # (n_percents, n_places)
    rests: Array  # (n_places,)
    rests_before: Array
    velocity: float
    share: float
    alternans: Array
    has_alternans: NDArray[np.bool_]
    last: Array  # (n_last, n_places)


def s1s2_in_tissue(
    paced: PacedTissue,
    places: Places,
    intervals: Sequence[float],
    *,
    percents: Sequence[float] = (50.0, 90.0),
    refine: float = 0.0,
    progress: Progress | None = None,
) -> TissueRestitution:
    """Response to S2 at each coupling interval; many intervals are one run.

    Args:
        paced: the tissue; S2 is the pulse of S1, at its site.
        places: where what is measured.
        intervals: from S1 to S2, ms, shape (n,).
        percents: of repolarisation.
        refine: distance of intervals down to which further ones are tried, ms; 0 tries
            none.
        progress: called with the trials done and those that are known of.
    """
    percents = tuple(percents)
    (first,) = paced.run(
        [paced.in_place_of_s1(paced.train.pulse)],
        probes=places.nodes,
        interval=sampling(paced),
        patience=LISTEN,
    )
    s1 = beats_of(paced, places, first, percents, 1)
    if np.isnan(s1.upstrokes).any():
        raise ValueError(
            "S1 does not activate every place where a duration is asked for; "
            "stimulate more, or choose other places"
        )
    mesh = paced.problem.mesh
    key = int(np.argmax(percents))

    def respond(asked: list[float]) -> list[_Row]:
        responses = paced.run(
            [paced.premature(interval) for interval in asked],
            probes=places.nodes,
            interval=sampling(paced),
            patience=LISTEN,
            progress=progress,
        )
        rows = []
        for interval, response in zip(asked, responses, strict=True):
            velocity = places.velocity(mesh, response.lat)
            s2 = beats_of(paced, places, response, percents, 1)
            ends = s1.upstrokes[0] + s1.durations[:, 0]
            begins = interval + s2.upstrokes[0]
            # No rest before it: NaN, as in a single cell.
            durations = np.where(ends <= begins, s2.durations[:, 0], np.nan)
            rests = begins - ends[key]
            if math.isnan(velocity):
                durations, rests = (np.full_like(a, np.nan) for a in (durations, rests))
            none = np.full(places.nodes.size, np.nan)
            rows.append(
                _Row(
                    durations,
                    rests,
                    none,
                    velocity,
                    float(np.isfinite(velocity)),
                    none,
                    np.zeros(none.size, dtype=bool),
                    np.stack([s1.durations[key, 0], durations[key]]),
                )
            )
        return rows

    return _refined("s1s2", intervals, percents, respond, refine, paced.dt)


def dynamic_in_tissue(
    case: Case,
    cycle_lengths: Sequence[float],
    beats: int,
    *,
    positions: Sequence[Sequence[float]] = (),
    percents: Sequence[float] = (50.0, 90.0),
    refine: float = 0.0,
    progress: Callable[[str], Progress] | None = None,
) -> TissueRestitution:
    """Last beats of a train at each cycle length.

    Args:
        case: of tissue; its first stimulus gives site and pulse. The single cell of
            cell.prepace is paced at each cycle length before.
        cycle_lengths: ms, shape (n,), whole numbers of steps.
        beats: of each train in the tissue, two or more.
        positions: as of `Places.of`.
        percents, refine: as of `s1s2_in_tissue`.
        progress: of a cycle length, by its label.
    """
    if beats < 2:
        raise ValueError(
            f"{beats} beat a cycle length; a diastolic interval needs two or more"
        )
    percents, n_last = tuple(percents), min(beats, LAST_BEATS)

    def respond(asked: list[float]) -> list[_Row]:
        return [one(length) for length in asked]

    def one(length: float) -> _Row:
        show = progress and progress(f"every {length:g} ms")
        _, paced = pace_case(case, bcl=length, beats=beats - n_last + 1, progress=show)
        places = Places.of(case, paced.problem.mesh, positions)
        train = Trial(None, (paced.train.stimulus(0.0, n_last),))
        (response,) = paced.run(
            [train],
            probes=places.nodes,
            interval=sampling(paced),
            longest=n_last * length + LISTEN,
            patience=max(LISTEN, length),
        )
        return _train_row(paced, places, response, percents, n_last)

    return _refined("dynamic", cycle_lengths, percents, respond, refine, case.time.dt)


def _train_row(
    paced: PacedTissue,
    places: Places,
    response: Response,
    percents: tuple[float, ...],
    n_last: int,
) -> _Row:
    key, n = int(np.argmax(percents)), places.nodes.size
    lat = response.activations
    counts = np.isfinite(lat).sum(axis=0)
    beats = beats_of(paced, places, response, percents, n_last)
    mesh = paced.problem.mesh
    waves = [places.velocity(mesh, row) for row in lat[:n_last]]
    # A wave that was still under way from before would be one more: a cable is to be
    # crossed within a cycle.
    one_to_one = (
        len(waves) == n_last
        and np.isfinite(waves).all()
        and bool((counts[places.nodes] == n_last).all())
    )
    share = min(1.0, float(counts[places.nodes].min()) / n_last)
    none = np.full(n, np.nan)
    if not one_to_one:
        return _Row(
            np.full((len(percents), n), np.nan),
            none,
            none,
            math.nan,
            min(share, (n_last - 1) / n_last),
            none,
            np.zeros(n, dtype=bool),
            np.full((n_last, n), np.nan),
        )
    apd = beats.durations[key]
    rests = diastolic_intervals(beats.upstrokes, apd)
    magnitude, present = none, np.zeros(n, dtype=bool)
    if n_last > 2:
        found = alternans(apd, last=n_last - 1)
        magnitude, present = found.magnitude, found.is_present
    return _Row(
        beats.durations[:, -1],
        rests[-1],
        rests[-2],
        waves[-1],
        1.0,
        magnitude,
        present,
        apd,
    )


def _refined(
    kind: str,
    intervals: Sequence[float],
    percents: tuple[float, ...],
    respond: Callable[[list[float]], list[_Row]],
    refine: float,
    dt: float,
) -> TissueRestitution:
    """Respond to the intervals, and to those between where much changes."""
    asked = sorted({float(i) for i in intervals})
    if not asked or not (np.isfinite(asked).all() and asked[0] > 0.0):
        raise ValueError(f"intervals {asked}; give one or more, positive, in ms")
    rows: dict[float, _Row] = {}
    while asked:
        rows |= dict(zip(asked, respond(asked), strict=True))
        asked = _between(rows, refine, dt) if refine > 0.0 else []
    known = sorted(rows)
    ordered = [rows[interval] for interval in known]
    return TissueRestitution(
        kind,
        np.array(known),
        percents,
        np.stack([row.durations for row in ordered], axis=1),
        np.stack([row.rests for row in ordered]),
        np.stack([row.rests_before for row in ordered]),
        np.array([row.velocity for row in ordered]),
        np.array([row.share == 1.0 for row in ordered]),
        np.array([row.share for row in ordered]),
        np.stack([row.alternans for row in ordered]),
        np.stack([row.has_alternans for row in ordered]),
        np.stack([row.last for row in ordered], axis=1),
    )


def _between(rows: dict[float, _Row], refine: float, dt: float) -> list[float]:
    """Middles of neighbours between which much changes and that are not too close.

    All durations are looked at: where the shape of the action potential changes, that
    at the largest percentage may go down and up again between neighbours.
    """
    known, more = sorted(rows), []
    for a, b in zip(known[:-1], known[1:], strict=True):
        middle = round(0.5 * (a + b) / dt) * dt
        middle = float(f"{middle:.12g}")
        if b - a <= refine * (1.0 + 1e-9) or not a < middle < b:
            continue
        left, right = rows[a], rows[b]
        change = np.abs(left.durations - right.durations)
        differ = (left.share == 1.0) != (right.share == 1.0) or bool(
            (left.has_alternans != right.has_alternans).any()
        )
        if differ or bool((change > max(REFINE_CHANGE, REFINE_SLOPE * (b - a))).any()):
            more.append(middle)
    return more
