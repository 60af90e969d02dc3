"""Words on the command line to values, with errors that say what is allowed."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeconv.errors import UsageError
from edgeconv.nets.registry import NETS

_LARGEST_SIZE = 8192
_A_BUNDLE = (
    "a bundle is a directory that `edgeconv export NET --int8` writes, given by its path or its "
    "net's name"
)


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
            raise UsageError(f"--net-option {pair} is no NAME=VALUE, such as width=0.75")
        try:
            options[name] = json.loads(value)
        except json.JSONDecodeError:
            options[name] = value
    return options


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


def bundle_directory(target: str, out: Path | None = None) -> Path:
    """The bundle a NET, or a path, stands for; `out` overrides where a NET's bundle is looked for.

    A path wins over a name. A net's bundle is `./NET`, or `./NET-untrained` where only that exists.
    """
    from edgeconv.export.bundle.manifest import FILE_NAME
    from edgeconv.export.bundle.staging import recover

    if not target:
        raise UsageError(f"an empty name is no bundle; {_A_BUNDLE}")
    name = Path(target)
    untrained = name.parent / f"{name.name}-untrained"
    for candidate in (out or name, untrained):
        recover(candidate.absolute())
        if (candidate / FILE_NAME).is_file():
            return candidate
    looked = out or name
    if looked.is_dir():
        what = f"holds no {FILE_NAME}" if any(looked.iterdir()) else "is empty"
        raise UsageError(f"{looked} is no bundle: it {what}; {_A_BUNDLE}")
    if looked.exists():
        raise UsageError(f"{looked} is a file, no bundle; {_A_BUNDLE}")
    if target in NETS:
        raise UsageError(
            f"there is no bundle at {looked}; export it first: edgeconv export {target} --int8"
        )
    raise UsageError(f"there is no bundle at {looked}{_near(name)}; {_A_BUNDLE}")


def _near(name: Path) -> str:
    """A question after bundles beside it, or nets, whose names come near; or nothing."""
    from edgeconv.export.bundle.manifest import FILE_NAME

    beside = name.parent.iterdir() if name.parent.is_dir() else ()
    bundles = [each.name for each in beside if (each / FILE_NAME).is_file()]
    near = difflib.get_close_matches(name.name, [*bundles, *NETS], n=3, cutoff=0.6)
    return f" (did you mean {' or '.join(near)}?)" if near else ""
