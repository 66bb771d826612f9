"""Lists of node numbers in files: openCARP's .vtx, and plain text.

A .vtx file holds the number of nodes, "intra" or "extra" (older files leave it out),
then the nodes, counted from 0. Which side of the membrane is meant makes no difference
in a monodomain, and is not kept. A plain file holds nothing but node numbers. In both,
what follows a # is a comment.

Reference: openCARP user's manual, "Input file formats", https://opencarp.org
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def read_vertices(path: str | Path) -> NDArray[np.intp]:
    """Read a list of node numbers, in the order of the file.

    Args:
        path: a .vtx file, or a plain one of any other ending.

    Raises:
        ValueError: there is no such file, it holds something else than numbers of
            nodes, or not as many as it says.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, IsADirectoryError):
        raise ValueError(f"{path} is no file; expected a list of nodes") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text; expected a list of nodes") from None
    words = [word for line in lines for word in line.partition("#")[0].split()]
    announced = None
    if words[1:2] in (["intra"], ["extra"]):
        announced, words = words[0], words[2:]
    elif path.suffix.lower() == ".vtx":
        announced, words = words[0] if words else "no", words[1:]
    for word in words:
        if not (word.isascii() and word.isdecimal() and len(word) < 19):
            raise ValueError(f"{path} holds {word!r}; expected node numbers, from 0")
    if announced not in (None, str(len(words))):
        raise ValueError(
            f"{path} announces {announced} nodes and lists {len(words)}; is it cut off?"
        )
    return np.array(words, dtype=np.intp)
