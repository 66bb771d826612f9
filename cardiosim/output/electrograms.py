"""electrograms.h5 of a results folder: what the electrodes saw.

A group a recording, with `times` (n_times,), `potentials` (n_times, n_electrodes) in
mV, `positions` (n_electrodes, 3) in mm, `names` (n_electrodes,), and `pairs`
(n_pairs, 2): electrodes of bipolar electrograms, the first minus the second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cardiosim.output.hdf5 import open_hdf5, replace_hdf5

FILE = "electrograms.h5"


@dataclass(frozen=True, eq=False)
class Electrogram:
    """Unipolar electrograms of a few electrodes at the same times."""

    name: str
    times: NDArray  # ms, (n_times,)
    potentials: NDArray  # mV, (n_times, n_electrodes)
    positions: NDArray  # mm, (n_electrodes, 3)
    names: tuple[str, ...]  # of the electrodes
    pairs: NDArray  # of bipolar electrograms, (n_pairs, 2)

    @property
    def bipolar(self) -> NDArray:
        """First minus second electrode of each pair, mV, shape (n_times, n_pairs)."""
        return (
            self.potentials[:, self.pairs[:, 0]] - self.potentials[:, self.pairs[:, 1]]
        )

    @property
    def pair_names(self) -> tuple[str, ...]:
        """As in "A1-A2"."""
        return tuple(f"{self.names[a]}-{self.names[b]}" for a, b in self.pairs)


def write_electrograms(folder: Path, electrograms: Sequence[Electrogram]) -> None:
    """All electrograms of a run, in place of those there; none write no file."""
    if not electrograms:
        return
    with replace_hdf5(folder / FILE) as file:
        for electrogram in electrograms:
            group = file.create_group(electrogram.name, track_order=True)
            for key, unit in (
                ("times", "ms"),
                ("potentials", "mV"),
                ("positions", "mm"),
            ):
                group.create_dataset(key, data=getattr(electrogram, key))
                group[key].attrs["unit"] = unit
            group.create_dataset("names", data=list(electrogram.names))
            group.create_dataset("pairs", data=electrogram.pairs.astype(np.int64))


def read_electrograms(folder: Path) -> Mapping[str, Electrogram]:
    """Electrograms by name; none where a run has recorded none."""
    if not (folder / FILE).is_file():
        return {}
    with open_hdf5(folder / FILE) as file:
        return {
            name: Electrogram(
                name=name,
                times=group["times"][:],
                potentials=group["potentials"][:],
                positions=group["positions"][:],
                names=tuple(group["names"].asstr()[:]),
                pairs=group["pairs"][:],
            )
            for name, group in file.items()
        }
