"""What a fit compares a beat with: samples of a trace, biomarkers.

A beat is measured by `measure.biomarkers`, with times counted from its stimulus, and
sampled at the times of a trace by linear interpolation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.fit_file import TargetTable, TraceTarget
from cardiosim.case.read import CaseError
from cardiosim.case.recorded_trace import read_recorded_trace
from cardiosim.experiments.last_beat import Beat, Pairs
from cardiosim.ionic.equations import nearest
from cardiosim.measure.biomarkers import beat_biomarkers

REPORTED = (  # of every fit, whatever its targets are
    "resting_potential",
    "peak",
    "amplitude",
    "dvdt_max",
    "dvdt_max_after_stimulus",
    "apd50",
    "apd90",
)
KNOWN = (
    *REPORTED,
    "dvdt_max_during_stimulus",
    "triangulation",
    "peak_time",
    "dvdt_max_time",
    "dvdt_max_after_stimulus_time",
    "activation_time",
)
MISSED = 3.0  # sigma; of a target that is met, one in 370 is further off
_APD = re.compile(r"apd(\d+(?:\.\d+)?)")
_APD_AT = re.compile(r"apd_at_(-?\d+(?:\.\d+)?)mV")


@dataclass(frozen=True)
class Targets:
    """Numbers that a beat should have.

    Attributes:
        times: of the trace, ms since the stimulus, shape (n_samples,).
        names: of the biomarkers.
        values: samples of V, mV, then biomarkers, shape (n_values,).
        sigma: standard errors of the values, shape (n_values,).
        threshold: a beat whose peak stays below, mV, has no durations.
    """

    times: NDArray[np.float64]
    names: tuple[str, ...]
    values: NDArray[np.float64]
    sigma: NDArray[np.float64]
    threshold: float

    @property
    def n_samples(self) -> int:
        """How many of the values are of the trace."""
        return len(self.times)

    def of(self, beat: Beat) -> NDArray[np.float64]:
        """The same numbers of a beat, (n_values, n_cells); NaN where it has none."""
        samples = [np.interp(self.times, beat.times, V) for V in beat.V.T]
        found = biomarkers(beat, self.names, self.threshold)
        numbers = [found[name] for name in self.names]
        n_cells = beat.V.shape[1]
        return np.concatenate(
            [
                np.array(samples).T.reshape(self.n_samples, n_cells),
                np.array(numbers).reshape(len(self.names), n_cells),
            ]
        )

    def missed(self, misfits: NDArray) -> list[str]:
        """One line for each target that a fit does not meet, within `MISSED` sigma.

        Args:
            misfits: reached minus target over sigma, shape (n_values,).
        """
        trace, numbers = np.split(misfits, [self.n_samples])
        off = dict(zip(self.names, np.abs(numbers), strict=True))
        notes = [
            f"target missed: {name} by {sigmas:.3g} sigma"
            for name, sigmas in off.items()
            if not sigmas <= MISSED
        ]
        if trace.size and not (rms := np.sqrt(np.mean(trace**2))) <= MISSED:
            notes.append(f"target missed: the trace by {rms:.3g} sigma, its rms")
        return notes

    def slopes(self, pairs: Pairs) -> NDArray[np.float64]:
        """Derivatives of the numbers by ln f, (n_values, n_parameters)."""
        return (self.of(pairs.more) - self.of(pairs.less)) / (2.0 * pairs.half)


def read_targets(table: TargetTable, end: float, threshold: float) -> Targets:
    """Targets of a fit.

    Args:
        table: of fit.toml.
        end: of the beat, ms after its stimulus.
        threshold: mV, see `Targets`.

    Raises:
        CaseError: a biomarker that there is none of; a trace that is not in the beat.
    """
    for name in table.biomarkers:
        if not (name in KNOWN or _is_apd(name) or _APD_AT.fullmatch(name)):
            raise CaseError(
                f"target.biomarkers has {name!r}, which is no biomarker; "
                f"{nearest(name, (*KNOWN, 'apd30', 'apd_at_-60mV'))}"
            )
    times, V = np.empty(0), np.empty(0)
    if table.trace is not None:
        times, V = _trace(table.trace, end)
        sigma = [table.trace.sigma] * len(times)
    else:
        sigma = []
    numbers = table.biomarkers.values()
    return Targets(
        times,
        tuple(table.biomarkers),
        np.array([*V, *(number.value for number in numbers)]),
        np.array([*sigma, *(number.sigma for number in numbers)]),
        threshold,
    )


def biomarkers(
    beat: Beat, names: tuple[str, ...], threshold: float
) -> dict[str, NDArray[np.float64]]:
    """Some biomarkers of a beat, and those of every report, (n_cells,) each."""
    percents = [float(m[1]) for m in map(_APD.fullmatch, names) if m]
    potentials = [float(m[1]) for m in map(_APD_AT.fullmatch, names) if m]
    found = beat_biomarkers(
        beat.times,
        beat.V,
        0.0,
        beat.duration,
        (50.0, 90.0, *percents),
        potentials,
        threshold,
    )
    wanted = dict.fromkeys((*names, *REPORTED))
    # "apd90.0" and "apd90" are one.
    return {name: found[_as_measured(name)] for name in wanted}


def unit_of(biomarker: str) -> str:
    """Unit of a biomarker."""
    if biomarker.startswith("dvdt") and not biomarker.endswith("time"):
        return "V/s"
    is_time = biomarker.startswith("apd") or biomarker.endswith("time")
    return "ms" if is_time or biomarker == "triangulation" else "mV"


def _is_apd(name: str) -> bool:
    match = _APD.fullmatch(name)
    return bool(match) and 0.0 < float(match[1]) < 100.0


def _as_measured(name: str) -> str:
    percent, potential = _APD.fullmatch(name), _APD_AT.fullmatch(name)
    if percent:
        return f"apd{float(percent[1]):g}"
    return f"apd_at_{float(potential[1]):g}mV" if potential else name


def _trace(table: TraceTarget, end: float) -> tuple[NDArray, NDArray]:
    times, V = read_recorded_trace(table.file)
    stop = end if table.stop is None else min(table.stop, end)
    inside = (times >= table.start - 1e-9) & (times <= stop + 1e-9)
    if not inside.any():
        raise CaseError(
            f"{table.file} has no sample between {table.start:g} and {stop:g} ms; "
            "its times count from the last stimulus of the case, whose run ends "
            f"{end:g} ms after it"
        )
    return times[inside], V[inside]
