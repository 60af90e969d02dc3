"""The shell command that carries a program to a device, and the reading of what comes back.

Whatever the way there (ssh, adb), the device's shell gets one line of words quoted by `shlex.join`:

    sh -c SUPERVISOR sh MARKER GROUP BYTES SECONDS PROGRAM ARGUMENT ...

- The supervisor prints `MARKER begin` and `MARKER end CODE` around the program's output, on both
  streams. What stands before (a login banner) is no output; where the end is missing, the
  connection was lost: no exit code is taken for it.
- A program that is talked to has its standard output to itself. Its end is told on standard error
  alone, by `edgeconv ended CODE`, for what carries it here (ssh, adb) exits with codes of its own.
- The program runs in a process group of its own, which is killed when the program is over, when
  standard input ends (the host has gone, or gave up), or after SECONDS. So nothing is left running.
- The program's standard input is the first BYTES bytes of the stream, or the stream to its end.

It needs POSIX `sh`, `head -c` and `sleep`, and uses `setsid`: there in GNU, busybox and toybox.
The scripts have neither newline nor backslash, which some login shells read differently.
"""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Sequence

from edgeconv.devices.transport.base import Completed
from edgeconv.devices.transport.exchange import KEPT_STDERR_BYTES
from edgeconv.errors import DeviceFailed
from edgeconv.runtime.plain import plain

#: What a login shell may print before the program starts.
MOST_NOISE_BYTES = 2**20
#: How long a program may go on, once its standard input has ended with the host's.
_FAREWELL_S = 2

#: $1 marker, $2 the group's script, and its arguments. The group reports the exit code on the
#: descriptor that the substitution reads; where it was killed, there is none.
_SUPERVISOR = (
    'm=$1; g=$2; shift 2; [ -z "$m" ] || { echo "$m begin"; echo "$m begin" >&2; }; '
    "if command -v setsid >/dev/null 2>&1; then s=setsid; "
    'else s="perl -MPOSIX -e POSIX::setsid(),exec@ARGV"; fi; '
    "exec 5>&1 6>&2 2>/dev/null; "
    'r=$($s sh -c "$g" sh "$@" 4>&1 >&5 2>&6 5>&- 6>&-); r=${r:-137}; '
    '[ -z "$m" ] || { echo "$m end $r"; echo "$m end $r" >&6; }; '
    '[ -n "$m" ] || echo "edgeconv ended $r" >&6; exit $r'
)
_ENDED = re.compile(rb"edgeconv ended (\d{1,3})\n\Z")
#: $1 bytes of standard input or "all", $2 seconds or 0, and the program. Whoever comes to its end
#: first, timer, feeder or program, kills the whole group. The feeder becomes another process where
#: the program's input ends: mksh holds on to a descriptor it has only redirected.
_GROUP = (
    "n=$1; t=$2; shift 2; "
    '{ [ "$t" = 0 ] || { sleep "$t"; kill -9 -$$; }; } </dev/null >/dev/null 2>&1 4>&- & '
    f'{{ if [ "$n" = all ]; then cat; exec sh -c "sleep {_FAREWELL_S}; kill -9 -$$" >/dev/null; '
    'else [ "$n" = 0 ] || head -c "$n"; exec sh -c "cat; kill -9 -$$" >/dev/null; fi; } '
    '2>/dev/null 4>&- | { "$@" 4>&-; echo $? >&4; kill -9 -$$; }'
)


def new_marker() -> str:
    """A word that no program prints by chance."""
    return f"edgeconv-{secrets.token_hex(8)}"


def bounded(arguments: Sequence[str], marker: str, stdin_bytes: int, limit_s: int) -> str:
    """The remote command of a program that reads `stdin_bytes` and ends within `limit_s`."""
    return _line(arguments, marker, str(stdin_bytes), limit_s)


def streaming(arguments: Sequence[str]) -> str:
    """The remote command of a program that is talked to until standard input ends.

    `streamed_end` reads its exit code.
    """
    return _line(arguments, "", "all", 0)


