"""Fixtures of the nets' tests."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from types import ModuleType

import pytest

from edgeconv.nets.torchvision_shim import import_torchvision


@pytest.fixture(scope="session")
def torchvision() -> ModuleType:
    """The independent definitions ours are held against."""
    return import_torchvision()


@pytest.fixture(scope="session")
def timm(torchvision: ModuleType) -> ModuleType:
    """The independent definitions of nets that torchvision lacks; timm imports torchvision."""
    return pytest.importorskip("timm")


class Answers(http.server.BaseHTTPRequestHandler):
    """Serves the server's `content` in the way the first part of the path asks for."""

    server: FileServer

    def do_GET(self) -> None:
        way = self.path.split("/")[1]
        content = self.server.content
        self.server.requests += 1
        if way == "missing":
            self.send_error(404)
            return
        if way == "raw":
            self.wfile.write(self.server.raw)
            return
        self.send_response(200)
        if way not in ("unsized", "drip"):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if way == "cut":
            self.wfile.write(content[: len(content) // 2])
        elif way == "slow":
            for start in range(0, len(content), 1 + len(content) // 8):
                self.wfile.write(content[start : start + 1 + len(content) // 8])
                self.wfile.flush()
                time.sleep(0.02)
        elif way == "drip":
            self._drip()
        elif way == "stalled":
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            self.server.released.wait(10)
        else:
            self.wfile.write(content)

    def _drip(self) -> None:
        """A byte now and then for ever: until nobody reads any more, or the test is over."""
        with suppress(OSError):
            while not self.server.released.wait(0.01):
                self.wfile.write(b".")
                self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Keep stderr for the tests."""


class FileServer(http.server.ThreadingHTTPServer):
    """A web server on this machine that misbehaves on request."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.content = b""
        self.raw = b""
        self.requests = 0
        self.released = threading.Event()

    def url(self, way: str, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{way}/{name}"


@pytest.fixture
def file_server() -> Iterator[FileServer]:
    server = FileServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
