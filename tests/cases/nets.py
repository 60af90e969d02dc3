"""Small nets of one pattern each that converters stumble over; `test_cases` says what is right.

edgeconv export tests/cases/nets.py:NAME --int8 --recipe fast
"""

import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))
from _net import case


def _conv(i, o, k=3, s=1, **more):
    return lambda: nn.Conv2d(i, o, k, s, k // 2, **more)


def slopes(least, most, channels):
    prelu = nn.PReLU(channels)
    with torch.no_grad():
        prelu.weight.copy_(torch.linspace(least, most, channels))
    return prelu


def _stem():
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU())


# Boxes in pixels and scores in 0..1, one output: on one int8 scale every score is the same.
detector_head = case(
    lambda s, x: torch.cat(
        [s.box(s.f(x)).flatten(2) * 200, torch.sigmoid(3 * s.score(s.f(x)).flatten(2))], 1
    ),
    (64, 64),
    f=_conv(3, 16, 3, 4),
    box=_conv(16, 4, 1),
    score=_conv(16, 6, 1),
)

# A zero pad, then a max-pool of values below zero: onnxruntime's optimizer drops the pad.
zero_pad_max_pool = case(
    lambda s, x: F.max_pool2d(F.pad(s.c(x) - 2.5, (0, 1, 0, 1)), 2, 1), c=_conv(3, 8)
)

# An argument that PyTorch's exporter drops without a word.
average_divisor = case(
    lambda s, x: s.b(F.avg_pool2d(s.a(x), 3, 2, divisor_override=5)),
    (31, 34),
    a=_conv(3, 8),
    b=_conv(8, 4, 1),
)

# A constant that is far less than a step, between operators that compute in float.
norm_plus_epsilon = case(
    lambda s, x: (y := F.relu(s.c(x) - 1)) / (y.norm(dim=1, keepdim=True) + 1e-6), c=_stem
)


# The forward pass changes its input.
in_place_input = case(
    lambda s, x: s.b(F.relu(s.a(x.sub_(0.3).div_(0.5)))), a=_conv(3, 12, 3, 2), b=_conv(12, 5)
)

# (N, C, H) with C = H: the shape does not tell how a tensor lies.
mean_of_one_axis = case(
    lambda s, x: s.fc(F.relu(s.a(x)).mean(-1).amax(-1)),
    a=lambda: nn.Conv2d(3, 8, 4, 4),
    fc=lambda: nn.Linear(8, 5),
)

# One GroupNorm for two feature maps.
shared_group_norm = case(
    lambda s, x: (s.n(s.c(y := s.a(x))), s.n(s.c(F.max_pool2d(y, 4)))),
    a=_stem,
    c=_conv(8, 16),
    n=lambda: nn.Sequential(nn.GroupNorm(4, 16), nn.ReLU()),
)

# Pools, PReLU and resizing before a layer: kernels of the two engines round differently.
two_flattens = case(
    lambda s, x: s.fc(
        torch.cat(
            [F.adaptive_avg_pool2d(s.a(x), (6, 8)).flatten(1), s.b(F.relu(s.a(x))).mean((2, 3))], -1
        )
    ),
    (24, 32),
    a=_conv(3, 6, 3, 2),
    b=_conv(6, 4, 3, 2),
    fc=lambda: nn.Linear(6 * 48 + 4, 10),
)
channel_prelu = case(
    lambda s, x: s.fc(s.q(s.b(s.p(s.a(x)))).flatten(1)),
    a=lambda: nn.Conv2d(3, 8, 4, 4),
    p=lambda: slopes(-1.5, 2.0, 8),
    b=_conv(8, 8),
    q=lambda: nn.PReLU(1, -0.3),
    fc=lambda: nn.Linear(512, 7),
)
one_pixel_resize = case(
    lambda s, x: {
        "one": s.b(F.interpolate(s.a(x), size=(1, 1), mode="bilinear")).flatten(1),
        "row": s.b(F.interpolate(s.a(x), size=(1, 6), mode="bilinear")),
    },
    a=_conv(3, 8, 3, 2),
    b=_conv(8, 5, 1),
)

