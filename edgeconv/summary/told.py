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
    return cleaned(found) if isinstance(found, str) else ""


def cleaned(words: str) -> str:
    """Text fit to be shown, cut to 200 characters."""
    return plain(shortened(words[:_LONGEST]))


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


def artifact_of(stage: Any) -> str:
    """The file that a stage of parity is of: "int8.onnx" of "int8.onnx (optimizations off)"."""
    return text(stage, "b").partition(" ")[0]


def format_of(name: str) -> str:
    """ "tflite" or "onnx", by how a file's name ends."""
    return "tflite" if name.endswith("tflite") else "onnx"


def versions(document: Any, *names: str) -> tuple[str, ...]:
    """ "name version" of each member that is text."""
    found = at(document, *names)
    if not isinstance(found, dict):
        return ()
    return tuple(
        f"{cleaned(name)} {text(found, name)}"
        for name in sorted(found)[:40]
        if isinstance(found[name], str)
    )
