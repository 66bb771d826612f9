"""Trials in a paced tissue: what comes of pulses some time after the last S1.

A tissue is paced at one site, S1, until it is steady; the state in which the last S1
finds it is computed once and kept in the user's cache. That S1 is then followed once,
and its states are kept while it passes. A trial begins from one of them, at the time of
its first pulse, so that a trial costs no more than the wave that it starts. Trials of a
small tissue run side by side, as copies of it (tissue/copies.py), and end when it is
known of all of them what came of them:

    it came through   every node that was asked for has been activated by the trial
    it died out       no node has been activated for `patience` ms

Activations are upward crossings of the case's threshold, interpolated inside the step.
Those that S1 alone would still have caused, its wave being under way when the trial
begins, are not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.case.build import build
from cardiosim.case.read import CaseError
from cardiosim.case.schema import Case
from cardiosim.experiments.s1_train import (
    AfterS1,
    Marching,
    Train,
    replace_states,
    trained_states,
)
from cardiosim.experiments.single_cells import (
    Progress,
    Pulse,
    part_of,
    round_down,
    round_up,
)
from cardiosim.experiments.trial_waves import Response, Settled, Trial, TrialWaves
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.potential_trace import PotentialTrace
from cardiosim.simulation.schedule import whole_steps
from cardiosim.tissue.copies import copied_diffusion, copied_mesh
from cardiosim.tissue.diffusion import Diffusion
from cardiosim.tissue.stimulus import Stimulus

Array = NDArray[np.float64]

PATIENCE = 50.0  # ms without an activation after which nothing is under way
BATCH = 6000  # nodes that are stepped together, if one tissue has fewer


@dataclass(eq=False)
class PacedTissue:
    """A tissue in the state in which the last S1 of a train finds it.

    Attributes:
        problem: mesh, cell and diffusion; its own stimuli and states are not used.
        train: S1.
        marching: how it is stepped.
        states: when the last S1 begins, shape (n_states, n_nodes).
        longest: how long S1 is followed, ms: no trial begins later.
        progress: called with (done, end), ms, while S1 is followed.
    """

    problem: Monodomain
    train: Train
    marching: Marching
    states: Array
    longest: float
    progress: Progress | None = None
    _sizes: dict[int, tuple[Diffusion | None, object]] = field(default_factory=dict)

    @property
    def n_nodes(self) -> int:
        """Nodes of the tissue."""
        return self.problem.mesh.n_nodes

    @property
    def dt(self) -> float:
        """Time step, ms."""
        return self.marching.dt

    @property
    def s1_lat(self) -> Array:
        """Activation by the last S1, ms after it begins, shape (n_nodes,)."""
        found = self._after_s1.activations
        return found[0] if len(found) else np.full(self.n_nodes, np.nan)

    @property
    def s1_activations(self) -> Array:
        """All activations if nothing follows the last S1, ms, (n_beats, n_nodes)."""
        return self._after_s1.activations

    @property
    def trials_a_round(self) -> int:
        """How many trials of a bisection are worth stepping at once."""
        return int(np.clip(1600 // self.n_nodes, 1, 16))

    def premature(
        self,
        interval: float,
        pulse: Pulse | None = None,
        nodes: NDArray[np.intp] | None = None,
    ) -> Trial:
        """S2 some time after the last S1.

        Args:
            interval: from the begin of S1 to that of S2, ms.
            pulse: of S2; that of S1 by default.
            nodes: that are stimulated; those of S1 by default.
        """
        pulse = pulse or self.train.pulse
        nodes = self.train.nodes if nodes is None else nodes
        begin = round_down(interval, self.dt)
        later = max(0.0, interval - begin)
        later = later if later > 1e-6 * self.dt else 0.0
        s2 = Stimulus(nodes, later, pulse.duration, pulse.amplitude)
        return Trial(begin, (s2,))

    def in_place_of_s1(
        self, pulse: Pulse, nodes: NDArray[np.intp] | None = None
    ) -> Trial:
        """Another pulse than the last S1, at its time."""
        nodes = self.train.nodes if nodes is None else nodes
        return Trial(None, (Stimulus(nodes, 0.0, pulse.duration, pulse.amplitude),))

    def states_at(self, time: float) -> Array:
        """States some time after the last S1 begins, (n_states, n_nodes); a copy.

        Args:
            time: ms, a whole number of steps, at most `longest`.
        """
        return self._after_s1.states_at(time)

    def run(
        self,
        trials: Sequence[Trial],
        *,
        until: ArrayLike | None = None,
        probes: ArrayLike = (),
        interval: float = 0.5,
        longest: float = 1000.0,
        patience: float = PATIENCE,
        progress: Progress | None = None,
    ) -> list[Response]:
        """Follow trials until it is known what came of each.

        Args:
            trials: any number of them.
            until: nodes; a trial has come through, and is followed no longer, when
                all of them were activated. None follows it until it dies out, which
                is once every wave has ended.
            probes: nodes whose V is kept.
            interval: between samples of V, ms.
            longest: how long a trial is followed at most, ms.
            patience: how long after the last activation, or pulse, it is held to have
                died out, ms. V is recorded until then: give 300 ms or more to see an
                action potential to its end.
            progress: called with (done, end): batches of trials.

        Raises:
            ValueError: a trial begins outside the time that S1 is followed.
            NonFinitePotential: the step is too long.
        """
        size = max(1, BATCH // self.n_nodes)
        # Those that take about as long run together.
        order = sorted(range(len(trials)), key=lambda i: trials[i].begin or 0.0)
        found: dict[int, Response] = {}
        for first in range(0, len(order), size):
            chosen = order[first : first + size]
            n = len(chosen)
            wave = TrialWaves(
                [trials[i] for i in chosen],
                [self._activations_by_s1(trials[i]) for i in chosen],
                None if until is None else np.asarray(until, dtype=np.intp),
                patience,
                self.marching.threshold,
            )
            report = part_of(progress, first, len(order)) and (
                lambda done, end, first=first, n=n: progress(
                    first + n * done / end, len(order)
                )
            )
            responses = self._follow(
                wave, np.asarray(probes, np.intp), interval, longest, report
            )
            found |= dict(zip(chosen, responses, strict=True))
        return [found[i] for i in range(len(trials))]

    @cached_property
    def _after_s1(self) -> AfterS1:
        at_s1 = replace_states(self.problem, self.states)
        return AfterS1(at_s1, self.train, self.marching, self.longest, self.progress)

    def _activations_by_s1(self, trial: Trial) -> Array:
        """Those of S1 alone, ms after a trial begins, (n_beats, n_nodes)."""
        if trial.begin is None:
            return np.empty((0, self.n_nodes))
        return self.s1_activations - trial.begin

    def _start(self, trial: Trial) -> Array:
        return self.states if trial.begin is None else self.states_at(trial.begin)

    def _remaining_s1(self, trial: Trial) -> tuple[Stimulus, ...]:
        """What is left of S1 when a trial begins."""
        if trial.begin is None or trial.begin >= self.train.pulse.duration:
            return ()
        return (self.train.stimulus(-trial.begin),)

    def _follow(
        self,
        wave: TrialWaves,
        probes: NDArray[np.intp],
        interval: float,
        longest: float,
        progress: Progress | None,
    ) -> list[Response]:
        count, n_nodes, dt = len(wave.trials), self.n_nodes, self.dt
        stimuli = [
            replace(stimulus, nodes=stimulus.nodes + k * n_nodes)
            for k, trial in enumerate(wave.trials)
            for stimulus in (*trial.stimuli, *self._remaining_s1(trial))
        ]
        states = np.concatenate([self._start(t) for t in wave.trials], axis=1)
        diffusion, cell = self._copies(count)
        mesh = copied_mesh(self.problem.mesh, count)
        problem = Monodomain(mesh, cell, diffusion, stimuli, states)
        everywhere = (probes + n_nodes * np.arange(count)[:, np.newaxis]).ravel()
        trace = PotentialTrace(interval, nodes=everywhere)
        end = whole_steps(round_up(longest, dt), dt, "longest", least=1) * dt
        try:
            self.marching.march(problem, end, (wave, trace), progress)
        except Settled:
            pass
        V = trace.V.reshape(len(trace.times), count, probes.size)
        return [
            Response(
                wave.every(k),
                wave.inherited[k * n_nodes : (k + 1) * n_nodes],
                bool(wave.came_through[k]),
                wave.t - trial.first_pulse,
                trace.times - trial.first_pulse,
                V[:, k],
            )
            for k, trial in enumerate(wave.trials)
        ]

    def _copies(self, count: int) -> tuple[Diffusion | None, object]:
        """Diffusion and cell of so many copies; made once."""
        if count not in self._sizes:
            cell = self.problem.cell
            if count > 1:
                cell = cell.at(np.tile(np.arange(self.n_nodes), count))
            self._sizes[count] = copied_diffusion(self.problem.diffusion, count), cell
        return self._sizes[count]


def pace_case(
    case: Case,
    *,
    bcl: float | None = None,
    beats: int = 3,
    pulse: Pulse | None = None,
    stimulus: int = 0,
    longest: float | None = None,
    progress: Progress | None = None,
) -> tuple[Case, PacedTissue]:
    """Build a case of tissue and pace it at the site of one of its stimuli.

    All nodes begin as the single cell that cell.prepace paces, at the cycle length of
    S1 whatever the table says of it; the tissue is then given the train.

    Args:
        case: as read, without a protocol.
        bcl: of S1, ms; that of cell.prepace by default, or the period of the stimulus.
        beats: of S1 in the tissue, with the last.
        pulse: of S1; that of the stimulus by default.
        stimulus: number of the stimulus whose site S1 has.
        longest: how long the last S1 will be followed, ms; bcl by default.
        progress: called with (done, end), ms.

    Returns:
        The case with its defaults filled in, and the paced tissue.

    Raises:
        CaseError: the case has no such stimulus, or no cycle length.
    """
    if not 0 <= stimulus < len(case.stimulus):
        raise CaseError(
            f"S1 takes its site from stimulus {stimulus}, and the case has "
            f"{len(case.stimulus)}, which count from 0; add a [[stimulus]]"
        )
    prepace = case.cell.prepace
    bcl = bcl or (prepace and prepace.bcl) or case.stimulus[stimulus].period
    if bcl is None:
        raise CaseError(
            "the case has no cycle length for S1: neither cell.prepace nor a period "
            "of its stimulus; give one, in ms"
        )
    if prepace is not None:
        table = prepace.model_copy(update={"bcl": bcl})
        cell = case.cell.model_copy(update={"prepace": table})
        case = case.model_copy(update={"cell": cell})
    case, problem = build(case, progress)
    site = problem.stimuli[stimulus]
    train = Train(site.nodes, pulse or Pulse(site.amplitude, site.duration), bcl, beats)
    marching = Marching(
        case.time.dt,
        case.time.splitting,
        case.time.reaction_steps,
        case.record.activation_threshold,
    )
    return case, paced_tissue(
        problem, train, marching, longest=longest, progress=progress
    )


def paced_tissue(
    problem: Monodomain,
    train: Train,
    marching: Marching,
    *,
    longest: float | None = None,
    progress: Progress | None = None,
) -> PacedTissue:
    """Give a tissue all beats of a train but the last; kept in the user's cache.

    Args:
        problem: in the state that it begins from; left as it is.
        train: S1; with one beat the tissue stays as it is.
        marching: how it is stepped; bcl is a whole number of steps.
        longest: how long the last S1 will be followed, ms; bcl by default.
        progress: called with (done, end), ms; never for what is found in the cache.

    Raises:
        ValueError: a train without beats.
        NonFinitePotential: the step is too long.
    """
    if train.beats < 1:
        raise ValueError(f"a train of {train.beats} S1 beats; give one or more")
    whole_steps(train.bcl, marching.dt, "bcl", least=1)
    states = problem.states.copy()
    longest = train.bcl if longest is None else longest
    paced = PacedTissue(problem, train, marching, states, longest, progress)
    if train.beats == 1:
        return paced
    paced.states = trained_states(problem, train, marching, progress)
    return paced
