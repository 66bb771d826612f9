"""Cells that differ in the values of parameters, as nodes of one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.beats import amplitudes_of, beats_of
from cardiosim.case.cells import build_cells, build_pacer, can_be_nodes_of_one_mesh
from cardiosim.case.schema import PERCENTS, Case
from cardiosim.case.stimuli import build_stimuli
from cardiosim.experiments.single_cells import (
    Progress,
    calcium_recorder,
    part_of,
    run_cells,
)
from cardiosim.ionic.cell import Cell
from cardiosim.measure.answers import (
    is_answered,
    is_charge_alone,
    is_duration,
    why_no_durations,
)
from cardiosim.measure.beat_to_beat import (
    ALTERNANS_CHANGES,
    alternans,
    changes,
    diastolic_intervals,
)
from cardiosim.measure.biomarkers import biomarker_unit, train_biomarkers
from cardiosim.measure.calcium_transient import calcium_biomarkers
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.run import march
from cardiosim.tissue.mesh import point
from cardiosim.tissue.stimulus import Stimulus

TRACE_INTERVAL = 1.0  # ms between the samples of a kept beat
_LEFT_OUT = ("stimulus_start", "stimulus_end", "activation_time")


@dataclass(frozen=True)
class Population:
    """Biomarkers of the last beat of some cells.

    Attributes:
        numbers: by name, shape (n_cells,); NaN where a cell has none.
        units: of each number.
        times: of the kept beat, ms since its stimulus, shape (n_times,).
        V: mV, shape (n_times, n_cells).
        errors: by number of the cell, of cells that have no numbers.
        notes: by number of the cell, why the last beat lacks durations.
    """

    numbers: dict[str, NDArray]
    units: dict[str, str]
    times: NDArray[np.float64]
    V: NDArray[np.float64]
    errors: dict[int, str]
    notes: dict[int, str] = field(default_factory=dict)


def can_run_together(cases: Sequence[Case]) -> bool:
    """Whether cases can be nodes of one run.

    They are stimulated single cells that differ in values of parameters and in when
    and how strongly they are stimulated, with as many beats each.
    """
    first = _but_for_cell_and_stimuli(cases[0])
    is_a_stimulated_cell = (
        first.mesh.kind == "point"
        and first.protocol is None
        and first.time.reaction_steps == 1
        and not first.initial
    )
    if not is_a_stimulated_cell or not can_be_nodes_of_one_mesh(cases):
        return False
    return (
        all(_but_for_cell_and_stimuli(case) == first for case in cases)
        and len({len(beats_of(case)[0]) for case in cases}) == 1
        and all(case.stimulus for case in cases)
    )


def _but_for_cell_and_stimuli(case: Case) -> Case:
    return case.model_copy(update={"cell": None, "stimulus": ()})


def run_population(
    cases: Sequence[Case], progress: Progress | None = None
) -> Population:
    """Run cases of one stimulated cell each, and measure their last beats.

    Args:
        cases: of which `can_run_together` holds.
        progress: called with the time done and the end, ms.

    Returns:
        Numbers of the last beat; a cell that cannot be run or measured, such as one
        that diverges, has an error instead.
    """
    try:
        return _run(cases, progress)
    except (ValueError, RuntimeError) as error:  # of any of them: halving finds which
        if len(cases) == 1:
            return _nothing(cases[0], str(error))
    half = len(cases) // 2
    return _joined(run_population(cases[:half]), run_population(cases[half:]))


def _run(cases: Sequence[Case], progress: Progress | None) -> Population:
    case, n_cells = cases[0], len(cases)
    cell = build_cells(cases)
    cell.compile(n_cells)
    stimuli = _stimuli(cases)
    trains = [beats_of(c) for c in cases]
    starts = np.array([begins for begins, _ in trains]).T  # (n_beats, n_cells)
    durations = np.array([lasts for _, lasts in trains]).T
    kept = slice(max(0, len(starts) - ALTERNANS_CHANGES - 1), None)
    begin = max(0.0, float(starts[kept].min()) - TRACE_INTERVAL)
    calcium = calcium_recorder(cell, n_cells, float(starts[-1].min()), case.time.dt)
    prepace = case.cell.prepace
    paced = prepace.bcl * prepace.beats if prepace else 0.0
    recording = run_cells(
        cell,
        paced_states(cases, cell, part_of(progress, 0.0, paced + case.time.end)),
        stimuli,
        case.time.end,
        case.time.dt,
        start=begin,
        recorders=(calcium,) if calcium else (),
        progress=part_of(progress, paced, paced + case.time.end),
    )
    percents = case.measure.apd or PERCENTS
    found = train_biomarkers(
        recording.times,
        recording.V,
        starts[kept],
        durations[kept],
        percents,
        case.measure.apd_at or (),
        case.record.activation_threshold,
    )
    notes = _only_answers(found, cases, kept)
    numbers = {k: v[-1] for k, v in found.items() if k not in _LEFT_OUT}
    for name in ("peak_time", "dvdt_max_time", "dvdt_max_after_stimulus_time"):
        numbers[name] = numbers[name] - starts[-1]
    numbers |= _beat_to_beat(found, f"apd{max(percents):g}")
    of_calcium = "mM"
    if calcium:
        values = calcium.values[calcium.names[0]]
        numbers |= calcium_biomarkers(calcium.times, values, starts[-1])
        of_calcium = cell.unit_of(calcium.names[0])
    units = {name: biomarker_unit(name, of_calcium) for name in numbers}
    times, V = _last_beat(recording.times, recording.V, starts[-1], case.time.end)
    return Population(numbers, units, times, V, {}, notes)


def _only_answers(
    found: dict[str, NDArray], cases: Sequence[Case], kept: slice
) -> dict[int, str]:
    """Take the durations from beats that are no answers; why last beats lack any."""
    amplitudes = np.array([amplitudes_of(case) for case in cases]).T[kept]
    answered = is_answered(found, amplitudes)
    alone = is_charge_alone(found, amplitudes) & ~answered
    for name in filter(is_duration, found):
        found[name] = np.where(answered, found[name], np.nan)
    notes = {}
    for k, case in enumerate(cases):
        asked = {
            f"{p:g} %": found[f"apd{p:g}"][-1, k] for p in case.measure.apd or PERCENTS
        } | {
            f"{level:g} mV": found[f"apd_at_{level:g}mV"][-1, k]
            for level in case.measure.apd_at or ()
        }
        why = why_no_durations(
            found["resting_potential"][-1, k],
            found["peak"][-1, k],
            asked,
            case.record.activation_threshold,
            answered[-1, k],
            alone[-1, k],
        )
        if why:
            notes[k] = why
    return notes


def _beat_to_beat(found: dict[str, NDArray], apd: str) -> dict[str, NDArray]:
    """What the last beat has to do with those before it, by the names of `run`."""
    durations = found[apd]
    if len(durations) < 2:
        return {}
    rests = diastolic_intervals(found["dvdt_max_time"], durations)[-1]
    numbers = {"diastolic_interval": rests, f"{apd}_change": changes(durations)[-1]}
    if len(durations) > 2:
        numbers[f"{apd}_alternans"] = alternans(durations).magnitude
    return numbers


def _stimuli(cases: Sequence[Case]) -> tuple[Stimulus, ...]:
    """One train for all cells where they have the same; else one a cell."""
    if all(case.stimulus == cases[0].stimulus for case in cases):
        trains = build_stimuli(cases[0], point())
        return tuple(replace(s, nodes=np.arange(len(cases))) for s in trains)
    return tuple(
        replace(stimulus, nodes=np.array([node]))
        for node, case in enumerate(cases)
        for stimulus in build_stimuli(case, point())
    )


def paced_states(
    cases: Sequence[Case], cell: Cell, progress: Progress | None = None
) -> NDArray[np.float64]:
    """States that the S1 train leaves, each cell its own; (n_states, n_cells).

    Args:
        cases: that differ in the values of parameters.
        cell: of all of them, with the scheme of the run.
        progress: called with the time done and the end, ms.
    """
    prepace, n_cells = cases[0].cell.prepace, len(cases)
    states = cell.initial_states(n_cells)
    if prepace is None:
        return states
    train = Stimulus(
        np.arange(n_cells),
        0.0,
        prepace.duration,
        prepace.amplitude,
        prepace.bcl,
        prepace.beats,
    )
    pacer = build_pacer(cases, cell)
    problem = Monodomain(point(n_cells), pacer, None, (train,), states)
    march(problem, prepace.dt, prepace.beats * prepace.bcl, progress=progress)
    return problem.states


def _last_beat(
    times: NDArray, V: NDArray, starts: NDArray, end: float
) -> tuple[NDArray, NDArray]:
    """V at regular times since each cell's last stimulus, (n_times, n_cells)."""
    since = np.arange(0.0, end - starts.max() + 0.5 * TRACE_INTERVAL, TRACE_INTERVAL)
    columns = [
        np.interp(start + since, times, V[:, node]) for node, start in enumerate(starts)
    ]
    return since, np.array(columns).T


def _nothing(case: Case, error: str) -> Population:
    return Population({}, {}, np.empty(0), np.empty((0, 1)), {0: error})


def _joined(a: Population, b: Population) -> Population:
    """Populations one after the other."""
    n_a, n_b = a.V.shape[1], b.V.shape[1]
    names = dict.fromkeys((*a.numbers, *b.numbers))
    times = a.times if len(a.times) else b.times
    return Population(
        {
            name: np.concatenate(
                [
                    part.numbers.get(name, np.full(n, np.nan))
                    for part, n in ((a, n_a), (b, n_b))
                ]
            )
            for name in names
        },
        a.units | b.units,
        times,
        np.concatenate(
            [
                part.V if len(part.V) else np.full((len(times), n), np.nan)
                for part, n in ((a, n_a), (b, n_b))
            ],
            axis=1,
        ),
        a.errors | {node + n_a: error for node, error in b.errors.items()},
        a.notes | {node + n_a: note for node, note in b.notes.items()},
    )
