"""Small nets that end like detectors: unlike quantities in one output."""

from __future__ import annotations

from pathlib import Path

#: A file of factories, for `export FILE:NAME`.
HEADS = '''
import torch
from torch import nn
from torch.nn import functional as F


class Head(nn.Module):
    preprocessing = {"input_size": (64, 64), "resize": 68}

    def __init__(self, join):
        super().__init__()
        torch.manual_seed(1)
        self.stem = nn.Conv2d(3, 16, 3, 4, 1)
        self.box = nn.Conv2d(16, 4, 1)
        self.score = nn.Conv2d(16, 6, 1)
        self.raw = nn.Sequential(nn.Conv2d(16, 16, 3, 1, 1), nn.ReLU(), nn.Conv2d(16, 6, 1))
        with torch.no_grad():
            self.raw[2].weight[:4] *= 400
            self.raw[2].bias[:4] *= 400
        self.join = join

    def forward(self, x):
        x = F.relu(self.stem(x))
        boxes = self.box(x).flatten(2) * 200
        scores = torch.sigmoid(3 * self.score(x).flatten(2))
        return self.join(self, x, boxes, scores)


def joined():
    return Head(lambda net, x, boxes, scores: torch.cat([boxes, scores], 1))


def transposed():
    return Head(lambda net, x, boxes, scores: torch.cat([boxes, scores], 1).transpose(1, 2))


def nested():
    def join(net, x, boxes, scores):
        parts = [torch.cat([b, s], 1) for b, s in ((boxes, scores), (boxes * 0.5, scores * 0.5))]
        return torch.cat(parts, 2).permute(0, 2, 1)

    return Head(join)


def several():
    return Head(lambda net, x, boxes, scores: {
        "found": torch.cat([boxes, scores], 1), "pooled": x.mean((2, 3))
    })


def one_layer():
    return Head(lambda net, x, boxes, scores: net.raw(x))


def scaled():
    def join(net, x, boxes, scores):
        found = torch.cat([boxes.sigmoid(), scores], 1).transpose(1, 2)
        offset, factor = torch.tensor([3.0] * 4 + [0.0] * 6), torch.tensor([64.0] * 4 + [0.5] * 6)
        return (found * 2 + offset) * factor

    return Head(join)


def faint():
    """No object on any photo: every score is about a thousandth."""
    return Head(lambda net, x, boxes, scores: torch.cat(
        [boxes, torch.sigmoid(3 * net.score(x).flatten(2) - 7)], 1
    ))


def faint_alone():
    """Such scores as an output of their own."""
    return Head(lambda net, x, boxes, scores: {
        "boxes": boxes, "scores": torch.sigmoid(3 * net.score(x) - 7)
    })


def taken_apart():
    """Joined for one transpose, as NanoDet's head, and taken apart again."""
    def join(net, x, boxes, scores):
        found = torch.cat([boxes, scores], 1).transpose(1, 2)
        sides, scores = found.split([4, 6], -1)
        return {"boxes": sides * 0.5, "scores": scores}

    return Head(join)


def bins():
    """Distances as means over bins, from anchors, on a map whose two sides differ."""
    def join(net, x, boxes, scores):
        x = F.max_pool2d(net.raw[0](x).relu(), (1, 2))
        height, width = x.shape[-2:]
        sides = (torch.arange(side, dtype=torch.float32) + 0.5 for side in (height, width))
        y, x_ = torch.meshgrid(*sides, indexing="ij")
        anchors = torch.stack([x_, y]).view(1, 2, -1)
        sides = net.bins(x).view(len(x), 4, 8, -1).transpose(2, 1).softmax(1)
        near, far = net.project(sides).view(len(x), 4, -1).chunk(2, 1)
        low, high = anchors - near, anchors + far
        sides = torch.cat([(low + high) / 2, high - low], 1) * 16.0
        return torch.cat([sides, torch.sigmoid(3 * net.score(x).flatten(2) - 4.6)], 1)

    net = Head(join)
    net.bins = nn.Conv2d(16, 32, 1)
    net.project = nn.Conv2d(8, 1, 1, bias=False)
    with torch.no_grad():
        net.bins.weight *= 8
        net.project.weight.copy_(torch.arange(8.0).view(1, 8, 1, 1))
    return net


def vector():
    return Head(lambda net, x, boxes, scores: torch.cat([boxes.mean(2), scores.mean(2)], 1))


def alike():
    return Head(lambda net, x, boxes, scores: torch.cat([net.box(x), net.score(x)], 1))
'''


def write_heads(directory: Path) -> Path:
    """The file of factories, called heads.py."""
    path = directory / "heads.py"
    path.write_text(HEADS)
    return path
