"""Times on the command line: single ones and ranges, as in 250,260,300:800:50."""

from __future__ import annotations

from cardiosim.case.protocols import spread


def interval_list(text: str, option: str) -> list[float]:
    """The times, ms, that a text names, increasing, each once.

    Args:
        text: numbers and from:to:step, both ends included, separated by commas.
        option: that it came with, for the message.

    Raises:
        ValueError: it names none, or one that is not positive.
    """
    times: set[float] = set()
    try:
        for part in text.split(","):
            ends = [float(end) for end in part.split(":")]
            if len(ends) == 1:
                times.add(ends[0])
            else:
                low, high, step = ends
                times |= set(spread({"from": low, "to": high, "step": step}))
    except ValueError:
        times = set()
    if not times or not all(0.0 < time < float("inf") for time in times):
        raise ValueError(
            f'{option} "{text}"; expected times in ms, separated by commas, and ranges '
            "from:to:step, such as 250,260,300:800:50"
        )
    return sorted(times)
