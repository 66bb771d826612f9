"""`cardiosim vulnerable-window`: when a premature stimulus propagates one way only.

trials.csv               every time of S2 that was tried, and to how many sides it goes
vulnerable_window.png    V over position and time: blocked, one way, both ways
summary.json, resolved.toml
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cardiosim.commands.option_values import CaseFolder, Force, Overrides
from cardiosim.commands.progress import progress
from cardiosim.commands.table import show_table

if TYPE_CHECKING:
    import numpy as np

    from cardiosim.experiments.vulnerable_window import VulnerableWindow

TRIALS = "trials.csv"


def vulnerable_window(
    case: CaseFolder,
    site: Annotated[
        str | None,
        typer.Option(
            help='Region of S2, such as "x >= 9 and x <= 11"; by default the middle of '
            "the cable, as long as the region of S1."
        ),
    ] = None,
    amplitude: Annotated[
        float | None, typer.Option(help="Of S2, A/F; that of S1 by default.")
    ] = None,
    duration: Annotated[
        float | None, typer.Option(help="Of S2, ms; that of S1 by default.")
    ] = None,
    bcl: Annotated[
        float | None,
        typer.Option(help="Of S1, ms; that of cell.prepace by default."),
    ] = None,
    s1_beats: Annotated[
        int, typer.Option(min=1, help="Of S1 in the cable, before S2.")
    ] = 5,
    resolution: Annotated[
        float, typer.Option(help="Width of both brackets at the end, ms.")
    ] = 1.0,
    shortest: Annotated[
        float | None,
        typer.Option(help="S2 after S1 to begin with, ms; when S1 has passed."),
    ] = None,
    longest: Annotated[
        float | None, typer.Option(help="S2 after S1 to end with, ms; bcl.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder; results/<name of the case>-vulnerable-window."),
    ] = None,
    set_: Overrides = None,
    force: Force = False,
) -> None:
    """Vulnerable window of a cable: times of S2 that give unidirectional block.

    S1, at the first [[stimulus]], runs over the site of S2. S2 propagates to a side if
    the node half way from its site to that end of the cable is activated. t_block is
    the latest S2 that propagates to no side, t_both the earliest that propagates to
    both; the width of the window is t_both - t_block. Both edges are bracketed.
    """
    from cardiosim.case.read import case_name, read_case
    from cardiosim.output.results import ResultsFolder

    described = read_case(case, set_ or ())
    if described.mesh.kind != "cable" or described.protocol:
        raise ValueError(
            "the vulnerable window is of a cable; give a case with mesh.kind "
            f'"cable", not "{described.mesh.kind}"'
        )
    folder = out or Path("results") / f"{case_name(case)}-vulnerable-window"
    ResultsFolder.check(folder, force)

    from cardiosim.case.resolve import resolved_document
    from cardiosim.experiments.single_cells import Pulse
    from cardiosim.experiments.tissue_trials import pace_case
    from cardiosim.experiments.vulnerable_window import (
        vulnerable_window as look_for_it,
    )
    from cardiosim.experiments.vulnerable_window import window_examples

    with progress("S1") as show:
        resolved, paced = pace_case(
            described, bcl=bcl, beats=s1_beats, longest=longest, progress=show
        )
    s1 = paced.train.pulse
    pulse = Pulse(
        s1.amplitude if amplitude is None else amplitude,
        s1.duration if duration is None else duration,
    )
    mesh = paced.problem.mesh
    nodes = _site(site, mesh, paced.train.nodes)
    with progress("S2", "rounds") as show:
        found = look_for_it(
            paced,
            nodes,
            pulse=pulse,
            shortest=shortest,
            resolution=resolution,
            progress=show,
        )
    results = ResultsFolder.create(folder, force)
    problem = paced.problem
    document = resolved_document(
        resolved, problem.cell, problem.warnings, problem.diffusion
    )
    x = mesh.points[:, 0]
    ends = float(x[nodes].min()), float(x[nodes].max())
    document["vulnerable_window"] = {
        "bcl": paced.train.bcl,
        "s1_beats": s1_beats,
        "site": list(ends),
        "amplitude": pulse.amplitude,
        "duration": pulse.duration,
        "resolution": resolution,
    }
    results.write_resolved(document)
    numbers = _numbers(found, resolution)
    results.write_summary(numbers)
    _write(folder, found)
    from cardiosim.output.restitution_plots import vulnerable_window_figure

    examples = window_examples(paced, found)
    vulnerable_window_figure(
        x,
        {
            f"{label}: S2 at {one.s2:g} ms": (one.times, one.V, one.s2)
            for label, one in examples.items()
        },
        ends,
        folder / "vulnerable_window.png",
        title=_title(described.title, found),
    )
    _show(found, ends, resolution)
    for note in _notes(found):
        typer.echo(f"note: {note}", err=True)
    typer.echo(f"\nresults are in {folder}")


def _site(site: str | None, mesh: Any, s1: np.ndarray) -> np.ndarray:
    """Nodes of S2."""
    import numpy as np

    from cardiosim.case.stimuli import region_nodes

    if site is not None:
        return region_nodes(site, mesh, "--site")
    x = mesh.points[:, 0]
    half, middle = 0.5 * np.ptp(x[s1]), 0.5 * (x.min() + x.max())
    near = np.abs(x - middle) <= half + 1e-9 * np.ptp(x)
    return np.flatnonzero(near)


def _numbers(found: VulnerableWindow, resolution: float) -> dict[str, dict[str, Any]]:
    from cardiosim.experiments.findings import entry

    numbers = {
        "t_block": entry(
            found.one_way.fails, "ms", "latest S2 after S1 that propagates to no side"
        ),
        "t_one_way": entry(
            found.one_way.answers, "ms", "earliest S2 that propagates to a side"
        ),
        "t_not_both": entry(
            found.both.fails, "ms", "latest S2 that does not propagate to both sides"
        ),
        "t_both": entry(
            found.both.answers, "ms", "earliest S2 that propagates to both sides"
        ),
        "vulnerable_window": entry(found.width, "ms", "t_both - t_block"),
    }
    for number in numbers.values():
        number["resolution"] = f"{resolution:g} ms"
    return numbers | {
        "s1_passes": entry(found.passed, "ms", "activation of the site's middle by S1"),
        "conduction_velocity": entry(found.velocity, "m/s", "of S1 over the site"),
    }


def _write(folder: Path, found: VulnerableWindow) -> None:
    from cardiosim.output.tables import write_table

    columns = {"s2": found.times.tolist(), "sides": found.sides.tolist()}
    write_table(folder / TRIALS, columns, {"s2": "ms"})


def _show(
    found: VulnerableWindow, site: tuple[float, float], resolution: float
) -> None:
    show_table(
        ("edge", "not at (ms)", "at (ms)"),
        [
            (name, _text(edge.fails), _text(edge.answers))
            for name, edge in (
                ("propagates to one side", found.one_way),
                ("propagates to both sides", found.both),
            )
        ],
        numbers=(1, 2),
    )
    typer.echo(
        f"\nvulnerable window {_width(found)} (t_both - t_block), resolution "
        f"{resolution:g} ms; S2 of {found.pulse.amplitude:g} A/F for "
        f"{found.pulse.duration:g} ms from {site[0]:g} to {site[1]:g} mm, which S1 "
        f"passes at {found.passed:.4g} ms with {found.velocity:.4g} m/s"
    )


def _notes(found: VulnerableWindow) -> list[str]:
    notes = []
    if not (found.one_way.is_closed and found.both.is_closed):
        notes.append("an edge is not bracketed: try S2 later (--longest) or earlier")
    elif not (found.sides == 1).any():
        notes.append("no S2 propagated one way: the window is below the resolution")
    if not (found.one_way.is_monotonic and found.both.is_monotonic):
        notes.append("an earlier S2 propagates where a later one does not")
    if 0.0 <= found.early_side < 1.0:
        notes.append(
            f"{100.0 * (1.0 - found.early_side):.0f} % of the one-way S2 propagate in "
            "the direction of S1"
        )
    return notes


def _title(title: str, found: VulnerableWindow) -> str:
    return f"{title}: vulnerable window {_width(found)}".lstrip(": ")


def _width(found: VulnerableWindow) -> str:
    return "not found" if math.isnan(found.width) else f"{found.width:.5g} ms"


def _text(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:.5g}"
