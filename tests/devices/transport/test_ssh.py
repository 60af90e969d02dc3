"""Whatever goes wrong over ssh is told apart, said clearly, in time, and leaves nothing running."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgeconv.devices.agent.remote import RemoteMachine
from edgeconv.devices.profile.model import Profile
from edgeconv.devices.transport import ssh, transfer
from edgeconv.devices.transport.open import open_device
from edgeconv.devices.transport.ssh import SshTransport
from edgeconv.errors import ConnectionLost, DeviceFailed, DeviceUnreachable
from edgeconv.runtime.requests import FactsRequest
from tests.helpers.machines.ssh_server import (
    SshServer,
    children,
    free_port,
    know,
    make_key,
    ssh_server,
)
from tests.helpers.processes import gone, started

#: Beyond any deadline of the tests below; nothing may take that long.
HANGS_S = 60.0


@pytest.fixture
def token() -> Iterator[str]:
    """A number of seconds that no other process sleeps for; none is left at the end."""
    seconds = f"{600 + secrets.randbelow(300)}.{secrets.randbelow(10**9):09d}"
    yield seconds
    assert gone(seconds)


@pytest.fixture
def own_board(tmp_path: Path) -> Iterator[Callable[..., SshServer]]:
    """Starts an sshd of the test's own, with settings."""
    servers = []

    def start(**settings: str) -> SshServer:
        place = tmp_path / f"sshd{len(servers)}"
        place.mkdir()
        servers.append(ssh_server(place, **settings))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def refusal(profile: Profile, **options: float) -> str:
    with pytest.raises(DeviceUnreachable) as caught:
        SshTransport(profile, **options)
    assert caught.value.exit_code == 3
    return str(caught.value)


def test_an_unknown_host_is_named(board):
    message = refusal(board.profile(host="no-such-board.invalid"))
    assert "no such host" in message
    assert "no-such-board.invalid" in message
    assert "--host" in message


def test_a_closed_port_is_named(board):
    port = free_port()
    message = refusal(board.profile(port=port))
    assert f"127.0.0.1:{port}" in message
    assert "--port" in message


def test_a_refused_key_is_named(board, tmp_path):
    make_key(tmp_path / "other")
    message = refusal(board.profile(identity=tmp_path / "other"))
    assert "refuses this user and key" in message
    assert "--identity" in message
    assert "ssh-copy-id" in message


def test_a_missing_key_file_is_named(board, tmp_path):
    message = refusal(board.profile(identity=tmp_path / "absent"))
    assert str(tmp_path / "absent") in message


def test_an_unknown_host_key_is_not_taken(board, tmp_path):
    known = tmp_path / "known hosts with 100% odd name"
    known.touch()
    message = refusal(board.profile(known_hosts=known))
    assert "host key is not known" in message
    assert "connect once by hand" in message
    assert known.read_bytes() == b""


def test_a_changed_host_key_is_not_taken(board, tmp_path):
    make_key(tmp_path / "impostor")
    known = tmp_path / "known_hosts"
    know(known, board.port, tmp_path / "impostor.pub")
    message = refusal(board.profile(known_hosts=known))
    assert "host key is another one than before" in message
    assert f"ssh-keygen -R '[127.0.0.1]:{board.port}'" in message


def test_a_host_that_never_answers_is_given_up(board):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        profile = board.profile(port=silent.getsockname()[1])
        message = refusal(profile, connect_deadline_s=1.0)
    assert "no answer" in message
    assert gone(f"-p\0{profile.port}\0")


def test_connecting_takes_less_than_ten_seconds():
    assert ssh.CONNECT_DEADLINE_S < 7


def test_a_server_that_talks_something_else_is_given_up(board):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        def answer() -> None:
            connection, _ = other.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 100)

        thread = threading.Thread(target=answer)
        thread.start()
        message = refusal(board.profile(port=other.getsockname()[1]), connect_deadline_s=5.0)
        thread.join()
    assert "no connection" in message


