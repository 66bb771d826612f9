"""The battery that certifies a surrogate: every part in turn, none left out.

What does not apply to a surrogate is a row that says so; a part in which it fails is a
row that says how. The pass marks are fixed (Battery and the parts' own modules); the
numbers of the paper that the project builds on stand beside them:

    Sanchez J, Loewe A 2025, Accelerating Cardiac Myocyte Simulations with
    Physics-Informed Neural Networks for Sodium Channel Gating, Computing in Cardiology.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from cardiosim.experiments.certification_action_potentials import (
    long_part,
    pacing_part,
)
from cardiosim.experiments.certification_bench import (
    FULL,
    TROUBLE,
    Battery,
    Bench,
    Candidate,
    Watch,
    silent,
)
from cardiosim.experiments.certification_clamp import clamp_part
from cardiosim.experiments.certification_conditions import conditions_part
from cardiosim.experiments.certification_cost import cost_part
from cardiosim.experiments.certification_range import range_part
from cardiosim.experiments.certification_restitution import restitution_part
from cardiosim.experiments.certification_rows import Part, failed
from cardiosim.experiments.certification_spiral import spiral_part
from cardiosim.experiments.certification_waves import waves_part

PARTS: dict[str, Callable[[Bench], Part]] = {
    "clamp": clamp_part,
    "pacing": pacing_part,
    "long": long_part,
    "restitution": restitution_part,
    "waves": waves_part,
    "conditions": conditions_part,
    "range": range_part,
    "spiral": spiral_part,
    "cost": cost_part,
}


@dataclass(frozen=True)
class Certificate:
    """What was found of a candidate.

    Attributes:
        candidate: that was certified.
        battery: how much was done.
        parts: in the order of `PARTS`.
    """

    candidate: Candidate
    battery: Battery
    parts: tuple[Part, ...]

    def marks(self) -> Counter[str]:
        """How many rows bear each mark."""
        return Counter(row.mark for part in self.parts for row in part.rows)


def certify(
    candidate: Candidate,
    battery: Battery = FULL,
    watch: Watch = silent,
    begin: Callable[[str], None] | None = None,
) -> Certificate:
    """Run the battery.

    Args:
        candidate: what is certified.
        battery: how much is done.
        watch: called with the name of every experiment; gives what reports on its
            progress.
        begin: called with the name of each part before it begins.
    """
    bench = Bench(candidate, battery, watch)
    parts = []
    for number, (name, part) in enumerate(PARTS.items(), start=1):
        if begin is not None:
            begin(f"part {number} of {len(PARTS)}: {name}")
        try:
            parts.append(part(bench))
        except TROUBLE as error:
            parts.append(Part(name, name.capitalize(), (), [failed(name, error)]))
    return Certificate(candidate, battery, tuple(parts))
