"""Where results go: files, and stdout in words or as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer

JSON = typer.Option(False, "--json", help="Print one JSON document and nothing else.")
JUNIT = typer.Option(None, help="Also write the verdicts as JUnit XML.")
FORCE = typer.Option(False, "--force", help="Replace what is there.")


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
