"""The remote command keeps arguments, streams and exit code, and leaves nothing running."""

from __future__ import annotations

import io
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeconv.devices.transport import envelope
from edgeconv.devices.transport.exchange import Feeds, exchange
from edgeconv.errors import DeviceFailed
from tests.helpers.processes import gone, started

DEADLINE_S = 120
MARKER = "edgeconv-0123456789abcdef"
_APPLETS = ("head", "cat", "sleep", "setsid", "echo", "env", "printf", "kill")


@pytest.fixture(params=["dash", "bash", "mksh", "busybox"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """An environment in which `sh` is that shell; busybox brings its own programs too."""
    program = shutil.which(request.param)
    if program is None:
        pytest.skip(f"{request.param} is not installed")
    names = ("sh", *_APPLETS) if request.param == "busybox" else ("sh",)
    for name in names:
        (tmp_path / name).symlink_to(program)
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}"}


@pytest.fixture
def token() -> Iterator[str]:
    """A number of seconds that no other process sleeps for."""
    seconds = f"{600 + secrets.randbelow(300)}.{secrets.randbelow(10**9):09d}"
    yield seconds
    assert gone(seconds)


def carried(
    env: dict[str, str], *arguments: str, stdin: bytes = b"", limit_s: int = 20
) -> envelope.Reply:
    """What comes back from a program whose standard input stays open meanwhile."""
    remote = envelope.bounded(arguments, MARKER, len(stdin), limit_s)
    reply = envelope.Reply(MARKER, 2**20, "it")
    feeds = Feeds(reply.feed, reply.feed_stderr)
    deadline = time.monotonic() + DEADLINE_S
    exchange(["sh", "-c", remote], io.BytesIO(stdin), feeds, deadline=deadline, env=env)
    return reply


def start(env: dict[str, str], remote: str) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen(["sh", "-c", remote], env=env, stdin=pipe, stdout=pipe, stderr=pipe)


NASTY = (
    "a b",
    "it's",
    '"',
    "$HOME $(date) `id`",
    "\\n\\",
    "",
    "*",
    "-n",
    "!x",
    "ä\n\ttwo lines;",
    "&|<>",
)


def test_arguments_arrive_as_they_are(shell):
    done = carried(shell, "env", "printf", "%s\\0", *NASTY).completed()
    assert done.stdout.split(b"\0")[:-1] == [word.encode() for word in NASTY]


def test_streams_and_exit_code_are_kept_apart(shell):
    done = carried(shell, "sh", "-c", "echo out; echo err >&2; exit 7").completed()
    assert (done.code, done.stdout, done.stderr) == (7, b"out\n", b"err\n")


def test_output_without_a_last_newline_stays_so(shell):
    assert carried(shell, "env", "printf", "abc").completed().stdout == b"abc"


@pytest.mark.parametrize("size", [0, 1, 70_000, 300_000])
def test_standard_input_arrives_whole_and_ends(shell, size):
    data = os.urandom(size)
    assert carried(shell, "cat", stdin=data).completed().stdout == data


def test_a_program_that_does_not_read_its_input_ends_all_the_same(shell):
    assert carried(shell, "true", stdin=bytes(50_000)).completed().code == 0


def test_a_missing_program_is_code_127(shell):
    assert carried(shell, "no-such-program").completed().code == 127


def test_a_program_killed_by_a_signal_is_128_and_its_number(shell):
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV):
        done = carried(shell, "sh", "-c", f"kill -{int(number)} $$").completed()
        assert done.code == 128 + number


def test_what_a_program_leaves_behind_is_killed(shell, token):
    done = carried(shell, "sh", "-c", f"sleep {token} >/dev/null & echo hi").completed()
    assert done.stdout == b"hi\n"
    assert gone(token)


def test_it_is_killed_when_standard_input_ends(shell, token):
    process = start(shell, envelope.bounded(["sleep", token], MARKER, 0, 500))
    assert started(token)
    process.communicate(timeout=120)
    assert gone(token)


def test_it_is_killed_after_its_time(shell, token):
    process = start(shell, envelope.bounded(["sleep", token], MARKER, 0, 1))
    process.wait(timeout=120)
    assert gone(token)
    process.communicate()


def test_a_conversation_ends_with_standard_input(shell, token):
    process = start(shell, envelope.streaming(["sh", "-c", f"read x; echo $x; sleep {token}"]))
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"hello\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"hello\n"
    process.communicate(timeout=120)
    assert gone(token)


def test_a_conversation_has_the_programs_exit_code(shell):
    process = start(shell, envelope.streaming(["sh", "-c", "exit 9"]))
    assert process.wait(timeout=120) == 9
    out, err = process.communicate()
    assert (out, envelope.streamed_end(err)) == (b"", (9, b""))


def test_an_end_that_was_not_told_or_not_last_is_none():
    for stderr in (b"", b"edgeconv ended 3", b"edgeconv ended 3\nlater\n"):
        assert envelope.streamed_end(stderr) == (None, stderr)
    assert envelope.streamed_end(b"no newlineedgeconv ended 3\n") == (3, b"no newline")


def test_a_banner_before_the_program_is_no_output():
    reply = envelope.Reply(MARKER, 100, "it")
    reply.feed_stderr(b"WELCOME\n" + f"{MARKER} begin\nerr{MARKER} end 3\n".encode())
    reply.feed(b"Last login: ...\n\xff" + f"{MARKER} begin\nout{MARKER} end 3\nbye".encode())
    done = reply.completed()
    assert (done.code, done.stdout, done.stderr) == (3, b"out", b"err")


def test_markers_are_found_wherever_the_stream_is_cut():
    stream = f"x{MARKER} begin\n{'o' * 200}{MARKER} end 42\n".encode()
    for cut in range(1, len(stream)):
        reply = envelope.Reply(MARKER, 200, "it", separate_stderr=False)
        first = reply.feed(stream[:cut])
        assert first is False or cut == len(stream)
        assert reply.feed(stream[cut:])
        assert (reply.completed().code, len(reply.completed().stdout)) == (42, 200)


@pytest.mark.parametrize("before", [b"", f"{MARKER} begin\n".encode()])
def test_output_without_end_is_given_up(before):
    reply = envelope.Reply(MARKER, 1000, "it")
    reply.feed(before)
    with pytest.raises(DeviceFailed, match="wrote more than"):
        for _ in range(100):
            reply.feed(b"y\n" * 50_000)


def test_only_the_end_of_standard_error_is_kept():
    reply = envelope.Reply(MARKER, 10, "it")
    for _ in range(200):
        reply.feed_stderr(b"e" * 65536)
    assert len(reply.stderr) <= envelope.KEPT_STDERR_BYTES
