"""`cardiosim fit`: parameters of a case's cell, fitted to a trace or to biomarkers.

fit.csv            parameter, published, before, fitted, factor, error, bound
biomarkers.csv     before, fitted and target
history.csv        sum of squares and factors of each step
recordings.h5      V of the last beat, at the start and fitted
fit.png            what was to be met, and what came of it
NAME_fitted.toml   the cell as a variant, which a case can name as its model
summary.json, resolved.toml
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from cardiosim.case.fit_file import FitFile, read_fit
from cardiosim.case.read import case_name, read_case
from cardiosim.case.schema import Case
from cardiosim.commands.option_values import CaseFolder, Force
from cardiosim.commands.progress import progress, waiting
from cardiosim.commands.table import show_table
from cardiosim.output.documents import write_toml
from cardiosim.output.results import ResultsFolder
from cardiosim.output.tables import write_table

if TYPE_CHECKING:
    from cardiosim.experiments.fit import Fit
    from cardiosim.ionic.cell import Cell

AFTER_STIMULUS = 50.0  # ms that a picture goes on after the longest duration


def fit(
    case: CaseFolder,
    fit_file: Annotated[
        Path,
        typer.Argument(
            metavar="FIT", help="fit.toml: what may change, and the target."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder; results/<case>-<fit> by default.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="table.key=value, of the case.")
    ] = None,
    force: Force = False,
) -> None:
    """Fit parameters of a case's cell to a trace, or to biomarkers."""
    file = read_fit(fit_file)
    described = read_case(case, set_ or ())
    folder = out or Path("results") / f"{case_name(case)}-{fit_file.stem}"
    ResultsFolder.check(folder, force)
    found = _fitted(described, file)
    results = ResultsFolder.create(folder, force)
    _show(found)
    variant = _write(results, described, file, found)
    for note in found.notes:
        typer.echo(f"note: {note}", err=True)
    typer.echo(f"\nresults are in {folder}; the fitted cell is {variant}")


def _fitted(case: Case, file: FitFile) -> Fit:
    from cardiosim.experiments.fit import Search

    minutes = ", minutes the first time" if file.gradients == "torch" else ""
    with waiting(f"compiling {Path(case.cell.model).stem}{minutes}"):
        search = Search(case, file)
    with progress(file.title or "fit", "trials at most") as show:
        return search.run(show)


def _show(found: Fit) -> None:
    show_table(
        ("parameter", "published", "start", "fitted", "of case", "error", ""),
        [
            (
                p.name,
                f"{found.published[p.name]:.6g}",
                f"{p.of_case * p.start:.6g}",
                f"{p.value:.6g}",
                f"{p.factor:.5f}",
                "none" if math.isnan(p.error) else f"{100.0 * p.error:.2g} %",
                f"at its {p.bound} bound" if p.bound else "",
            )
            for p in found.parameters
        ],
        numbers=range(1, 6),
    )
    typer.echo()
    targets = _targets(found)
    show_table(
        ("biomarker", "start", "fitted", "target", "sigma", "unit"),
        [
            (
                name,
                f"{before:.5g}",
                f"{after:.5g}",
                *([f"{x:g}" for x in targets[name]] if name in targets else ("", "")),
                _unit_of(name),
            )
            for name, (before, after) in found.biomarkers.items()
        ],
        numbers=range(1, 5),
    )
    typer.echo()
    rows = [
        ("of the targets", f"{found.misfit[0]:.6g}", f"{found.misfit[1]:.6g}"),
        ("of the priors", "", f"{found.prior:.6g}"),
    ]
    if found.targets.n_samples:
        rms = (f"{x:.4g}" for x in _trace_errors(found))
        rows.append(("trace, root mean square (mV)", *rms))
    show_table(("sum of squares", "start", "fitted"), rows, numbers=(1, 2))
    state = "converged" if found.converged else "not converged"
    known = f"condition number {found.condition:.3g}"
    if math.isnan(found.condition):
        known = "no condition number: no parameter is inside its bounds"
    typer.echo(f"{state} after {found.trials} trials; {known}")


def _unit_of(biomarker: str) -> str:
    from cardiosim.experiments.fit_targets import unit_of

    return unit_of(biomarker)


def _targets(found: Fit) -> dict[str, tuple[float, float]]:
    """Value and sigma of the biomarkers that were to be met."""
    n, targets = found.targets.n_samples, found.targets
    pairs = zip(targets.values[n:], targets.sigma[n:], strict=True)
    return dict(zip(targets.names, pairs, strict=True))


def _trace_errors(found: Fit) -> tuple[float, float]:
    """Root mean square of V minus the trace, at the start and fitted, mV."""
    n, times = found.targets.n_samples, found.targets.times
    V = (
        np.interp(times, beat.times, beat.V[:, 0])
        for beat in (found.before, found.after)
    )
    return tuple(
        float(np.sqrt(np.mean((v - found.targets.values[:n]) ** 2))) for v in V
    )


