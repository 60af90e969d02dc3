"""What an output was joined from, found again through copies."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from edgeconv.export.capture.hub import capture
from edgeconv.graph.parts import channel_axis, parts_of
from edgeconv.graph.passes.split_outputs import split_arrays, split_outputs
from edgeconv.graph.view import name_of
from tests.helpers.hub import run_hub


class Joins(nn.Module):
    """Two maps, joined along different axes, reshaped and transposed in between."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.a(x), self.b(x)
        inner = torch.cat([a, b.exp()], 1).flatten(2).transpose(1, 2)
        return torch.cat([inner, inner.flip(1) * 2], 1).unflatten(2, (2, 3)).permute(0, 2, 3, 1)


def test_every_element_of_a_part_lies_where_it_is_said_to() -> None:
    net = Joins().eval()
    x = torch.randn(1, 3, 6, 5, generator=torch.Generator().manual_seed(1))
    model = capture(net, torch.zeros_like(x), name="net")
    (output,) = model.graph.outputs
    joined = parts_of(output)
    assert len(joined.parts) == 3  # two convolutions, and what is computed from both
    model.graph.outputs.extend(part.value for part in joined.parts)
    held = run_hub(model, x.numpy())
    with torch.no_grad():
        whole = net(x).numpy()
    covered = np.zeros(whole.size, int)
    for part in joined.parts:
        np.testing.assert_allclose(
            held[part.name], whole.reshape(-1)[part.places], rtol=1e-5, atol=1e-6
        )
        covered[part.places.reshape(-1)] += 1
    assert (covered == 1).all()


def test_a_split_graph_gives_the_parts_of_pytorchs_output() -> None:
    net = Joins().eval()
    x = torch.randn(1, 3, 6, 5, generator=torch.Generator().manual_seed(1))
    model = capture(net, torch.zeros_like(x), name="net")
    former = split_outputs(model)
    assert len(model.graph.outputs) == 3
    held = run_hub(model, x.numpy())
    with torch.no_grad():
        wanted = split_arrays(former, {"logits": net(x).numpy()})
    assert list(wanted) == [name_of(value) for value in model.graph.outputs]
    for name, array in wanted.items():
        np.testing.assert_allclose(held[name], array, rtol=1e-5, atol=1e-6)


def test_channels_are_found_behind_copies() -> None:
    tokens = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(2), nn.Linear(9, 7), nn.Sigmoid())
    maps = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sigmoid())
    for net, axis in ((tokens, 2), (maps, 1), (Moved(maps), 3)):
        (output,) = capture(net.eval(), torch.zeros(1, 3, 5, 5), name="net").graph.outputs
        assert channel_axis(output) == axis


class Moved(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x).permute(0, 2, 3, 1)
