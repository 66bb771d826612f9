"""`cardiosim cells`: what can stand in a case as cell.model, and how to bring more."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cardiosim.commands.progress import progress, waiting
from cardiosim.commands.table import number, show_table
from cardiosim.units import to_project_units
from cardiosim.whole_file import whole_file

if TYPE_CHECKING:
    from cardiosim.experiments.cell_comparison import CellRow
    from cardiosim.ionic.cell import Cell
    from cardiosim.ionic.conformance import ConformanceReport
    from cardiosim.ionic.resting_state import Rest

cells = typer.Typer(help="The cells: list, import, check.")

# Without stimulus; long enough for a potential to settle, and for slow pacemakers.
_ALONE = 10_000.0  # ms
_STEPS = (0.02, 0.005)  # ms; the second is tried where the first does not hold

# Relative, of torch: its functions of one number and of a vector differ in the last
# bits, which gates near 0, sums of numbers near 1, show most.
_ROUNDING_OF_TORCH = 1e-11


@cells.callback(invoke_without_command=True)
def available(context: typer.Context) -> None:
    """List the cells that come with the program; import others, check any."""
    if context.invoked_subcommand is not None:
        return
    from cardiosim.ionic.cell_library import available_cells
    from cardiosim.ionic.compiled import compile_cell

    rows = []
    for name in available_cells():
        facts = compile_cell(name).facts
        fast = ", ".join(facts["model_fast"]) or "none"
        counts = (facts["states"], facts["gates"], facts["parameters"])
        numbers = [str(len(found)) for found in counts]
        rows.append((name, *numbers, fast, facts["title"]))
    header = ("cell", "states", "gates", "parameters", "fast gates", "what it is")
    show_table(header, rows, numbers=(1, 2, 3))


@cells.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="Model of Myokit (.mmt) or CellML 1.0, 1.1, 2.0.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="File to write; NAME.mmt here by default.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a file that is there.")
    ] = False,
    potential: Annotated[
        str | None, typer.Option(help="Name of the membrane potential, if misjudged.")
    ] = None,
    stimulus: Annotated[
        str | None, typer.Option(help="Name of the stimulus current, if misjudged.")
    ] = None,
) -> None:
    """Convert a model to ms, mV and A/F; say what was guessed, and what it does."""
    from cardiosim.ionic.compiled import compile_cell
    from cardiosim.ionic.import_model import import_model

    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    if out is not None and out.suffix != ".mmt":
        raise ValueError(f"--out came {out}; a model file ends in .mmt")
    with waiting(f"reading {file.name}"):
        imported = import_model(file, potential, stimulus)
    out = Path(f"{imported.name}.mmt") if out is None else out
    if not out.parent.is_dir():
        raise FileNotFoundError(
            f"--out came {out}; there is no folder {out.parent}: make it first"
        )
    if out.exists():
        if out.samefile(file):
            raise ValueError(f"{out} is what is imported; name another with --out")
        if not force:
            raise FileExistsError(
                f"{out} exists; --out names another file, --force writes over it"
            )
    with whole_file(out) as partial:
        partial.write_text(imported.text, encoding="utf-8")
    for line in imported.guesses:
        typer.echo(f"  {line}")
    for line in imported.warnings:
        typer.echo(f"warning: {line}")
    with waiting(f"compiling {out.name}"):
        cell = compile_cell(out)
    header = ("what was found", "")
    typer.echo()
    show_table(header, [*_found(cell), ("without stimulus", _alone(cell))])
    typer.echo(
        f"\n`cardiosim cells check {out}` waits for a minute of cell time, after which "
        "a cell conforms if it rests or paces itself"
    )
    typer.echo(
        f"written to {out}; put it beside a case.toml and name it there: "
        f'cell.model = "{out.name}"'
    )


@cells.command()
def check(
    model: Annotated[str, typer.Argument(help="Name of a cell, or a model file.")],
    scheme: Annotated[
        str, typer.Option(help="rush_larsen or multirate.")
    ] = "rush_larsen",
    backend: Annotated[str, typer.Option(help="Backend that computes it.")] = "numba",
) -> None:
    """Check a cell against what the rest of the program relies on."""
    report = _conformance(model, scheme, backend)
    rows = [
        (
            "pass" if entry.passed else "FAIL",
            entry.name,
            number(entry.measured),
            number(entry.bound),
            entry.finding,
        )
        for entry in report.checks
    ]
    header = ("", "check", "measured", "at most", "finding")
    show_table(header, rows, numbers=(2, 3))
    if not report.passed:
        raise typer.Exit(1)


def _conformance(model: str, scheme: str, backend: str) -> ConformanceReport:
    """Check a cell as it runs: compiled, where the backend compiles."""
    from cardiosim.ionic.compiled import compile_cell
    from cardiosim.ionic.conformance import POTENTIALS, check_ionic_model
    from cardiosim.ionic.resting_state import rest

    cell = compile_cell(model, scheme=scheme, backend=backend)
    with waiting(f"compiling {cell.name}"):
        cell.compile(POTENTIALS.size)
    if backend != "torch":
        with waiting(f"checking {cell.name}"):
            return check_ionic_model(cell)
    with waiting(f"{cell.name}: a minute without stimulus, by numba"):
        settled = rest(compile_cell(model, scheme=scheme)).states
    with waiting(f"checking {cell.name}"):
        return check_ionic_model(
            cell, resting_states=settled, rounding=_ROUNDING_OF_TORCH
        )


@cells.command()
def show(
    model: Annotated[str, typer.Argument(help="Name of a cell, or a model file.")],
) -> None:
    """List a cell's states, currents and parameters: what to record and to vary."""
    from cardiosim.ionic.compiled import compile_cell

    cell = compile_cell(model)
    facts = cell.facts
    typer.echo(f"{cell.name}: {facts['title']}\n")
    gates, fast = set(facts["gates"]), set(facts["model_fast"])
    show_table(
        ("state", "initial", "unit", ""),
        [
            (
                name,
                number(value),
                cell.unit_of(name),
                "fast gate" if name in fast else "gate" if name in gates else "",
            )
            for name, value in zip(cell.state_names, facts["initial"], strict=True)
        ],
        numbers=(1,),
    )
    typer.echo()
    roles = [(name, cell.unit_of(name), "") for name in facts["membrane_currents"]]
    if facts["cytosolic_calcium"]:
        calcium = facts["cytosolic_calcium"]
        roles.append((calcium, cell.unit_of(calcium), "cytosolic calcium"))
    if roles:
        show_table(("membrane current", "unit", ""), roles)
        typer.echo()
    show_table(
        ("parameter", "value", "unit"),
        [
            (name, number(value), cell.unit_of(name))
            for name, value in facts["parameters"].items()
        ],
        numbers=(1,),
    )


