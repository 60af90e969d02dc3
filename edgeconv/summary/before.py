"""The report that another is compared with."""

from __future__ import annotations

from pathlib import Path

from edgeconv.errors import RefusedError, UsageError
from edgeconv.summary import form
from edgeconv.summary.collect import collect
from edgeconv.summary.read import load
from edgeconv.summary.row import Collection


def read_before(path: Path) -> Collection:
    """What `report --json` wrote, or what a document or a folder tells.

    Raises:
        UsageError: there is none, or it tells nothing.
        RefusedError: it is damaged.
    """
    if not path.is_dir() and path.exists():
        try:
            told = load(path)
            if form.KEY in told:
                return form.collection(told)
        except RefusedError as error:
            raise RefusedError(f"--baseline {path}: {error}") from error
    found = collect([path])
    if not found.rows:
        why = f": {found.unread[0].why}" if found.unread else ""
        raise UsageError(f"--baseline {path} tells of no file{why}")
    return found
