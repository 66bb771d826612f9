"""Numbers of waves, as entries of a summary: value, unit, resolution, definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cardiosim.commands.wave_recordings import (
    DEFAULTS,
    Tips,
    WaveOptions,
    find_frequencies,
    find_tips,
)
from cardiosim.commands.wavelength_numbers import wavelength_numbers
from cardiosim.experiments.findings import entry
from cardiosim.measure.activation import cycle_lengths
from cardiosim.measure.dominant_frequency import DominantFrequency
from cardiosim.measure.tip_trajectories import Trajectory, rotor_count
from cardiosim.output.results import Results

Numbers = dict[str, dict[str, Any]]


def wave_numbers(
    results: Results,
    options: WaveOptions = DEFAULTS,
    lifetime: float | None = None,
) -> Numbers:
    """Everything that `cardiosim measure waves` tells of a run, without pictures.

    Args:
        results: of a run of a sheet, a slab or a mesh with snapshots of V.
        options: how it is measured.
        lifetime: ms that make a tip a rotor; one rotation by default.

    Returns:
        name -> value, unit, definition, resolution (a text); NaN for what is not there.

    Raises:
        ValueError: there are no snapshots, or they are too far apart.
    """
    tips = find_tips(results, options)
    numbers = tip_numbers(tips, lifetime) | rotor_numbers(results, tips, lifetime)
    try:
        numbers |= frequency_numbers(*find_frequencies(results, options))
    except ValueError as error:  # too short, or too few samples
        numbers["dominant_frequency"] = entry(np.nan, "Hz", str(error))
    return numbers | length_numbers(results)


def resolved_entry(
    value: float, unit: str, resolution: str, definition: str
) -> dict[str, Any]:
    """An entry of a summary that says how fine it is."""
    return entry(value, unit, definition) | {"resolution": resolution}


def tip_numbers(tips: Tips, lifetime: float | None = None) -> Numbers:
    """How many singularities and rotors there were, and for how long."""
    counts = np.array([len(now) for now in tips.found])
    charge = np.array([int(now.charges.sum()) for now in tips.found])
    rotors = [tip for tip in tips.trajectories if tip.is_rotor(lifetime)]
    at_once = rotor_count(tips.times, tips.trajectories, lifetime)
    lives = [tip.lifetime for tip in rotors]
    round_holes = (tips.edge_charges[:, tips.edges.is_hole] != 0).sum(axis=1)
    step = f"{tips.interval:g} ms"
    when = f"from {tips.times[0]:g} to {tips.times[-1]:g} ms"
    makes = "one rotation" if lifetime is None else f"{lifetime:g} ms"
    return {
        "singularities_mean": resolved_entry(
            counts.mean(), "1", "", f"phase singularities at once, mean {when}"
        ),
        "singularities_most": resolved_entry(
            counts.max(), "1", "", "phase singularities at once, largest number"
        ),
        "singularity_charge_mean": resolved_entry(
            charge.mean(), "1", "", "sum of the charges of all of them, mean"
        ),
        "tips": resolved_entry(
            len(tips.trajectories), "1", "", "singularities followed over their life"
        ),
        "rotors": resolved_entry(
            len(rotors), "1", "", f"tips that live for {makes} or longer"
        ),
        "rotors_most": resolved_entry(
            at_once.max(initial=0), "1", "", "rotors at once, largest number"
        ),
        "rotors_mean": resolved_entry(
            at_once.mean(), "1", "", f"rotors at once, mean {when}"
        ),
        "waves_round_holes_mean": resolved_entry(
            round_holes.mean(),
            "1",
            "",
            "holes in the tissue round which the phase winds, at once, mean",
        ),
        "rotor_lifetime_longest": resolved_entry(
            max(lives, default=np.nan), "ms", step, "first to last sight of a rotor"
        ),
        "rotor_lifetime_median": resolved_entry(
            float(np.median(lives)) if lives else np.nan, "ms", step, "of all rotors"
        ),
    }


def rotor_numbers(
    results: Results, tips: Tips, lifetime: float | None = None
) -> Numbers:
    """Of the rotor that lives longest; NaN where there is none."""
    rotors = [tip for tip in tips.trajectories if tip.is_rotor(lifetime)]
    longest = max(rotors, key=lambda tip: tip.lifetime, default=None)
    if longest is None:
        return {
            name: entry(np.nan, unit, "no rotor was found")
            for name, unit in (
                ("rotation_period", "ms"),
                ("rotation_period_deviation", "ms"),
                ("rotations", "1"),
                ("cycle_length_during_rotor", "ms"),
                ("tip_core_diameter", "mm"),
                ("tip_core_length", "mm"),
                ("tip_drift", "mm"),
                ("tip_drift_speed", "m/s"),
                ("tip_speed", "m/s"),
            )
        }
    step = f"{tips.interval:g} ms"
    near = f"{tips.spacing:.3g} mm"
    return {
        "rotation_period": resolved_entry(
            longest.period,
            "ms",
            f"{tips.interval / max(longest.rotations, 1.0):.2g} ms",
            "2 pi over the slope of the angle by which the wave turns round the tip of "
            "the rotor that lives longest",
        ),
        "rotation_period_deviation": resolved_entry(
            float(longest.periods.std(ddof=1)) if longest.periods.size > 1 else np.nan,
            "ms",
            step,
            "standard deviation of its single rotations",
        ),
        "rotations": resolved_entry(longest.rotations, "1", "", "of that rotor"),
        "cycle_length_during_rotor": resolved_entry(
            cycle_length_during(results, longest),
            "ms",
            "that of the activation times",
            "median over the nodes of the mean time from activation to activation "
            "while that rotor lives",
        ),
        "tip_core_diameter": resolved_entry(
            longest.core_diameter,
            "mm",
            near,
            "twice the root mean square distance of the tip from its centre in one "
            "rotation, median over the rotations",
        ),
        "tip_core_length": resolved_entry(
            longest.core_length,
            "mm",
            near,
            "largest distance of two positions of the tip in one rotation, median",
        ),
        "tip_drift": resolved_entry(
            longest.drift,
            "mm",
            near,
            "from the centre of the first rotation to that of the last",
        ),
        "tip_drift_speed": resolved_entry(
            longest.drift_speed, "m/s", "", "that distance over the time between"
        ),
        "tip_speed": resolved_entry(
            longest.path / longest.lifetime,
            "m/s",
            "",
            f"length of the way of the tip, in steps of {step}, over its life",
        ),
    }


def cycle_length_during(results: Results, tip: Trajectory) -> float:
    """Median over the nodes of the mean cycle length while a tip lives, ms."""
    if not len(results.activation):
        return np.nan
    found = cycle_lengths(results.activation, tip.times[0], tip.times[-1])
    known = found.mean[np.isfinite(found.mean)]
    return float(np.median(known)) if known.size else np.nan


def frequency_numbers(found: DominantFrequency, duration: float) -> Numbers:
    """Dominant frequency over the nodes."""
    known = found.values[np.isfinite(found.values)]
    quartiles = np.quantile(known, [0.25, 0.5, 0.75]) if known.size else [np.nan] * 3
    organisation = found.organisation[np.isfinite(found.organisation)]
    fine = f"{found.resolution:.2g} Hz"
    how = f"of V over {duration:g} ms"
    return {
        "dominant_frequency": resolved_entry(
            quartiles[1], "Hz", fine, f"largest peak {how}, median over the nodes"
        ),
        "dominant_frequency_spread": resolved_entry(
            quartiles[2] - quartiles[0],
            "Hz",
            fine,
            "from the first to the third quartile of the nodes",
        ),
        "frequency_organisation": resolved_entry(
            float(np.median(organisation)) if organisation.size else np.nan,
            "1",
            "",
            "share of the power at the dominant frequency and its multiples, median",
        ),
    }


def activation_frequency_numbers(found: DominantFrequency) -> Numbers:
    """Activations a second over the nodes."""
    known = found.values[np.isfinite(found.values)]
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    fine = "that of the activation times"
    return {
        "activation_frequency": resolved_entry(
            middle,
            "Hz",
            fine,
            "one over the mean time from activation to activation, median over the "
            "nodes",
        ),
        "activation_frequency_spread": resolved_entry(
            high - low, "Hz", fine, "from the first to the third quartile of the nodes"
        ),
    }


def length_numbers(results: Results) -> Numbers:
    """Wavelength of each node's last activation, if it can be had from the run."""
    try:
        return wavelength_numbers(results)
    except ValueError as error:
        return {"wavelength": entry(np.nan, "mm", str(error))}


def shown_rows(numbers: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Rows of a table: quantity, value, unit, resolution, what it is."""
    from cardiosim.commands.table import number

    return [
        (
            name,
            number(found["value"]),
            "" if found["unit"] == "1" else found["unit"],
            found.get("resolution", ""),
            found["definition"],
        )
        for name, found in numbers.items()
    ]
