"""Boxes on photos in COCO's JSON form (https://cocodataset.org/#format-data), of any origin.

Read are `images` (id, file_name, and width and height where they stand there), `categories` (id,
name) and of `annotations` image_id, category_id, bbox ([x, y, width, height] in the photo's
pixels), area (width x height where it is not there) and iscrowd (0 where it is not there). Other
members, such as outlines, are passed over.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeconv.data.images import upright_size
from edgeconv.data.named_files import LONGEST_SHOWN, inside, is_file, require_none_missing
from edgeconv.disk import read_bounded
from edgeconv.documents import NotJson, parse
from edgeconv.errors import RefusedError, UsageError

_MOST_BYTES = 512 * 2**20
_MOST_VALUES = 32_000_000
_LARGEST_CATEGORY = 1_000_000


@dataclass(frozen=True)
class Picture:
    """A photo that was annotated.

    Attributes:
        number: its id.
        path: the file.
        size: (width, height) that the annotations say it has; None where they do not.
    """

    number: int
    path: Path
    size: tuple[int, int] | None

    def checked_size(self) -> tuple[int, int]:
        """(width, height) of the upright photo; raises RefusedError where it is not as annotated.

        Raises:
            ImageRefused: the photo cannot be read.
        """
        found = upright_size(self.path)
        if self.size not in (None, found):
            width, height = self.size or found
            raise RefusedError(
                f"{self.path} has {found[0]} x {found[1]} pixels, its annotations are of {width} x "
                f"{height}: they are of another photo"
            )
        return found


@dataclass(frozen=True)
class Box:
    """What was marked on a photo.

    Attributes:
        picture, category: ids.
        bbox: x, y, width, height in the photo's pixels.
        area: in pixels; of the outline where there was one.
        is_crowd: whether it is a group that is not to be found one by one.
    """

    picture: int
    category: int
    bbox: tuple[float, float, float, float]
    area: float
    is_crowd: bool


@dataclass(frozen=True)
class Coco:
    """Photos, the kinds of things on them, and where these are.

    Attributes:
        pictures: in the file's order.
        categories: name by id.
        boxes: in the file's order.
    """

    pictures: tuple[Picture, ...]
    categories: Mapping[int, str]
    boxes: tuple[Box, ...]

    def of(self, photos: Sequence[Path]) -> Coco:
        """What is annotated on some of the photos, these in their order."""
        by_path = {picture.path: picture for picture in self.pictures}
        pictures = tuple(by_path[photo] for photo in photos)
        numbers = {picture.number for picture in pictures}
        boxes = tuple(box for box in self.boxes if box.picture in numbers)
        return Coco(pictures, self.categories, boxes)


def read_coco(path: Path, folder: Path) -> Coco:
    """Annotations of the photos in a folder; photos that they do not name are passed over.

    Raises:
        UsageError: the file is missing or cannot be opened.
        RefusedError: it is no such JSON, contradicts itself, or names photos that are not there.
    """
    document = read_document(path)
    pictures = tuple(read_pictures(path, document, folder))
    categories = dict(_categories(path, document))
    boxes = tuple(_boxes(path, document, {one.number for one in pictures}, categories))
    return Coco(pictures, categories, boxes)


def read_document(path: Path) -> dict[str, Any]:
    """The lists of a file of COCO's form; raises as `read_coco`."""
    try:
        content = read_bounded(path, _MOST_BYTES)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}; give annotations in COCO's JSON form"
        ) from error
    if content is None:
        raise RefusedError(f"{path} is too large, the limit is {_MOST_BYTES:,} bytes")
    try:
        document = parse(content, _MOST_VALUES)
    except NotJson as error:
        raise RefusedError(f"{path} is no JSON ({error}); it must be COCO's") from error
    lists = ("images", "annotations", "categories")
    if not isinstance(document, dict) or not all(
        isinstance(document.get(name), list) for name in lists
    ):
        raise RefusedError(
            f"{path} is not of COCO's form: an object with the lists {', '.join(lists)}"
        )
    return document


def read_pictures(path: Path, document: dict[str, Any], folder: Path) -> Iterator[Picture]:
    """The photos that it names; raises RefusedError as `read_coco`."""
    numbers, photos, missing = set(), set(), []
    for index, image in enumerate(document["images"]):
        where = f"{path}, images[{index}]"
        number, name = integer_of(where, image, "id"), _text(where, image, "file_name")
        photo = folder / inside(where, name)
        if number in numbers:
            raise RefusedError(f"{where}: the id {number} stands twice")
        if photo in photos:
            raise RefusedError(f"{where}: the photo {name[:LONGEST_SHOWN]} stands twice")
        numbers.add(number)
        photos.add(photo)
        size = None
        if "width" in image or "height" in image:
            size = (integer_of(where, image, "width"), integer_of(where, image, "height"))
        if not is_file(photo):
            missing.append(name)
        yield Picture(number, photo, size)
    require_none_missing(path, folder, missing)
    if not numbers:
        raise RefusedError(f"{path} names no photo")


def _categories(path: Path, document: dict[str, Any]) -> Iterator[tuple[int, str]]:
    numbers = set()
    for index, category in enumerate(document["categories"]):
        where = f"{path}, categories[{index}]"
        number, name = integer_of(where, category, "id"), _text(where, category, "name")
        if number in numbers:
            raise RefusedError(f"{where}: the id {number} stands twice")
        if not 0 <= number <= _LARGEST_CATEGORY:
            raise RefusedError(f"{where}: the id {number} is not 0 to {_LARGEST_CATEGORY:,}")
        numbers.add(number)
        yield number, name


def _boxes(
    path: Path, document: dict[str, Any], pictures: set[int], categories: Mapping[int, str]
) -> Iterator[Box]:
    for index, one in enumerate(document["annotations"]):
        where = f"{path}, annotations[{index}]"
        picture, category = (integer_of(where, one, key) for key in ("image_id", "category_id"))
        if picture not in pictures:
            raise RefusedError(f"{where}: image_id {picture} is none of the images")
        if category not in categories:
            raise RefusedError(f"{where}: category_id {category} is none of the categories")
        bbox = one.get("bbox")
        if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(is_length, bbox)):
            raise RefusedError(f"{where}: bbox is no [x, y, width, height] in pixels")
        x, y, width, height = map(float, bbox)
        area = one.get("area", width * height)
        if not is_length(area) or min(width, height, area) < 0:
            raise RefusedError(f"{where}: width, height and area are 0 or more")
        crowd = one.get("iscrowd", 0)
        if crowd not in (0, 1):
            raise RefusedError(f"{where}: iscrowd is 0 or 1")
        yield Box(picture, category, (x, y, width, height), float(area), bool(crowd))


def integer_of(where: str, entry: Any, key: str) -> int:
    """A whole number; raises RefusedError where it is none."""
    value = entry.get(key) if isinstance(entry, dict) else None
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**53:
        raise RefusedError(f"{where}: {key} is no whole number")
    return value


def _text(where: str, entry: dict[str, Any], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise RefusedError(f"{where}: {key} is no text")
    return value


def is_length(value: Any) -> bool:
    """Whether it is a number that pixels of a photo may have."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and abs(value) < 1e9
