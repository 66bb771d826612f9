"""What the electrograms of a run show: entries of its summary, tables, a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cardiosim.experiments.findings import entry
from cardiosim.measure.electrogram import (
    BipolarBeats,
    PlaneWave,
    UnipolarBeats,
    bipolar_beats,
    plane_wave,
    unipolar_beats,
)
from cardiosim.output.electrograms import Electrogram
from cardiosim.output.results import Results
from cardiosim.tissue.positions import nearest_nodes

Numbers = dict[str, dict[str, Any]]

NEAR = 5.0  # mm; farther away an electrode sees no one node


@dataclass(frozen=True, eq=False)
class MeasuredElectrogram:
    """One recording, and what is in it.

    Attributes:
        electrogram: as recorded.
        unipolar: beats of its electrodes.
        bipolar: beats of its pairs.
        lat: first activation of the node nearest to each electrode, ms,
            shape (n_electrodes,); NaN where the run has none, and of electrodes that
            are farther than NEAR from it.
    """

    electrogram: Electrogram
    unipolar: UnipolarBeats
    bipolar: BipolarBeats
    lat: NDArray

    @property
    def n_beats(self) -> int:
        """Most beats that any electrode has."""
        return len(self.unipolar.activation)

    def wave(self, beat: int) -> PlaneWave | None:
        """The plane wave of a beat, from 0; None where there is none."""
        if beat >= self.n_beats:
            return None
        try:
            return plane_wave(
                self.electrogram.positions, self.unipolar.activation[beat]
            )
        except ValueError:
            return None


def measured_electrogram(
    results: Results,
    electrogram: Electrogram,
    start: float = -math.inf,
    stop: float = math.inf,
    signals: NDArray | None = None,
) -> MeasuredElectrogram:
    """Measure a recording.

    Args:
        results: that it is of.
        electrogram: of them.
        start, stop: ms, between which to look.
        signals: bipolar electrograms to measure, such as filtered ones, mV, shape
            (n_times, n_pairs); those of the recording by default.
    """
    unipolar = unipolar_beats(electrogram.times, electrogram.potentials, start, stop)
    bipolar = BipolarBeats(*np.empty((2, len(unipolar.activation), 0)))
    if len(electrogram.pairs):
        bipolar = bipolar_beats(
            electrogram.times,
            electrogram.bipolar if signals is None else signals,
            unipolar.activation[:, electrogram.pairs].mean(axis=2),
        )
    lat = np.full(len(electrogram.names), np.nan)
    if len(results.activation):
        nodes = nearest_nodes(results.mesh_points, list(electrogram.positions))
        away = results.mesh_points[nodes] - electrogram.positions
        is_near = np.linalg.norm(away, axis=1) <= NEAR
        lat = np.where(is_near, results.activation[0, nodes], np.nan)
    return MeasuredElectrogram(electrogram, unipolar, bipolar, lat)


def electrogram_numbers(results: Results) -> tuple[Numbers, list[str]]:
    """Numbers of the first beat of every recording, and what could not be measured."""
    numbers: Numbers = {}
    warnings = []
    for name, electrogram in results.electrograms.items():
        try:
            measured = measured_electrogram(results, electrogram)
        except ValueError as error:
            warnings.append(f"electrogram {name} was not measured: {error}")
            continue
        if not measured.n_beats:
            warnings.append(f"electrogram {name} shows no activation")
            continue
        numbers |= numbers_of(name, measured)
    return numbers, warnings


def numbers_of(name: str, measured: MeasuredElectrogram) -> Numbers:
    """Entries of a summary of one recording, which has a beat."""
    amplitude = measured.unipolar.amplitude[0]
    late = measured.unipolar.activation[0] - measured.lat
    numbers = {
        f"{name}_amplitude": entry(
            float(np.nanmedian(amplitude)),
            "mV",
            "median over the electrodes of the unipolar amplitude, first beat",
        )
    }
    if measured.bipolar.amplitude.size:
        numbers[f"{name}_bipolar_amplitude"] = entry(
            _largest(measured.bipolar.amplitude[0]),
            "mV",
            "largest bipolar amplitude of all pairs, first beat",
        )
    if np.isfinite(late).any():
        numbers[f"{name}_activation_after_lat"] = entry(
            float(late[np.nanargmax(np.abs(late))]),
            "ms",
            "steepest fall of the unipolar electrogram after the activation of the "
            "node nearest to the electrode, of the electrode where they differ most",
        )
    wave = measured.wave(0)
    if wave is not None:
        numbers[f"{name}_velocity"] = entry(
            wave.velocity,
            "m/s",
            "of the plane wave that fits the activation of all electrodes best, "
            "first beat",
        )
        numbers[f"{name}_velocity_residual"] = entry(
            wave.residual, "ms", "root mean square of what that plane wave leaves"
        )
    return numbers


def _largest(values: NDArray) -> float:
    return float(np.nanmax(values)) if np.isfinite(values).any() else math.nan


def draw_electrograms(results: Results, folder: Path, title: str = "") -> list[str]:
    """A picture of each recording; returns the names of the files."""
    drawn = []
    for name, electrogram in results.electrograms.items():
        if len(electrogram.times) < 4:
            continue
        measured = measured_electrogram(results, electrogram)
        draw_electrogram(measured, folder / f"electrograms_{name}.png", title)
        drawn.append(f"electrograms_{name}.png")
    return drawn


def draw_electrogram(
    measured: MeasuredElectrogram,
    path: Path,
    title: str = "",
    signals: NDArray | None = None,
) -> None:
    """The traces of a recording with their activation and recovery."""
    from cardiosim.output.electrogram_plots import electrograms_figure

    electrogram = measured.electrogram
    electrograms_figure(
        electrogram.times,
        electrogram.potentials,
        electrogram.names,
        path,
        bipolar=electrogram.bipolar if signals is None else signals,
        pair_names=electrogram.pair_names,
        activation=measured.unipolar.activation,
        recovery=measured.unipolar.recovery,
        title=f"{title}: {electrogram.name}" if title else electrogram.name,
    )
