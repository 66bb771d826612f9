"""`cardiosim export`: results in the formats of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from cardiosim.commands.progress import progress
from cardiosim.output.mesh_arrays import MeshArrays
from cardiosim.output.results import open_results

OPENCARP_SHAPES = ("line", "triangle", "tetra")


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
    """The mesh that IGB files belong to, where openCARP's format can hold it."""
    from cardiosim.tissue.mesh import ElementBlock, Mesh
    from cardiosim.tissue.opencarp_format import write_opencarp

    others = [shape for shape, _ in mesh.blocks if shape not in OPENCARP_SHAPES]
    if others:
        typer.echo(
            f"no .pts, .elem and .lon for {base}: they hold lines, triangles and "
            f"tetrahedra, this mesh has {' and '.join(others)} elements"
        )
        return []
    write_opencarp(
        Mesh(
            "mesh",
            mesh.points,
            tuple(ElementBlock(shape, nodes) for shape, nodes in mesh.blocks),
            regions=mesh.element_data.get("regions"),
            fibres=mesh.element_data.get("fibres"),
            sheets=mesh.element_data.get("sheets"),
        ),
        base,
    )
    files = (base.with_name(base.name + end) for end in (".pts", ".elem", ".lon"))
    return [file for file in files if file.exists()]
