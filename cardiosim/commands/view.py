"""`cardiosim view`: pictures in space, and films, of a run."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from cardiosim.commands.progress import progress, waiting
from cardiosim.commands.recorded import membrane_potential
from cardiosim.output.fields import FieldSeries, open_fields
from cardiosim.output.results import Results, open_results

if TYPE_CHECKING:
    from cardiosim.output.views import View

OF_THE_MESH = ("lat", "regions", "fibres", "fibrosis", "D_along")
FRAMES_FOR_LIMITS = 25  # snapshots among which the range of the colours is looked for


def view(
    results: Annotated[Path, typer.Argument(help="Folder that a run has written.")],
    what: Annotated[
        str,
        typer.Option(
            help="V, lat, regions, fibres, fibrosis, D_along (diffusivity along the "
            "fibres), or a recorded variable."
        ),
    ] = "V",
    time: Annotated[
        float | None,
        typer.Option(help="ms; by default when half of the tissue has activated."),
    ] = None,
    beat: Annotated[
        int, typer.Option(min=1, help="Which activation of lat, from 1.")
    ] = 1,
    film: Annotated[
        Path | None, typer.Option(help="Write a film as well: a name.gif or name.mp4.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Picture to write, a name.png; view_<what>.png in the folder "
            "otherwise."
        ),
    ] = None,
    limits: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Lowest and highest value of the colours."),
    ] = None,
    isochrones: Annotated[
        float | None, typer.Option(help="Time between isochrones of lat, ms.")
    ] = None,
    camera: Annotated[
        str, typer.Option(help="auto, iso, xy, xz, yz, or -xy, -xz, -yz from behind.")
    ] = "auto",
    frames: Annotated[int, typer.Option(min=2, help="Most frames of a film.")] = 150,
    rate: Annotated[float, typer.Option(min=0.1, help="Frames a second.")] = 15.0,
    window: Annotated[
        bool, typer.Option("--window", help="Show it in a window instead.")
    ] = False,
) -> None:
    """Draw a run in space: V, activation with isochrones, or what the tissue is."""
    from cardiosim.output.rendering import check_film, check_rendering

    opened = open_results(results)
    if not opened.mesh.n_nodes or opened.mesh_kind == "point":
        raise ValueError(
            f"{results} holds no tissue; expected a cable, sheet, slab or mesh"
        )
    if out is not None and out.suffix.lower() != ".png":
        raise ValueError(f'picture "{out}"; expected a name ending in .png')
    if limits is not None and not limits[0] < limits[1]:
        raise ValueError(
            f"limits {limits[0]:g} and {limits[1]:g}; give the lower one first"
        )
    if film is not None:
        check_film(film.suffix)
        if what in OF_THE_MESH:
            raise ValueError(f"{what} does not change with time; a film needs V")
    name = membrane_potential(opened) if what == "V" else what
    series = None if what in OF_THE_MESH else open_fields(opened.path)
    if series is not None:
        series.check([name])
    _require_display(window)
    with waiting("trying to draw"):
        check_rendering()
    from cardiosim.output.views import View

    drawn = View(opened.mesh, camera, window)
    try:
        if series is None:
            _add_of_mesh(drawn, opened, name, beat, isochrones, limits)
        else:
            _add_snapshot(drawn, opened, series, name, time, limits)
        if window:
            drawn.show()
            return
        _write(drawn, out or opened.path / f"view_{what}.png")
        if film is not None:
            chosen = _spread(len(series.times), frames)
            _write_film(drawn, opened, series, name, chosen, film, rate)
    finally:
        drawn.close()


def _add_of_mesh(
    drawn: View,
    opened: Results,
    name: str,
    beat: int,
    isochrones: float | None,
    limits: tuple[float, float] | None,
) -> None:
    """What does not change with time."""
    said = name
    if name == "regions":
        drawn.add_regions()
    elif name == "fibres":
        drawn.add_fibres()
    elif name == "fibrosis":
        drawn.add_fibrosis()
    elif name == "D_along":
        drawn.add_element_values(name, "D along the fibres (mm2/ms)", limits)
        said = "diffusivity along the fibres"
    else:
        drawn.add_activation(_activation(opened, beat), isochrones)
        said = f"activation {beat} of each node"
    drawn.write(f"{_title(opened)}\n{said}".strip())


def _activation(opened: Results, beat: int) -> NDArray[np.float64]:
    """Times of each node's `beat`-th activation, ms, shape (n_nodes,)."""
    if opened.activation.shape[1] != opened.mesh.n_nodes:
        raise ValueError(
            f"{opened.path} holds no activation times: the run was stopped before it "
            "wrote any, or has not come to it yet"
        )
    if beat > len(opened.activation):
        raise ValueError(
            f"beat {beat} of {opened.path}; its nodes have at most "
            f"{len(opened.activation)} activations"
        )
    return opened.activation[beat - 1]


