"""Groups of pointwise convolutions are kept apart in float files."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edgeconv.export.capture.hub import capture
from edgeconv.nets.shufflenet_v1 import shufflenet_v1
from tests.export.tflite import engines, plans
from tests.helpers.tflite_bytes import tflite_bytes


class Mixed(nn.Module):
    """Parts of several sizes, read apart and whole, by sums, concatenations and outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(4, 8, 1)
        self.first = nn.Conv2d(12, 24, 1, groups=3)
        self.each = nn.Conv2d(24, 24, 3, padding=1, groups=24)
        self.second = nn.Conv2d(24, 24, 1, groups=2)
        self.third = nn.Conv2d(24, 8, 1, groups=4)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y = self.first(torch.cat((x, self.narrow(x)), 1))
        z = self.second(self.each(y)).relu()
        joined = torch.cat((z + y, x), 1)
        return {"sum": z + z, "joined": joined, "third": self.third(z * 2), "single": y + 1}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("engine", ["xnnpack", "reference"])
def test_parts_of_any_size_and_every_reader_give_what_pytorch_gives(engine: str) -> None:
    net, x = Mixed().eval(), torch.randn(1, 4, 6, 5)
    data = tflite_bytes(capture(net, x, name="mixed"))
    assert grouped_convolutions(data) == 0
    found = engines.run(engines.ENGINES[engine], data, {"input": x.numpy()})
    with torch.no_grad():
        wanted = net(x)
    for name, tensor in wanted.items():
        np.testing.assert_allclose(found[name], tensor.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("groups", [2, 3, 8])
def test_shufflenet_gives_what_pytorch_gives(groups: int) -> None:
    net, x = shufflenet_v1(10, groups=groups, width=0.5).eval(), torch.randn(1, 3, 64, 64)
    data = tflite_bytes(capture(net, x, name="net"))
    assert (grouped_convolutions(data) == 0) == (groups <= 4)
    assert engines.is_wholly_delegated(data)
    (found,) = engines.run(engines.xnnpack, data, {"input": x.numpy()}).values()
    with torch.no_grad():
        wanted = net(x).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())


def test_the_sums_between_units_move_nothing() -> None:
    """Within a stage only a shuffle, 1 concatenation and 1 split, comes with a unit."""
    net, x = shufflenet_v1(10).eval(), torch.randn(1, 3, 64, 64)
    counts = Counter(engines.operators(tflite_bytes(capture(net, x, name="net"))))
    assert counts["ADD"] == 13 * 3
    assert counts["TRANSPOSE"] == 15
    # A unit's filtered channels, split; and what the first grouped convolution reads.
    assert counts["SPLIT"] == 16


def test_int8_files_keep_their_grouped_convolutions() -> None:
    net, x = Mixed().eval(), torch.randn(1, 4, 6, 5)
    model = capture(net, x, name="mixed")
    data = tflite_bytes(model, "int8", plans.minmax(model, {"input": x.numpy()}))
    assert grouped_convolutions(data) == 3


def grouped_convolutions(data: bytes) -> int:
    interpreter = engines.reference_kernels(data)
    found = 0
    for operator in interpreter._get_ops_details():
        if operator["op_name"] == "CONV_2D":
            x, weight = (
                interpreter._get_tensor_details(int(index), 0)["shape"]
                for index in operator["inputs"][:2]
            )
            found += int(x[3] != weight[3])
    return found
