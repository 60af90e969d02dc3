"""A search for peaks decides in float: on integers neighbours are equal, and each a peak."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.export.capture.hub import capture
from edgeconv.export.onnx import write as onnx_writer
from edgeconv.quantize.plan.in_float import float_nodes
from edgeconv.quantize.recipe.recipes import quantize
from edgeconv.runtime.open import open_session
from tests.quantize.nets import photos

SHAPE = (1, 3, 16, 16)


def neighbours(heat: Tensor) -> Tensor:
    return functional.max_pool2d(heat, 3, 1, 1)


SEARCHES: dict[str, Callable[[Tensor], Tensor]] = {
    "equal": lambda heat: heat * (neighbours(heat) == heat).float(),
    "not below": lambda heat: torch.where(heat >= neighbours(heat), heat, 0.0),
    "no difference": lambda heat: heat * (neighbours(heat) - heat <= 0).float(),
}


class Peaks(nn.Module):
    """Features, a heat map of gentle slopes, and its peaks."""

    def __init__(self, search: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.heat, self.search = nn.Conv2d(3, 8, 3, 1, 1), nn.Conv2d(8, 2, 1), search
        with torch.no_grad():
            self.heat.weight *= 0.3

    def forward(self, x: Tensor) -> Tensor:
        y = functional.max_pool2d(functional.relu(self.stem(x)), 2)
        smooth = functional.interpolate(y, scale_factor=2, mode="bilinear")
        return self.search(self.heat(smooth).sigmoid())


@pytest.mark.parametrize("name", SEARCHES)
def test_peaks_are_those_of_float(name: str, tmp_path: Path) -> None:
    net = Peaks(SEARCHES[name]).eval()
    hub = capture(net, torch.zeros(SHAPE), name="net")
    found = quantize(hub, lambda: photos(8, SHAPE), recipe="fast")
    onnx_writer.write(found.model, tmp_path / "n.onnx", "int8", found.plan, io="float32")
    session = open_session(tmp_path / "n.onnx")
    wrong = peaks = 0
    for photo in photos(6, SHAPE, seed=9):
        with torch.no_grad():
            wanted = net(torch.from_numpy(photo)).numpy() > 0
        wrong += int(((session.run([photo])[0] > 0) != wanted).sum())
        peaks += int(wanted.sum())
    assert peaks > 50
    assert wrong <= 0.15 * peaks, (wrong, peaks)


@pytest.mark.parametrize("name", SEARCHES)
def test_the_last_layer_is_in_float_and_no_other(name: str) -> None:
    floats = float_nodes(capture(Peaks(SEARCHES[name]).eval(), torch.zeros(SHAPE), name="net"))
    assert "heat" in floats
    assert "stem" not in floats


def test_a_comparison_without_neighbours_leaves_its_layer_on_integers() -> None:
    hub = capture(Peaks(lambda h: h * (h > 0.5).float()).eval(), torch.zeros(SHAPE), name="net")
    assert "heat" not in float_nodes(hub)
