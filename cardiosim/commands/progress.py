"""How long it still takes: a bar on a terminal, plain lines elsewhere.

Nothing is shown for what is over within two seconds.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

PATIENCE = 2.0  # s, before anything is shown
LINES_EVERY = 5.0  # s, between plain lines


@contextmanager
def progress(label: str, unit: str = "ms") -> Iterator[Callable[[float, float], None]]:
    """Report on a march: yields a function of (done, end), both in `unit`."""
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


class _Lines:
    """A line every few seconds, for logs."""

    def __init__(self, label: str, unit: str) -> None:
        self._label, self._unit = label, unit
        self._begun = time.monotonic()
        self._next = self._begun + PATIENCE

    def __call__(self, done: float, end: float) -> None:
        now = time.monotonic()
        if now < self._next or done <= 0.0 or done >= end:
            return
        self._next = now + LINES_EVERY
        left = (now - self._begun) * (end - done) / done
        typer.echo(
            f"{self._label}: {done:.6g} of {end:.6g} {self._unit} ({done / end:.0%}), "
            f"{_duration(left)} left",
            err=True,
        )

    def close(self) -> None:
        pass


class _Bar:
    """rich's bar, from the moment it is clear that two seconds will not do."""

    def __init__(self, label: str, unit: str) -> None:
        self._label, self._unit = label, unit
        self._begun = time.monotonic()
        self._bar = None

    def __call__(self, done: float, end: float) -> None:
        if self._bar is None:
            spent = time.monotonic() - self._begun
            if spent < 0.1 or spent * end < PATIENCE * done:
                return
            self._open(end)
        self._bar.update(self._task, completed=done)

    def _open(self, end: float) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.6g} of {task.total:.6g} " + self._unit),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=Console(stderr=True),
            transient=True,
        )
        self._bar.start()
        self._task = self._bar.add_task(self._label, total=end)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
