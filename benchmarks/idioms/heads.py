"""Heads of other nets: segmentation, depth, pose, embeddings, several tasks."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from idioms.net import conv, idiom, linear, parameter, stem


class Pair(NamedTuple):
    """What a net of two tasks gives."""

    mask: torch.Tensor
    label: torch.Tensor


def _soft_argmax(s: Any, x: torch.Tensor) -> torch.Tensor:
    heat = s.h(s.f(x))
    weights = heat.flatten(2).softmax(-1).view_as(heat)
    across = (weights.sum(2) * torch.linspace(-1, 1, heat.shape[3])).sum(-1)
    down = (weights.sum(3) * torch.linspace(-1, 1, heat.shape[2])).sum(-1)
    return torch.stack((across, down), -1)


def _hard_argmax(s: Any, x: torch.Tensor) -> torch.Tensor:
    heat = s.h(s.f(x))
    width = heat.shape[3]
    index = heat.flatten(2).argmax(-1)
    return torch.stack((index % width, index // width), -1).float()


def _depth_bins(s: Any, x: torch.Tensor) -> torch.Tensor:
    f = s.f(x)
    widths = F.relu(s.fc(f.mean((2, 3)))) + 0.1
    edges = torch.cumsum(widths / widths.sum(1, keepdim=True), 1) * 10
    return (s.h(f).softmax(1) * edges[:, :, None, None]).sum(1, keepdim=True)


def _upsampled_logits(s: Any, x: torch.Tensor) -> torch.Tensor:
    return F.interpolate(s.h(s.f(x)), size=x.shape[2:], mode="bilinear", align_corners=False)


def _ordinal(s: Any, x: torch.Tensor) -> torch.Tensor:
    return (s.fc(s.f(x).mean((2, 3))).sigmoid() > 0.5).sum(1, keepdim=True).float()


IDIOMS = {
    "segmentation_logits": idiom(_upsampled_logits, f=stem(), h=conv(16, 5, 1)),
    "segmentation_argmax": idiom(
        lambda s, x: _upsampled_logits(s, x).argmax(1), f=stem(), h=conv(16, 5, 1)
    ),
    "segmentation_argmax_kept": idiom(
        lambda s, x: s.h(s.f(x)).argmax(1, keepdim=True).to(torch.int32), f=stem(), h=conv(16, 5, 1)
    ),
    "mask_threshold": idiom(lambda s, x: s.h(s.f(x)).sigmoid() > 0.5, f=stem(), h=conv(16, 1, 1)),
    "matting": idiom(
        lambda s, x: x * (m := torch.sigmoid(s.h(s.f(x)))) + (1 - m) * s.back,
        f=stem(16, 1),
        h=conv(16, 1),
        back=parameter(3, 1, 1),
    ),
    "soft_argmax": idiom(_soft_argmax, f=stem(), h=conv(16, 4, 1)),
    "hard_argmax": idiom(_hard_argmax, f=stem(), h=conv(16, 4, 1)),
    "heatmap_maxima": idiom(
        lambda s, x: torch.max(s.h(s.f(x)).flatten(2), 2), f=stem(), h=conv(16, 4, 1)
    ),
    "depth_bins": idiom(_depth_bins, f=stem(), h=conv(16, 8), fc=linear(16, 8)),
    "inverse_depth": idiom(
        lambda s, x: 1 / (0.1 + 9.9 * s.h(s.f(x)).sigmoid()), f=stem(), h=conv(16, 1)
    ),
    "surface_normals": idiom(lambda s, x: F.normalize(s.h(s.f(x)), dim=1), f=stem(), h=conv(16, 3)),
    "embedding": idiom(
        lambda s, x: F.normalize(s.fc(s.f(x).mean((2, 3))), p=2, dim=1), f=stem(), fc=linear(16, 32)
    ),
    "cosine_classifier": idiom(
        lambda s, x: 16 * F.linear(F.normalize(s.f(x).mean((2, 3))), F.normalize(s.w)),
        f=stem(),
        w=parameter(10, 16),
    ),
    "prototype_distances": idiom(
        lambda s, x: -torch.cdist(s.f(x).mean((2, 3)), s.w), f=stem(), w=parameter(10, 16)
    ),
    "named_outputs": idiom(
        lambda s, x: Pair(s.h(f := s.f(x)), s.fc(f.mean((2, 3)))),
        f=stem(),
        h=conv(16, 2),
        fc=linear(16, 5),
    ),
    "dict_of_lists": idiom(
        lambda s, x: {"maps": [f := s.f(x), s.h(f)], "label": s.fc(f.amax((2, 3)))},
        f=stem(),
        h=conv(16, 2),
        fc=linear(16, 5),
    ),
    "mixture_density": idiom(
        lambda s, x: (
            (y := s.fc(s.f(x).mean((2, 3))))[:, :4].softmax(1),
            y[:, 4:8],
            F.softplus(y[:, 8:]) + 1e-3,
        ),
        f=stem(),
        fc=linear(16, 12),
    ),
    "top_five": idiom(
        lambda s, x: s.fc(s.f(x).mean((2, 3))).softmax(1).topk(5), f=stem(), fc=linear(16, 20)
    ),
    "ordinal_count": idiom(_ordinal, f=stem(), fc=linear(16, 8)),
    "temperature": idiom(
        lambda s, x: F.log_softmax(s.fc(s.f(x).mean((2, 3))) / s.t, 1),
        f=stem(),
        fc=linear(16, 8),
        t=lambda: nn.Parameter(torch.tensor(1.7)),
    ),
    "inverse_matrix": idiom(
        lambda s, x: torch.linalg.inv(s.fc(s.f(x).mean((2, 3))).view(-1, 3, 3) + 2 * torch.eye(3)),
        f=stem(),
        fc=linear(16, 9),
    ),
    "tensordot": idiom(
        lambda s, x: torch.tensordot(s.h(s.f(x)).softmax(1), s.bins, ([1], [0])),
        f=stem(),
        h=conv(16, 8),
        bins=parameter(8, 2),
    ),
    "rotation_matrix": idiom(
        lambda s, x: (
            (a := F.normalize((y := s.fc(s.f(x).mean((2, 3))).view(-1, 2, 3))[:, 0], dim=1)),
            torch.linalg.cross(a, y[:, 1], dim=1),
        ),
        f=stem(),
        fc=linear(16, 6),
    ),
}
