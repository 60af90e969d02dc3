"""`edgeconv diagnose` as a user runs it."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from edgeconv.files.read import read_operations
from tests.cli.conftest import Run
from tests.helpers.tampering import change_tflite_scale
from tests.verify.diagnose.test_diagnose import exported


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(tmp_path_factory.mktemp("diagnosed"))


class Page(HTMLParser):
    """What a page refers to, and which elements it leaves open."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def test_a_sound_bundle(run: Run, bundle: Path) -> None:
    result = run("diagnose", bundle, "--photos", 1)
    assert result.code == 0, result.err
    assert "nothing is broken" in result.out
    assert "body.1.conv.5" in result.out


def test_json_and_one_self_contained_page(run: Run, bundle: Path, tmp_path: Path) -> None:
    result = run("diagnose", bundle, "--photos", 1, "--json", "--html", tmp_path / "page.html")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert document["status"] == "passed"
    assert document["first_bad"] is None
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert all(link.startswith("#") for link in page.links)  # shapes that a drawing repeats
    assert page.tags.count("svg") == 4
    assert "script" not in page.tags


def test_more_photos_than_the_bundle_holds_are_told_of(run: Run, bundle: Path) -> None:
    result = run("diagnose", bundle, "--photos", 99, "--json")
    held = json.loads(result.out)["photos"]
    assert f"warning: the bundle holds {held} golden samples, not 99" in result.err


def test_an_altered_bundle_is_refused_and_diagnosed_on_request(
    run: Run, bundle: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(bundle, tmp_path / "broken"))
    change_tflite_scale(copy / "model.int8.tflite", "body.0.conv.5", lambda s: s * 2)
    assert run("diagnose", copy).code == 4
    result = run(
        "diagnose", copy, "--altered", "--photos", 1, "--json", "--html", tmp_path / "p.html"
    )
    assert result.code == 1
    told = json.loads(result.out)
    assert told["first_bad"]["tensor"] == "body.0.conv.5"
    for name, digest in told["files"].items():
        held = (copy / f"model.{name}").read_bytes()
        assert digest == hashlib.sha256(held).hexdigest(), "of the file that was diagnosed"
    assert "body.0.conv.5" in result.err
    assert "body.0.conv.5" in (tmp_path / "p.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written(run: Run, bundle: Path) -> None:
    """Told before the walk; where it shows only afterwards, what was found is shown too."""
    result = run("diagnose", bundle, "--photos", 1, "--html", "nowhere/page.html")
    assert (result.code, result.out) == (3, "")
    assert result.err.startswith("error: nowhere/page.html cannot be written")
    full = run("diagnose", bundle, "--photos", 1, "--html", "/dev/full")
    assert full.code == 3
    assert "nothing is broken" in full.out
    assert "No space left" in full.err


def test_overlays_name_the_tensors_that_the_files_operators_write(run, bundle, tmp_path) -> None:
    shown = run("diagnose", bundle, "--photos", 1, "--model-explorer", tmp_path)
    assert shown.code in (0, 1), shown.err
    operations = read_operations(bundle / "model.int8.tflite").operations
    for name in ("own_error", "total_error"):
        told = json.loads((tmp_path / f"model.int8.tflite.{name}.json").read_text())
        assert {one["stop"] for one in told["gradient"]} == {0, 1}
        written = [tensor.name.partition(":")[2] for o in operations for tensor in o.writes]
        assert set(told["results"]) & set(written)
        assert all(math.isfinite(one["value"]) for one in told["results"].values())
    refused = run("diagnose", bundle, "--model-explorer", tmp_path / "none")
    assert refused.code == 3
    assert "is no folder" in refused.err
