"""`cardiosim train`: a training case -> a checkpoint, its curve, its first numbers.

NAME.json, NAME.safetensors    the surrogate, which `cell.surrogate` of a case can name
training.csv, training.png     the curve
state.safetensors              where `--resume` goes on from
summary.json, resolved.toml, and tables and pictures of the kind
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from cardiosim.case.read import case_name
from cardiosim.case.training_file import read_training, training_document
from cardiosim.commands import stop_if_asked
from cardiosim.commands.option_values import CaseFolder, Force
from cardiosim.commands.progress import progress
from cardiosim.commands.table import show_summary
from cardiosim.output.results import ResultsFolder
from cardiosim.output.tables import write_table


def train(
    case: CaseFolder,
    out: Annotated[
        Path | None, typer.Option(help="Folder; results/<name of the case> by default.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="table.key=value, any number.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from where a training stopped.")
    ] = False,
    force: Force = False,
) -> None:
    """Train a surrogate from its case and keep it as a checkpoint."""
    described = read_training(case, set_ or ())
    folder = out or Path("results") / case_name(case)
    _require_torch()
    from cardiosim.case.resolve import run_provenance
    from cardiosim.experiments.training import open_record, trainer_of
    from cardiosim.surrogates.checkpoint import save_surrogate
    from cardiosim.surrogates.training_record import has_state

    # A folder without a state may be anyone's: it is then treated as by a new training.
    if resume and has_state(folder):
        results = ResultsFolder(folder)
    else:
        ResultsFolder.check(folder, force)
        results = ResultsFolder.create(folder, force)
    about = run_provenance("torch", "safetensors")
    record = open_record(described, folder, resume)
    results.write_resolved(training_document(described, about))
    with _phases() as begin:
        trained = trainer_of(described.kind)(described, record, begin)
    training = {
        "case": described.model_dump(mode="json"),
        "provenance": about,
        "wall_time_s": round(record.seconds, 1),
        "numbers": dict(trained.numbers),
    }
    path = save_surrogate(trained.surrogate, folder / described.name, training)
    wall = {
        "value": record.seconds,
        "unit": "s",
        "definition": "wall time of the training, all sittings",
    }
    numbers = dict(trained.numbers) | {"wall_training": wall}
    results.write_summary(numbers)
    for name, columns in trained.tables.items():
        values = {key: column.values for key, column in columns.items()}
        units = {key: column.unit for key, column in columns.items()}
        write_table(folder / f"{name}.csv", values, units)
    _draw(described.kind, record.curve, trained, folder)
    show_summary(numbers)
    for note in trained.notes:
        typer.echo(f"note: {note}", err=True)
    typer.echo(f"\nthe surrogate is {path}; name it as cell.surrogate of a case, or")
    typer.echo(f"certify it: cardiosim certify {path}")


def _draw(kind: str, curve: Mapping[str, Any], trained: Any, folder: Path) -> None:
    from cardiosim.commands.training_pictures import draw_training

    draw_training(kind, curve, trained, folder)


def _require_torch() -> None:
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise ValueError(
            f"training needs PyTorch, which cannot be imported ({error}); "
            "pip install 'cardiosim[torch]'"
        ) from None


@contextmanager
def _phases() -> Iterator[Any]:
    """Phases of a training, one behind the other, each with its progress."""
    with ExitStack() as outer:
        inner = outer.enter_context(ExitStack())

        def begin(phase: str, unit: str) -> Any:
            inner.close()
            show = inner.enter_context(progress(phase, unit))

            def report(done: float, end: float) -> None:
                stop_if_asked()
                show(done, end)

            return report

        yield begin
