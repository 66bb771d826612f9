"""Certificate: provocations. What happens outside the range a surrogate was made for.

Cells in the state of the pacing get large currents, potentials, conductances far
from any that was trained, and random gates; they have to stay finite and bounded, and
to come back to where the equations come back to. Steps outside the validity range are
counted by the cell itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from cardiosim.experiments.certification_bench import (
    PULSE,
    TROUBLE,
    Bench,
    Contender,
    Measurement,
)
from cardiosim.experiments.certification_conditions import conductance
from cardiosim.experiments.certification_pacing import TICK, paced_state, sampled
from cardiosim.experiments.certification_rows import (
    Part,
    Row,
    bounded,
    compared,
    does_not_apply,
    failed,
    required,
    told,
)
from cardiosim.experiments.single_cells import Progress
from cardiosim.ionic.cell import Cell
from cardiosim.ionic.surrogate_step import OUTSIDE
from cardiosim.simulation.monodomain import uniform_states
from cardiosim.tissue.stimulus import Stimulus

END = 1000.0  # ms after a provocation
QUIET = 20_000.0  # ms without a stimulus
CURRENTS = ((100.0, 1.0), (60.0, 3.0), (-40.0, 3.0), (500.0, 1.0))  # A/F and ms
POTENTIALS = np.linspace(-150.0, 100.0, 26)  # mV
SHARES = (0.0, 0.02, 0.1, 3.0, 10.0)  # of the sodium conductance
BOUND = 1000.0  # mV: the largest current alone lifts a cell by 1000 mV
BACK = 1.0  # mV
# Share of the cells that has to come back. A cell that is put at its threshold may go
# either way with any change of scheme; the worst cell is told beside the mark.
DECIDED = 0.99
AT_REST = 0.02  # mV, as of the resting potential
COUNTED = ": node-steps out of range"
SEED = 20251


def range_part(bench: Bench) -> Part:
    """Large currents, potentials, conductances and gates; rest; too long a step."""
    g = conductance(bench)
    shares = {}
    if g is not None:
        published = bench.multirate.cell(bench.model).facts["parameters"][g]
        shares = {g: [share * published for share in SHARES]}
    provocations = (
        ("currents of -40 to 100 A/F", len(CURRENTS) - 1, _currents, {}),
        ("a current of 500 A/F", 1, _absurd_current, {}),
        ("potentials from -150 to 100 mV", POTENTIALS.size, _potentials, {}),
        ("sodium conductance x 0 to x 10", len(SHARES), _conductances, shares),
        (
            f"{bench.battery.random_states} cells with random gates",
            bench.battery.random_states,
            partial(_random_gates, _common_gates(bench)),
            {},
        ),
    )
    rows: list[Row] = []
    for name, n, provoke, parameters in provocations:
        if provoke is _conductances and g is None:
            rows.append(does_not_apply(name, f"{bench.model} has none"))
            continue
        rows += _provoked(bench, name, n, provoke, parameters)
    rows += [_counted(bench, rows), _at_rest(bench), _too_long_a_step(bench)]
    text = (
        "Cells of the pacing at 1 Hz are provoked and left alone for "
        f"{END:g} ms; the exact fast map is provoked in the same way.",
    )
    return Part("range", "Out of range", text, rows)


def _provoked(bench: Bench, name: str, n: int, provoke, parameters: dict) -> list[Row]:
    def measure(contender: Contender) -> Measurement:
        def run(cell: Cell, progress: Progress | None) -> Measurement:
            states, stimuli = provoke(cell, paced_state(bench, contender), n)
            ticks = np.arange(0, round(END / TICK) + 1, 5)
            V, after = sampled(
                cell, states, stimuli, ticks, END, contender.dt, progress
            )
            finite = np.isfinite(after).all() and np.isfinite(V).all()
            return {
                "V": V,
                "range": np.array([V.min(), V.max()]),
                "finite": np.array(finite),
                "outside": np.array(_outside(cell, after)),
            }

        protocol = {
            "pacing": bench.battery.pacing,
            "end": END,
            "n": n,
            "seed": SEED,
            "gates": getattr(provoke, "args", ()),
        }
        return bench.measure(name, contender, protocol, run, parameters)

    try:
        exact = measure(bench.exact)
    except TROUBLE as error:
        exact, why = None, f"the equations end here too: {error}"
    try:
        mine = measure(bench.surrogate)
    except TROUBLE as error:
        quantity = f"{name}: finite and bounded"
        # What the equations cannot do at this step is asked of nobody.
        return [failed(quantity, error) if exact else does_not_apply(quantity, why)]
    low, high = mine["range"]
    rows = [
        required(
            f"{name}: finite and bounded",
            bool(mine["finite"]) and -BOUND < low and high < BOUND,
            f"V from {low:.0f} to {high:.0f} mV",
        )
    ]
    if exact:
        difference = mine["V"] - exact["V"]
        rows += [
            bounded(
                f"{name}: V after {END:g} ms against the equations",
                "mV",
                np.quantile(np.abs(difference[-1]), DECIDED),
                BACK,
                note=f"worst {np.abs(difference[-1]).max():.3g} mV",
            ),
            told(
                f"{name}: RMSE of V, worst",
                "mV",
                np.sqrt(np.mean(difference**2, axis=0)).max(),
            ),
        ]
    else:
        rows.append(does_not_apply(f"{name}: V after {END:g} ms", why))
    if mine["outside"] >= 0:
        rows.append(told(f"{name}{COUNTED}", "1", mine["outside"]))
    return rows


def _counted(bench: Bench, rows: Sequence[Row]) -> Row:
    quantity = "steps out of range are noticed and counted"
    if not getattr(bench.surrogate.surrogate, "ranges", None):
        return does_not_apply(quantity, "it has no validity range")
    steps = sum(row.value for row in rows if row.quantity.endswith(COUNTED))
    return required(quantity, steps > 0, f"{steps:.0f} node-steps in all")


def _outside(cell: Cell, states: NDArray) -> int:
    """Node-steps outside the validity range; -1 in a cell that counts none."""
    if OUTSIDE not in cell.state_names:
        return -1
    return int(states[cell.state_names.index(OUTSIDE)].sum())


def _currents(cell: Cell, state: NDArray, n: int) -> tuple[NDArray, list[Stimulus]]:
    stimuli = [
        Stimulus([k], 0.0, duration, amplitude)
        for k, (amplitude, duration) in enumerate(CURRENTS[:n])
    ]
    return uniform_states(state, n), stimuli


def _absurd_current(
    cell: Cell, state: NDArray, n: int
) -> tuple[NDArray, list[Stimulus]]:
    amplitude, duration = CURRENTS[-1]
    return uniform_states(state, n), [Stimulus([0], 0.0, duration, amplitude)]


def _potentials(cell: Cell, state: NDArray, n: int) -> tuple[NDArray, list]:
    states = uniform_states(state, n)
    states[0] = POTENTIALS
    return states, []


def _conductances(cell: Cell, state: NDArray, n: int) -> tuple[NDArray, list]:
    pulse = Stimulus(np.arange(n), 0.0, PULSE.duration, PULSE.amplitude)
    return uniform_states(state, n), [pulse]


def _common_gates(bench: Bench) -> tuple[str, ...]:
    """Gates that the surrogate's cell has as well."""
    gates = bench.multirate.cell(bench.model).facts["gates"]
    states = bench.surrogate.cell(bench.model).state_names
    return tuple(sorted(set(gates) & set(states)))