def streamed_end(stderr: bytes) -> tuple[int | None, bytes]:
    """The exit code of a program that was talked to, and what it wrote to standard error itself.

    The code is None where its end was not told: the connection was lost.
    """
    found = _ENDED.search(stderr)
    return (int(found[1]), stderr[: found.start()]) if found else (None, stderr)


def script(source: str, *arguments: str) -> list[str]:
    """A shell script, without newlines, and its arguments as a program to run."""
    return ["sh", "-c", source, "sh", *arguments]


def _line(arguments: Sequence[str], marker: str, stdin_bytes: str, limit_s: int) -> str:
    head = ["sh", "-c", _SUPERVISOR, "sh", marker, _GROUP, stdin_bytes, str(limit_s)]
    return shlex.join([*head, *arguments])


def last_words(stderr: bytes) -> str:
    """The end of the last line, in brackets and harmless for a terminal."""
    last = last_line(stderr)
    return f" ({last})" if last else ""


def last_line(stderr: bytes) -> str:
    """The end of the last line, harmless for a terminal; "" where there is none."""
    lines = stderr.decode(errors="replace").strip().splitlines()
    return plain(lines[-1][-300:], 300).strip() if lines else ""


class Reply:
    """What comes back, fed piece by piece.

    Args:
        marker: of the remote command.
        most_output: bytes the program may write to standard output.
        what: the command, for messages.
        separate_stderr: False where standard error has no way of its own.
    """

    def __init__(
        self, marker: str, most_output: int, what: str, *, separate_stderr: bool = True
    ) -> None:
        self._begin = f"{marker} begin\n".encode()
        self._end = re.compile(rf"{marker} end (\d{{1,3}})\n".encode())
        self._most = most_output
        self._what = what
        self._stdout = bytearray()
        self._stderr = bytearray()
        self._scanned = 0
        self._stderr_begun = False
        self.begun = False
        self.code: int | None = None
        self._stderr_ended = not separate_stderr

    @property
    def complete(self) -> bool:
        """Whether both streams have come to their end marker."""
        return self.code is not None and self._stderr_ended

    def completed(self) -> Completed | None:
        """The command's result; None where its end has not come."""
        if self.code is None:
            return None
        return Completed(self.code, bytes(self._stdout), bytes(self._stderr))

    @property
    def stderr(self) -> bytes:
        """What is kept of standard error so far."""
        return bytes(self._stderr)

    def feed(self, data: bytes) -> bool:
        """Takes in standard output; True once nothing more is to come on either stream.

        Raises:
            DeviceFailed: more than is allowed.
        """
        if self.code is None:
            self._stdout += data
            if not self.begun:
                self._find_begin()
            if self.begun:
                self._find_end()
        return self.complete

    def feed_stderr(self, data: bytes) -> bool:
        """Takes in standard error; True as `feed`."""
        self._stderr += data
        if not self._stderr_begun and (at := self._stderr.find(self._begin)) >= 0:
            self._stderr_begun = True
            del self._stderr[: at + len(self._begin)]
        if self._stderr_begun and (found := self._end.search(self._stderr)):
            self._stderr_ended = True
            del self._stderr[found.start() :]
        del self._stderr[:-KEPT_STDERR_BYTES]
        return self.complete

    def _find_begin(self) -> None:
        at = self._stdout.find(self._begin)
        if at >= 0:
            self.begun = True
            del self._stdout[: at + len(self._begin)]
        elif len(self._stdout) > MOST_NOISE_BYTES:
            raise DeviceFailed(
                f"the device wrote more than {MOST_NOISE_BYTES >> 20} MiB before {self._what} "
                "began; does a login script there print without end?"
            )

    def _find_end(self) -> None:
        found = self._end.search(self._stdout, self._scanned)
        if found:
            self.code = int(found[1])
            del self._stdout[found.start() :]
        self._scanned = max(0, len(self._stdout) - 64)
        if len(self._stdout) > self._most + (0 if found else 64):
            raise DeviceFailed(
                f"{self._what} wrote more than the {self._most} bytes it may on the device, "
                "and was killed"
            )
