"""Whatever goes wrong over adb is told apart, said clearly, in time, and leaves nothing running."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgeconv.devices.agent.remote import RemoteMachine
from edgeconv.devices.profile.model import Profile
from edgeconv.devices.transport import adb_advice
from edgeconv.devices.transport.adb import AdbTransport
from edgeconv.devices.transport.adb_client import AdbClient, Listed
from edgeconv.devices.transport.open import open_device
from edgeconv.errors import ConnectionLost, DeviceFailed, DeviceUnreachable
from edgeconv.runtime.requests import FactsRequest
from tests.helpers.machines.adb_phone import AdbServer
from tests.helpers.machines.ssh_server import free_port
from tests.helpers.processes import WITHIN_S, gone, started

HANGS_S = 60.0


@pytest.fixture
def token() -> Iterator[str]:
    seconds = f"{600 + secrets.randbelow(300)}.{secrets.randbelow(10**9):09d}"
    yield seconds
    assert gone(seconds)


@pytest.fixture
def phones(adb: AdbServer) -> Iterator[AdbServer]:
    """The server with no phone."""
    yield adb
    adb.end_phones()
    adb.adb("disconnect")


def refusal(profile: Profile, **options: float) -> str:
    with pytest.raises(DeviceUnreachable) as caught:
        AdbTransport(profile, **({"patience_s": 0.0} | options))  # type: ignore[arg-type]
    assert caught.value.exit_code == 3
    return str(caught.value)


def test_no_adb_program_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt install adb" in refusal(Profile("phone", "a test", "adb"))


def test_no_device_says_how_to_connect_one(phones):
    message = refusal(phones.profile())
    assert "no device is connected" in message
    assert "USB debugging" in message
    assert "--serial" in message


def test_the_only_device_needs_no_serial(phones, tmp_path):
    serial = phones.phone()
    phones.connect(serial)
    with AdbTransport(phones.profile(), root=str(tmp_path / "root")) as transport:
        assert transport.address == serial
        assert transport.run(["echo", "hello"]).stdout == b"hello\n"


def test_two_devices_need_a_serial(phones, tmp_path):
    serials = [phones.phone(), phones.phone()]
    for serial in serials:
        phones.connect(serial)
    message = refusal(phones.profile())
    assert "knows 2 devices" in message
    assert all(serial in message for serial in serials)
    assert "--serial" in message
    with AdbTransport(phones.profile(serial=serials[1]), root=str(tmp_path / "root")) as transport:
        assert transport.address == serials[1]


def test_the_environments_serial_counts_where_the_profile_has_none(phones, tmp_path, monkeypatch):
    serials = [phones.phone(), phones.phone()]
    for serial in serials:
        phones.connect(serial)
    monkeypatch.setenv("ANDROID_SERIAL", serials[0])
    with AdbTransport(phones.profile(), root=str(tmp_path / "root")) as transport:
        assert transport.address == serials[0]


def test_another_serial_is_not_taken(phones):
    serial = phones.phone()
    phones.connect(serial)
    message = refusal(phones.profile(serial="EMU12345"))
    assert "EMU12345: no device of that serial" in message
    assert serial in message


def test_an_unauthorized_device_says_what_to_tap(phones):
    serial = phones.phone(authorize="never")
    phones.adb("connect", serial)
    message = refusal(phones.profile(serial=serial))
    assert "has not allowed this computer" in message
    assert "USB debugging" in message


def test_a_device_that_is_authorized_in_time_is_taken(phones, tmp_path):
    serial = phones.phone(authorize="accept")
    with AdbTransport(phones.profile(serial=serial), root=str(tmp_path / "root")) as transport:
        assert transport.run(["true"]).code == 0


def test_a_device_that_does_not_answer_is_offline(phones):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        serial = f"127.0.0.1:{silent.getsockname()[1]}"
        message = refusal(phones.profile(serial=serial), connect_deadline_s=3.0)
    assert serial in message or "adb connect" in message


def test_nothing_at_that_address_is_said(phones):
    serial = f"127.0.0.1:{free_port()}"
    message = refusal(phones.profile(serial=serial))
    assert serial in message
    assert "refused" in message


def test_another_architecture_is_another_device(phones, tmp_path):
    serial = phones.phone()
    profile = phones.profile(serial=serial, architecture="riscv64")
    with pytest.raises(DeviceUnreachable, match="riscv64"):
        AdbTransport(profile, root=str(tmp_path / "root"))


def test_a_directory_that_cannot_be_made_is_named(phones, tmp_path):
    (tmp_path / "file").touch()
    serial = phones.phone()
    with pytest.raises(DeviceFailed, match="cannot be made"):
        AdbTransport(phones.profile(serial=serial), root=str(tmp_path / "file" / "below"))


def test_a_phone_that_goes_away_is_a_lost_connection(phones, tmp_path, token):
    serial = phones.phone()
    with AdbTransport(phones.profile(serial=serial), root=str(tmp_path / "root")) as transport:
        assert transport.is_intact()

        def unplug() -> None:
            assert started(f"sleep\0{token}")
            phones.end_phones()

        leaving = threading.Thread(target=unplug)
        leaving.start()
        with pytest.raises(ConnectionLost, match=r"lost (while|before) a command"):
            transport.run(["sleep", token], deadline_s=HANGS_S)
        leaving.join()
        assert not transport.is_intact()
        with pytest.raises(DeviceUnreachable):
            transport.run(["true"])


def test_a_connection_cut_in_a_conversation_is_called_so(phones, tmp_path, token, monkeypatch):
    """Also where the connection is not known to be gone at that moment."""
    serial = phones.phone()

    def unplug() -> None:
        assert started(f"sleep\0{token}")
        phones.end_phones()

    with AdbTransport(
        phones.profile(serial=serial), root=str(tmp_path / "root"), connect_deadline_s=WITHIN_S
    ) as transport:
        monkeypatch.setattr(transport, "is_intact", lambda: True)
        machine = RemoteMachine("there", transport, ["sh", "-c", f"sleep {token}; exit 3"])
        cut = threading.Thread(target=unplug)
        cut.start()
        with pytest.raises(ConnectionLost, match="connection was lost while the measuring"):
            machine.ask(FactsRequest(), deadline_s=HANGS_S)
        cut.join()


def test_a_phone_that_comes_back_is_taken_again_and_the_loss_is_seen(phones, tmp_path):
    serial = phones.phone()
    with AdbTransport(phones.profile(serial=serial), root=str(tmp_path / "root")) as transport:
        phones.end_phones()
        give_up = time.monotonic() + WITHIN_S
        while f"{serial}\tdevice" in phones.adb("devices"):  # until the server has noticed
            assert time.monotonic() < give_up
        phones.phone(port=int(serial.rpartition(":")[2]))
        phones.connect(serial)
        assert not transport.is_intact()
        assert transport.run(["echo", "back"]).stdout == b"back\n"


def test_a_push_that_is_cut_off_is_begun_again(phones, tmp_path):
    serial = phones.phone()
    place = tmp_path / "root"
    sent = tmp_path / "sent"
    with sent.open("wb") as file:
        file.truncate(120_000_000)
    profile = phones.profile(serial=serial)
    with AdbTransport(
        profile, root=str(place), patience_s=HANGS_S, connect_deadline_s=HANGS_S
    ) as transport:

        def unplug_and_plug() -> None:
            give_up = time.monotonic() + 30
            while not any(part.stat().st_size for part in place.glob(".edgeconv-part-*")):
                assert time.monotonic() < give_up
                time.sleep(0.001)
            phones.end_phones()
            phones.phone(port=int(serial.rpartition(":")[2]))

        cut = threading.Thread(target=unplug_and_plug)
        cut.start()
        transport.push(sent, str(place / "model"))
        cut.join()
    assert (place / "model").read_bytes() == sent.read_bytes()
    assert [path.name for path in place.iterdir()] == ["model"]


@pytest.fixture
def talking_nonsense(fake_programs: Path) -> Callable[[str], Profile]:
    """An `adb` that runs a script instead, whatever it is asked."""

    def write(script: str) -> Profile:
        (fake_programs / "adb").write_text(f"#!/bin/sh\n{script}\n")
        return Profile("phone", "a test", "adb")

    return write


@pytest.mark.parametrize(
    "script",
    [
        "exit 1",
        "head -c 100000 /dev/urandom",
        "yes | head -c 3000000",
        'echo "List of devices attached"; head -c 1000000 /dev/urandom',
    ],
)
def test_an_adb_that_talks_nonsense_is_refused(talking_nonsense, script):
    assert refusal(talking_nonsense(script)).isprintable()


def test_an_adb_that_hangs_is_given_up(talking_nonsense, token):
    message = refusal(talking_nonsense(f"exec sleep {token}"), connect_deadline_s=0.5)
    assert "gave no answer in time" in message


def test_an_adb_that_talks_without_end_is_given_up(talking_nonsense):
    message = refusal(talking_nonsense("exec yes"), connect_deadline_s=0.5)
    assert "gave no answer in time" in message


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("unauthorized usb:1-1 transport_id:2", "unlock it"),
        ("offline transport_id:3", "does not answer adb"),
        ("recovery transport_id:3", "start Android"),
        (
            "no permissions (user in plugdev group; are your udev rules wrong?); see "
            "[http://developer.android.com/tools/device.html] usb:1-2 transport_id:7",
            "android-sdk-platform-tools-common",
        ),
    ],
)
def test_each_state_of_a_device_has_its_own_advice(talking_nonsense, state, says):
    message = refusal(
        talking_nonsense(f'echo "List of devices attached"; echo "R58M123ABC {state}"')
    )
    assert says in message
    assert "R58M123ABC" in message


def test_lines_of_adb_devices_are_read(fake_programs, monkeypatch):
    listing = (
        "* daemon started successfully\\nList of devices attached\\n"
        "R58M  device usb:1-1 product:x model:Pixel_7 device:y transport_id:12\\n"
        "[fe80::1%%eth0]:5555 offline transport_id:3\\n\\n"
    )
    (fake_programs / "adb").write_text(f"#!/bin/sh\nprintf '{listing}'\n")
    client = AdbClient(str(fake_programs / "adb"), None)
    assert client.devices(time.monotonic() + 20) == [
        Listed("R58M", "device", "12"),
        Listed("[fe80::1%eth0]:5555", "offline", "3"),
    ]


@pytest.mark.parametrize(
    ("words", "lost"),
    [
        ("error: device '1234' not found", True),
        ("adb: error: failed to read copy response: EOF", True),
        ("adb: error: connect failed: device offline", True),
        ("adb: error: failed to copy 'a' to '/x': remote No space left on device", False),
        ("adb: error: failed to copy 'a' to '/x': remote Permission denied", False),
    ],
)
def test_a_lost_connection_is_told_from_a_file_that_is_not_taken(words, lost):
    assert adb_advice.is_lost(words) is lost


def test_open_device_says_the_three_ways_on(phones):
    with pytest.raises(DeviceUnreachable) as caught:
        open_device(phones.profile(name="android", serial=f"127.0.0.1:{free_port()}"))
    for way in ("--serial", "android.toml", "edgeconv devices check android", "android-emulated"):
        assert way in str(caught.value)


def test_an_emulated_device_that_does_not_run_says_how_to_start_it():
    profile = Profile("android-emulated", "a test", "adb", emulated=True)
    with pytest.raises(DeviceUnreachable, match="edgeconv devices start android-emulated"):
        open_device(profile)
