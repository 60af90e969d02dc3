"""Root file systems in the cache: whole or not there, built once, kept while a device runs."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from edgeconv.emulated import store


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "edgeconv" / "emulated" / "roots"


def file_of(size: int):
    return lambda root: (root / "file").write_bytes(bytes(size))


def test_two_starts_at_once_build_once():
    builds, together = [], Barrier(2)

    def build(root: Path) -> None:
        builds.append(root)
        (root / "file").write_text("whole")

    def start(_: int) -> str:
        together.wait()
        root, held = store.root_for("key", build)
        os.close(held)
        return (root / "file").read_text()

    with ThreadPoolExecutor(2) as two:
        assert list(two.map(start, range(2))) == ["whole", "whole"]
    assert len(builds) == 1


def test_a_build_that_fails_leaves_nothing_and_is_tried_again(cache):
    def fails(root: Path) -> None:
        (root / "half").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        store.root_for("key", fails)
    assert [path.name for path in cache.iterdir()] == ["key.lock"]
    root, held = store.root_for("key", file_of(1))
    os.close(held)
    assert [path.name for path in root.iterdir()] == ["file"]


def test_a_second_device_runs_on_the_root_of_the_first():
    _, first = store.root_for("key", file_of(1))
    _, second = store.root_for("key", file_of(1))  # would wait for ever for a lock held alone
    os.close(first)
    os.close(second)


def test_the_longest_unused_root_goes_when_all_are_too_large(cache, monkeypatch):
    monkeypatch.setattr(store, "MOST_ROOT_BYTES", 250)
    for age, key in enumerate(("oldest", "older", "old")):
        root, held = store.root_for(key, file_of(100))
        os.close(held)
        os.utime(root, (1000 + age, 1000 + age))
    os.close(store.root_for("new", file_of(100))[1])
    assert {path.name for path in cache.iterdir() if path.is_dir()} == {"old", "new"}


def test_a_root_in_use_stays_however_large(cache, monkeypatch):
    monkeypatch.setattr(store, "MOST_ROOT_BYTES", 10)
    root, held = store.root_for("used", file_of(100))
    os.utime(root, (1000, 1000))
    os.close(store.root_for("new", file_of(100))[1])
    assert root.is_dir()
    os.close(held)
    os.close(store.root_for("newer", file_of(100))[1])
    assert not root.is_dir()


def test_what_a_killed_build_left_is_removed_by_the_next_one(cache):
    script = (
        "import os; from edgeconv.emulated import store;"
        "store.root_for('key', lambda root: os.kill(os.getpid(), 9))"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == -9
    assert any(path.is_dir() for path in cache.iterdir())
    os.close(store.root_for("key", file_of(1))[1])
    os.close(store.root_for("other", file_of(1))[1])
    assert {path.name for path in cache.iterdir() if path.is_dir()} == {"key", "other"}
