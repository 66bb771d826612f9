"""How long a wave is: the classical product, and what is seen at one moment.

The wavelength of the cardiac impulse is the distance that it runs while the tissue
stays refractory: conduction velocity times effective refractory period, or, where that
was not measured, times the action potential duration. Wiener, Rosenblueth, Arch. Inst.
Cardiol. Mex. 16:205 (1946); Smeets et al., Circ. Res. 58:96 (1986), doi
10.1161/01.RES.58.1.96; Rensma et al., Circ. Res. 62:395 (1988), doi
10.1161/01.RES.62.2.395.

At one moment, along a line, it is the length of tissue between the front, where V rises
through a level, and the tail, where V falls below it. Both agree for a steady wave if
the level is that to which the duration is measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


def wavelength(velocity: ArrayLike, duration: ArrayLike) -> NDArray:
    """Conduction velocity, m/s, times APD or ERP, ms; mm, as both broadcast."""
    return np.asarray(velocity, dtype=float) * np.asarray(duration, dtype=float)


@dataclass(frozen=True)
class ExcitedStretch:
    """Excited tissue on a line at one moment.

    Attributes:
        begin, end: mm along the line.
        is_whole: whether both ends lie on the line; a front or tail beyond its ends
            leaves only a part to be seen.
    """

    begin: float
    end: float
    is_whole: bool

    @property
    def length(self) -> float:
        """Distance of both ends, mm."""
        return self.end - self.begin


def excited_stretches(x: ArrayLike, V: ArrayLike, level: float) -> list[ExcitedStretch]:
    """Stretches of a line in which V is above a level, in the order of x.

    Args:
        x: increasing positions along the line, mm, shape (n_nodes,).
        V: membrane potential at one time, mV, shape (n_nodes,); linear between nodes.
        level: mV.
    """
    x, V = np.asarray(x, dtype=float), np.asarray(V, dtype=float)
    if x.ndim != 1 or V.shape != x.shape or np.any(np.diff(x) <= 0.0):
        raise ValueError(
            f"x has shape {x.shape} and V {V.shape}; expected increasing positions "
            "and one potential at each"
        )
    above = V > level
    change = np.flatnonzero(above[1:] != above[:-1])
    share = (level - V[change]) / (V[change + 1] - V[change])
    at = x[change] + share * (x[change + 1] - x[change])
    ends = np.concatenate([x[:1] if above[0] else [], at, x[-1:] if above[-1] else []])
    begins, stops = ends[::2], ends[1::2]
    return [
        ExcitedStretch(
            float(begin),
            float(stop),
            not (above[0] and k == 0) and not (above[-1] and k == len(begins) - 1),
        )
        for k, (begin, stop) in enumerate(zip(begins, stops, strict=True))
    ]
