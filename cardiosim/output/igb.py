"""IGB: the series of one variable as openCARP, meshalyzer and carputils read it.

1024 bytes of text, pairs `key:value` in lines of at most 80 characters, filled with
blanks and ended by a form feed; then float32 values, all nodes of one step behind those
of the step before. Steps are equally long: `org_t` is the first time, `dim_t` the time
from the first to the last.

Format: openCARP manual, "IGB files" (https://opencarp.org/manual/opencarp-manual-latest.pdf).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cardiosim.output.fields import FieldSeries
from cardiosim.whole_file import whole_file

HEAD_BYTES = 1024
LINE = 80
# Of the time of the snapshots: they are multiples of dt, added up in floats.
EQUAL = 1e-6


def write_igb(
    path: Path,
    series: FieldSeries,
    name: str,
    show: Callable[[float, float], None],
) -> None:
    """Write the snapshots of one variable.

    Args:
        path: file to make or replace.
        series: snapshots at equal distances, read one at a time.
        name: variable of the series.
        show: called with the number of steps that are written, and of all.

    Raises:
        ValueError: the snapshots are not at equal distances.
    """
    n_steps = len(series.times)
    gaps = np.diff(series.times)
    if n_steps > 2 and np.ptp(gaps) > EQUAL * gaps.mean():
        raise ValueError(
            f"snapshots are {gaps.min():g} to {gaps.max():g} ms apart; IGB knows equal "
            "steps only: export to vtkhdf or pvd, or record at equal times"
        )
    with whole_file(path) as partial, open(partial, "wb") as file:
        file.write(_head(series.times, series.n_nodes, series.units[name]))
        for number, (_, values) in enumerate(series.steps([name])):
            file.write(values[name].astype("<f4").tobytes())
            show(number + 1, n_steps)


def write_node_values(path: Path, values: NDArray) -> None:
    """Write one number a line, as meshalyzer reads what does not change with time."""
    with whole_file(path) as partial:
        np.savetxt(partial, values, fmt="%.9g")


def _head(times: NDArray, n_nodes: int, unit: str) -> bytes:
    keys = {
        "x": n_nodes,
        "y": 1,
        "z": 1,
        "t": len(times),
        "type": "float",
        "systeme": "little_endian",
        "org_t": f"{times[0]:.12g}",
        "dim_t": f"{times[-1] - times[0]:.12g}",
        "unites_x": "mm",
        "unites_t": "ms",
        # These would end the value or begin a comment.
        "unites": re.sub(r"[\s,;*#]", ".", unit) or "1",
    }
    if len(times) == 1:  # readers divide dim_t by t - 1
        del keys["dim_t"]
    lines = [""]
    for key, value in keys.items():
        pair = f"{key}:{value}"
        if len(lines[-1]) + 1 + len(pair) > LINE - 2:
            lines.append("")
        lines[-1] = f"{lines[-1]} {pair}".lstrip()
    text = "\r\n".join([*lines, ""])
    while len(text) < HEAD_BYTES - 1:
        left = HEAD_BYTES - 3 - len(text)  # for blanks in the next line
        text += " " * (min(LINE - 2, left) if left != LINE - 1 else left // 2) + "\r\n"
    return (text + "\f").encode("ascii")
