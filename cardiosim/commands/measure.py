"""`cardiosim measure`: numbers from the recordings of a run."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from cardiosim.case.read import read_case
from cardiosim.case.schema import Case
from cardiosim.commands.table import number, show_summary, show_table
from cardiosim.measure.action_potential import (
    ActionPotential,
    action_potentials,
    propagated_action_potentials,
)
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
    tissue = _is_tissue(opened)
    durations = [f"apd{p:g} ms" for p in percents]
    shape = ("rest mV", "amplitude mV", "dV/dt max V/s")
    if tissue:
        header = ("node", "x mm", "activation ms", *durations, *shape)
    else:
        header = ("node", "stimulus ms", *durations, *shape, "after stimulus V/s")
    rows = []
    for node, beats in traced_beats(opened, percents).items():
        x = opened.mesh_points[node, 0]
        place = (str(node), f"{x:g}") if tissue else (str(node),)
        found = [_columns(beat, tissue) for beat in beats]
        silent = [math.nan] * (len(header) - len(place))
        rows += [(*place, *map(number, values)) for values in found or [silent]]
    show_table(header, rows, numbers=range(len(header)))


def _columns(beat: ActionPotential, tissue: bool) -> tuple[float, ...]:
    """The numbers of one beat in a row of `measure apd`."""
    shape = (beat.resting_potential, beat.amplitude, beat.dvdt_max)
    if tissue:
        return beat.activation_time, *beat.apd.values(), *shape
    after = beat.dvdt_max_after_stimulus
    return beat.stimulus_start, *beat.apd.values(), *shape, after


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
    beats = len(results.activation)
    which = f", beat {beat} of {beats}" if beats > 1 else ""
    part = f"{start:.0%} and {stop:.0%} of the cable{which}"
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


def no_conduction_numbers(
    results: Results, start: float, stop: float
) -> dict[str, dict[str, Any]]:
    """The entry of a summary for a velocity that could not be measured."""
    x = results.mesh_points[:, 0]
    x0, x1 = (x.min() + part * np.ptp(x) for part in (start, stop))
    definition = f"no single wave between {x0:g} and {x1:g} mm"
    return {"conduction_velocity": _entry(math.nan, "m/s", definition)}


def action_potential_numbers(
    results: Results, percents: tuple[float, ...]
) -> dict[str, dict[str, Any]]:
    """Biomarkers of the last beat at each node with a trace of V."""
    traced = traced_beats(results, percents)
    numbers: dict[str, dict[str, Any]] = {}
    for node, beats in traced.items():
        if not beats:
            x = results.mesh_points[node, 0]
            silent = _entry(math.nan, "ms", f"no activation at x = {x:g} mm")
            entries = {f"apd{percent:g}": silent for percent in percents}
        elif _is_tissue(results):
            which = f", beat {len(beats)} of {len(beats)}" if len(beats) > 1 else ""
            entries = _propagated_biomarkers(beats[-1], which)
        else:
            entries = _biomarkers(beats[-1])
        suffix = f"_node{node}" if len(traced) > 1 else ""
        numbers |= {name + suffix: entry for name, entry in entries.items()}
    return numbers


def traced_beats(
    results: Results, percents: tuple[float, ...]
) -> dict[int, list[ActionPotential]]:
    """Action potentials of every beat at each node with a trace of V.

    Those of tissue begin at the node's own upstroke; a node without one has none.
    Those of single cells begin with the stimulus.
    """
    case = case_of(results)
    threshold = case.record.activation_threshold
    V = membrane_potential(results)
    found = {}
    for trace in traces_of(V, results):
        for node in trace.nodes:
            recorded = trace.times, trace.at(V, node)
            found[int(node)] = (
                propagated_action_potentials(*recorded, percents, threshold)
                if _is_tissue(results)
                else action_potentials(*recorded, *_beats(case), percents, threshold)
            )
    if any(found.values()):
        tissue = _is_tissue(results)
        return {node: beats for node, beats in found.items() if beats or tissue}
    if found and _is_tissue(results):
        raise ValueError(
            f"{V} rises above {threshold:g} mV in no trace of {results.path}; run "
            "longer, stimulate more, or record where the wave passes"
        )
    raise ValueError(
        f"{results.path} holds no trace of {V} from a stimulus on; record one "
        "(record.trace), or stimulate after it has begun"
    )


def membrane_potential(results: Results) -> str:
    """Name of the membrane potential in the recordings."""
    return results.resolved["provenance"]["cell"]["membrane_potential"]


def traces_of(variable: str, results: Results) -> list[Trace]:
    """Traces that hold a variable."""
    return [t for t in results.traces.values() if variable in t.values]


def _is_tissue(results: Results) -> bool:
    """Whether nodes are coupled, and excited by one another."""
    return results.mesh_kind != "point"


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
        **_durations(beat),
    }


def _propagated_biomarkers(
    beat: ActionPotential, which: str
) -> dict[str, dict[str, Any]]:
    return {
        "activation_time": _entry(
            beat.activation_time, "ms", f"V crosses the threshold{which}"
        ),
        "resting_potential": _entry(
            beat.resting_potential, "mV", "smallest V between the beat before and this"
        ),
        "peak": _entry(beat.peak, "mV", "largest V of the beat"),
        "amplitude": _entry(beat.amplitude, "mV", "peak minus resting potential"),
        "dvdt_max": _entry(beat.dvdt_max, "V/s", "largest dV/dt of the whole beat"),
        **_durations(beat),
    }


def _durations(beat: ActionPotential) -> dict[str, dict[str, Any]]:
    return {
        f"apd{percent:g}": _entry(
            duration, "ms", f"from dV/dt max to {percent:g} % repolarisation"
        )
        for percent, duration in beat.apd.items()
    }


def _entry(value: float, unit: str, definition: str) -> dict[str, Any]:
    return {"value": float(value), "unit": unit, "definition": definition}
