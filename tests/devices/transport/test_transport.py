"""What every transport keeps to: this machine over ssh, over adb, and through stand-ins."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from edgeconv.devices.agent.remote import RemoteMachine
from edgeconv.devices.profile.model import Profile
from edgeconv.devices.transport.adb import AdbTransport
from edgeconv.devices.transport.base import Transport
from edgeconv.devices.transport.local import LocalTransport
from edgeconv.devices.transport.ssh import SshTransport
from edgeconv.errors import DeviceFailed, EdgeconvError, UnavailableError, UsageError
from edgeconv.runtime.requests import FactsRequest
from tests.helpers.processes import gone

#: old-adb is a phone without the shell's second protocol.
WAYS = ("local", "ssh", "adb", "old-adb", "fake-ssh", "fake-adb")


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Transport]]:
    """Opens each way once for all tests of this file."""
    kept: dict[str, Transport] = {}
    with ExitStack() as stack:

        def open_way(way: str, request: pytest.FixtureRequest) -> Transport:
            if way not in kept:
                place = tmp_path_factory.mktemp(way)
                kept[way] = stack.enter_context(_open(way, place, request))
            return kept[way]

        yield open_way


def _open(way: str, place: Path, request: pytest.FixtureRequest) -> Transport:
    if way == "local":
        return LocalTransport()
    if way == "ssh":
        return SshTransport(request.getfixturevalue("board").profile())
    if way in ("adb", "old-adb"):
        server = request.getfixturevalue("adb")
        serial = server.phone(features=["cmd"] if way == "old-adb" else ["shell_v2", "cmd"])
        return AdbTransport(server.profile(serial=serial), root=str(place / "edgeconv"))
    request.getfixturevalue("fake_programs")
    if way == "fake-ssh":
        return SshTransport(Profile("board", "a test", "ssh", host="board"))
    return AdbTransport(Profile("phone", "a test", "adb"), root=str(place / "edgeconv"))


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def transport(
    way: str, request: pytest.FixtureRequest, opened: Callable[..., Transport]
) -> Transport:
    return opened(way, request)


@pytest.fixture
def token() -> Iterator[str]:
    seconds = f"{600 + secrets.randbelow(300)}.{secrets.randbelow(10**9):09d}"
    yield seconds
    assert gone(seconds)


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_its_directory_exists_and_is_absolute(transport):
    assert Path(transport.root).is_absolute()
    assert transport.run(["test", "-d", transport.root]).code == 0


def test_streams_and_exit_code(transport):
    done = transport.run(["sh", "-c", "cat; echo err >&2; exit 5"], stdin=b"\0in\r\n\xff")
    assert (done.code, done.stdout, done.stderr) == (5, b"\0in\r\n\xff", b"err\n")


def test_no_shell_reads_the_arguments(transport):
    words = ["a b", "it's", "$HOME", "`id`", "*", "", "\\n", "ä;\n&"]
    done = transport.run(["env", "printf", "%s\\0", *words])
    assert done.stdout.split(b"\0")[:-1] == [word.encode() for word in words]


def test_a_signal_is_not_a_lost_connection(transport):
    assert transport.run(["sh", "-c", "kill -9 $$"]).code == 128 + signal.SIGKILL
    assert transport.run(["sh", "-c", "exit 255"]).code == 255


def test_past_its_deadline_it_is_killed_there(transport, token):
    with pytest.raises(DeviceFailed, match="did not end within 1 s"):
        transport.run(["sleep", token], deadline_s=1)
    assert gone(token)


def test_more_output_than_allowed_is_refused(transport):
    with pytest.raises(DeviceFailed, match="more than the 1000 bytes"):
        transport.run(["yes"], most_output=1000)


def test_exactly_as_much_output_as_allowed_is_taken(transport):
    assert len(transport.run(["head", "-c", "1000", "/dev/zero"], most_output=1000).stdout) == 1000


def test_a_conversation_goes_over_the_commands_pipes(transport, way, token):
    if way == "old-adb":
        with pytest.raises(DeviceFailed, match="Android 7"):
            transport.command(["true"])
        return
    script = f"read line; echo got $line; echo err >&2; sleep {token} & exit 3"
    done = subprocess.run(
        transport.command(["sh", "-c", script]),
        input=b"hello\n",
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, b"got hello\n")
    assert transport.command_end(done.returncode, done.stderr) == (3, b"err\n")


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_an_agents_exit_code_is_never_taken_for_a_lost_connection(transport, way, code):
    """255 is ssh's own failure too, and 1 adb's."""
    if way == "old-adb":
        pytest.skip("an old phone's adb carries no conversation")
    agent = ["sh", "-c", f"read line; echo its last words >&2; exit {code}"]
    machine = RemoteMachine("there", transport, agent)
    with pytest.raises(DeviceFailed) as caught:
        machine.ask(FactsRequest(), deadline_s=60)
    assert type(caught.value) is DeviceFailed
    assert f"ended with exit status {code} and gave no result" in str(caught.value)
    assert "its last words" in str(caught.value)


def test_files_arrive_whole_and_come_back(transport, tmp_path):
    data = os.urandom(700_001)
    remote = f"{transport.root}/in a new directory/it's $x"
    transport.push(written(tmp_path / "sent", data), remote)
    assert Path(remote).read_bytes() == data
    transport.pull(remote, tmp_path / "back", most_bytes=len(data))
    assert (tmp_path / "back").read_bytes() == data
    assert os.listdir(Path(remote).parent) == ["it's $x"]  # noqa: PTH208


def test_an_empty_file_is_a_file(transport, tmp_path):
    remote = f"{transport.root}/empty"
    transport.push(written(tmp_path / "sent", b""), remote)
    assert Path(remote).read_bytes() == b""
    transport.pull(remote, tmp_path / "back", most_bytes=0)
    assert (tmp_path / "back").read_bytes() == b""


def test_what_is_there_already_is_not_sent_again(transport, tmp_path):
    remote = Path(f"{transport.root}/again")
    transport.push(written(tmp_path / "sent", b"one"), str(remote))
    first = remote.stat()
    transport.push(tmp_path / "sent", str(remote))
    assert remote.stat().st_ino == first.st_ino


def test_other_content_replaces_it_whatever_the_clocks_say(transport, tmp_path):
    remote = Path(f"{transport.root}/clock")
    for content, device_time in ((b"one", 4_000_000_000), (b"two", 0), (b"six", 0)):
        transport.push(written(tmp_path / "sent", content), str(remote))
        assert remote.read_bytes() == content
        os.utime(remote, (device_time, device_time))


def test_programs_stay_programs_and_nobody_else_reads_the_files(transport, tmp_path):
    program = written(tmp_path / "program", b"#!/bin/sh\necho ran\n")
    program.chmod(0o755)
    remote = f"{transport.root}/program"
    transport.push(program, remote)
    assert stat.S_IMODE(Path(remote).stat().st_mode) == 0o700
    assert transport.run([remote]).stdout == b"ran\n"


def test_a_file_larger_than_expected_is_not_fetched(transport, tmp_path):
    remote = written(Path(f"{transport.root}/large"), bytes(5000))
    with pytest.raises(DeviceFailed, match="5000 bytes, more than the 4999"):
        transport.pull(str(remote), tmp_path / "back", most_bytes=4999)
    assert not list(tmp_path.glob("*back*"))


def test_a_missing_file_is_said_to_be_missing(transport, tmp_path):
    with pytest.raises(DeviceFailed, match="no file /nowhere/at-all"):
        transport.pull("/nowhere/at-all", tmp_path / "back", most_bytes=10)
    with pytest.raises(UsageError, match="absent cannot be read"):
        transport.push(tmp_path / "absent", f"{transport.root}/x")


@pytest.mark.parametrize("remote", ["relative", "/ends/", "/two\nlines", "/nul\0"])
def test_only_absolute_paths_of_files_are_taken(transport, tmp_path, remote):
    with pytest.raises(UsageError):
        transport.push(written(tmp_path / "sent", b"x"), remote)


def test_a_directory_in_the_files_place_is_an_error_that_names_it(transport, tmp_path):
    place = Path(transport.root) / "taken"
    place.mkdir(exist_ok=True)
    with pytest.raises(UnavailableError, match="taken"):
        transport.push(written(tmp_path / "sent", b"x"), str(place))
    assert list(place.iterdir()) == []
    assert not [p for p in Path(transport.root).iterdir() if "part" in p.name]


def test_a_directory_that_cannot_be_made_is_an_error_that_names_it(transport, tmp_path):
    file = written(Path(transport.root) / "a-file", b"")
    with pytest.raises(UnavailableError, match="a-file"):
        transport.push(written(tmp_path / "sent", b"x"), f"{file}/below/x")


@pytest.fixture(scope="module")
def full_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system of 64 KiB."""
    place = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=777", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a small file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_named_and_nothing_half_is_left(transport, tmp_path, full_disk):
    sent = written(tmp_path / "sent", bytes(300_000))
    with pytest.raises(EdgeconvError, match=r"full|No space") as caught:
        transport.push(sent, f"{full_disk}/model.tflite")
    assert caught.value.exit_code == 3
    assert list(full_disk.iterdir()) == []
