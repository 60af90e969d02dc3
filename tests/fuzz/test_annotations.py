"""Damaged annotations, masks and descriptions of heads: read, or refused in one line."""

from __future__ import annotations

import io
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeconv.data.annotations.coco import read_coco
from edgeconv.data.annotations.masks import MaskedPhoto, load_mask
from edgeconv.data.annotations.numbers import read_numbers
from edgeconv.data.annotations.pairs import read_pairs
from edgeconv.documents import NotJson, parse
from edgeconv.errors import RefusedError, UsageError
from edgeconv.toml import NotToml, parse_toml
from edgeconv.verify.tasks.head_file import read_head, read_point_head
from edgeconv.verify.tasks.heads import category_ids
from tests.helpers.mutations import mutated, mutated_json, refuses_or_reads

COCO = {
    "images": [
        {"id": 1, "file_name": "a.png", "width": 4, "height": 4},
        {"id": 9, "file_name": "b.png"},
    ],
    "categories": [{"id": 1, "name": "cat"}, {"id": 5, "name": "dog"}],
    "annotations": [
        {"id": 0, "image_id": 1, "category_id": 5, "bbox": [0, 1, 2.5, 3], "iscrowd": 0},
        {"id": 1, "image_id": 9, "category_id": 1, "bbox": [0, 1, 2, 3], "area": 4.5},
    ],
}
NUMBERS = b"file,x,y\r\na.png,1.5,-2e1\r\nb.png,,7\r\n"
PAIRS = b"file_a,file_b,same\r\na.png,b.png,1\r\nb.png,a.png,0\r\n"
HEAD = b"""categories = ["cat", "dog"]
layout = "values-first"
[boxes]
output = "o"
columns = [0, 4]
[scores]
output = "o"
columns = [4, 7]
activation = "softmax"
background = 0
[select]
nms_iou = 0.5
least_score = 1e-3
most = 100
"""
POINTS = b'[keypoints]\noutput = "o"\nform = "xy"\nunit = "share"\n'


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (4, 4)).save(folder / name)
    return folder


def test_damaged_annotations_are_read_or_refused(
    photos: Path, tmp_path: Path, numbers: range
) -> None:
    path = tmp_path / "coco.json"
    for seed in numbers:
        path.write_bytes(mutated_json(COCO, seed))
        refuses_or_reads(lambda: read_coco(path, photos), RefusedError, UsageError)
        path.write_bytes(mutated([json.dumps(COCO).encode()], seed))
        refuses_or_reads(lambda: read_coco(path, photos), RefusedError, UsageError)


def test_damaged_tables_are_read_or_refused(photos: Path, tmp_path: Path, numbers: range) -> None:
    path, listed = tmp_path / "labels.csv", [photos / "a.png", photos / "b.png"]
    for seed in numbers:
        path.write_bytes(mutated([NUMBERS], seed))
        refuses_or_reads(lambda: read_numbers(path, photos), RefusedError, UsageError)
        path.write_bytes(mutated([PAIRS], seed))
        refuses_or_reads(lambda: read_pairs(path, photos, listed), RefusedError, UsageError)


def test_damaged_heads_are_read_or_refused(numbers: range) -> None:
    named = {1: "cat", 5: "dog"}
    for seed in numbers:
        for text, read in ((HEAD, read_head), (POINTS, read_point_head)):
            try:
                table = parse_toml(mutated([text], seed))
            except NotToml:
                continue
            refuses_or_reads(lambda read=read, table=table: read(table), UsageError)
        try:
            table = parse(mutated_json(tomllib.loads(HEAD.decode()), seed))
        except NotJson:
            continue
        if isinstance(table, dict):
            refuses_or_reads(
                lambda table=table: category_ids(read_head(table), 3, named, [1, 5]), UsageError
            )


def test_damaged_masks_are_read_or_refused(photos: Path, tmp_path: Path, numbers: range) -> None:
    content = io.BytesIO()
    Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4) % 3).save(content, "PNG")
    path = tmp_path / "mask.png"
    for seed in numbers:
        path.write_bytes(mutated([content.getvalue()], seed))
        pair = MaskedPhoto(photos / "a.png", path)
        refuses_or_reads(lambda pair=pair: load_mask(pair, 3), RefusedError)
