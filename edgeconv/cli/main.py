"""The entry point: the verbs, and how errors become exit codes."""

from __future__ import annotations

import errno
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import typer

from edgeconv.cli import (
    audit,
    bench,
    compare,
    devices,
    diagnose,
    doctor,
    embed,
    eval_,
    explain,
    export,
    inspect_,
    list_,
    parity,
    predict,
    project,
    report,
    sweep,
    verbs,
)
from edgeconv.cli.process import error_reports, signals, streams
from edgeconv.cli.process.group import Group, NotOfTyper
from edgeconv.cli.process.supervised import supervised
from edgeconv.cli.shown.project import show_project
from edgeconv.disk import remove_unfinished
from edgeconv.errors import (
    EXIT_CODES,
    INTERNAL_ERROR,
    SIGNALLED,
    EdgeconvError,
    UnavailableError,
)
from edgeconv.installed import advice_without, installed_as
from edgeconv.report.console import is_plain, say

INTERRUPTED = SIGNALLED + signal.SIGINT

app = typer.Typer(
    name="edgeconv",
    cls=Group,
    help="PyTorch CNNs to verified int8 ONNX and TFLite bundles, and their latency and accuracy.",
    epilog=f"Exit codes: {'; '.join(f'{row.code} {row.meaning}' for row in EXIT_CODES)}.",
    no_args_is_help=True,
    rich_markup_mode=None if is_plain() else "rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
verbs.add(app, "list", list_.list_nets)
verbs.add(app, "export", export.export)
verbs.add(app, "parity", parity.parity)
verbs.add(app, "predict", predict.predict)
verbs.add(app, "eval", eval_.evaluate)
verbs.add(app, "bench", bench.bench)
verbs.add(app, "compare", compare.compare)
verbs.add(app, "inspect", inspect_.inspect)
verbs.add(app, "explain", explain.explain)
verbs.add(app, "diagnose", diagnose.diagnose)
verbs.add(app, "audit", audit.audit)
verbs.add(app, "sweep", sweep.sweep)
verbs.add(app, "report", report.report)
verbs.add(app, "embed", embed.embed)
verbs.add(app, "doctor", doctor.doctor)
app.add_typer(devices.app, name="devices")


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
    config: Path | None = typer.Option(
        None,
        metavar="TOML",
        help="The project's defaults.",
        show_default="the nearest edgeconv.toml, or [tool.edgeconv] of pyproject.toml",
    ),
    show_config: bool = typer.Option(
        False,
        "--show-config",
        help="Print what the verb that follows would be run with, and where it comes from.",
    ),
) -> None:
    if version:
        name, number = next(iter(installed_as().items()), ("edgeconv", "not installed"))
        say(f"{name} {number}")
        raise typer.Exit
    context.obj = project.find(config)
    if context.obj is not None:
        context.default_map = context.obj.defaults(context.command)
    if show_config and context.invoked_subcommand is None:
        show_project(context.obj)


def command() -> NoReturn:
    """The program, watched over."""
    streams.make_safe()
    supervised(_command)


def _command() -> NoReturn:
    """`main`, then an exit that does not wait.

    Taking PyTorch and the engines apart again would add almost a second to every command, and
    nothing is left to do: what was written is flushed and renamed before `main` ends.
    """
    code = INTERNAL_ERROR
    signals.find_lost_ones()
    try:
        main()
    except SystemExit as finished:
        code = finished.code if isinstance(finished.code, int) else int(finished.code is not None)
    except KeyboardInterrupt:  # between a verb's end and the last words
        signals.end_at_once()
        _say(signals.WORDS)
        code = signals.came() or INTERRUPTED
    finally:
        remove_unfinished()
        os._exit(streams.flushed(code))


def main() -> NoReturn:
    """Runs the command line and exits with the documented code; never shows a traceback."""
    signals.raise_interrupts()
    # Read when torch is imported. Its OpenMP threads otherwise spin while they wait for each other,
    # which on a busy machine costs an export several times the processor time of the net itself.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Damaged EXIF data makes Pillow warn in Python's format; the photo itself is judged by us.
    warnings.filterwarnings("ignore", module="PIL")
    try:
        streams.check_open()
        app()
    except BaseException as error:
        signals.end_at_once()
        # Asked first: where an interrupt comes between Typer's own lines, it makes an exit of it.
        if interrupted := signals.came() or _code_of_interrupt(error):
            _say(_of_an_interrupt(error))
            sys.exit(interrupted)
        if isinstance(error, SystemExit):
            raise
        (first, *others), code = told(error)
        _say(f"error: {first}", *others)
        sys.exit(code)
    sys.exit(0)


def _code_of_interrupt(error: BaseException) -> int | None:
    """Where no signal came: a net of the user's, or Python's own handler, may raise it."""
    cause = error.__cause__ if isinstance(error, NotOfTyper) else error
    return INTERRUPTED if isinstance(cause, KeyboardInterrupt) else None


def _of_an_interrupt(error: BaseException | None) -> str:
    """What is said of it, with what was written before, as the notes on the error tell.

    A library may have made another error of the interrupt.
    """
    notes: list[str] = []
    while error is not None:
        notes += getattr(error, "__notes__", [])
        error = error.__cause__ or error.__context__
    return "; ".join([signals.WORDS, *notes])


def told(error: BaseException) -> tuple[Sequence[str], int]:
    """The lines that are said of an error that ends the command, and the exit code."""
    if isinstance(error, NotOfTyper) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, EdgeconvError):
        return tuple(map(str, error.args)) or ("",), error.exit_code
    if (advice := advice_without(error)) is not None:
        return (advice,), UnavailableError.exit_code
    if isinstance(error, SystemExit):
        return ("code of the net's ended the program (SystemExit); take its exit() out",), 4
    if _is_lack_of_memory(error):
        return (f"there is not enough memory ({error_reports.in_short(error)})",), 3
    if isinstance(error, OSError):
        return (_of_the_system(error),), 3
    report = error_reports.keep(error)
    kept = "no report could be written" if report is None else f"a report is kept in {report}"
    return (
        f"edgeconv failed unexpectedly: {error_reports.in_short(error)}; {kept}",
    ), INTERNAL_ERROR


def _is_lack_of_memory(error: BaseException) -> bool:
    """Also PyTorch's, which is no class of its own on a CPU."""
    return isinstance(error, MemoryError) or "DefaultCPUAllocator" in error_reports.in_short(error)


def _of_the_system(error: OSError) -> str:
    """An error that the system gave for a file, a pipe or a process."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full ({error.filename or 'while writing'})"
    if error.errno == errno.EPIPE:
        return "the output was closed before all was written"
    what = error.strerror or error_reports.in_short(error)
    named = [str(name) for name in (error.filename, error.filename2) if name is not None]
    return f"{' -> '.join(named)}: {what}" if named else f"the system says: {what}"


def _say(*lines: str) -> None:
    with suppress(OSError):  # nobody listens any more; the exit code tells
        for line in lines:
            say(line, err=True)
