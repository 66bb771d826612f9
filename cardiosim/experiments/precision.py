"""What float32 costs: a cell paced in float32 beside the same cell in float64.

Both take the same steps from the same state, so that all that differs is rounding. It
enters in two ways. A state changes by less than half a unit in its last place in a
step, and stops: K_i of 140 mM has units of 1.5e-5 mM, and moves by 1e-7 mM in a step.
And currents that nearly cancel leave a remainder of few digits. The first is a drift of
the slow states over beats, the second noise on V.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cardiosim.ionic.compiled import compile_cell
from cardiosim.ionic.interface import IonicModel
from cardiosim.simulation.schedule import whole_steps

SAMPLE = 1.0  # ms between samples


@dataclass(frozen=True)
class PrecisionDrift:
    """Distance of a float32 run from the float64 run.

    Attributes:
        name: of the cell.
        scheme: reaction scheme.
        dt: ms.
        largest: largest |V32 - V64| in each beat, mV, (n_beats,).
        rms: its root mean square in each beat, mV, (n_beats,).
        rest: V32 - V64 at the end of each beat, mV, (n_beats,).
        states: |x32 - x64| at the end, relative to the largest |x64| of the last beat,
            of each state, (n_states,).
        state_names: their names.
    """

    name: str
    scheme: str
    dt: float
    largest: NDArray[np.float64]
    rms: NDArray[np.float64]
    rest: NDArray[np.float64]
    states: NDArray[np.float64]
    state_names: tuple[str, ...]

    @property
    def worst_state(self) -> tuple[str, float]:
        """Name and relative difference of the state that drifted farthest."""
        worst = int(np.argmax(self.states))
        return self.state_names[worst], float(self.states[worst])


def precision_drift(
    model: str | Path,
    *,
    scheme: str = "rush_larsen",
    dt: float = 0.02,
    beats: int = 10,
    bcl: float = 1000.0,
    amplitude: float = 20.0,
    duration: float = 2.0,
    torch_compile: bool | None = None,
) -> PrecisionDrift:
    """Pace a cell in float32 (torch) and in float64 (numba) and compare.

    Args:
        model: name of a cell, or file.
        scheme: reaction scheme.
        dt: ms; divides one millisecond.
        beats: how many.
        bcl: time between their starts, whole ms.
        amplitude: of the stimulus, A/F.
        duration: of the stimulus, whole ms.
        torch_compile: see `compile_cell`.

    Returns:
        The distance of the two runs.

    Raises:
        ValueError: a dt that does not divide a millisecond, or times in fractions of
            it.
    """
    n_steps = whole_steps(SAMPLE, dt, "time between samples", least=1)
    for what, length in (("bcl", bcl), ("duration", duration)):
        if length < SAMPLE or length % SAMPLE != 0.0:
            raise ValueError(
                f"{what} {length:g} ms; expected whole milliseconds, at which the runs "
                f"are compared"
            )
    single = compile_cell(
        model,
        scheme=scheme,
        backend="torch",
        dtype="float32",
        torch_compile=torch_compile,
    )
    cells = (single, compile_cell(model, scheme=scheme))
    single.compile(1)
    paced = [
        _pace(cell, dt, n_steps, beats, (bcl, amplitude, duration)) for cell in cells
    ]  # (n_beats, n_samples, n_states) each
    found, limit = paced
    difference = found[:, :, 0] - limit[:, :, 0]
    scale = np.abs(limit[-1]).max(axis=0)
    final = np.abs(found[-1, -1] - limit[-1, -1])
    return PrecisionDrift(
        name=single.name,
        scheme=scheme,
        dt=dt,
        largest=np.abs(difference).max(axis=1),
        rms=np.sqrt((difference**2).mean(axis=1)),
        rest=difference[:, -1],
        states=np.divide(final, scale, out=np.zeros_like(final), where=scale > 0),
        state_names=single.state_names,
    )


def _pace(
    cell: IonicModel, dt: float, n_steps: int, beats: int, pacing: Sequence[float]
) -> NDArray[np.float64]:
    """States every millisecond, (n_beats, n_samples, n_states)."""
    bcl, amplitude, duration = pacing
    states = cell.initial_states(1)
    n_samples = round(bcl / SAMPLE)
    recorded = np.empty((beats, n_samples, len(states)))
    for beat in range(beats):
        for i in range(n_samples):
            is_on = i * SAMPLE < duration
            cell.react(states, np.array([amplitude * is_on]), dt, n_steps)
            recorded[beat, i] = states[:, 0]
    return recorded
