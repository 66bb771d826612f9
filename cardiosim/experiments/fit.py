"""Least squares of a cell's parameters to its last beat.

Sought are factors f_k on parameters of the case that minimise

    S = sum ((y_i(f) - y_i) / sigma_i)^2 + sum (ln f_k / s_k)^2

over y, samples of V and biomarkers, with their standard errors sigma; and over the
parameters that have a prior, log-normal around the value of the case with width s_k.
The unknowns are x_k = ln f_k, within bounds.

The method is Levenberg's and Marquardt's idea in its trust-region form, which keeps to
bounds: scipy's `least_squares(method="trf")`, after Branch, Coleman, Li 1999, SIAM J
Sci Comput 21:1-23, doi 10.1137/S1064827595289108. A trial whose beat lacks one of the
numbers, or diverges, is refused, and the region around the last good one shrinks.

Standard errors are from the curvature at the end, covariance = (J^T J)^-1 with the
priors in it: what the targets say about each parameter if the sigmas are right and the
beat is nearly linear in ln f so far. A parameter at a bound has none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.fit_file import FitFile
from cardiosim.case.read import CaseError
from cardiosim.case.schema import Case
from cardiosim.experiments.fit_targets import Targets, biomarkers, read_targets
from cardiosim.experiments.identifiability import (
    condition_number,
    standard_errors,
    what_is_uncertain,
)
from cardiosim.experiments.last_beat import Beat, LastBeat, Pairs
from cardiosim.experiments.single_cells import Progress
from cardiosim.simulation.run import NonFinitePotential

AT_BOUND = 1e-4  # of ln f; the search comes near a bound, and not onto it
AGREEMENT = 0.1  # between torch and differences, of the norm of the derivatives


@dataclass(frozen=True)
class Fitted:
    """What one parameter came to.

    Attributes:
        name: qualified.
        of_case: value of the case, in the unit of the cell's text.
        start: where the fit began, over that.
        factor: where it ended, over that.
        error: standard error of ln(factor), relative to the value that is; NaN at a
            bound, or where the targets do not determine it.
        bound: "low" or "high" where it ended at a bound, "" else.
    """

    name: str
    of_case: float
    start: float
    factor: float
    error: float
    bound: str

    @property
    def value(self) -> float:
        """The fitted value, in the unit of the cell's text."""
        return self.of_case * self.factor


@dataclass(frozen=True)
class Fit:
    """Result of a fit.

    Attributes:
        parameters: in the order of fit.toml.
        published: values in the cell's text, by name.
        case: the case with the fitted values.
        targets: that were to be met.
        reached: the targets' numbers of the fitted cell, (n_values,).
        before: the beat from whose parameters the fit began.
        after: the beat of the fitted cell.
        biomarkers: name -> of these two beats.
        misfit: sum of squares of the targets alone, of these two.
        prior: sum of squares of the priors, after.
        condition: of the Jacobian of the targets by ln f; infinite where some
            combination of parameters changes none of them; NaN where all of them
            are at bounds.
        correlation: of the errors of the parameters; NaN with one at a bound.
        history: trial, sum of squares, then factors of each step, (n_steps, 2 + n).
        starts: sum of squares that each start came to; NaN where it could not begin.
        trials: beats that were run in all.
        converged: whether the best start ended because nothing got better any more.
        notes: what the user should know, one line each.
    """

    parameters: tuple[Fitted, ...]
    published: dict[str, float]
    case: Case
    targets: Targets
    reached: NDArray[np.float64]
    before: Beat
    after: Beat
    biomarkers: dict[str, tuple[float, float]]
    misfit: tuple[float, float]
    prior: float
    condition: float
    correlation: NDArray[np.float64]
    history: NDArray[np.float64]
    starts: NDArray[np.float64]
    trials: int
    converged: bool
    notes: tuple[str, ...]


def fit_case(case: Case, file: FitFile, progress: Progress | None = None) -> Fit:
    """Fit parameters of a case's cell to its last beat.

    Args:
        case: of one stimulated cell.
        file: what may change, and what is to be met.
        progress: called with the trials done and the most there can be.

    Raises:
        CaseError: a parameter or a target that does not exist; a case that does not
            have the numbers that it should be fitted to.
    """
    return Search(case, file).run(progress)


@dataclass(frozen=True)
class _Descent:
    """One start: where it ended, and the way there."""

    x: NDArray[np.float64]
    cost: float  # sum of squares; NaN where the start itself has no numbers
    jacobian: NDArray[np.float64]
    converged: bool
    history: list[list[float]]


