"""`cardiosim mesh`: what a mesh file holds, and the same mesh in another format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from cardiosim.commands.progress import waiting
from cardiosim.commands.table import show_table

if TYPE_CHECKING:
    from cardiosim.tissue.mesh import Mesh
    from cardiosim.tissue.mesh_report import MeshReport

mesh = typer.Typer(help="Mesh files: look at, convert.", no_args_is_help=True)

File = Annotated[
    Path,
    typer.Argument(
        help="Mesh: openCARP (.elem or the common name), .vtu, .vtk, .xdmf, .msh, .geo "
        "or another format of meshio."
    ),
]
Unit = Annotated[
    str | None,
    typer.Option(help="Unit of its lengths: um, mm, cm, m; openCARP um, others mm."),
]
Bundle = Annotated[
    list[str] | None,
    typer.Option(
        help="Group of lines that conducts though it runs along other elements; may be "
        "given several times."
    ),
]


@mesh.command()
def info(file: File, unit: Unit = None, bundle: Bundle = None) -> None:
    """Check a mesh and say what it holds."""
    read, report = _read(file, unit, bundle)
    rows = [("nodes", str(read.n_nodes), "")]
    rows += [(f"{b.shape} elements", str(len(b)), "") for b in read.blocks]
    low, high = read.points.min(axis=0), read.points.max(axis=0)
    for axis, first, last in zip("xyz", low.tolist(), high.tolist(), strict=True):
        rows.append((axis, f"{first:.6g} .. {last:.6g}", "mm"))
    rows.append(("extent", " x ".join(f"{size:.4g}" for size in high - low), "mm"))
    lengths = ("shortest edge", "mean edge", "longest edge")
    for name, length in zip(lengths, report.edge_lengths, strict=True):
        rows.append((name, f"{length:.4g}", "mm"))
    rows.append(("fibres", _given(read.fibres, read.n_elements), ""))
    rows.append(("sheets", _given(read.sheets, read.n_elements), ""))
    rows.append(("unit of the file", report.unit, ""))
    show_table((file.name, "", "unit"), rows, numbers=(1,))
    names = {number: name for name, number in read.region_names.items()}
    numbers, counts = np.unique(read.element_regions, return_counts=True)
    typer.echo()
    show_table(
        ("region", "name", "elements"),
        [
            (str(number), names.get(number, ""), str(count))
            for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)
        ],
        numbers=(0, 2),
    )
    if read.node_sets:
        typer.echo()
        show_table(
            ("node set", "nodes"),
            [(name, str(len(nodes))) for name, nodes in read.node_sets.items()],
            numbers=(1,),
        )
    typer.echo()
    for finding in report.findings:
        typer.echo(str(finding))
    if not report.warnings:
        typer.echo("no warnings")


@mesh.command()
def convert(
    file: File,
    out: Annotated[
        Path, typer.Argument(help="File to write; its ending says the format.")
    ],
    unit: Unit = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write over files that are there.")
    ] = False,
    refine: Annotated[
        int, typer.Option(min=0, max=6, help="How often to halve every edge.")
    ] = 0,
    bundle: Bundle = None,
) -> None:
    """Write a mesh in another format, checked, in mm (openCARP: um)."""
    from cardiosim.tissue.mesh_io import write_mesh
    from cardiosim.tissue.opencarp_format import SUFFIXES
    from cardiosim.tissue.refinement import refine as refined

    read, report = _read(file, unit, bundle)
    for line in report.warnings:
        typer.echo(f"warning: {line}", err=True)
    if refine:
        with waiting("refining"):
            read = refined(read, refine)
    with waiting(f"writing {out.name}"):
        written = write_mesh(read, out, force)
    if read.region_names and out.suffix.lower() in SUFFIXES:
        listed = ", ".join(f"{n} {name}" for name, n in read.region_names.items())
        typer.echo(
            f"warning: openCARP files hold no names of regions: {listed}", err=True
        )
    typer.echo(
        f"{read.n_nodes} nodes, {read.n_elements} elements written to "
        f"{', '.join(map(str, written))}"
    )


def _read(
    file: Path, unit: str | None, bundles: list[str] | None
) -> tuple[Mesh, MeshReport]:
    from cardiosim.tissue.mesh_io import read_mesh

    with waiting(f"reading {file.name}"):
        return read_mesh(file, unit, bundles or ())


def _given(vectors: np.ndarray | None, n_elements: int) -> str:
    if vectors is None:
        return "none"
    count = int(np.count_nonzero(vectors.any(axis=1)))
    return "all elements" if count == n_elements else f"{count} elements"
