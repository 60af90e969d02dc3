"""A device that stands still is noticed by asking the way there, and a slow one is waited for."""

from __future__ import annotations

import os
import secrets
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgeconv.devices.agent.remote import RemoteMachine
from edgeconv.devices.transport import ssh
from edgeconv.devices.transport.adb import AdbTransport
from edgeconv.devices.transport.shell import ShellTransport
from edgeconv.devices.transport.ssh import SshTransport
from edgeconv.devices.transport.watch import ANSWER_WITHIN_S, SILENCE_S
from edgeconv.errors import ConnectionLost, DeviceSilent, DeviceUnreachable
from edgeconv.runtime.requests import FactsRequest, RunRequest
from tests.helpers.machines.adb_phone import AdbServer
from tests.helpers.machines.ssh_server import SshServer, children, ssh_server
from tests.helpers.processes import gone, running, started

#: Far beyond what noticing takes; a test that waits for it fails by its other message.
DEADLINE_S = 90.0
AGENT = ["sh", "-c", 'exec sleep "$0"']


@pytest.fixture
def token() -> Iterator[str]:
    """A number of seconds that no other process sleeps for; none is left at the end."""
    seconds = f"{600 + secrets.randbelow(300)}.{secrets.randbelow(10**9):09d}"
    yield seconds
    assert gone(seconds)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asks after less silence, and waits less for the answer; sshd is asked more often."""
    monkeypatch.setattr(ShellTransport, "_silence_s", 0.3)
    monkeypatch.setattr(ShellTransport, "_answer_s", 4.0)
    often = {"ServerAliveInterval": "1", "ServerAliveCountMax": "1"}
    monkeypatch.setattr(ssh, "_OPTIONS", ssh._OPTIONS | often)


@pytest.fixture
def frozen() -> Iterator[Callable[[int], None]]:
    """Stops processes until the test is over."""
    stopped = []

    def stop(pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)
        stopped.append(pid)

    yield stop
    for pid in stopped:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            continue


@pytest.fixture
def own_board(tmp_path: Path) -> Iterator[SshServer]:
    server = ssh_server(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def phones(adb: AdbServer) -> Iterator[AdbServer]:
    """The server with no phone."""
    yield adb
    adb.end_phones()
    adb.adb("disconnect")


def connected(phones: AdbServer, place: Path) -> AdbTransport:
    """A phone, whose first answer may take long on a loaded machine."""
    profile = phones.profile(serial=phones.phone())
    return AdbTransport(
        profile, connect_deadline_s=DEADLINE_S, patience_s=DEADLINE_S, root=str(place / "root")
    )


def when_it_runs(token: str, then: Callable[[], None]) -> threading.Thread:
    def wait() -> None:
        assert started(f"sleep\0{token}")
        then()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def ask(transport: ShellTransport, token: str) -> None:
    machine = RemoteMachine("there", transport, [*AGENT, token])
    machine.ask(FactsRequest(), deadline_s=DEADLINE_S)


def test_all_is_noticed_within_half_a_minute() -> None:
    assert SILENCE_S + ANSWER_WITHIN_S + ssh._CLOSE_GRACE_S < 30
    alive_s = ssh._ALIVE_INTERVAL_S * (ssh._ALIVE_COUNT + 1)
    assert alive_s + 1 + ssh.CONNECT_DEADLINE_S < 30  # lost, a pause, and not to be reached again


def test_a_stopped_ssh_connection_is_noticed_and_made_anew(board, token, soon, frozen) -> None:
    with SshTransport(board.profile()) as transport:
        assert transport._connection is not None
        master = transport._connection.master.pid
        stopping = when_it_runs(token, lambda: frozen(master))
        with pytest.raises(DeviceSilent, match=r"measuring process was waited for.*ssh -O check"):
            ask(transport, token)
        stopping.join()
        assert transport.run(["echo", "again"]).stdout == b"again\n"


def test_a_stopped_ssh_program_is_noticed(board, token, soon, frozen) -> None:
    def stop_carriers() -> None:
        for pid in running(token):
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if command.split(b"\0")[0].endswith(b"/ssh"):
                frozen(pid)

    with SshTransport(board.profile()) as transport:
        stopping = when_it_runs(token, stop_carriers)
        with pytest.raises(DeviceSilent, match=r"`sleep .*was stopped on this machine"):
            transport.run(["sleep", token], deadline_s=DEADLINE_S)
        stopping.join()


def test_a_frozen_board_is_lost_and_then_not_waited_for(own_board, token, soon, frozen) -> None:
    def freeze() -> None:
        assert own_board.process is not None
        for pid in [own_board.process.pid, *children(own_board.process.pid)]:
            frozen(pid)

    with SshTransport(own_board.profile(), connect_deadline_s=3.0) as transport:
        stopping = when_it_runs(token, freeze)
        # The way is lost, or on a loaded machine it is asked about first and does not answer.
        with pytest.raises((ConnectionLost, DeviceSilent), match="measuring process"):
            ask(transport, token)
        stopping.join()
        with pytest.raises(DeviceSilent):
            transport.run(["true"])
    own_board.stop()


def test_a_board_frozen_in_a_batch_is_not_tried_again(
    own_board, token, soon, frozen, tmp_path
) -> None:
    def freeze() -> None:
        assert own_board.process is not None
        for pid in [own_board.process.pid, *children(own_board.process.pid)]:
            frozen(pid)

    (tmp_path / "in").write_bytes(b"records")
    request = RunRequest("model", str(tmp_path / "in"), str(tmp_path / "out"), 1, 1)
    with SshTransport(own_board.profile(), connect_deadline_s=3.0) as transport:
        machine = RemoteMachine("there", transport, [*AGENT, token])
        stopping = when_it_runs(token, freeze)
        with pytest.raises(DeviceSilent, match=r"it was lost, and answers nothing"):
            machine.run(request, output_bytes=1, deadline_s=DEADLINE_S)
        stopping.join()
    own_board.stop()


@pytest.mark.parametrize("way", ["conversation", "command"])
def test_a_frozen_phone_is_noticed(way, phones, tmp_path, token, soon, frozen) -> None:
    with connected(phones, tmp_path) as transport:
        stopping = when_it_runs(token, lambda: frozen(phones.phones[0].pid))
        with pytest.raises(DeviceSilent, match=r"was waited for, but .*adb reverse --list"):
            if way == "command":
                transport.run(["sleep", token], deadline_s=DEADLINE_S)
            else:
                ask(transport, token)
        stopping.join()
        with pytest.raises(DeviceUnreachable, match="adb lists it, but it does not answer"):
            transport._connect_deadline_s = 2.0
            transport.run(["true"])


def test_a_phone_frozen_while_a_file_is_sent_is_noticed(
    phones, tmp_path, soon, frozen, monkeypatch
) -> None:
    sent = tmp_path / "sent"
    sent.write_bytes(bytes(8_000_000))
    with connected(phones, tmp_path) as transport:
        send = transport._send

        def freeze_and_send(*arguments) -> None:
            frozen(phones.phones[0].pid)
            send(*arguments)

        monkeypatch.setattr(transport, "_send", freeze_and_send)
        transport._connect_deadline_s = 2.0
        with pytest.raises(DeviceSilent, match=r"`adb push` of .*sent was waited for"):
            transport.push(sent, str(tmp_path / "root" / "model"))


def test_a_stopped_adb_server_is_noticed(phones, tmp_path, token, soon, frozen) -> None:
    with connected(phones, tmp_path) as transport:
        (server,) = running(f"tcp:{phones.port}\0fork-server")
        stopping = when_it_runs(token, lambda: frozen(server))
        with pytest.raises(DeviceSilent, match=r"`sleep .*was waited for"):
            transport.run(["sleep", token], deadline_s=DEADLINE_S)
        stopping.join()
        os.kill(server, signal.SIGCONT)


@pytest.mark.parametrize("way", ["ssh", "adb"])
def test_silence_alone_ends_nothing(way, request, tmp_path, monkeypatch) -> None:
    asked = []
    if way == "ssh":
        opened: ShellTransport = SshTransport(request.getfixturevalue("board").profile())
    else:
        opened = connected(request.getfixturevalue("phones"), tmp_path)
    with opened as transport:
        unanswered = transport._unanswered
        monkeypatch.setattr(transport, "_silence_s", 0.2)
        monkeypatch.setattr(transport, "_unanswered", lambda: asked.append(1) or unanswered())
        assert transport.run(["sleep", "1.5"], deadline_s=DEADLINE_S).code == 0
    assert len(asked) > 1
