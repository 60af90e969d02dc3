"""The emulated phone's adbd, as the real adb client sees it, and as a client that lies sees it."""

from __future__ import annotations

import os
import resource
import secrets
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator

import pytest

from edgeconv.emulated.adbd import shell
from edgeconv.emulated.adbd.messages import MOST_DATA, VERSION, Command, Message
from tests.helpers import processes
from tests.helpers.machines.adb_phone import AdbServer
from tests.helpers.processes import gone, started

MASK = 0xFFFFFFFF


@pytest.fixture
def phones(adb: AdbServer) -> Iterator[AdbServer]:
    """The server with no phone."""
    yield adb
    adb.end_phones()
    adb.adb("disconnect")


def ask(
    server: AdbServer, serial: str, *words: str, stdin: bytes = b""
) -> tuple[int, bytes, bytes]:
    """Exit code, standard output and standard error of `adb -s SERIAL WORDS`."""
    done = subprocess.run(
        ["adb", "-P", str(server.port), "-s", serial, *words],
        input=stdin,
        capture_output=True,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def phone(phones: AdbServer) -> str:
    serial = phones.phone()
    phones.connect(serial)
    return serial


def test_exit_codes_and_streams_are_kept_apart(phones, phone):
    assert ask(phones, phone, "shell", "echo out; echo err >&2; exit 7") == (7, b"out\n", b"err\n")
    assert ask(phones, phone, "shell", "kill -9 $$")[0] == 137


def test_standard_input_arrives_whole_and_ends(phones, phone):
    sent = os.urandom(3_000_000)
    code, back, _ = ask(phones, phone, "shell", "-T", "cat", stdin=sent)
    assert (code, back) == (0, sent)


def test_output_without_a_shell_around_it_is_byte_for_byte(phones, phone, tmp_path):
    (tmp_path / "file").write_bytes(sent := os.urandom(700_001))
    assert ask(phones, phone, "exec-out", f"cat {tmp_path}/file")[1] == sent


def test_files_come_and_go_unchanged(phones, phone, tmp_path):
    mine, there, back = tmp_path / "mine", tmp_path / "new" / "there", tmp_path / "back"
    mine.write_bytes(os.urandom(1_500_003))
    mine.chmod(0o754)
    assert ask(phones, phone, "push", str(mine), str(there))[0] == 0
    assert there.read_bytes() == mine.read_bytes()
    assert there.stat().st_mode & 0o777 == 0o754
    assert int(there.stat().st_mtime) == int(mine.stat().st_mtime)
    assert ask(phones, phone, "pull", str(there), str(back))[0] == 0
    assert back.read_bytes() == mine.read_bytes()


def test_directories_are_listed_and_pushed_whole(phones, phone, tmp_path):
    tree = tmp_path / "tree"
    (tree / "inner").mkdir(parents=True)
    (tree / "inner" / "a").write_text("a")
    (tree / "b").write_text("b")
    assert ask(phones, phone, "push", str(tree), str(tmp_path / "copy"))[0] == 0
    assert (tmp_path / "copy" / "inner" / "a").read_text() == "a"
    listed = ask(phones, phone, "ls", str(tmp_path / "copy"))[1].decode()
    assert {line.split(" ", 3)[3] for line in listed.splitlines()} == {".", "..", "inner", "b"}


def test_a_place_that_cannot_be_written_and_a_file_that_is_not_there_fail(phones, phone, tmp_path):
    (tmp_path / "file").write_bytes(os.urandom(300_000))
    code, out, err = ask(phones, phone, "push", str(tmp_path / "file"), "/proc/nothing/here")
    assert code == 1
    assert b"couldn't create file" in out + err
    assert ask(phones, phone, "pull", "/no/such/file", str(tmp_path / "back"))[0] == 1
    assert not (tmp_path / "back").exists()


def test_a_file_that_stops_growing_fails_the_push(phones, phone, tmp_path):
    """The system call fails as on a full disk; a limit on the size of files needs no disk."""
    resource.prlimit(phones.phones[-1].pid, resource.RLIMIT_FSIZE, (50_000, 50_000))
    (tmp_path / "file").write_bytes(bytes(300_000))
    code, out, err = ask(phones, phone, "push", str(tmp_path / "file"), str(tmp_path / "there"))
    assert code == 1
    assert b"write failed" in out + err


@pytest.mark.parametrize("terminal", ["-T", "-tt"])
@pytest.mark.parametrize("deaf", [False, True], ids=["hears", "deaf"])
@pytest.mark.parametrize("trap", ["", "trap '' HUP; "], ids=["plain", "ignores the hang-up"])
def test_what_a_client_left_running_is_ended(phones, terminal, deaf, trap):
    """Also under `nohup`, whose children inherit that they do not hear of a hang-up."""
    serial = phones.phone(deaf=deaf)
    phones.connect(serial)
    seconds = f"{700 + secrets.randbelow(200)}.{secrets.randbelow(10**9):09d}"
    words = ["shell", terminal, f"{trap}sleep {seconds}"]
    client = subprocess.Popen(
        ["adb", "-P", str(phones.port), "-s", serial, *words], stdin=subprocess.PIPE
    )
    assert started(f"sleep\0{seconds}")
    client.kill()
    client.communicate()
    assert gone(f"sleep\0{seconds}")


def test_what_a_command_left_in_the_background_goes_on_as_on_a_phone(phones, phone):
    """Or a transport that cleans up after itself could not be told from one that does not."""
    seconds = f"{700 + secrets.randbelow(200)}.{secrets.randbelow(10**9):09d}"
    left = f"nohup sleep {seconds} </dev/null >/dev/null 2>&1 &"
    assert ask(phones, phone, "shell", left)[0] == 0
    assert started(f"sleep\0{seconds}")
    (process,) = processes.running(f"sleep\0{seconds}")
    time.sleep(2 * shell._GRACE_SECONDS)
    assert processes.running(f"sleep\0{seconds}") == [process]
    os.kill(process, signal.SIGKILL)


def test_a_terminal_is_there_for_people(phones, phone):
    code, out, _ = ask(phones, phone, "shell", "-tt", "test -t 0 && test -t 1 && echo terminal")
    assert (code, out.strip()) == (0, b"terminal")


def test_an_old_phone_has_no_exit_codes(phones):
    serial = phones.phone(features=["cmd"])
    phones.connect(serial)
    assert ask(phones, serial, "shell", "echo out; exit 7")[:2] == (0, b"out\n")


def test_a_phone_that_was_not_unlocked_stays_unauthorized(phones):
    serial = phones.phone(authorize="never")
    phones.connect(serial)
    assert "unauthorized" in phones.adb("devices")


def exchange(serial: str, *sent: bytes) -> bytes:
    """All that comes back until the phone closes the connection, or says nothing for a second."""
    host, _, port = serial.partition(":")
    heard = b""
    with socket.create_connection((host, int(port)), timeout=10) as line:
        for data in sent:
            line.sendall(data)
        line.settimeout(1)
        try:
            while data := line.recv(65536):
                heard += data
        except (TimeoutError, ConnectionResetError):
            heard += b"<nothing more>"
    return heard


@pytest.mark.parametrize(
    "nonsense",
    [
        os.urandom(4096),
        struct.pack("<6I", Command.CNXN, VERSION, MOST_DATA, 0xFFFFFFFF, 0, Command.CNXN ^ MASK),
        struct.pack("<6I", 7, 0, 0, 0, 0, 7 ^ MASK),
    ],
    ids=["noise", "four gigabytes", "unknown message"],
)
def test_nonsense_ends_the_connection_and_nothing_else(phones, phone, nonsense):
    assert exchange(phone, nonsense) in (b"", b"<nothing more>")
    assert ask(phones, phone, "shell", "echo on")[1] == b"on\n"


def test_who_has_not_introduced_itself_is_not_served(phones, phone, tmp_path):
    touched = tmp_path / "touched"
    opened = Message(Command.OPEN, 1, 0, f"shell:touch {touched}\0".encode()).encode()
    assert exchange(phone, opened) == b"<nothing more>"
    assert not touched.exists()
