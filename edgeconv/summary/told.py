"""Values of JSON documents that may come from anywhere: of the right kind, or None."""

from __future__ import annotations

import math
from typing import Any

from edgeconv.runtime.plain import plain, shortened

#: A name of a net, a file or a photo.
_LONGEST = 200


def at(document: Any, *names: str) -> Any:
    """A member of a member; None where there is none."""
    for name in names:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def listed(document: Any, *names: str) -> list[Any]:
    """A list among the members; empty where there is none."""
    found = at(document, *names)
    return found if isinstance(found, list) else []


def text(document: Any, *names: str) -> str:
    """Text, cleaned and cut to 200 characters; "" where there is none."""
    found = at(document, *names)
    return plain(shortened(found[:_LONGEST])) if isinstance(found, str) else ""


def number(document: Any, *names: str) -> float | None:
    """A finite number; None where there is none."""
    found = at(document, *names)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return None
    return float(found)


def whole(document: Any, *names: str) -> int | None:
    """A whole number from 0 to 2^63; None where there is none."""
    found = at(document, *names)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found < 2**63:
        return None
    return found


def versions(document: Any, *names: str) -> tuple[str, ...]:
    """ "name version" of each member that is text."""
    found = at(document, *names)
    if not isinstance(found, dict):
        return ()
    return tuple(
        f"{text({'name': name}, 'name')} {text(found, name)}"
        for name in sorted(found)[:40]
        if isinstance(found[name], str)
    )
