"""Keypoints in COCO's JSON form (https://cocodataset.org/#format-data), of one thing on each photo.

Read are `images` as in `coco`, and of `annotations` image_id, keypoints ([x, y, v] of each point, v
0 where it is not marked), area (pixels) and iscrowd. Photos on which no point is marked are passed
over, groups (iscrowd 1) too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.data.annotations.coco import (
    integer_of,
    is_length,
    read_document,
    read_pictures,
)
from edgeconv.data.annotations.numbers import NumbersTable
from edgeconv.errors import RefusedError


@dataclass(frozen=True, eq=False)
class SizedPoints:
    """Points of photos.

    Attributes:
        table: x and y of each point; NaN where it is not marked.
        areas: of the thing that they are of, in the photo's pixels, (photos,).
    """

    table: NumbersTable
    areas: NDArray[np.float64]

    def of(self, photos: Sequence[Path]) -> SizedPoints:
        """Those of some of the photos, these in their order."""
        places = {photo: place for place, photo in enumerate(self.table.photos)}
        return SizedPoints(self.table.of(photos), self.areas[[places[photo] for photo in photos]])


def read_sized_points(path: Path, folder: Path) -> SizedPoints:
    """Annotated points of the photos in a folder.

    Raises:
        UsageError: the file is missing or cannot be opened.
        RefusedError: it is no such JSON, contradicts itself, names photos that are not there, or
            several things on one photo.
    """
    document = read_document(path)
    photos = {one.number: one.path for one in read_pictures(path, document, folder)}
    found: dict[Path, tuple[NDArray[np.float64], float]] = {}
    for index, one in enumerate(document["annotations"]):
        where = f"{path}, annotations[{index}]"
        number = integer_of(where, one, "image_id")
        if number not in photos:
            raise RefusedError(f"{where}: image_id {number} is none of the images")
        points = _points(where, one)
        if one.get("iscrowd", 0) or np.isnan(points).all():
            continue
        photo = photos[number]
        if photo in found:
            raise RefusedError(
                f"{where}: {photo} has points of several things; nets that give one set of points "
                "are judged on photos of one, such as crops"
            )
        area = one.get("area")
        if not is_length(area) or area <= 0:
            raise RefusedError(f"{where}: area is above 0, in the photo's pixels")
        found[photo] = points, float(area)
    return _joined(path, found)


def _points(where: str, entry: dict[str, Any]) -> NDArray[np.float64]:
    """(2 * points,): x and y of each, NaN where it is not marked."""
    given = entry.get("keypoints")
    if not isinstance(given, list) or not given or len(given) % 3 or not all(map(is_length, given)):
        raise RefusedError(f"{where}: keypoints is no list of x, y and v of each point")
    rows = np.array(given, np.float64).reshape(-1, 3)
    return np.where(rows[:, 2:] > 0, rows[:, :2], np.nan).reshape(-1)


def _joined(path: Path, found: dict[Path, tuple[NDArray[np.float64], float]]) -> SizedPoints:
    counts = sorted({len(points) // 2 for points, _ in found.values()})
    if len(counts) != 1:
        many = f"{counts[0]} and {counts[-1]} points" if counts else "no point that is marked"
        raise RefusedError(f"{path} has {many}; each annotation has the same points, some marked")
    columns = tuple(f"{axis}{point}" for point in range(counts[0]) for axis in "xy")
    values = np.stack([points for points, _ in found.values()])
    areas = np.array([area for _, area in found.values()])
    return SizedPoints(NumbersTable(columns, tuple(found), values), areas)
