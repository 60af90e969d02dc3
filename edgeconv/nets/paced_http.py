"""HTTP with an end: every byte of an answer, its headers too, is read against limits of time.

urllib's own timeout is one for each read, so that a server which sends a byte now and then is
waited for without end; and it follows redirects to wherever they lead and reads what they hold.
"""

from __future__ import annotations

import http.client
import io
import time
import urllib.request
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urljoin, urlsplit

from edgeconv.errors import WeightsUnavailable
from edgeconv.runtime.plain import foreign

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Limits:
    """What a download may take.

    Attributes:
        silence_s: longest wait for a connection, or for the next bytes.
        whole_s: seconds for all of it, redirects included.
        window_s: seconds over which the rate is looked at.
        least_bytes_per_s: an answer that comes slower over a window is given up.
        most_bytes: of the file.
        clock: tells seconds.
    """

    silence_s: float = 20.0
    whole_s: float = 2 * 3600.0
    window_s: float = 30.0
    least_bytes_per_s: int = 1024
    most_bytes: int = 4 * 2**30
    clock: Callable[[], float] = time.monotonic


USUAL_LIMITS = Limits()


class TooSlow(Exception):
    """An answer that takes longer than its limits; the message says which one."""


@dataclass
class _Pace:
    """How fast an answer comes."""

    limits: Limits
    deadline: float
    window_began: float = field(init=False)
    window_bytes: int = 0

    def __post_init__(self) -> None:
        self.window_began = self.limits.clock()

    def count(self, received: int) -> None:
        """Counts bytes that came (TooSlow)."""
        now = self.limits.clock()
        self.window_bytes += received
        if now > self.deadline:
            raise TooSlow(f"it was not done within {self.limits.whole_s:g} s")
        seconds = now - self.window_began
        if seconds < self.limits.window_s:
            return
        if self.window_bytes < self.limits.least_bytes_per_s * seconds:
            raise TooSlow(
                f"{self.window_bytes} bytes came in {seconds:.3g} s, and at least "
                f"{self.limits.least_bytes_per_s} a second are needed"
            )
        self.window_began, self.window_bytes = now, 0


class _Paced(io.RawIOBase):
    """A socket's bytes, counted by a pace."""

    def __init__(self, raw: io.RawIOBase, pace: _Pace) -> None:
        self._raw = raw
        self._pace = pace

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        received = self._raw.readinto(buffer)
        self._pace.count(received or 0)
        return received

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Handler(urllib.request.HTTPSHandler):
    """Opens http and https addresses with paced answers; what they say is not acted upon."""

    http_request = urllib.request.HTTPSHandler.https_request

    def __init__(self, limits: Limits, deadline: float) -> None:
        super().__init__()
        self._limits = limits
        self._deadline = deadline

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        """Called by urllib."""
        return self.do_open(self._paced(http.client.HTTPConnection), request)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        """Called by urllib."""
        return self.do_open(self._paced(http.client.HTTPSConnection), request)

    def _paced(self, kind: type[http.client.HTTPConnection]) -> Any:
        def answer(*arguments: Any, **named: Any) -> http.client.HTTPResponse:
            response = http.client.HTTPResponse(*arguments, **named)
            pace = _Pace(self._limits, self._deadline)
            response.fp = io.BufferedReader(_Paced(response.fp.detach(), pace))
            return response

        def connection(*arguments: Any, **named: Any) -> http.client.HTTPConnection:
            made = kind(*arguments, **named)
            made.response_class = answer  # type: ignore[assignment]  # called as the class is
            return made

        return connection


@contextmanager
def answer_of(url: str, limits: Limits) -> Iterator[http.client.HTTPResponse]:
    """A server's good answer, to be read within the limits (`failing` for what reading raises).

    Raises:
        WeightsUnavailable: it cannot be reached, or answers with an error or too many redirects.
    """
    with failing(f"{foreign(url)} cannot be reached"):
        response = _followed(url, limits)
    with response:
        if response.status != http.client.OK:
            raise WeightsUnavailable(
                f"{foreign(url)}: HTTP {response.status} {foreign(response.reason)}"
            )
        yield response


@contextmanager
def failing(what: str) -> Iterator[None]:
    """Raises WeightsUnavailable, after `what`, for all that urllib and http.client fail with.

    An address, a redirect's too, that is none ends in one of several ValueErrors (a bracket or a
    port that is no number, a host name that has no form) or an OverflowError (a port too large).
    """
    try:
        yield
    except (
        OSError,
        http.client.HTTPException,
        ValueError,
        OverflowError,
        TooSlow,
    ) as error:
        cause = error.reason if isinstance(error, URLError) else error
        raise WeightsUnavailable(f"{what}: {foreign(cause) or type(cause).__name__}") from error


def _followed(url: str, limits: Limits) -> http.client.HTTPResponse:
    """The first answer that is no redirect."""
    opener = urllib.request.OpenerDirector()
    opener.add_handler(urllib.request.ProxyHandler())
    opener.add_handler(_Handler(limits, limits.clock() + limits.whole_s))
    for _ in range(_MOST_REDIRECTS + 1):
        request = urllib.request.Request(url, headers={"User-Agent": "edgeconv"})
        response: http.client.HTTPResponse = opener.open(request, timeout=limits.silence_s)
        place = response.headers.get("Location")
        if response.status not in _REDIRECTS or place is None:
            return response
        response.close()  # unread: a redirect's text may go on for ever
        url = _next(url, place)
    raise WeightsUnavailable(f"{foreign(url)}: more than {_MOST_REDIRECTS} redirects in a row")


def _next(url: str, place: str) -> str:
    """Where a redirect leads."""
    with failing(f"{foreign(url)} redirects to '{foreign(place)}', which is no address"):
        target = urljoin(url, place)
        scheme = urlsplit(target).scheme
    if scheme not in ("http", "https"):
        raise WeightsUnavailable(
            f"{foreign(url)} redirects to '{foreign(target)}'; only http and https are followed"
        )
    return target
