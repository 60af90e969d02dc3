"""The page: whole, harmless, usable."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeconv.summary.page import render
from edgeconv.summary.photos import Photos
from edgeconv.summary.row import Collection, Failed, Unread
from tests.helpers.browser import needs_chromium, seen, told_by
from tests.summary.made import HOSTILE, accuracy, latency, row

NO_PHOTOS = Photos(None)
_VOID = {"meta", "input", "img", "br", "link", "use", "path", "line", "rect", "circle", "g"}


class _Nesting(HTMLParser):
    """Whether every element ends where it should."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in _VOID:
            assert self.open.pop() == tag, (tag, self.getpos())


def many(count: int) -> Collection:
    rng = np.random.default_rng(0)
    rows = [
        row(
            f"net_{i:03}",
            device=("local", "rpi4")[i % 2],
            latency=latency(*(float(rng.uniform(1, 50)),) * 5, noisy=i % 5 == 1),
            accuracy=accuracy(int(rng.integers(0, 20)), 3, differing=i % 3),
        )
        for i in range(count)
    ]
    return Collection(tuple(rows))


def test_a_page_is_well_formed_and_names_what_it_lacks() -> None:
    found = Collection(
        many(6).rows,
        (Failed("net 9", "export", "local", 2, "no such net"),),
        (Unread("old.json", "it is no JSON"),),
    )
    page = render(found, NO_PHOTOS)
    parser = _Nesting()
    parser.feed(page)
    assert parser.open == []
    for words in ("net_000", "no such net", "it is no JSON", "2026-11-30 10:00", "numpy 2.4"):
        assert words in page
    assert "http://" not in page.replace("http://www.w3.org/", "")
    assert "https://" not in page


def test_nothing_that_a_document_tells_becomes_markup() -> None:
    hostile = row(HOSTILE, device=HOSTILE, latency=latency(1, 1, 1), accuracy=accuracy(1, 1))
    found = Collection(
        (hostile, row("tame", latency=latency(2, 2, 2), accuracy=accuracy(2, 1))),
        (Failed(HOSTILE, HOSTILE, HOSTILE, 1, HOSTILE),),
        (Unread(HOSTILE, HOSTILE),),
    )
    page = render(found, NO_PHOTOS)
    parser = _Nesting()
    parser.feed(page)
    assert parser.tags.count("script") == 1
    assert "img" not in parser.tags
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert "default-src &#39;none&#39;" in policy[1]


def test_photos_are_made_small_and_only_those_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (500, 700, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "0.png")
    (folder / "1.png").write_text("no photo")
    Image.fromarray(noise).save(tmp_path / "outside.png")
    (folder / "2.png").symlink_to(tmp_path / "outside.png")
    found = Collection((row("a", accuracy=accuracy(3, 0, differing=3)),))
    page = render(found, Photos(folder))
    assert page.count("data:image/jpeg;base64,") == 1
    assert len(page) < 100_000
    assert "<span>float: 2</span><span>here: 3</span>" in page
    assert render(found, NO_PHOTOS).count("data:image") == 0


@needs_chromium
@pytest.mark.parametrize("width", [400, 800, 1400])
def test_no_label_lies_on_another_and_the_page_fits_its_window(width, tmp_path: Path) -> None:
    told = seen(_unlocked(render(many(40), NO_PHOTOS)), width, tmp_path)
    assert told["found"] == []
    assert told["texts"]


def _unlocked(page: str) -> str:
    """Without its policy, which stops the tests' own script too."""
    return re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)


#: Types, clicks and presses as a reader does, and tells what the table shows.
_READER = """<script>
const names = () => [...table.tBodies].filter((b) => !b.hidden)
  .map((b) => b.rows[0].cells[0].textContent.trim());
const found = {first: names().slice(0, 2), rows: names().length};
const heads = [...table.tHead.rows[0].cells];
const p50 = heads.find((h) => h.textContent.startsWith('p50'));
const start = performance.now();
p50.querySelector('button').click();
found.ms = performance.now() - start;
const values = () => [...table.tBodies]
  .map((b) => Number(b.rows[0].cells[p50.cellIndex].dataset.sort));
found.rises = values().every((v, i, all) => !i || all[i - 1] <= v);
found.ascending = p50.getAttribute('aria-sort');
p50.querySelector('button').click();
found.falls = values().every((v, i, all) => !i || all[i - 1] >= v);
filters.elements.words.value = 'NET_00';
filters.elements.words.dispatchEvent(new Event('input', {bubbles: true}));
found.filtered = names().length;
found.told = shown.textContent;
filters.elements.device.value = 'rpi4';
filters.elements.device.dispatchEvent(new Event('input', {bubbles: true}));
found.narrower = names().length;
const opens = [...table.querySelectorAll('.opens')].find((b) => !b.closest('tbody').hidden);
opens.focus();
found.focused = document.activeElement === opens;
opens.click();
found.open = opens.getAttribute('aria-expanded');
const details = document.getElementById(opens.getAttribute('aria-controls'));
found.details = details.textContent.includes('correct biases');
const chosen = document.querySelector('#columns input[value="' + p50.cellIndex + '"]');
const shows = () => [p50, ...[...table.tBodies].map((b) => b.rows[0].cells[p50.cellIndex])]
  .filter((cell) => cell.getClientRects().length).length;
found.columns = [shows()];
chosen.click();
found.columns.push(shows());
chosen.click();
found.columns.push(shows());
theme.click();
found.dark = theme.getAttribute('aria-pressed') + document.documentElement.className;
const told = document.createElement('pre');
told.id = 'found';
told.textContent = JSON.stringify(found);
document.body.append(told);
</script>"""


@needs_chromium
def test_a_reader_sorts_filters_and_opens_rows(tmp_path: Path) -> None:
    page = _unlocked(render(many(40), NO_PHOTOS)).replace("</body>", f"{_READER}</body>")
    told = told_by(page, 1200, tmp_path)
    del told["ms"]
    assert told == {
        "first": ["net_000", "net_001"],
        "rows": 40,
        "rises": True,
        "ascending": "ascending",
        "falls": True,
        "filtered": 10,
        "told": "10 of 40 rows",
        "narrower": 5,
        "focused": True,
        "open": "true",
        "details": True,
        "columns": [6, 0, 6],
        "dark": "truedark",
    }


@needs_chromium
@pytest.mark.parametrize("has_policy", [True, False])
def test_the_policy_lets_nothing_run_but_the_pages_own_script(has_policy, tmp_path: Path) -> None:
    page = render(many(3), NO_PHOTOS)
    injected = "<script>document.getElementById('found').textContent = '{\"ran\": true}'</script>"
    tell = f'<pre id="found">{{"ran": false}}</pre>{injected}</body>'
    page = (page if has_policy else _unlocked(page)).replace("</body>", tell)
    assert told_by(page, 800, tmp_path) == {"ran": not has_policy}
