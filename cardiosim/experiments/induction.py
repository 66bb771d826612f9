"""Trials of induction: which stimuli after the first leave a wave that goes on.

Every trial is a case with its own stimuli. Trials of the same tissue whose first pulse,
or train, is the same share it: S1 of tissue_trials.py. The rest of a trial's pulses
follow, and the tissue is watched from the last of them until it falls silent or the
watch ends. measure/induction.py says what is called induced.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.build import build
from cardiosim.case.read import CaseError
from cardiosim.case.schema import Case
from cardiosim.case.stimuli import build_stimuli
from cardiosim.experiments.s1_train import Marching, Train
from cardiosim.experiments.single_cells import Progress, Pulse, round_down, round_up
from cardiosim.experiments.tissue_trials import PacedTissue, paced_tissue
from cardiosim.experiments.trial_waves import Response, Trial
from cardiosim.measure.induction import SUSTAINED, Induction, induction
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.tissue.mesh import Mesh
from cardiosim.tissue.stimulus import Stimulus

WATCH = 1000.0  # ms after the last pulse begins
PATIENCE = 150.0  # ms without an activation after which the tissue is silent
BEYOND = 10.0  # ms, in which a front of S1 ends its upstroke where a trial begins
FRAMES = 5.0  # ms between frames of V, at least
FRAME_BYTES = 200e6  # of the frames of one trial, at most

TrialProgress = Callable[[int, float, float], None]  # trial, done, end


@dataclass(frozen=True)
class Frames:
    """V of all nodes over a trial.

    Attributes:
        times: ms after the begin of the last pulse, shape (n_times,).
        V: mV, shape (n_times, n_nodes).
    """

    times: NDArray[np.float64]
    V: NDArray[np.float64]


@dataclass(frozen=True)
class InductionTrial:
    """One trial and what became of it.

    Attributes:
        found: by measure/induction.py.
        pulses: how many were given.
        coupling: of the last pulse to the one before, ms; NaN for a single pulse.
        activation: ms after the begin of S1, shape (n_beats, n_nodes).
        frames: V of the first trial that is sustained; None of all others.
    """

    found: Induction
    pulses: int
    coupling: float
    activation: NDArray[np.float64]
    frames: Frames | None = None


def induction_trials(
    cases: Sequence[Case],
    watch: float = WATCH,
    progress: TrialProgress | None = None,
) -> tuple[list[InductionTrial], Monodomain]:
    """Run all trials.

    Args:
        cases: one a trial; `time.end` is not used.
        watch: how long after the begin of the last pulse a trial is followed, ms.
        progress: called with the trial, and the time done and its end, ms.

    Returns:
        The trials in their order, and the tissue of the first of them.

    Raises:
        CaseError: a case without tissue, with a protocol or without a stimulus, or
            with a train without end.
    """
    for case in cases:
        _check(case)
    found: dict[int, InductionTrial] = {}
    tissues: dict[str, tuple[Case, Monodomain]] = {}
    plans: list[_Plan] = []
    for case in cases:
        tissue = case.model_dump_json(
            exclude={"title": True, "stimulus": True, "measure": True, "time": {"end"}}
        )
        if tissue not in tissues:
            tissues[tissue] = build(case)
        plans.append(_Plan.of(case, tissue, tissues[tissue][1].mesh))
    shared: dict[object, list[int]] = {}
    for number, plan in enumerate(plans):
        shared.setdefault(plan.key, []).append(number)
    has_frames = False
    for numbers in shared.values():
        first = plans[numbers[0]]
        case, problem = tissues[first.tissue]
        together = [plans[number] for number in numbers]
        paced = _paced(case, problem, together)
        for number, plan in zip(numbers, together, strict=True):
            report = progress and (
                lambda done, end, number=number: progress(number, done, end)
            )
            trial = _run(paced, plan, watch, report)
            keep = trial.found.outcome == SUSTAINED and not has_frames
            has_frames |= keep
            found[number] = trial if keep else replace(trial, frames=None)
    in_order = [found[number] for number in range(len(cases))]
    return in_order, tissues[plans[0].tissue][1]


def neighbours(mesh: Mesh) -> NDArray[np.intp]:
    """Pairs of nodes that share an element, each once, shape (n_pairs, 2)."""
    keys = []
    for block in mesh.blocks:
        pairs = list(itertools.combinations(range(block.nodes.shape[1]), 2))
        ends = np.sort(block.nodes[:, pairs].astype(np.int64), axis=2)
        keys.append((ends[..., 0] * mesh.n_nodes + ends[..., 1]).ravel())
    unique = np.unique(np.concatenate(keys))
    return np.column_stack(np.divmod(unique, mesh.n_nodes))


@dataclass(frozen=True)
class _Plan:
    """The pulses of a trial, and what it shares with others.

    Attributes:
        tissue: of which it is.
        s1: first stimulus, of which the first pulse at least is S1.
        stimuli: all of them.
    """

    tissue: str
    s1: Stimulus
    stimuli: tuple[Stimulus, ...]

    @classmethod
    def of(cls, case: Case, tissue: str, mesh: Mesh) -> _Plan:
        # The end of the run is no matter: any pulse that ends may come.
        endless = case.time.model_copy(update={"end": math.inf})
        stimuli = build_stimuli(case.model_copy(update={"time": endless}), mesh)
        if any(math.isinf(stimulus.last_end) for stimulus in stimuli):
            raise CaseError(
                "a stimulus is a train without end, after which nothing can be "
                "watched; give its count"
            )
        return cls(tissue, min(stimuli, key=lambda s: s.start), stimuli)

    @property
    def key(self) -> object:
        """Equal for trials that share tissue and S1."""
        s1 = self.s1
        return self.tissue, s1.nodes.tobytes(), s1.start, s1.duration, s1.amplitude

    @property
    def pulses(self) -> list[tuple[float, float, NDArray[np.intp], float]]:
        """Begin after that of S1, duration, nodes and amplitude of all, in order."""
        return sorted(
            (
                (begin - self.s1.start, s.duration, s.nodes, s.amplitude)
                for s in self.stimuli
                for begin in s.begins(s.last_end)
            ),
            key=lambda pulse: pulse[0],
        )


def _check(case: Case) -> None:
    if not case.mesh.is_tissue or case.protocol:
        raise CaseError(
            "waves are induced in tissue; give a case of a sheet, a slab, a cable or "
            "a mesh, without a protocol"
        )
    if not case.stimulus:
        raise CaseError("the case has no [[stimulus]]; the last pulse is what induces")


def _paced(case: Case, problem: Monodomain, plans: Sequence[_Plan]) -> PacedTissue:
    """The tissue before the first pulse, which is followed up to the next ones."""
    s1 = plans[0].s1
    train = Train(s1.nodes, Pulse(s1.amplitude, s1.duration), _bcl(case, plans), 1)
    marching = Marching(
        case.time.dt,
        case.time.splitting,
        case.time.reaction_steps,
        case.record.activation_threshold,
    )
    return paced_tissue(problem, train, marching, longest=train.bcl)


def _bcl(case: Case, plans: Sequence[_Plan]) -> float:
    """How long S1 is followed, ms: to the last of the second pulses, and beyond it."""
    seconds = [plan.pulses[1][0] for plan in plans if len(plan.pulses) > 1]
    return round_up(max(seconds, default=0.0) + BEYOND, case.time.dt)


def _run(
    paced: PacedTissue, plan: _Plan, watch: float, progress: Progress | None
) -> InductionTrial:
    pulses = plan.pulses
    # The second pulse may come while the first is given: S1 is only what came before.
    begin = None if len(pulses) == 1 else round_down(pulses[1][0], paced.dt)
    shift = begin or 0.0
    rest = pulses if begin is None else pulses[1:]
    trial = Trial(
        begin,
        tuple(
            Stimulus(nodes, max(0.0, start - shift), duration, amplitude)
            for start, duration, nodes, amplitude in rest
        ),
    )
    last = pulses[-1][0]
    n_nodes = paced.n_nodes
    response = paced.run(
        [trial],
        probes=np.arange(n_nodes),
        interval=_frame_interval(paced, last - shift + watch),
        longest=last - shift + watch,
        patience=PATIENCE,
        progress=progress,
    )[0]
    first = shift + trial.first_pulse
    lat = response.every
    if begin is not None:
        lat = _all_activations(paced, response, first)
    found = induction(
        lat,
        neighbours(paced.problem.mesh),
        [pulse[0] for pulse in pulses],
        [pulse[1] for pulse in pulses],
        [pulse[2] for pulse in pulses],
        last + watch,
    )
    coupling = last - pulses[-2][0] if len(pulses) > 1 else math.nan
    since = response.times + first - last
    return InductionTrial(found, len(pulses), coupling, lat, Frames(since, response.V))


def _frame_interval(paced: PacedTissue, length: float) -> float:
    """Time between frames of V, ms, a whole number of steps."""
    most = max(1.0, FRAME_BYTES / (8.0 * paced.n_nodes))
    return math.ceil(max(FRAMES, length / most) / paced.dt - 1e-6) * paced.dt


def _all_activations(
    paced: PacedTissue, response: Response, first: float
) -> NDArray[np.float64]:
    """Those before a trial and those in it, ms after S1, (n_beats, n_nodes).

    Args:
        paced: the tissue.
        response: what came of the trial.
        first: begin of the trial's first pulse, ms after S1.
    """
    after, s1 = response.every + first, paced.s1_activations
    before = np.isfinite(s1).sum(axis=0) - response.inherited
    rank = np.arange(len(s1))[:, np.newaxis]
    both = np.concatenate([np.where(rank < before, s1, np.nan), after])
    both = np.sort(both, axis=0)
    return both[np.isfinite(both).any(axis=1)]
