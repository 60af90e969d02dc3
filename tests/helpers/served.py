"""What a page tells from headless Chromium that needs a server: modules, WebAssembly, models."""

from __future__ import annotations

import json
import queue
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_LIMIT_S = 300
#: Where a page finds npm's packages, in a folder that has them as node_modules.
_MODULES = {
    "@litertjs/core": "./node_modules/@litertjs/core/dist/index.js",
    "@litertjs/wasm-utils": "./node_modules/@litertjs/wasm-utils/dist/index.js",
    "@mediapipe/tasks-vision": "./node_modules/@mediapipe/tasks-vision/vision_bundle.mjs",
    "onnxruntime-web": "./node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs",
}
_PAGE = """<!doctype html><link rel="icon" href="data:,">
<script type="importmap">%s</script>
<script type="module">
let told;
try { %s } catch (error) { told = {thrown: String(error)}; }
fetch('/told', {method: 'POST', body: JSON.stringify(told)});
</script>"""


def told_over_http(folder: Path, script: str) -> tuple[Any, list[str]]:
    """What a module script posts as `told`, and the errors of the console.

    Args:
        folder: served as it is; the page is added to it.
        script: the module's text, which imports by `await import`; it sets `told`, and may throw.
    """
    page = _PAGE % (json.dumps({"imports": _MODULES}), script)
    (folder / "page.html").write_text(page, encoding="utf-8")
    answers: queue.Queue[bytes] = queue.Queue()
    # What Chromium started may still write there for a moment.
    profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with _serving(folder, answers) as port, profile as place:
        errors = Path(place, "errors")
        address = f"http://127.0.0.1:{port}/page.html"
        with errors.open("wb") as said, _browsing(address, place, said):
            told = json.loads(answers.get(timeout=_LIMIT_S))
        lines = errors.read_text(errors="replace").splitlines()
    return told, [line for line in lines if re.search(r"CONSOLE.*(Uncaught|Failed to load)", line)]


@contextmanager
def _browsing(address: str, place: str, said: Any) -> Iterator[None]:
    words = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    words += [f"--user-data-dir={place}/profile", "--enable-logging=stderr", address]
    silent = subprocess.DEVNULL
    browser = subprocess.Popen(words, stdin=silent, stdout=silent, stderr=said)
    try:
        yield
    finally:
        browser.terminate()
        browser.wait(timeout=60)


@contextmanager
def _serving(folder: Path, answers: queue.Queue[bytes]) -> Iterator[int]:
    class Handler(SimpleHTTPRequestHandler):
        def do_POST(self) -> None:
            answers.put(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
