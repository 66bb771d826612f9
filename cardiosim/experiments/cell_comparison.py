"""The cells of the library side by side: what they do at one rate, and how fast.

All cells get the same stimulus and step, so that rows compare; a cell's own publication
may pace it otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cardiosim.case.schema import Case
from cardiosim.experiments.benchmark import node_rate
from cardiosim.experiments.population import run_population
from cardiosim.ionic.compiled import compile_cell
from cardiosim.simulation.schedule import whole_steps

AMPLITUDE = 20.0  # A/F
DURATION = 2.0  # ms
STEP = 0.005  # ms
SPEED_STEP = 0.02  # ms; speed does not depend on it, but the stimulated cell survives
SPEED_NODES = 2000  # states stay in the cache of one core


@dataclass(frozen=True)
class CellRow:
    """One cell of the comparison.

    Attributes:
        name: of the cell.
        n_states: its states.
        n_gates: gates found.
        n_singularities: removable singularities repaired.
        numbers: biomarkers of the last beat (measure/biomarkers.py), without those
            that the cell does not have, such as of a calcium transient.
        units: of the numbers.
        rates: 1e6 node-steps a second of one core, by backend; empty if not measured.
        error: why there are no numbers, or "".
    """

    name: str
    n_states: int
    n_gates: int
    n_singularities: int
    numbers: dict[str, float]
    units: dict[str, str]
    rates: dict[str, float]
    error: str = ""


def compare_cells(
    names: Sequence[str],
    bcl: float = 1000.0,
    beats: int = 20,
    backends: Sequence[str] = (),
) -> Iterator[CellRow]:
    """Pace each cell and measure its last beat.

    Args:
        names: of cells, or model files.
        bcl: basic cycle length, ms.
        beats: number of stimuli.
        backends: whose speed is measured with rush_larsen; none by default.

    Raises:
        ValueError: there is no such cell; beats that the stimulus does not fit in.
    """
    if not bcl > DURATION:
        raise ValueError(
            f"bcl {bcl:g} ms; expected more than the {DURATION:g} ms of the stimulus"
        )
    whole_steps(beats * bcl, STEP, "beats * bcl")
    for name in names:
        cell = compile_cell(name)
        paced = run_population([_case(name, bcl, beats)])
        rates = {
            backend: node_rate(
                compile_cell(name, backend=backend), SPEED_NODES, SPEED_STEP
            )
            for backend in backends
        }
        yield CellRow(
            name=cell.name,
            n_states=len(cell.state_names),
            n_gates=len(cell.facts["gates"]),
            n_singularities=cell.facts["singularities"],
            numbers={k: float(v[0]) for k, v in paced.numbers.items()},
            units=paced.units,
            rates=rates,
            error=paced.errors.get(0, ""),
        )


def _case(name: str, bcl: float, beats: int) -> Case:
    stimulus = {
        "start": 0.0,
        "duration": DURATION,
        "amplitude": AMPLITUDE,
        "period": bcl,
        "count": beats,
    }
    return Case.model_validate(
        {
            "mesh": {"kind": "point"},
            "cell": {"model": name},
            "stimulus": [stimulus],
            "time": {"dt": STEP, "end": beats * bcl},
        }
    )
