"""Laboratory cases of `cardiosim run`: a protocol -> numbers, tables, pictures."""

from __future__ import annotations

from pathlib import Path

from cardiosim.case.schema import Case
from cardiosim.commands.progress import progress
from cardiosim.commands.protocol_pictures import draw_protocol
from cardiosim.output.results import ResultsFolder
from cardiosim.output.tables import write_table

# What the progress of a protocol counts; the others narrow brackets, in rounds.
_COUNTED = {
    "pacing": "beats",
    "s1s2_restitution": "ms",
    "dynamic_restitution": "ms",
    "voltage_clamp": "ms",
}


def run_protocol_into(
    case: Case, problem, results: ResultsFolder
) -> tuple[dict[str, dict], tuple[str, ...]]:
    """Run the protocol of a case and write what it found.

    Args:
        case: as assembled.
        problem: in the state that pacing left.
        results: folder to write into.

    Returns:
        The numbers, and what the user should know.
    """
    from cardiosim.experiments.laboratory import Bench, run_protocol

    kind = case.protocol.kind
    unit = _COUNTED.get(kind, "rounds")
    with progress(case.title or kind.replace("_", " "), unit) as show:
        bench = Bench(case, problem.cell, problem.states[:, 0].copy(), show)
        findings = run_protocol(bench)
    for name, columns in findings.tables.items():
        values = {key: column.values for key, column in columns.items()}
        units = {key: column.unit for key, column in columns.items()}
        write_table(Path(results.path) / f"{name}.csv", values, units)
    for name, traces in findings.traces.items():
        n_cells = next(iter(traces.values.values())).shape[1]
        results.write_traces(
            name, traces.times, range(n_cells), traces.values, traces.units
        )
    draw_protocol(case, findings, Path(results.path))
    return dict(findings.numbers), findings.notes
