"""LiteRT's int8 RESIZE_BILINEAR is judged by its own ten fraction bits, and by nothing looser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from torch import nn
from torch.nn import functional as F

from edgeconv.files.tflite.file import read
from edgeconv.files.tflite.resize_places import bilinear_resizes
from edgeconv.runtime.adapt import app_input
from edgeconv.runtime.litert import LiteRtSession
from edgeconv.runtime.session import SessionOptions
from edgeconv.verify.parity.operators import KeptTensors, check
from edgeconv.verify.thresholds import DEFAULTS
from tests.helpers.small_export import SmallExport, small_export

SIZES = [(33, 47), (7, 9), (96, 96), (200, 150), (31, 1), (1, 5), (64, 48)]


class Resized(nn.Module):
    def __init__(self, size: tuple[int, int], *, align_corners: bool) -> None:
        super().__init__()
        torch.manual_seed(int(align_corners))
        self.before, self.after = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)
        self.size, self.align_corners = size, align_corners

    def forward(self, x):
        x = self.before(x)
        x = F.interpolate(x, self.size, mode="bilinear", align_corners=self.align_corners)
        return self.after(x)


def resized(size: tuple[int, int], align_corners: bool, directory: Path) -> SmallExport:
    return small_export(Resized(size, align_corners=align_corners), (32, 24), directory)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_the_kernels_integers_are_those_of_places_in_1024ths(size, align_corners, tmp_path):
    pair = resized(size, align_corners, tmp_path)
    lite = LiteRtSession(pair.tflite, SessionOptions(kernels="reference", keep_tensors=True))
    lite.run([app_input(lite.inputs[0], pair.images[:1])])
    (resize,) = bilinear_resizes(read(pair.tflite))
    image = lite.read_tensor(resize.read)
    expected = resize._resized(image.astype(np.float64), in_1024ths=True)
    assert np.abs(lite.read_tensor(resize.written) - expected).max() <= 0.5 + 1e-9
    if size == (64, 48) and not align_corners:  # twice as large: ten bits hold it exactly
        assert not resize.explained(image).any()
    assert check(pair.onnx, KeptTensors(pair.tflite), pair.images).stage(DEFAULTS).passed


@pytest.mark.parametrize("mode", ["half_pixel", "asymmetric"])
def test_a_file_that_samples_elsewhere_is_found(mode, tmp_path):
    pair = resized((96, 96), True, tmp_path)
    proto = onnx.load(pair.onnx)
    (node,) = (n for n in proto.graph.node if n.op_type == "Resize")
    (attribute,) = (a for a in node.attribute if a.name == "coordinate_transformation_mode")
    node.attribute.remove(attribute)
    node.attribute.append(helper.make_attribute("coordinate_transformation_mode", mode))
    onnx.save(proto, pair.onnx)
    report = check(pair.onnx, KeptTensors(pair.tflite), pair.images)
    assert report.agreements[0].op_type == "Resize"
    assert not report.stage(DEFAULTS).passed
