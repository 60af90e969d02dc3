"""Every exception edgeconv raises on purpose, and what each exit code of the command means.

A message names what was wrong, what is allowed, and the way out.
"""

from __future__ import annotations

import difflib
import signal
from collections.abc import Iterable
from dataclasses import dataclass

#: What the command line exits with where none of these classes fits: sysexits' EX_SOFTWARE.
INTERNAL_ERROR = 70
#: Added to the number of a signal that ended the command, as shells do.
SIGNALLED = 128
#: What a process dies of where native code crashes.
CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE})
#: Characters of an unknown name that are shown, and compared with the known ones.
_MOST_SHOWN = 80
#: Characters of a line of a message, whatever it quotes; a terminal is shown as many bytes.
_LONGEST_LINE = 1900


@dataclass(frozen=True)
class ExitCode:
    """What the command line exits with.

    Attributes:
        code: the number.
        meaning: in a few words, for `--help` and the README.
    """

    code: int
    meaning: str


#: All of them, in order; the classes below have theirs as `exit_code`.
EXIT_CODES = (
    ExitCode(0, "done"),
    ExitCode(1, "a threshold was missed"),
    ExitCode(2, "wrong usage"),
    ExitCode(3, "something needed is missing or unreachable"),
    ExitCode(4, "a file or model was refused, or crashed an engine in its native code"),
    ExitCode(INTERNAL_ERROR, "edgeconv itself failed; one line names the report that is kept"),
    ExitCode(SIGNALLED + signal.SIGHUP, "interrupted: the terminal was closed (SIGHUP)"),
    ExitCode(SIGNALLED + signal.SIGINT, "interrupted: Ctrl-C (SIGINT)"),
    ExitCode(SIGNALLED + signal.SIGKILL, "killed, as where memory ran out (SIGKILL)"),
    ExitCode(SIGNALLED + signal.SIGTERM, "interrupted: told to end (SIGTERM)"),
)


class EdgeconvError(Exception):
    """Base of every deliberate error; `exit_code` is what the command line exits with.

    Made of the lines of its message, mostly one: what comes from outside may hold ends of lines of
    its own, and is shown on the line that it stands in. A line that quotes more than is read loses
    its middle.
    """

    exit_code = 1

    def __init__(self, *lines: object) -> None:
        super().__init__(*map(_without_middle, lines))

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))


def _without_middle(line: object) -> str:
    whole = str(line)
    if len(whole) <= _LONGEST_LINE:
        return whole
    return f"{whole[: _LONGEST_LINE - 500]}...{whole[-400:]}"


class ThresholdMissed(EdgeconvError):
    """A check ran to its end and a figure lay past its threshold."""

    exit_code = 1


class UsageError(EdgeconvError):
    """The caller asked for something that cannot be: an unknown name, a contradiction."""

    exit_code = 2


class UnknownName(UsageError):
    """A name that is not in a closed set; suggests the nearest ones.

    Attributes:
        name: the name.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str) -> None:
        self.name = name
        shown = name if len(name) <= _MOST_SHOWN else f"{name[:_MOST_SHOWN]}..."
        near = difflib.get_close_matches(shown, list(known), n=3, cutoff=0.6)
        question = f"; did you mean {' or '.join(near)}?" if near else "."
        super().__init__(f"{shown} is no {kind}{question} {hint}")


class OutputExists(UsageError):
    """The place to write to is taken."""


class UnavailableError(EdgeconvError):
    """Something needed is missing or cannot be reached: a package, a network, space on a disk."""

    exit_code = 3


class WeightsUnavailable(UnavailableError):
    """Published weights could not be had: offline, not found, cut off, or not what was promised."""


class OutputUnwritable(UnavailableError):
    """The output directory cannot be written, or its disk is full."""


class RefusedError(EdgeconvError):
    """An input file, image or model was read and is not acceptable."""

    exit_code = 4


class FileRefused(RefusedError):
    """A path leads to no regular file, or to one larger than any that is right there."""


class WeightsRefused(RefusedError):
    """A weights file is broken, unsafe, not finite, or belongs to another net."""


class ImageRefused(RefusedError):
    """An image file cannot be decoded or is past the size limits."""


class NetRefused(RefusedError):
    """A module cannot be captured as a static graph."""


class Untraceable(NetRefused):
    """A module's code does what a trace cannot follow; another way of capturing it may.

    Attributes:
        reason: what that is, and where.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the net cannot be exported to ONNX: {reason}")


class UnsupportedOperator(RefusedError):
    """The graph holds operators a writer has no lowering for; names every one with its nodes."""


class PlanRefused(RefusedError):
    """A quantization plan breaks a rule of a runtime and would give silently wrong values."""


class BundleRefused(RefusedError):
    """A bundle is incomplete, from another version, or was altered after the export."""


class ArtifactRefused(RefusedError):
    """An engine cannot load a model file."""


class MemoryRefused(ArtifactRefused):
    """A model file asks for more memory than is free, or than any honest one takes."""


class EngineCrashed(RefusedError):
    """An engine crashed in its native code over a model file, here or on a device."""


class DeviceFailed(UnavailableError):
    """A device, or the process that measures on it, died, hung or answered nonsense."""


class DeviceUnreachable(UnavailableError):
    """A device cannot be talked to: no such host, refused, unauthorized, or not what it should be.

    The message names what was tried and the ways on.
    """


class DeviceSilent(DeviceFailed):
    """A device, or the way to it, does not answer any more; nothing is tried again."""


class ConnectionLost(DeviceFailed):
    """The connection to a device broke while something ran there; not the failure of a command."""
