"""Files that are either there as a whole or not at all.

A file is written aside and renamed into its place, so that a reader, another process
or a run that is killed finds the former content or the new one, never half of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to, which becomes `path` when the block ends well.

    What an exception interrupts is removed; a kill leaves a `.partial` file behind,
    which nothing reads.

    Args:
        path: file to make or replace; its folder exists.
    """
    # The process number keeps two processes that fill one cache apart.
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        with open(partial, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
