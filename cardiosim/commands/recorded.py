"""What is in a results folder: its case, its traces, and the beats in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray

from cardiosim.case.beats import amplitudes_of, beats_of
from cardiosim.case.read import read_case
from cardiosim.case.schema import Case
from cardiosim.measure.action_potential import (
    ActionPotential,
    action_potentials,
    propagated_action_potentials,
)
from cardiosim.measure.answers import LATE, with_answers
from cardiosim.measure.beats import last_sample_at
from cardiosim.measure.calcium_transient import train_calcium_biomarkers
from cardiosim.output.results import Results, Trace, open_results


def open_recordings(folder: Path) -> Results:
    """A results folder to measure; one of a run that was stopped is warned of.

    Raises:
        ValueError: a folder without recordings.
    """
    opened = open_results(folder)
    if not opened.is_finished:
        marched_case(opened)  # first, as what cannot be measured is one line
        typer.echo(
            f"warning: the run of {folder} has not finished; the numbers are of what "
            "was recorded until then",
            err=True,
        )
    return opened


def case_of(results: Results) -> Case:
    """The case that a results folder came from.

    Raises:
        ValueError: what another command than `run` has left.
    """
    _provenance(results)
    known = (*Case.model_fields, "provenance")
    if added := [name for name in results.resolved if name not in known]:
        raise ValueError(
            f"{results.path} holds what {' and '.join(added)} found, and no recording; "
            "its numbers are in its tables. Give the folder of a run"
        )
    return read_case(results.path / "resolved.toml")


def marched_case(results: Results) -> Case:
    """The case of a single run with stimuli, whose recordings are to be measured.

    Raises:
        ValueError: a sweep or a protocol, whose numbers are in their tables already.
    """
    case = case_of(results)
    tables = sorted(file.name for file in results.path.glob("*.csv"))
    if "sweep" in results.resolved["provenance"]:
        of, advice = "a sweep", "; to measure one sample more closely run it by itself"
    elif case.protocol:
        of, advice = f"protocol {case.protocol.kind}", ""
    else:
        return case
    raise ValueError(
        f"{results.path} is of {of}, whose numbers are in "
        f"{' and '.join(['summary.json', *tables])} there{advice}"
    )


def membrane_potential(results: Results) -> str:
    """Name of the membrane potential in the recordings."""
    return _provenance(results)["cell"]["membrane_potential"]


def cytosolic_calcium(results: Results) -> str | None:
    """Name of the cytosolic calcium in the recordings, if the cell says it."""
    return _provenance(results)["cell"].get("cytosolic_calcium") or None


def _provenance(results: Results) -> Mapping[str, Any]:
    """What ran; ValueError for a folder whose run had not come that far."""
    if "provenance" not in results.resolved:
        raise ValueError(
            f"{results.path} holds no resolved.toml with its provenance: its run was "
            "stopped before it began; run the case again"
        )
    return results.resolved["provenance"]


def traces_of(variable: str, results: Results) -> list[Trace]:
    """Traces that hold a variable."""
    return [t for t in results.traces.values() if variable in t.values]


def is_tissue(results: Results) -> bool:
    """Whether nodes are coupled, and excited by one another."""
    return results.mesh_kind != "point"


def traced_beats(
    results: Results,
    percents: tuple[float, ...],
    potentials: tuple[float, ...] = (),
) -> dict[int, list[ActionPotential]]:
    """Action potentials of every beat at each node with a trace of V.

    Those of tissue begin at the node's own upstroke; a node without one has none.
    Those of single cells begin with the stimulus, and have durations if they answer.
    """
    case = marched_case(results)
    threshold = case.record.activation_threshold
    V = membrane_potential(results)
    found = {}
    for trace in traces_of(V, results):
        for node in trace.nodes:
            recorded = trace.times, trace.at(V, node)
            found[int(node)] = (
                propagated_action_potentials(
                    *recorded, percents, threshold, potentials=potentials
                )
                if is_tissue(results)
                else _stimulated(case, *recorded, percents, potentials)
            )
    if any(found.values()):
        tissue = is_tissue(results)
        return {node: beats for node, beats in found.items() if beats or tissue}
    if found and is_tissue(results):
        raise ValueError(
            f"{V} rises above {threshold:g} mV in no trace of {results.path}; run "
            "longer, stimulate more, or record where the wave passes"
        )
    raise ValueError(
        f"{results.path} holds no trace of {V} from a stimulus on; record one "
        "(record.trace), or stimulate after it has begun"
    )


def _stimulated(
    case: Case,
    times: NDArray,
    V: NDArray,
    percents: tuple[float, ...],
    potentials: tuple[float, ...],
) -> list[ActionPotential]:
    """Beats of a stimulated cell; those that are no answers without durations."""
    threshold = case.record.activation_threshold
    beats = action_potentials(
        times, V, *beats_of(case), percents, threshold, potentials
    )
    amplitude_at = dict(zip(beats_of(case)[0], amplitudes_of(case), strict=True))
    amplitudes = [amplitude_at[beat.stimulus_start] for beat in beats]
    # Between coarse samples, a peak is no later than the one after the pulse.
    late = max(LATE, 1.5 * float(np.diff(times).max(initial=0.0)))
    return with_answers(beats, amplitudes, late=late)


def traced_transients(
    results: Results, variable: str, decays: Sequence[float]
) -> dict[int, dict[str, NDArray]]:
    """Calcium transients at each node with a trace of the variable.

    Those of tissue begin where V crosses the threshold, those of single cells with the
    stimulus; beats that begin before the trace are left out, and nodes without a beat.

    Returns:
        node -> "start", ms, and what `train_calcium_biomarkers` gives; (n_beats,) each.
    """
    starts = beats_of(marched_case(results))[0]
    beats = traced_beats(results, (90.0,)) if is_tissue(results) else {}
    found = {}
    for trace in traces_of(variable, results):
        for node in map(int, trace.nodes):
            if is_tissue(results):
                starts = np.array(
                    [beat.activation_time for beat in beats.get(node, ())]
                )
            first = last_sample_at(trace.times, starts)
            begun = starts[(first >= 0) & (first < trace.times.size - 1)]
            if begun.size:
                values = trace.at(variable, node)[:, None]
                measured = train_calcium_biomarkers(trace.times, values, begun, decays)
                found[node] = {"start": begun}
                found[node] |= {key: value[:, 0] for key, value in measured.items()}
    return found
