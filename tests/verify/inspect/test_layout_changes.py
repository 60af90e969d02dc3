"""What transposes are for."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.export import tflite
from edgeconv.export.capture.hub import capture
from edgeconv.files.read import read_operations
from edgeconv.verify.inspect.layout_changes import layout_changes


class Attention(nn.Module):
    """Of two heads, over the pixels of a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.qkv, self.head = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 24), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).flatten(2).transpose(1, 2)
        q, k, v = self.qkv(x).reshape(1, 16, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        x = functional.scaled_dot_product_attention(q, k, v)
        return self.head(x.transpose(1, 2).reshape(1, 16, 8))


def test_an_attention_of_several_heads_has_two_transposes(tmp_path: Path) -> None:
    model = capture(Attention().eval(), torch.zeros(1, 3, 16, 16), name="net")
    tflite.write(model, tmp_path / "net.tflite")
    operations = read_operations(tmp_path / "net.tflite")
    found = layout_changes(operations)
    assert len(found) == operations.layout_changes == 2
    assert all(change.reason and change.readers for change in found)
    products = [one for one in operations.operations if one.type == "BATCH_MATMUL"]
    assert [one.multiply_adds for one in products] == [2 * 16 * 16 * 4] * 2


class Stream(nn.Module):
    """Layers add to one stream of patches, which is a map of features again in the end."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 8, 4, 4), nn.Conv2d(8, 5, 1)
        self.norms = nn.ModuleList(nn.GroupNorm(1, 8) for _ in range(depth))
        self.layers = nn.ModuleList(nn.Conv2d(8, 8, 1) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x).reshape(1, 8, 4, 2, 4, 2).permute(0, 1, 3, 5, 2, 4).reshape(1, 8, 4, 16)
        for norm, layer in zip(self.norms, self.layers, strict=True):
            y = y + layer(norm(y))
        y = y.reshape(1, 8, 2, 2, 4, 4).permute(0, 1, 4, 2, 5, 3).reshape(1, 8, 8, 8)
        return self.head(y)


def test_a_stream_of_patches_lies_as_its_layers_would_have_it(tmp_path: Path) -> None:
    found = []
    for depth in (1, 4):
        model = capture(Stream(depth).eval(), torch.zeros(1, 3, 32, 32), name="net")
        tflite.write(model, tmp_path / "net.tflite")
        found.append(read_operations(tmp_path / "net.tflite").layout_changes)
    assert found[0] == found[1]  # on the way in and out, none between