def test_no_ssh_program_says_what_to_install(board, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "openssh-client" in refusal(board.profile())


def test_another_architecture_is_another_device(board):
    message = refusal(board.profile(architecture="riscv64"))
    assert "riscv64" in message
    assert os.uname().machine in message


def test_a_32_bit_system_on_a_64_bit_kernel_is_found(own_board, tmp_path):
    for name, word in (("uname", "aarch64"), ("getconf", "32")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {word}\n")
        (tmp_path / name).chmod(0o755)
    fakes = f"PATH={tmp_path}:$PATH; export PATH"
    board = own_board(ForceCommand=f'{fakes}; eval "$SSH_ORIGINAL_COMMAND"')
    assert "32-bit" in refusal(board.profile(architecture="aarch64"))


def test_a_user_who_may_run_no_commands_is_told_apart(own_board):
    nologin = own_board(ForceCommand="echo This account is not available; exit 1")
    assert "may run no commands" in refusal(nologin.profile())


def test_a_login_banner_spoils_nothing(own_board, tmp_path):
    banner = "printf 'Welcome\\\\n\\\\001\\\\377 edgeconv-0 begin\\\\n'"
    noisy = own_board(
        ForceCommand=f'{banner}; {banner} >&2; eval "$SSH_ORIGINAL_COMMAND"',
        Banner=str(tmp_path / "issue"),
    )
    (tmp_path / "issue").write_text("For authorized users only\n")
    with SshTransport(noisy.profile()) as transport:
        done = transport.run(["sh", "-c", "echo out; echo err >&2"])
        assert (done.stdout, done.stderr) == (b"out\n", b"err\n")
        (tmp_path / "sent").write_bytes(b"content")
        transport.push(tmp_path / "sent", f"{transport.root}/x")
        transport.pull(f"{transport.root}/x", tmp_path / "back", most_bytes=100)
    assert (tmp_path / "back").read_bytes() == b"content"


def test_one_connection_carries_all_commands_and_ends_with_them(board):
    with SshTransport(board.profile()) as transport:
        first = transport.run(["sh", "-c", "echo $SSH_CONNECTION"]).stdout
        assert transport.run(["sh", "-c", "echo $SSH_CONNECTION"]).stdout == first != b"\n"
        control = next(
            Path(word.split('"')[1]).parent
            for word in transport.command(["true"])
            if word.startswith("ControlPath")
        )
        assert control.stat().st_mode & 0o777 == 0o700
    transport.close()
    assert not control.exists()
    assert gone(str(control))


def test_a_lost_connection_is_no_exit_code_and_the_next_command_connects_anew(board, token):
    with SshTransport(board.profile()) as transport:
        cut = threading.Thread(target=_cut_when_it_runs, args=(f"sleep\0{token}", board))
        cut.start()
        with pytest.raises(ConnectionLost, match=r"lost (while|before) a command"):
            transport.run(["sleep", token], deadline_s=HANGS_S)
        cut.join()
        assert not transport.is_intact()
        assert gone(token)
        assert transport.run(["echo", "again"]).stdout == b"again\n"
        assert transport.is_intact()


def test_a_connection_cut_in_a_conversation_is_called_so(board, token, monkeypatch):
    """Also where the connection is not known to be gone at that moment."""
    with SshTransport(board.profile()) as transport:
        monkeypatch.setattr(transport, "is_intact", lambda: True)
        machine = RemoteMachine("there", transport, ["sh", "-c", f"sleep {token}; exit 3"])
        cut = threading.Thread(target=_cut_when_it_runs, args=(f"sleep\0{token}", board))
        cut.start()
        with pytest.raises(ConnectionLost, match="connection was lost while the measuring"):
            machine.ask(FactsRequest(), deadline_s=HANGS_S)
        cut.join()


def test_a_connection_that_falls_silent_is_given_up_at_the_deadline(own_board):
    board = own_board()
    with SshTransport(board.profile()) as transport:
        assert board.process is not None
        serving = children(board.process.pid)
        for process in serving:
            os.kill(process, signal.SIGSTOP)
        with pytest.raises(DeviceFailed, match="did not end within 1 s"):
            transport.run(["true"], deadline_s=1)
    assert gone(str(board.identity))
    for process in serving:
        os.kill(process, signal.SIGCONT)


def _cut_when_it_runs(token: str, board: SshServer) -> None:
    assert started(token)
    board.drop_connections()


@pytest.fixture
def halfway(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has something happen when half of the next file is on its way, and of the one after."""

    def arrange(*events: Callable[[], None]) -> None:
        read = transfer.Content.read
        waiting = list(events)
        seen: list[transfer.Content] = []

        def counted(content: transfer.Content, size: int, /) -> bytes:
            if waiting and content not in seen and content.left < SIZE / 2:
                seen.append(content)
                waiting.pop(0)()
            return read(content, size)

        monkeypatch.setattr(transfer.Content, "read", counted)

    return arrange


SIZE = 8_000_000


def test_a_connection_cut_in_the_middle_of_a_push_is_made_anew(board, tmp_path, halfway):
    sent = tmp_path / "sent"
    sent.write_bytes(os.urandom(SIZE))
    with SshTransport(board.profile()) as transport:
        place = Path(transport.root) / "cut"
        halfway(board.drop_connections)
        transport.push(sent, str(place / "model"))
        assert (place / "model").read_bytes() == sent.read_bytes()
        assert [path.name for path in place.iterdir()] == ["model"]


def test_a_connection_cut_twice_in_a_push_is_an_error(board, tmp_path, halfway):
    sent = tmp_path / "sent"
    sent.write_bytes(os.urandom(SIZE))
    with SshTransport(board.profile()) as transport:
        place = Path(transport.root) / "twice"
        halfway(board.drop_connections, board.drop_connections)
        with pytest.raises(ConnectionLost):
            transport.push(sent, str(place / "model"))
        assert not (place / "model").exists()


def test_a_board_that_goes_away_in_a_push_leaves_no_half_file(own_board, tmp_path, halfway):
    board = own_board()
    sent = tmp_path / "sent"
    sent.write_bytes(os.urandom(SIZE))
    with SshTransport(board.profile()) as transport:
        place = Path(transport.root) / "gone"
        halfway(board.stop)
        with pytest.raises(DeviceUnreachable, match="--port"):
            transport.push(sent, str(place / "model"))
        assert not (place / "model").exists()


def test_nothing_runs_on_when_this_process_is_killed(board, token, tmp_path):
    script = textwrap.dedent(
        f"""
        from pathlib import Path
        from edgeconv.devices.profile.model import Profile
        from edgeconv.devices.transport.ssh import SshTransport
        profile = Profile(
            "board", "", "ssh", host="127.0.0.1", port={board.port},
            user={board.profile().user!r},
            identity=Path({str(board.identity)!r}), known_hosts=Path({str(board.known_hosts)!r}),
        )
        with SshTransport(profile) as transport:
            transport.run(["sleep", {token!r}], deadline_s=500)
        """
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-c", script], env=environment)
    assert started(f"sleep\0{token}", 30)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert gone(f"sleep\0{token}")
    assert gone(str(tmp_path / "edgeconv-"))  # neither the connection nor a client of it


def test_ctrl_c_ends_what_runs_there(board, token):
    with SshTransport(board.profile()) as transport:
        interrupt = threading.Thread(
            target=lambda: started(f"sleep\0{token}") and os.kill(os.getpid(), signal.SIGINT)
        )
        interrupt.start()
        with pytest.raises(KeyboardInterrupt):
            transport.run(["sleep", token], deadline_s=HANGS_S)
        interrupt.join()
        assert gone(f"sleep\0{token}")


def test_a_directory_that_cannot_be_made_is_named(own_board):
    board = own_board()
    (board.place / "cache").write_text("a file, no directory")
    with pytest.raises(DeviceFailed, match="cannot be made"):
        SshTransport(board.profile())


@pytest.fixture
def talking_nonsense(fake_programs: Path) -> Callable[[str], Profile]:
    """An `ssh` that runs a script instead, whatever it is asked."""

    def write(script: str) -> Profile:
        (fake_programs / "ssh").write_text(f"#!/bin/sh\n{script}\n")
        return Profile("board", "a test", "ssh", host="board")

    return write


def test_a_device_that_answers_garbage_is_refused(talking_nonsense):
    message = refusal(talking_nonsense("head -c 100000 /dev/urandom"))
    assert "board: " in message


def test_a_device_that_prints_without_end_is_refused(talking_nonsense):
    with pytest.raises(DeviceFailed, match="1 MiB before"):
        SshTransport(talking_nonsense("yes login"))


def test_a_device_that_complains_without_end_is_given_up(talking_nonsense):
    assert "no answer" in refusal(talking_nonsense("yes >&2"), connect_deadline_s=1.0)


def test_a_device_that_says_nothing_is_given_up(talking_nonsense, token):
    assert "no answer" in refusal(talking_nonsense(f"exec sleep {token}"), connect_deadline_s=0.5)
    assert gone(token)


def test_content_changed_on_the_way_there_is_not_kept(talking_nonsense, tmp_path):
    damaging = 'for last; do :; done; dd bs=1 conv=ucase 2>/dev/null | sh -c "$last"'
    (tmp_path / "sent").write_bytes(b"content")
    with SshTransport(talking_nonsense(damaging)) as transport:
        place = Path(transport.root) / "place"
        with pytest.raises(DeviceFailed, match="another checksum"):
            transport.push(tmp_path / "sent", str(place / "model"))
        assert list(place.iterdir()) == []


def test_content_changed_on_the_way_here_is_not_kept(talking_nonsense, tmp_path):
    damaging = 'for last; do :; done; sh -c "$last" | sed -u s/pay-load/PAY-LOAD/'
    with SshTransport(talking_nonsense(damaging)) as transport:
        remote = Path(transport.root) / "model"
        remote.write_bytes(b"pay-load")
        with pytest.raises(DeviceFailed, match="changed on the way"):
            transport.pull(str(remote), tmp_path / "back", most_bytes=100)
    assert not (tmp_path / "back").exists()


def test_a_file_that_shrinks_while_it_is_sent_is_an_error(board, tmp_path, monkeypatch):
    sent = tmp_path / "sent"
    sent.write_bytes(b"content")
    file = transfer.local_file(sent, "/tmp/never")
    sent.write_bytes(b"con")
    with SshTransport(board.profile()) as transport:
        remote = Path(transport.root) / "shrunk"
        monkeypatch.setattr(
            transfer, "local_file", lambda *_: replace(file, remote=str(remote), part=f"{remote}.p")
        )
        with pytest.raises(DeviceFailed, match="changed"):
            transport.push(sent, str(remote))
        assert not remote.exists()


def test_a_device_whose_directory_is_no_path_is_refused(talking_nonsense):
    answer = (
        'for last; do :; done; m=${last##* }; echo "$m begin"; echo "$m begin" >&2; '
        'printf "\\\\033[31mhello\\\\n\\\\n"; echo "$m end 0"; echo "$m end 0" >&2; sleep 1'
    )
    with pytest.raises(DeviceFailed, match="cannot be made"):
        SshTransport(talking_nonsense(answer))


def test_terminal_sequences_in_a_complaint_are_not_passed_on(talking_nonsense):
    message = refusal(talking_nonsense("printf '\\033[2Jevil\\n' >&2; exit 255"))
    assert "evil" in message
    assert message.isprintable()


def test_open_device_says_the_three_ways_on():
    profile = Profile("rpi4", "a test", "ssh", host="no-such-board.invalid")
    with pytest.raises(DeviceUnreachable) as caught:
        open_device(profile)
    for way in ("--host", "rpi4.toml", "edgeconv devices check rpi4", "rpi4-emulated"):
        assert way in str(caught.value)
