"""Thumbnails of the photos on which files and float differ."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from edgeconv.errors import RefusedError
from edgeconv.summary.row import Answer

_SIDE = 128
#: Photos of a row, and bytes of all of the page's.
_MOST_OF_A_ROW = 12
_MOST_BYTES = 8 * 2**20


@dataclass(frozen=True)
class Shown:
    """A photo: its name and answers, and its picture as an address; "" where it is not shown."""

    name: str
    label: str
    reference: str
    told: str
    image: str = ""
    width: int = 0
    height: int = 0


@dataclass(eq=False)
class Photos:
    """Those of a folder, each made small once.

    Attributes:
        folder: where they are; None where none are shown.
    """

    folder: Path | None
    _made: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    _bytes: int = 0

    def of(self, answers: Iterable[Answer]) -> tuple[Shown, ...]:
        """The first of a row's."""
        few = list(answers)[:_MOST_OF_A_ROW]
        return tuple(
            Shown(one.photo, one.label, one.reference, one.told, *self._small(one.photo))
            for one in few
        )

    def _small(self, name: str) -> tuple[str, int, int]:
        if self.folder is None:
            return "", 0, 0
        if name not in self._made:
            self._made[name] = self._thumbnail(self.folder, name)
        return self._made[name]

    def _thumbnail(self, folder: Path, name: str) -> tuple[str, int, int]:
        """A small JPEG; nothing of what is no photo of the folder, or past the page's size."""
        from edgeconv.data.images import load_image

        path = folder / name
        inside = path.resolve().is_relative_to(folder.resolve())
        if not inside or not path.is_file() or self._bytes > _MOST_BYTES:
            return "", 0, 0
        try:
            photo = load_image(path)
        except RefusedError:
            return "", 0, 0
        photo.thumbnail((_SIDE, _SIDE))
        out = io.BytesIO()
        photo.save(out, "JPEG", quality=75)
        self._bytes += out.tell()
        address = "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()
        return address, photo.width, photo.height
