"""Certificate: action potentials of paced cells, and how far they are from the ODE's.

Every contender paces its own cell from the model's initial state, all cycle lengths at
once for `Battery.pacing`: the last beat of each train is measured, and all beats of the
train of 1000 ms are compared sample by sample. V is taken at the same times for
everyone, every 0.1 ms for 10 ms after a stimulus and every 0.5 ms later, so that

    RMSE          is the root of the time average of the squared difference
    dV/dt max     is the largest slope between samples, a mean over 0.1 ms that depends
                  on where they fall: for information
    resolved      is the largest mean slope over any 10 us, or any 100 us, of the beat
                  after the last, whose V is known every 10 us: steps longer than that
                  are taken again from their start to each multiple of 10 us inside
                  them, which schemes with dt as an input can do

Phases follow the reference's own beat: upstroke from the stimulus to its peak, plateau
to 50 % repolarisation, repolarisation to 90 %, rest the remainder.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from cardiosim.experiments.certification_bench import (
    PULSE,
    Battery,
    Bench,
    Contender,
    Measurement,
)
from cardiosim.experiments.single_cells import Progress, Pulse
from cardiosim.ionic.cell import Cell
from cardiosim.measure.biomarkers import beat_biomarkers, train_biomarkers
from cardiosim.simulation.monodomain import Monodomain, uniform_states
from cardiosim.simulation.run import march
from cardiosim.simulation.schedule import NEVER
from cardiosim.tissue.mesh import point
from cardiosim.tissue.stimulus import Stimulus, stimulus_current

TICK = 0.1  # ms; sample times are whole numbers of it
FINE, COARSE = 10.0, 5  # ms after a stimulus with every tick; ticks between later ones
WINDOW = 0.01  # ms, of the resolved upstroke
SPAN = 10.0  # ms of it
RESOLVED = {"dvdt_max_10us": WINDOW, "dvdt_max_100us": 0.1}  # ms


class SampledPotential:
    """V of all nodes at given times, ms, each a whole number of steps."""

    def __init__(self, times: NDArray[np.float64]) -> None:
        self.times = times

    def begin(self, problem: Monodomain, dt: float, n_steps: int) -> None:
        """Get ready."""
        self._steps = np.append(np.rint(self.times / dt).astype(np.int64), NEVER)
        self.schedule = self
        self.V = np.empty((self.times.size, problem.mesh.n_nodes))
        self._row = 0

    def due(self, step: int) -> int:
        """Return the first step not before `step` that is recorded."""
        return int(self._steps[np.searchsorted(self._steps, step)])

    def record_potential(self, t: float, V: NDArray[np.float64]) -> None:
        """Keep a copy."""
        self.V[self._row] = V
        self._row += 1

    def finish(self) -> None:
        """Nothing is buffered."""


def beat_ticks(bcl: float) -> NDArray[np.int64]:
    """Samples of one beat, in ticks from its stimulus, its end left out."""
    fine = round(FINE / TICK)
    return np.concatenate([np.arange(fine), np.arange(fine, round(bcl / TICK), COARSE)])


def sampled(
    cell: Cell,
    states: NDArray[np.float64],
    stimuli: list[Stimulus],
    ticks: NDArray[np.int64],
    end: float,
    dt: float,
    progress: Progress | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """V at some ticks, (n_times, n_cells), and the states at the end."""
    recorder = SampledPotential(ticks * TICK)
    problem = Monodomain(point(states.shape[1]), cell, None, stimuli, states)
    march(problem, dt, end, recorders=(recorder,), progress=progress)
    return recorder.V, problem.states


def _last_start(battery: Battery, bcl: float) -> float:
    return (battery.pacing // bcl - 1.0) * bcl


def _ticks(battery: Battery) -> NDArray[np.int64]:
    """All samples of the pacing."""
    main = main_length(battery)
    beat = beat_ticks(main)
    begins = np.arange(round(battery.pacing / main)) * round(main / TICK)
    parts = [(begins[:, None] + beat).ravel(), [round(battery.pacing / TICK)]]
    for bcl in battery.cycle_lengths:
        parts.append(round(_last_start(battery, bcl) / TICK) + beat_ticks(bcl))
    return np.unique(np.concatenate(parts))


def main_length(battery: Battery) -> float:
    """Cycle length of the train whose beats are all compared, ms."""
    return 1000.0 if 1000.0 in battery.cycle_lengths else battery.cycle_lengths[0]


def paced(bench: Bench, contender: Contender) -> Measurement:
    """Pace a contender: V (n_times, n_trains), states (n_states, n_trains), upstroke.

    Raises:
        ValueError, RunStopped: its cell cannot be paced.
    """
    battery = bench.battery
    main = battery.cycle_lengths.index(main_length(battery))

    def run(cell: Cell, progress: Progress | None) -> Measurement:
        n = len(battery.cycle_lengths)
        stimuli = [
            Stimulus([i], 0.0, PULSE.duration, PULSE.amplitude, bcl)
            for i, bcl in enumerate(battery.cycle_lengths)
        ]
        V, states = sampled(
            cell,
            cell.initial_states(n),
            stimuli,
            _ticks(battery),
            battery.pacing,
            contender.dt,
            progress,
        )
        window = max(WINDOW, bench.candidate.shortest)
        upstroke = resolved_upstroke(cell, states[:, main], PULSE, contender.dt, window)
        return {"V": V, "states": states, "upstroke": upstroke}

    protocol = {
        "lengths": battery.cycle_lengths,
        "pacing": battery.pacing,
        "pulse": asdict(PULSE),
        "window": max(WINDOW, bench.candidate.shortest),
    }
    return bench.measure("pacing", contender, protocol, run)


def paced_state(bench: Bench, contender: Contender) -> NDArray[np.float64]:
    """State of a contender's cell at the end of the train of 1000 ms, (n_states,)."""
    main = bench.battery.cycle_lengths.index(main_length(bench.battery))
    return paced(bench, contender)["states"][:, main].copy()


