"""`cardiosim info`: what a report of a problem should begin with."""

from __future__ import annotations

import importlib.util
import os

from cardiosim.commands.table import show_table


def info() -> None:
    """Show versions, processor, threads and devices."""
    import numba
    import psutil

    from cardiosim.case.resolve import cpu_name, versions

    memory = psutil.virtual_memory()
    load = ", ".join(f"{value:.2f}" for value in psutil.getloadavg())
    rows = [
        *versions().items(),
        ("processor", cpu_name()),
        ("cores", f"{psutil.cpu_count(logical=False)}, {os.cpu_count()} logical"),
        ("threads", f"{numba.get_num_threads()} (NUMBA_NUM_THREADS changes it)"),
        ("load", f"{load} over 1, 5, 15 minutes"),
        ("memory", f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB"),
        ("gpu", _gpu()),
    ]
    show_table(("what", "is"), rows)


def _gpu() -> str:
    if importlib.util.find_spec("torch") is None:
        return "not looked for: torch is not installed"
    import torch

    if not torch.cuda.is_available():
        return "none that torch can use"
    return ", ".join(
        torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())
    )
