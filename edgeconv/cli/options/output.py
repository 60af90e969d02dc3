"""Where results go: files, and stdout in words or as JSON."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Junit = Annotated[
    Path | None, typer.Option(help="Also write the verdicts as JUnit XML.", show_default=False)
]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]


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
