"""A results folder in the formats of other programs.

Each holds V and whatever else the snapshots hold, and, where the format can, activation
times, durations, regions and fibres. Snapshots are read one at a time, so that a run of
a million nodes fits into memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from cardiosim.output.fields import FieldSeries, has_fields, open_fields
from cardiosim.output.igb import write_igb, write_node_values
from cardiosim.output.mesh_arrays import MeshArrays
from cardiosim.output.pvd import steps_folder, write_pvd
from cardiosim.output.results import Results
from cardiosim.output.vtkhdf import write_vtkhdf

FORMATS = ("vtkhdf", "pvd", "igb")


def export(
    results: Results,
    kind: str,
    path: Path,
    names: Sequence[str] | None = None,
    *,
    force: bool = False,
    show: Callable[[float, float], None] = lambda done, end: None,
) -> list[Path]:
    """Write results in another format.

    Args:
        results: of a run that has finished, is going on or was stopped.
        kind: one of FORMATS.
        path: file to make. Of IGB, which holds one variable and nothing else, several
            files with this name and an ending.
        names: variables of the snapshots; all of them by default.
        force: replace earlier files.
        show: called with the number of steps that are written, and of all.

    Returns:
        The files; of PVD the list alone.

    Raises:
        FileExistsError: a file is there already and `force` is not given.
        ValueError: a variable was not recorded, there is nothing to export, or the
            format cannot hold it.
    """
    if kind not in FORMATS:
        raise ValueError(f'format "{kind}"; expected one of {", ".join(FORMATS)}')
    mesh = mesh_with_activation(results)
    if not mesh.n_nodes:
        raise ValueError(f"{results.path} holds no mesh yet; nothing to export")
    series = open_fields(results.path) if has_fields(results.path) else None
    if series is None and names:
        raise ValueError(
            f"{results.path} holds no snapshots, of {', '.join(names)} or of anything"
        )
    chosen = () if series is None else tuple(names or series.units)
    if series is not None:
        series.check(chosen)
    if kind == "igb":
        return _export_igb(path, mesh, series, chosen, force, show)
    _refuse([path, *([steps_folder(path)] if kind == "pvd" else [])], force)
    path.parent.mkdir(parents=True, exist_ok=True)
    {"vtkhdf": write_vtkhdf, "pvd": write_pvd}[kind](path, mesh, series, chosen, show)
    return [path]


def mesh_with_activation(results: Results) -> MeshArrays:
    """The mesh of a run with `lat_1`, ..., `apd90_1`, ... at its nodes."""
    beats = {f"lat_{beat}": times for beat, times in enumerate(results.activation, 1)}
    beats |= {
        f"{name}_{beat}": values
        for name, durations in results.durations.items()
        for beat, values in enumerate(durations, 1)
    }
    return replace(results.mesh, node_data=dict(results.mesh.node_data) | beats)


def igb_base(path: Path) -> Path:
    """What the names of all files of an IGB export begin with."""
    return path.with_suffix("") if path.suffix == ".igb" else path


def _export_igb(
    path: Path,
    mesh: MeshArrays,
    series: FieldSeries | None,
    names: Sequence[str],
    force: bool,
    show: Callable[[float, float], None],
) -> list[Path]:
    """One file a variable, and a list of numbers for each beat's activation times."""
    base = igb_base(path)
    of_variables = {
        base.with_name(
            base.name + (f"_{name}" if len(names) > 1 else "") + ".igb"
        ): name
        for name in names
    }
    of_nodes = {
        base.with_name(f"{base.name}_{name}.dat"): values
        for name, values in mesh.node_data.items()
    }
    files = [*of_variables, *of_nodes]
    if not files:
        raise ValueError(
            "neither snapshots nor activation times were recorded; IGB holds nothing "
            "else"
        )
    _refuse(files, force)
    base.parent.mkdir(parents=True, exist_ok=True)
    for number, (file, name) in enumerate(of_variables.items()):

        def show_all(done: float, end: float, before: int = number) -> None:
            show(before * end + done, len(of_variables) * end)

        write_igb(file, series, name, show_all)
    for file, values in of_nodes.items():
        write_node_values(file, values)
    return files


def _refuse(files: Sequence[Path], force: bool) -> None:
    there = [file for file in files if file.exists()]
    if there and not force:
        raise FileExistsError(
            f"{', '.join(map(str, there))} is there already; choose another name with "
            "--out, or --force to replace it"
        )