def _add_snapshot(
    drawn: View,
    opened: Results,
    series: FieldSeries,
    name: str,
    time: float | None,
    limits: tuple[float, float] | None,
) -> None:
    """A variable at the snapshot nearest to a time, or when half has activated."""
    if limits is None:
        limits = _range(series, name, _spread(len(series.times), FRAMES_FOR_LIMITS))
    wanted = _half_activated(opened, series) if time is None else time
    ((t, values),) = series.steps([name], which=[series.nearest(wanted)])
    unit = series.units[name]
    label = "V" if name == membrane_potential(opened) else name
    drawn.add_values(
        values[name].astype(float),
        label if unit in ("", "1") else f"{label} ({unit})",
        limits,
    )
    drawn.write(_head(opened, t))


def _write(drawn: View, path: Path) -> None:
    from cardiosim.output.films import write_picture

    write_picture(path, drawn.image())
    typer.echo(f"wrote {path}")


def _write_film(
    drawn: View,
    opened: Results,
    series: FieldSeries,
    name: str,
    chosen: NDArray[np.intp],
    path: Path,
    rate: float,
) -> None:
    from cardiosim.output.films import write_film

    with progress("filming", unit="frames") as show:

        def steps() -> Iterator[tuple[str, NDArray]]:
            for done, (t, values) in enumerate(series.steps([name], which=chosen), 1):
                yield _head(opened, t), values[name].astype(float)
                show(done, len(chosen))

        write_film(path, drawn.film(steps()), rate)
    typer.echo(f"wrote {path}")


def _title(opened: Results) -> str:
    return opened.resolved.get("title", "")


def _head(opened: Results, t: float) -> str:
    return f"{_title(opened)}\nt = {t:.6g} ms".strip()


def _half_activated(opened: Results, series: FieldSeries) -> float:
    """When half of what activates first has done so, ms."""
    for lat in opened.activation:
        if np.isfinite(lat).any():
            return float(np.nanmedian(lat))
    return float(series.times[len(series.times) // 2])


def _range(
    series: FieldSeries, name: str, which: NDArray[np.intp]
) -> tuple[float, float]:
    """Lowest and highest value in some snapshots, rounded away from each other."""
    low, high = math.inf, -math.inf
    for _, values in series.steps([name], which=which):
        low = min(low, float(np.nanmin(values[name])))
        high = max(high, float(np.nanmax(values[name])))
    high = max(high, low + 1e-6 * max(abs(low), 1e-6))
    step = 0.5 * 10.0 ** math.floor(math.log10(high - low))
    # To within a tenth of a step, a number is round already.
    return (
        step * math.floor(low / step + 0.1),
        step * math.ceil(high / step - 0.1),
    )


def _spread(count: int, most: int) -> NDArray[np.intp]:
    """Numbers of at most so many snapshots, first and last included."""
    from cardiosim.output.style import thinned

    return thinned(count, most)


def _require_display(window: bool) -> None:
    has_display = "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    if window and sys.platform.startswith("linux") and not has_display:
        raise RuntimeError(
            "there is no display for a window; leave out --window, the picture then "
            "goes to a file"
        )