def _random_gates(
    gates: Sequence[str], cell: Cell, state: NDArray, n: int
) -> tuple[NDArray, list]:
    random = np.random.default_rng(SEED)
    states = uniform_states(state, n)
    states[0] = random.uniform(-120.0, 60.0, n)
    for name in gates:
        states[cell.state_names.index(name)] = random.uniform(0.0, 1.0, n)
    return states, []


def _at_rest(bench: Bench) -> Row:
    quantity = f"V after {QUIET / 1000:g} s without a stimulus"

    def quiet(contender: Contender) -> Measurement:
        def run(cell: Cell, progress: Progress | None) -> Measurement:
            states = uniform_states(paced_state(bench, contender), 1)
            ticks = np.array([round(QUIET / TICK)])
            V, _ = sampled(cell, states, [], ticks, QUIET, contender.dt, progress)
            return {"V": V[0, 0]}

        protocol = {"pacing": bench.battery.pacing, "end": QUIET}
        return bench.measure("rest", contender, protocol, run)

    try:
        mine = quiet(bench.surrogate)["V"]
    except TROUBLE as error:
        return failed(quantity, error)
    return compared(quantity, "mV", mine, quiet(bench.exact)["V"], AT_REST)


def _too_long_a_step(bench: Bench) -> Row:
    quantity = "a step longer than it was made for is refused"
    if bench.surrogate.surrogate is None:
        return does_not_apply(quantity, "equations take any step")
    longest = bench.surrogate.surrogate.dt_range[1]
    cell = bench.surrogate.cell(bench.model)
    states = cell.initial_states(1)
    try:
        cell.react(states, np.zeros(1), 2.0 * longest)
    except ValueError as error:
        return required(quantity, True, str(error))
    return required(quantity, False, f"{2.0 * longest:g} ms was taken")