def _write(results: ResultsFolder, case: Case, file: FitFile, found: Fit) -> Path:
    """Everything that a fit leaves, the summary last; the file of the variant."""
    from cardiosim.case.cells import build_cell
    from cardiosim.case.resolve import resolved_document

    cell = build_cell(found.case)
    resolved = resolved_document(found.case, cell)
    resolved["provenance"]["fit"] = file.model_dump()
    results.write_resolved(resolved)
    _write_tables(results.path, found)
    both = np.column_stack([found.before.V[:, 0], found.after.V[:, 0]])
    V = cell.state_names[0]
    results.write_traces("fit", found.before.times, (0, 1), {V: both}, {V: "mV"})
    _draw(results.path / "fit.png", found, file.title or case.title)
    model = Path(case.cell.model)
    path = results.path / f"{model.stem}_fitted.toml"
    write_toml(path, variant_of(case, file, found, cell))
    results.write_summary(_numbers(found))
    return path


def variant_of(case: Case, file: FitFile, found: Fit, cell: Cell) -> dict[str, Any]:
    """The fitted cell as a variant of the case's model; drugs are left out.

    Args:
        case: that was fitted.
        file: fit.toml.
        found: what came of it.
        cell: of the case, for the units of its parameters.
    """
    from cardiosim.case.parameter_values import parameter_value

    own = {
        name: parameter_value(case, cell, name)
        for name in case.cell.parameters
        if name not in found.published
    }
    fitted = {
        p.name: {"scale": float(f"{p.value / found.published[p.name]:.9g}")}
        if found.published[p.name]
        else p.value
        for p in found.parameters
    }
    to = [*found.targets.names, *(["a trace"] if found.targets.n_samples else [])]
    model = Path(case.cell.model)
    return {
        "base": case.cell.model,
        "title": f"{model.stem}, fitted: {file.title or ', '.join(to)}",
        "source": f"cardiosim fit of {', '.join(p.name for p in found.parameters)} to "
        f"{', '.join(to)} of the last beat of a case; not a published cell",
        "parameters": own | fitted,
    }


def _write_tables(path: Path, found: Fit) -> None:
    parameters = found.parameters
    write_table(
        path / "fit.csv",
        {
            "parameter": [p.name for p in parameters],
            "published": [found.published[p.name] for p in parameters],
            "of_case": [p.of_case for p in parameters],
            "start": [p.start for p in parameters],
            "fitted": [p.value for p in parameters],
            "factor": [p.factor for p in parameters],
            "relative_error": [p.error for p in parameters],
            "bound": [p.bound for p in parameters],
        },
        {},
    )
    targets, none = _targets(found), (math.nan, math.nan)
    names = list(found.biomarkers)
    write_table(
        path / "biomarkers.csv",
        {
            "biomarker": names,
            "start": [found.biomarkers[name][0] for name in names],
            "fitted": [found.biomarkers[name][1] for name in names],
            "target": [targets.get(name, none)[0] for name in names],
            "sigma": [targets.get(name, none)[1] for name in names],
            "unit": [_unit_of(name) for name in names],
        },
        {},
    )
    columns = ("trial", "sum_of_squares", *(p.name for p in parameters))
    write_table(
        path / "history.csv", dict(zip(columns, found.history.T, strict=True)), {}
    )


def _draw(path: Path, found: Fit, title: str) -> None:
    """The trace that was to be met, or the beats alone; and the factors."""
    # matplotlib takes most of a second to import, which only a picture is worth.
    from cardiosim.output.cell_plots import overlay_figure
    from cardiosim.output.protocol_plots import fit_figure

    before, after, n = found.before, found.after, found.targets.n_samples
    if n:
        times = found.targets.times
        fit_figure(
            times,
            found.targets.values[:n],
            np.interp(times, after.times, after.V[:, 0]),
            path,
            before=np.interp(times, before.times, before.V[:, 0]),
            parameters={p.name: p.factor for p in found.parameters},
            title=title,
        )
        return
    longest = max((x for x in found.biomarkers["apd90"] if x == x), default=math.inf)
    overlay_figure(
        {
            "start": (before.times, before.V[:, 0]),
            "fitted": (after.times, after.V[:, 0]),
        },
        path,
        stop=min(longest + AFTER_STIMULUS, float(after.times[-1])),
        title=title,
    )


def _numbers(found: Fit) -> dict[str, Mapping[str, Any]]:
    """The summary: factors with their errors, biomarkers, and how good the fit is."""
    numbers: dict[str, Mapping[str, Any]] = {}
    for p in found.parameters:
        numbers[f"factor_{p.name}"] = _entry(
            p.factor, "1", "fitted over the value of the case"
        )
        numbers[f"error_{p.name}"] = _entry(
            p.error, "1", "standard error of the logarithm of the factor"
        )
    for name, (_, after) in found.biomarkers.items():
        numbers[name] = _entry(after, _unit_of(name), "last beat of the fitted cell")
    numbers["misfit"] = _entry(
        found.misfit[1], "1", "sum of squares of the targets, each over its sigma"
    )
    numbers["misfit_before"] = _entry(
        found.misfit[0], "1", "the same where the fit began"
    )
    numbers["prior"] = _entry(found.prior, "1", "sum of squares of the priors")
    if found.targets.n_samples:
        error = _trace_errors(found)[1]
        numbers["trace_rmse"] = _entry(error, "mV", "root mean square of V minus trace")
    known = math.isfinite(found.condition)
    numbers["condition"] = _entry(
        found.condition if known else math.nan, "1", "condition number of the Jacobian"
    )
    numbers["trials"] = _entry(found.trials, "1", "beats that were run")
    numbers["converged"] = _entry(found.converged, "1", "whether the fit came to rest")
    return numbers


def _entry(value: Any, unit: str, definition: str) -> Mapping[str, Any]:
    return {"value": value, "unit": unit, "definition": definition}
