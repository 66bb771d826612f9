"""The frequency at which tissue is excited most, node by node.

    V less its mean, Hann window, periodogram; the dominant frequency is that of its
    largest value within a band, if that is a peak: where the power is largest at an
    end of the band, as that of what is slower than the band, there is none

Two frequencies nearer than the resolution 1/T, T the length of the recording, cannot be
told apart, however fine the frequencies at which the spectrum is computed: zeros behind
the recording (zero padding) only interpolate between those that are 1/T apart. The peak
of a single frequency is 1.44/T wide at half its power with this window; its top is
found to a small part of that where nothing else is near.

Used on fibrillation since Skanes et al., Circulation 98:1236 (1998), doi
10.1161/01.CIR.98.12.1236. The organisation index is the share of the power that lies
round the dominant frequency and its multiples, after Everett et al., IEEE Trans.
Biomed. Eng. 48:969 (2001), doi 10.1109/10.942586.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.measure.activation import cycle_lengths

BAND = (1.0, 20.0)  # Hz, in which the peak is looked for
PADDING = 16  # frequencies that are computed, in one resolution
HERTZ = 1e3  # of 1/ms
BLOCK = 2048  # nodes whose spectra are held at once
HARMONICS = 4  # with the dominant frequency itself, of the organisation index


@dataclass(frozen=True, eq=False)
class DominantFrequency:
    """Largest peak of the spectrum of each node.

    Attributes:
        values: Hz, shape (n_nodes,); NaN where V does not change, or the band holds no
            peak.
        organisation: share of the power in the band that lies within a resolution of
            the peak and its multiples, shape (n_nodes,), from 0 to 1.
        resolution: Hz, 1/T.
        frequencies: at which the spectrum is given, Hz, shape (n_frequencies,).
        spectrum: mean of the nodes' power spectra, each divided by its own power in
            the band, shape (n_frequencies,).
    """

    values: NDArray
    organisation: NDArray
    resolution: float
    frequencies: NDArray
    spectrum: NDArray


def dominant_frequency(
    V: ArrayLike, times: ArrayLike, band: tuple[float, float] = BAND
) -> DominantFrequency:
    """Dominant frequency of each node, from samples at equal distances.

    Args:
        V: membrane potential, mV, or any other signal, shape (n_times, n_nodes).
        times: ms, shape (n_times,).
        band: Hz; the lower end is at least two resolutions, the upper one at most
            half the sampling rate.

    Raises:
        ValueError: the samples are not at equal distances, or nothing is left of the
            band.
    """
    from scipy.signal import ZoomFFT, get_window

    V, times = np.asarray(V), np.asarray(times, dtype=float)
    if V.ndim != 2 or times.shape != V.shape[:1] or len(times) < 3:
        raise ValueError(
            f"V has shape {V.shape} and times {times.shape}; expected (n_times, "
            "n_nodes) and (n_times,) with three times or more"
        )
    steps = np.diff(times)
    if np.ptp(steps) > 1e-6 * steps.mean() or steps[0] <= 0.0:
        raise ValueError(
            f"samples are {steps.min():g} to {steps.max():g} ms apart; a spectrum "
            "needs equal distances"
        )
    rate = HERTZ / steps.mean()
    resolution = rate / len(times)
    low, high = max(band[0], 2.0 * resolution), min(band[1], 0.5 * rate)
    if low >= high:
        raise ValueError(
            f"a band of {band[0]:g} to {band[1]:g} Hz has nothing between two "
            f"resolutions, {2.0 * resolution:.3g} Hz, and half the sampling rate, "
            f"{0.5 * rate:.3g} Hz; record longer or more often, or widen the band"
        )
    # Of zeros behind the recording only the band is computed: the chirp z-transform.
    count = max(3, int(PADDING * (high - low) / resolution) + 1)
    frequencies = np.linspace(low, high, count)
    zoom = ZoomFFT(len(times), [low, high], count, fs=rate, endpoint=True)
    window = get_window("hann", len(times))[:, None]
    values, organisation = (np.full(V.shape[1], np.nan) for _ in range(2))
    total, seen = 0.0, 0
    for first in range(0, V.shape[1], BLOCK):
        here = slice(first, first + BLOCK)
        signal = V[:, here].astype(float)
        power = np.abs(zoom(window * (signal - signal.mean(axis=0)), axis=0)) ** 2
        whole = power.sum(axis=0)
        # Of a constant, rounding leaves a spectrum too.
        moves = whole > 1e-12 * np.square(signal).sum(axis=0)
        peak = np.where(moves, _tops(frequencies, power), np.nan)
        has_peak = np.isfinite(peak)
        values[here] = peak
        power = power / np.where(moves, whole, 1.0)
        organisation[here] = np.where(
            has_peak, _round_multiples(frequencies, power, peak, resolution), np.nan
        )
        total = total + power[:, moves].sum(axis=1)
        seen += int(moves.sum())
    return DominantFrequency(
        values, organisation, resolution, frequencies, total / max(seen, 1)
    )


def activation_frequency(activation: ArrayLike, begin: float, end: float) -> NDArray:
    """Activations a second, from the mean time between those from `begin` to `end`.

    It needs no samples of V. Unlike a spectrum, it counts every activation alike; its
    resolution is that of the activation times over their number.

    Args:
        activation: ms, shape (n_beats, n_nodes), as of `cycle_lengths`.
        begin, end: ms, included.

    Returns:
        Hz, shape (n_nodes,); NaN where there were fewer than two.
    """
    return HERTZ / cycle_lengths(activation, begin, end).mean


def _tops(frequencies: NDArray, power: NDArray) -> NDArray:
    """Where the peak of each column is, by a parabola through three; NaN at an end."""
    at = power.argmax(axis=0)
    inner = np.clip(at, 1, len(power) - 2)
    column = np.arange(power.shape[1])
    below, top, above = (power[inner + side, column] for side in (-1, 0, 1))
    bend = below - 2.0 * top + above
    shift = np.where(bend < 0.0, 0.5 * (below - above) / np.where(bend, bend, 1.0), 0.0)
    step = frequencies[1] - frequencies[0]
    return np.where(
        at == inner, frequencies[inner] + step * np.clip(shift, -1, 1), np.nan
    )


def _round_multiples(
    frequencies: NDArray, power: NDArray, peak: NDArray, resolution: float
) -> NDArray:
    """Power within a resolution of the peak and its multiples, shape (n_nodes,)."""
    near = np.zeros(power.shape, dtype=bool)
    for multiple in range(1, HARMONICS + 1):
        with np.errstate(invalid="ignore"):
            near |= np.abs(frequencies[:, None] - multiple * peak) <= resolution
    return np.where(near, power, 0.0).sum(axis=0)
