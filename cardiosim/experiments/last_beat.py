"""The last beat of a case's cell, as a function of some of the cell's parameters.

A parameter is varied by a factor f on the case's value; derivatives are by ln f. They
come out as pairs of traces, at ln f + h and ln f - h, from which whatever is measured
of a trace is differentiated by its own definition. Here the pairs are cells, all of
them nodes of one run; beat_gradients.py has the derivatives of the run itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.beats import beats_of
from cardiosim.case.cells import build_cell, build_cells
from cardiosim.case.parameter_values import parameter_value, with_parameter_values
from cardiosim.case.read import CaseError
from cardiosim.case.schema import Case
from cardiosim.case.stimuli import build_stimuli
from cardiosim.experiments.population import paced_states
from cardiosim.experiments.single_cells import run_cells
from cardiosim.tissue.mesh import point
from cardiosim.tissue.stimulus import Stimulus

DIFFERENCE = 1e-3  # of ln f, half the distance of a pair


@dataclass(frozen=True)
class Beat:
    """V from a stimulus on.

    Attributes:
        times: ms since the stimulus, not evenly spaced, shape (n_times,).
        V: mV, shape (n_times, n_cells).
        duration: of the stimulus, ms.
    """

    times: NDArray[np.float64]
    V: NDArray[np.float64]
    duration: float


@dataclass(frozen=True)
class Pairs:
    """A beat with a little more, and a little less, of each parameter.

    Attributes:
        more: n_cells is the number of parameters.
        less: the same.
        half: half the distance of each pair in ln f, shape (n_parameters,).
    """

    more: Beat
    less: Beat
    half: NDArray[np.float64]


class LastBeat:
    """The last beat of a case of one stimulated cell.

    Attributes:
        names: of the parameters that are varied.
        published: their values in the cell's text.
        values: their values in the case, which factors multiply; drugs come on top.
        start: of the last stimulus, ms.
        duration: of it, ms.
        end: of the run, ms after that stimulus.
    """

    def __init__(self, case: Case, names: Sequence[str]) -> None:
        """Check the case and its parameters; compiles nothing yet.

        Raises:
            CaseError: no single stimulated cell, or no such parameter of it.
        """
        _require_one_stimulated_cell(case)
        self.names = tuple(names)
        self._case = case
        starts, durations = beats_of(case)
        self.start, self.duration = float(starts[-1]), float(durations[-1])
        self.end = case.time.end - self.start
        cell = build_cell(with_parameter_values(case, dict.fromkeys(names, None)))
        if cell.facts["stimulus"] is None:
            raise CaseError(
                f'{case.cell.model} binds no variable to pace; write "bind pace" '
                "behind its stimulus current"
            )
        self.published = {n: cell.facts["parameters"][n] for n in names}
        self.values = {n: parameter_value(case, cell, n) for n in names}
        for name, value in self.values.items():
            if value == 0.0:
                raise CaseError(
                    f"parameter {name} is 0 in this case, and so is any multiple of "
                    "it; give it another value in the case, or leave it out"
                )

    def with_factors(self, factors: NDArray) -> Case:
        """The case with its parameters multiplied, (n_parameters,)."""
        pairs = zip(self.values.items(), factors, strict=True)
        values = {name: value * float(factor) for (name, value), factor in pairs}
        return with_parameter_values(self._case, values)

    def run(self, factors: NDArray) -> Beat:
        """Beats of cells.

        Args:
            factors: shape (n_cells, n_parameters).

        Raises:
            NonFinitePotential: the step is too long for one of them.
        """
        cases = [self.with_factors(row) for row in factors]
        case, n_cells = cases[0], len(cases)
        cell = build_cells(cases)
        dt = case.time.dt
        recording = run_cells(
            cell,
            paced_states(cases, cell),
            self.stimuli(n_cells),
            case.time.end,
            dt,
            # The sample at or before the stimulus, where the beat begins.
            start=math.floor(self.start / dt + 1e-6) * dt,
        )
        return Beat(recording.times - self.start, recording.V, self.duration)

    def stimuli(self, n_cells: int) -> tuple[Stimulus, ...]:
        """Those of the case, at so many cells."""
        nodes = np.arange(n_cells)
        trains = build_stimuli(self._case, point())
        return tuple(replace(train, nodes=nodes) for train in trains)

    def by_differences(self, factors: NDArray) -> Pairs:
        """Pairs of cells at factors of shape (n_parameters,)."""
        beat = self.run(_around(factors))
        n = len(self.names)
        more, less = beat.V[:, :n], beat.V[:, n:]
        return Pairs(
            Beat(beat.times, more, beat.duration),
            Beat(beat.times, less, beat.duration),
            np.full(n, DIFFERENCE),
        )

    def paced_with_tangents(self, factors: NDArray) -> tuple[NDArray, NDArray]:
        """The state in which the run begins, and its derivatives by ln f.

        Pacing lasts many times as long as the run: it is differentiated by differences.

        Args:
            factors: shape (n_parameters,).

        Returns:
            Shapes (n_states,) and (n_states, n_parameters); no derivatives, 0, where
            the case paces no cell before its run.
        """
        n = len(self.names)
        cases = [self.with_factors(row) for row in (factors, *_around(factors))]
        states = paced_states(cases, build_cells(cases))
        more, less = states[:, 1 : n + 1], states[:, n + 1 :]
        return states[:, 0], (more - less) / (2.0 * DIFFERENCE)


def _around(factors: NDArray) -> NDArray[np.float64]:
    """Factors with one of them larger, then smaller, (2 n_parameters, n_parameters)."""
    steps = DIFFERENCE * np.eye(len(factors))
    return factors * np.exp(np.concatenate([steps, -steps]))


def _require_one_stimulated_cell(case: Case) -> None:
    if case.mesh.kind != "point":
        raise CaseError(
            f'a fit is of a single cell; write mesh.kind = "point" instead of '
            f'"{case.mesh.kind}"'
        )
    if case.protocol is not None:
        raise CaseError(
            f"a fit is of the last beat of a run, and the case is a protocol, "
            f"{case.protocol.kind}; write [[stimulus]] and time.end instead"
        )
    if not case.stimulus:
        raise CaseError("a fit is of the last beat of a run; the case has no stimulus")
    if case.time.reaction_steps > 1:
        raise CaseError("time.reaction_dt is for tissue; write time.dt instead")
