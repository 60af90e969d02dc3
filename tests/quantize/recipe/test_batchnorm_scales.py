"""BatchNorm scales spread over two orders of magnitude, and int8 with one scale a tensor.

Everything is computed by PyTorch: the net with its BatchNorms in float, and the same layers with
weights and activations rounded by `torch.fake_quantize_per_tensor_affine`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import onnx_ir as ir
import torch
from torch import nn
from torch.nn import functional

from edgeconv.graph.view import require_constant
from edgeconv.quantize.plan.columns import multiplying_layers
from edgeconv.quantize.plan.planner import PlanConfig
from edgeconv.quantize.recipe.draft import Draft
from edgeconv.quantize.recipe.step import Step
from edgeconv.quantize.recipe.steps import EQUALIZE, EQUALIZE_BY_NOISE
from tests.quantize.nets import hub, photos, sqnr_db

CHANNELS = (3, 16, 24, 24, 10)
SEEN, UNSEEN = photos(24, seed=1), photos(64, seed=2)


def net() -> nn.Sequential:
    """Convolutions with BatchNorms whose statistics are those of photos; a pooled output."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(CHANNELS):
        norm = nn.BatchNorm2d(outputs, momentum=None)
        nn.init.uniform_(norm.bias, -0.3, 0.3)
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), norm, nn.ReLU()]
    module = nn.Sequential(*layers[:-1], nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        module.train()(torch.from_numpy(np.concatenate(photos(64, seed=3))))
    return module.eval()


def spread(module: nn.Sequential) -> nn.Sequential:
    """The same function with every inner BatchNorm's scales spread over two orders of magnitude."""
    generator = torch.Generator().manual_seed(1)
    norms = [m for m in module if isinstance(m, nn.BatchNorm2d)]
    convs = [m for m in module if isinstance(m, nn.Conv2d)]
    with torch.no_grad():
        for norm, reader in zip(norms, convs[1:], strict=False):
            exponents = torch.linspace(-2, 0, norm.num_features)
            factors = 10 ** exponents[torch.randperm(norm.num_features, generator=generator)]
            norm.weight.mul_(factors)
            norm.bias.mul_(factors)
            reader.weight.div_(factors.reshape(1, -1, 1, 1))
    return module


def as_torch(images: Sequence[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.concatenate(images))


def per_tensor_int8(model: ir.Model) -> np.ndarray:
    """What the graph's convolutions give with one scale for each weight and each activation."""
    layers = [
        [torch.from_numpy(np.array(require_constant(layer.node, i))) for i in (1, 2)]
        for layer in multiplying_layers(model)
    ]
    seen, x = as_torch(SEEN), as_torch(UNSEEN)
    for number, (weight, bias) in enumerate(layers):
        rounded = _rounded(weight, float(-weight.abs().max()), float(weight.abs().max()))
        low, high = min(float(seen.min()), 0.0), max(float(seen.max()), 0.0)
        x = functional.conv2d(_rounded(x, low, high), rounded, bias, padding=1)
        seen = functional.conv2d(seen, weight, bias, padding=1)
        if number < len(layers) - 1:
            x, seen = functional.relu(x), functional.relu(seen)
    return x.mean((2, 3)).numpy()


def _rounded(values: torch.Tensor, low: float, high: float) -> torch.Tensor:
    scale = (high - low) / 255
    zero_point = round(-128 - low / scale)
    return torch.fake_quantize_per_tensor_affine(values, scale, zero_point, -128, 127)


def equalized(model: ir.Model, *steps: Step) -> ir.Model:
    draft = Draft(model, lambda: SEEN, PlanConfig())
    for step in steps:
        draft = step.apply(draft)
    return draft.model


def test_spread_batchnorm_scales_collapse_per_tensor_int8_and_equalization_recovers_it() -> None:
    with torch.no_grad():
        reference = net()(as_torch(UNSEEN)).numpy()
        disturbed = spread(net())
        np.testing.assert_allclose(
            disturbed(as_torch(UNSEEN)).numpy(), reference, rtol=1e-3, atol=1e-4
        )
    scales = [m.weight.detach() for m in disturbed if isinstance(m, nn.BatchNorm2d)][:-1]
    assert all(float(s.max() / s.min()) > 99 for s in scales)

    def accuracy(model: ir.Model) -> tuple[float, float]:
        found = per_tensor_int8(model)
        return sqnr_db(reference, found), (found.argmax(1) == reference.argmax(1)).mean()

    model = hub(disturbed)
    without = accuracy(model)
    repaired = accuracy(equalized(model, EQUALIZE, EQUALIZE_BY_NOISE))
    undisturbed = accuracy(hub(net()))
    assert without[0] < 0
    assert without[1] < 0.6
    assert repaired[0] > undisturbed[0] - 7 > 20
    assert repaired[1] > 0.95
