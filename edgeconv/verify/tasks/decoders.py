"""What `--decode` names: a TOML that says how outputs are read, or a function that reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeconv.errors import UnknownName, UsageError
from edgeconv.toml import NotToml, read_toml

if TYPE_CHECKING:
    from edgeconv.data.annotations.coco import Coco
    from edgeconv.runtime.session import TensorSpec
    from edgeconv.verify.tasks.heads import Decode, Head
    from edgeconv.verify.tasks.keypoints import DecodePoints

_MOST_BYTES = 64 * 2**10
_MOST_LINES = 8_000
"""A category a line."""


def read_decoder(word: str, truth: Coco) -> Callable[[Sequence[TensorSpec]], Decode]:
    """What makes the decoder of boxes for a net's outputs.

    Raises:
        UsageError: the file is missing or says what cannot be; later, that it is not of these
            outputs or annotations.
        NetRefused: the user's code raised.
    """
    if _is_function(word):
        from edgeconv.nets.user_function import load_user_function
        from edgeconv.verify.tasks.detection import decoded_by

        decode = decoded_by(load_user_function(word), f"--decode {word}")
        return lambda _: decode
    from edgeconv.verify.tasks.head_file import read_head

    head = read_head(_document(Path(word)))
    return lambda outputs: _decoder(head, outputs, truth)


@dataclass(frozen=True)
class PointDecoder:
    """What makes the decoder of points for a net's outputs, and the points' sigmas, if told."""

    of: Callable[[Sequence[TensorSpec]], DecodePoints]
    sigmas: tuple[float, ...] | None = None


def read_point_decoder(word: str) -> PointDecoder:
    """The same for keypoints."""
    if _is_function(word):
        from edgeconv.nets.user_function import load_user_function
        from edgeconv.verify.tasks.keypoints import points_by

        decode = points_by(load_user_function(word), f"--decode {word}")
        return PointDecoder(lambda _: decode)
    from edgeconv.verify.tasks.head_file import read_point_head

    head = read_point_head(_document(Path(word)))

    def of(outputs: Sequence[TensorSpec]) -> DecodePoints:
        _require_outputs([head.output], outputs)
        return head

    return PointDecoder(of, head.sigmas)


def _is_function(word: str) -> bool:
    """Whether a function is named, and no TOML; raises UsageError where it is neither."""
    if ".py:" not in word and not word.endswith(".toml"):
        raise UsageError(f"--decode {word}: give a .toml, or FILE.py:function")
    return ".py:" in word


def _document(path: Path) -> dict[str, object]:
    try:
        return read_toml(path, _MOST_BYTES, most_lines=_MOST_LINES, longest_line=_MOST_BYTES)
    except NotToml as error:
        raise UsageError(f"--decode {path} {error}") from error


def _decoder(head: Head, outputs: Sequence[TensorSpec], truth: Coco) -> Decode:
    from edgeconv.verify.tasks.heads import Decoder, category_ids, score_columns

    _require_outputs([field.output for field in head.fields()], outputs)
    shapes = {spec.name: spec.shape for spec in outputs}
    annotated = sorted({box.category for box in truth.boxes})
    classes = score_columns(head, shapes)
    return Decoder(head, category_ids(head, classes, truth.categories, annotated))


def _require_outputs(names: Sequence[str], outputs: Sequence[TensorSpec]) -> None:
    known = [spec.name for spec in outputs]
    for name in names:
        if name not in known:
            raise UnknownName(
                "output of the net (from --decode)", name, known, f"It has {', '.join(known)}"
            )
