"""Class names, in the order of the logits."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from edgeconv.disk import read_bounded
from edgeconv.errors import RefusedError
from edgeconv.nets.spec import LabelSet

LONGEST_LABEL = 1000
"""Characters of a class name."""
_MOST_BYTES = 16 * 2**20


def categories(label_set: LabelSet) -> tuple[str, ...]:
    """The names of ImageNet-1k, Pascal VOC or COCO in the order of torchvision's weights.

    VOC's 21 and COCO's 91 begin with the background; COCO's have "N/A" where its numbers skip one.
    Kept as files of the package, for importing torchvision takes seconds.
    """
    text = resources.files("edgeconv.nets").joinpath(f"{label_set}.txt").read_text("utf-8")
    return tuple(text.splitlines())


def is_label(text: str) -> bool:
    """Whether a class may be called so: in one line, of at most LONGEST_LABEL characters."""
    return len(text.splitlines()) <= 1 and len(text) <= LONGEST_LABEL


def read_labels(path: Path) -> tuple[str, ...]:
    """The names in a text file, a line each.

    Raises:
        FileNotFoundError: there is no such file.
        RefusedError: it cannot be read, is too large, is no UTF-8, or has a line that is too long
            for a name.
    """
    try:
        content = read_bounded(path, _MOST_BYTES)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error
    if content is None:
        raise _refused(path, f"it is larger than {_MOST_BYTES >> 20} MiB")
    try:
        names = tuple(content.decode().splitlines())
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refused(path, f"line {line} is no UTF-8 text") from error
    for line, name in enumerate(names, 1):
        if not is_label(name):
            raise _refused(
                path, f"line {line} has {len(name):,} characters, over {LONGEST_LABEL:,}"
            )
    return names


def _refused(path: Path, why: str) -> RefusedError:
    return RefusedError(f"{path} cannot be read: {why}")
