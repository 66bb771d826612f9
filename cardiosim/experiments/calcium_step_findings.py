"""What a calcium step is worth in its cell: beside the equations, from one state.

Equations and hybrid begin in the same paced state and get the same stimuli, at the same
step. Differences of APD90 are the hybrid's less the equations'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.training_tables import CalciumStepTraining
from cardiosim.experiments.calcium_recordings import pace, stimulus_rows, trains
from cardiosim.experiments.findings import Column, Findings, Traces, entry
from cardiosim.experiments.paced_beat import one_beat
from cardiosim.experiments.single_cells import Progress, Pulse, Recording, run_cells
from cardiosim.ionic.cell import Cell
from cardiosim.ionic.compiled import compile_cell
from cardiosim.ionic.surrogate_step import OUTSIDE
from cardiosim.measure.action_potential import action_potentials
from cardiosim.surrogates.calcium_buffers import SHELLS_OF_RETICULUM, reticulum_load
from cardiosim.surrogates.calcium_step import TOTALS, CalciumStep
from cardiosim.tissue.stimulus import Stimulus

Begin = Callable[[str, str], Progress]

EQUATIONS, HYBRID = "equations", "hybrid"
LAST = 4000.0  # ms at the end of a train whose beats are measured
BASIC_BEATS = 10  # before a premature one
AFTER_PREMATURE = 600.0  # ms
UNITS = {"V": "mV", "Ca_ss": "mM", "load": "amol"}


def assess(surrogate: CalciumStep, case: CalciumStepTraining, begin: Begin) -> Findings:
    """Everything that a training case asks to be measured."""
    pair = _Pair(surrogate, case, begin)
    how = case.assessment
    tables = {"rates": pair.rates(), "premature": pair.premature()}
    numbers = pair.numbers(tables)
    if how.long_beats:
        tables["long"], late = pair.long()
        numbers |= late
    return Findings(numbers, tables, pair.traces())


class _Pair:
    """The cell of the equations and the hybrid, both from one paced state."""

    def __init__(
        self, surrogate: CalciumStep, case: CalciumStepTraining, begin: Begin
    ) -> None:
        self.surrogate, self.case, self.how = surrogate, case, case.assessment
        self.begin = begin
        self.outside = 0.0
        full = compile_cell(case.model, scheme="multirate")
        own = compile_cell(case.model, scheme="multirate", surrogate=surrogate)
        self.cells: Mapping[str, Cell] = {EQUATIONS: full, HYBRID: own}
        self.pulse = Pulse(case.stimulus.amplitude, case.stimulus.duration)

    @cached_property
    def state(self) -> NDArray[np.float64]:
        """Of the equations, paced, (n_states, 1)."""
        states = self.cells[EQUATIONS].initial_states(1)
        before = trains([self.how.before], self.how.settle)
        current = stimulus_rows(before, self.how.settle, self.case.stimulus)
        pace(self.cells[EQUATIONS], states, current, self.case.dt)
        return states

    def paced(
        self, name: str, cycle_lengths: Sequence[float], length: float, phase: str
    ) -> tuple[NDArray, NDArray]:
        """V each millisecond, (n_ms, n_cells), and the states at the end."""
        states = np.repeat(self.state, len(cycle_lengths), axis=1)
        states = self.cells[name].start_from(states)
        current = stimulus_rows(
            trains(cycle_lengths, length), length, self.case.stimulus
        )
        V: list[NDArray] = []
        progress = self.begin(f"{phase}, {name}", "ms")

        def keep(_: float, states: NDArray) -> None:
            V.append(states[0].copy())

        pace(self.cells[name], states, current, self.case.dt, keep, progress=progress)
        if name == HYBRID:
            row = self.cells[name].state_names.index(OUTSIDE)
            self.outside += states[row].sum()
        return np.array(V), states

    def rates(self) -> dict[str, Column]:
        """At each cycle length: RMSE of V, and APD90 of the last beats."""
        lengths = self.how.cycle_lengths
        early = self.how.length - LAST
        V, apd = {}, {}
        for name, cell in self.cells.items():
            V[name], states = self.paced(name, lengths, early, "constant rates")
            stimuli = [
                Stimulus([k], float(-round(early) % round(bcl)), *self._shape, bcl)
                for k, bcl in enumerate(lengths)
            ]
            found = run_cells(cell, states, stimuli, LAST, self.case.dt)
            apd[name] = [
                self._durations(found, k, stimulus.begins(LAST))[:-1]  # whole beats
                for k, stimulus in enumerate(stimuli)
            ]
        error = np.sqrt(np.mean((V[HYBRID] - V[EQUATIONS]) ** 2, axis=0))
        pairs = list(zip(apd[HYBRID], apd[EQUATIONS], strict=True))
        return {
            "cycle_length": Column("ms", list(lengths)),
            "rmse": Column("mV", error),
            "apd90": Column("ms", [a[-1] for a in apd[EQUATIONS]]),
            "apd90_hybrid": Column("ms", [a[-1] for a in apd[HYBRID]]),
            "difference_largest": Column("ms", [_largest(a - b) for a, b in pairs]),
        }

    def premature(self) -> dict[str, Column]:
        """APD90 of a beat after some at a basic rate, at each coupling interval."""
        names = ("basic", "interval", "apd90", "apd90_hybrid", "difference")
        table: dict[str, list] = {name: [] for name in names}
        intervals = self.how.premature
        for basic in self.how.basic:
            length = (BASIC_BEATS - 1) * basic
            found = {}
            for name, cell in self.cells.items():
                _, states = self.paced(name, [basic], length, "premature beats")
                states = np.repeat(states, len(intervals), axis=1)
                stimuli = [
                    Stimulus([k], 0.0, *self._shape, further=(interval,), count=1)
                    for k, interval in enumerate(intervals)
                ]
                end = max(intervals) + AFTER_PREMATURE
                record = run_cells(cell, states, stimuli, end, self.case.dt)
                found[name] = [
                    self._durations(record, k, [0.0, interval])[1]
                    for k, interval in enumerate(intervals)
                ]
            table["basic"] += [basic] * len(intervals)
            table["interval"] += list(intervals)
            table["apd90"] += found[EQUATIONS]
            table["apd90_hybrid"] += found[HYBRID]
            difference = np.subtract(found[HYBRID], found[EQUATIONS])
            table["difference"] += difference.tolist()
        return {name: Column("ms", values) for name, values in table.items()}

    def long(self) -> tuple[dict[str, Column], dict]:
        """The last beat of a long train."""
        bcl, beats = self.how.long_cycle_length, self.how.long_beats
        found = {}
        for name, cell in self.cells.items():
            _, states = self.paced(name, [bcl], (beats - 1) * bcl, "a long train")
            found[name] = one_beat(cell, states[:, 0], self.pulse, bcl, self.case.dt)
        own, full = found[HYBRID], found[EQUATIONS]
        rmse = own.rmse(full)
        apd = [beat.biomarkers["apd90"] for beat in (full, own)]
        table = {
            "cycle_length": Column("ms", [bcl]),
            "beat": Column("1", [beats]),
            "rmse": Column("mV", [rmse]),
            "apd90": Column("ms", [apd[0]]),
            "apd90_hybrid": Column("ms", [apd[1]]),
        }
        beat = f"beat {beats} at {bcl:g} ms"
        return table, {
            "long_rmse": entry(rmse, "mV", f"RMSE of V over {beat}"),
            "long_apd90": entry(apd[1] - apd[0], "ms", f"difference of APD90, {beat}"),
        }

    def traces(self) -> dict[str, Traces]:
        """V, calcium and load of a late beat at some rates, by the rate."""
        found = {}
        for bcl in self.how.shown:
            length = round(bcl)
            values: dict[str, list] = {name: [] for name in UNITS}
            for name in self.cells:
                _, states = self.paced(name, [bcl], 20.0 * length, "beats to show")
                rows = self._beat(name, states, length)
                for key, row in zip(UNITS, rows, strict=True):
                    values[key].append(row)
            traces = {key: np.array(v).T for key, v in values.items()}
            times = np.arange(float(length))
            found[f"{bcl:g} ms"] = Traces(times, traces, UNITS, (EQUATIONS, HYBRID))
        return found

    def numbers(self, tables: Mapping[str, Mapping[str, Column]]) -> dict:
        """The summary."""
        rates, early = tables["rates"], tables["premature"]
        slow = np.asarray(rates["cycle_length"].values) >= 400.0
        error, apd = (
            np.asarray(rates[n].values) for n in ("rmse", "difference_largest")
        )
        largest = "largest difference of APD90 of the last beats"
        return {
            "rates_rmse_largest": entry(
                error.max(), "mV", "RMSE of V at constant rates, largest"
            ),
            "rates_apd90_slow": entry(
                np.abs(apd[slow]).max(), "ms", f"{largest}, 2.5 Hz and slower"
            ),
            "rates_apd90": entry(np.abs(apd).max(), "ms", f"{largest}, all rates"),
            "premature_apd90": entry(
                _largest(np.asarray(early["difference"].values)),
                "ms",
                "largest difference of APD90 of a premature beat",
            ),
            "steps_outside": entry(
                self.outside, "1", "steps outside the ranges in all of this"
            ),
        }

    def _beat(self, name: str, states: NDArray, length: int) -> NDArray:
        """V, calcium and load over a beat, (3, length)."""
        cell = self.cells[name]
        kept: list[NDArray] = []
        current = stimulus_rows([np.array([0])], length, self.case.stimulus)
        pace(cell, states, current, self.case.dt, lambda _, y: kept.append(y.copy()))
        states = np.concatenate(kept, axis=1)
        calcium = cell.observe(states, ["calcium.Ca_ss"])[0]
        if name == HYBRID:
            rows = {n: states[cell.state_names.index(n)] for n in TOTALS}
            load = self.surrogate.load(rows)
        else:
            lumen = [f"sr.CaSR_{k}" for k in SHELLS_OF_RETICULUM]
            load = reticulum_load(self.case.model, cell.observe(states, lumen))
        return np.array([states[0], calcium, load])

    @property
    def _shape(self) -> tuple[float, float]:
        return self.pulse.duration, self.pulse.amplitude

    def _durations(self, found: Recording, k: int, begins: list[float]) -> NDArray:
        """APD90 of each beat of a cell, ms."""
        V = found.V[:, k]
        beats = action_potentials(found.times, V, begins, self.pulse.duration, (90,))
        return np.array([beat.apd[90] for beat in beats])


def _largest(difference: NDArray) -> float:
    """The value that is largest in size; NaN where there is none."""
    known = difference[np.isfinite(difference)]
    return float(known[np.abs(known).argmax()]) if known.size else float("nan")