class Search:
    """The residuals of a fit, their Jacobian, and the descents along them."""

    def __init__(self, case: Case, file: FitFile) -> None:
        """Run the first beat and get the derivatives ready, which torch compiles.

        Args:
            case: of one stimulated cell.
            file: what may change, and what is to be met.

        Raises:
            CaseError: see `fit_case`.
        """
        self._file = file
        self.free = file.parameters
        self.beat = LastBeat(case, tuple(self.free))
        self.targets = read_targets(
            file.target, self.beat.end, case.record.activation_threshold
        )
        self._sigma = np.array([p.sigma or np.inf for p in self.free.values()])
        self._low, self._high = (
            np.log([getattr(p, key) for p in self.free.values()])
            for key in ("low", "high")
        )
        self._before, why = self._run(self.starts()[0])
        self._require_numbers(self._before, why)
        self._pairs: Callable[[NDArray], Pairs] = self.beat.by_differences
        self.notes: list[str] = []
        self.trials = 0
        self._last: tuple[NDArray, NDArray] | None = None  # x and its residuals
        if file.gradients == "torch":
            from cardiosim.experiments.beat_gradients import TorchGradients

            self._pairs = TorchGradients(self.beat, file.gradient_dt)
            self._compare_gradients()

    def starts(self) -> NDArray[np.float64]:
        """Ln f of each start: that of the file, then at random between the bounds."""
        first = np.log([p.start for p in self.free.values()])
        random = np.random.default_rng(self._file.seed).uniform(
            self._low, self._high, (self._file.starts - 1, len(first))
        )
        return np.vstack([first, random])

    def run(self, progress: Progress | None = None) -> Fit:
        """Descend from every start; see `fit_case`."""
        found: list[_Descent] = []
        for x in self.starts():
            try:
                found.append(self._descend(x, progress))
            except (CaseError, NonFinitePotential):
                if not found:  # what fit.toml begins with has to do
                    raise
                found.append(_lost(x))
        return self._conclude(found)

    def _descend(self, x: NDArray, progress: Progress | None) -> _Descent:
        """Least squares from ln f = x."""
        from scipy.optimize import least_squares

        history: list[list[float]] = []

        def residuals(x: NDArray) -> NDArray:
            self.trials += 1
            if progress:
                most = self._file.max_trials * self._file.starts
                progress(min(self.trials, most), most)
            return self.residuals(x)

        def jacobian(x: NDArray) -> NDArray:
            history.append([self.trials, 2.0 * self._cost(x), *np.exp(x)])
            return self.jacobian(x)

        if not np.isfinite(residuals(x)).all():
            return _lost(x)
        # On a bound, scipy moves a start inside by itself.
        found = least_squares(
            residuals,
            x,
            jacobian,
            bounds=(self._low, self._high),
            method="trf",
            ftol=self._file.tolerance,
            xtol=self._file.tolerance,
            gtol=self._file.tolerance,
            max_nfev=self._file.max_trials,
        )
        if history[-1][1] != 2.0 * found.cost:
            history.append([self.trials, 2.0 * found.cost, *np.exp(found.x)])
        return _Descent(found.x, 2.0 * found.cost, found.jac, found.status > 0, history)

    def residuals(self, x: NDArray) -> NDArray[np.float64]:
        """Of targets and priors, (n_values + n_parameters,); NaN without a beat."""
        if self._last is None or not np.array_equal(self._last[0], x):
            beat, _ = self._run(x)
            reached = np.full(len(self.targets.values), np.nan)
            if beat is not None:
                reached = self.targets.of(beat)[:, 0]
            misfit = (reached - self.targets.values) / self.targets.sigma
            self._last = x.copy(), np.concatenate([misfit, x / self._sigma])
        return self._last[1]

    def jacobian(self, x: NDArray) -> NDArray[np.float64]:
        """Derivatives of the residuals by ln f."""
        slopes = self.targets.slopes(self._pairs(np.exp(x)))
        if not np.isfinite(slopes).all():
            first = int(np.argwhere(~np.isfinite(slopes))[0, 0])
            worst = self.targets.names[max(0, first - self.targets.n_samples)]
            raise CaseError(
                f"{worst} comes and goes where the fit has got to, so that it has no "
                "derivative; move the bounds away from there"
            )
        scaled = slopes / self.targets.sigma[:, None]
        return np.concatenate([scaled, np.diag(1.0 / self._sigma)])

    def _conclude(self, found: list[_Descent]) -> Fit:
        """The best of the descents, and what it is worth."""
        costs = np.array([descent.cost for descent in found])
        best = found[int(np.nanargmin(costs))]
        x = best.x
        after, _ = self._run(x)
        jacobian = best.jacobian
        bounds = [
            "low" if a - low < AT_BOUND else "high" if high - a < AT_BOUND else ""
            for a, low, high in zip(x, self._low, self._high, strict=True)
        ]
        inside = np.array([not bound for bound in bounds])
        errors, correlation = standard_errors(jacobian, inside)
        n_values = len(self.targets.values)
        condition = condition_number(jacobian[:n_values, inside])
        names = list(self.free)
        residuals = self.residuals(x)
        before = self.residuals(self.starts()[0])
        numbers = [
            biomarkers(beat, self.targets.names, self.targets.threshold)
            for beat in (self._before, after)
        ]
        return Fit(
            parameters=tuple(
                Fitted(
                    name,
                    self.beat.values[name],
                    self.free[name].start,
                    float(factor),
                    float(error),
                    bound,
                )
                for name, factor, error, bound in zip(
                    names, np.exp(x), errors, bounds, strict=True
                )
            ),
            published=self.beat.published,
            case=self.beat.with_factors(np.exp(x)),
            targets=self.targets,
            reached=self.targets.of(after)[:, 0],
            before=self._before,
            after=after,
            biomarkers={
                name: (float(numbers[0][name][0]), float(numbers[1][name][0]))
                for name in numbers[0]
            },
            misfit=tuple(float((r[:n_values] ** 2).sum()) for r in (before, residuals)),
            prior=float((residuals[n_values:] ** 2).sum()),
            condition=condition,
            correlation=correlation,
            history=np.array(best.history),
            starts=costs,
            trials=self.trials,
            converged=best.converged,
            notes=(
                *self.notes,
                *self.targets.missed(residuals[:n_values]),
                *what_is_uncertain(names, bounds, condition, correlation),
                *_of_the_search(best, costs),
            ),
        )

    def _run(self, x: NDArray) -> tuple[Beat | None, str]:
        """The beat at ln f = x; without one, why."""
        try:
            return self.beat.run(np.exp(x)[None]), ""
        except NonFinitePotential as error:
            return None, str(error)

    def _cost(self, x: NDArray) -> float:
        return 0.5 * float((self.residuals(x) ** 2).sum())

    def _require_numbers(self, beat: Beat | None, why: str) -> None:
        """The fit begins where there are numbers to be compared with the targets."""
        if beat is None:
            raise CaseError(f"the beat that the fit begins with cannot be run: {why}")
        found = biomarkers(beat, self.targets.names, self.targets.threshold)
        for name in self.targets.names:
            if not np.isfinite(found[name][0]):
                raise CaseError(
                    f"the beat that the fit begins with has no {name}: V goes from "
                    f"{beat.V.min():.4g} to {beat.V.max():.4g} mV within "
                    f"{self.beat.end:g} ms; stimulate more, end later, or start nearer"
                )

    def _compare_gradients(self) -> None:
        """Torch against differences, once: cells whose equations jump are found out."""
        x = self.starts()[0]
        exact = self.jacobian(x)
        other = self.targets.slopes(self.beat.by_differences(np.exp(x)))
        other = other / self.targets.sigma[:, None]
        exact = exact[: len(other)]
        off = np.linalg.norm(exact - other) / max(np.linalg.norm(other), 1e-300)
        if off > AGREEMENT:
            self.notes.append(
                f"derivatives through torch and by differences are {off:.0%} apart at "
                "the start: equations that jump (if) do that, or a gradient_dt too "
                'long; gradients = "differences" is the safer choice here'
            )


def _lost(x: NDArray) -> _Descent:
    return _Descent(x, np.nan, np.empty((0, 0)), False, [])


def _of_the_search(best: _Descent, costs: NDArray) -> list[str]:
    notes = []
    if not best.converged:
        notes.append(
            "the fit stopped at max_trials before it had converged; raise it, or "
            "begin at these factors"
        )
    if len(costs) > 1:
        same = int((costs <= np.nanmin(costs) * 1.01 + 1e-9).sum())
        lost = int(np.isnan(costs).sum())
        notes.append(
            f"{same} of {len(costs)} starts came to the same sum of squares within "
            "1 %" + (f"; {lost} were lost" if lost else "")
        )
    return notes
