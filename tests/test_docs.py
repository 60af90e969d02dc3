"""Pages are found and their links lead somewhere."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(?:#[^)\s]*)?\)")
PACKAGES = {path.parent.relative_to(ROOT / "edgeconv") for path in ROOT.glob("edgeconv/**/*.py")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    links = LINK.findall(page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_index_links_every_page() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / link).resolve() for link in LINK.findall(index.read_text("utf-8"))}
    assert [
        str(page) for page in PAGES if page.parent != ROOT and page not in linked | {index}
    ] == []


def test_the_architecture_names_every_room() -> None:
    rooms = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    named = set(re.findall(r"`([a-z_]+)`", rooms))
    assert {package.parts[0] for package in PACKAGES if package.parts} - named == set()


def test_the_paths_that_the_architecture_names_are_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    paths = re.findall(r"`((?:[a-z_0-9]+/)+(?:[a-z_0-9]+\.py)?)`", text)
    missing = {p for p in paths if not ((ROOT / "edgeconv" / p).exists() or (ROOT / p).exists())}
    assert missing == set()


def test_the_table_of_operators_is_the_one_that_the_command_writes() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "operator_table.py"))
    page = made["PAGE"].read_text("utf-8")
    assert made["with_table"](page) == page, "python docs/operator_table.py writes it anew"
    outdated = page.replace("| Softmax |", "| Hardmax |", 1)
    assert outdated != page
    assert made["with_table"](outdated) == page
