"""Times as whole numbers of steps: when a run ends and when a recorder samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

NEVER = 2**62  # a step beyond every run


def whole_steps(time: float, dt: float, what: str, least: int = 0) -> int:
    """Number of steps of dt in `time`; an error names the nearest times that fit.

    Args:
        time: ms.
        dt: ms.
        what: what the time is, for the message.
        least: smallest number of steps allowed.
    """
    if not 0.0 < dt < math.inf:
        raise ValueError(f"dt {dt:g} ms; a step must be positive and finite")
    if not math.isfinite(time):
        raise ValueError(f"{what} {time:g} ms; it must be finite")
    steps = round(time / dt)
    # Millionths of a step are rounding of the quotient, not a wish.
    if steps < least or abs(time / dt - steps) > 1e-6:
        below = max(least, math.floor(time / dt))
        above = max(below + 1, math.ceil(time / dt))
        raise ValueError(
            f"{what} {time:.9g} ms is no whole number of steps of dt {dt:g} ms"
            f"{f', at least {least}' if least else ''}; "
            f"the nearest are {below * dt:.9g} and {above * dt:.9g} ms"
        )
    return steps


@dataclass(frozen=True)
class Schedule:
    """Steps at which something is recorded: first, first + every, ..., and the last.

    Attributes:
        first: number of the first recorded step.
        every: steps from one recording to the next.
        last: number of the last step of the run, always recorded from `first` on.
    """

    first: int
    every: int
    last: int

    @classmethod
    def fit(
        cls, interval: float | None, start: float, dt: float, n_steps: int
    ) -> Schedule:
        """Recording times in ms as steps; an interval of None is every step."""
        every = (
            1
            if interval is None
            else whole_steps(interval, dt, "recording interval", least=1)
        )
        return cls(whole_steps(start, dt, "start of recording"), every, n_steps)

    def due(self, step: int) -> int:
        """Return the first step not before `step` that is recorded."""
        if step <= self.first:
            return self.first if self.first <= self.last else NEVER
        if step > self.last:
            return NEVER
        periods = -((self.first - step) // self.every)
        return min(self.first + periods * self.every, self.last)
