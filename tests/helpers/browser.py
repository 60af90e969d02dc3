"""What headless Chromium makes of a page: its texts' boxes, at a given width."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

needs_chromium = pytest.mark.skipif(
    shutil.which("chromium") is None, reason="chromium is not installed"
)
#: In drawings no text may lie on another or stick out, nor may the page be wider than the window.
_SCRIPT = """<script>
const found = [];
for (const svg of document.querySelectorAll('svg')) {
  const frame = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')].filter((t) => t.textContent.trim());
  const boxes = texts.map((t) => t.getBoundingClientRect());
  boxes.forEach((a, i) => {
    if (a.left < frame.left - 1 || a.right > frame.right + 1 || a.top < frame.top - 1
        || a.bottom > frame.bottom + 1) found.push(['cut off', texts[i].textContent]);
    boxes.slice(i + 1).forEach((b, j) => {
      if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0.5
          && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 0.5)
        found.push(['over', texts[i].textContent, texts[i + 1 + j].textContent]);
    });
  });
}
const wide = document.documentElement.scrollWidth;
if (wide > window.innerWidth) found.push(['the page is wider than the window', wide]);
const texts = document.querySelectorAll('svg text').length;
const scripts = document.scripts.length;
const told = document.createElement('pre');
told.id = 'found';
told.textContent = JSON.stringify({found, texts, scripts, width: window.innerWidth});
document.body.append(told);
</script>"""


def seen(document: str, width: int, place: Path, font: str | None = None) -> dict[str, object]:
    """What was found, how many texts were looked at, how many scripts there were (one is ours)."""
    if font:
        document = document.replace("system-ui, sans-serif", font)
    return told_by(document.replace("</body>", f"{_SCRIPT}</body>"), width, place)


def told_by(document: str, width: int, place: Path) -> dict[str, object]:
    """The JSON that a page's own script leaves in its element `found`."""
    page = place / "page.html"
    # A window is never narrower than 500 pixels; a frame is.
    page.write_text(document, encoding="utf-8")
    outer = place / "outer.html"
    outer.write_text(
        f'<iframe id="f" src="page.html" style="width:{width}px;height:900px;border:0"></iframe>'
        "<script>f.onload = function look() {"
        "const found = f.contentDocument.getElementById('found');"
        "if (found) document.body.append(found.cloneNode(true)); else setTimeout(look, 20);"
        "}</script>",
        encoding="utf-8",
    )
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += ["--allow-file-access-from-files", f"--user-data-dir={place / 'profile'}"]
    command += ["--window-size=1600,1000", "--virtual-time-budget=20000", outer.as_uri()]
    run = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    told = re.search(r'<pre id="found">(.*?)</pre>', run.stdout, re.DOTALL)
    assert told, run.stderr[-2000:]
    answer: dict[str, object] = json.loads(html.unescape(told[1]))
    return answer
