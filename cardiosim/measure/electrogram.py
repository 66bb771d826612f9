"""Numbers from unipolar and bipolar electrograms.

    activation   steepest fall of the unipolar electrogram, which is when the front is
                 below the electrode: -d phi/dt is largest. A fall counts if it is at
                 least `share` as steep as the steepest of the electrode, and no two
                 are closer than `blanking`
    amplitude    largest minus smallest potential within `window` of the activation;
                 the largest is R, the smallest S, against 0: where V is uniform there
                 is no source, so that an unbounded conductor has no other baseline
    recovery     steepest rise of the T wave, whatever its polarity (Wyatt's method),
                 from `earliest` after the activation until the next. The interval
                 between the two is the activation-recovery interval, ARI
    deflections  turning points of a bipolar electrogram that stand out by at least
                 `prominence` of its amplitude: 2 of a smooth biphasic one, 0 of one
                 below 0.01 mV

Slopes are differences of neighbouring samples, and their extremes are refined by the
parabola through three of them: of a smooth wave, times are good to a tenth of a sample.

References: Haws, Lux 1990, doi 10.1161/01.CIR.81.1.281 (ARI against action potentials);
Wyatt et al. 1981, Am. J. Cardiol. 47:488 (both slopes); Spach et al. 1979, doi
10.1161/01.RES.45.2.188 (what a passing front does to an electrogram).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.measure.beats import check_recording

Array = NDArray[np.float64]

BLANKING = 50.0  # ms
SHARE = 0.2
WINDOW = 50.0  # ms
EARLIEST = 60.0  # ms; the shortest action potentials of remodelled atria are longer
BEFORE_NEXT = 20.0  # ms before an activation, where its R wave may have begun
PROMINENCE = 0.1
RESOLVED = 0.01  # mV; below, what turns is rounding, or the noise of any amplifier
PLANE = 0.3  # of the spread of activations; 9 % of their variance
BAND = (30.0, 300.0)  # Hz, of bipolar electrograms in recording systems


@dataclass(frozen=True, eq=False)
class UnipolarBeats:
    """What unipolar electrograms show, by beat; NaN where an electrode has fewer.

    Attributes:
        activation: ms, shape (n_beats, n_electrodes), like all others.
        slope: of the steepest fall, mV/ms, negative.
        R: largest potential around the activation, mV.
        S: smallest potential, mV.
        recovery: ms; NaN as well where the recording shows no T wave.
    """

    activation: Array
    slope: Array
    R: Array
    S: Array
    recovery: Array

    @property
    def amplitude(self) -> Array:
        """R - S, mV."""
        return self.R - self.S

    @property
    def ari(self) -> Array:
        """Activation-recovery interval, ms."""
        return self.recovery - self.activation


def unipolar_beats(
    times: ArrayLike,
    potentials: ArrayLike,
    start: float = -math.inf,
    stop: float = math.inf,
    blanking: float = BLANKING,
    share: float = SHARE,
    window: float = WINDOW,
    earliest: float = EARLIEST,
) -> UnipolarBeats:
    """Measure every beat of unipolar electrograms; definitions in the module.

    Args:
        times: increasing sample times, ms, shape (n_times,).
        potentials: mV, shape (n_times, n_electrodes).
        start: ms; what is before does not count, such as the field of a stimulus.
        stop: ms, likewise after.
        blanking: least time between activations, ms.
        share: of the steepest fall of an electrode that others need to count.
        window: before and after an activation, ms, that its wave may take.
        earliest: ms from an activation to its recovery.

    Raises:
        ValueError: shapes do not fit, or fewer than four samples are left.
    """
    times, potentials = _checked(times, potentials, start, stop)
    slopes = np.diff(potentials, axis=0) / np.diff(times)[:, np.newaxis]
    middles = 0.5 * (times[1:] + times[:-1])
    found = [
        _beats_of(times, trace, middles, slope, (blanking, share, window, earliest))
        for trace, slope in zip(potentials.T, slopes.T, strict=True)
    ]
    n_beats = max(map(len, found), default=0)
    table = np.full((5, n_beats, len(found)), np.nan)
    for electrode, beats in enumerate(found):
        table[:, : len(beats), electrode] = np.reshape(beats, (-1, 5)).T
    return UnipolarBeats(*table)


def _beats_of(
    times: Array, trace: Array, middles: Array, slope: Array, settings: tuple
) -> list[tuple[float, ...]]:
    """Activation, slope, R, S and recovery of the beats of one electrode."""
    from scipy.signal import find_peaks

    blanking, share, window, earliest = settings
    fall = -slope
    steepest = float(fall.max())
    if not steepest > 0.0:
        return []
    step = float(np.median(np.diff(times)))
    # An extreme at either end of the recording is no peak.
    peaks, _ = find_peaks(
        fall, height=share * steepest, distance=max(1, round(blanking / step))
    )
    vertices = np.array([_vertex(middles, fall, k) for k in peaks]).reshape(-1, 2)
    activation = vertices[:, 0]
    between = 0.5 * (activation[1:] + activation[:-1])
    begins = np.maximum(activation - window, [-math.inf, *between])
    ends = np.minimum(activation + window, [*between, math.inf])
    following = [*(activation[1:] - BEFORE_NEXT), math.inf]
    beats = []
    for (t, fastest), begin, end, last in zip(
        vertices, begins, ends, following, strict=True
    ):
        wave = trace[(times >= begin) & (times <= end)]
        recovery = _steepest_rise(middles, slope, t + earliest, last)
        beats.append((t, -fastest, wave.max(), wave.min(), recovery))
    return beats


def _steepest_rise(middles: Array, slope: Array, begin: float, end: float) -> float:
    """Time of the steepest rise between two times, ms; NaN if it is at either."""
    inside = np.flatnonzero((middles >= begin) & (middles <= end))
    if inside.size < 3:
        return math.nan
    k = int(inside[slope[inside].argmax()])
    if k in (inside[0], inside[-1]) or not slope[k] > 0.0:
        return math.nan
    return _vertex(middles, slope, k)[0]


def _vertex(times: Array, values: Array, k: int) -> tuple[float, float]:
    """Vertex of the parabola through a largest sample and those beside it."""
    (t0, t1, t2), (y0, y1, y2) = times[k - 1 : k + 2], values[k - 1 : k + 2]
    left, right = (y1 - y0) / (t1 - t0), (y2 - y1) / (t2 - t1)
    if left == right:
        return float(t1), float(y1)
    middle = 0.5 * (t0 + t1)
    vertex = middle + left / (left - right) * 0.5 * (t2 - t0)
    vertex = min(max(vertex, middle), 0.5 * (t1 + t2))
    bend = (right - left) / (0.5 * (t2 - t0))
    slope = left + bend * (t1 - middle)
    away = vertex - t1
    return float(vertex), float(y1 + slope * away + 0.5 * bend * away**2)


@dataclass(frozen=True, eq=False)
class BipolarBeats:
    """What bipolar electrograms show, by beat; NaN where a beat was not seen.

    Attributes:
        amplitude: largest minus smallest, mV, shape (n_beats, n_pairs).
        deflections: how many, likewise.
    """

    amplitude: Array
    deflections: Array


def bipolar_beats(
    times: ArrayLike,
    bipolar: ArrayLike,
    activation: ArrayLike,
    window: float = WINDOW,
    prominence: float = PROMINENCE,
) -> BipolarBeats:
    """Measure bipolar electrograms around known activations.

    Args:
        times: ms, shape (n_times,).
        bipolar: mV, shape (n_times, n_pairs).
        activation: ms, shape (n_beats, n_pairs): of each pair the mean of those of its
            electrodes.
        window: before and after, ms, no farther than half way to the next beat.
        prominence: of the amplitude, by which a turning point must stand out.
    """
    from scipy.signal import find_peaks

    times, bipolar = _checked(times, bipolar)
    activation = np.asarray(activation, dtype=float)
    found = np.full((2, *activation.shape), np.nan)
    for pair, (trace, beats) in enumerate(zip(bipolar.T, activation.T, strict=True)):
        between = 0.5 * (beats[1:] + beats[:-1])
        begins = np.fmax(beats - window, [-math.inf, *between])
        ends = np.fmin(beats + window, [*between, math.inf])
        for beat in np.flatnonzero(np.isfinite(beats)):
            wave = trace[(times >= begins[beat]) & (times <= ends[beat])]
            if not wave.size:
                continue
            amplitude = float(np.ptp(wave))
            least = prominence * amplitude
            count = 0
            if amplitude >= RESOLVED:
                ways = (wave, -wave)
                count = sum(len(find_peaks(w, prominence=least)[0]) for w in ways)
            found[:, beat, pair] = amplitude, count
    return BipolarBeats(*found)


def filtered(
    times: ArrayLike, signals: ArrayLike, band: tuple[float, float] = BAND
) -> Array:
    """Signals in a band: Butterworth of order 2, forward and back, without delay.

    Args:
        times: evenly spaced, ms, shape (n_times,); the last may be closer.
        signals: shape (n_times, n_signals).
        band: Hz.

    Raises:
        ValueError: the sampling is too coarse for the band, or not even.
    """
    from scipy.signal import butter, sosfiltfilt

    times, signals = _checked(times, signals)
    steps = np.diff(times)
    step = float(np.median(steps))
    if np.any(np.abs(steps[:-1] - step) > 1e-6 * step):
        raise ValueError("a filter needs evenly spaced samples; record at one interval")
    nyquist = 500.0 / step  # Hz, of a step in ms
    low, high = band
    if not 0.0 < low < high < nyquist:
        raise ValueError(
            f"a band of {low:g} to {high:g} Hz came, and samples {step:g} ms apart "
            f"show up to {nyquist:g} Hz; choose one below it, or record more often"
        )
    sections = butter(2, band, "bandpass", fs=2.0 * nyquist, output="sos")
    return sosfiltfilt(sections, signals, axis=0)


@dataclass(frozen=True)
class PlaneWave:
    """The plane wave that fits activation times at some positions best.

    Attributes:
        velocity: mm/ms (= m/s).
        direction: in which it runs, unit vector, shape (3,).
        residual: root mean square of what it leaves, ms.
    """

    velocity: float
    direction: Array
    residual: float


def plane_wave(positions: ArrayLike, activation: ArrayLike) -> PlaneWave:
    """Fit t = t0 + s . x by least squares; the velocity is 1/|s|.

    Args:
        positions: of electrodes, mm, shape (n_electrodes, 3).
        activation: ms, shape (n_electrodes,); those that are NaN do not count.

    Raises:
        ValueError: fewer than three electrodes count, they lie on one line, or no plane
            wave has passed: what it leaves is more than PLANE of the spread.
    """
    positions = np.asarray(positions, dtype=float)
    activation = np.asarray(activation, dtype=float)
    known = np.isfinite(activation)
    centred = positions[known] - positions[known].mean(axis=0)
    spread = np.linalg.svd(centred, compute_uv=False)
    if known.sum() < 3 or spread[1] < 1e-6 * spread[0]:
        raise ValueError(
            f"a plane wave takes three activated electrodes that are not on one line; "
            f"{int(known.sum())} came"
        )
    times = activation[known] - activation[known].mean()
    slowness = np.linalg.lstsq(centred, times, rcond=1e-9)[0]
    size = float(np.linalg.norm(slowness))
    residual = float(np.sqrt(np.mean((times - centred @ slowness) ** 2)))
    if not residual < PLANE * times.std():
        raise ValueError(
            f"no plane wave: the best leaves {residual:.2g} ms (rms) of a spread of "
            f"{times.std():.2g} ms"
        )
    return PlaneWave(1.0 / size, slowness / size, residual)


def _checked(
    times: ArrayLike,
    signals: ArrayLike,
    start: float = -math.inf,
    stop: float = math.inf,
) -> tuple[Array, Array]:
    """Samples of electrograms between two times, at least four of them."""
    times, signals = np.asarray(times, dtype=float), np.asarray(signals, dtype=float)
    check_recording(times, signals, "electrograms")
    inside = (times >= start) & (times <= stop)
    if inside.sum() < 4:
        raise ValueError(
            f"{int(inside.sum())} samples are between {start:g} and {stop:g} ms; an "
            "electrogram takes four or more: record longer, or more often"
        )
    return times[inside], signals[inside]
