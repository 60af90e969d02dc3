"""A small net that reads: which digit is it? White on black, in crops of 32 x 100 pixels.

Its photos are nearly all black, so that its int8 files clip what ordinary photos make of them: they
are right, and 1 to 3 dB from float on the built-in photographs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from edgeconv.data.preprocessing import Preprocessing

HEIGHT, WIDTH = 32, 100
DIGITS = 10
TARGET = f"{__name__}:Reader"
_STEPS, _BATCH = 80, 48


class Reader(nn.Module):
    """Three strided convolutions and the mean of what they find."""

    preprocessing = Preprocessing((HEIGHT, WIDTH), HEIGHT, (0.5,) * 3, (0.5,) * 3)
    labels = tuple(str(digit) for digit in range(DIGITS))

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(_block(3, 8), _block(8, 16), _block(16, 32))
        self.head = nn.Linear(32, DIGITS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x).mean((2, 3)))


def _block(taken: int, given: int) -> nn.Sequential:
    convolution = nn.Conv2d(taken, given, 5, 2, 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(given), nn.ReLU())


def glyphs(count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Crops (count, HEIGHT, WIDTH, 3), and the digit on each."""
    rng = np.random.default_rng(seed)
    digits = rng.integers(0, DIGITS, count)
    font = ImageFont.load_default(24)
    crops = []
    for digit in digits:
        crop = Image.new("L", (WIDTH, HEIGHT))
        at = int(rng.integers(4, WIDTH - 24)), 2
        ImageDraw.Draw(crop).text(at, str(digit), fill=int(rng.integers(180, 256)), font=font)
        crops.append(np.asarray(crop.convert("RGB")))
    return np.stack(crops), digits


def write_glyphs(folder: Path, count: int, seed: int = 2) -> Path:
    """The folder, with crops of `glyphs` as photos of a user's."""
    folder.mkdir(parents=True)
    for index, crop in enumerate(glyphs(count, seed)[0]):
        Image.fromarray(crop).save(folder / f"{index:03d}.png")
    return folder


def inputs_of(crops: NDArray[np.uint8]) -> torch.Tensor:
    """As the net takes them."""
    return torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 127.5 - 1


def trained() -> Reader:
    """The net after two seconds of training."""
    torch.manual_seed(0)
    net = Reader().train()
    crops, digits = glyphs(400, seed=1)
    inputs, wanted = inputs_of(crops), torch.from_numpy(digits)
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(_STEPS):
        chosen = torch.randint(len(inputs), (_BATCH,))
        loss = F.cross_entropy(net(inputs[chosen]), wanted[chosen])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return net.eval()


def write_weights(path: Path) -> Path:
    """The file, with the values of `trained`."""
    save_file(trained().state_dict(), path)
    return path
