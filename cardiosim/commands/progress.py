"""How long it still takes: a bar on a terminal, plain lines elsewhere.

Nothing is shown for what is over within two seconds. The rate is that since the first
report: what comes before it, such as compiling, comes once.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import typer

PATIENCE = 2.0  # s, before anything is shown
LINES_EVERY = 5.0  # s, between plain lines


@contextmanager
def progress(label: str, unit: str = "ms") -> Iterator[Callable[[float, float], None]]:
    """Report on a march: yields a function of (done, end), both in `unit`.

    Several marches may follow one another under one label: `done` goes back then.
    """
    show = _Bar(label, unit) if sys.stderr.isatty() else _Lines(label, unit)
    try:
        yield show
    finally:
        show.close()


@contextmanager
def waiting(label: str) -> Iterator[None]:
    """Say what is going on while it cannot be told how long it takes."""
    if sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status(f"{label} ..."):
            yield
        return
    timer = threading.Timer(PATIENCE, typer.echo, (f"{label} ...",), {"err": True})
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class _Rate:
    """How long it still takes, from the second report on; anew where done goes back."""

    def __init__(self) -> None:
        self._begun: tuple[float, float] | None = None
        self._done = 0.0

    def left(self, now: float, done: float, end: float) -> float:
        """Seconds to go; NaN at the first report of each march."""
        if self._begun is None or done < self._done:
            self._begun = now, done
        self._done = done
        begun, before = self._begun
        if done <= before:
            return math.nan
        return (now - begun) * (end - done) / (done - before)


@contextmanager
def phases() -> Iterator[Callable[[str], None]]:
    """Wait for several things in turn: yields a function of the name of each."""
    with ExitStack() as stack:

        def begin(label: str) -> None:
            stack.close()
            stack.enter_context(waiting(label))

        yield begin


class _Lines:
    """A line every few seconds, for logs."""

    def __init__(self, label: str, unit: str) -> None:
        self._label, self._unit = label, unit
        self._rate = _Rate()
        self._next = time.monotonic() + PATIENCE

    def __call__(self, done: float, end: float) -> None:
        now = time.monotonic()
        left = self._rate.left(now, done, end)
        if now < self._next or math.isnan(left) or done >= end:
            return
        self._next = now + LINES_EVERY
        if round(left) < 1:  # the results come sooner than this line is read
            return
        amount = f"{done:{_format(end)}} of {end:{_format(end)}} {self._unit}"
        # Rounded down: 100 % is not "still to do".
        share = f"{math.floor(100.0 * done / end)}%"
        typer.echo(
            f"{self._label}: {amount} ({share}), {_duration(left)} left", err=True
        )

    def close(self) -> None:
        pass


class _Bar:
    """rich's bar, from the moment it is clear that two seconds will not do."""

    def __init__(self, label: str, unit: str) -> None:
        self._label, self._unit = label, unit
        self._rate = _Rate()
        self._bar = None

    def __call__(self, done: float, end: float) -> None:
        left = self._rate.left(time.monotonic(), done, end)
        if math.isnan(left):
            return
        if self._bar is None:
            if left < PATIENCE:
                return
            self._open(end)
        said = f"{_duration(left)} left"
        self._bar.update(self._task, completed=done, total=end, left=said)

    def _open(self, end: float) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn(
                f"{{task.completed:{_format(end)}}} of {{task.total:{_format(end)}}} "
                + self._unit
            ),
            TextColumn("{task.fields[left]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._bar.start()
        self._task = self._bar.add_task(self._label, total=end, left="")

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


def _format(end: float) -> str:
    """Format of an amount out of `end`: whole numbers where the end is a large one."""
    return ".0f" if end >= 100.0 else ".3g"


def _duration(seconds: float) -> str:
    """The two largest units of a duration."""
    left, parts = round(seconds), []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        amount, left = divmod(left, size)
        if amount or parts or unit == "s":
            parts.append(f"{amount} {unit}")
    return " ".join(parts[:2])
