"""`cardiosim export`: results in the formats of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from cardiosim.commands.progress import progress
from cardiosim.output.mesh_arrays import MeshArrays
from cardiosim.output.results import open_results


def export(
    results: Annotated[Path, typer.Argument(help="Folder that a run has written.")],
    format_: Annotated[
        Literal["vtkhdf", "pvd", "igb"],
        typer.Option(
            "--format",
            help="vtkhdf: one file, ParaView 5.12 or newer. pvd: a file a step, any "
            "ParaView. igb: openCARP and meshalyzer.",
        ),
    ] = "vtkhdf",
    out: Annotated[
        Path | None, typer.Option(help="File to write; beside the folder by default.")
    ] = None,
    variables: Annotated[
        list[str] | None,
        typer.Option(help="Variable of the snapshots, any number of times; else all."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace earlier files.")
    ] = False,
) -> None:
    """Write snapshots, activation times, regions and fibres for other programs."""
    from cardiosim.output import exports

    opened = open_results(results)
    # Not inside: a results folder holds only what a run has written.
    path = out or results.parent / f"{results.resolve().name}.{format_}"
    with progress(f"exporting to {format_}", unit="steps") as show:
        files = exports.export(opened, format_, path, variables, force=force, show=show)
    if format_ == "igb":
        files += _write_opencarp_mesh(opened.mesh, exports.igb_base(path))
    for file in files:
        typer.echo(f"wrote {file}")
    if not opened.is_finished:
        typer.echo(
            f"warning: the run of {results} has not finished; the files hold what was "
            "there",
            err=True,
        )


def _write_opencarp_mesh(mesh: MeshArrays, base: Path) -> list[Path]:
    """The mesh that IGB files belong to, as openCARP's format holds it.

    Squares and bricks of a grid are cut into triangles and tetrahedra, which have the
    same nodes. Where there are no fibres, they are along x, as openCARP wants some.
    """
    from cardiosim.tissue.grid import Grid
    from cardiosim.tissue.mesh import ElementBlock, Mesh
    from cardiosim.tissue.opencarp_format import write_opencarp
    from cardiosim.tissue.simplices import simplices_of

    if not mesh.dimension:
        typer.echo(f"no .pts, .elem and .lon for {base}: single cells have no elements")
        return []
    fibres = mesh.element_data.get("fibres")
    if fibres is None:
        fibres = np.broadcast_to(np.array([1.0, 0.0, 0.0]), (mesh.n_elements, 3))
    written = Mesh(
        mesh.kind,
        mesh.points,
        tuple(ElementBlock(shape, nodes) for shape, nodes in mesh.blocks),
        regions=mesh.element_data.get("regions"),
        fibres=fibres,
        sheets=mesh.element_data.get("sheets"),
        grid=mesh.grid and Grid(mesh.grid.shape, mesh.grid.size),
    )
    write_opencarp(written if written.grid is None else simplices_of(written), base)
    files = (base.with_name(base.name + end) for end in (".pts", ".elem", ".lon"))
    return [file for file in files if file.exists()]
