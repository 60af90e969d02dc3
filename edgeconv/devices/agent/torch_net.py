"""What torch's agent measures: a file that says which net to build, and on what input.

torch needs no file of weights for its time: values do not change how long a convolution takes, so
the net is built with seeded random ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from edgeconv.disk import read_bounded
from edgeconv.documents import NotJson, parse
from edgeconv.errors import RefusedError
from edgeconv.runtime.open import TORCH_SUFFIX

_MOST_BYTES = 64 * 2**10
#: Photos in one inference, at most.
MOST_BATCH = 4096
_MOST_SIDE = 8192
_MOST_CLASSES = 1_000_000


@dataclass(frozen=True)
class TorchNet:
    """A net for torch.

    Attributes:
        target: a registry's name, "path/to/file.py:factory" or "package.module:factory".
        options: options of its definition, or keywords of the factory.
        classes: None is the net's own number.
        height, width: of the photos, in pixels; None is what the net was made for.
        batch: photos in one inference.
        channels_last: whether values lie in memory as NHWC; False is NCHW.
    """

    target: str
    options: Mapping[str, Any] = field(default_factory=dict)
    classes: int | None = None
    height: int | None = None
    width: int | None = None
    batch: int = 1
    channels_last: bool = False

    def write(self, stem: Path) -> Path:
        """Writes the description as a file; gives its path."""
        path = stem.with_name(stem.name + TORCH_SUFFIX)
        path.write_text(json.dumps(asdict(self), sort_keys=True), encoding="utf-8")
        return path


def read(path: Path) -> TorchNet:
    """The net that a file describes; raises RefusedError where it describes none."""
    try:
        content = read_bounded(path, _MOST_BYTES)
        told = None if content is None else parse(content)
    except (OSError, NotJson) as error:
        raise RefusedError(f"{path} cannot be read: {error}") from error
    if (
        not isinstance(told, dict)
        or "target" not in told
        or set(told) - {f.name for f in fields(TorchNet)}
    ):
        raise RefusedError(f"{path} describes no net for torch")
    limits = {
        "height": _MOST_SIDE,
        "width": _MOST_SIDE,
        "classes": _MOST_CLASSES,
        "batch": MOST_BATCH,
    }
    for key, most in limits.items():
        value = told.get(key, 1)
        if value is None and key != "batch":
            continue
        if type(value) is not int or not 1 <= value <= most:
            raise RefusedError(f"{path}: {key} must be 1 to {most}, not {str(value)[:40]!a}")
    types = {"target": str, "options": dict, "channels_last": bool}
    if not all(isinstance(told.get(key, kind()), kind) for key, kind in types.items()):
        raise RefusedError(f"{path} describes no net for torch")
    return TorchNet(**told)
