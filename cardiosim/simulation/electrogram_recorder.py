"""Extracellular potentials at electrodes, while the run goes on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.schedule import Schedule
from cardiosim.tissue.volume_conductor import VolumeConductor

Array = NDArray[np.float64]


class ElectrogramRecorder:
    """Unipolar electrograms in an unbounded volume conductor (volume_conductor.py).

    Attributes:
        times: ms, shape (n_samples,); complete after the run, as are the potentials.
        potentials: mV, shape (n_samples, n_electrodes).
    """

    def __init__(
        self,
        electrodes: Sequence[Sequence[float]] | Array,
        conductivity: float,
        capacitance: float,
        across: float = 1.0,
        interval: float | None = None,
        start: float = 0.0,
    ):
        """Record from time `start` on, and at the end of the run.

        Args:
            electrodes: mm, shape (n_electrodes, 3).
            conductivity, capacitance, across: as of VolumeConductor.
            interval: ms, a whole number of steps; every step if None.
            start: ms, a whole number of steps.
        """
        self.electrodes = np.asarray(electrodes, dtype=float)
        if self.electrodes.ndim != 2 or self.electrodes.shape[1:] != (3,):
            raise ValueError(
                f"electrodes have shape {self.electrodes.shape}; expected "
                "(n_electrodes, 3), positions in mm"
            )
        self.conductivity, self.capacitance = conductivity, capacitance
        self.across = across
        self.interval, self.start = interval, start
        self._conductor: VolumeConductor | None = None

    def begin(self, problem: Monodomain, dt: float, n_steps: int) -> None:
        """Get ready; forgets an earlier run."""
        if problem.diffusion is None:
            raise ValueError(
                "electrograms need tissue, and these nodes are uncoupled; record a "
                "trace of V instead"
            )
        self.schedule = Schedule.fit(self.interval, self.start, dt, n_steps)
        self._times: list[float] = []
        self._samples: list[Array] = []
        self._conductor = VolumeConductor(
            problem.mesh,
            problem.diffusion.operator,
            self.electrodes,
            self.conductivity,
            self.capacitance,
            self.across,
        )

    def record_potential(self, t: float, V: Array) -> None:
        """Take the potentials of this moment."""
        self._times.append(t)
        self._samples.append(self._conductor.potentials(V))

    def so_far(self) -> tuple[Array, Array]:
        """Times, ms, and potentials, mV, of the samples taken until now."""
        shape = len(self._times), len(self.electrodes)
        return np.array(self._times), np.array(self._samples).reshape(shape)

    def finish(self) -> None:
        """Gather the electrograms."""
        self.times, self.potentials = self.so_far()
