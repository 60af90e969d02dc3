"""Where results go: files, and stdout in words or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import typer

from edgeconv.report.console import say

JSON = typer.Option(False, "--json", help="Print one JSON document and nothing else.")
JUNIT = typer.Option(None, help="Also write the verdicts as JUnit XML.")
MARKDOWN = typer.Option(None, help="Also write the tables as Markdown.")
FORCE = typer.Option(False, "--force", help="Replace what is there.")


@dataclass(frozen=True)
class Found:
    """What was found of one target: all of it as plain values, and what prints it for people."""

    target: str
    document: dict[str, Any]
    in_words: Callable[[], None]


def show_each(found: Sequence[Found], *, as_json: bool) -> None:
    """Shows what was found of a single target, or of several by their names."""
    documents = [{"bundle": one.target, **one.document} for one in found]
    document = documents[0] if len(found) == 1 else {"bundles": documents}
    show(document, lambda: _in_words(found), as_json=as_json)


def _in_words(found: Sequence[Found]) -> None:
    for one in found:
        if len(found) > 1:
            say(f"{one.target}:")
        one.in_words()


def show(document: Any, in_words: Callable[[], None], *, as_json: bool) -> None:
    """Shows a verb's result on stdout.

    Args:
        document: all of it, for `--json`; what `edgeconv.report.jsondoc` can write.
        in_words: prints it for people.
        as_json: which of the two.
    """
    if not as_json:
        in_words()
        return
    from edgeconv.report import jsondoc

    jsondoc.show(document)
