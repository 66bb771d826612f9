"""`cardiosim bench-tissue`: how fast whole time steps of a case go."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cardiosim.case.read import read_case
from cardiosim.commands.progress import progress
from cardiosim.commands.table import show_table
from cardiosim.output.documents import write_json


def bench_tissue(
    case: Annotated[Path, typer.Argument(help="Folder or file of a case of tissue.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="Another value: table.key=value.", metavar="K=V"),
    ] = None,
    threads: Annotated[
        list[int] | None, typer.Option(help="Threads; may be given several times.")
    ] = None,
    warm_up: Annotated[
        float, typer.Option(help="Run for so long before timing, ms.")
    ] = 6.0,
    steps: Annotated[int, typer.Option(min=1, help="Steps that are timed.")] = 200,
    out: Annotated[
        Path | None, typer.Option(help="Write everything to this JSON file, too.")
    ] = None,
) -> None:
    """Measure how fast the steps of a case go, and where their time is spent."""
    import numba

    from cardiosim.experiments.benchmark import machine
    from cardiosim.experiments.tissue_benchmark import tissue_rate

    if out is not None and out.exists():
        raise FileExistsError(f"{out} exists; name another file, or remove it")
    read = read_case(case, overrides or ())
    if not read.mesh.is_tissue:
        raise ValueError(
            f"{case} has single cells, which take no steps of tissue; see `cardiosim "
            "bench` for those"
        )
    about = machine()
    typer.echo(
        f"{about['processor']}, {about['cores']} cores; Python {about['python']}, "
        f"numba {about['numba']}, numpy {about['numpy']}"
    )
    measured = []
    for count in threads or sorted({1, numba.config.NUMBA_NUM_THREADS}):
        with progress("pacing") as show:
            measured.append(tissue_rate(read, count, warm_up, steps, show))
    header = (
        "nodes",
        "threads",
        "dt ms",
        "solver",
        "Mnode-steps/s",
        "s per ms",
        "react ms",
        "diffuse ms",
        "other ms",
        "iterations",
        "state B/node",
        "peak B/node",
        "others' cores",
    )
    show_table(
        header,
        [
            (
                f"{rate.n_nodes}",
                f"{rate.threads}",
                f"{rate.dt:g}",
                rate.solver,
                f"{rate.node_steps:.2f}",
                f"{rate.per_ms:.3f}",
                f"{rate.react:.2f}",
                f"{rate.diffuse:.2f}",
                f"{rate.other:.2f}",
                "-" if rate.iterations is None else f"{rate.iterations:.1f}",
                f"{rate.state_bytes}",
                f"{rate.peak_bytes:.0f}",
                f"{rate.background:.2f}",
            )
            for rate in measured
        ],
        numbers=range(len(header)),
    )
    if out is not None:
        record = {"machine": about, "case": str(case), "overrides": overrides or []}
        write_json(out, record | {"rates": [asdict(rate) for rate in measured]})
