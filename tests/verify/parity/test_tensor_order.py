"""Tensors whose axes have one size are compared in the order in which they lie, never by shape."""

from __future__ import annotations

import json

import onnx
import pytest
import torch
from onnx import helper
from torch import nn
from torch.nn import functional as F

from edgeconv.errors import ArtifactRefused
from edgeconv.files.tflite.file import read
from edgeconv.files.tflite.tensor_order import orders
from edgeconv.verify.parity.operators import KeptTensors, check
from edgeconv.verify.thresholds import DEFAULTS
from tests.helpers.small_export import small_export


class Of(nn.Module):
    """A function behind a convolution to (1, 8, 8, 8), where no axis can be told by its size."""

    def __init__(self, forward) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 8, 4, 4)
        self.row = nn.Linear(8, 8)
        self.all = nn.Linear(512, 5)
        self.norm = nn.GroupNorm(2, 8)
        self._forward = forward

    def forward(self, x):
        return self._forward(self, F.relu(self.conv(x) + 0.3))


CUBES = {
    "mean of the last axis": lambda s, x: s.row(x.mean(-1).amax(-1)),
    "mean of the rows": lambda s, x: s.row(x.mean(2).amax(-1)),
    "mean of the channels": lambda s, x: s.row(x.mean(1).amax(-1)),
    "tokens": lambda s, x: s.row(x.flatten(2).transpose(1, 2)).mean(1),
    "tokens, by channel": lambda s, x: torch.sigmoid(x.flatten(2)).amax(-1),
    "channels behind the columns": lambda s, x: s.row(x.permute(0, 2, 3, 1)).amax((1, 2)),
    "columns and channels swapped": lambda s, x: s.conv.weight.mean() + x.transpose(1, 3).relu(),
    "rows and columns swapped": lambda s, x: torch.sigmoid(x.transpose(2, 3)) * x,
    "two halves of the channels": lambda s, x: torch.sigmoid(x.unflatten(1, (2, 4))).sum(1),
    "eight by eight by eight by eight": lambda s, x: torch.sigmoid(
        x.unflatten(1, (8, 1)) + x.unsqueeze(1)
    ).amax((1, 3)),
    "split attention": lambda s, x: (
        torch.softmax(x.mean((2, 3)).view(1, 2, 4), 1).view(1, 2, 4, 1, 1) * x.view(1, 2, 4, 8, 8)
    ).sum(1),
    "a shared GroupNorm": lambda s, x: (F.relu(s.norm(x)), F.relu(s.norm(F.max_pool2d(x, 2)))),
    "concatenated rows": lambda s, x: torch.cat([x.mean(-1), torch.sigmoid(x.amax(-1))], 2).amax(1),
    "attention of few to all places": lambda s, x: (
        torch.softmax(s.row.weight[:4] @ x.flatten(2), -1) @ x.flatten(2).transpose(1, 2)
    ),
    "attention among channels": lambda s, x: (
        torch.softmax(x.flatten(2) @ x.flatten(2).transpose(1, 2), -1) @ x.flatten(2)
    ).unflatten(2, (8, 8)),
    "attention along columns": lambda s, x: (
        torch.softmax(x.transpose(1, 3) @ x.permute(0, 3, 1, 2), -1) @ x.transpose(1, 3)
    ),
    "flattened, then added to": lambda s, x: s.all(torch.sigmoid(x.flatten(1)) + x.flatten(1)),
}


@pytest.mark.parametrize("name", CUBES)
def test_every_operator_is_compared_by_itself_and_within_a_step(name, tmp_path):
    pair = small_export(Of(CUBES[name]), (32, 32), tmp_path)
    report = check(pair.onnx, KeptTensors(pair.tflite), pair.images)
    assert report.stage(DEFAULTS).passed, report.stage(DEFAULTS).note
    assert report.unmatched == ()


@pytest.mark.parametrize(
    ("name", "perm"), [("tokens", [0, 1, 2]), ("channels behind the columns", [0, 3, 2, 1])]
)
def test_a_file_that_moves_equal_axes_elsewhere_is_found(name, perm, tmp_path):
    module = Of(CUBES[name])
    module.row = nn.Linear(64, 8) if perm == [0, 1, 2] else module.row
    size = (32, 32)
    if perm == [0, 1, 2]:  # eight times eight pixels, and as many channels
        module.conv = nn.Conv2d(3, 64, 4, 4)
    pair = small_export(module, size, tmp_path)
    proto = onnx.load(pair.onnx)
    moves = [node for node in proto.graph.node if node.op_type == "Transpose"]
    assert moves
    for node in moves:
        del node.attribute[:]
        node.attribute.append(helper.make_attribute("perm", perm))
    onnx.save(proto, pair.onnx)
    assert not check(pair.onnx, KeptTensors(pair.tflite), pair.images).stage(DEFAULTS).passed


def test_files_in_the_usual_order_say_nothing_of_it(tmp_path):
    pair = small_export(Of(lambda s, x: F.max_pool2d(x, 2)), (32, 32), tmp_path)
    assert orders(read(pair.tflite)) == {}


def test_a_damaged_statement_is_refused(tmp_path):
    pair = small_export(Of(CUBES["tokens"]), (32, 32), tmp_path)
    found = orders(read(pair.tflite))
    assert found
    written = json.dumps(
        {name: [order.axes, order.order] for name, order in found.items()},
        sort_keys=True,
        separators=(",", ":"),
    ).encode()
    data = pair.tflite.read_bytes()
    assert written in data
    pair.tflite.write_bytes(data.replace(written, written.replace(b"[", b"{")))
    with pytest.raises(ArtifactRefused, match="order of its tensors"):
        check(pair.onnx, KeptTensors(pair.tflite), pair.images)
