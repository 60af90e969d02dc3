"""Trained weights load and see what is on real photos."""

from __future__ import annotations

import csv

import pytest
import torch
from PIL import Image

from edgeconv.data.preprocessing import crop_pixels, normalize
from edgeconv.errors import WeightsRefused
from edgeconv.nets.labels import categories
from edgeconv.nets.load import load_net
from tests.conftest import RealData

PHOTOS = 20


@pytest.mark.parametrize(
    ("name", "file", "at_least"),
    [
        ("mobilenet_v2", "mobilenet_v2", 15),
        ("mobilenet_v1", "mobilenet_v1_075", 11),
        ("squeezenet1_1", "squeezenet1_1", 9),
    ],
)
def test_real_photos_are_named_right(
    name: str, file: str, at_least: int, real_data: RealData
) -> None:
    net = load_net(name, weights=str(real_data.weights / f"{file}.safetensors"))
    assert net.labels == categories("imagenet1k")
    with (real_data.validation.parent / "validation.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))[:PHOTOS]
    photos = torch.stack(
        [
            torch.from_numpy(normalize(crop_pixels(image, net.preprocessing), net.preprocessing))
            for image in (Image.open(real_data.validation / row["file"]) for row in rows)
        ]
    )
    with torch.inference_mode():
        found = net.module(photos).argmax(1)
    right = int((found == torch.tensor([int(row["label"]) for row in rows])).sum())
    assert right >= at_least


def test_real_weights_of_another_net_are_refused(real_data: RealData) -> None:
    path = real_data.weights / "squeezenet1_1.safetensors"
    with pytest.raises(WeightsRefused, match="weights of squeezenet1_1, not of mobilenet_v2"):
        load_net("mobilenet_v2", weights=str(path))
