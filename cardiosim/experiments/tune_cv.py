"""Conductivities that give wanted velocities, at the spacing and step of a case.

A strand of the case's cell, with its splitting, mass and theta, is excited at one end,
and its velocity taken between 25 and 75 % of its length. In a continuous strand CV^2 is
proportional to D, so that the first guess is

    D_1 = D_0 (target/CV_0)^2

and later ones follow the secant of CV^2 over D through the last two: on a grid CV falls
faster than the root of D. Velocities along and across the fibres are two strands of one
run.

The same D on a finer grid, and at a finer step, tells how much of it makes up for the
error of the grid: a conductivity that was tuned on a coarse one is not that of tissue.

References: Mendonca Costa et al. 2013, Comput Cardiol 40:373-376 (the first rule, of
openCARP's tuneCV); Clerc 1976, doi:10.1113/jphysiol.1976.sp011283 (CV against D).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cardiosim.experiments.single_cells import Progress
from cardiosim.experiments.strand import Strand

MOST_RUNS = 6
FINER = 4  # times, the spacing and the step of what velocities are compared with
STEEPEST = 8.0  # times that D may change from one run to the next


@dataclass(frozen=True)
class Target:
    """A velocity that is wanted in one direction.

    Attributes:
        direction: "along" or "across" the fibres.
        velocity: m/s.
        dx: spacing of the nodes in that direction, mm.
        D: to begin with, mm2/ms.
    """

    direction: str
    velocity: float
    dx: float
    D: float


@dataclass(eq=False)
class Tuning:
    """What came of one direction.

    Attributes:
        target: what was wanted.
        tolerance: m/s.
        D: of each run, mm2/ms.
        velocities: of each run, m/s.
        finer_grid: velocity at the last D and a quarter of dx, m/s.
        finer: at a quarter of dt, too; NaN where the cell takes no such step.
    """

    target: Target
    tolerance: float
    D: list[float] = field(default_factory=list)
    velocities: list[float] = field(default_factory=list)
    finer_grid: float = math.nan
    finer: float = math.nan

    @property
    def velocity(self) -> float:
        """Of the last run, m/s."""
        return self.velocities[-1]

    @property
    def has_converged(self) -> bool:
        """Whether the last run has the velocity that was wanted."""
        return abs(self.velocity - self.target.velocity) < self.tolerance

    @property
    def grid_error(self) -> float:
        """Of the velocity, by the spacing, relative."""
        return self.velocity / self.finer_grid - 1.0

    @property
    def step_error(self) -> float:
        """Of the velocity, by the step, relative; NaN where it is not known."""
        return self.finer_grid / self.finer - 1.0

    @property
    def error(self) -> float:
        """Of the velocity, relative: by both, or by the spacing alone."""
        finest = self.finer_grid if math.isnan(self.finer) else self.finer
        return self.velocity / finest - 1.0

    def next_D(self) -> float:
        """What to try next, mm2/ms."""
        wanted, D = self.target.velocity**2, self.D[-1]
        if math.isnan(self.velocity):  # so little couples them that nothing comes
            return STEEPEST * D
        square = self.velocity**2
        guess = D * wanted / square
        if len(self.D) > 1 and math.isfinite(self.velocities[-2]):
            step, rise = D - self.D[-2], square - self.velocities[-2] ** 2
            secant = D + (wanted - square) * step / rise if rise else math.nan
            # It is nearly proportional: what is far from it is noise of the last digit.
            if 0.5 * guess < secant < 2.0 * guess:
                guess = secant
        return float(np.clip(guess, D / STEEPEST, STEEPEST * D))


def tune(
    strand: Strand,
    targets: Sequence[Target],
    tolerance: float = 1e-3,
    progress: Progress | None = None,
) -> list[Tuning]:
    """Find the conductivities of some targets, all in the same runs.

    Args:
        strand: whose velocities are wanted.
        targets: one or more.
        tolerance: of the velocities, m/s.
        progress: called with the runs done and those there are at most.

    Returns:
        One for each target, in their order; of at most `MOST_RUNS` runs each.

    Raises:
        ValueError: a target or the tolerance is not positive.
        NonFinitePotential: the step is too long.
    """
    for target in targets:
        if not (target.velocity > 0.0 and target.D > 0.0 and tolerance > 0.0):
            raise ValueError(
                f"{target.velocity:g} m/s {target.direction} the fibres from D "
                f"{target.D:g} mm2/ms, within {tolerance:g} m/s; expected positive "
                "numbers"
            )
    found = [Tuning(target, tolerance) for target in targets]
    open_ones, total = list(found), MOST_RUNS + 2
    for k in range(MOST_RUNS):
        D = [one.next_D() if one.D else one.target.D for one in open_ones]
        slowest = min(_expected(one) for one in open_ones)
        tried = dict(zip((o.target.direction for o in open_ones), D, strict=True))
        velocities = strand.velocities(
            [o.target.dx for o in open_ones], D, slowest, _fastest(strand, found, tried)
        )
        for one, value, velocity in zip(open_ones, D, velocities, strict=True):
            one.D.append(value)
            one.velocities.append(float(velocity))
        open_ones = [one for one in open_ones if not one.has_converged]
        if progress is not None:
            progress(k + 1, total)
        if not open_ones:
            break
    _compare_with_finer(strand, found)
    if progress is not None:
        progress(total, total)
    return found


def _fastest(strand: Strand, found: list[Tuning], tried: dict[str, float]) -> float:
    """Rate of the tissue with what is tried now, or was found before, 1/ms."""
    known = {one.target.direction: one.D[-1] for one in found if one.D} | tried
    along = known.get("along", found[0].target.D)
    return strand.fastest(along, known.get("across"))


def _expected(one: Tuning) -> float:
    """Velocity to wait for, m/s: half of that wanted until the first run."""
    known = [v for v in one.velocities if math.isfinite(v)]
    return min(one.target.velocity, *known) if known else 0.5 * one.target.velocity


def _compare_with_finer(strand: Strand, found: list[Tuning]) -> None:
    conducted = [one for one in found if math.isfinite(one.velocity)]
    if not conducted:
        return
    dx = [one.target.dx / FINER for one in conducted]
    D = [one.D[-1] for one in conducted]
    slowest = 0.8 * min(one.velocity for one in conducted)
    fastest = FINER**2 * _fastest(strand, found, {})
    velocities = strand.velocities(dx, D, slowest, fastest)
    for one, velocity in zip(conducted, velocities, strict=True):
        one.finer_grid = float(velocity)
    surrogate, dt = strand.cell.surrogate, strand.dt / FINER
    if surrogate is not None:
        # Reactions of Strang's splitting begin with half a step.
        if 0.5 * dt / strand.reaction_steps < surrogate.dt_range[0]:
            return
    finer = replace(strand, dt=dt)
    velocities = finer.velocities(dx, D, slowest, fastest)
    for one, velocity in zip(conducted, velocities, strict=True):
        one.finer = float(velocity)
