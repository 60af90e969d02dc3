"""Words on the command line to values, with errors that say what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from edgeconv.documents import NotJson, parse
from edgeconv.errors import UsageError

_LARGEST_SIZE = 8192
_MOST_DIGITS = 9


def input_size(text: str | None) -> tuple[int, int] | None:
    """(height, width) from "224" or "192x256" (height x width)."""
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isdigit() for part in parts):
        raise UsageError(f"--input-size {text} is no size; write 224, or 192x256 (height x width)")
    sides = [int(part) for part in parts]
    if not all(1 <= side <= _LARGEST_SIZE for side in sides):
        raise UsageError(f"--input-size {text}: each side must be 1 to {_LARGEST_SIZE} pixels")
    return sides[0], sides[-1]


def net_options(pairs: list[str]) -> dict[str, Any]:
    """{"width": 0.75} from ["width=0.75"]; a value that is no JSON is a string."""
    options: dict[str, Any] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise UsageError(f"--net-option {pair[:80]} is no NAME=VALUE, such as width=0.75")
        try:
            options[name] = parse(value)
        except NotJson:
            options[name] = value
    return options


def channels(option: str, text: str | None) -> tuple[float, ...] | None:
    """(0.485, 0.456, 0.406) from "0.485,0.456,0.406"; one number alone is of all channels."""
    if text is None:
        return None
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, 3, 4):
        raise UsageError(f"{option} {text[:80]} is no R,G,B, such as 0.485,0.456,0.406")
    return numbers


def resize(option: str, text: str | None) -> int | Literal["stretch"] | None:
    """256 from "256"; the word "stretch" as it is."""
    if text is None:
        return None
    if text == "stretch":
        return "stretch"
    if not text.isascii() or not text.isdigit() or len(text) > _MOST_DIGITS:
        raise UsageError(f"{option} {text[:80]} is no number of pixels, such as 256, nor stretch")
    return int(text)


def integers(option: str, text: str, *, low: int, high: int) -> list[int]:
    """[1, 4] from "1,4"."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"{option} {text} is no list of integers such as 1,4") from None
    if not all(low <= number <= high for number in numbers):
        raise UsageError(f"{option} {text}: {low} to {high} are allowed")
    _check_single(option, text, numbers)
    return numbers


def words(option: str, text: str) -> tuple[str, ...]:
    """("onnx", "tflite") from "onnx,tflite"."""
    listed = [part.strip() for part in text.split(",")]
    if not all(listed):
        raise UsageError(f"{option} {text}: a word is missing beside the comma")
    _check_single(option, text, listed)
    return tuple(listed)


def _check_single(option: str, text: str, values: Sequence[object]) -> None:
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise UsageError(f"{option} {text} names {twice} twice")
