"""A TOML file that says how photos become a net's input, for nets that do not say it themselves.

    input_size = [224, 224]       # height, width
    resize = 256                  # of the short side, before the centre is cut out; or "stretch"
    mean = [0.485, 0.456, 0.406]  # one number is of all channels
    std = [0.229, 0.224, 0.225]
    interpolation = "bilinear"
    labels = ["cat", "dog"]

Every key may be absent: what is missing is the net's own, or stated elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from edgeconv.data.preprocessing import Preprocessing
from edgeconv.data.stated import Stated
from edgeconv.errors import RefusedError, UsageError
from edgeconv.nets.labels import LONGEST_LABEL, is_label
from edgeconv.toml import NotToml, read_toml

_MOST_BYTES = 256 * 2**10
#: A label a line, of as many classes as any list has.
_MOST_LINES = 20_000
_LABELS, _SIZE = "labels", "input_size"


@dataclass(frozen=True)
class StatedFile:
    """What a file says.

    Attributes:
        stated: of the photos and the classes.
        input_size: (height, width) in pixels; None where it is silent.
    """

    stated: Stated = field(default_factory=Stated)
    input_size: tuple[int, int] | None = None


def read_stated(path: Path) -> StatedFile:
    """Reads a file that may hold anything.

    Raises:
        UsageError: there is no such file.
        RefusedError: it cannot be read, is no TOML, has a key that is none, or a value that cannot
            be.
    """
    table = _table(path)
    known = [*(one.name for one in fields(Preprocessing)), _LABELS]
    unknown = [key for key in table if key not in known]
    if unknown:
        raise RefusedError(
            f"{path}: {unknown[0][:60]!a} is no key of it; known: {', '.join(known)}"
        )
    labels = _labels(path, table.pop(_LABELS, None))
    channels = next((table[key] for key in ("mean", "std") if key in table), [1] * 3)
    silent = [1] * len(channels) if isinstance(channels, list) else channels
    try:
        checked = Preprocessing.from_json({"mean": silent, "std": silent, **table})
    except RefusedError as error:
        raise RefusedError(f"{path}: {error}") from error
    stated = {name: getattr(checked, name) for name in table if name != _SIZE}
    return StatedFile(
        Stated(**stated, labels=labels), checked.input_size if _SIZE in table else None
    )


def _table(path: Path) -> dict[str, Any]:
    try:
        return read_toml(path, _MOST_BYTES, most_lines=_MOST_LINES, longest_line=_MOST_BYTES)
    except NotToml as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise UsageError(f"{path}: there is no such file") from error
        raise RefusedError(f"{path} {error}") from error


def _labels(path: Path, given: Any) -> tuple[str, ...] | None:
    if given is None:
        return None
    is_list = isinstance(given, list) and bool(given)
    if not is_list or not all(isinstance(one, str) and is_label(one) for one in given):
        raise RefusedError(
            f"{path}: labels must be a list of texts, each in one line and of at most "
            f"{LONGEST_LABEL:,} characters"
        )
    return tuple(given)
