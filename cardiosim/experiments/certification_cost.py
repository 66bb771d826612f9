"""Certificate: what a step costs, against the classical schemes, in the same run.

The cables of the certificate are run with each contender in turn, several times over,
and the shortest wall time of each counts: on a shared machine others only add to it.
The kernels alone are timed at rest and with every node in its upstroke, by one thread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cardiosim.experiments.benchmark import Background, machine, node_rate, on_threads
from cardiosim.experiments.certification_bench import (
    TROUBLE,
    Bench,
    Contender,
    attempt,
    percent,
)
from cardiosim.experiments.certification_pacing import paced_state
from cardiosim.experiments.certification_rows import (
    FAIL,
    PASS,
    Grid,
    Part,
    Row,
    failed,
    told,
)
from cardiosim.experiments.certification_tissue import (
    AMPLITUDE,
    DURATION,
    Cables,
    grid_of,
    waves_at_rest,
)
from cardiosim.experiments.certification_waves import finest
from cardiosim.ionic.cell import Cell
from cardiosim.simulation.monodomain import Monodomain, uniform_states
from cardiosim.simulation.recorders import ActivationRecorder
from cardiosim.simulation.run import march
from cardiosim.tissue.stimulus import Stimulus

RUN = 20.0  # ms of tissue that are timed
NODES = 2000  # their states stay in the cache of one core
TORCH_NODES = 20_000  # enough that starting an operation is not all there is
UPSTROKE = -40.0  # mV, where every node takes substeps
AIM = 6.0  # times less than rush_larsen at 10 us
PAPER = "2.1 times at 10 us, 2.5 in the abstract; one cell"


@dataclass(frozen=True)
class Cost:
    """Wall times of one contender.

    Attributes:
        tissue: of a millisecond of tissue, s.
        react: share of the reaction in that.
        rest: of a node-step at rest, ns.
        upstroke: of a node-step in the upstroke, ns.
        torch: of a node-step at rest through torch, ns; NaN if not measured.
    """

    tissue: float
    react: float
    rest: float
    upstroke: float
    torch: float


def cost_part(bench: Bench) -> Part:
    """Wall time of the cables and of a node-step."""
    contenders = [bench.rush_larsen, bench.multirate, bench.surrogate]
    with on_threads(1), Background() as background:
        costs, reasons = _costs(bench, contenders)
    errors = {c.label: _velocity_error(bench, c) for c in contenders}
    plain = costs[bench.rush_larsen.label]
    rows: list[Row] = []
    mine = costs.get(bench.surrogate.label)
    if mine is None:
        rows.append(failed("wall time", reasons[bench.surrogate.label]))
    else:
        rows += _rows(bench, mine, costs, errors)
    columns = [
        ("cell", ""),
        ("wall time of 1 ms of tissue", "ms"),
        ("times faster", ""),
        ("reaction", "%"),
        ("node-step at rest", "ns"),
        ("node-step in the upstroke", "ns"),
        ("1 ms of one node at rest", "\N{MICRO SIGN}s"),
        ("node-step through torch", "ns"),
        ("worst velocity error", "%"),
    ]
    table = [
        [
            c.label,
            1e3 * cost.tissue,
            plain.tissue / cost.tissue,
            100.0 * cost.react,
            cost.rest,
            cost.upstroke,
            1e-3 * cost.rest / c.dt,
            cost.torch,
            errors[c.label],
        ]
        for c in contenders
        if (cost := costs.get(c.label)) is not None
    ]
    about = machine()
    text = (
        f"{about['processor']}, {about['cores']} cores, one thread; other programs "
        f"used {background.cores:.2f} cores meanwhile. Shortest of "
        f"{bench.battery.repeats} runs, in turns.",
        "Tissue: the cables above with a wave in each; the error is that of velocity "
        "against dt \N{RIGHTWARDS ARROW} 0, splitting included. Node-steps: "
        f"{NODES} nodes; through torch {TORCH_NODES} nodes, float64, without "
        "compilation.",
    )
    grid = Grid("Wall times in the same run", columns, table)
    return Part("cost", "Cost", text, rows, [grid])


def _costs(
    bench: Bench, contenders: list[Contender]
) -> tuple[dict[str, Cost], dict[str, Exception]]:
    problems, walls, reasons = {}, {}, {}
    for contender in contenders:
        try:
            problems[contender.label] = _ready(bench, contender)
        except TROUBLE as error:
            if contender is not bench.surrogate:
                raise
            reasons[contender.label] = error
    with bench.watch("cost: tissue") as progress:
        for done in range(bench.battery.repeats):
            for contender in contenders:
                if contender.label in problems:
                    wall = _timed(problems[contender.label], contender.dt)
                    walls.setdefault(contender.label, []).append(wall)
            if progress is not None:
                progress(done + 1, bench.battery.repeats)
    found = {}
    for contender in contenders:
        if contender.label not in walls:
            continue
        total, react = min(walls[contender.label])
        cell = contender.cell(bench.model)
        with bench.watch(f"cost: {contender.label}"):
            found[contender.label] = Cost(
                tissue=total / RUN,
                react=react / total,
                rest=1e3 / node_rate(cell, NODES, contender.dt),
                upstroke=1e3 / node_rate(_Held(cell), NODES, contender.dt),
                torch=_through_torch(bench, contender),
            )
    return found, reasons


def _ready(bench: Bench, contender: Contender) -> Monodomain:
    battery = bench.battery
    cables = Cables(*map(tuple, zip(*grid_of(battery), strict=True)), battery.length)
    states = uniform_states(paced_state(bench, contender), cables.mesh.n_nodes)
    stimulus = Stimulus(cables.begins(), 0.0, DURATION, AMPLITUDE)
    cell = contender.cell(bench.model)
    cell.compile(cables.mesh.n_nodes)
    problem = Monodomain(cables.mesh, cell, cables.diffusion(), (stimulus,), states)
    problem.diffusion.prepare(contender.dt)
    return problem


def _timed(problem: Monodomain, dt: float) -> tuple[float, float]:
    """Wall time of a run and of its reaction, s; the problem is left as it was."""
    before = problem.states.copy()
    timing = march(problem, dt, RUN, recorders=(ActivationRecorder(),))
    np.copyto(problem.states, before)
    return timing.react + timing.diffuse + timing.record, timing.react


class _Held:
    """A cell whose nodes are put back into their upstroke before every step."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self.name, self.state_names = cell.name, cell.state_names

    def initial_states(self, n_nodes: int):
        states = self._cell.initial_states(n_nodes)
        states[0] = UPSTROKE
        self._start = states.copy()
        return states

    def compile(self, n_nodes: int) -> None:
        self._cell.compile(n_nodes)

    def react(self, states, i_stim, dt: float, n_steps: int = 1) -> None:
        for _ in range(n_steps):
            np.copyto(states, self._start)
            self._cell.react(states, i_stim, dt)


