"""fit.toml -> which parameters of a case may change, and what they are fitted to.

    [parameters]                           # multiples of the case's values
    "ical.g_CaL" = { low = 0.3, high = 3.0, sigma = 0.5 }
    "ik1.g_K1" = {}

    [target.biomarkers]                    # of the case's last beat
    apd90 = { value = 283.8, sigma = 1.0 }

    [target.trace]                         # V of the case's last beat
    file = "ap.csv"                        # columns time (ms) and V (mV)
    sigma = 1.0                            # mV

docs/fitting.md has every key.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    Field,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from cardiosim.case.faults import first_fault
from cardiosim.case.quantities import Duration, Table, Time, quantity
from cardiosim.case.read import CaseError, toml_content

Positive = quantity("1", gt=0.0)


class FreeParameter(Table):
    """Within which multiples of the case's value a parameter may move.

    Attributes:
        low: smallest multiple.
        high: largest multiple.
        start: where the fit begins.
        sigma: width of the log-normal prior around the case's value; None for none.
    """

    low: Positive = 0.1
    high: Positive = 10.0
    start: Positive = 1.0
    sigma: Positive | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low < self.high or not self.low <= self.start <= self.high:
            raise ValueError(
                f"low {self.low:g}, start {self.start:g} and high {self.high:g} are "
                "not in this order"
            )
        return self


class TraceTarget(Table):
    """V of the last beat, sampled; times count from its stimulus."""

    file: str
    sigma: quantity("mV", gt=0.0) = 1.0
    start: Time = 0.0
    stop: Duration | None = None


class BiomarkerTarget(Table):
    """One number of the last beat, in ms, mV or V/s."""

    value: quantity("1")
    sigma: Positive


class TargetTable(Table):
    """What the parameters are fitted to: a trace, biomarkers, or both."""

    trace: TraceTarget | None = None
    biomarkers: dict[str, BiomarkerTarget] = {}

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.trace is None and not self.biomarkers:
            raise ValueError("give [target.trace], [target.biomarkers] or both")
        return self


class FitFile(Table):
    """What fit.toml may say."""

    title: str = ""
    gradients: Literal["torch", "differences"] = "torch"
    gradient_dt: Duration = 0.02  # of torch, ms
    starts: PositiveInt = 1
    seed: int = 0
    max_trials: PositiveInt = 50  # of each start
    tolerance: Positive = 1e-8
    parameters: dict[str, FreeParameter] = Field(min_length=1)
    target: TargetTable

    @field_validator("parameters", mode="before")
    @classmethod
    def _component_tables_are_qualified_names(cls, parameters: Any) -> Any:
        """Let `ina.g_Na = {}` mean the same as `"ina.g_Na" = {}`."""
        if not isinstance(parameters, dict):
            return parameters
        flat = {}
        for name, entry in parameters.items():
            inner = isinstance(entry, dict) and entry and "." not in name
            if inner and all(isinstance(value, dict) for value in entry.values()):
                flat |= {f"{name}.{key}": value for key, value in entry.items()}
            else:
                flat[name] = entry
        return flat


def read_fit(path: str | Path) -> FitFile:
    """Read a fit; the file of its trace is found beside it.

    Raises:
        CaseError: anything that keeps it from being one.
    """
    path = Path(path)
    content = toml_content(path, "a fit.toml")
    try:
        fit = FitFile.model_validate(content)
    except ValidationError as error:
        raise CaseError(f"{path}: {first_fault(error, FitFile)}") from None
    trace = fit.target.trace
    if trace is None:
        return fit
    trace = trace.model_copy(update={"file": str((path.parent / trace.file).resolve())})
    target = fit.target.model_copy(update={"trace": trace})
    return fit.model_copy(update={"target": target})
