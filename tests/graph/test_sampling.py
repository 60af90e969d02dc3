"""Sampling at the places of a grid is PyTorch's, in NumPy, in ONNX files and in TFLite files."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgeconv.graph.sampling import Sampling, sampled
from edgeconv.quantize.plan.in_float import float_nodes
from tests.export.tflite import engines
from tests.helpers.hub import capture_and_compare, operators
from tests.helpers.tflite_bytes import tflite_bytes

MODES = ("nearest", "bilinear", "bicubic")
PADDINGS = ("zeros", "border", "reflection")
FORMS = list(itertools.product(MODES, PADDINGS, (False, True)))


def grid(shape: tuple[int, int, int], seed: int = 0) -> Tensor:
    """Places, a third of them outside of the image, some at the middle between two pixels."""
    random_ = torch.rand(*shape, 2, generator=torch.Generator().manual_seed(seed)) * 3.6 - 1.8
    return torch.where(random_.abs() < 0.3, (random_ * 8).round() / 8, random_)


@pytest.mark.parametrize(("mode", "padding", "aligned"), FORMS)
def test_numpy_samples_as_pytorch_does(mode: str, padding: str, aligned: bool) -> None:
    for size in ((5, 8), (1, 4), (1, 1)):
        image = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
        places = grid((2, 6, 7))
        wanted = F.grid_sample(image, places, mode, padding, aligned)
        asked = Sampling(mode.removeprefix("bi"), padding, aligned)
        got = torch.from_numpy(sampled(image.numpy(), places.numpy(), asked))
        assert torch.allclose(got, wanted, rtol=1e-5, atol=1e-5)


class Moved(nn.Module):
    """Features read at constant places, or at places that are computed of them."""

    def __init__(self, mode: str, padding: str, aligned: bool, computed: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.places = nn.Conv2d(4, 2, 3, 2, 1)
        self.last = nn.Conv2d(4, 2, 1)
        self.register_buffer("fixed", grid((1, 5, 7)))
        self.options = {"mode": mode, "padding_mode": padding, "align_corners": aligned}
        self.computed = computed

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        places = self.places(y).permute(0, 2, 3, 1) if self.computed else self.fixed
        return self.last(F.grid_sample(y, places, **self.options))


@pytest.mark.parametrize("seed", range(9))
def test_files_sample_as_pytorch_does(seed: int) -> None:
    torch.manual_seed(seed)
    form = FORMS[2 * seed + seed % 2]
    for computed in (False, True):
        net = Moved(*form, computed).eval()
        model = capture_and_compare(net, (1, 3, 9, 11), bound=1e-5)
        x = torch.randn(1, 3, 9, 11, generator=torch.Generator().manual_seed(seed))
        file = tflite_bytes(model)
        with torch.no_grad():
            wanted = net(x).numpy()
        for make in (engines.xnnpack, engines.reference_kernels):
            given = engines.run(make, file, {"input": x.numpy()})["logits"]
            assert np.abs(given - wanted).max() <= 1e-5 * max(np.abs(wanted).max(), 1.0)


class Transformer(nn.Module):
    """Jaderberg et al., https://arxiv.org/abs/1506.02025: the net says how to turn the image."""

    def __init__(self, aligned: bool) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 8, 3, 2, 1)
        self.theta = nn.Linear(8, 6)
        self.head = nn.Conv2d(3, 4, 3)
        self.aligned = aligned

    def forward(self, x: Tensor) -> Tensor:
        theta = self.theta(F.relu(self.features(x)).mean((2, 3))).view(-1, 2, 3)
        places = F.affine_grid(theta, x.size(), align_corners=self.aligned)
        return self.head(F.grid_sample(x, places, align_corners=self.aligned))


@pytest.mark.parametrize("aligned", [False, True])
def test_spatial_transformers(aligned: bool) -> None:
    torch.manual_seed(2)
    model = capture_and_compare(Transformer(aligned), (1, 3, 14, 11), bound=1e-5)
    assert operators(model).count("GridSample") == 1


def test_places_are_computed_in_float_back_to_the_layer_that_gives_them() -> None:
    model = capture_and_compare(Transformer(False), (1, 3, 14, 11), bound=1e-5)
    kept = float_nodes(model)
    in_float = [node.op_type for node in model.graph if node.name in kept]
    assert in_float[0] == "Gemm"
    assert in_float[-1] == "GridSample"
    assert [n.op_type for n in model.graph if n.name not in kept].count("Conv") == 2


def test_random_affine_grids() -> None:
    rng = random.Random(0)
    for _ in range(8):
        size = (1, 2, rng.randint(1, 9), rng.randint(1, 9))

        class Grid(nn.Module):
            def __init__(self, size: tuple[int, ...]) -> None:
                super().__init__()
                self.size = size

            def forward(self, x: Tensor) -> Tensor:
                return F.affine_grid(x.reshape(1, 2, 3), self.size, align_corners=False)

        capture_and_compare(Grid(size), (1, 1, 2, 3))
