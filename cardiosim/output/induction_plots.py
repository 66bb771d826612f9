"""Picture of which trials induce a wave that goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle

from cardiosim.measure.induction import (
    NO_RESPONSE,
    REENTRY_DIES,
    SUSTAINED,
    WAVE_DIES,
    Induction,
)
from cardiosim.output.style import INK, picture

# From rest to a wave that goes on; the text is light on the dark ones.
TILES = {
    NO_RESPONSE: "#e9ecef",
    WAVE_DIES: "#a9c0cf",
    REENTRY_DIES: "#d9b48f",
    SUSTAINED: "#c2704a",
}
LONGEST_LABEL = 22  # characters
ROW_LENGTH = 10  # tiles


def inducibility_figure(
    keys: Sequence[str],
    samples: Sequence[Sequence[object]],
    found: Sequence[Induction],
    path: str | Path,
    *,
    title: str = "",
) -> None:
    """A tile a trial: what became of it, and when it ended or how fast it turns.

    Over two keys the tiles make a table; otherwise they stand one behind the other.

    Args:
        keys: what was varied.
        samples: one value a key each, a trial a row.
        found: one a trial.
        path: PNG file to write.
        title: text above the tiles.
    """
    if not found or len(samples) != len(found):
        raise ValueError(
            f"{len(samples)} samples and {len(found)} trials; expected one each"
        )
    columns, rows, places = _places(keys, samples)
    width, height = 1.6 + 0.78 * len(columns), 1.25 + 0.52 * len(rows)
    with picture(path, max(width, 4.6), height) as figure:
        axes = figure.add_subplot()
        for trial, (column, row) in zip(found, places, strict=True):
            _tile(axes, column, row, trial)
        axes.set(
            xlim=(-0.5, len(columns) - 0.5),
            ylim=(len(rows) - 0.5, -0.5),
            xlabel=keys[0] if len(keys) in (1, 2) else ", ".join(keys),
            ylabel=keys[1] if len(keys) == 2 else "",
        )
        turned = max(map(len, columns), default=0) > 8
        axes.set_xticks(
            range(len(columns)),
            columns,
            rotation=30 if turned else 0,
            ha="right" if turned else "center",
        )
        axes.set_yticks(range(len(rows)), rows)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        handles = [Patch(color=colour, label=name) for name, colour in TILES.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
        figure.suptitle(title, fontsize=9, x=0.01, ha="left")


def _places(
    keys: Sequence[str], samples: Sequence[Sequence[object]]
) -> tuple[list[str], list[str], list[tuple[int, int]]]:
    """Labels of columns and rows, and where each trial stands."""
    if len(keys) == 2:
        first = list(dict.fromkeys(_label(sample[0]) for sample in samples))
        second = list(dict.fromkeys(_label(sample[1]) for sample in samples))
        places = [(first.index(_label(a)), second.index(_label(b))) for a, b in samples]
        return first, second, places
    if len(keys) == 1 and len(samples) <= ROW_LENGTH:
        labels = [_label(sample[0]) for sample in samples]
        return labels, [""], [(k, 0) for k in range(len(samples))]
    n_rows = -(-len(samples) // ROW_LENGTH)
    rows = [f"from {row * ROW_LENGTH}" for row in range(n_rows)]
    columns = [str(k) for k in range(min(ROW_LENGTH, len(samples)))]
    return (
        columns,
        rows,
        [(k % ROW_LENGTH, k // ROW_LENGTH) for k in range(len(samples))],
    )


def _label(value: object) -> str:
    if isinstance(value, float | int):
        return f"{value:g}"
    if isinstance(value, Mapping):
        text = ", ".join(f"{k} {_label(v)}" for k, v in value.items())
    elif isinstance(value, list | tuple):
        text = ", ".join(map(_label, value))
    else:
        text = str(value)
    if len(text) > LONGEST_LABEL:
        return f"{text[: LONGEST_LABEL - 3]}..."
    return text


def _tile(axes: Axes, column: int, row: int, trial: Induction) -> None:
    axes.add_patch(
        _rectangle(column, row, TILES[trial.outcome]),
    )
    text = f"silent after\n{trial.last_activation:.0f} ms"
    if trial.outcome == NO_RESPONSE or np.isnan(trial.last_activation):
        text = "no response"
    elif trial.outcome == SUSTAINED:
        text = f"{trial.beats:.0f} beats\nof {trial.cycle_length:.0f} ms"
    light = trial.outcome == SUSTAINED
    axes.text(
        column,
        row,
        text,
        ha="center",
        va="center",
        fontsize=6.5,
        color="white" if light else INK,
    )


def _rectangle(column: int, row: int, colour: str) -> Patch:
    return Rectangle((column - 0.47, row - 0.46), 0.94, 0.92, color=colour, lw=0)
