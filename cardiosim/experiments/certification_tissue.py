"""Certificate: waves along cables, against the exact fast map at the same dx and dt.

All cables, one for each dx and D (and for each premature interval), lie side by side in
one mesh of lines that are not coupled to each other: one run. S1 excites an end, S2 the
same end some interval later; velocities are those of conduction_velocity.py.

    exact fast map    multirate with 64 substeps: what remains is the splitting of
                      reaction and diffusion, which all schemes of this step share
    splitting floor   the exact fast map at this step against itself at 10 us
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cardiosim.experiments.cables import EXCITED, Cables
from cardiosim.experiments.certification_bench import (
    Battery,
    Bench,
    Contender,
    Measurement,
)
from cardiosim.experiments.certification_conditions import conditioned, conditions
from cardiosim.experiments.certification_pacing import TICK, paced_state
from cardiosim.experiments.single_cells import Progress, round_up
from cardiosim.ionic.cell import Cell
from cardiosim.measure.biomarkers import beat_biomarkers
from cardiosim.simulation.monodomain import Monodomain, uniform_states
from cardiosim.simulation.potential_trace import PotentialTrace
from cardiosim.simulation.recorders import ActivationRecorder
from cardiosim.simulation.run import march
from cardiosim.tissue.stimulus import Stimulus

AMPLITUDE, DURATION = 40.0, 2.0  # A/F, ms
SLOWEST = 0.22  # m/s: how long S1 is waited for
S2_TIME = 250.0  # ms after the last S2
FINEST = 0.01  # ms, where the splitting is no longer seen
CONDITION = (0.1, 0.15)  # dx, mm, and D, mm2/ms, of the cables with other parameters


def grid_of(battery: Battery) -> list[tuple[float, float]]:
    """Each dx and D of the cables."""
    return [(dx, D) for dx in battery.dx for D in battery.D]


def first_wave_end(battery: Battery) -> float:
    """When S1 has crossed every cable, ms."""
    return round_up(DURATION + battery.length / SLOWEST, 1.0)


def waves_at_rest(bench: Bench, contender: Contender) -> Measurement:
    """S1 in the cables of the grid.

    Returns:
        cv, m/s, (n_grid,); dvdt_max, V/s, (n_grid,): the largest slope over 0.1 ms at
        any node of the measured half, whose upstrokes meet the samples at all phases.
    """
    battery = bench.battery
    pairs = grid_of(battery)
    cables = Cables(*map(tuple, zip(*pairs, strict=True)), battery.length)

    def run(cell: Cell, progress: Progress | None) -> Measurement:
        state = paced_state(bench, contender)
        trace = PotentialTrace(TICK)
        activation, _ = _march(
            cables,
            cell,
            uniform_states(state, cables.mesh.n_nodes),
            [Stimulus(cables.begins(), 0.0, DURATION, AMPLITUDE)],
            first_wave_end(battery),
            contender.dt,
            progress,
            trace,
        )
        beats = beat_biomarkers(trace.times, trace.V, 0.0, DURATION, ())
        slopes = [beats["dvdt_max"][part].max() for part in cables.middles()]
        return {
            "cv": cables.velocities(_beat(activation, 0, cables)),
            "dvdt_max": np.array(slopes),
        }

    protocol = {
        "grid": pairs,
        "length": battery.length,
        "pacing": battery.pacing,
        "stimulus": (AMPLITUDE, DURATION, EXCITED),
    }
    return bench.measure("waves", contender, protocol, run)


def premature_waves(bench: Bench, contender: Contender, erp: float) -> Measurement:
    """S2 some time after the refractory period; cv, m/s, (n_intervals, n_grid)."""
    battery = bench.battery
    pairs, n = grid_of(battery), len(battery.premature)
    cables = Cables(
        *(tuple(part) * n for part in zip(*pairs, strict=True)), battery.length
    )
    intervals = [math.ceil(erp) + above for above in battery.premature]

    def run(cell: Cell, progress: Progress | None) -> Measurement:
        state = paced_state(bench, contender)
        stimuli = [Stimulus(cables.begins(), 0.0, DURATION, AMPLITUDE)]
        for k, interval in enumerate(intervals):
            which = np.arange(len(pairs)) + k * len(pairs)
            nodes = cables.begins(which)
            stimuli.append(Stimulus(nodes, interval, DURATION, AMPLITUDE))
        activation, _ = _march(
            cables,
            cell,
            uniform_states(state, cables.mesh.n_nodes),
            stimuli,
            round_up(max(intervals) + S2_TIME, 1.0),
            contender.dt,
            progress,
        )
        cv = cables.velocities(_beat(activation, 1, cables))
        return {"cv": cv.reshape(n, len(pairs))}

    protocol = {
        "grid": pairs,
        "intervals": intervals,
        "length": battery.length,
        "pacing": battery.pacing,
        "stimulus": (AMPLITUDE, DURATION, EXCITED),
    }
    return bench.measure("premature waves", contender, protocol, run)


def conditioned_waves(bench: Bench, contender: Contender) -> Measurement:
    """S1 in a cable of each condition; cv, m/s, (n_conditions,)."""
    names, parameters = conditions(bench)
    dx, D = CONDITION
    cables = Cables((dx,) * len(names), (D,) * len(names), bench.battery.length)
    own = {k: np.repeat(v, cables.sizes).tolist() for k, v in parameters.items()}

    def run(cell: Cell, progress: Progress | None) -> Measurement:
        states = conditioned(bench, contender)["states"]
        activation, _ = _march(
            cables,
            cell,
            np.ascontiguousarray(np.repeat(states, cables.sizes, axis=1)),
            [Stimulus(cables.begins(), 0.0, DURATION, AMPLITUDE)],
            first_wave_end(bench.battery),
            contender.dt,
            progress,
        )
        return {"cv": cables.velocities(_beat(activation, 0, cables))}

    protocol = {
        "cable": CONDITION,
        "length": bench.battery.length,
        "beats": bench.battery.condition_beats,
        "names": names,
        "stimulus": (AMPLITUDE, DURATION, EXCITED),
    }
    return bench.measure("waves under conditions", contender, protocol, run, own)


def _march(
    cables: Cables,
    cell: Cell,
    states: NDArray[np.float64],
    stimuli: list[Stimulus],
    end: float,
    dt: float,
    progress: Progress | None,
    *recorders: PotentialTrace,
) -> tuple[ActivationRecorder, Monodomain]:
    problem = Monodomain(cables.mesh, cell, cables.diffusion(), stimuli, states)
    activation = ActivationRecorder()
    march(problem, dt, end, recorders=(activation, *recorders), progress=progress)
    return activation, problem


def _beat(activation: ActivationRecorder, beat: int, cables: Cables) -> NDArray:
    """Activation times of a beat, ms, (n_nodes,); NaN where it never came."""
    times = activation.times
    if len(times) <= beat:
        return np.full(cables.mesh.n_nodes, np.nan)
    return times[beat]
