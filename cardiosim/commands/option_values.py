"""What several verbs ask for on the command line, and checks of what they are given."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

CaseFolder = Annotated[Path, typer.Argument(help="Folder with case.toml, or the file.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="table.key=value, any number of times."),
]
Force = Annotated[
    bool, typer.Option("--force", help="Replace earlier results in the folder.")
]


def position_of(text: str, option: str) -> tuple[float, ...]:
    """The position that a text names, mm: x, (y, (z)).

    Args:
        text: one to three numbers, separated by commas.
        option: that it came with, for the message.

    Raises:
        ValueError: it is none.
    """
    try:
        position = tuple(float(part) for part in text.split(","))
    except ValueError:
        position = ()
    if not 1 <= len(position) <= 3 or not all(map(math.isfinite, position)):
        raise ValueError(
            f'{option} "{text}"; expected a position in mm, such as 15 or 15,5'
        )
    return position


def require_positive(**options: float | None) -> None:
    """Check options by their names, _ for -; None was not given.

    Raises:
        ValueError: one is not positive and finite.
    """
    for name, value in options.items():
        if value is not None and not 0.0 < value < math.inf:
            option = name.replace("_", "-")
            raise ValueError(f"--{option} {value:g}; expected a positive number")
