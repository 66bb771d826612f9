"""What a case may say of its stimuli: the [[stimulus]] tables."""

from __future__ import annotations

import math
from typing import Self

from numpy.typing import ArrayLike
from pydantic import Field, PositiveInt, model_validator

from cardiosim.case.quantities import Current, Duration, Table, Time, quantity
from cardiosim.case.tissue_tables import C_M, CHI, TissueTable
from cardiosim.tissue.stimulus import Stimulus


class StimulusTable(Table):
    """Current injected into a region: once, as a train, S1-S2, or at any times.

    Either start, which period and count make a train of, and coupling_intervals behind
    its last pulse; or times. Either amplitude, or current_density per volume of tissue.
    """

    where: str | None = None
    start: Time | None = None
    times: tuple[Time, ...] | None = Field(default=None, min_length=1)
    duration: Duration
    amplitude: Current | None = None
    current_density: quantity("uA/mm3") | None = None
    chi: quantity("1/mm", gt=0.0) | None = None
    C_m: quantity("uF/mm2", gt=0.0) | None = None
    period: Duration | None = None
    count: PositiveInt | None = None
    # From pulse to pulse: S2 after the last of the train (S1), S3 after S2, ...
    coupling_intervals: tuple[Duration, ...] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_kind_of_current(self) -> Self:
        if self.amplitude is None and self.current_density is None:
            raise ValueError(
                "amplitude is missing; expected a number in A/F, or current_density "
                "in uA/mm3"
            )
        if self.amplitude is not None and self.current_density is not None:
            raise ValueError(
                "give either amplitude (A/F) or current_density (uA/mm3), not both"
            )
        given = [key for key in ("chi", "C_m") if getattr(self, key) is not None]
        if given and self.current_density is None:
            raise ValueError(
                f"{' and '.join(given)} came with amplitude, which is per capacitance "
                "already; remove it, or give current_density (uA/mm3) instead"
            )
        return self

    @model_validator(mode="after")
    def _one_way_to_say_when(self) -> Self:
        if self.times is not None:
            keys = ("start", "period", "count", "coupling_intervals")
            given = [key for key in keys if getattr(self, key) is not None]
            if given:
                raise ValueError(
                    f"times names every pulse, and {' and '.join(given)} came too; "
                    "remove the one or the other"
                )
        elif self.start is None:
            raise ValueError(
                "start is missing; expected a number in ms, or a list of times"
            )
        return self

    @model_validator(mode="after")
    def _trains_are_consistent(self) -> Self:
        if self.count is not None and self.count > 1 and self.period is None:
            raise ValueError("a count needs a period, in ms")
        if self.period is not None and self.period < self.duration:
            raise ValueError(
                f"period {self.period:g} ms is shorter than duration "
                f"{self.duration:g} ms; a train's pulses may not overlap"
            )
        if self.coupling_intervals and self.period and self.count is None:
            raise ValueError(
                "coupling_intervals follow the last pulse of a train; give its count"
            )
        if self.coupling_intervals and min(self.coupling_intervals) < self.duration:
            raise ValueError(
                f"coupling interval {min(self.coupling_intervals):g} ms is shorter "
                f"than duration {self.duration:g} ms; pulses may not overlap"
            )
        self.pulses([0], 0.0)  # knows what else may be wrong
        return self

    def pulses(self, nodes: ArrayLike, current: float) -> Stimulus:
        """Return what the table says, at some nodes.

        Args:
            nodes: node numbers.
            current: A/F, see `current`.
        """
        if self.times is not None:
            return Stimulus.at(nodes, self.times, self.duration, current)
        period, count = self.period or math.inf, self.count
        begin = self.start + ((count or 1) - 1) * (self.period or 0.0)
        further = []
        for interval in self.coupling_intervals or ():
            begin += interval
            further.append(begin)
        return Stimulus(
            nodes, self.start, self.duration, current, period, count, tuple(further)
        )

    def current(self, tissue: TissueTable | None) -> float:
        """Current per membrane capacitance, A/F.

        A current I per volume of tissue enters dV/dt as I/(chi C_m): the monodomain
        equation of Niederer et al. 2011, doi:10.1098/rsta.2011.0139, divided by both.

        Args:
            tissue: of the case, whose chi and C_m are taken.

        Raises:
            ValueError: chi and C_m are told nowhere, or twice.
        """
        if self.current_density is None:
            return self.amplitude
        chi = self._told_once("chi", "1/mm", CHI, tissue)
        C_m = self._told_once("C_m", "uF/mm2", C_M, tissue)
        return self.current_density / (chi * C_m)

    def _told_once(
        self, key: str, unit: str, usual: float, tissue: TissueTable | None
    ) -> float:
        own = getattr(self, key)
        of_tissue = None if tissue is None else getattr(tissue, key)
        if own is None and of_tissue is None:
            where = "no [tissue] to take it from" if tissue is None else "D only"
            raise ValueError(
                f"current_density needs {key}, and there is {where}; add {key} to the "
                f"stimulus, such as {key} = {usual:g} ({unit}), or give amplitude (A/F)"
            )
        if own is not None and of_tissue not in (None, own):
            raise ValueError(
                f"{key} is {own:g} {unit} here and {of_tissue:g} in [tissue]; "
                "remove it here"
            )
        return of_tissue if own is None else own
