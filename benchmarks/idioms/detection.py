"""Detector heads: decoding of boxes, distributions, peaks, masks."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from idioms.net import conv, idiom, stem, tokens

_SIZE = (64, 64)


def _grid(height: int, width: int) -> torch.Tensor:
    """(1, 2, H, W): the x and y of each cell."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack((columns, rows))[None].float()


def _yolo_v5(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.h(s.f(x))
    n, _, h, w = y.shape
    y = y.view(n, 3, 8, h, w).permute(0, 1, 3, 4, 2).sigmoid()
    grid = _grid(h, w).permute(0, 2, 3, 1)[:, None]
    xy = (y[..., 0:2] * 2 - 0.5 + grid) * 8
    wh = (y[..., 2:4] * 2) ** 2 * torch.tensor([[10.0, 13], [16, 30], [33, 23]]).view(1, 3, 1, 1, 2)
    return torch.cat((xy, wh, y[..., 4:]), -1).view(n, -1, 8)


def _dfl(s: Any, x: torch.Tensor) -> torch.Tensor:
    f = s.f(x)
    box, score = s.box(f).flatten(2), s.score(f).flatten(2).sigmoid()
    n, _, cells = box.shape
    bins = box.view(n, 4, 8, cells).transpose(2, 1).softmax(1)
    apart = F.conv2d(bins, torch.arange(8.0).view(1, 8, 1, 1)).view(n, 4, cells)
    centre = _grid(*f.shape[2:]).flatten(2) + 0.5
    low, high = centre - apart[:, :2], centre + apart[:, 2:]
    return torch.cat(((low + high) / 2 * 8, (high - low) * 8, score), 1)


def _slice_assignment(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = tokens(s.h(s.f(x)))
    y[..., :2] = (y[..., :2] + 0.5) * 8
    y[..., 2:4] = y[..., 2:4].exp() * 8
    return y


def _clone_assignment(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.h(s.f(x)).flatten(2)
    out = y.clone()
    out[:, 0] = y[:, 0] - y[:, 2] / 2
    out[:, 1] = y[:, 1] - y[:, 3] / 2
    out[:, 4:] = y[:, 4:].sigmoid()
    return out


def _ssd(s: Any, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    a = s.f(x)
    maps = (a, s.g(a))
    boxes = [
        h(m).permute(0, 2, 3, 1).reshape(x.shape[0], -1, 4)
        for h, m in zip((s.b1, s.b2), maps, strict=True)
    ]
    scores = [
        h(m).permute(0, 2, 3, 1).reshape(x.shape[0], -1, 5)
        for h, m in zip((s.c1, s.c2), maps, strict=True)
    ]
    return torch.cat(boxes, 1), torch.cat(scores, 1).softmax(-1)


def _centernet(s: Any, x: torch.Tensor) -> torch.Tensor:
    heat = s.h(s.f(x)).sigmoid()
    return heat * (F.max_pool2d(heat, 3, 1, 1) == heat).float()


def _top_peaks(s: Any, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    f = s.f(x)
    heat = s.h(f).sigmoid()
    scores, index = heat.flatten(1).topk(10)
    cells = heat.shape[2] * heat.shape[3]
    sizes = s.extent(f).flatten(2).gather(2, (index % cells)[:, None].expand(-1, 2, -1))
    return scores, torch.div(index, cells, rounding_mode="floor"), sizes


def _fcos(s: Any, x: torch.Tensor) -> dict[str, torch.Tensor]:
    f = s.f(x)
    return {
        "boxes": torch.exp(s.box(f) * 0.5) * 8,
        "centre": s.centre(f).sigmoid(),
        "scores": s.score(f),
    }


def _best_class(s: Any, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    scores = tokens(s.h(s.f(x))).sigmoid()
    best, label = scores.max(-1)
    return best, label


def _rotated(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.h(s.f(x)).flatten(2)
    angle = (y[:, 4:5].sigmoid() - 0.25) * torch.pi
    cosine, sine = angle.cos(), angle.sin()
    a, b = y[:, 0:1], y[:, 1:2]
    return torch.cat((a * cosine - b * sine, a * sine + b * cosine, y[:, 2:4].exp(), angle), 1)


def _masks(s: Any, x: torch.Tensor) -> torch.Tensor:
    f = s.f(x)
    coefficients = s.h(f).flatten(2)[:, :, :12].mT
    return torch.einsum("bnc,bchw->bnhw", coefficients, s.proto(f)).sigmoid()


def _keypoints(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.h(s.f(x)).flatten(2)
    n, _, cells = y.shape
    points = y.view(n, 2, 3, cells).clone()
    points[:, :, 2] = points[:, :, 2].sigmoid()
    points[:, :, :2] = (points[:, :, :2] * 2 + _grid(8, 8).view(1, 1, 2, -1)) * 8
    return points.view(n, 6, cells)


def _corners(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = tokens(s.h(s.f(x)))
    cx, cy, w, h = y[..., :4].unbind(-1)
    return torch.stack((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), dim=-1).clamp(0, 64)


def _boxes_in_place(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.h(s.f(x)).flatten(2).transpose(1, 2).contiguous()
    centre, size = y[..., :2], y[..., 2:4]
    centre.sigmoid_().mul_(2).sub_(0.5)
    size.sigmoid_().mul_(2).square_()
    y[..., 4:].sigmoid_()
    return y


IDIOMS = {
    "yolo_v5_decode": idiom(_yolo_v5, _SIZE, f=stem(16, 8), h=conv(16, 24, 1)),
    "distribution_focal": idiom(
        _dfl, _SIZE, f=stem(16, 8), box=conv(16, 32, 1), score=conv(16, 6, 1)
    ),
    "slice_assignment": idiom(_slice_assignment, _SIZE, f=stem(16, 8), h=conv(16, 9, 1)),
    "clone_assignment": idiom(_clone_assignment, _SIZE, f=stem(16, 8), h=conv(16, 9, 1)),
    "ssd_heads": idiom(
        _ssd,
        _SIZE,
        f=stem(16, 8),
        g=conv(16, 16, 3, 2),
        b1=conv(16, 8),
        b2=conv(16, 12),
        c1=conv(16, 10),
        c2=conv(16, 15),
    ),
    "centernet_peaks": idiom(_centernet, _SIZE, f=stem(16, 4), h=conv(16, 3)),
    "centernet_top": idiom(_top_peaks, _SIZE, f=stem(16, 4), h=conv(16, 3), extent=conv(16, 2)),
    "fcos": idiom(
        _fcos, _SIZE, f=stem(16, 8), box=conv(16, 4), centre=conv(16, 1), score=conv(16, 5)
    ),
    "best_class": idiom(_best_class, _SIZE, f=stem(16, 8), h=conv(16, 7, 1)),
    "rotated_boxes": idiom(_rotated, _SIZE, f=stem(16, 8), h=conv(16, 5, 1)),
    "prototype_masks": idiom(_masks, _SIZE, f=stem(16, 4), h=conv(16, 6, 1), proto=conv(16, 6)),
    "keypoints": idiom(_keypoints, _SIZE, f=stem(16, 8), h=conv(16, 6, 1)),
    "box_corners": idiom(_corners, _SIZE, f=stem(16, 8), h=conv(16, 6, 1)),
    "boxes_and_scores": idiom(
        lambda s, x: torch.cat(
            [s.box(f := s.f(x)).flatten(2) * 200, torch.sigmoid(3 * s.score(f).flatten(2))], 1
        ),
        _SIZE,
        f=stem(16, 4),
        box=conv(16, 4, 1),
        score=conv(16, 6, 1),
    ),
    "boxes_in_place": idiom(_boxes_in_place, f=stem(), h=conv(16, 7)),
}
