"""`cardiosim bench`: node-steps a second on this machine, beside what it allows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cardiosim.commands.progress import progress
from cardiosim.commands.table import show_table


def bench(
    cells: Annotated[
        list[str] | None,
        typer.Argument(help="Cells, or .mmt files; skibsbye2016 by default."),
    ] = None,
    dt: Annotated[float, typer.Option(help="Time step, ms.")] = 0.1,
    nodes: Annotated[
        list[int] | None, typer.Option(help="Nodes; may be given several times.")
    ] = None,
    threads: Annotated[
        list[int] | None, typer.Option(help="Threads; may be given several times.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write everything to this JSON file, too.")
    ] = None,
) -> None:
    """Measure how fast cells are stepped."""
    # Numba's thread pool and the kernels are slow to import; --help need not wait.
    import numba

    from cardiosim.experiments import benchmark

    if out is not None and out.exists():
        raise FileExistsError(f"{out} exists; name another file, or remove it")
    machine = benchmark.machine()
    typer.echo(
        f"{machine['processor']}, {machine['cores']} cores; Python "
        f"{machine['python']}, numba {machine['numba']}, numpy {machine['numpy']}"
    )
    rates = benchmark.machine_rates()
    typer.echo(
        f"one core: {rates.exponentials:.2f} Gexp/s, {rates.divisions:.2f} Gdiv/s, "
        f"{rates.copied_bytes:.1f} GB/s copied\n"
    )
    every = sorted({1, numba.config.NUMBA_NUM_THREADS})
    cells = cells or ["skibsbye2016"]
    nodes, threads = nodes or [2000, 60000], threads or every
    rows = benchmark.kernel_rates(
        cells,
        ("rush_larsen", "multirate"),
        dt,
        nodes,
        threads,
        rates,
        lambda line: typer.echo(f"warning: {line}", err=True),
    )
    most = 3 * len(cells) * len(nodes) * len(threads)
    measured = []
    with progress("bench", unit="rows") as show:
        for row in rows:
            measured.append(row)
            show(len(measured), most)
    header = (
        "cell",
        "scheme",
        "nodes",
        "threads",
        "in upstroke",
        "Mnode-steps/s",
        "exp",
        "div",
        "bytes",
        "exp+div share",
        "others' cores",
    )
    show_table(
        header,
        [
            (
                k.cell,
                k.scheme,
                f"{k.n_nodes}",
                f"{k.threads}",
                f"{k.upstroke:.0%}",
                f"{k.node_steps:.1f}",
                f"{k.exponentials}",
                f"{k.divisions}",
                f"{k.state_bytes}",
                f"{k.share_of_bound:.0%}",
                f"{k.background:.2f}",
            )
            for k in measured
        ],
        numbers=range(2, len(header)),
    )
    if out is not None:
        out.write_text(json.dumps(benchmark.as_record(rates, measured), indent=1))
