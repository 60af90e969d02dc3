"""Starting and stopping goes right or leaves nothing, wherever it fails; no device is needed."""

from __future__ import annotations

import pytest

from edgeconv.emulated import machine, requirements, rootfs, ssh_side
from edgeconv.emulated.running import Running, device_directory, running, start_time
from edgeconv.errors import DeviceFailed, UnavailableError, UnknownName

NAME = "rpi4-emulated"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "edgeconv" / "emulated"


@pytest.fixture
def ready(monkeypatch):
    """A machine that lacks nothing, and whose root file system is empty."""
    monkeypatch.setattr(requirements, "check", lambda _: None)
    monkeypatch.setattr(rootfs, "key", lambda _: "key")
    monkeypatch.setattr(rootfs, "build", lambda *_: None)


def left(cache) -> set[str]:
    return {
        str(path.relative_to(cache))
        for path in cache.rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    }


def test_an_unknown_device_is_named_with_the_known_ones():
    with pytest.raises(UnknownName, match="rpi4-emulated"):
        machine.start("rpi3-emulated")
    with pytest.raises(UnknownName, match="android-emulated"):
        machine.stop("android-emulate")


def test_what_does_not_run_is_stopped_without_complaint(cache):
    assert not machine.stop(NAME)
    assert not cache.exists()


def test_a_build_that_fails_leaves_nothing(cache, ready, monkeypatch):
    def fails(*_):
        raise UnavailableError("no network")

    monkeypatch.setattr(rootfs, "build", fails)
    with pytest.raises(UnavailableError, match="no network"):
        machine.start(NAME)
    assert left(cache) == set()


def test_a_device_that_dies_at_once_tells_its_last_words_and_leaves_no_key(
    cache, ready, monkeypatch, tmp_path
):
    dies = tmp_path / "unshare"
    dies.write_text("#!/bin/sh\necho no such namespace >&2\nexit 1\n")
    dies.chmod(0o755)
    programs = {"unshare": str(dies)}
    real = requirements.program
    monkeypatch.setattr(requirements, "program", lambda name: programs.get(name) or real(name))
    monkeypatch.setattr(ssh_side, "program", lambda name: f"/usr/bin/{name}")
    with pytest.raises(DeviceFailed, match="no such namespace"):
        machine.start(NAME)
    assert left(cache) == {f"devices/{NAME}/log"}
    assert running(NAME) is None


def test_a_number_that_another_process_has_now_is_no_running_device(cache):
    mine = start_time(1)
    assert mine is not None
    directory = device_directory(NAME)
    directory.mkdir(parents=True)
    found = Running(NAME, 1, mine, "127.0.0.1", 22)
    found.write()
    assert running(NAME) == found
    Running(NAME, 1, mine + 1, "127.0.0.1", 22).write()
    assert running(NAME) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": 1}', '{"pid": "x", "identity": 3}'])
def test_a_damaged_note_is_no_running_device(cache, text):
    device_directory(NAME).mkdir(parents=True)
    (device_directory(NAME) / "running.json").write_text(text)
    assert running(NAME) is None
