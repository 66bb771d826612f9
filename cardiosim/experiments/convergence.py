"""Tables of numerical error: one quantity of a case over time steps, meshes, schemes.

A study is data (a .toml file beside a case): rows and columns of overrides, a reference
that stands for the limit, and optionally a grid of further overrides over which each
entry of the table takes the largest and the mean error.

    error = quantity(row, column)/quantity(reference) - 1          in %

For `potential_rmse` the error is the root mean square of the difference between two
traces of V, in mV.

The limit dt -> 0 of a scheme with an error proportional to dt is Richardson's
2 q(dt/2) - q(dt): a reference may name the run at half the step as `half`.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from cardiosim.case.build import build, build_recorders
from cardiosim.case.read import CaseError, read_case
from cardiosim.measure.conduction_velocity import NoConduction, conduction_velocity
from cardiosim.simulation.run import march

Overrides = Mapping[str, Any]
Progress = Callable[[float, float], None]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Entry(_Table):
    """A row or column: its heading and what it overrides in the case."""

    name: str
    set: dict[str, Any] = {}


class Reference(_Table):
    """The limit: a run, and optionally the run at half its step to extrapolate with."""

    set: dict[str, Any] = {}
    half: dict[str, Any] | None = None


class Study(_Table):
    """One table of errors.

    Attributes:
        title: heading.
        case: folder of the case, relative to the study's file.
        quantity: what is compared.
        set: overrides of every run.
        reference: the limit.
        row: rows of the table.
        column: columns of the table.
        grid: lists of values by key; every combination is run.
        expected: independent value of the limit, to be shown beside it.
    """

    title: str
    case: str = "."
    quantity: Literal["conduction_velocity", "potential_rmse"] = "conduction_velocity"
    set: dict[str, Any] = {}
    reference: Reference
    row: tuple[Entry, ...]
    column: tuple[Entry, ...]
    grid: dict[str, tuple[Any, ...]] = {}
    expected: float | None = None


@dataclass(frozen=True)
class ConvergenceTable:
    """Errors of a study.

    Attributes:
        study: what was run.
        limits: value of the reference at each grid point (NaN for traces).
        errors: shape (n_rows, n_columns, n_grid); in % or mV, NaN where no wave came.
    """

    study: Study
    limits: NDArray[np.float64]
    errors: NDArray[np.float64]

    @property
    def unit(self) -> str:
        """Unit of the errors."""
        return "mV" if self.study.quantity == "potential_rmse" else "%"


def read_study(path: Path) -> Study:
    """Read a study.

    Raises:
        CaseError: it is no study; one line says why.
    """
    if path.is_dir():
        raise CaseError(
            f"{path} is a folder; expected a study, a .toml file such as "
            f"{path / 'time_step.toml'}"
        )
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        if "reference" not in content and content.keys() & {"mesh", "cell", "time"}:
            raise CaseError(
                f"{path} is a case, not a study; a study has [reference], [[row]], "
                "[[column]]"
            )
        return Study.model_validate(content)
    except FileNotFoundError:
        raise CaseError(f"there is no study {path}") from None
    except tomllib.TOMLDecodeError as error:
        raise CaseError(f"{path} is not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise CaseError(f"{path}: {where}: {first['msg']}") from None


def run_study(
    study: Study, folder: Path, progress: Progress | None = None
) -> ConvergenceTable:
    """Run every combination of a study.

    Args:
        study: as read.
        folder: the case's paths are relative to this one.
        progress: called with (runs done, runs in all).

    Raises:
        CaseError: a run cannot be made, or its reference has no wave; names the run.
    """
    case = folder / study.case
    points = [
        dict(zip(study.grid, values, strict=True))
        for values in itertools.product(*study.grid.values())
    ]
    shape = (len(study.row), len(study.column), len(points))
    errors, limits = np.empty(shape), np.empty(len(points))
    per_point = shape[0] * shape[1] + (2 if study.reference.half else 1)
    done, in_all = 0, per_point * len(points)

    def run(*overrides: Overrides) -> NDArray[np.float64]:
        nonlocal done
        try:
            return quantity(case, _merged(study.set, *overrides), study.quantity)
        finally:
            done += 1
            if progress is not None:
                progress(done, in_all)

    for k, point in enumerate(points):
        with _named("reference", point):
            limit = run(point, study.reference.set)
            if study.reference.half is not None:
                finer = run(point, study.reference.set, study.reference.half)
                limit = 2.0 * finer - limit
        limits[k] = limit[0] if limit.size == 1 else np.nan
        for i, row in enumerate(study.row):
            for j, column in enumerate(study.column):
                with _named(f'row "{row.name}", column "{column.name}"', point):
                    try:
                        found = run(point, column.set, row.set)
                    except NoConduction:
                        # A step too coarse for a wave is a finding, not a failure.
                        errors[i, j, k] = np.nan
                    else:
                        errors[i, j, k] = _error(found, limit)
    return ConvergenceTable(study, limits, errors)


def _merged(*overrides: Overrides) -> dict[str, Any]:
    """All overrides, the later ones applied later where they meet."""
    merged: dict[str, Any] = {}
    for key, value in (item for entry in overrides for item in entry.items()):
        merged.pop(key, None)
        merged[key] = value
    return merged


@contextmanager
def _named(run: str, point: Overrides) -> Iterator[None]:
    """Let an error say in which run of the study it came up."""
    try:
        yield
    except (ValueError, RuntimeError) as error:
        at = "".join(f", {key} = {value!r}" for key, value in point.items())
        raise CaseError(f"{run}{at}: {error}") from error


def quantity(case: Path, overrides: Overrides, name: str) -> NDArray[np.float64]:
    """Run a case and take a quantity: a velocity, (1,), m/s, or a trace of V, mV.

    Raises:
        CaseError: the case cannot be run.
        NoConduction: no wave arrives, so that there is no velocity.
    """
    read, problem = build(read_case(case, overrides))
    time = read.time
    recorders = build_recorders(read, problem)
    # Recording never changes a run: only what is asked for need watch it.
    trace = recorders.traces[0] if name == "potential_rmse" else None
    march(
        problem,
        time.dt,
        time.end,
        time.splitting,
        (trace or recorders.activation,),
        reaction_steps=time.reaction_steps,
    )
    if trace is not None:
        return trace.values[problem.cell.state_names[0]][:, 0]
    activation = recorders.activation.times
    if len(activation) == 0:
        raise NoConduction(
            f"no node of {case} was activated; stimulate more, or choose smaller steps"
        )
    span = read.measure.cv
    x = problem.mesh.points[:, 0]
    return np.array([conduction_velocity(x, activation[0], span.start, span.stop)])


def _error(found: NDArray[np.float64], limit: NDArray[np.float64]) -> float:
    if limit.size == 1:
        return float(100.0 * (found[0] / limit[0] - 1.0))
    if found.shape != limit.shape:
        raise CaseError(
            f"traces of {found.size} and {limit.size} samples cannot be compared; "
            f"give the case's trace an interval that every dt divides"
        )
    return float(np.sqrt(np.mean((found - limit) ** 2)))


def table_cells(table: ConvergenceTable) -> Sequence[Sequence[str]]:
    """Entries of the table as text: an error, or "largest / mean" over the grid.

    Where a run had no wave the entry says so.
    """
    digits = 3 if table.unit == "mV" else 2
    sign = "" if table.unit == "mV" else "+"

    def cell(errors: NDArray[np.float64]) -> str:
        if np.isnan(errors).any():
            return "no wave"
        if errors.size == 1:
            return f"{errors[0]:{sign}.{digits}f}"
        size = np.abs(errors)
        return f"{size.max():.{digits}f} / {size.mean():.{digits}f}"

    return [[cell(entry) for entry in row] for row in table.errors]
