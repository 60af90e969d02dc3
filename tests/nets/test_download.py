"""A download arrives whole and of the promised hash, or leaves nothing behind."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from edgeconv import disk
from edgeconv.errors import WeightsUnavailable
from edgeconv.nets import download
from edgeconv.nets.download import fetch
from edgeconv.nets.spec import Pretrained, PublishedPreprocessing
from edgeconv.nets.weights import published_file

CONTENT = bytes(range(256)) * 4096
PREFIX = hashlib.sha256(CONTENT).hexdigest()[:8]
NAME = f"net-{PREFIX}.pth"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture
def server(file_server: Any) -> Any:
    file_server.content = CONTENT
    return file_server


def published(url: str) -> Pretrained:
    return Pretrained(url, PublishedPreprocessing(), "BSD-3-Clause")


class Heard:
    def __init__(self) -> None:
        self.total: int | None = 0
        self.done: list[int] = []

    def step(self, title: str, total: int | None = None) -> None:
        self.total = total

    def advance(self, done: int) -> None:
        self.done.append(done)


def left_in(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir()) if cache.exists() else []


@pytest.mark.parametrize("way", ["good", "slow", "unsized"])
def test_a_server_that_delivers_fills_the_cache(way: str, server: Any, cache: Path) -> None:
    heard = Heard()
    path = published_file(published(server.url(way, NAME)), cache=cache, progress=heard)
    assert path == cache / NAME
    assert path.read_bytes() == CONTENT
    assert left_in(cache) == [NAME]
    assert heard.total == (None if way == "unsized" else len(CONTENT))
    assert heard.done[-1] == len(CONTENT)
    assert heard.done == sorted(heard.done)


def test_a_file_in_the_cache_is_not_fetched_again(server: Any, cache: Path) -> None:
    for _ in range(2):
        published_file(published(server.url("good", NAME)), cache=cache)
    assert server.requests == 1


def test_a_damaged_file_in_the_cache_is_replaced(server: Any, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / NAME).write_bytes(CONTENT[:1000])
    path = published_file(published(server.url("good", NAME)), cache=cache)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("way", "says"),
    [
        ("cut", f"was cut off after {len(CONTENT) // 2} of {len(CONTENT)} bytes"),
        ("missing", "HTTP 404 Not Found"),
        ("stalled", f"was cut off after {len(CONTENT) // 2} bytes: timed out"),
    ],
)
def test_a_server_that_fails_leaves_nothing_and_says_what_to_do(
    way: str, says: str, server: Any, cache: Path
) -> None:
    with pytest.raises(WeightsUnavailable) as caught:
        timeout_s = 1.5 if way == "stalled" else 60
        published_file(published(server.url(way, NAME)), cache=cache, timeout_s=timeout_s)
    message = str(caught.value)
    assert says in message
    assert str(cache / NAME) in message
    assert "--weights FILE" in message
    assert left_in(cache) == []


def test_another_file_than_promised_is_refused(server: Any, cache: Path) -> None:
    server.content = CONTENT + b"!"
    with pytest.raises(WeightsUnavailable, match=f"SHA-256 begins with .*, not {PREFIX}"):
        published_file(published(server.url("good", NAME)), cache=cache)
    assert left_in(cache) == []


def test_a_failed_download_keeps_what_stood_there(server: Any, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / NAME).write_bytes(b"older")
    with pytest.raises(WeightsUnavailable):
        published_file(published(server.url("cut", NAME)), cache=cache)
    assert (cache / NAME).read_bytes() == b"older"
    assert left_in(cache) == [NAME]


def test_an_unreachable_server_is_named(server: Any, cache: Path) -> None:
    url = server.url("good", NAME)
    server.shutdown()
    server.server_close()
    with pytest.raises(WeightsUnavailable, match=r"cannot be reached: .*refused"):
        fetch(url, cache / NAME, PREFIX)


def test_a_stranger_than_http_answer_is_no_traceback(cache: Path) -> None:
    with pytest.raises(WeightsUnavailable, match="cannot be reached"):
        fetch("http://127.0.0.1:1/\x00", cache / NAME, PREFIX)


def test_an_endless_answer_is_stopped(
    server: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "MAX_BYTES", 1000)
    with pytest.raises(WeightsUnavailable, match="larger than"):
        fetch(server.url("unsized", NAME), cache / NAME, PREFIX)
    assert left_in(cache) == []


def test_an_interrupt_leaves_nothing(server: Any, cache: Path) -> None:
    class Interrupting(Heard):
        def advance(self, done: int) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(server.url("good", NAME), cache / NAME, PREFIX, progress=Interrupting())
    assert left_in(cache) == []


def test_a_cache_that_cannot_be_made_says_how_to_move_it(server: Any, tmp_path: Path) -> None:
    (tmp_path / "hub").write_text("a file where a directory must be")
    with pytest.raises(WeightsUnavailable, match="set TORCH_HOME"):
        published_file(published(server.url("good", NAME)), cache=tmp_path / "hub" / "checkpoints")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_no_traceback(
    server: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir(parents=True)
    monkeypatch.setattr(disk.secrets, "token_hex", lambda _: "full")
    (cache / ".full.part").symlink_to("/dev/full")
    with pytest.raises(WeightsUnavailable, match="No space left on device"):
        fetch(server.url("good", NAME), cache / NAME, PREFIX)
