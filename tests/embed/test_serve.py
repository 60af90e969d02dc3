"""The web project's own server: what goes wrong is said in a line."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from edgeconv.bundle.bundle import Bundle
from edgeconv.embed import consumers, project
from tests.embed.projects import written
from tests.helpers.browser import needs_chromium
from tests.helpers.served import told_over_http

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")

#: What a reader sees of the page once it does not load any more.
_STATUS = """
const frame = document.createElement('iframe');
frame.src = 'index.html';
document.body.append(frame);
const status = () => frame.contentDocument?.getElementById('status')?.textContent ?? 'Loading';
while (status().startsWith('Loading')) await new Promise((go) => setTimeout(go, 20));
told = status();
"""


@pytest.fixture
def place(bundle: Path, tmp_path: Path) -> Path:
    made = written(bundle, "web", "onnx", tmp_path / "project")
    (made / "node_modules").mkdir()
    return made


def refusal(place: Path, *words: str, **variables: str) -> tuple[int, str]:
    """Exit code and the only line that is told."""
    done = subprocess.run(
        ["node", "serve.mjs", *words],
        cwd=place,
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
        timeout=120,
        check=False,
    )
    (line,) = done.stderr.splitlines()
    return done.returncode, line


def test_an_engine_that_is_not_there_yet_is_said(place: Path) -> None:
    (place / "node_modules").rmdir()
    assert refusal(place) == refusal(place, "--self-test")
    code, said = refusal(place)
    assert code == 3
    assert "npm install" in said


@pytest.mark.parametrize("port", ["web", "70000", "-1"])
def test_a_port_that_is_none_is_said(place: Path, port: str) -> None:
    assert refusal(place, "--port", port) == (2, "--port takes a number of 0 to 65535")


def test_a_port_that_is_taken_is_said(place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, said = refusal(place, "--port", port)
    assert code == 3
    assert said == f"Port {port} cannot be used (EADDRINUSE); choose another by --port"


@pytest.mark.parametrize("browser", ["/nowhere/chromium", "/bin/false"])
def test_a_browser_that_does_not_start_is_said(place: Path, browser: str) -> None:
    code, said = refusal(place, "--self-test", CHROMIUM=browser)
    assert code == 3
    assert said.startswith(f"{browser} did not open the page: ")


def test_addresses_that_are_none_leave_it_running(place: Path) -> None:
    command = ["node", "serve.mjs", "--port", "0"]
    with subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline().rsplit(":", 1)[1].rstrip("/\n"))
            for path, status in (
                ("/%E0%A4%A", 400),
                ("/%00", 404),
                ("//", 404),
                ("/..%2f..%2fetc%2fpasswd", 404),
                ("/", 200),
            ):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                connection.request("GET", path)
                assert connection.getresponse().status == status, path
                connection.close()
        finally:
            server.terminate()


@needs_chromium
def test_a_page_without_its_engine_says_so(place: Path) -> None:
    told, _ = told_over_http(place, _STATUS)
    assert told == "The engine cannot be loaded: npm install beside this page."


@needs_chromium
def test_a_net_without_names_leaves_the_console_clean(
    bundle: Path, packages: Path, tmp_path: Path
) -> None:
    web = consumers.consumer("web")
    about = replace(project.choose(Bundle.load(bundle), web, "onnx"), labels=None)
    place = tmp_path / "project"
    project.write(about, web, place, force=False)
    (place / "node_modules").symlink_to(packages)
    told, errors = told_over_http(place, _STATUS)
    assert (told, errors) == ("Choose a photo.", [])
