"""The command line: one file a verb, and what becomes of their errors."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from threading import Timer
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    import typer

# Files with more verbs of `cardiosim measure`.
MEASURING = (
    "measure_electrograms",
    "measure_repolarisation",
    "measure_triggered",
    "measure_waves",
    "measure_wavelength",
    "measure_velocity",
    "measure_maps",
)


def _application() -> typer.Typer:
    """The commands; imported here, so that Ctrl-C at any time is met by `main`."""
    import typer

    import cardiosim
    from cardiosim.commands.bench import bench
    from cardiosim.commands.bench_tissue import bench_tissue
    from cardiosim.commands.cells import cells
    from cardiosim.commands.certify import certify
    from cardiosim.commands.compare import compare
    from cardiosim.commands.compare_measures import compare_measures
    from cardiosim.commands.convergence import convergence
    from cardiosim.commands.erp import erp
    from cardiosim.commands.export import export
    from cardiosim.commands.fit import fit
    from cardiosim.commands.inducibility import inducibility
    from cardiosim.commands.info import info
    from cardiosim.commands.measure import measure
    from cardiosim.commands.mesh import mesh
    from cardiosim.commands.report import report
    from cardiosim.commands.restitution import restitution
    from cardiosim.commands.run import run
    from cardiosim.commands.show_kernel import show_kernel
    from cardiosim.commands.sweep import sweep
    from cardiosim.commands.train import train
    from cardiosim.commands.tune_cv import tune_cv
    from cardiosim.commands.verify import verify
    from cardiosim.commands.view import view
    from cardiosim.commands.vulnerable_window import vulnerable_window

    app = typer.Typer(
        help="Cardiac monodomain simulation from readable model text.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.command()(run)
    for module in MEASURING:  # each adds its verbs to `measure`
        import_module(f"cardiosim.commands.{module}")
    app.add_typer(measure, name="measure")
    app.command()(compare)
    app.command()(report)
    app.command("compare-measures")(compare_measures)
    app.command()(view)
    app.command()(export)
    app.add_typer(mesh, name="mesh")
    app.command()(sweep)
    app.command()(restitution)
    app.command("vulnerable-window")(vulnerable_window)
    app.command()(inducibility)
    app.command()(erp)
    app.command("tune-cv")(tune_cv)
    app.command()(fit)
    app.command()(verify)
    app.command()(convergence)
    app.command()(train)
    app.command()(certify)
    app.command()(bench)
    app.command("bench-tissue")(bench_tissue)
    app.add_typer(cells, name="cells")
    app.command("show-kernel")(show_kernel)
    app.command()(info)

    def show_version(wanted: bool) -> None:
        if wanted:
            typer.echo(f"cardiosim {cardiosim.__version__}")
            raise typer.Exit

    @app.callback()
    def options(
        version: bool = typer.Option(
            False, "--version", callback=show_version, is_eager=True, help="Say which."
        ),
    ) -> None:
        pass

    return app


def main() -> None:
    """Run a command; an error is one line on stderr and exit code 1.

    Ctrl-C ends with 130 and SIGTERM with 143, both after what was recorded is written.
    CARDIOSIM_TRACEBACK=1 lets Python show where an error came from.
    """
    try:
        with _terminated_in_order(), _warnings_on_stderr():
            _application()()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if os.environ.get("CARDIOSIM_TRACEBACK"):
            raise
        line = " ".join(str(error).split()) or "stopped"
        # A mistake of the user comes with a finished message; what else comes is ours.
        if not isinstance(error, ValueError | OSError | RuntimeError):
            line = (
                f"{type(error).__name__}: {line} (a fault of the program; "
                "CARDIOSIM_TRACEBACK=1 shows where)"
            )
        sys.stderr.write(f"cardiosim: {line}\n")
        sys.exit(1)


class _OnStderr(logging.Handler):
    """A line on what is stderr at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(f"{record.levelname.lower()}: {record.getMessage()}\n")


@contextmanager
def _warnings_on_stderr() -> Iterator[None]:
    """Let what the package logs be seen as a warning."""
    handler = _OnStderr(logging.WARNING)
    log = logging.getLogger("cardiosim")
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


SOON = 0.02  # s
_come: list[int] = []  # signals that ask for the end


def stop_if_asked() -> None:
    """End once more: a library may have lost the end that a signal asked for."""
    if _come:
        _end(_come[-1])


def _end(number: int) -> NoReturn:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


@contextmanager
def _terminated_in_order() -> Iterator[None]:
    """Let SIGTERM unwind the program as Ctrl-C does, and lose neither.

    Python prints and ignores what is raised in a finaliser, such as those of llvmlite,
    in which much of the time goes while kernels are loaded; the signal is then sent
    again a moment later.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        if _is_in_finaliser(frame):
            Timer(SOON, os.kill, (os.getpid(), number)).start()
            return
        _come.append(number)
        _end(number)

    _come.clear()
    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        numbers.append(signal.SIGINT)  # what is ignored stays ignored
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        _come.clear()  # it has come to an end; what runs later was not asked to
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_in_finaliser(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False
