"""The entry point: the verbs, and how errors become exit codes."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
import warnings
from types import FrameType
from typing import NoReturn

import typer

from edgeconv.cli import (
    audit,
    bench,
    compare,
    devices,
    diagnose,
    eval_,
    explain,
    export,
    inspect_,
    list_,
    parity,
)
from edgeconv.cli.supervised import supervised
from edgeconv.errors import EdgeconvError

INTERRUPTED = 130
#: A signal so soon after another is the same one.
AGAIN_S = 1.0

app = typer.Typer(
    name="edgeconv",
    help="PyTorch CNNs to verified int8 ONNX and TFLite bundles, and their latency and accuracy.",
    epilog=(
        "Exit codes: 0 done; 1 a threshold was missed; 2 wrong usage; 3 something needed is "
        "missing or unreachable; 4 a file or model was refused; 130 interrupted."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("list")(list_.list_nets)
app.command("export")(export.export)
app.command("parity")(parity.parity)
app.command("eval")(eval_.evaluate)
app.command("bench")(bench.bench)
app.command("compare")(compare.compare)
app.command("inspect")(inspect_.inspect)
app.command("explain")(explain.explain)
app.command("diagnose")(diagnose.diagnose)
app.command("audit")(audit.audit)
app.add_typer(devices.app, name="devices")


@app.callback(invoke_without_command=True)
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"edgeconv {installed('edgeconv')}")
        raise typer.Exit


def command() -> NoReturn:
    """The program, watched over."""
    supervised(_command)


def _command() -> NoReturn:
    """`main`, then an exit that does not wait.

    Taking PyTorch and the engines apart again would add almost a second to every command, and
    nothing is left to do: what was written is flushed and renamed before `main` ends.
    """
    try:
        main()
    except SystemExit as finished:
        code = finished.code if isinstance(finished.code, int) else int(finished.code is not None)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            code = code or 1
    os._exit(code)


def main() -> NoReturn:
    """Runs the command line and exits with the documented code; never shows a traceback."""
    _clean_up_when_told_to_end()
    # Read when torch is imported. Its OpenMP threads otherwise spin while they wait for each other,
    # which on a busy machine costs an export several times the processor time of the net itself.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Damaged EXIF data makes Pillow warn in Python's format; the photo itself is judged by us.
    warnings.filterwarnings("ignore", module="PIL")
    try:
        app()
    except SystemExit as finished:
        if finished.code == INTERRUPTED:
            print("interrupted; nothing was left behind", file=sys.stderr)
        raise
    except KeyboardInterrupt:
        _fail("interrupted; nothing was left behind", INTERRUPTED)
    except EdgeconvError as error:
        _fail(str(error), error.exit_code)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _fail(f"the disk is full ({error.filename or 'while writing'})", 3)
    sys.exit(0)


def _fail(message: str, code: int) -> NoReturn:
    """Says what went wrong on stderr and leaves."""
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)


def _clean_up_when_told_to_end() -> None:
    """Makes a termination clean up the way Ctrl-C does, each of them once.

    A signal to the process group comes twice, by way of the parent as well; the second one must not
    break into the cleaning up that the first began.
    """
    last = -AGAIN_S

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        nonlocal last
        now = time.monotonic()
        first, last = now - last >= AGAIN_S, now
        if first:
            raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, interrupt)