def resolved_upstroke(
    cell: Cell,
    state: NDArray[np.float64],
    pulse: Pulse,
    dt: float,
    window: float = WINDOW,
    span: float = SPAN,
) -> NDArray[np.float64]:
    """V every `window` from the begin of a stimulus, mV, (n_times,).

    Args:
        cell: of one node.
        state: when the stimulus begins, (n_states,).
        pulse: the stimulus.
        dt: ms; a whole multiple of the window, or a whole part of it.
        window: ms.
        span: ms.
    """
    states = uniform_states(state, 1)
    stimuli = [Stimulus([0], 0.0, pulse.duration, pulse.amplitude)]
    step = max(dt, window)
    inside, within = round(step / window), round(step / dt)
    V = [states[0, 0]]
    for k in range(round(span / step)):
        t = k * step
        for j in range(1, inside + 1):
            ahead = states.copy()
            i_stim = stimulus_current(stimuli, t, t + j * window, 1)
            tau = dt if within > 1 else j * window
            cell.react(ahead, i_stim, tau, within)
            V.append(ahead[0, 0])
        states = ahead
    return np.array(V)


def beats_of(bench: Bench, contender: Contender) -> dict[str, NDArray]:
    """Biomarkers of the last beat of each train, (n_trains,) each."""
    battery = bench.battery
    lengths = np.array(battery.cycle_lengths)
    starts = np.array([_last_start(battery, bcl) for bcl in lengths])
    found = paced(bench, contender)
    times = _ticks(battery) * TICK
    duration = PULSE.duration
    last = beat_biomarkers(
        times, found["V"], starts, duration, (50, 90), end=starts + lengths
    )
    window = max(WINDOW, bench.candidate.shortest)
    at_main = lengths == main_length(battery)
    for name, width in RESOLVED.items():
        slope = steepest(found["upstroke"], max(1, round(width / window)), window)
        last[name] = np.where(at_main, slope, np.nan)
    return last


def steepest(V: NDArray[np.float64], width: int, interval: float) -> float:
    """Largest mean slope over `width` intervals, wherever they begin, V/s."""
    return float((V[width:] - V[:-width]).max() / (width * interval))


def main_train(bench: Bench, contender: Contender) -> NDArray[np.float64]:
    """V of all beats of the main train, mV, shape (n_beats, n_samples)."""
    battery = bench.battery
    bcl = main_length(battery)
    begins = np.arange(round(battery.pacing / bcl)) * round(bcl / TICK)
    rows = np.searchsorted(_ticks(battery), begins[:, None] + beat_ticks(bcl))
    train = battery.cycle_lengths.index(bcl)
    return paced(bench, contender)["V"][:, train][rows]


def phase_of_samples(bench: Bench) -> NDArray[np.intp]:
    """Phase of each sample of the main train, (n_beats, n_samples)."""
    battery = bench.battery
    bcl = main_length(battery)
    starts = np.arange(round(battery.pacing / bcl)) * bcl
    V = main_train(bench, bench.reference)
    # A sample more, where the last beat ends.
    times = np.append(starts[:, None] + beat_ticks(bcl) * TICK, starts[-1] + bcl)
    trace = np.append(V, V[-1, -1])[:, None]
    beats = train_biomarkers(times, trace, starts, PULSE.duration, (50, 90))
    upstroke = beats["dvdt_max_time"][:, 0]
    ends = [
        beats["peak_time"][:, 0],
        upstroke + beats["apd50"][:, 0],
        upstroke + beats["apd90"][:, 0],
    ]
    at = times[:-1].reshape(V.shape)
    return sum((at > end[:, None]).astype(np.intp) for end in ends)


def weights(bcl: float) -> NDArray[np.float64]:
    """Time that each sample of a beat stands for, ms, (n_samples,)."""
    ticks = np.append(beat_ticks(bcl), round(bcl / TICK))
    return TICK * np.diff(ticks)


def rmse(
    difference: NDArray, bcl: float, chosen: NDArray[np.bool_] | None = None
) -> float:
    """Root of the time average of a squared difference, (..., n_samples)."""
    w = np.broadcast_to(weights(bcl), difference.shape)
    if chosen is not None:
        w = np.where(chosen, w, 0.0)
    return float(np.sqrt((w * difference**2).sum() / w.sum()))


def last_long_beat(bench: Bench, contender: Contender) -> Measurement:
    """V of the last beat of the long train, mV, (n_times, 1), and the states then."""
    battery, bcl = bench.battery, bench.battery.long_bcl
    train = battery.cycle_lengths.index(bcl)
    beats = battery.long_beats - round(battery.pacing / bcl)

    def run(cell: Cell, progress: Progress | None) -> Measurement:
        ticks = np.append(beat_ticks(bcl), round(bcl / TICK))
        V, states = sampled(
            cell,
            uniform_states(paced(bench, contender)["states"][:, train], 1),
            [Stimulus([0], 0.0, PULSE.duration, PULSE.amplitude, bcl)],
            round((beats - 1) * bcl / TICK) + ticks,
            beats * bcl,
            contender.dt,
            progress,
        )
        return {"V": V, "states": states}

    protocol = {"bcl": bcl, "beats": battery.long_beats, "pacing": battery.pacing}
    return bench.measure("long pacing", contender, protocol, run)
