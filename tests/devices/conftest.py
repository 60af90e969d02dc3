"""Ways to this machine as if it were a device."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.machines.adb_phone import FAKE_ADB, adb  # noqa: F401  # a fixture
from tests.helpers.machines.ssh_server import FAKE_SSH, SshServer, ssh_server


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """A running sshd that lets its own key in."""
    server = ssh_server(tmp_path_factory.mktemp("sshd"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def fake_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory at the head of PATH, where `ssh` and `adb` run commands on this machine."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name, text in (("ssh", FAKE_SSH), ("adb", FAKE_ADB)):
        (directory / name).write_text(text)
        (directory / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert shutil.which("ssh") == str(directory / "ssh")
    return directory
