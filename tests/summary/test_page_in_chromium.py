"""The page as others see it: readers of screens, and on paper."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edgeconv.summary.page import render
from edgeconv.summary.photos import Photos
from edgeconv.summary.row import Collection, Failed, Unread
from tests.helpers.browser import needs_chromium, told_by
from tests.summary.made import HOSTILE, accuracy, latency, row

_AXE = "axe-core@4.14.1"
#: A4 across, within margins of a centimetre, in CSS pixels.
_PAPER = 1046

pytestmark = needs_chromium


def page(*rows) -> str:
    """Of rows that tell everything, some names long and hostile; without its policy."""
    found = Collection(
        rows,
        (Failed("net 9", "export", "local", 2, "no such net"),),
        (Unread("old.json", "it is no JSON"),),
    )
    document = render(found, Photos(None))
    return re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", document)


def rows():
    return [
        row(
            name,
            device=device,
            latency=latency(3, 4, 5, noisy=name == "b"),
            accuracy=accuracy(9, 3, differing=2),
        )
        for name in ("a", "b", "mobilenet_v3_small_100" + HOSTILE)
        for device in ("local", "rpi4-emulated")
    ]


def told(document: str, width: int, place: Path, script: str) -> dict[str, object]:
    """What a script finds, which gives it to `answer`."""
    answer = """const answer = (found) => {
      const told = document.createElement('pre');
      told.id = 'found';
      told.textContent = JSON.stringify(found);
      document.body.append(told);
    };"""
    return told_by(
        document.replace("</body>", f"<script>{answer}{script}</script></body>"), width, place
    )


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """axe-core's script, from npm's own cache."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    place = tmp_path_factory.mktemp("npm")
    command = ["npm", "install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", _AXE]
    if subprocess.run(command, cwd=place, capture_output=True, check=False).returncode:
        pytest.skip(f"npm's cache lacks {_AXE}: npm install it once")
    script = (place / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
    return script.replace("</script", r"<\/script")


@pytest.mark.parametrize(("width", "theme"), [(400, "dark"), (1400, "light")])
def test_axe_finds_nothing(width: int, theme: str, axe: str, tmp_path: Path) -> None:
    script = f"""{axe}
    document.documentElement.classList.add('{theme}');
    for (const opens of document.querySelectorAll('.opens')) opens.click();
    axe.run().then((found) => answer({{
      checks: found.passes.length,
      violations: found.violations.map((one) => [one.impact, one.id, one.nodes[0].html]),
    }}));"""
    found = told(page(*rows()), width, tmp_path, script)
    assert found["violations"] == []
    assert found["checks"] > 20  # type: ignore[operator]


def test_on_paper_the_table_is_whole_and_light(tmp_path: Path) -> None:
    printed = page(*rows()).replace("@media print", "@media all")
    printed = printed.replace("@media screen", "@media tty")
    script = """document.documentElement.classList.add('dark');
    for (const opens of document.querySelectorAll('.opens')) opens.click();
    answer({
      right: table.getBoundingClientRect().right,
      back: getComputedStyle(document.body).backgroundColor,
      forms: [...document.forms].map((one) => one.getClientRects().length),
    });"""
    found = told(printed, _PAPER, tmp_path, script)
    assert found["right"] <= _PAPER  # type: ignore[operator]
    assert found["back"] == "rgb(255, 255, 255)"
    assert found["forms"] == [0, 0]
