"""The border between failure and answer, between two values that bracket it.

Bisection halves a bracket with one trial. Here a round tests `TRIALS` values, evenly
spaced inside the bracket, as the nodes of one run, and keeps the part between the last
failure and the answer above it: 17 times narrower each round. Both ends are reported.
One trial a round is bisection.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cardiosim.experiments.single_cells import Progress

TRIALS = 16  # in a bracket and round

Answers = Callable[[NDArray[np.intp], NDArray[np.float64]], NDArray[np.bool_]]


@dataclass(frozen=True)
class Bracket:
    """Two neighbouring values, of which the upper is answered.

    Attributes:
        fails: largest value that fails; NaN if none was seen to fail.
        answers: smallest value above it that is answered; NaN if the largest fails.
        is_monotonic: whether no value below `fails` was answered.
    """

    fails: float
    answers: float
    is_monotonic: bool = True

    @property
    def is_closed(self) -> bool:
        """Whether both ends are known."""
        return not (math.isnan(self.fails) or math.isnan(self.answers))


def narrow(
    answers: Answers,
    low: Sequence[float],
    high: Sequence[float],
    width: Callable[[Bracket], float],
    *,
    whole: bool = False,
    ends_known: bool = False,
    trials: int = TRIALS,
    progress: Progress | None = None,
) -> list[Bracket]:
    """Narrow some brackets together, each as far as wanted.

    Args:
        answers: (which, values) -> whether each is answered, all of shape (n_trials,);
            `which` is the number of the bracket that a value belongs to.
        low: smallest value of each bracket, shape (n_brackets,).
        high: largest value of each.
        width: at which a bracket is narrow enough.
        whole: test whole numbers only; a width of 1 then ends on neighbours.
        ends_known: that low fails and high is answered; they are not tested.
        trials: in a bracket and round.
        progress: called with the rounds done and those that are expected.

    Returns:
        The brackets, in their order.
    """
    brackets = [Bracket(a, b) for a, b in zip(low, high, strict=True)]
    wide, rounds = list(range(len(brackets))), 0
    if ends_known:
        wide = [i for i in wide if _too_wide(brackets[i], width)]
    while wide:
        tested = [_values(brackets[i], trials, whole, not ends_known) for i in wide]
        which = np.repeat(wide, [len(values) for values in tested])
        answered = np.asarray(answers(which, np.concatenate(tested)), dtype=bool)
        parts = np.split(answered, np.cumsum([len(values) for values in tested])[:-1])
        for i, values, found in zip(wide, tested, parts, strict=True):
            brackets[i] = _inside(brackets[i], values, found, ends_known)
        wide = [i for i in wide if _too_wide(brackets[i], width)]
        rounds, ends_known = rounds + 1, True
        if progress is not None:
            more = (
                _rounds_to_go(brackets[i], width(brackets[i]), trials) for i in wide
            )
            progress(rounds, rounds + max(more, default=0))
    return brackets


def climb(answers: Answers, first: Sequence[float], largest: float) -> list[Bracket]:
    """The first answer up some ladders of doubled values, and the rung below it.

    They are climbed a few rungs at a time: far above threshold a cell may leave the
    numbers that its equations, or the time step, were made for.

    Args:
        answers: as of `narrow`.
        first: rung of each ladder above 0, positive, shape (n_brackets,).
        largest: rung of all.

    Returns:
        One bracket a ladder; `fails` is NaN if 0 is answered, `answers` if `largest`
        fails.
    """
    brackets = [Bracket(math.nan, math.nan) for _ in first]
    rungs = [[0.0, *(min(a * 2.0**k, largest) for k in range(4))] for a in first]
    waiting = list(range(len(brackets)))
    while waiting:
        tested = [np.unique(rungs[i]) for i in waiting]
        which = np.repeat(waiting, [len(values) for values in tested])
        answered = answers(which, np.concatenate(tested))
        for i, values in zip(waiting, tested, strict=True):
            found = answered[which == i]
            k = int(found.argmax()) if found.any() else len(values)
            if k > 0:
                brackets[i] = Bracket(float(values[k - 1]), math.nan)
            if k < len(values):
                brackets[i] = replace(brackets[i], answers=float(values[k]))
            top = float(values[-1])
            rungs[i] = [min(2.0 * top, largest), min(4.0 * top, largest)]
        waiting = [
            i
            for i in waiting
            if math.isnan(brackets[i].answers) and brackets[i].fails < largest
        ]
    return brackets


def _values(
    bracket: Bracket, trials: int, whole: bool, with_ends: bool
) -> NDArray[np.float64]:
    values = np.linspace(bracket.fails, bracket.answers, trials + 2)
    if whole:
        values = np.unique(np.round(values))
    return values if with_ends else values[1:-1]


def _inside(
    bracket: Bracket, values: NDArray, answered: NDArray, ends_known: bool
) -> Bracket:
    """The part of a bracket between the last failure and the answer above it."""
    if ends_known:
        values = np.array([bracket.fails, *values, bracket.answers])
        answered = np.array([False, *answered, True])
    failures = np.flatnonzero(~answered)
    last = failures[-1] if failures.size else -1
    return replace(
        bracket,
        fails=float(values[last]) if last >= 0 else math.nan,
        answers=float(values[last + 1]) if last + 1 < len(values) else math.nan,
        is_monotonic=bracket.is_monotonic and not answered[: max(last, 0)].any(),
    )


def _too_wide(bracket: Bracket, width: Callable[[Bracket], float]) -> bool:
    # A bracket of two neighbouring numbers cannot be narrowed, whatever is asked.
    return (
        bracket.is_closed
        and bracket.answers - bracket.fails > width(bracket) * (1.0 + 1e-9)
        and np.nextafter(bracket.fails, math.inf) < bracket.answers
    )


def _rounds_to_go(bracket: Bracket, width: float, trials: int) -> int:
    ratio = (bracket.answers - bracket.fails) / width
    return max(1, math.ceil(math.log(ratio) / math.log(trials + 1)))
