"""`cardiosim show-kernel`: the code that a cell's equations become."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from cardiosim.case.cell_tables import Scheme


def show_kernel(
    cell: Annotated[str, typer.Argument(help="Name of a cell, or path of an .mmt.")],
    scheme: Annotated[Scheme, typer.Option(help="Reaction scheme.")] = "rush_larsen",
    backend: Annotated[
        Literal["numba", "scalar", "torch"], typer.Option(help="Target of the code.")
    ] = "numba",
    substeps: Annotated[int, typer.Option(min=1, help="Of multirate.")] = 4,
) -> None:
    """Print the generated kernel of a cell."""
    from cardiosim.ionic.compiled import compile_cell

    compiled = compile_cell(cell, scheme=scheme, substeps=substeps, backend=backend)
    typer.echo(compiled.kernel_source())
