"""What a laboratory case may say: the [protocol] tables, one kind each.

A protocol takes the place of [[stimulus]] and time.end in a case of single cells. It
begins from the state that [cell.prepace] leaves, the S1 train; its own stimuli have the
pulse of that train unless it says otherwise.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PositiveInt,
    model_validator,
)

from cardiosim.case.quantities import (
    Current,
    Duration,
    Potential,
    Table,
    Time,
    quantity,
)
from cardiosim.units import to_project_units

PositiveCurrent = quantity("A/F", gt=0.0)
Relative = quantity("1", gt=0.0, lt=1.0)

MOST_VALUES = 100_000  # that a range may stand for
LONGEST_PULSE = 50.0  # ms; an answer to a longer one is the stimulus itself


def spread(entry: Any, unit: str | None = None) -> Any:
    """{ from, to, step } or { from, to, count } as the list that it stands for.

    Args:
        entry: a table, or what is returned as it is.
        unit: in which strings such as "0.3 s" are read; without one they are refused.

    Raises:
        ValueError: the table is no range, or one of more than `MOST_VALUES`.
    """
    if not isinstance(entry, dict):
        return entry
    if set(entry) not in ({"from", "to", "step"}, {"from", "to", "count"}):
        raise ValueError(
            f"came {sorted(entry)}; expected a list, or a table of from, to and step "
            "(or count)"
        )
    low, high = (_number(entry, key, unit) for key in ("from", "to"))
    if "count" in entry:
        count = entry["count"]
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError(f"count: came {count!r}, expected a whole number from 1")
        _require_few(count)
        values = np.linspace(low, high, count)
    else:
        step = _number(entry, "step", unit)
        if step <= 0.0 or high < low:
            raise ValueError(f"came {entry}; expected from <= to and a positive step")
        _require_few((high - low) / step)
        # A little beyond, so that rounding does not lose the last one.
        values = np.arange(low, high + 1e-6 * step, step)
    return [float(f"{x:.12g}") for x in values]


def _number(entry: dict[str, Any], key: str, unit: str | None) -> float:
    value = entry[key]
    if isinstance(value, str) and unit is not None:
        value = to_project_units(value, unit, key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"came {value!r} in {entry}; expected a number")
    if not math.isfinite(value):
        raise ValueError(f"came {value!r} in {entry}; expected a finite number")
    return float(value)


def _require_few(count: float) -> None:
    if count > MOST_VALUES:
        raise ValueError(
            f"a range of {count:.3g} values; expected at most {MOST_VALUES}"
        )


def _family(entry: Any) -> Any:
    """One potential, or those of a family."""
    values = spread(entry, "mV")
    return values if isinstance(values, list | tuple) else [values]


def _all_different(values: tuple[float, ...]) -> tuple[float, ...]:
    """Results are named after these values, by six digits."""
    named = [f"{value:g}" for value in values]
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice} ms came twice; results are told apart by it")
    return values


Potentials = Annotated[
    tuple[Potential, ...], BeforeValidator(_family), Field(min_length=1)
]
Durations = Annotated[
    tuple[Duration, ...],
    BeforeValidator(lambda entry: spread(entry, "ms")),
    Field(min_length=1, description="a list of numbers in ms, or a range of them"),
    AfterValidator(_all_different),
]


class PulseTable(Table):
    """Shape of the stimuli; what is not given is that of the S1 train."""

    amplitude: Current | None = None
    duration: quantity("ms", gt=0.0, le=LONGEST_PULSE) | None = None


class ProtocolTable(Table):
    """What all kinds have in common."""

    measures_durations: ClassVar[bool] = False  # at measure.apd and measure.apd_at


class PacingProtocol(ProtocolTable):
    """Beats at one rate, up to a steady state or to a number of them."""

    measures_durations = True
    kind: Literal["pacing"]
    bcl: Duration
    pulse: PulseTable = PulseTable()
    beats: PositiveInt = 1000  # at most
    tolerance: quantity("1", ge=0.0) = 1e-5  # 0: exactly `beats`


class S1S2Protocol(ProtocolTable):
    """APD after one premature stimulus at each interval since the last S1."""

    measures_durations = True
    kind: Literal["s1s2_restitution"]
    intervals: Durations
    pulse: PulseTable = PulseTable()  # of S2


class DynamicProtocol(ProtocolTable):
    """APD of the last of some beats at each cycle length."""

    measures_durations = True
    kind: Literal["dynamic_restitution"]
    cycle_lengths: Durations
    beats: Annotated[int, Field(ge=2)] = 50
    pulse: PulseTable = PulseTable()


class RefractoryPeriodProtocol(ProtocolTable):
    """Shortest S1-S2 interval that the cell answers, by bisection."""

    kind: Literal["refractory_period"]
    shortest: Duration = 50.0
    longest: Duration | None = None  # the S1 cycle length
    resolution: Duration = 1.0
    response: quantity("1", gt=0.0, le=1.0) = 0.8  # of the S1 peak
    pulse: PulseTable = PulseTable()  # of S2
    strength: quantity("1", gt=0.0) | None = None  # multiple of the threshold

    @model_validator(mode="after")
    def _one_amplitude(self) -> Self:
        if self.strength is not None and self.pulse.amplitude is not None:
            raise ValueError(
                "give the amplitude of S2 either as strength, a multiple of the "
                "diastolic threshold, or as pulse.amplitude, not both"
            )
        return self


class ThresholdProtocol(ProtocolTable):
    """Smallest amplitude that the resting cell answers, by bisection."""

    kind: Literal["threshold"]
    largest: PositiveCurrent = 1000.0
    resolution: Relative = 1e-3  # width of the bracket
    duration: Duration | None = None  # that of the S1 train


class StrengthDurationProtocol(ProtocolTable):
    """Threshold over the duration of the pulse; rheobase and chronaxie."""

    kind: Literal["strength_duration"]
    durations: Durations
    largest: PositiveCurrent = 2000.0
    resolution: Relative = 1e-3


class ClampSegment(Table):
    """A step to a potential, or a ramp to one; a list is a family, one cell each."""

    step_to: Potentials | None = None
    ramp_to: Potentials | None = None
    duration: Duration

    @model_validator(mode="after")
    def _a_step_or_a_ramp(self) -> Self:
        if (self.step_to is None) == (self.ramp_to is None):
            raise ValueError("give either step_to or ramp_to, in mV")
        return self

    @property
    def potentials(self) -> tuple[float, ...]:
        """Where it leads, mV: one for all cells, or one each."""
        return self.step_to if self.step_to is not None else self.ramp_to


class VoltageClampProtocol(ProtocolTable):
    """Currents under a command: steps and ramps, or a recorded action potential."""

    kind: Literal["voltage_clamp"]
    holding: Potential = -80.0
    settle: Time = 1000.0  # at the holding potential, before the command begins
    segments: tuple[ClampSegment, ...] = ()
    recording: str | None = None  # CSV with columns time (ms) and V (mV)
    variables: tuple[str, ...] | None = None  # the membrane currents by default
    interval: Duration | None = None
    read: Annotated[int, Field(ge=0)] | None = None  # segment, from 0; the family's

    @model_validator(mode="after")
    def _one_command(self) -> Self:
        if bool(self.segments) == (self.recording is not None):
            raise ValueError(
                "give either segments, such as { step_to = -20.0, duration = 50.0 }, "
                "or recording, a CSV file with columns time (ms) and V (mV)"
            )
        families = {len(s.potentials) for s in self.segments} - {1}
        if len(families) > 1:
            raise ValueError(
                f"segments hold families of {sorted(families)} potentials; give lists "
                "of one length"
            )
        if self.read is not None and self.read >= len(self.segments):
            raise ValueError(
                f"read is {self.read}, and there are {len(self.segments)} segments, "
                "which count from 0"
            )
        return self

    def family(self) -> tuple[float, ...]:
        """Potentials that tell the cells apart, mV; none of a single command."""
        sizes = [len(segment.potentials) for segment in self.segments]
        largest = max(sizes, default=1)
        if largest == 1:
            return ()
        return self.segments[sizes.index(largest)].potentials

    def stretch(self) -> tuple[float, float]:
        """Begin and end of the segment that is read, ms; of a family only."""
        read = self.read
        if read is None:
            read = [segment.potentials for segment in self.segments].index(
                self.family()
            )
        begin = sum(segment.duration for segment in self.segments[:read])
        return begin, begin + self.segments[read].duration


Protocol = Annotated[
    PacingProtocol
    | S1S2Protocol
    | DynamicProtocol
    | RefractoryPeriodProtocol
    | ThresholdProtocol
    | StrengthDurationProtocol
    | VoltageClampProtocol,
    Field(discriminator="kind"),
]
