"""A download arrives whole and of the promised hash, or leaves nothing behind."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from edgeconv import disk
from edgeconv.errors import WeightsUnavailable
from edgeconv.nets.download import fetch
from edgeconv.nets.paced_http import Limits
from edgeconv.nets.spec import Pretrained, PublishedPreprocessing
from edgeconv.nets.weights import published_file
from tests.helpers.heard import Heard

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


def left_in(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir()) if cache.exists() else []


@pytest.mark.parametrize("way", ["good", "slow", "unsized"])
def test_a_server_that_delivers_fills_the_cache(way: str, server: Any, cache: Path) -> None:
    heard = Heard()
    path = published_file(published(server.url(way, NAME)), cache=cache, progress=heard)
    assert path == cache / NAME
    assert path.read_bytes() == CONTENT
    assert left_in(cache) == [NAME]
    assert [total for _, total in heard.steps] == [None if way == "unsized" else len(CONTENT)]
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
        limits = Limits(silence_s=1.5 if way == "stalled" else 60)
        published_file(published(server.url(way, NAME)), cache=cache, limits=limits)
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


def test_an_endless_answer_is_stopped(server: Any, cache: Path) -> None:
    with pytest.raises(WeightsUnavailable, match="larger than"):
        fetch(server.url("unsized", NAME), cache / NAME, PREFIX, limits=Limits(most_bytes=1000))
    assert left_in(cache) == []


class Leaping:
    """A clock on which `seconds` pass between any two looks."""

    def __init__(self, seconds: float) -> None:
        self._now = 0.0
        self._seconds = seconds

    def __call__(self) -> float:
        self._now += self._seconds
        return self._now


HEADERS = b"HTTP/1.1 200 OK\r\n"


def test_a_byte_now_and_then_is_given_up(server: Any, cache: Path) -> None:
    # What comes between two looks at the clock is far from 1024 bytes for each of 10,000 seconds.
    limits = Limits(whole_s=1e9, clock=Leaping(10_000))
    with pytest.raises(WeightsUnavailable, match=r"came in .* s, and at least 1024 a second"):
        fetch(server.url("drip", NAME), cache / NAME, PREFIX, limits=limits)
    assert left_in(cache) == []


def test_a_byte_now_and_then_is_given_up_by_the_clock_on_the_wall(server: Any, cache: Path) -> None:
    limits = Limits(window_s=0.3, least_bytes_per_s=10**7)
    with pytest.raises(WeightsUnavailable, match="at least 10000000 a second"):
        fetch(server.url("drip", NAME), cache / NAME, PREFIX, limits=limits)
    assert left_in(cache) == []


def test_headers_that_never_end_are_given_up(server: Any, cache: Path) -> None:
    server.raw = HEADERS + b"X: y\r\n" * 90
    limits = Limits(clock=Leaping(100))
    with pytest.raises(WeightsUnavailable, match=r"cannot be reached: .* a second are needed"):
        fetch(server.url("raw", NAME), cache / NAME, PREFIX, limits=limits)


def test_the_whole_has_a_limit_too(server: Any, cache: Path) -> None:
    limits = Limits(whole_s=50, least_bytes_per_s=0, clock=Leaping(10))
    with pytest.raises(WeightsUnavailable, match="not done within 50 s"):
        fetch(server.url("drip", NAME), cache / NAME, PREFIX, limits=limits)
    assert left_in(cache) == []


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        (b"9" * 5000, "is larger than 4 GiB"),
        (b"4294967297", "is larger than 4 GiB"),
        (b"-5", "announces '-5' bytes, which is no size"),
        (b"", "announces '' bytes"),
        (b"1e3", "announces '1e3' bytes"),
        ("٣".encode(), "which is no size"),
        (b"5\r\nContent-Length: 6", "which is no size"),
    ],
)
def test_a_size_that_is_none_is_refused(stated: bytes, says: str, server: Any, cache: Path) -> None:
    server.raw = HEADERS + b"Content-Length: " + stated + b"\r\n\r\nhello"
    with pytest.raises(WeightsUnavailable) as caught:
        fetch(server.url("raw", NAME), cache / NAME, PREFIX)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 500
    assert left_in(cache) == []


def test_more_than_announced_is_refused(server: Any, cache: Path) -> None:
    server.raw = (
        HEADERS + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    )
    with pytest.raises(WeightsUnavailable, match="more than the 3 bytes it announced"):
        fetch(server.url("raw", NAME), cache / NAME, PREFIX)
    assert left_in(cache) == []


@pytest.mark.parametrize(
    ("place", "says"),
    [
        (b"http://[bad/x", "which is no address"),
        (b"http://127.0.0.1:99999999/x", "cannot be reached"),
        (b"http://127.0.0.1:port/x", "cannot be reached"),
        (b"http://a..b/x", "cannot be reached"),
        (b"http://" + b"a" * 300 + b"/x", "cannot be reached"),
        (b"http://127.0.0.1:1/a b\x01", "cannot be reached"),
        (b"\xff\xfe://x", ""),
        (b"file:///etc/passwd", "only http and https are followed"),
        (b"ftp://127.0.0.1/x", "only http and https are followed"),
        (b"data:,hello", "only http and https are followed"),
        (b"javascript:x", "only http and https are followed"),
        (b"/raw/again", "more than 5 redirects in a row"),
    ],
)
@pytest.mark.parametrize("status", [b"302 Found", b"308 Permanent Redirect"])
def test_a_redirect_to_nowhere_is_no_traceback(
    status: bytes, place: bytes, says: str, server: Any, cache: Path
) -> None:
    server.raw = b"HTTP/1.1 " + status + b"\r\nLocation: " + place + b"\r\n\r\n" + b"x" * 100
    with pytest.raises(WeightsUnavailable) as caught:
        fetch(server.url("raw", NAME), cache / NAME, PREFIX)
    assert says in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000
    assert left_in(cache) == []


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(code: int, server: Any, cache: Path) -> None:
    server.raw = f"HTTP/1.1 {code} Moved\r\nLocation: ../good/{NAME}\r\n\r\n".encode()
    fetch(server.url("raw", NAME), cache / NAME, PREFIX)
    assert (cache / NAME).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 503 \x1b[2J\x1b]0;title\x07" + b"x" * 60_000 + b"\r\n\r\n",
        b"HTTP/1.1 404\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"\x1b[2J" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n",
        b"",
    ],
)
def test_what_a_server_says_is_shown_short_and_clean(raw: bytes, server: Any, cache: Path) -> None:
    server.raw = raw
    with pytest.raises(WeightsUnavailable) as caught:
        fetch(server.url("raw", NAME), cache / NAME, PREFIX)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
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
