"""sweep.toml -> which values of a case are varied, and the samples of them.

    [grid]                                      # every combination
    tissue.D = [0.05, 0.15, 0.30]
    cell.parameters.ical.g_CaL.scale = { from = 0.5, to = 1.5, step = 0.25 }

or

    samples = 1000
    seed = 1
    [latin_hypercube]
    cell.parameters.ical.g_CaL.scale = { low = 0.5, high = 1.5 }             # uniform
    cell.parameters.ikr.g_Kr.scale = { median = 1.0, sigma = 0.2 }        # log-normal
    cell.parameters.ik1.g_K1.scale = { mean = 1.0, sd = 0.1 }                 # normal

A Latin hypercube divides the range of each value into as many parts of equal
probability as there are samples and takes one sample from each part: McKay, Beckman,
Conover 1979, Technometrics 21:239-245, doi 10.1080/00401706.1979.10489755.
"""

from __future__ import annotations

import itertools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import PositiveInt, ValidationError, model_validator

from cardiosim.case.protocols import spread
from cardiosim.case.quantities import Table, quantity
from cardiosim.case.read import CaseError

Number = quantity("1")


class Distribution(Table):
    """Of one value: uniform, log-normal or normal, by the keys that are given."""

    low: Number | None = None
    high: Number | None = None
    median: quantity("1", gt=0.0) | None = None
    sigma: quantity("1", gt=0.0) | None = None  # of the logarithm
    mean: Number | None = None
    sd: quantity("1", gt=0.0) | None = None

    @model_validator(mode="after")
    def _one_kind(self):
        kinds = {("low", "high"), ("median", "sigma"), ("mean", "sd")}
        given = tuple(
            k for k in type(self).model_fields if getattr(self, k) is not None
        )
        if given not in kinds:
            raise ValueError(
                f"came {', '.join(given) or 'nothing'}; expected low and high "
                "(uniform), median and sigma (log-normal), or mean and sd (normal)"
            )
        if self.low is not None and self.high <= self.low:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}")
        return self

    def quantile(self, p: np.ndarray) -> np.ndarray:
        """Values below which the shares p of the distribution lie."""
        from scipy import stats

        if self.low is not None:
            return self.low + p * (self.high - self.low)
        if self.median is not None:
            return self.median * np.exp(self.sigma * stats.norm.ppf(p))
        return self.mean + self.sd * stats.norm.ppf(p)


class _SweepFile(Table):
    seed: int = 0
    samples: PositiveInt | None = None
    grid: dict[str, Any] | None = None
    latin_hypercube: dict[str, Any] | None = None
    batch: PositiveInt = 128
    keep_traces: bool = True

    @model_validator(mode="after")
    def _one_way_to_sample(self):
        if (self.grid is None) == (self.latin_hypercube is None):
            raise ValueError("give either [grid] or [latin_hypercube]")
        if (self.latin_hypercube is None) != (self.samples is None):
            raise ValueError(
                "samples is the number of points of a [latin_hypercube]; "
                + ("it is missing" if self.samples is None else "a [grid] has its own")
            )
        return self


@dataclass(frozen=True)
class Sweep:
    """Samples of some values of a case.

    Attributes:
        keys: dotted keys of the case that are varied.
        samples: one value a key each, shape (n_samples, n_keys).
        kind: how they were chosen.
        seed: of the Latin hypercube.
        batch: single cells that run as nodes of one mesh.
        keep_traces: whether V of each cell's last beat is kept.
    """

    keys: tuple[str, ...]
    samples: tuple[tuple[Any, ...], ...]
    kind: Literal["grid", "latin_hypercube"]
    seed: int
    batch: int
    keep_traces: bool

    def overrides(self, sample: int) -> dict[str, Any]:
        """What a sample sets in the case."""
        return dict(zip(self.keys, self.samples[sample], strict=True))


def read_sweep(path: str | Path) -> Sweep:
    """Read a sweep.

    Raises:
        CaseError: anything that keeps it from being one.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CaseError(f"there is no file {path}; expected a sweep.toml") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CaseError(f"{path} is not TOML: {error}") from None
    try:
        file = _SweepFile.model_validate(content)
        if file.grid is not None:
            return _grid(file)
        return _latin_hypercube(file)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        said = f"{where}: {first['msg']}" if where else first["msg"]
        raise CaseError(f"{path}: {said.replace('Value error, ', '')}") from None
    except ValueError as error:
        raise CaseError(f"{path}: {error}") from None


def _grid(file: _SweepFile) -> Sweep:
    axes = {}
    for key, entry in _leaves(file.grid, {"from", "to", "step", "count"}).items():
        values = spread(entry)
        if not isinstance(values, list) or not values:
            raise ValueError(
                f"grid.{key} is {entry!r}; expected a list of values, or a table of "
                "from, to and step (or count)"
            )
        axes[key] = values
    samples = tuple(itertools.product(*axes.values()))
    return _sweep(file, tuple(axes), samples, "grid")


def _latin_hypercube(file: _SweepFile) -> Sweep:
    from scipy.stats import qmc

    fields = set(Distribution.model_fields)
    axes = {}
    for key, entry in _leaves(file.latin_hypercube, fields).items():
        if not isinstance(entry, dict):
            raise ValueError(
                f"latin_hypercube.{key} is {entry!r}; expected a distribution, such as "
                "{ low = 0.5, high = 1.5 }"
            )
        try:
            axes[key] = Distribution.model_validate(entry)
        except ValidationError as error:
            said = error.errors()[0]["msg"].replace("Value error, ", "")
            raise ValueError(f"latin_hypercube.{key}: {said}") from None
    if not axes:
        raise ValueError("[latin_hypercube] names no value of the case")
    shares = qmc.LatinHypercube(len(axes), rng=file.seed).random(file.samples)
    columns = [d.quantile(shares[:, i]).tolist() for i, d in enumerate(axes.values())]
    samples = tuple(zip(*columns, strict=True))
    return _sweep(file, tuple(axes), samples, "latin_hypercube")


def _sweep(file: _SweepFile, keys, samples, kind) -> Sweep:
    if not keys:
        raise ValueError(f"[{kind}] names no value of the case")
    return Sweep(keys, samples, kind, file.seed, file.batch, file.keep_traces)


def _leaves(table: dict[str, Any], ends: set[str], above: str = "") -> dict[str, Any]:
    """Entries of nested tables by dotted key; a table of `ends` alone is an entry."""
    found = {}
    for name, entry in table.items():
        key = f"{above}.{_quoted(name)}" if above else _quoted(name)
        if isinstance(entry, dict) and not (entry and set(entry) <= ends):
            found |= _leaves(entry, ends, key)
        else:
            found[key] = entry
    return found


def _quoted(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() else f'"{name}"'
