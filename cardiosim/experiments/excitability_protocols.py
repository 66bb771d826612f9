"""Refractory period and threshold of a case, over the duration; what is told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cardiosim.case.protocols import (
    RefractoryPeriodProtocol,
    StrengthDurationProtocol,
    ThresholdProtocol,
)
from cardiosim.case.read import CaseError
from cardiosim.experiments.bracket import Bracket
from cardiosim.experiments.findings import Column, Findings, Traces, entry
from cardiosim.experiments.refractory_period import (
    REPOLARISED,
    RefractoryPeriod,
    refractory_period,
)
from cardiosim.experiments.single_cells import Pulse, Recording
from cardiosim.experiments.threshold import (
    diastolic_threshold,
    fit_lapicque,
    fit_weiss,
    lapicque_law,
    peaks_with_the_pulse,
    pulse_responses,
    strength_duration,
    weiss_law,
)

if TYPE_CHECKING:
    from cardiosim.experiments.laboratory import Bench

NOT_MONOTONIC = "an answer was seen below one that fails; this is the last failure"


def refractory_period_findings(
    bench: Bench, protocol: RefractoryPeriodProtocol
) -> Findings:
    """Bracket the refractory period of a case.

    Raises:
        CaseError: the case has no S1 train, or no threshold to take a multiple of.
        ValueError: S1 is not answered, or the intervals are in no order.
    """
    s1_bcl, s2, threshold = bench.s1_bcl, bench.pulse(protocol.pulse), None
    if protocol.strength is not None:
        threshold = _threshold_of_s2(bench, s2)
        s2 = Pulse(protocol.strength * threshold.answers, s2.duration)
    longest = s1_bcl if protocol.longest is None else protocol.longest
    found = refractory_period(
        bench.cell,
        bench.state,
        bench.s1_pulse,
        bench.dt,
        s2=s2,
        shortest=protocol.shortest,
        longest=longest,
        resolution=protocol.resolution,
        response=protocol.response,
        threshold=bench.threshold,
        progress=bench.progress,
    )
    bracket = found.bracket
    numbers = {
        "erp": entry(found.value, "ms", "longest S1-S2 interval without an answer"),
        "erp_answered": entry(
            bracket.answers if bracket.is_closed else math.nan,
            "ms",
            "shortest S1-S2 interval above it with an answer",
        ),
        "s1_peak": entry(found.s1_peak, "mV", "largest V after S1"),
        "s2_amplitude": entry(s2.amplitude, "A/F", f"of S2, {s2.duration:g} ms long"),
    }
    if threshold:
        numbers["diastolic_threshold"] = entry(
            threshold.answers, "A/F", f"smallest answered amplitude, {s2.duration:g} ms"
        )
        numbers["diastolic_threshold_fails"] = entry(
            threshold.fails, "A/F", "largest amplitude below it that fails"
        )
    columns = {
        "interval": Column("ms", found.intervals),
        "answered": Column("1", found.answered.astype(int)),
        "peak": Column("mV", found.peaks),
    }
    labels = [
        f"S2 at {interval:g} ms: {'' if is_answer else 'no '}answer"
        for interval, is_answer in zip(found.intervals, found.answered, strict=True)
    ]
    return Findings(
        numbers,
        {"responses": columns},
        {"responses": _traces(bench, found.recording, [*labels, "S1 alone"])},
        tuple(_refractory_notes(found, protocol.shortest, longest)),
    )


def threshold_findings(bench: Bench, protocol: ThresholdProtocol) -> Findings:
    """Bracket the diastolic threshold of a case.

    Raises:
        NonFinitePotential: the step is too long.
    """
    duration = protocol.duration or bench.s1_pulse.duration
    bracket = diastolic_threshold(
        bench.cell,
        bench.state,
        duration,
        bench.dt,
        largest=protocol.largest,
        resolution=protocol.resolution,
        threshold=bench.threshold,
        progress=bench.progress,
    )
    value = bracket.answers if bracket.is_closed else math.nan
    numbers = {
        "diastolic_threshold": entry(
            value, "A/F", f"smallest answered amplitude of a pulse of {duration:g} ms"
        ),
        "diastolic_threshold_fails": entry(
            bracket.fails, "A/F", "largest amplitude below it that fails"
        ),
        "threshold_charge": entry(
            value * duration, "mV", "amplitude times duration: what it lifts V by alone"
        ),
    }
    columns = {
        "amplitude": Column("A/F", [bracket.fails, bracket.answers]),
        "answered": Column("1", [0, 1]),
    }
    traces, notes = {}, _threshold_notes([duration], [bracket], protocol.largest)
    if bracket.is_closed:
        amplitudes = bracket.fails, bracket.answers
        recording = pulse_responses(
            bench.cell, bench.state, amplitudes, [duration] * 2, bench.dt
        )
        ends = zip(amplitudes, ("no answer", "answer"), strict=True)
        labels = [f"{amplitude:.5g} A/F: {what}" for amplitude, what in ends]
        traces["responses"] = _traces(bench, recording, labels)
        if peaks_with_the_pulse(recording, [duration] * 2)[1]:
            notes.append(_charge_note([duration], bench.threshold))
    return Findings(numbers, {"bracket": columns}, traces, tuple(notes))


def strength_duration_findings(
    bench: Bench, protocol: StrengthDurationProtocol
) -> Findings:
    """Thresholds of a case over the duration of the pulse, and the two laws."""
    found = strength_duration(
        bench.cell,
        bench.state,
        protocol.durations,
        bench.dt,
        largest=protocol.largest,
        resolution=protocol.resolution,
        threshold=bench.threshold,
        progress=bench.progress,
    )
    durations, thresholds = found.durations, found.thresholds
    weiss = fit_weiss(durations, thresholds)
    lapicque = fit_lapicque(durations, thresholds)
    numbers = {}
    for name, law in (("weiss", weiss), ("lapicque", lapicque)):
        says = f"by the law of {name.capitalize()}"
        numbers |= {
            f"rheobase_{name}": entry(
                law.rheobase, "A/F", f"threshold of an endless pulse {says}"
            ),
            f"chronaxie_{name}": entry(
                law.chronaxie, "ms", f"duration of twice the rheobase {says}"
            ),
            f"residual_{name}": entry(
                law.residual, "1", f"rms of the relative deviation {says}"
            ),
        }
    numbers |= {
        f"threshold_{duration:g}ms": entry(
            value, "A/F", f"smallest answered amplitude, {duration:g} ms"
        )
        for duration, value in zip(durations, thresholds, strict=True)
    }
    columns = {
        "duration": Column("ms", durations),
        "threshold": Column("A/F", thresholds),
        "fails": Column("A/F", [bracket.fails for bracket in found.brackets]),
        "charge": Column("mV", durations * thresholds),
        "weiss": Column("A/F", weiss_law(weiss.rheobase, weiss.chronaxie, durations)),
        "lapicque": Column(
            "A/F", lapicque_law(lapicque.rheobase, lapicque.chronaxie, durations)
        ),
    }
    notes = _threshold_notes(durations, found.brackets, protocol.largest)
    known = np.isfinite(thresholds)
    if known.any():
        pulses = thresholds[known], durations[known]
        responses = pulse_responses(bench.cell, bench.state, *pulses, bench.dt)
        by_charge = durations[known][peaks_with_the_pulse(responses, durations[known])]
        if by_charge.size:
            notes.append(_charge_note(by_charge, bench.threshold))
    return Findings(numbers, {"strength_duration": columns}, {}, tuple(notes))


def _threshold_of_s2(bench: Bench, s2: Pulse) -> Bracket:
    """Threshold of the cell when the next S1 is due, for the duration of S2."""
    threshold = diastolic_threshold(
        bench.cell, bench.state, s2.duration, bench.dt, threshold=bench.threshold
    )
    if not threshold.is_closed:
        raise CaseError(
            "protocol.strength is a multiple of the diastolic threshold, which the "
            f"cell has none of for {s2.duration:g} ms; give protocol.pulse.amplitude"
        )
    return threshold


def _refractory_notes(
    found: RefractoryPeriod, shortest: float, longest: float
) -> list[str]:
    notes, bracket = [], found.bracket
    if math.isnan(bracket.answers):
        notes.append(
            f"S2 at {longest:g} ms, the longest interval, is not answered: make S2 "
            "stronger, or protocol.longest longer"
        )
    if math.isnan(bracket.fails):
        notes.append(
            f"S2 at {shortest:g} ms, the shortest interval, is answered: make "
            "protocol.shortest shorter"
        )
    if math.isnan(found.repolarised):
        notes.append(f"S1 does not repolarise by {REPOLARISED:g} %: no S2 is an answer")
    if found.own_beats:
        notes.append(
            f"the cell beats by itself, {found.own_beats} times after S1 without S2: "
            "what is told of S2 may be of such a beat"
        )
    if not bracket.is_monotonic:
        notes.append(f"erp: {NOT_MONOTONIC}")
    return notes


def _threshold_notes(
    durations: Sequence[float], brackets: Sequence[Bracket], largest: float
) -> list[str]:
    notes = []
    for duration, bracket in zip(durations, brackets, strict=True):
        if math.isnan(bracket.fails):
            return ["the cell fires without a pulse: it has no threshold"]
        if math.isnan(bracket.answers):
            notes.append(
                f"{largest:g} A/F for {duration:g} ms, the largest amplitude, is not "
                "answered: there is no threshold below it"
            )
        if not bracket.is_monotonic:
            notes.append(f"threshold for {duration:g} ms: {NOT_MONOTONIC}")
    return notes


def _charge_note(durations: Sequence[float], threshold: float) -> str:
    listed = ", ".join(f"{duration:g}" for duration in durations)
    return (
        f"at the threshold for {listed} ms V exceeds {threshold:g} mV by the charge of "
        "the pulse alone and falls when it ends: that is no action potential"
    )


def _traces(bench: Bench, recording: Recording, labels: Sequence[str]) -> Traces:
    V = bench.cell.state_names[0]
    return Traces(recording.times, {V: recording.V}, {V: "mV"}, tuple(labels))