# Corners aligned: LiteRT's kernel has ten bits for a place between two pixels.
aligned_corners = case(
    lambda s, x: s.b(F.interpolate(s.a(x), size=(96, 96), mode="bilinear", align_corners=True)),
    (96, 96),
    a=_stem,
    b=_conv(8, 5),
)

# Ill-conditioned: PyTorch's float32 is as far from its float64 as the float files are.
rsqrt_of_mean = case(
    lambda s, x: (y := s.c(x)) * torch.rsqrt(y.pow(2).mean(1, keepdim=True) + 1e-5), c=_stem
)


same_padding_dilated = case(
    lambda s, x: s.c(F.relu(s.b(F.relu(s.a(x))))),
    (24, 30),
    a=_conv(3, 8, 3, 2),
    b=lambda: nn.Conv2d(8, 8, 3, padding="same", dilation=2),
    c=_conv(8, 4, 1),
)

# 16 rows: a window that starts in the padding does not count.
ceil_mode_last_window = case(
    lambda s, x: s.b(F.max_pool2d(s.a(x), 2, 2, 1, ceil_mode=True)),
    (31, 34),
    a=_conv(3, 8),
    b=_conv(8, 4, 1),
)

# One layer, read twice: what is folded into it once must not be there the other time.
convolution_twice_scaled_once = case(
    lambda s, x: s.b(0.7 * s.b(s.a(x))), a=_conv(3, 8, 3, 2), b=_conv(8, 8)
)
convolution_twice_norm_once = case(
    lambda s, x: s.b(F.relu(s.n(s.b(s.a(x))))),
    a=_conv(3, 8, 3, 2),
    b=_conv(8, 8),
    n=lambda: nn.BatchNorm2d(8),
)

# A comparison, and a choice by it.
where_of_values = case(
    lambda s, x: torch.where((y := s.c(x)) > 0.5, y, y * 0.1), c=_conv(3, 8, 3, 2)
)

# An output without a batch axis.
scalar_output = case(lambda s, x: s.c(x).mean(), c=_conv(3, 8, 3, 2))


# Products of two computed tensors.
attention = case(
    lambda s, x: F.scaled_dot_product_attention(
        *(
            s.qkv(F.relu(s.c(x)).flatten(2).transpose(1, 2))
            .unflatten(-1, (3, 2, 8))
            .permute(2, 0, 3, 1, 4)
        )
    ),
    a=_conv(3, 3),
    c=_conv(3, 16, 3, 4),
    qkv=lambda: nn.Linear(16, 48),
)
scaled_gelu = case(lambda s, x: F.gelu(s.c(x) - 0.5) * 1.7015 * 0.2, c=_conv(3, 8, 3, 2))
grouped_transposed = case(
    lambda s, x: s.t(F.relu(s.a(x))),
    (16, 20),
    a=_conv(3, 6, 3, 2),
    t=lambda: nn.ConvTranspose2d(6, 6, (1, 5), (1, 2), (0, 2), groups=2),
)


def _decode(s, x):
    y = s.c(x).flatten(2).transpose(1, 2)
    y[..., :2] = (y[..., :2] + 0.5) * 8
    y[..., 2:4] = y[..., 2:4].exp() * 8
    return y


slice_assignment = case(_decode, c=_conv(3, 8, 3, 2))

# Cubes, whose axes no shape tells apart: moved, computed on, and moved back; and read as tokens.
moved_cube = case(
    lambda s, x: s.b(torch.sigmoid(s.a(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)).mean((2, 3)),
    (8, 8),
    a=_conv(3, 8),
    b=_conv(8, 8),
)
square_tokens = case(
    lambda s, x: s.fc(F.hardswish(s.a(x).flatten(2).transpose(1, 2))).mean(1),
    (8, 8),
    a=lambda: nn.Conv2d(3, 4, 4, 4),
    fc=lambda: nn.Linear(4, 6),
)
