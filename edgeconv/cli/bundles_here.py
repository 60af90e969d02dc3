"""What a verb takes that was given no target: the bundles in the current directory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import typer

from edgeconv.errors import UsageError


def given_or_here(targets: Sequence[str]) -> list[str]:
    """The targets, or where there is none every bundle here, which is told on stderr.

    The current directory comes first where it is a bundle itself, then its sub-directories by name;
    hidden ones are exports at work.

    Raises:
        UsageError: no target, and no bundle here.
    """
    if targets:
        return list(targets)
    here = Path()
    below = sorted(path for path in here.iterdir() if not path.name.startswith("."))
    found = [str(path) for path in (here, *below) if _is_bundle(path)]
    if not found:
        raise UsageError(
            "no target was given, and there is no bundle in the current directory; make one with "
            "`edgeconv export mobilenet_v2 --int8`, or name a bundle"
        )
    typer.echo(f"of the current directory: {', '.join(found)}", err=True)
    return found


def _is_bundle(directory: Path) -> bool:
    """Whether it has a manifest; other tools' documents of that name are none."""
    from edgeconv.export.bundle.manifest import FILE_NAME

    try:
        document = json.loads((directory / FILE_NAME).read_text(encoding="utf-8"))
    except OSError:
        return False
    except (ValueError, RecursionError):
        return True  # damaged: whoever opens it says so
    return isinstance(document, dict) and isinstance(document.get("files"), dict)
