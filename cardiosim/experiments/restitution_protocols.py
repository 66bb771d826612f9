"""The restitution protocols of a case, and what is told of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cardiosim.case.protocols import DynamicProtocol, S1S2Protocol
from cardiosim.experiments.findings import Column, Findings, Traces, entry
from cardiosim.experiments.restitution import (
    LISTEN,
    DynamicRestitution,
    S1S2Restitution,
    dynamic_restitution,
    s1s2_restitution,
)
from cardiosim.measure.answers import Biomarkers

if TYPE_CHECKING:
    from cardiosim.experiments.laboratory import Bench


def s1s2_findings(bench: Bench, protocol: S1S2Protocol) -> Findings:
    """Run the S1S2 restitution of a case.

    Raises:
        CaseError: the case has no S1 train.
        ValueError: S1 is not answered, or an interval is shorter than its pulse.
    """
    listen = max(LISTEN, bench.s1_bcl)
    found = s1s2_restitution(
        bench.cell,
        bench.state,
        bench.s1_pulse,
        protocol.intervals,
        bench.dt,
        s2=bench.pulse(protocol.pulse),
        percents=bench.percents,
        potentials=bench.potentials,
        threshold=bench.threshold,
        listen=listen,
        progress=bench.progress,
    )
    durations = _durations(bench.percents, bench.potentials)
    columns = {
        "interval": Column("ms", found.intervals),
        "diastolic_interval": Column("ms", found.diastolic_intervals),
        **_durations_of(found.s2, durations),
        **_shape_of(found.s2),
    }
    numbers = {
        f"s1_{name}": entry(found.s1[name], "ms", f"of the last S1, {meaning}")
        for name, meaning in durations.items()
    }
    numbers |= _slope(found)
    for name, meaning in _main(durations, found.percent):
        for interval, value in zip(found.intervals, found.s2[name], strict=True):
            numbers[f"{name}_ci{interval:g}"] = entry(
                value, "ms", f"of S2 at {interval:g} ms, {meaning}"
            )
    labels = [f"S2 at {interval:g} ms" for interval in found.intervals]
    return Findings(
        numbers,
        {"restitution": columns},
        {"responses": _traces(bench, found, [*labels, "S1 alone"])},
        tuple(_s1s2_notes(found, bench.threshold, listen)),
    )


def dynamic_findings(bench: Bench, protocol: DynamicProtocol) -> Findings:
    """Run the dynamic restitution of a case.

    Raises:
        ValueError: a cycle length that is no whole number of steps.
    """
    found = dynamic_restitution(
        bench.cell,
        bench.state,
        bench.pulse(protocol.pulse),
        protocol.cycle_lengths,
        protocol.beats,
        bench.dt,
        percents=bench.percents,
        potentials=bench.potentials,
        threshold=bench.threshold,
        progress=bench.progress,
    )
    durations = _durations(bench.percents, bench.potentials)
    columns = {
        "cycle_length": Column("ms", found.cycle_lengths),
        "diastolic_interval": Column("ms", found.diastolic_intervals),
        **_durations_of(found.last, durations),
        "alternans": Column("ms", found.alternans),
        "answered": Column("1", found.answered.mean(axis=0)),
        **_shape_of(found.last),
    }
    numbers = _slope(found)
    for name, meaning in _main(durations, found.percent):
        for length, value in zip(found.cycle_lengths, found.last[name], strict=True):
            numbers[f"{name}_bcl{length:g}"] = entry(
                value, "ms", f"at {length:g} ms, {meaning}"
            )
    labels = [f"every {length:g} ms" for length in found.cycle_lengths]
    return Findings(
        numbers,
        {"restitution": columns},
        {"last_beats": _traces(bench, found, labels)},
        tuple(_dynamic_notes(found)),
    )


def _durations(
    percents: Sequence[float], potentials: Sequence[float]
) -> dict[str, str]:
    """Names of the durations that are measured, and what they mean."""
    return {f"apd{p:g}": f"dV/dt max to {p:g} % repolarisation" for p in percents} | {
        f"apd_at_{level:g}mV": f"time above {level:g} mV" for level in potentials
    }


def _main(durations: dict[str, str], percent: float) -> list[tuple[str, str]]:
    """Those that the summary holds by interval; the table holds all."""
    percents = [name for name in durations if not name.startswith("apd_at")]
    left_out = {name for name in percents if name != f"apd{percent:g}"}
    return [(name, says) for name, says in durations.items() if name not in left_out]


def _durations_of(beat: Biomarkers, durations: Iterable[str]) -> dict[str, Column]:
    return {name: Column("ms", beat[name]) for name in durations}


def _shape_of(beat: Biomarkers) -> dict[str, Column]:
    return {
        "take_off_potential": Column("mV", beat["resting_potential"]),
        "peak": Column("mV", beat["peak"]),
        "dvdt_max": Column("V/s", beat["dvdt_max"]),
    }


def _slope(found: S1S2Restitution | DynamicRestitution) -> dict[str, dict]:
    definition = (
        f"of APD{found.percent:g} over the diastolic interval, between neighbours"
    )
    return {"largest_slope": entry(found.largest_slope, "1", definition)}


def _traces(
    bench: Bench,
    found: S1S2Restitution | DynamicRestitution,
    labels: Sequence[str],
) -> Traces:
    V, recording = bench.cell.state_names[0], found.recording
    return Traces(recording.times, {V: recording.V}, {V: "mV"}, tuple(labels))


def _s1s2_notes(found: S1S2Restitution, threshold: float, listen: float) -> list[str]:
    notes = []
    if found.own_beats:
        notes.append(
            f"the cell beats by itself, {found.own_beats} times after S1 without S2: "
            "what is told of S2 may be of such a beat"
        )
    early = (found.s2["peak"] >= threshold) & ~(
        found.intervals >= found.s1["dvdt_max_time"] + found.s1[f"apd{found.percent:g}"]
    )
    failed = ~found.answered & ~early
    endless = ~failed & ~early & np.isnan(found.s2[f"apd{found.percent:g}"])
    at = found.intervals
    if failed.any():
        notes.append(f"S2 at {_list(at[failed])} ms is not answered")
    if early.any():
        notes.append(
            f"S2 at {_list(at[early])} ms comes before S1 has repolarised by "
            f"{found.percent:g} %: there is no APD{found.percent:g}"
        )
    if endless.any():
        notes.append(
            f"the response to S2 at {_list(at[endless])} ms does not repolarise by "
            f"{found.percent:g} % within {listen:g} ms"
        )
    return notes


def _dynamic_notes(found: DynamicRestitution) -> list[str]:
    notes, at = [], found.cycle_lengths
    one_to_one = found.is_one_to_one
    unrepolarised = one_to_one & np.isnan(found.last[f"apd{found.percent:g}"])
    if not one_to_one.all():
        answered, n_last = found.answered.sum(axis=0), len(found.answered)
        for length, count in zip(at[~one_to_one], answered[~one_to_one], strict=True):
            notes.append(
                f"every {length:g} ms {count} of the last {n_last} stimuli are "
                "answered: there is no duration"
            )
    if unrepolarised.any():
        notes.append(
            f"every {_list(at[unrepolarised])} ms the next stimulus comes before "
            f"{found.percent:g} % repolarisation: there is no APD{found.percent:g}"
        )
    if found.has_alternans.any():
        notes.append(
            f"alternans every {_list(at[found.has_alternans])} ms; the durations are "
            "those of the last beat"
        )
    return notes


def _list(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
