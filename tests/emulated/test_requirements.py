"""What is missing for an emulated device is said all at once, with the commands that bring it."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from edgeconv.emulated import requirements
from edgeconv.emulated.boards import BOARDS
from edgeconv.errors import UnavailableError

BOARD = BOARDS["rpi4-emulated"]
PHONE = BOARDS["android-emulated"]
READY = "enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: PF\noffset 0\n"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine that has everything: its programs and its binfmt directory."""
    programs = {*requirements._COMMON, *requirements._OF_KIND["board"], "adb"}
    monkeypatch.setattr(
        requirements, "_which", lambda name: f"/usr/bin/{name}" if name in programs else None
    )
    monkeypatch.setattr(requirements, "_BINFMT", tmp_path)
    monkeypatch.setattr(requirements, "_KEYRING", tmp_path / "register")
    monkeypatch.setattr(requirements, "_may_unshare", lambda: True)
    monkeypatch.setattr(requirements.os, "geteuid", lambda: 0)
    monkeypatch.setattr(requirements.sys, "platform", "linux")
    monkeypatch.setattr(requirements.platform, "machine", lambda: "x86_64")
    (tmp_path / "register").write_text("")
    (tmp_path / "qemu-aarch64").write_text(READY)
    return programs, tmp_path


def advice(board) -> str:
    with pytest.raises(UnavailableError) as caught:
        requirements.check(board)
    assert caught.value.exit_code == 3
    return str(caught.value)


def test_a_machine_that_has_everything_is_taken(machine):
    requirements.check(BOARD)
    requirements.check(PHONE)


def test_missing_programs_become_one_install_command(machine):
    machine[0].difference_update({"qemu-aarch64", "mmdebstrap", "adb", "sshd"})
    told = advice(BOARD)
    wanted = "apt-get install --no-install-recommends mmdebstrap openssh-server qemu-user"
    assert f"    apt-get update\n    {wanted}" in told.split("As root, run:")[1]
    assert told.splitlines()[-1].strip() == wanted
    assert "adb" in advice(PHONE).splitlines()[-1]


def test_binfmt_that_is_not_mounted_is_mounted_before_it_is_used(machine):
    (machine[1] / "register").unlink()
    (machine[1] / "qemu-aarch64").unlink()
    requirements._KEYRING.parent.joinpath("keys").write_text("")
    told = advice(BOARD)
    mount, enable = (
        told.index("    mount -t binfmt_misc"),
        told.index("    update-binfmts --enable"),
    )
    assert mount < enable


@pytest.mark.parametrize(
    "handler", ["", READY.replace("enabled", "disabled"), READY.replace("PF", "P"), "flags: PF\n"]
)
def test_a_handler_that_no_chroot_could_use_is_not_taken(machine, handler):
    (machine[1] / "qemu-aarch64").write_text(handler)
    told = advice(BOARD)
    assert told.splitlines()[-1].strip() == "update-binfmts --enable qemu-aarch64"


def test_who_is_not_root_is_told_the_command(machine, monkeypatch):
    monkeypatch.setattr(requirements.os, "geteuid", lambda: 1000)
    assert "sudo edgeconv devices start rpi4-emulated" in advice(BOARD)


def test_a_container_without_namespaces_is_named(machine, monkeypatch):
    monkeypatch.setattr(requirements, "_may_unshare", lambda: False)
    assert "namespaces" in advice(BOARD)


def test_another_system_than_linux_is_named_alone(machine, monkeypatch):
    monkeypatch.setattr(requirements.sys, "platform", "darwin")
    told = advice(BOARD)
    assert "darwin" in told
    assert "apt-get" not in told


def test_another_processor_is_named_alone(machine, monkeypatch):
    monkeypatch.setattr(requirements.platform, "machine", lambda: "aarch64")
    told = advice(BOARD)
    assert "x86-64 processor (this is aarch64)" in told
    assert "apt-get" not in told


def test_every_package_brings_its_program():
    """As Debian's own index of installed files says, for the packages that are installed here."""
    if shutil.which("dpkg-query") is None:
        pytest.skip("no dpkg on this machine")
    wanted = requirements._COMMON | requirements._OF_KIND["board"] | requirements._OF_KIND["phone"]
    checked = 0
    for program, package in wanted.items():
        listed = subprocess.run(
            ["dpkg-query", "-L", package], capture_output=True, text=True, check=False
        )
        if listed.returncode == 0:
            assert any(line.endswith(f"/{program}") for line in listed.stdout.splitlines()), program
            checked += 1
    assert checked, "not one of the packages is installed here"