def _through_torch(bench: Bench, contender: Contender) -> float:
    if not bench.battery.torch:
        return math.nan
    try:
        cell = contender.cell(bench.model, backend="torch", torch_compile=False)
        return 1e3 / node_rate(cell, TORCH_NODES, contender.dt)
    except TROUBLE:  # torch is not installed, or has no such step
        return math.nan


def _velocity_error(bench: Bench, contender: Contender) -> float:
    """Largest error of velocity in the cables against dt -> 0, %."""
    limit = waves_at_rest(bench, finest(bench))["cv"]
    found, _ = attempt(lambda: waves_at_rest(bench, contender))
    if found is None or np.isnan(found["cv"]).any():
        return math.nan
    errors = percent(found["cv"], limit)
    return float(errors[np.abs(errors).argmax()])


def _rows(
    bench: Bench, mine: Cost, costs: dict[str, Cost], errors: dict[str, float]
) -> list[Row]:
    plain, multirate = (costs[c.label] for c in (bench.rush_larsen, bench.multirate))
    faster = plain.tissue / mine.tissue
    error, of_plain = (
        abs(errors[c.label]) for c in (bench.surrogate, bench.rush_larsen)
    )
    is_good = faster >= AIM and error <= of_plain
    note = (
        f"at least {AIM:g}, at an error of velocity of {error:.2f} % against "
        f"{of_plain:.2f} %"
    )
    speed = Row(
        f"tissue: times faster than {bench.rush_larsen.label}",
        "1",
        faster,
        tolerance=AIM,
        mark=PASS if is_good else FAIL,
        paper=PAPER,
        note=note,
    )
    return [
        speed,
        told(
            f"tissue: times faster than {bench.multirate.label}",
            "1",
            multirate.tissue / mine.tissue,
            note="the strongest classical scheme; above 1 the network wins",
        ),
        told(
            f"node-step at rest: times faster than {bench.multirate.label}",
            "1",
            multirate.rest / mine.rest,
        ),
        told(
            f"node-step in the upstroke: times faster than {bench.multirate.label}",
            "1",
            multirate.upstroke / mine.upstroke,
        ),
        told(
            f"node-step through torch: times faster than {bench.multirate.label}",
            "1",
            multirate.torch / mine.torch,
            note="" if bench.battery.torch else "not part of a quick certificate",
        ),
    ]
