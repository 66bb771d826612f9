"""Phase singularities followed from one time to the next: tips, and which are rotors.

A singularity at one time is that of the same charge at the time before which is
nearest, all of them assigned at once so that the sum of the distances is smallest (the
assignment problem: Kuhn, Naval Research Logistics Quarterly 2:83 (1955), doi
10.1002/nav.3800020109), and none farther than a tip can have come. What is not met
again within a stated time has ended.

How far the wave has turned round its tip is seen in the phase near by. Around a tip of
charge c the phase is c times the angle phi round the tip, plus what has turned, so that

    turned(t) = arg sum over the nodes near by of exp(i (theta - c phi))

which rises by 2 pi a rotation whether the tip stays, circles or drifts. On a curved
surface phi is measured in its tangent plane, from a direction that is carried along
with the tip without turning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.measure.phase_singularities import Singularities

SPEED = 1.0  # m/s; tips move with the front at most, 0.3 to 0.8 m/s in atria
ROTATIONS = 1.0  # that make a singularity a rotor, unless told
FAR = 1e9  # mm, of what cannot be the same


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One singularity over its life.

    Attributes:
        charge: +1 or -1 (or what two that lie together have).
        times: ms, shape (n,).
        positions: mm, shape (n, 3).
        turned: by what the wave has turned round it, rad, shape (n,); rising.
        normals: of the surface there, unit vectors, shape (n, 3).
    """

    charge: int
    times: NDArray
    positions: NDArray
    turned: NDArray
    normals: NDArray

    @property
    def lifetime(self) -> float:
        """From the first to the last time at which it is seen, ms."""
        return float(self.times[-1] - self.times[0])

    @property
    def rotations(self) -> float:
        """How often the wave has turned round it."""
        return float(self.turned[-1] - self.turned[0]) / (2.0 * np.pi)

    @property
    def path(self) -> float:
        """Length of its way from sample to sample, mm; longer for finer samples."""
        return float(np.linalg.norm(np.diff(self.positions, axis=0), axis=1).sum())

    @cached_property
    def turns(self) -> NDArray:
        """When 0, 1, 2, ... whole rotations are over, ms; linear between samples."""
        rising = np.maximum.accumulate(self.turned - self.turned[0])
        whole = 2.0 * np.pi * np.arange(int(rising[-1] / (2.0 * np.pi) + 1e-9) + 1)
        # Where it stands still the first of equal values is meant.
        first = np.flatnonzero(np.diff(rising, prepend=-1.0) > 0.0)
        return np.interp(whole, rising[first], self.times[first])

    @property
    def periods(self) -> NDArray:
        """Duration of each whole rotation, ms, shape (int(rotations),)."""
        return np.diff(self.turns)

    @property
    def period(self) -> float:
        """2 pi over the slope of `turned`, by least squares, ms; NaN of no whole one.

        Of the whole life: single rotations, which a tip in a long core makes faster and
        slower in turn, then matter little at its ends.
        """
        if not self.periods.size:
            return np.nan
        since = self.times - self.times.mean()
        return float(2.0 * np.pi * (since @ since) / (since @ self.turned))

    @cached_property
    def cores(self) -> NDArray:
        """What each whole rotation goes round, shape (int(rotations), 5).

        Centre, the mean of the positions over the rotation, mm (3); diameter of the
        circle whose points are as far from their centre (root mean square), mm; and
        largest distance of two positions, mm.
        """
        found = np.empty((len(self.turns) - 1, 5))
        for k, (begin, end) in enumerate(
            zip(self.turns[:-1], self.turns[1:], strict=True)
        ):
            here = self.positions[(self.times >= begin) & (self.times <= end)]
            centre = here.mean(axis=0)
            away = np.linalg.norm(here - centre, axis=1)
            between = np.linalg.norm(here[:, None] - here[None], axis=2)
            found[k] = *centre, 2.0 * np.sqrt(np.mean(away**2)), between.max()
        return found

    @property
    def core_diameter(self) -> float:
        """Median over the whole rotations, mm; NaN of less than one."""
        return float(np.median(self.cores[:, 3])) if len(self.cores) else np.nan

    @property
    def core_length(self) -> float:
        """Largest distance of two positions in one rotation, the median, mm."""
        return float(np.median(self.cores[:, 4])) if len(self.cores) else np.nan

    @property
    def drift(self) -> float:
        """From the centre of the first whole rotation to that of the last, mm."""
        if len(self.cores) < 2:
            return np.nan
        return float(np.linalg.norm(self.cores[-1, :3] - self.cores[0, :3]))

    @property
    def drift_speed(self) -> float:
        """Drift over the time between the two, m/s."""
        if len(self.cores) < 2:
            return np.nan
        middles = 0.5 * (self.turns[:-1] + self.turns[1:])
        return self.drift / float(middles[-1] - middles[0])

    def is_rotor(self, lifetime: float | None = None) -> bool:
        """Whether it lives for so many ms; by default, for one rotation of the wave."""
        if lifetime is not None:
            return self.lifetime >= lifetime
        return self.rotations >= ROTATIONS


