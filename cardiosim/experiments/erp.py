"""Effective refractory period of a case, of tissue or of a single cell, at some rates.

At each cycle length: a steady S1 train, the diastolic threshold of S2's pulse, and the
longest interval at which S2, at a multiple of that threshold, is not answered. What an
answer is, is said in tissue_excitability.py for tissue, in refractory_period.py for
single cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.build import build
from cardiosim.case.cell_tables import PrepaceTable
from cardiosim.case.protocols import PulseTable, RefractoryPeriodProtocol
from cardiosim.case.read import CaseError
from cardiosim.case.schema import Case
from cardiosim.experiments.bracket import Bracket
from cardiosim.experiments.excitability_protocols import NOT_MONOTONIC
from cardiosim.experiments.laboratory import Bench, run_protocol
from cardiosim.experiments.single_cells import Progress
from cardiosim.experiments.tissue_excitability import (
    remote_node,
    tissue_refractory_period,
    velocity_of,
)
from cardiosim.experiments.tissue_trials import PacedTissue, pace_case
from cardiosim.ionic.cell import Cell

# Opens a phase of so named units, and yields what is called with (done, end).
Watch = Callable[[str, str], AbstractContextManager[Progress | None]]

CELL_BEATS = 50  # of a single cell, where the case paces none
TISSUE_BEATS = 5  # of S1 in the tissue, after those of the single cell
SHOWN = 150.0  # ms of V after S2's last activation
PLACES = ("site of S2", "remote site")
AFTER = 600.0  # ms of V after S2, at most


@dataclass(frozen=True)
class ErpQuestion:
    """What is asked for.

    Attributes:
        strength: amplitude of S2 as a multiple of the diastolic threshold.
        amplitude: of S2, A/F, instead; the threshold is then not looked for.
        duration: of S2, ms; that of S1 by default.
        beats: of S1: in the tissue, or of a single cell; None for the defaults.
        shortest: interval to begin with, ms.
        longest: interval to end with, ms; bcl by default.
        resolution: width of the bracket, ms.
        threshold_resolution: of the threshold, relative.
        within: how long after S2 an answer arrives at most, ms; None waits until
            nothing is under way.
        remote: position of the remote site, mm.
        stimulus: number of the stimulus of the case whose site and pulse S1 has.
        premature: more intervals, ms, at which S2 is followed.
    """

    strength: float = 2.0
    amplitude: float | None = None
    duration: float | None = None
    beats: int | None = None
    shortest: float = 50.0
    longest: float | None = None
    resolution: float = 1.0
    threshold_resolution: float = 5e-3
    within: float | None = None
    remote: tuple[float, ...] | None = None
    stimulus: int = 0
    premature: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class PrematureBeats:
    """S2 at some intervals.

    Attributes:
        intervals: ms, shape (n,).
        answered: shape (n,).
        latencies: from S2 to the activation of the remote site, ms; NaN without.
        velocities: between 25 and 75 % of a cable, m/s; NaN without, or in no cable.
    """

    intervals: NDArray[np.float64]
    answered: NDArray[np.bool_]
    latencies: NDArray[np.float64]
    velocities: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ErpAtRate:
    """What was found at one cycle length.

    Attributes:
        bcl: ms.
        beats: of S1, in the tissue or of the single cell.
        bracket: longest interval without and shortest with an answer, ms.
        threshold: largest amplitude without and smallest with an answer, A/F; None
            if the amplitude was given.
        amplitude: of S2, A/F.
        duration: of S2, ms.
        velocity: of S1 along a cable, m/s; NaN elsewhere.
        tried: intervals of the bracketing, ms, and which were answered.
        premature: S2 at the ends of the bracket and at the intervals asked for; None
            of a single cell.
        remote: position of the remote site, mm; None of a single cell.
        times: of the traces, ms after S2, shape (n_times,).
        V: by label, mV, shape (n_times,).
        notes: what the user should know.
    """

    bcl: float
    beats: int
    bracket: Bracket
    threshold: Bracket | None
    amplitude: float
    duration: float
    velocity: float
    tried: tuple[NDArray[np.float64], NDArray[np.bool_]]
    premature: PrematureBeats | None
    remote: tuple[float, float, float] | None
    times: NDArray[np.float64]
    V: dict[str, NDArray[np.float64]]
    notes: tuple[str, ...] = ()


def nothing_to_see(label: str, unit: str) -> AbstractContextManager[None]:
    """A watch that nobody looks at."""
    return nullcontext()


def refractory_period_at(
    case: Case, bcl: float | None, question: ErpQuestion, watch: Watch = nothing_to_see
) -> tuple[Case, Cell, ErpAtRate]:
    """Bracket the refractory period of a case at one cycle length.

    Args:
        case: as read.
        bcl: of S1, ms; None for that of the case.
        question: what is asked for.
        watch: told what is going on.

    Returns:
        The case with its defaults filled in, its cell, and what was found.

    Raises:
        CaseError: the case has no site for S1, or no cycle length.
        ValueError: S1 is not answered, there is no threshold, or the intervals are in
            no order.
        NonFinitePotential: the step is too long.
    """
    if case.mesh.is_tissue:
        return _of_tissue(case, bcl, question, watch)
    return _of_cell(case, bcl, question, watch)


def _of_tissue(
    case: Case, bcl: float | None, question: ErpQuestion, watch: Watch
) -> tuple[Case, Cell, ErpAtRate]:
    beats = question.beats or TISSUE_BEATS
    with watch("pacing, and S1", "ms") as show:
        case, paced = pace_case(
            case,
            bcl=bcl,
            beats=beats,
            stimulus=question.stimulus,
            longest=question.longest,
            progress=show,
        )
        # S1 is followed from here on.
        paced.longest = max(paced.longest, *question.premature, 0.0)
        remote = remote_node(paced, question.remote)
    with watch("trials of S2", "rounds") as show:
        found = tissue_refractory_period(
            paced,
            remote,
            strength=question.strength,
            amplitude=question.amplitude,
            duration=question.duration,
            shortest=question.shortest,
            longest=question.longest or paced.train.bcl,
            resolution=question.resolution,
            threshold_resolution=question.threshold_resolution,
            within=question.within,
            progress=show,
        )
    ends = [found.bracket.fails, found.bracket.answers]
    asked = sorted({x for x in (*ends, *question.premature) if math.isfinite(x)})
    site = _middle(paced)
    trials = [paced.premature(interval, found.s2) for interval in asked]
    responses = paced.run(trials, probes=[site, remote], patience=SHOWN, longest=AFTER)
    latencies = np.array([response.lat[remote] for response in responses])
    within = math.inf if question.within is None else question.within
    premature = PrematureBeats(
        np.array(asked),
        latencies <= within,
        latencies,
        np.array([velocity_of(paced, response.lat) for response in responses]),
    )
    times, V = np.arange(0.0, max((r.end for r in responses), default=0.0), 0.5), {}
    for interval, response in zip(asked, responses, strict=True):
        if interval in ends:
            for place, trace in zip(PLACES, response.V.T, strict=True):
                known = np.interp(times, response.times, trace, right=math.nan)
                V[f"{interval:g} ms, {place}"] = known
    return (
        case,
        paced.problem.cell,
        ErpAtRate(
            paced.train.bcl,
            beats,
            found.bracket,
            found.threshold,
            found.s2.amplitude,
            found.s2.duration,
            velocity_of(paced, paced.s1_lat),
            (found.intervals, found.answered),
            premature,
            tuple(map(float, paced.problem.mesh.points[remote])),
            times,
            V,
            (*_notes(found.bracket, question), *_notes_on_beats(case, beats)),
        ),
    )


def _middle(paced: PacedTissue) -> int:
    """The stimulated node nearest to the centre of all of them."""
    points = paced.problem.mesh.points[paced.train.nodes]
    away = np.linalg.norm(points - points.mean(axis=0), axis=1)
    return int(paced.train.nodes[away.argmin()])


def _of_cell(
    case: Case, bcl: float | None, question: ErpQuestion, watch: Watch
) -> tuple[Case, Cell, ErpAtRate]:
    if question.premature or question.remote or question.within is not None:
        raise CaseError(
            "premature intervals, a remote site and the time to arrive there are of "
            'tissue, and mesh.kind is "point"'
        )
    prepace = _train_of_a_cell(case, bcl, question)
    given = {"amplitude": question.amplitude, "duration": question.duration}
    protocol = RefractoryPeriodProtocol(
        kind="refractory_period",
        shortest=question.shortest,
        longest=question.longest,
        resolution=question.resolution,
        pulse=PulseTable(**{k: v for k, v in given.items() if v is not None}),
        strength=question.strength if question.amplitude is None else None,
    )
    case = case.model_copy(
        update={
            "protocol": protocol,
            "stimulus": (),
            "initial": (),
            "cell": case.cell.model_copy(update={"prepace": prepace}),
            "time": case.time.model_copy(update={"end": None}),
        }
    )
    with watch("pacing", "ms") as show:
        case, problem = build(case, show)
    with watch("trials of S2", "rounds") as show:
        bench = Bench(case, problem.cell, problem.states[:, 0].copy(), show)
        found = run_protocol(bench)
    numbers = {name: entry["value"] for name, entry in found.numbers.items()}
    table, traces = found.tables["responses"], found.traces["responses"]
    threshold = None
    if "diastolic_threshold" in numbers:
        threshold = Bracket(
            numbers["diastolic_threshold_fails"], numbers["diastolic_threshold"]
        )
    bracket = Bracket(numbers["erp"], numbers["erp_answered"])
    times, V = _after_s2(table, traces, bracket)
    return (
        case,
        problem.cell,
        ErpAtRate(
            prepace.bcl,
            prepace.beats,
            bracket,
            threshold,
            numbers["s2_amplitude"],
            bench.pulse(protocol.pulse).duration,
            math.nan,
            (
                np.asarray(table["interval"].values, dtype=float),
                np.asarray(table["answered"].values, dtype=bool),
            ),
            None,
            None,
            times,
            V,
            found.notes,
        ),
    )


def _train_of_a_cell(
    case: Case, bcl: float | None, question: ErpQuestion
) -> PrepaceTable:
    """S1 of a single cell: its prepacing, or its stimulus."""
    prepace = case.cell.prepace
    if prepace is None and not case.stimulus:
        raise CaseError(
            "the case has no S1: neither cell.prepace nor a [[stimulus]]; add one, "
            "such as cell.prepace = { bcl = 1000.0, beats = 50 }"
        )
    if prepace is None:
        table = case.stimulus[min(question.stimulus, len(case.stimulus) - 1)]
        bcl = bcl or table.period
        if bcl is None:
            raise CaseError(
                "the case has no cycle length for S1: neither cell.prepace nor a "
                "period of its stimulus; give one, in ms"
            )
        return PrepaceTable(
            bcl=bcl,
            beats=question.beats or CELL_BEATS,
            amplitude=table.current(None),
            duration=table.duration,
        )
    update = {"bcl": bcl or prepace.bcl, "beats": question.beats or prepace.beats}
    return prepace.model_copy(update=update)


def _after_s2(table, traces, bracket: Bracket) -> tuple[NDArray, dict[str, NDArray]]:
    """V of a single cell after S2 at the ends of the bracket, by label."""
    intervals = np.asarray(table["interval"].values)
    (V,) = traces.values.values()
    times = np.arange(0.0, SHOWN, 0.5)
    found = {}
    for end in (bracket.fails, bracket.answers):
        for k in np.flatnonzero(intervals == end):
            found[f"{end:g} ms"] = np.interp(times + end, traces.times, V[:, k])
    return times, found


def _notes_on_beats(case: Case, beats: int) -> Iterator[str]:
    if case.cell.prepace is None and beats < CELL_BEATS:
        yield (
            f"the case paces no single cell before, so that {beats} beats of S1 are "
            "all there are; a steady state takes tens: cell.prepace, or more beats"
        )


def _notes(bracket: Bracket, question: ErpQuestion) -> Iterator[str]:
    if math.isnan(bracket.answers) and question.longest is None:
        yield (
            "S2 at the cycle length itself is not answered: make S2 stronger, or take "
            "a longer cycle length; at this one S1 may be dropping beats"
        )
    elif math.isnan(bracket.answers):
        yield (
            "S2 at the longest interval is not answered: make S2 stronger, or the "
            "longest interval longer"
        )
    if math.isnan(bracket.fails):
        yield (
            f"S2 at {question.shortest:g} ms, the shortest interval, is answered: make "
            "the shortest interval shorter"
        )
    if not bracket.is_monotonic:
        yield f"erp: {NOT_MONOTONIC}"
