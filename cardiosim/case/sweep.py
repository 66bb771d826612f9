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
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt, ValidationError, model_validator

from cardiosim.case.protocols import spread
from cardiosim.case.quantities import Table, quantity
from cardiosim.case.read import CaseError, toml_content
from cardiosim.ionic.equations import nearest

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

    def overrides(self, sample: int) -> tuple[str, ...]:
        """What a sample sets in the case: "table.key=value" each, as --set has it."""
        values = zip(self.keys, self.samples[sample], strict=True)
        return tuple(f"{key}={_in_toml(value)}" for key, value in values)


def read_sweep(path: str | Path) -> Sweep:
    """Read a sweep.

    Raises:
        CaseError: anything that keeps it from being one.
    """
    path = Path(path)
    content = toml_content(path, "a sweep.toml")
    try:
        file = _SweepFile.model_validate(content)
        if file.grid is not None:
            return _grid(file)
        return _latin_hypercube(file)
    except ValidationError as error:
        raise CaseError(f"{path}: {_one_line(error, _SweepFile)}") from None
    except ValueError as error:
        raise CaseError(f"{path}: {error}") from None


def _one_line(error: ValidationError, table: type[Table]) -> str:
    """The first thing wrong; a key that the table does not have before all others."""
    found = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")[0]
    where = ".".join(str(part) for part in found["loc"])
    if found["type"] == "extra_forbidden":
        return f"there is no {where!r} here; " + nearest(where, table.model_fields)
    said = found["msg"].replace("Value error, ", "")
    if found["type"] == "value_error":
        return f"{where}: {said}" if where else said
    return f"{where}: came {found['input']!r}; {said[:1].lower()}{said[1:]}"


def _grid(file: _SweepFile) -> Sweep:
    axes = {}
    for key, entry in _leaves(file.grid, {"from", "to", "step", "count"}).items():
        try:
            values = spread(entry)
        except ValueError as error:
            raise ValueError(f"grid.{key}: {error}") from None
        if not isinstance(values, list) or not values:
            raise ValueError(
                f"grid.{key} is {entry!r}; expected a list of values, or a table of "
                "from, to and step (or count)"
            )
        axes[key] = values
    samples = tuple(itertools.product(*axes.values()))
    return _sweep(file, tuple(axes), samples, "grid")


def _latin_hypercube(file: _SweepFile) -> Sweep:
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
            said = _one_line(error, Distribution)
            raise ValueError(f"latin_hypercube.{key}: {said}") from None
    shares = _one_of_each_part(file.samples, len(axes), file.seed)
    columns = [
        distribution.quantile(p).tolist()
        for distribution, p in zip(axes.values(), shares, strict=True)
    ]
    samples = tuple(zip(*columns, strict=True))
    return _sweep(file, tuple(axes), samples, "latin_hypercube")


def _one_of_each_part(n_samples: int, n_keys: int, seed: int) -> NDArray[np.float64]:
    """Shares between 0 and 1, one in each n-th of each key, shape (n_keys, n_samples).

    A key has its own stream of random numbers: one more key leaves the others theirs.
    """
    shares = np.empty((n_keys, n_samples))
    streams = np.random.SeedSequence(seed).spawn(n_keys)
    for row, child in zip(shares, streams, strict=True):
        generator = np.random.default_rng(child)
        row[:] = generator.permutation(n_samples) + generator.random(n_samples)
    # Off 0 and 1, where a normal distribution has no quantile.
    return np.clip(shares / n_samples, 1e-12, 1.0 - 1e-12)


def _sweep(
    file: _SweepFile,
    keys: tuple[str, ...],
    samples: tuple[tuple[Any, ...], ...],
    kind: Literal["grid", "latin_hypercube"],
) -> Sweep:
    if not keys:
        raise ValueError(f"[{kind}] names no value of the case")
    return Sweep(keys, samples, kind, file.seed, file.batch, file.keep_traces)


def _leaves(table: dict[str, Any], ends: set[str], above: str = "") -> dict[str, Any]:
    """Entries of nested tables by dotted key.

    A table of values is an entry itself if any of its keys is one of `ends`: a typing
    error in another of them is then told for what it is. A list below such a key, as
    in stimulus.0.count = [5, 10], is an entry of the key.
    """
    found = {}
    for name, entry in table.items():
        key = f"{above}.{_quoted(name)}" if above else _quoted(name)
        if isinstance(entry, dict) and not _is_an_entry(entry, ends):
            found |= _leaves(entry, ends, key)
        else:
            found[key] = entry
    return found


def _is_an_entry(table: dict[str, Any], ends: set[str]) -> bool:
    nested = any(isinstance(value, dict | list) for value in table.values())
    return not nested and not ends.isdisjoint(table)


def _in_toml(value: Any) -> str:
    """A value on one line of TOML."""
    if isinstance(value, dict):
        entries = (f"{_quoted(k)} = {_in_toml(v)}" for k, v in value.items())
        return f"{{ {', '.join(entries)} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_in_toml, value))}]"
    if isinstance(value, bool | str):
        return json.dumps(value)
    return repr(value) if isinstance(value, float) else str(value)


def _quoted(name: str) -> str:
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else json.dumps(name)
