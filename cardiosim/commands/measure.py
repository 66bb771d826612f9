"""`cardiosim measure`: numbers from the recordings of a run, made or being made."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from cardiosim.case.read import read_case
from cardiosim.case.schema import Case
from cardiosim.commands.table import number, show_summary, show_table
from cardiosim.measure.action_potential import ActionPotential, action_potentials
from cardiosim.measure.conduction_velocity import conduction_fit, conduction_velocity
from cardiosim.output.results import Results, Trace, open_results

measure = typer.Typer(help="Take numbers from a results folder.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="Folder that a run has written.")]


@measure.command()
def cv(
    results: Folder,
    start: Annotated[
        float | None, typer.Option(help="Fraction of the cable to begin at.")
    ] = None,
    stop: Annotated[
        float | None, typer.Option(help="Fraction of the cable to end at.")
    ] = None,
    beat: Annotated[int, typer.Option(min=1, help="Which activation, from 1.")] = 1,
) -> None:
    """Conduction velocity along a cable."""
    opened = open_results(results)
    asked = case_of(opened).measure.cv
    if asked is None:
        raise ValueError(
            f"{results} is no run of a cable; expected one for a conduction velocity"
        )
    show_summary(
        conduction_numbers(
            opened,
            asked.start if start is None else start,
            asked.stop if stop is None else stop,
            beat,
        )
    )


@measure.command()
def apd(
    results: Folder,
    percent: Annotated[
        list[float] | None,
        typer.Option(help="Percent of repolarisation; may be given several times."),
    ] = None,
) -> None:
    """Action potentials of every beat in the traces of V."""
    opened = open_results(results)
    percents = percent or case_of(opened).measure.apd or (50.0, 90.0)
    rows = [
        (
            str(node),
            f"{beat.stimulus_start:g}",
            *(number(beat.apd[p]) for p in percents),
            number(beat.resting_potential),
            number(beat.amplitude),
            number(beat.dvdt_max),
            number(beat.dvdt_max_after_stimulus),
        )
        for node, beats in traced_beats(opened, percents).items()
        for beat in beats
    ]
    header = (
        "node",
        "stimulus ms",
        *(f"apd{p:g} ms" for p in percents),
        "rest mV",
        "amplitude mV",
        "dV/dt max V/s",
        "after stimulus V/s",
    )
    show_table(header, rows, numbers=range(len(header)))


def case_of(results: Results) -> Case:
    """The case that a results folder came from."""
    return read_case(results.path / "resolved.toml")


def conduction_numbers(
    results: Results, start: float, stop: float, beat: int = 1
) -> dict[str, dict[str, Any]]:
    """Conduction velocity of one activation, as entries of a summary."""
    if len(results.activation) < beat:
        raise ValueError(
            f"{results.path} holds {len(results.activation)} activations, expected at "
            f"least {beat}; run longer, or stimulate more"
        )
    x, lat = results.mesh_points[:, 0], results.activation[beat - 1]
    fit = conduction_fit(x, lat, start, stop)
    part = f"{start:.0%} and {stop:.0%} of the cable"
    return {
        "conduction_velocity": _entry(
            conduction_velocity(x, lat, start, stop), "m/s", f"between {part}"
        ),
        "conduction_velocity_fit": _entry(
            fit.velocity, "m/s", f"least-squares line between {part}"
        ),
        "conduction_fit_residual": _entry(
            fit.residual, "ms", "root mean square of LAT minus that line"
        ),
    }


def action_potential_numbers(
    results: Results, percents: tuple[float, ...]
) -> dict[str, dict[str, Any]]:
    """Biomarkers of the last beat at each node with a trace of V."""
    traced = traced_beats(results, percents)
    numbers: dict[str, dict[str, Any]] = {}
    for node, beats in traced.items():
        suffix = f"_node{node}" if len(traced) > 1 else ""
        for name, entry in _biomarkers(beats[-1]).items():
            numbers[name + suffix] = entry
    return numbers


def traced_beats(
    results: Results, percents: tuple[float, ...]
) -> dict[int, list[ActionPotential]]:
    """Action potentials of every beat at each node with a trace of V."""
    case = case_of(results)
    starts, durations = _beats(case)
    V = membrane_potential(results)
    found = {
        int(node): action_potentials(
            trace.times,
            trace.at(V, node),
            starts,
            durations,
            percents,
            case.record.activation_threshold,
        )
        for trace in traces_of(V, results)
        for node in trace.nodes
    }
    if not any(found.values()):
        raise ValueError(
            f"{results.path} holds no trace of {V} from a stimulus on; record one "
            "(record.trace), or stimulate after it has begun"
        )
    return {node: beats for node, beats in found.items() if beats}


def membrane_potential(results: Results) -> str:
    """Name of the membrane potential in the recordings."""
    return results.resolved["provenance"]["cell"]["membrane_potential"]


def traces_of(variable: str, results: Results) -> list[Trace]:
    """Traces that hold a variable."""
    return [t for t in results.traces.values() if variable in t.values]


def _beats(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """When the stimuli begin and how long they last, ms; together is one beat."""
    longest: dict[float, float] = {}
    for stimulus in case.stimulus:
        pulses = stimulus.count or 1
        if stimulus.period is not None and stimulus.count is None:
            pulses = math.ceil((case.time.end - stimulus.start) / stimulus.period)
        for pulse in range(pulses):
            start = stimulus.start + pulse * (stimulus.period or 0.0)
            longest[start] = max(stimulus.duration, longest.get(start, 0.0))
    starts = np.array(sorted(longest))
    return starts, np.array([longest[start] for start in starts])


def _biomarkers(beat: ActionPotential) -> dict[str, dict[str, Any]]:
    slope = "largest dV/dt"
    return {
        "resting_potential": _entry(
            beat.resting_potential, "mV", "V just before the stimulus"
        ),
        "peak": _entry(beat.peak, "mV", "largest V of the beat"),
        "amplitude": _entry(beat.amplitude, "mV", "peak minus resting potential"),
        "dvdt_max": _entry(beat.dvdt_max, "V/s", f"{slope} of the whole beat"),
        "dvdt_max_time": _entry(
            beat.dvdt_max_time - beat.stimulus_start, "ms", "after the stimulus began"
        ),
        "dvdt_max_during_stimulus": _entry(
            beat.dvdt_max_during_stimulus, "V/s", f"{slope} while the stimulus lasts"
        ),
        "dvdt_max_after_stimulus": _entry(
            beat.dvdt_max_after_stimulus, "V/s", f"{slope} once the stimulus is over"
        ),
        **{
            f"apd{percent:g}": _entry(
                duration, "ms", f"from dV/dt max to {percent:g} % repolarisation"
            )
            for percent, duration in beat.apd.items()
        },
    }


def _entry(value: float, unit: str, definition: str) -> dict[str, Any]:
    return {"value": float(value), "unit": unit, "definition": definition}