@cells.command()
def compare(
    models: Annotated[
        list[str] | None, typer.Argument(help="Cells or model files; all by default.")
    ] = None,
    bcl: Annotated[float, typer.Option(help="Basic cycle length, ms.")] = 1000.0,
    beats: Annotated[int, typer.Option(min=1, help="Beats; the last counts.")] = 20,
    speed: Annotated[
        bool, typer.Option("--speed", help="Measure node-steps a second, too.")
    ] = False,
) -> None:
    """Pace cells alike and show what the last beat is; how fast they are."""
    from cardiosim.experiments import cell_comparison
    from cardiosim.ionic.cell_library import available_cells

    models = models or list(available_cells())
    backends = ("numba", "torch") if speed else ()
    rows = []
    with progress("pacing", unit="cells") as show:
        for row in cell_comparison.compare_cells(models, bcl, beats, backends):
            rows.append(row)
            show(len(rows), len(models))
    if speed:
        from cardiosim.experiments.benchmark import machine

        here = machine()
        typer.echo(f"{here['processor']}, one core, torch compiled for the CPU")
    header = ("cell", "states", "gates", "repaired", *_COMPARED.values())
    header += tuple(f"{backend} M/s" for backend in backends)
    show_table(
        header,
        [
            (
                row.name,
                *(str(n) for n in (row.n_states, row.n_gates, row.n_singularities)),
                *(_rounded(key, row) for key in _COMPARED),
                *(f"{rate:.3g}" for rate in row.rates.values()),
            )
            for row in rows
        ],
        numbers=range(1, len(header)),
    )
    for row in rows:
        if row.error:
            typer.echo(f"warning: {row.name}: {row.error}", err=True)


# Numbers of the comparison by their name in measure/biomarkers.py.
_COMPARED = {
    "apd90": "APD90 ms",
    "apd50": "APD50 ms",
    "resting_potential": "rest mV",
    "peak": "peak mV",
    "dvdt_max": "dV/dt V/s",
    "dvdt_max_after_stimulus": "after stimulus",
    "calcium_amplitude": "Ca transient uM",
}


def _rounded(key: str, row: CellRow) -> str:
    value, unit = row.numbers.get(key, math.nan), row.units.get(key, "1")
    if math.isnan(value):
        return "-"
    if "calcium" not in key:
        return f"{value:.1f}"
    try:
        return f"{to_project_units(f'{value!r} {unit}', 'uM'):.3f}"
    except ValueError:  # no concentration
        return f"{value:.3g} ({unit})"


def _found(cell: Cell) -> list[tuple[str, str]]:
    """What the compiler found in a cell, by name."""
    facts, potential = cell.facts, cell.state_names[0]
    gates = set(facts["gates"])
    others = [s for s in cell.state_names[1:] if s not in gates]
    return [
        ("membrane potential", potential),
        ("gates", _listed(facts["gates"])),
        ("other states", _listed(others)),
        ("fast gates", _listed(facts["model_fast"])),
        ("singularities repaired", str(facts["singularities"])),
    ]


def _listed(names: list[str]) -> str:
    return f"{len(names)}: {', '.join(names)}" if names else "none"


def _alone(cell: Cell) -> str:
    """What the cell does without stimulus, in words."""
    from cardiosim.ionic.resting_state import rest

    with waiting(f"{_ALONE / 1000.0:g} s without stimulus"):
        for dt in _STEPS:
            try:
                found: Rest = rest(cell, _ALONE, dt)
            except ValueError as error:
                said = str(error)
                continue
            return f"{found} (after {_ALONE / 1000.0:g} s at dt {dt:g} ms)"
    return said