def arms(
    found: Singularities,
    points: ArrayLike,
    phase: ArrayLike,
    near: Sequence[Sequence[int]],
) -> NDArray[np.complex128]:
    """Which way the phase 0 lies from each singularity, before a direction is chosen.

    Args:
        found: n singularities.
        points: of all nodes, mm, shape (n_nodes, 3).
        phase: rad, shape (n_nodes,); nodes without one (NaN) do not count.
        near: the nodes round each singularity.

    Returns:
        sum of exp(i theta) d over the nodes, d the unit vector to the node along the
        surface, shape (n, 3).
    """
    points, phase = np.asarray(points), np.asarray(phase)
    sums = np.zeros((len(found), 3), dtype=complex)
    for k, nodes in enumerate(near):
        nodes = np.asarray(nodes, dtype=np.intp)
        nodes = nodes[np.isfinite(phase[nodes])]
        normal = found.normals[k]
        to = points[nodes] - found.positions[k]
        to -= (to @ normal)[:, None] * normal
        length = np.linalg.norm(to, axis=1)
        to, nodes = to[length > 0.0] / length[length > 0.0, None], nodes[length > 0.0]
        sums[k] = np.exp(1j * phase[nodes]) @ to
    return sums


def trajectories(
    times: ArrayLike,
    found: Sequence[Singularities],
    arms: Sequence[NDArray],
    *,
    speed: float = SPEED,
    slack: float = 0.0,
    gap: float = 0.0,
) -> list[Trajectory]:
    """Link singularities into trajectories, in the order of their first times.

    Args:
        times: ms, increasing, shape (n_times,).
        found: singularities at each time.
        arms: of each of them (`arms`).
        speed: the fastest that a tip moves, m/s.
        slack: mm by which it may be farther, such as two distances of nodes.
        gap: ms for which it may be lost from sight beyond one interval.

    Raises:
        ValueError: lists of different lengths.
    """
    times = np.asarray(times, dtype=float)
    if not len(times) == len(found) == len(arms):
        raise ValueError(
            f"{len(times)} times, {len(found)} lists of singularities and {len(arms)} "
            "of arms; expected one of each for every time"
        )
    tracks: list[list[tuple[int, int]]] = []  # (time, which), one list a tip
    live: list[int] = []
    for k, now in enumerate(found):
        before = times[k - 1] if k else times[0]
        live = [n for n in live if times[tracks[n][-1][0]] >= before - gap - 1e-9]
        partner = _partners(times, found, tracks, live, k, speed, slack)
        for which in range(len(now)):
            if which in partner:
                tracks[partner[which]].append((k, which))
            else:
                live.append(len(tracks))
                tracks.append([(k, which)])
    return [_trajectory(times, found, arms, track) for track in tracks]


def rotor_count(
    times: ArrayLike, tips: Sequence[Trajectory], lifetime: float | None = None
) -> NDArray[np.integer]:
    """How many rotors there are at each time, shape (n_times,).

    Args:
        times: ms, shape (n_times,).
        tips: trajectories; those count that are rotors (`Trajectory.is_rotor`), from
            the first time at which they are seen to the last.
        lifetime: ms; by default one rotation.
    """
    times = np.asarray(times, dtype=float)
    count = np.zeros(len(times), dtype=int)
    for tip in tips:
        if tip.is_rotor(lifetime):
            count += (times >= tip.times[0]) & (times <= tip.times[-1])
    return count


def _partners(
    times: NDArray,
    found: Sequence[Singularities],
    tracks: Sequence[Sequence[tuple[int, int]]],
    live: Sequence[int],
    k: int,
    speed: float,
    slack: float,
) -> dict[int, int]:
    """Track that each singularity at time k goes on with, for those that do."""
    from scipy.optimize import linear_sum_assignment

    if not live or not len(found[k]):
        return {}
    last = [tracks[n][-1] for n in live]
    positions = np.array([found[at].positions[which] for at, which in last])
    charges = np.array([found[at].charges[which] for at, which in last])
    since = times[k] - times[[at for at, _ in last]]
    distance = np.linalg.norm(positions[:, None] - found[k].positions[None], axis=2)
    possible = distance <= (speed * since + slack)[:, None]
    possible &= charges[:, None] == found[k].charges[None]
    rows, columns = linear_sum_assignment(np.where(possible, distance, FAR))
    return {
        int(column): live[row]
        for row, column in zip(rows, columns, strict=True)
        if possible[row, column]
    }


def _trajectory(
    times: NDArray,
    found: Sequence[Singularities],
    arms: Sequence[NDArray],
    track: Sequence[tuple[int, int]],
) -> Trajectory:
    charge = int(found[track[0][0]].charges[track[0][1]])
    east = np.zeros(3)
    angles = np.empty(len(track))
    for n, (k, which) in enumerate(track):
        normal = found[k].normals[which]
        # The least of the axes at first, then always the direction of before.
        wanted = east if n else np.eye(3)[np.abs(normal).argmin()]
        east = wanted - (wanted @ normal) * normal
        east /= np.linalg.norm(east) or 1.0
        north = np.cross(normal, east)
        sum_ = arms[k][which]
        angles[n] = np.angle(sum_ @ east - 1j * np.sign(charge) * (sum_ @ north))
    return Trajectory(
        charge,
        times[[k for k, _ in track]],
        np.array([found[k].positions[which] for k, which in track]),
        np.unwrap(angles),
        np.array([found[k].normals[which] for k, which in track]),
    )
